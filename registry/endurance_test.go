package registry_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/difftest"
	"github.com/acrkit/acrkit/registry"
)

// slowRegistry is a registry with its token service and its Entra authority, in
// this process, so that three hours pass in a bubble. No token is good for longer
// than ACR's.
type slowRegistry struct {
	names []string // of repositories, or of tags

	silent string // a path that is not answered

	// Tokens are renewed while a page is on its way.
	mu      sync.Mutex
	good    map[string]time.Time
	given   int
	counts  map[string]int
	refused int // requests with a token that had ended
}

const slowHost = "myregistry.azurecr.io"

func (s *slowRegistry) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	var form url.Values
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		_ = r.Body.Close()
		form, _ = url.ParseQuery(string(body))
	}
	s.mu.Lock()
	s.counts[r.URL.Host+r.URL.Path]++
	s.mu.Unlock()
	if r.URL.Path == s.silent {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	switch r.URL.Path {
	case "/tenant-1/oauth2/v2.0/token":
		fmt.Fprintf(w, `{"token_type":"Bearer","expires_in":3599,"access_token":%q}`, s.give("entra", time.Hour))
	case "/oauth2/exchange":
		if !s.takes(form.Get("access_token")) {
			w.WriteHeader(http.StatusUnauthorized)
			break
		}
		fmt.Fprintf(w, `{"refresh_token":%q}`, s.give("refresh_token", 3*time.Hour))
	case "/oauth2/token":
		if !s.takes(form.Get("refresh_token")) {
			s.refuse()
			w.WriteHeader(http.StatusUnauthorized)
			break
		}
		fmt.Fprintf(w, `{"access_token":%q}`, s.give("access_token", time.Hour))
	default:
		s.list(w, r)
	}
	resp := w.Result()
	resp.Request = r
	return resp, r.Context().Err()
}

func (s *slowRegistry) give(kind string, life time.Duration) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.given++
	ends := time.Now().Add(life)
	claims, _ := json.Marshal(map[string]any{"jti": s.given, "iss": "Azure Container Registry", "aud": slowHost,
		"grant_type": kind, "exp": ends.Unix()})
	enc := base64.RawURLEncoding.EncodeToString
	token := enc([]byte(`{"alg":"RS256"}`)) + "." + enc(claims) + "." + enc(make([]byte, 256)) // as long as a signature
	s.good[token] = ends
	return token
}

func (s *slowRegistry) takes(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Before(s.good[token])
}

func (s *slowRegistry) refuse() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused++
}

func (s *slowRegistry) list(w http.ResponseWriter, r *http.Request) {
	if !s.takes(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")) {
		s.refuse()
		w.Header().Set("Www-Authenticate",
			fmt.Sprintf(`Bearer realm="https://%s/oauth2/token",service="%s",error="invalid_token"`, slowHost,
				slowHost))
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	n, _ := strconv.Atoi(r.URL.Query().Get("n"))
	start, found := slices.BinarySearch(s.names, r.URL.Query().Get("last"))
	if found {
		start++
	}
	end := min(start+n, len(s.names))
	if end < len(s.names) {
		w.Header().Set("Link", fmt.Sprintf(`<%s?last=%s&n=%d&orderby=>; rel="next"`, r.URL.Path,
			url.QueryEscape(s.names[end-1]), n))
	}
	names := s.names[start:end]
	var doc any = map[string]any{"repositories": names}
	if strings.HasSuffix(r.URL.Path, "/_tags") {
		tags := make([]map[string]any, 0, len(names))
		for _, name := range names {
			tags = append(tags, map[string]any{"name": name, "digest": "sha256:" + strings.Repeat("0", 64)})
		}
		doc = map[string]any{"registry": slowHost, "imageName": "team/app", "tags": tags}
	}
	_ = json.NewEncoder(w).Encode(doc)
}

// A list that takes three hours and more: longer than any token of ACR lives, the
// refresh token included. It is complete, made with the root credential again, and
// no page is asked for with a token that has ended: whether its pages come often
// enough for the refresh token to be renewed in time, or so seldom that it ends
// between two of them.
func TestListForThreeHours(t *testing.T) {
	const catalog, tags = slowHost + "/acr/v1/_catalog", slowHost + "/acr/v1/team/app/_tags"
	for _, tt := range []struct {
		name  string
		pages int
		page  time.Duration
		path  string
		list  func(*testing.T, *registry.Client) iter.Seq2[string, error]
	}{
		{"repositories", 20, 10 * time.Minute, catalog,
			func(t *testing.T, c *registry.Client) iter.Seq2[string, error] {
				return c.Repositories(t.Context(), nil)
			}},
		{"tags", 100, 2 * time.Minute, tags, func(t *testing.T, c *registry.Client) iter.Seq2[string, error] {
			return func(yield func(string, error) bool) {
				for tag, err := range c.Tags(t.Context(), "team/app", nil) {
					if !yield(tag.Name, err) {
						return
					}
				}
			}
		}},
		{"repositories, page by page at long last", 3, 95 * time.Minute, catalog,
			func(t *testing.T, c *registry.Client) iter.Seq2[string, error] {
				return c.Repositories(t.Context(), nil)
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				work := tt.page * time.Duration(tt.pages)
				s := &slowRegistry{good: map[string]time.Time{}, counts: map[string]int{}}
				for i := range 1000*tt.pages - 1 {
					s.names = append(s.names, fmt.Sprintf("name-%07d", i))
				}
				rt, err := auth.NewTransport(slowHost, auth.ServicePrincipal("tenant-1", "client-1", "sp-secret", nil),
					&auth.Options{Base: s})
				if err != nil {
					t.Fatal(err)
				}
				defer rt.Close()
				c, err := registry.New(slowHost, rt, nil)
				if err != nil {
					t.Fatal(err)
				}
				began, i := time.Now(), 0
				for name, err := range tt.list(t, c) {
					if err != nil {
						t.Fatalf("after %d names and %v: %v", i, time.Since(began), err)
					}
					if i >= len(s.names) || name != s.names[i] {
						t.Fatalf("name %d is %q", i, name)
					}
					if i%1000 == 0 {
						time.Sleep(tt.page) // work on the page
					}
					i++
				}
				synctest.Wait()
				if i != len(s.names) || time.Since(began) < work {
					t.Errorf("%d names in %v, want %d in %v", i, time.Since(began), len(s.names), work)
				}
				// An access token serves for 48 to 60 minutes, a refresh token for 144 to
				// 180, and then the root credential is asked again.
				tokens := s.counts[slowHost+"/oauth2/token"]
				delete(s.counts, slowHost+"/oauth2/token")
				if tokens < 3 || tokens > 6 {
					t.Errorf("%d token requests, want one each 48 minutes or page", tokens)
				}
				want := map[string]int{tt.path: tt.pages, slowHost + "/oauth2/exchange": 2,
					"login.microsoftonline.com/tenant-1/oauth2/v2.0/token": 2}
				if diff := difftest.Diff(want, s.counts); diff != "" || s.refused > 0 {
					t.Errorf("%d refusals; requests (-want +got):\n%s", s.refused, diff)
				}
			})
		})
	}
}

// A refresh token that was given cannot be renewed: the list ends with it, and
// it ends with an error, not as if it were complete.
func TestListForThreeHours_refreshTokenAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowRegistry{good: map[string]time.Time{}, counts: map[string]int{}}
		for i := range 29_999 {
			s.names = append(s.names, fmt.Sprintf("name-%07d", i))
		}
		rt, err := auth.NewTransport(slowHost, auth.RefreshToken(s.give("refresh_token", 3*time.Hour)),
			&auth.Options{Base: s})
		if err != nil {
			t.Fatal(err)
		}
		defer rt.Close()
		c, err := registry.New(slowHost, rt, nil)
		if err != nil {
			t.Fatal(err)
		}
		began, got := time.Now(), 0
		var failure error
		for _, err := range c.Repositories(t.Context(), nil) {
			if err != nil {
				failure = err
				break
			}
			if got%1000 == 0 {
				time.Sleep(10 * time.Minute) // work on the page
			}
			got++
		}
		e, ok := errors.AsType[*acrkit.Error](failure)
		if !ok || e.Code != acrkit.CodeCredentialRejected ||
			!strings.Contains(e.Error(), "the ACR refresh token is not accepted") || e.Hint == "" {
			t.Errorf("after %d of %d names: %v", got, len(s.names), failure)
		}
		// It holds out as long as its last access token.
		if took := time.Since(began); took < 3*time.Hour || took > 4*time.Hour {
			t.Errorf("it failed after %v", took)
		}
		synctest.Wait()
		if n := s.counts[slowHost+"/oauth2/token"]; n > 12 {
			t.Errorf("%d token requests", n)
		}
	})
}

// A registry that takes connections and says nothing is given up after two tries,
// whether it is the token service or the list that is silent.
func TestListFromASilentRegistry(t *testing.T) {
	for _, silent := range []string{"/oauth2/token", "/acr/v1/_catalog"} {
		t.Run(silent, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &slowRegistry{good: map[string]time.Time{}, counts: map[string]int{},
					names: []string{"a"}, silent: silent}
				rt, err := auth.NewTransport(slowHost, auth.RefreshToken(s.give("refresh_token", 3*time.Hour)),
					&auth.Options{Base: s})
				if err != nil {
					t.Fatal(err)
				}
				defer rt.Close()
				c, err := registry.New(slowHost, rt, nil)
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				for _, failure := range c.Repositories(t.Context(), nil) {
					err = failure
				}
				took := time.Since(start).Truncate(time.Second)
				const want = "cannot list repositories on myregistry.azurecr.io: myregistry.azurecr.io did not " +
					"answer within 30s"
				if err == nil || err.Error() != want || acrkit.CodeOf(err) != acrkit.CodeUnavailable ||
					took != time.Minute || s.counts[slowHost+silent] != 2 {
					t.Errorf("%v after %s and %d requests", err, took, s.counts[slowHost+silent])
				}
			})
		})
	}
}
