package acrtest_test

import (
	"net"
	"os"
	"strings"
	"testing"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/emulator/seed"
)

// TestStart: a registry outside of a test works, and stop ends all of it.
func TestStart(t *testing.T) {
	t.Parallel()
	reg, stop := acrtest.Start(nil)
	defer stop() // a second call does nothing
	reg.Push("samples/app", "v1")
	token := reg.Token("ci-pull", "repositories/samples/app/metadata/read")
	if _, err := reg.Client(token.Credential()).Tag(t.Context(), "samples/app", "v1"); err != nil {
		t.Error(err)
	}
	file := reg.CAFile()
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}

	stop()
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the CA file after stop: %v, want it removed", err)
	}
	if c, err := net.Dial("tcp", reg.Host()); err == nil {
		_ = c.Close()
		t.Error("the listener is still there after stop")
	}
}

// TestStartPanics: without a test, a failure is a panic.
func TestStartPanics(t *testing.T) {
	t.Parallel()
	reg, stop := acrtest.Start(nil)
	defer stop()
	for name, do := range map[string]func(){
		"start":  func() { acrtest.Start(&acrtest.Options{Seed: &seed.Seed{}}) },
		"method": func() { reg.TokenOf("ci-app", "no-such-map") },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if got, _ := recover().(string); !strings.HasPrefix(got, "acrtest: ") {
					t.Errorf("panicked with %q, want a text that begins with acrtest", got)
				}
			}()
			do()
		})
	}
}
