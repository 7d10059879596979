// Package limit reads bodies with a named limit. Passing a limit is an error and never a
// shortened result, because part of a list or document must not look complete.
package limit

import (
	"fmt"
	"io"
	"time"

	"github.com/acrkit/acrkit"
)

// Limit is a bound on the size of one kind of thing.
type Limit struct {
	Name  string // what is bounded, as it reads in a message: "a page of a list"
	Bytes int64  // the most it may have
}

// ReadAll reads r to its end. If r holds more than the limit, it returns an
// error with [acrkit.CodeTooLarge] and no data.
func (l Limit) ReadAll(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, l.Bytes+1))
	if err != nil {
		return nil, err
	}
	//rule:limits-read-all
	if int64(len(data)) > l.Bytes {
		return nil, l.passed()
	}
	return data, nil
}

// Check returns an error with [acrkit.CodeTooLarge] if n is above the limit.
func (l Limit) Check(n int64) error {
	//rule:limits-check
	if n > l.Bytes {
		return l.passed()
	}
	return nil
}

func (l Limit) passed() error {
	return &acrkit.Error{Code: acrkit.CodeTooLarge, Op: "read " + l.Name,
		Reason: fmt.Sprintf("it is larger than the limit of %d bytes", l.Bytes)}
}

// Discard closes the body of an answer that is not needed. If it has at most n bytes, or
// an unknown length (-1), it is read first, so that its connection can be used again, for
// at most wait, because a body may never end.
func Discard(body io.ReadCloser, length, n int64, wait time.Duration) {
	if length <= n {
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = io.CopyN(io.Discard, body, n+1)
		}()
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-done:
		case <-timer.C: // closing ends the reading
		}
	}
	_ = body.Close()
}
