package proxy_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/proxy"
)

// What must never be seen by a client.
const (
	upstreamPassword = "upstream-password-0123456789"
	upstreamToken    = "eyJhbGciOiJub25lIn0.eyJqdGkiOiJ1cHN0cmVhbSJ9.dXBzdHJlYW0tc2lnbmF0dXJl"
)

// fake is a registry that answers as a test says: for what the emulator, which
// answers as ACR does, would never answer.
type fake struct {
	srv *httptest.Server

	mu  sync.Mutex
	got []*http.Request
}

// newFake starts a registry on plain HTTP with a token service that takes the
// password.
func newFake(t *testing.T, answer http.HandlerFunc) *fake {
	t.Helper()
	f := &fake{}
	f.srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/oauth2/") {
			f.note(r)
			if r.FormValue("password") != upstreamPassword {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			_, _ = fmt.Fprintf(w, `{"access_token":%q}`, upstreamToken)
			return
		}
		f.note(r)
		answer(w, r)
	}))
	t.Cleanup(f.srv.Close)
	return f
}

func (f *fake) note(r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.got = append(f.got, r)
}

// requests returns those of the data plane.
func (f *fake) requests() (all []*http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.got {
		if !strings.HasPrefix(r.URL.Path, "/oauth2/") {
			all = append(all, r)
		}
	}
	return all
}

// scopes returns what tokens were asked for.
func (f *fake) scopes() (all []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.got {
		if strings.HasPrefix(r.URL.Path, "/oauth2/") {
			all = append(all, r.PostForm.Get("scope"))
		}
	}
	return all
}

func (f *fake) host() string { return strings.TrimPrefix(f.srv.URL, "http://") }

func (f *fake) transport(t *testing.T, password string) *auth.Transport {
	t.Helper()
	tr, err := auth.NewTransport(f.host(), auth.ScopedToken("upstream-name", password), &auth.Options{PlainHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tr.Close() })
	return tr
}

// startFake starts a proxy before a fake registry.
func startFake(t *testing.T, up *fake, opts proxy.Options) *fixture {
	t.Helper()
	f := &fixture{t: t}
	f.serve(up.transport(t, upstreamPassword), opts)
	return f
}

// secretsIn returns which secrets of the registry's side are in an answer.
func secretsIn(a answer) (found []string) {
	var all strings.Builder
	_ = a.Header.Write(&all)
	all.WriteString(a.body)
	for _, s := range []string{upstreamPassword, upstreamToken, "upstream-signature", key} {
		if strings.Contains(all.String(), s) {
			found = append(found, redact.Mark+s[:4])
		}
	}
	return found
}
