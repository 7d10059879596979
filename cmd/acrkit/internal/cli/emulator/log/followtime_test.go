package log

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/emulator/control"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answering(t *testing.T, f roundTrip) *control.Client {
	c, err := control.NewClient("https://emulator.test", "k", &control.Options{Base: f})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestFollowTime: an emulator that is away is waited for, for fifteen seconds.
func TestFollowTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		cl := answering(t, func(r *http.Request) (*http.Response, error) {
			if calls++; calls > 1 {
				return nil, errors.New("connection refused")
			}
			return &http.Response{StatusCode: 200, Header: http.Header{},
				Body: io.NopCloser(strings.NewReader(`{"last":1}`)), Request: r}, nil
		})
		s, _, _, _ := iostreams.Test()
		start := time.Now()
		err := (&options{IO: s}).follow(t.Context(), cl, control.DecisionQuery{})
		if took := time.Since(start); acrkit.CodeOf(err) != acrkit.CodeUnavailable || took < 15*time.Second ||
			took > 16*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
	})
}
