package cli_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// manyTags is a repository of three pages.
const manyTags = 2300

// countedServer is an emulator that counts the requests it gets.
func countedServer(t *testing.T) (s server, requests *atomic.Int64) {
	t.Helper()
	tags := make([]string, manyTags)
	for i := range tags {
		tags[i] = fmt.Sprintf("t%04d", i)
	}
	text := strings.Replace(testSeed, "images: [{tags: [v1", "images: [{tags: ["+strings.Join(tags, ", ")+", v1", 1)
	if text == testSeed {
		t.Fatal("the seed has no images to add tags to")
	}
	requests = new(atomic.Int64)
	return startSeed(t, text, func(*http.Request, int) { requests.Add(1) }), requests
}

// TestWarmCommand: a process with a warm cache sends one request for each page, and one
// with a cold cache one token request more, with every credential; parallel processes too.
func TestWarmCommand(t *testing.T) {
	s, requests := countedServer(t)
	for name, tc := range map[string]struct {
		env  []string
		cold int64 // requests for tokens, Entra's included
	}{
		"scoped_token": {[]string{"ACR_TOKEN_NAME=reader", "ACR_TOKEN_PASSWORD=reader-password-0001"}, 1},
		"service_principal": {[]string{"AZURE_TENANT_ID=11111111-1111-1111-1111-111111111111",
			"AZURE_CLIENT_ID=22222222-2222-2222-2222-222222222222", "AZURE_CLIENT_SECRET=app-secret",
			"AZURE_AUTHORITY_HOST=https://" + s.host + "/"}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			list := func() error {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				cmd := exec.CommandContext(ctx, "acrkit", "tag", "list", "samples/app")
				cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + home,
					"ACRKIT_KEYRING=off", "ACR_NAME=" + s.host, "SSL_CERT_FILE=" + s.caFile}, tc.env...)
				out, err := cmd.CombinedOutput()
				if n := strings.Count(string(out), "\n"); err == nil && n < manyTags {
					return fmt.Errorf("%d lines", n)
				}
				if err != nil {
					return fmt.Errorf("%w: %s", err, out)
				}
				return nil
			}
			const pages = 3
			for i, want := range []int64{pages + tc.cold, pages, pages} {
				requests.Store(0)
				if err := list(); err != nil {
					t.Fatal(err)
				}
				if n := requests.Load(); n != want {
					t.Errorf("run %d made %d requests, want %d", i, n, want)
				}
			}
			// Many new processes on a cold cache: each gets its tags, and at most one asks
			// for the tokens.
			home = t.TempDir()
			requests.Store(0)
			const processes = 12
			var all sync.WaitGroup
			for range processes {
				all.Go(func() {
					if err := list(); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if n := requests.Load(); n > processes*pages+tc.cold {
				t.Errorf("%d processes made %d requests, want at most %d", processes, n, processes*pages+tc.cold)
			}
		})
	}
}
