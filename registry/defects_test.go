package registry

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit"
)

// D2: errors.As found nothing as soon as the registry sent two errors.
func TestD2_SeveralErrors(t *testing.T) {
	c, _ := newFake(t,
		answerJSON(400,
			`{"errors":[{"code":"NAME_INVALID","message":"the first"},{"code":"TAG_INVALID","message":"the second","detail":{"tag":"x"}}]}`))
	err := get(c)
	first, ok := errors.AsType[acrkit.ServiceError](err)
	if !ok || first.Code != "NAME_INVALID" {
		t.Errorf("errors.As finds %+v in %v", first, err)
	}
	outer, ok := errors.AsType[*acrkit.Error](err)
	if !ok {
		t.Fatal(err)
	}
	var codes []string
	for _, cause := range outer.Unwrap() {
		if s, ok := errors.AsType[acrkit.ServiceError](cause); ok {
			codes = append(codes, s.Code)
		}
	}
	if strings.Join(codes, " ") != "NAME_INVALID TAG_INVALID" {
		t.Errorf("causes %q", codes)
	}
}

// D3: "Retry-After: 30" was waited for 3 seconds; and what is longer than anybody
// waits is a clear error, at once.
func TestD3_RetryAfter(t *testing.T) {
	for _, tc := range []struct {
		after    string
		requests int
		atLeast  time.Duration
		words    string
	}{
		{"30", 2, 30 * time.Second, ""},
		{"90", 2, 90 * time.Second, ""},
		{"91", 1, 0, "the service asks to wait 1m31s, which is longer than the 1m30s that are waited at most"},
		{"86400", 1, 0, "longer than the 1m30s"},
	} {
		t.Run(tc.after, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first := true
				c, s := newFake(t, func(w http.ResponseWriter, r *http.Request) {
					if first {
						first = false
						w.Header().Set("Retry-After", tc.after)
						w.WriteHeader(http.StatusTooManyRequests)
						return
					}
					answerJSON(200, `{"imageName":"a"}`)(w, r)
				})
				start := time.Now()
				err := get(c)
				took := time.Since(start)
				if len(s.seen) != tc.requests || took < tc.atLeast || tc.atLeast == 0 && took != 0 {
					t.Errorf("%d requests in %s", len(s.seen), took)
				}
				if (err != nil) != (tc.words != "") || err != nil && (!strings.Contains(err.Error(), tc.words) ||
					!errors.Is(err, acrkit.CodeThrottled)) {
					t.Error(err)
				}
			})
		})
	}
}

// A page of exactly the limit is read, one byte more is an error and no page.
func TestLimits(t *testing.T) {
	page := func(n int) string {
		head, tail := `{"imageName":"a","pad":"`, `"}`
		return head + strings.Repeat("a", n-len(head)-len(tail)) + tail
	}
	for extra, want := range map[int]acrkit.Code{0: "", 1: acrkit.CodeTooLarge} {
		c, _ := newFake(t, answerJSON(200, page(maxBody+extra)))
		if err := get(c); acrkit.CodeOf(err) != want || (err == nil) != (want == "") {
			t.Errorf("%d bytes above the limit: %v", extra, err)
		}
	}
	for extra, want := range map[int]acrkit.Code{0: "", 1: acrkit.CodeTooLarge} {
		c, _ := newFake(t, answerJSON(200, strings.Repeat("a", maxManifest+extra)))
		_, err := c.ManifestContent(background, "a", "v1")
		if extra == 0 && errors.Is(err, acrkit.CodeTooLarge) || extra == 1 && !errors.Is(err, want) {
			t.Errorf("a manifest %d bytes above the limit: %v", extra, err)
		}
	}
}
