package librarytest_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
)

// TestRotationAgainstTheEmulator changes both passwords of a token over and over
// under a running client that reads its password from a file: of 10,000 calls none
// fails. They go to 2,000 repositories, each of which needs an access token of its
// own: after each rotation to a hundred new ones, so that the password is needed.
func TestRotationAgainstTheEmulator(t *testing.T) {
	t.Parallel()
	const calls, workers, rotations = 10_000, 16, 20
	const each = calls / rotations // calls between two rotations
	const again = 5                // calls to one repository
	reg := acrtest.NewRegistry(t, nil)
	token := reg.Token("rotating", "repositories/team/*/metadata/read", "repositories/team/*/content/read")
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(token.Password1), 0o600); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: reg.Transport(auth.ScopedTokenSource(token.Name, auth.SecretFile(file)))}

	var done, failed atomic.Int64
	var work, rotator sync.WaitGroup
	next := make(chan struct{}, rotations) // one for each rotation that is due
	rotator.Go(func() {
		n := -1
		for range next {
			n++
			// The slot that the file does not hold gets a new password, the file
			// gets that, now by renaming, now in place, and the old one ends at once:
			// a client that has read it and not yet used it is refused.
			next, old := []string{"password2", "password1"}[n%2], []string{"password1", "password2"}[n%2]
			p, err := reg.Manage().GeneratePasswords(t.Context(), token.Name, time.Time{}, next)
			if err == nil {
				err = replace(file, string(p[0].Value)+"\n", n%4 < 2)
			}
			if err == nil {
				_, err = reg.Manage().GeneratePasswords(t.Context(), token.Name, time.Time{}, old)
			}
			if err != nil {
				t.Errorf("rotation %d: %v", n, err)
				return
			}
		}
	})
	var started atomic.Int64
	for range workers {
		work.Go(func() {
			for {
				n := started.Add(1)
				if n > calls {
					return
				}
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
					fmt.Sprintf("%s/v2/team/app%d/tags/list", reg.URL(), n/each*each/again+n%(each/again)), nil)
				if err != nil {
					t.Error(err)
					return
				}
				if err := call(client, req); err != nil && failed.Add(1) <= 5 {
					t.Errorf("call %d: %v", n, err)
				}
				if done.Add(1)%each == 0 {
					next <- struct{}{}
				}
			}
		})
	}
	work.Wait()
	close(next)
	rotator.Wait()
	if failed.Load() > 0 {
		t.Errorf("%d of %d calls failed", failed.Load(), calls)
	}
	// The test sees what it means to see only if the password was needed throughout.
	var asked, refused int
	for _, r := range reg.Requests() {
		if strings.HasPrefix(r.Path, "/oauth2/token") {
			asked++
			if r.Status == http.StatusUnauthorized {
				refused++
			}
		}
	}
	t.Logf("%d calls, %d rotations, %d token requests, %d of them refused", done.Load(), rotations, asked, refused)
	if done.Load() != calls || asked < calls/again {
		t.Errorf("%d calls, %d token requests: this does not test a rotation", done.Load(), asked)
	}
}

// replace puts a text into a file, as tools do that rename and as those that do not.
func replace(file, text string, rename bool) error {
	if !rename {
		return os.WriteFile(file, []byte(text), 0o600)
	}
	other := file + ".new"
	if err := os.WriteFile(other, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(other, file)
}

func call(client *http.Client, req *http.Request) error {
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	// Read to its end, so that the connection serves the next call too.
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusNotFound { // allowed, and there is no such repository
		return fmt.Errorf("status %s", resp.Status)
	}
	return nil
}
