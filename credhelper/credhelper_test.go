package credhelper

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
)

const notFound = "credentials not found in native keychain\n"

func mustRegistry(tb testing.TB, name string) acrkit.Registry {
	tb.Helper()
	reg, err := acrkit.ParseRegistry(name)
	if err != nil {
		tb.Fatal(err)
	}
	return reg
}

// refreshToken is an ACR refresh token that ends at a time.
func refreshToken(ends time.Time) string {
	enc := base64.RawURLEncoding.EncodeToString
	payload, _ := json.Marshal(map[string]any{"iss": "Azure Container Registry", "grant_type": "refresh_token",
		"aud": "myregistry.azurecr.io", "exp": ends.Unix()})
	return enc([]byte(`{"alg":"RS256"}`)) + "." + enc(payload) + "." + enc([]byte("no signature"))
}

// offline fails every request.
type offline struct{ tb testing.TB }

func (o offline) RoundTrip(req *http.Request) (*http.Response, error) {
	o.tb.Errorf("a request was sent: %s %s", req.Method, req.URL)
	return nil, errors.New("offline")
}

// world is a helper with what it was asked.
type world struct {
	connected []string // registries, in order
	stored    []string // "host user secret"
	erased    []string
	given     []auth.Credential
}

// newHelper returns a helper that answers with cred.
func newHelper(tb testing.TB, cred auth.Credential, change func(*Options)) (*Helper, *world) {
	tb.Helper()
	w := &world{}
	opts := Options{Logins: w}
	opts.Connect = func(_ context.Context, reg acrkit.Registry, given auth.Credential) (*auth.Transport, error) {
		w.connected = append(w.connected, reg.Host())
		if given != nil {
			w.given = append(w.given, given)
			return auth.NewTransport(reg.Host(), given, &auth.Options{Base: offline{tb}, CustomLoginServer: true})
		}
		return auth.NewTransport(reg.Host(), cred, &auth.Options{Base: offline{tb}, CustomLoginServer: true})
	}
	if change != nil {
		change(&opts)
	}
	return New(opts), w
}

func (w *world) Store(_ context.Context, reg acrkit.Registry, user string, secret auth.Secret) (string, error) {
	w.stored = append(w.stored, reg.Host()+" "+user+" "+secret.Reveal())
	return "", nil
}

func (w *world) Erase(_ context.Context, reg acrkit.Registry) (string, error) {
	w.erased = append(w.erased, reg.Host())
	return "", nil
}

func (w *world) List(context.Context) (map[acrkit.Registry]string, error) {
	reg, _ := acrkit.ParseRegistry("myregistry")
	foreign, _ := acrkit.ParseRegistry("registry.example.com")
	return map[acrkit.Registry]string{reg: "ci", foreign: "someone"}, nil
}

func docker(tb testing.TB, h *Helper, action, in string) (code int, out, errOut string) {
	tb.Helper()
	var o, e bytes.Buffer
	code = h.Docker(tb.Context(), []string{action}, strings.NewReader(in), &o, &e)
	return code, o.String(), e.String()
}

func TestDocker_get_hosts(t *testing.T) {
	custom, local := mustRegistry(t, "registry.contoso.com"), mustRegistry(t, "localhost:5443")
	for _, tt := range []struct {
		url  string
		host string // "" = refused
	}{
		{"myregistry.azurecr.io", "myregistry.azurecr.io"},
		{"myregistry.azurecr.io\n", "myregistry.azurecr.io"},
		{"https://myregistry.azurecr.io", "myregistry.azurecr.io"},
		{"HTTPS://MyRegistry.AzureCR.io/", "myregistry.azurecr.io"},
		{"https://myregistry.azurecr.io/v1/", "myregistry.azurecr.io"},
		{"https://myregistry.azurecr.io/v2/", "myregistry.azurecr.io"},
		{"myregistry.azurecr.io:443", "myregistry.azurecr.io"},
		{"myregistry.azurecr.io/team/app", "myregistry.azurecr.io"},
		{"myregistry-d3b0.azurecr.io", "myregistry-d3b0.azurecr.io"},
		{"myregistry.westeurope.geo.azurecr.io", "myregistry.westeurope.geo.azurecr.io"},
		{"myregistry.azurecr.us", "myregistry.azurecr.us"},
		{"myregistry.azurecr.cn", "myregistry.azurecr.cn"},
		{"registry.contoso.com", "registry.contoso.com"},
		{"https://registry.contoso.com/v2/", "registry.contoso.com"},
		{"localhost:5443", "localhost:5443"},
		{"https://localhost:5443/v2/", "localhost:5443"},

		// Other hosts.
		{"docker.io", ""}, {"https://index.docker.io/v1/", ""}, {"ghcr.io", ""}, {"unused", ""}, {"myregistry", ""},
		{"localhost", ""}, {"localhost:5000", ""}, {"localhost:5444", ""}, {"127.0.0.1:5443", ""}, {"[::1]:5443", ""},
		{"sub.registry.contoso.com", ""}, {"registry.contoso.com.evil.example", ""}, {"registry.contoso.com:8443", ""},
		// Look-alikes.
		{"myregistry.azurecr.io.evil.example", ""}, {"azurecr.io", ""}, {".azurecr.io", ""}, {"evil-azurecr.io", ""},
		{"myregistry.azurecr.iox", ""},
		{"a.b.azurecr.io", ""}, {"myregistry.azurecr.io:8443", ""}, {"myregistry.azurecr.io.", ""},
		{"myregistry.azurecr.de", ""},
		{"myregistry.azurecr.io@evil.example", ""}, {"ci:pw@myregistry.azurecr.io", ""},
		{"https://evil.example/myregistry.azurecr.io", ""},
		{"https://evil.example#.azurecr.io", ""}, {"https://evil.example?x.azurecr.io", ""},
		{`evil.example\.azurecr.io`, ""}, {"myregistry.azurecr.io%2eevil.example", ""},
		{"http://myregistry.azurecr.io", ""}, {"ftp://myregistry.azurecr.io", ""},
		{"https://https://myregistry.azurecr.io", ""}, {"//myregistry.azurecr.io", ""},
		{"myregistry.azurecr。io", ""}, {"myregistry.аzurecr.io", ""}, {"myregistry.azurecr.io\x00.evil.example", ""},
		{"my registry.azurecr.io", ""},
		{"myregistry.azurecr.io/Team/App", ""}, {"myregistry.azurecr.io/../etc", ""}, {"myregistry.azurecr.io?x", ""},
	} {
		t.Run(tt.url, func(t *testing.T) {
			h, w := newHelper(t, auth.ScopedToken("ci", "pw-of-ci"), func(o *Options) {
				o.Registries = []acrkit.Registry{custom, local}
			})
			code, out, errOut := docker(t, h, "get", tt.url)
			if tt.host == "" {
				if code != 1 || out != notFound || errOut != "" || len(w.connected) != 0 {
					t.Errorf("exit %d, %q, %q, asked %q", code, out, errOut, w.connected)
				}
				return
			}
			var got struct{ ServerURL, Username, Secret string }
			if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 || errOut != "" {
				t.Fatalf("exit %d, %q, %q", code, out, errOut)
			}
			if got.Username != "ci" || got.Secret != "pw-of-ci" || got.ServerURL != strings.TrimSpace(tt.url) {
				t.Errorf("%+v", got)
			}
			if diff := cmp.Diff([]string{tt.host}, w.connected); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDocker_get_answers(t *testing.T) {
	refresh := refreshToken(time.Now().Add(2 * time.Hour))
	parts := auth.ByRepository(map[string]auth.Credential{"team": auth.ScopedToken("team", "pw-team"),
		"": auth.Anonymous()})
	for _, tt := range []struct {
		name, url, answer string
		cred              auth.Credential
		user, secret      string // "" = none
		words             string // on stderr
	}{
		{"scoped_token", "", "", auth.ScopedToken("ci", "pw-of-ci"), "ci", "pw-of-ci", ""},
		{"scoped_token_of_a_function", "", "", auth.ScopedTokenFunc(func(context.Context) (string, string, error) {
			return "ci", "pw-of-ci", nil
		}), "ci", "pw-of-ci", ""},
		{"scoped_token_by_token", "", AnswerToken, auth.ScopedToken("ci", "pw-of-ci"), "ci", "pw-of-ci", ""},
		{"admin", "", AnswerPassword, auth.AdminUser("myregistry", "pw-admin"), "myregistry", "pw-admin", ""},
		{"refresh_token", "", "", auth.RefreshToken(refresh), "00000000-0000-0000-0000-000000000000", refresh, ""},
		{"refresh_token_by_password", "", AnswerPassword, auth.RefreshToken(refresh),
			"00000000-0000-0000-0000-000000000000", refresh, ""},
		{"refresh_token_by_token", "", AnswerToken, auth.RefreshToken(refresh), "<token>", refresh, ""},
		{"anonymous", "", "", auth.Anonymous(), "", "", ""},
		{"for_a_repository", "/team/app", "", parts, "team", "pw-team", ""},
		{"for_another_repository", "/other", "", parts, "", "", ""},
		{"which_repository", "", "", parts, "", "", "acrkit run --repository NAME"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, _ := newHelper(t, tt.cred, func(o *Options) { o.Answer = tt.answer })
			code, out, errOut := docker(t, h, "get", "myregistry.azurecr.io"+tt.url)
			if !strings.Contains(errOut, tt.words) || (tt.words == "") != (errOut == "") {
				t.Errorf("stderr %q", errOut)
			}
			if tt.user == "" {
				if code != 1 || out != notFound {
					t.Errorf("exit %d, %q", code, out)
				}
				return
			}
			var got struct{ Username, Secret string }
			if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 {
				t.Fatalf("exit %d, %q", code, out)
			}
			if got.Username != tt.user || got.Secret != tt.secret {
				t.Errorf("%+v", got)
			}
			// Windows' Credential Manager, in which a client may put it, ends at 2,560 bytes.
			if len(got.Secret) > 2560 {
				t.Errorf("the secret has %d bytes", len(got.Secret))
			}
		})
	}
}

// onStderr is the text on stdout if the error is on stderr.
func onStderr(code string) string { return code + "; the reason is on standard error\n" }

// An error is shown once, on stderr with its hint: every client passes that on, and
// Docker shows nothing else. Stdout, which most repeat, has its code. None reads as "not
// found", after which clients would go on anonymously.
func TestDocker_get_failures(t *testing.T) {
	failing := func(err error) func(*Options) {
		return func(o *Options) {
			o.Connect = func(context.Context, acrkit.Registry, auth.Credential) (*auth.Transport, error) {
				return nil, err
			}
		}
	}
	const jwt = "eyJhbGciOiJSUzI1NiJ9.eyJhIjoiYiJ9.c2lnbmF0dXJlLXNpZ25hdHVyZQ"
	for _, tt := range []struct {
		name   string
		change func(*Options)
		code   string
		words  string
		hint   string
	}{
		{"store", failing(&acrkit.Error{Code: acrkit.CodeUsage, Op: "read the store of logins",
			Reason: "logins.json is damaged", Hint: "mv a b"}), "usage", "logins.json is damaged", "mv a b"},
		{"missing", failing(&acrkit.Error{Code: acrkit.CodeCredentialMissing, Op: "read the login",
			Reason: "the keychain no longer has its secret", Hint: "acrkit login x"}), "credential_missing",
			"the keychain no longer has its secret", "acrkit login x"},
		{"lines", failing(errors.New("first\nsecond\x1b[2J")), "failed", "first second\uFFFD[2J", ""},
		{"token", failing(errors.New("refused " + jwt)), "failed", "refused", ""},
		{"answer", func(o *Options) { o.Answer = "refresh" }, "usage", `neither "password" nor "token"`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, _ := newHelper(t, auth.ScopedToken("ci", "pw-of-ci"), tt.change)
			code, out, errOut := docker(t, h, "get", "myregistry.azurecr.io")
			if code != 1 || out != onStderr(tt.code) {
				t.Errorf("exit %d, %q", code, out)
			}
			if !strings.HasPrefix(errOut, "docker-credential-acrkit: ") || strings.Count(errOut, tt.words) != 1 ||
				tt.hint != "" && !strings.HasSuffix(errOut, "\n\n"+tt.hint+"\n") {
				t.Errorf("stderr %q", errOut)
			}
			if strings.Contains(out+errOut, jwt) || strings.Contains(out+errOut, "\x1b") {
				t.Errorf("a secret or an escape: %q %q", out, errOut)
			}
		})
	}
}

func TestDocker_store(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     string // stored; "" = refused
		words    string
	}{
		{"token", `{"ServerURL":"myregistry.azurecr.io","Username":"ci","Secret":"pw-of-ci"}`,
			"myregistry.azurecr.io ci pw-of-ci", ""},
		{"url", `{"ServerURL":"https://myregistry.azurecr.io/v2/","Username":"ci","Secret":"pw-of-ci"}`,
			"myregistry.azurecr.io ci pw-of-ci", ""},
		{"identity", `{"ServerURL":"myregistry.azurecr.io","Username":"\u003ctoken\u003e","Secret":"opaque-refresh"}`,
			"myregistry.azurecr.io <token> opaque-refresh", ""},
		{"foreign", `{"ServerURL":"https://index.docker.io/v1/","Username":"ci","Secret":"pw-of-ci"}`, "",
			"credHelpers"},
		{"look_alike", `{"ServerURL":"myregistry.azurecr.io.evil.example","Username":"ci","Secret":"pw-of-ci"}`, "",
			"not a login server"},
		{"repository", `{"ServerURL":"myregistry.azurecr.io/team","Username":"ci","Secret":"pw-of-ci"}`, "",
			"--repository team"},
		{"white_space", `{"ServerURL":"myregistry.azurecr.io","Username":"ci","Secret":"pw-of-ci\n"}`, "",
			"white space"},
		{"byte_order_mark", `{"ServerURL":"myregistry.azurecr.io","Username":"ci","Secret":"\ufeffpw-of-ci"}`, "",
			"byte order mark"},
		{"UTF-16", `{"ServerURL":"myregistry.azurecr.io","Username":"ci","Secret":"\ufffd\ufffdp\u0000w\u0000"}`,
			"", "UTF-16"},
		{"no_secret", `{"ServerURL":"myregistry.azurecr.io","Username":"ci","Secret":""}`, "", "empty"},
		{"no_user", `{"ServerURL":"myregistry.azurecr.io","Username":"","Secret":"pw-of-ci"}`, "",
			"not what the protocol has"},
		{"no_object", `"pw-of-ci"`, "", "not what the protocol has"},
		{"broken", `{"ServerURL":"myregistry.azurecr.io","Username":"ci","Secret":"pw-of-ci`, "",
			"not what the protocol has"},
		{"wrong_type", `{"ServerURL":"myregistry.azurecr.io","Username":"ci","Secret":{"a":"pw-of-ci"}}`, "",
			"not what the protocol has"},
		{"nothing", ``, "", "not what the protocol has"},
		{"too_long", `{"ServerURL":"myregistry.azurecr.io","Username":"ci","Secret":"` + strings.Repeat("x", 70000) +
			`"}`, "", "larger than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, w := newHelper(t, auth.Anonymous(), nil)
			code, out, errOut := docker(t, h, "store", tt.in)
			if tt.want != "" {
				if diff := cmp.Diff([]string{tt.want}, w.stored); code != 0 || out != "" || errOut != "" || diff != "" {
					t.Errorf("exit %d, %q, %q\n%s", code, out, errOut, diff)
				}
				return
			}
			if code != 1 || len(w.stored) != 0 || !strings.Contains(out+errOut, tt.words) {
				t.Errorf("exit %d, %q, %q, %q", code, out, errOut, w.stored)
			}
			if strings.Contains(out+errOut, "pw-of-ci") {
				t.Errorf("the secret is shown: %q %q", out, errOut)
			}
		})
	}
	h, _ := newHelper(t, auth.Anonymous(), func(o *Options) { o.Logins = nil })
	code, out, errOut := docker(t, h, "store", `{"ServerURL":"myregistry.azurecr.io","Username":"ci","Secret":"pw"}`)
	if code != 1 || out != onStderr("usage") || !strings.Contains(errOut, "keeps no logins") {
		t.Errorf("exit %d, %q, %q", code, out, errOut)
	}
}

func TestDocker_erase_list_and_words(t *testing.T) {
	h, w := newHelper(t, auth.Anonymous(), nil)
	for _, in := range []string{"myregistry.azurecr.io", "myregistry.azurecr.io", "docker.io",
		"myregistry.azurecr.io/team"} {
		if code, out, errOut := docker(t, h, "erase", in); code != 0 || out+errOut != "" {
			t.Errorf("erase %s: exit %d, %q, %q", in, code, out, errOut)
		}
	}
	if diff := cmp.Diff([]string{"myregistry.azurecr.io", "myregistry.azurecr.io"}, w.erased); diff != "" {
		t.Error(diff)
	}
	if code, out, _ := docker(t, h, "list", "unused"); code != 0 || out != `{"myregistry.azurecr.io":"ci"}`+"\n" {
		t.Errorf("list: exit %d, %q", code, out)
	}
	for _, action := range []string{"version", "--version", "-v", "help", "--help", "-h"} {
		if code, out, errOut := docker(t, h, action, ""); code != 0 ||
			!strings.Contains(out, "docker-credential-acrkit") || errOut != "" {
			t.Errorf("%s: exit %d, %q, %q", action, code, out, errOut)
		}
	}
	for _, args := range [][]string{nil, {"get", "x"}, {"frobnicate"}} {
		var out, errOut bytes.Buffer
		if code := h.Docker(t.Context(), args, strings.NewReader(""), &out, &errOut); code != 1 || out.Len() != 0 ||
			!strings.HasPrefix(errOut.String(), "Usage: ") {
			t.Errorf("%q: exit %d, %q, %q", args, code, &out, &errOut)
		}
	}
	for action, in := range map[string]string{"get": "  \n", "erase": ""} {
		code, out, errOut := docker(t, h, action, in)
		if code != 1 || out != onStderr("usage") || !strings.Contains(errOut, "not what the protocol has") {
			t.Errorf("%s of nothing: exit %d, %q, %q", action, code, out, errOut)
		}
	}
	var errOut bytes.Buffer
	if code := h.Docker(t.Context(), []string{"list"}, nil, brokenPipe{}, &errOut); code != 1 ||
		!strings.Contains(errOut.String(), "cannot write the answer") {
		t.Errorf("a client that has gone: exit %d, %q", code, &errOut)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

// The answer comes even if a server or program hangs: an identity provider that ends with its
// context, one that does not, a client that keeps its end open.
func TestDeadline(t *testing.T) {
	hanging := func(until func(context.Context)) func(*Options) {
		return func(o *Options) {
			o.Connect = func(ctx context.Context, _ acrkit.Registry, _ auth.Credential) (*auth.Transport, error) {
				until(ctx)
				return nil, ctx.Err()
			}
		}
	}
	never := make(chan struct{})
	for _, tt := range []struct {
		name   string
		change func(*Options)
		in     io.Reader
	}{
		{"obedient", hanging(func(ctx context.Context) { <-ctx.Done() }), strings.NewReader("myregistry.azurecr.io")},
		{"deaf", hanging(func(context.Context) { <-never }), strings.NewReader("myregistry.azurecr.io")},
		{"client", nil, blocked{never}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, _ := newHelper(t, auth.Anonymous(), tt.change)
			h.deadline = 10 * time.Millisecond
			var out, errOut bytes.Buffer
			begun := time.Now()
			code := h.Docker(t.Context(), []string{"get"}, tt.in, &out, &errOut)
			if code != 1 || out.String() != onStderr("unavailable") ||
				!strings.Contains(errOut.String(), "not done within") ||
				!strings.Contains(errOut.String(), "acrkit whoami") {
				t.Errorf("exit %d, %q, %q", code, &out, &errOut)
			}
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
	close(never)
	synctest.Test(t, func(t *testing.T) {
		h, _ := newHelper(t, auth.Anonymous(), hanging(func(ctx context.Context) { <-ctx.Done() }))
		begun := time.Now()
		_, _, errOut := docker(t, h, "get", "myregistry.azurecr.io")
		if took := time.Since(begun); took != 25*time.Second || !strings.Contains(errOut, "not done within 25s") {
			t.Errorf("took %s: %q", took, errOut)
		}
	})
}

// blocked is a stream whose other end is never closed.
type blocked struct{ until chan struct{} }

func (b blocked) Read([]byte) (int, error) {
	<-b.until
	return 0, io.EOF
}

func kubelet(tb testing.TB, h *Helper, in string) (code int, out kubeletResponse, text, errOut string) {
	tb.Helper()
	var o, e bytes.Buffer
	code = h.Kubelet(tb.Context(), strings.NewReader(in), &o, &e)
	if code == 0 {
		if err := json.Unmarshal(o.Bytes(), &out); err != nil {
			tb.Fatalf("%v: %q", err, &o)
		}
	}
	return code, out, o.String(), e.String()
}

func request(image string) string {
	return fmt.Sprintf(
		`{"kind":"CredentialProviderRequest","apiVersion":"credentialprovider.kubelet.k8s.io/v1","image":%q}`, image)
}

func TestKubelet(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	token := func(life time.Duration) auth.Credential { return auth.RefreshToken(refreshToken(now.Add(life))) }
	valueOf := func(life time.Duration) string { return refreshToken(now.Add(life)) }
	parts := auth.ByRepository(map[string]auth.Credential{"team": auth.ScopedToken("team", "pw-team"),
		"": auth.Anonymous()})
	const digest = "@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	const zero = "00000000-0000-0000-0000-000000000000"
	for _, tt := range []struct {
		name, image string
		cred        auth.Credential
		keyType     string
		cache       string
		auth        map[string]kubeletAuth
	}{
		{"password", "myregistry.azurecr.io/samples/a:v1", auth.ScopedToken("ci", "pw-of-ci"), "Registry", "10m0s",
			map[string]kubeletAuth{"myregistry.azurecr.io": {"ci", "pw-of-ci"}}},
		{"function", "myregistry.azurecr.io/samples/a:v1",
			auth.ScopedTokenFunc(func(context.Context) (string, string, error) {
				return "ci", "pw-of-ci", nil
			}), "Registry", "10m0s", map[string]kubeletAuth{"myregistry.azurecr.io": {"ci", "pw-of-ci"}}},
		{"digest", "myregistry.azurecr.io/samples/a:v1" + digest, auth.ScopedToken("ci", "pw-of-ci"), "Registry",
			"10m0s", map[string]kubeletAuth{"myregistry.azurecr.io": {"ci", "pw-of-ci"}}},
		{"refresh_token", "myregistry.azurecr.io/a", token(3 * time.Hour), "Registry", "2h50m0s",
			map[string]kubeletAuth{"myregistry.azurecr.io": {zero, valueOf(3 * time.Hour)}}},
		{"refresh_token_near_its_end", "myregistry.azurecr.io/a", token(10*time.Minute + time.Second), "Registry", "1s",
			map[string]kubeletAuth{"myregistry.azurecr.io": {zero, valueOf(10*time.Minute + time.Second)}}},
		{"refresh_token_at_its_end", "myregistry.azurecr.io/a", token(9 * time.Minute), "Registry", "0s",
			map[string]kubeletAuth{"myregistry.azurecr.io": {zero, valueOf(9 * time.Minute)}}},
		{"refresh_token_without_an_end", "myregistry.azurecr.io/a", token(50 * 365 * 24 * time.Hour), "Registry",
			"2h50m0s", map[string]kubeletAuth{"myregistry.azurecr.io": {zero, valueOf(50 * 365 * 24 * time.Hour)}}},
		{"by_repository", "myregistry.azurecr.io/team/app:v1", parts, "Image", "10m0s",
			map[string]kubeletAuth{"myregistry.azurecr.io/team/app": {"team", "pw-team"}}},
		// The key is the host as the pod has it.
		{"upper_case", "MyRegistry.AzureCR.io/samples/a:v1", auth.ScopedToken("ci", "pw-of-ci"), "Registry", "10m0s",
			map[string]kubeletAuth{"MyRegistry.AzureCR.io": {"ci", "pw-of-ci"}}},
		{"port", "myregistry.azurecr.io:443/samples/a:v1", auth.ScopedToken("ci", "pw-of-ci"), "Registry", "10m0s",
			map[string]kubeletAuth{"myregistry.azurecr.io:443": {"ci", "pw-of-ci"}}},
		{"by_repository_port", "MyRegistry.azurecr.io:443/team/app:v1", parts, "Image", "10m0s",
			map[string]kubeletAuth{"MyRegistry.azurecr.io:443/team/app": {"team", "pw-team"}}},
		{"regional", "myregistry.westeurope.geo.azurecr.io/samples/a:v1", auth.ScopedToken("ci", "pw-of-ci"),
			"Registry", "10m0s", map[string]kubeletAuth{"myregistry.westeurope.geo.azurecr.io": {"ci", "pw-of-ci"}}},
		{"data_endpoint", "myregistry.westeurope.data.azurecr.io/samples/a:v1",
			auth.ScopedToken("ci", "pw-of-ci"), "Image", "0s", nil},
		{"by_repository_nobody", "myregistry.azurecr.io/other:v1", parts, "Image", "0s", nil},
		{"anonymous", "myregistry.azurecr.io/a", auth.Anonymous(), "Image", "0s", nil},
		{"foreign", "docker.io/library/nginx:1", auth.ScopedToken("ci", "pw-of-ci"), "Image", "0s", nil},
		{"look_alike", "myregistry.azurecr.io.evil.example/a:v1",
			auth.ScopedToken("ci", "pw-of-ci"), "Image", "0s", nil},
		{"no_host", "nginx", auth.ScopedToken("ci", "pw-of-ci"), "Image", "0s", nil},
		{"no_reference", "myregistry.azurecr.io/A b", auth.ScopedToken("ci", "pw-of-ci"), "Image", "0s", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, _ := newHelper(t, tt.cred, func(o *Options) { o.Now = func() time.Time { return now } })
			code, got, text, errOut := kubelet(t, h, request(tt.image))
			want := kubeletResponse{Kind: "CredentialProviderResponse",
				APIVersion: "credentialprovider.kubelet.k8s.io/v1", CacheKeyType: tt.keyType, CacheDuration: tt.cache,
				Auth: tt.auth}
			if diff := cmp.Diff(want, got); code != 0 || errOut != "" || diff != "" {
				t.Errorf("exit %d, %q\n%s", code, errOut, diff)
			}
			if strings.Contains(text, "Global") {
				t.Error("a credential for every registry")
			}
		})
	}
	for _, in := range []string{"", "{}", "[]", "null",
		`{"kind":"CredentialProviderRequest","apiVersion":"credentialprovider.kubelet.k8s.io/v1alpha1","image":"a"}`,
		`{"kind":"Pod","apiVersion":"credentialprovider.kubelet.k8s.io/v1","image":"a"}`, request(""), `{"image":1}`,
		request("a") + request("b")} {
		h, w := newHelper(t, auth.ScopedToken("ci", "pw-of-ci"), nil)
		if code, _, text, errOut := kubelet(t, h, in); code != 1 || text != "" ||
			!strings.Contains(errOut, "cannot read the kubelet's request") || len(w.connected) != 0 {
			t.Errorf("%s: exit %d, %q, %q", in, code, text, errOut)
		}
	}
}

func TestKubelet_service_account(t *testing.T) {
	const tenant, client = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
	const assertion = "made-up-assertion-of-a-service-account"
	for _, tt := range []struct {
		name        string
		tenants     []string
		annotations map[string]string
		words       string // of the refusal; "" = it is tried
	}{
		{"by_default", nil, map[string]string{clientAnnotation: client, tenantAnnotation: tenant},
			"no tenant is named"},
		{"allowed", []string{tenant},
			map[string]string{clientAnnotation: client, tenantAnnotation: strings.ToUpper(tenant)}, ""},
		{"the_only_tenant", []string{tenant}, map[string]string{clientAnnotation: client}, ""},
		{"which_tenant", []string{tenant, client}, map[string]string{clientAnnotation: client},
			"lacks the annotations"},
		{"another_tenant", []string{tenant}, map[string]string{clientAnnotation: client, tenantAnnotation: client},
			"not one of those that are allowed"},
		{"no_client", []string{tenant}, nil, "lacks the annotations"},
		{"no_guid", []string{tenant}, map[string]string{clientAnnotation: "../x"}, "not a client id"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			refused := errors.New("as far as Entra")
			h, w := newHelper(t, auth.ScopedToken("node", "pw-of-the-node"), func(o *Options) {
				o.Tenants = tt.tenants
				inner := o.Connect
				o.Connect = func(ctx context.Context, reg acrkit.Registry, cred auth.Credential) (*auth.Transport,
					error) {
					rt, err := inner(ctx, reg, cred)
					if err == nil && cred != nil {
						_ = rt.Close()
						return nil, refused
					}
					return rt, err
				}
			})
			in, err := json.Marshal(kubeletRequest{Kind: requestKind, APIVersion: kubeletAPI,
				Image: "myregistry.azurecr.io/a:v1", ServiceAccountToken: assertion,
				ServiceAccountAnnotations: tt.annotations})
			if err != nil {
				t.Fatal(err)
			}
			code, _, text, errOut := kubelet(t, h, string(in))
			if code != 1 || text != "" || strings.Contains(errOut, assertion) {
				t.Errorf("exit %d, %q, %q", code, text, errOut)
			}
			if tt.words != "" {
				if !strings.Contains(errOut, tt.words) || len(w.connected) != 0 {
					t.Errorf("%q, connected %q", errOut, w.connected)
				}
				return
			}
			if !strings.Contains(errOut, refused.Error()) || len(w.given) != 1 ||
				w.given[0].String() != "service principal "+client {
				t.Errorf("%q, %v", errOut, w.given)
			}
		})
	}
}

// For any input, a registry is one that the helper answers for, and the answer
// is either the protocol's words or a whole document.
func FuzzDocker(f *testing.F) {
	for _, in := range []string{"myregistry.azurecr.io", "https://myregistry.azurecr.io/v2/", "localhost:5443/a/b",
		"docker.io", "\x00", "a\nb.azurecr.io", "https://a@b.azurecr.io:443/x?y#z"} {
		f.Add("get", in)
		f.Add("erase", in)
	}
	f.Add("store", `{"ServerURL":"myregistry.azurecr.io","Username":"ci","Secret":"pw"}`)
	f.Add("store", `{"ServerURL":1}`)
	f.Fuzz(func(t *testing.T, action, in string) {
		h, w := newHelper(t, auth.ScopedToken("ci", "the-password"), nil)
		code, out, _ := docker(t, h, action, in)
		for _, host := range w.connected {
			if reg := mustRegistry(t, host); !reg.IsACR() {
				t.Errorf("%q is taken for %s", in, host)
			}
		}
		switch {
		case action != "get":
			if strings.Contains(out, "the-password") {
				t.Errorf("%s %q shows a secret: %q", action, in, out)
			}
		case code == 0:
			var doc struct{ ServerURL, Username, Secret string }
			if err := json.Unmarshal([]byte(out), &doc); err != nil || doc.Secret != "the-password" ||
				len(w.connected) != 1 {
				t.Errorf("%q: %q", in, out)
			}
		case strings.Contains(out, "the-password") || strings.Count(out, "\n") != 1:
			t.Errorf("%q: %q", in, out)
		}
	})
}

func FuzzKubelet(f *testing.F) {
	f.Add(request("myregistry.azurecr.io/a:v1"))
	f.Add(request("a/b@sha256:0"))
	f.Add(
		`{"kind":"CredentialProviderRequest","apiVersion":"credentialprovider.kubelet.k8s.io/v1","image":"myregistry.azurecr.io/a","serviceAccountToken":"t","serviceAccountAnnotations":{"kubernetes.azure.com/acr-client-id":"x"}}`)
	f.Fuzz(func(t *testing.T, in string) {
		h, w := newHelper(t, auth.ScopedToken("ci", "the-password"), nil)
		code, got, text, errOut := kubelet(t, h, in)
		for _, host := range w.connected {
			if !mustRegistry(t, host).IsACR() {
				t.Errorf("%q leads to %s", in, host)
			}
		}
		if code != 0 && text != "" || strings.Contains(errOut, "the-password") {
			t.Errorf("%q: %q, %q", in, text, errOut)
		}
		for key := range got.Auth {
			if len(w.connected) != 1 || key != w.connected[0] || got.CacheKeyType != cacheByRegistry {
				t.Errorf("%q: %+v", in, got)
			}
		}
	})
}
