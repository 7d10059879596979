package cmdutil

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
)

// completed returns the repositories that a shell is offered, of a registry whose
// catalog is answered by serve.
func completed(t *testing.T, serve http.HandlerFunc) []string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/oauth2/") {
			fmt.Fprint(w, `{"access_token":"made-up"}`)
			return
		}
		serve(w, r)
	}))
	t.Cleanup(srv.Close)
	env := map[string]string{"ACR_NAME": srv.Listener.Addr().String(), "ACR_TOKEN_NAME": "ci",
		"ACR_TOKEN_PASSWORD": "made-up-password"}
	streams, _, _, _ := iostreams.Test()
	f := &Factory{IO: streams, Now: time.Now, LookupEnv: func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	},
		Global: Global{NoCache: true, PlainHTTP: true}}
	cmd := &cobra.Command{}
	cmd.SetContext(t.Context())
	names, _ := CompleteRepositories(f)(cmd, nil, "")
	return names
}

// A shell is offered 200 names.
func TestCompletion_limit(t *testing.T) {
	for there, want := range map[int]int{200: 200, 201: 200} {
		names := completed(t, func(w http.ResponseWriter, _ *http.Request) {
			var page struct {
				Repositories []string `json:"repositories"`
			}
			for i := range there {
				page.Repositories = append(page.Repositories, fmt.Sprintf("r%d", i))
			}
			_ = json.NewEncoder(w).Encode(page)
		})
		if len(names) != want {
			t.Errorf("%d of %d repositories are offered, want %d", len(names), there, want)
		}
	}
}

// A shell waits for a second.
func TestCompletion_time(t *testing.T) {
	start := time.Now()
	names := completed(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	if took := time.Since(start); len(names) != 0 || took < time.Second || took > 10*time.Second {
		t.Errorf("%d names after %s", len(names), took)
	}
}
