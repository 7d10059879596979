package emulator_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/rule"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/scopemap"
)

func (f *fixture) access(user, password, scope string) string {
	f.t.Helper()
	return f.password(user, password, scope).field(f.t, "access_token")
}

func (f *fixture) registry() *emulator.Registry {
	f.t.Helper()
	r, err := f.Registry("")
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

// challenge returns the error of a challenge; "" if it has none, "-" if it is
// not a bearer's.
func (a answer) challenge() string {
	h := a.header.Get("WWW-Authenticate")
	if !strings.HasPrefix(h, "Bearer ") {
		return "-"
	}
	_, rest, ok := strings.Cut(h, `error="`)
	if !ok {
		return ""
	}
	return strings.TrimSuffix(rest, `"`)
}

const (
	appTags = "/v2/samples/app/tags/list"
	appRead = "repository:samples/app:metadata_read"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestBearer(t *testing.T) {
	f := start(t, nil)
	good := f.access("ci-pull", pullPw, appRead)
	type want struct {
		status    int
		challenge string
		outcome   string
		missing   string
		reason    string
		rules     []string
	}
	for name, x := range map[string]struct {
		path   string
		header http.Header
		want   want
	}{
		"allowed": {appTags, bearer(good),
			want{200, "-", "allowed", "", "", []string{`scope map "ci-pull": repositories/samples/app/metadata/read`}}},
		"bare_v2": {"/v2/", bearer(good), want{200, "-", "allowed", "", "", nil}},
		"not_in_token": {appTags, bearer(f.access("ci-pull", pullPw, "repository:samples/app:pull")),
			want{401, "insufficient_scope", "denied", appRead,
				`the access token lacks it; scope map "ci-pull" has it, so another token would do`, nil}},
		"not_in_map": {"/acr/v1/_catalog", bearer(f.access("ci-pull", pullPw, "registry:catalog:*")),
			want{401, "insufficient_scope", "denied", "registry:catalog:*",
				`the access token lacks it, as scope map "ci-pull" does`, nil}},
		"root_map": {"/acr/v1/_catalog",
			bearer(f.access("catalog", "correct-horse-battery-staple-0003", "registry:catalog:*")),
			want{200, "-", "allowed", "", "",
				[]string{`scope map "_repositories_pull_metadata_read": repositories/*/metadata/read`}}},
		"garbage": {appTags, bearer("x.y.z"),
			want{401, "invalid_token", "denied", "", "the ACR token cannot be read", nil}},
		"tampered": {appTags, bearer(good[:len(good)-8] + "AAAAAAAA"),
			want{401, "invalid_token", "denied", "", "the ACR token is not signed by this emulator", nil}},
		"other_scheme": {appTags, http.Header{"Authorization": {"Negotiate abc"}},
			want{401, "invalid_token", "denied", "", "the Authorization header is neither Bearer nor Basic", nil}},
		"two_headers": {appTags, http.Header{"Authorization": {"Bearer " + good, "Bearer " + good}},
			want{401, "invalid_token", "denied", "", "more than one Authorization header", nil}},
		"no_credential": {appTags, nil, want{401, "", "challenged", "", "no credential was presented", nil}},
	} {
		t.Run(name, func(t *testing.T) {
			f.t = t
			a := f.get(x.path, x.header)
			d := f.last()
			got := want{a.status, a.challenge(), d.Outcome, d.Missing, d.Reason, d.Rules}
			if diff := cmp.Diff(x.want, got, cmp.AllowUnexported(want{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if d.RequestID == "" || d.RequestID != a.header.Get("X-Ms-Correlation-Request-Id") {
				t.Errorf("request id %q of the decision, %q of the answer", d.RequestID,
					a.header.Get("X-Ms-Correlation-Request-Id"))
			}
		})
	}
}

// TestRightsOfNow: a live access token has no more rights than its principal.
func TestRightsOfNow(t *testing.T) {
	for name, x := range map[string]struct {
		change    func(t *testing.T, f *fixture, r *emulator.Registry)
		challenge string
	}{
		"map_shrinks": {func(t *testing.T, _ *fixture, r *emulator.Registry) {
			m, err := scopemap.Parse([]string{"repositories/samples/app/content/read"})
			must(t, err)
			m.Name = "ci-pull"
			must(t, r.PutScopeMap(t.Context(), m))
		}, "insufficient_scope"},
		"map_deleted": {func(t *testing.T, _ *fixture, r *emulator.Registry) {
			must(t, r.DeleteScopeMap(t.Context(), "ci-pull"))
		}, "insufficient_scope"},
		"token_has_other_map": {func(t *testing.T, _ *fixture, r *emulator.Registry) {
			must(t, r.PutToken(t.Context(), emulator.TokenSpec{Name: "ci-pull", ScopeMap: "_repositories_pull"}))
		}, "insufficient_scope"},
		"token_disabled": {func(t *testing.T, _ *fixture, r *emulator.Registry) {
			must(t, r.SetTokenStatus(t.Context(), "ci-pull", false))
		}, "invalid_token"},
		"token_deleted": {func(t *testing.T, _ *fixture, r *emulator.Registry) {
			must(t, r.DeleteToken(t.Context(), "ci-pull"))
		}, "invalid_token"},
		"time_passes": {func(_ *testing.T, f *fixture, _ *emulator.Registry) {
			f.clock.Add(time.Hour)
		}, "invalid_token"},
		"time_turns_back": {func(_ *testing.T, f *fixture, _ *emulator.Registry) {
			f.clock.Add(-16 * time.Minute)
		}, "invalid_token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := start(t, nil)
			token := f.access("ci-pull", pullPw, appRead)
			if a := f.get(appTags, bearer(token)); a.status != 200 {
				t.Fatalf("before: %d", a.status)
			}
			x.change(t, f, f.registry())
			if a := f.get(appTags, bearer(token)); a.status != 401 || a.challenge() != x.challenge {
				t.Errorf("after: %d %q", a.status, a.challenge())
			}
		})
	}
}

func TestTokenOfAnotherRegistry(t *testing.T) {
	f := start(t, &emulator.Options{Seed: parse(t, seed.Example()+
		"  - name: second\n    anonymousPullEnabled: true\n    tokens: [{name: ci-pull, scopeMap: "+
		"_repositories_admin}]\n")})
	token := f.access("ci-pull", pullPw, appRead)
	const other = "https://second.azurecr.localhost"
	if a := f.get(other+appTags, bearer(token)); a.status != 401 || a.challenge() != "invalid_token" {
		t.Errorf("%d %q", a.status, a.challenge())
	}
	a := f.do("POST", other+"/oauth2/token", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
		"grant_type=password&service=second.azurecr.localhost&scope="+appRead)
	if got := claims(t, a.field(t, "access_token"))["aud"]; got != "second.azurecr.localhost" {
		t.Errorf("aud %v", got)
	}
	// The service named must be the one that is asked.
	a = f.post("/oauth2/token", "grant_type", "password", "service", "second.azurecr.localhost", "username",
		"ci-pull", "password", pullPw)
	if a.status != 401 {
		t.Errorf("another registry's service: %d", a.status)
	}
	// The same registry under its other name is the same registry.
	if a := f.get("https://myregistry.azurecr.localhost"+appTags, bearer(token)); a.status != 200 {
		t.Errorf("by its own name: %d", a.status)
	}
}

func TestDirectBasic(t *testing.T) {
	f := start(t, nil)
	r := f.registry()
	must(t, r.SetAdminUser(t.Context(), true))
	admin, err := r.AdminPasswords()
	must(t, err)
	const realm = `Basic realm="Azure Container Registry"`
	for name, x := range map[string]struct {
		header http.Header
		path   string
		status int
		realm  string
	}{
		"admin":              {basic("myregistry", string(admin[0])), "/acr/v1/_catalog", 200, ""},
		"admin_second":       {basic("myregistry", string(admin[1])), "/v2/", 200, ""},
		"admin_wrong":        {basic("myregistry", "wrong-password"), "/v2/", 401, realm},
		"scope_mapped_token": {basic("ci-pull", pullPw), appTags, 401, realm},
		"unknown":            {basic("unknown-token", pullPw), appTags, 401, realm},
		"service_principal":  {basic(clientID, secret), "/acr/v1/_catalog", 200, ""},
		"unreadable":         {http.Header{"Authorization": {"Basic %%%"}}, "/v2/", 401, realm},
	} {
		t.Run(name, func(t *testing.T) {
			f.t = t
			a := f.get(x.path, x.header)
			if a.status != x.status || a.header.Get("WWW-Authenticate") != x.realm {
				t.Errorf("%d %s", a.status, a.header.Get("WWW-Authenticate"))
			}
		})
	}
	f.t = t
	must(t, r.SetAdminUser(t.Context(), false))
	if a := f.get("/v2/", basic("myregistry", string(admin[0]))); a.status != 401 {
		t.Errorf("the admin user is off: %d", a.status)
	}
}

// onSamples is a condition on names.
const onSamples = "@Request[Microsoft.ContainerRegistry/registries/repositories:name] StringStartsWith 'samples/'"

func TestRoles(t *testing.T) {
	const scope = "registry:catalog:* repository:samples/app:delete,metadata_read,metadata_write,pull,push " +
		"repository:other:pull"
	for name, x := range map[string]struct {
		mode string
		role seed.RoleAssignment
		want string
	}{
		"AcrPull": {"", seed.RoleAssignment{Role: "AcrPull"},
			"registry:catalog:* repository:other:pull repository:samples/app:metadata_read,pull"},
		"AcrPush": {"", seed.RoleAssignment{Role: "acrpush"},
			"registry:catalog:* repository:other:pull repository:samples/app:metadata_read,metadata_write,pull,push"},
		"AcrDelete": {"", seed.RoleAssignment{Role: "AcrDelete"}, "repository:samples/app:delete"},
		"Owner": {"", seed.RoleAssignment{Role: "Owner"},
			"registry:catalog:* repository:other:pull " +
				"repository:samples/app:delete,metadata_read,metadata_write,pull,push"},
		"abac_role_legacy": {"", seed.RoleAssignment{Role: "Container Registry Repository Reader"}, ""},
		"AcrPull_abac":     {"AbacRepositoryPermissions", seed.RoleAssignment{Role: "AcrPull"}, ""},
		"Owner_abac":       {"AbacRepositoryPermissions", seed.RoleAssignment{Role: "Owner"}, ""},
		"Reader_abac": {"AbacRepositoryPermissions",
			seed.RoleAssignment{Role: "Container Registry Repository Reader"},
			"repository:other:pull repository:samples/app:metadata_read,pull"},
		"conditioned": {"AbacRepositoryPermissions", seed.RoleAssignment{Role: "Container Registry Repository Writer",
			Condition: onSamples}, "repository:samples/app:metadata_read,metadata_write,pull,push"},
		"lister": {"AbacRepositoryPermissions",
			seed.RoleAssignment{Role: "Container Registry Repository Catalog Lister"}, "registry:catalog:*"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := parse(t, seed.Example())
			x.role.ClientID = clientID
			s.Registries[0].RoleAssignmentMode = x.mode
			s.Registries[0].RoleAssignments = []seed.RoleAssignment{x.role}
			f := start(t, &emulator.Options{Seed: s})
			f.password(clientID, secret, scope).field(t, "access_token")
			d := f.last()
			required, err := acrkit.ParseScope(d.Required)
			must(t, err)
			missing, err := acrkit.ParseScope(d.Missing)
			must(t, err)
			if diff := cmp.Diff(x.want, required.Minus(missing).String()); diff != "" {
				t.Errorf("granted (-want +got):\n%s", diff)
			}
		})
	}
}

func TestGeneratedPasswords(t *testing.T) {
	f := start(t, nil)
	r := f.registry()
	ok := func(user string, pw seed.Secret) bool { return f.password(user, string(pw), "").status == 200 }
	both, err := r.GeneratePasswords(t.Context(), "ci-push", f.clock.Now().Add(time.Hour))
	must(t, err)
	if len(both) != 2 || both[0].Name != "password1" || both[1].Name != "password2" || len(both[0].Value) != 52 ||
		both[0].Value == both[1].Value {
		t.Fatalf("%d passwords", len(both))
	}
	if ok("ci-push", "correct-horse-battery-staple-0002") {
		t.Error("the old password is still good")
	}
	if !ok("ci-push", both[0].Value) || !ok("ci-push", both[1].Value) {
		t.Error("a generated password is not good")
	}
	one, err := r.GeneratePasswords(t.Context(), "ci-push", time.Time{}, "password2")
	must(t, err)
	if !ok("ci-push", both[0].Value) || ok("ci-push", both[1].Value) || !ok("ci-push", one[0].Value) {
		t.Error("the wrong slot was renewed")
	}
	f.clock.Add(time.Hour)
	if ok("ci-push", both[0].Value) || !ok("ci-push", one[0].Value) {
		t.Error("expiry is not respected")
	}
	for _, slots := range [][]string{{"password3"}, {"password1", "password1"}} {
		if _, err := r.GeneratePasswords(t.Context(), "ci-push", time.Time{},
			slots...); acrkit.CodeOf(err) != acrkit.CodeUsage {
			t.Errorf("%v: %v", slots, err)
		}
	}
	if _, err := r.GeneratePasswords(t.Context(), "unknown", time.Time{}); acrkit.CodeOf(err) != acrkit.CodeNotFound {
		t.Error(err)
	}
	if strings.Contains(f.log.String(), string(one[0].Value)) {
		t.Error("a password in the log")
	}
}

// TestTwoAtOnce changes and uses tokens from many goroutines; the race detector
// watches.
func TestTwoAtOnce(t *testing.T) {
	f := start(t, nil)
	r := f.registry()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5 {
				token := f.access("ci-pull", pullPw, appRead)
				if a := f.get(appTags, bearer(token)); a.status != 200 {
					t.Errorf("%d", a.status)
				}
			}
		})
		wg.Go(func() {
			for range 5 {
				if _, err := r.GeneratePasswords(t.Context(), "ci-push", time.Time{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	allowed := 0
	for d, err := range f.Decisions(t.Context(),
		emulator.DecisionFilter{Principal: "ci-pull", Outcome: emulator.OutcomeAllowed}) {
		must(t, err)
		if d.Principal != "ci-pull" {
			t.Errorf("%+v", d)
		}
		allowed++
	}
	if allowed != 40 {
		t.Errorf("%d decisions, want 40", allowed)
	}
}

func TestHosts(t *testing.T) {
	f := start(t, &emulator.Options{Seed: parse(t, seed.Example()+"  - name: second\n"),
		Hostnames: []string{"registry.test", "second.test", "192.0.2.7", "2001:db8::1"}})
	for host, registry := range map[string]string{
		"localhost": "myregistry", "LOCALHOST:5443": "myregistry", "127.0.0.1": "myregistry",
		"127.0.0.9:1": "myregistry", "[::1]:5443": "myregistry",
		"myregistry.azurecr.localhost": "myregistry", "Second.azurecr.localhost:5443": "second",
		"registry.test": "myregistry", "second.test:443": "second", "192.0.2.7": "myregistry",
		"[2001:DB8::1]:5443":      "myregistry",
		"third.azurecr.localhost": "", "azurecr.localhost": "", "evil.example": "", "localhost.evil.example": "",
		"192.0.2.8": "", "second.azurecr.localhost.evil.example": "", "": "",
		"x.second.azurecr.localhost": "", "localhost:x": "", `localhost:1"`: "", "localhost:": "", "[::1": "",
	} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+f.host+"/v2/", nil)
		must(t, err)
		req.Host = host
		if host == "" {
			req.Host = "."
		}
		res, err := f.client.Do(req)
		must(t, err)
		must(t, res.Body.Close())
		if registry == "" {
			if res.StatusCode != 404 {
				t.Errorf("%s: %d", host, res.StatusCode)
			}
			continue
		}
		d := f.last()
		if res.StatusCode != 401 || d.Registry != registry {
			t.Errorf("%s: %d, registry %q", host, res.StatusCode, d.Registry)
		}
	}
}

func TestHostnamesAreChecked(t *testing.T) {
	for _, h := range []string{"", "host:5443", "https://host", "a b", "*.*.example", "fe80::1%eth0", "host/path"} {
		if e, err := emulator.Open(t.Context(), &emulator.Options{Hostnames: []string{h}}); acrkit.CodeOf(
			err) != acrkit.CodeUsage {
			t.Errorf("%q: %v", h, err)
			if e != nil {
				must(t, e.Close())
			}
		}
	}
}

func TestNoSecretInLogs(t *testing.T) {
	f := start(t, nil)
	refresh := f.refreshToken()
	access := f.access("ci-pull", pullPw, appRead)
	f.password("ci-pull", "typed-wrong-0001", "")
	f.get(appTags, bearer(access))
	f.get("/v2/", basic("unknown-token", "typed-wrong-0001"))
	var all strings.Builder
	for d, err := range f.Decisions(t.Context(), emulator.DecisionFilter{}) {
		must(t, err)
		all.WriteString(d.Required + d.Reason + d.Path + d.Principal + d.Missing + strings.Join(d.Rules, ""))
	}
	f.stop()
	all.WriteString(f.log.String())
	for _, s := range []string{pullPw, secret, refresh, access, "typed-wrong-0001"} {
		if strings.Contains(all.String(), s) {
			t.Errorf("%.12s… is in the logs", s)
		}
	}
}

// TestRulesFromWithin: the rules by which no request from outside is refused at will.
func TestRulesFromWithin(t *testing.T) {
	f := start(t, nil)
	must(t, emulator.AuthorizeGone(f.Emulator,
		httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v2/", nil)))
	if d := f.last(); d.RuleID != rule.RegistryGone || d.Outcome != emulator.OutcomeDenied {
		t.Errorf("%+v", d)
	}
	token, err := emulator.EntraToken(f.Emulator, clientID, "https://graph.microsoft.com")
	must(t, err)
	a := f.post("/oauth2/exchange", "grant_type", "access_token", "service", f.host, "access_token", token)
	if d := f.last(); a.status != http.StatusUnauthorized || d.RuleID != rule.EntraTokenAudience ||
		d.Principal != clientID {
		t.Errorf("%d %+v", a.status, d)
	}
}
