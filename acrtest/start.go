package acrtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
)

// Start starts a registry outside of a test: for a TestMain whose tests share one, for an
// Example, or for a program that shows something. The caller must call stop, which ends
// the registry and its clients.
//
// A method of the registry that cannot do its work panics, and so does Start; there is no
// test that could fail.
//
//	func TestMain(m *testing.M) {
//		reg, stop := acrtest.Start(nil)
//		defer stop()
//		shared = reg
//		m.Run()
//	}
func Start(opts *Options) (reg *Registry, stop func()) {
	o := &noTest{}
	defer func() {
		if reg == nil {
			o.end()
		}
	}()
	reg = newRegistry(o, opts)
	return reg, o.end
}

// owner is what a registry needs of the test that it belongs to.
type owner interface {
	Helper()
	Context() context.Context
	TempDir() string
	Cleanup(f func())
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

var _ owner = testing.TB(nil)

// noTest is the owner of a registry that [Start] made.
type noTest struct {
	mu       sync.Mutex
	cleanups []func()
	errs     []error
}

func (o *noTest) Helper() {}

func (o *noTest) Context() context.Context { return context.Background() }

func (o *noTest) TempDir() string {
	dir, err := os.MkdirTemp("", "acrtest")
	if err != nil {
		o.Fatalf("acrtest: %v", err)
	}
	o.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			o.Errorf("acrtest: %v", err)
		}
	})
	return dir
}

func (o *noTest) Cleanup(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cleanups = append(o.cleanups, f)
}

func (o *noTest) Errorf(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.errs = append(o.errs, fmt.Errorf(format, args...))
}

func (o *noTest) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// end runs the cleanups, the last first, as a test does. A second call does nothing.
func (o *noTest) end() {
	for {
		o.mu.Lock()
		n := len(o.cleanups)
		if n == 0 {
			err := errors.Join(o.errs...)
			o.errs = nil
			o.mu.Unlock()
			if err != nil {
				panic(err)
			}
			return
		}
		f := o.cleanups[n-1]
		o.cleanups = o.cleanups[:n-1]
		o.mu.Unlock()
		f()
	}
}
