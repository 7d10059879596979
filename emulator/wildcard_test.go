package emulator_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/rule"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/scopemap"
)

const (
	zeroGUID  = "00000000-0000-0000-0000-000000000000"
	allScope  = "registry:catalog:* repository:*:*" // acr-cli's
	otherTags = "/v2/samples/other/tags/list"
)

// granted returns the access claim of a token as a scope text.
func granted(t *testing.T, token string) string {
	t.Helper()
	list, ok := claims(t, token)["access"].([]any)
	if !ok {
		t.Fatalf("access: %v", claims(t, token)["access"])
	}
	var items []acrkit.Access
	for _, x := range list {
		fields := map[string]any{}
		for k, v := range x.(map[string]any) {
			fields[strings.ToLower(k)] = v
		}
		var actions []string
		for _, w := range fields["actions"].([]any) {
			actions = append(actions, w.(string))
		}
		items = append(items,
			acrkit.Access{Type: fields["type"].(string), Name: fields["name"].(string), Actions: actions})
	}
	return acrkit.NewScope(items...).String()
}

// withMode returns the example seed in a mode, with one role.
func withMode(t *testing.T, mode string, role seed.RoleAssignment) *seed.Seed {
	t.Helper()
	s := parse(t, seed.Example())
	role.ClientID = clientID
	s.Registries[0].RoleAssignmentMode = mode
	s.Registries[0].RoleAssignments = []seed.RoleAssignment{role}
	return s
}

// TestAllRepositories: a token for all repositories holds what was asked for and is
// granted on all of them, and no more.
func TestAllRepositories(t *testing.T) {
	f := start(t, &emulator.Options{Seed: parse(t, seed.Example()+
		"      - {name: root-pull, scopeMap: _repositories_pull, passwords: [{name: password1, value: "+
		"correct-horse-battery-staple-0005}]}\n")})
	must(t, f.registry().SetAdminUser(t.Context(), true))
	admin, err := f.registry().AdminPasswords()
	must(t, err)
	refresh := f.refreshToken()
	const push = "repository:*:metadata_read,metadata_write,pull,push" // AcrPush
	for name, x := range map[string]struct {
		a    answer
		want string
	}{
		"refresh token": {f.post("/oauth2/token", "grant_type", "refresh_token", "service", f.host, "scope",
			allScope, "refresh_token", refresh), "registry:catalog:* " + push},
		"refresh token, Basic": {f.get("/oauth2/token?service="+f.host+"&scope="+url.QueryEscape("repository:*:*"),
			basic(zeroGUID, refresh)), push},
		"service principal": {f.password(clientID, secret, allScope), "registry:catalog:* " + push},
		"one action":        {f.password(clientID, secret, "repository:*:pull"), "repository:*:pull"},
		"a right it lacks":  {f.password(clientID, secret, "repository:*:delete,pull"), "repository:*:pull"},
		"besides a name": {f.password(clientID, secret, "repository:*:pull repository:a/b:push"),
			"repository:*:pull repository:a/b:push"},
		"unknown action": {f.password(clientID, secret, "repository:*:fly"), ""},
		"another type":   {f.password(clientID, secret, "artifact-repository:*:*"), ""},
		"a prefix":       {f.password(clientID, secret, "repository:samples/*:pull"), ""},
		"admin user": {f.password("myregistry", string(admin[0]), "repository:*:*"),
			"repository:*:delete,metadata_read,metadata_write,pull,push"},
		"root map": {f.password("catalog", "correct-horse-battery-staple-0003", allScope),
			"registry:catalog:* repository:*:metadata_read,pull"},
		"root map, no metadata": {f.password("root-pull", "correct-horse-battery-staple-0005", allScope),
			"repository:*:pull"},
		"map of one repository": {f.password("ci-pull", pullPw, allScope), ""},
		"map of a prefix":       {f.password("ci-push", "correct-horse-battery-staple-0002", allScope), ""},
		"map of a prefix, a name": {f.password("ci-push", "correct-horse-battery-staple-0002",
			"repository:*:* repository:samples/x:pull"), "repository:samples/x:pull"},
	} {
		if diff := cmp.Diff(x.want, granted(t, x.a.field(t, "access_token"))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	f.password(clientID, secret, "repository:*:*")
	if d := f.last(); d.Missing != "repository:*:delete" || d.Outcome != emulator.OutcomeAllowed || len(d.Rules) != 4 {
		t.Errorf("decision %+v", d)
	}
}

// TestAllRepositories_used: such a token opens each repository, and the catalog only
// where it was asked for; a right that its principal loses is gone at once.
func TestAllRepositories_used(t *testing.T) {
	f := start(t, nil)
	root, err := scopemap.Parse([]string{"repositories/*/content/read", "repositories/*/metadata/read"})
	must(t, err)
	root.Name = "ci-root"
	must(t, f.registry().PutScopeMap(t.Context(), root))
	must(t, f.registry().PutToken(t.Context(), emulator.TokenSpec{Name: "ci-pull", ScopeMap: "ci-root"}))
	principal := f.password(clientID, secret, "repository:*:*").field(t, "access_token")
	scoped := f.password("ci-pull", pullPw, "repository:*:*").field(t, "access_token")
	both := f.password("ci-pull", pullPw, allScope).field(t, "access_token")
	type want struct {
		status    int
		challenge string
	}
	check := func(when, token, path string, w want) {
		t.Helper()
		a := f.get(path, bearer(token))
		if got := (want{a.status, a.challenge()}); got != w {
			t.Errorf("%s, %s: %+v, want %+v", when, path, got, w)
		}
	}
	insufficient := want{401, "insufficient_scope"}
	for when, token := range map[string]string{"a service principal": principal, "a root map": scoped} {
		check(when, token, appTags, want{200, "-"})
		check(when, token, otherTags, want{200, "-"})
		check(when, token, "/acr/v1/_catalog", insufficient)
		if d := f.last(); d.RuleID != rule.AccessTokenNarrow || d.Missing != "registry:catalog:*" {
			t.Errorf("%s: %+v", when, d)
		}
		if a := f.do("DELETE", "/acr/v1/samples/app", bearer(token), ""); a.status != 401 ||
			a.challenge() != "insufficient_scope" {
			t.Errorf("%s: DELETE: %d", when, a.status)
		}
	}
	check("with pull alone", f.password("ci-pull", pullPw, "repository:*:pull").field(t, "access_token"),
		appTags, insufficient)
	check("with the catalog", both, "/acr/v1/_catalog", want{200, "-"})

	narrow, err := scopemap.Parse([]string{"repositories/samples/app/content/read",
		"repositories/samples/app/metadata/read"})
	must(t, err)
	narrow.Name = "ci-root"
	must(t, f.registry().PutScopeMap(t.Context(), narrow))
	check("after the map shrank", scoped, appTags, want{200, "-"})
	check("after the map shrank", scoped, otherTags, insufficient)
	check("after the map shrank", both, "/acr/v1/_catalog", insufficient)
	must(t, f.registry().RemoveRoles(t.Context(), clientID))
	check("without a role", principal, appTags, insufficient)
}

// TestAllRepositories_ABAC does what acr-cli does on a registry in ABAC mode: the
// wildcard is ignored, and it asks for each repository.
func TestAllRepositories_ABAC(t *testing.T) {
	const abac = "AbacRepositoryPermissions"
	f := start(t, &emulator.Options{
		Seed: withMode(t, abac, seed.RoleAssignment{Role: "Container Registry Repository Contributor"})})
	refresh := f.refreshToken()
	if _, ok := claims(t, refresh)["aad_identity"]; !ok {
		t.Error("the refresh token does not show the mode")
	}
	ask := func(scope string) string {
		t.Helper()
		return f.post("/oauth2/token", "grant_type", "refresh_token", "service", f.host, "scope", scope,
			"refresh_token", refresh).field(t, "access_token")
	}
	if got := granted(t, ask(allScope)); got != "" {
		t.Errorf("all repositories: granted %q", got)
	}
	token := ask("repository:samples/app:pull,delete,metadata_read,metadata_write")
	if got := granted(t, token); got != "repository:samples/app:delete,metadata_read,metadata_write,pull" {
		t.Errorf("one repository: granted %q", got)
	}
	if a := f.get(appTags, bearer(token)); a.status != 200 {
		t.Errorf("tags: %d", a.status)
	}
	if a := f.get(otherTags, bearer(token)); a.status != 401 || a.challenge() != "insufficient_scope" {
		t.Errorf("tags of another: %d", a.status)
	}
	// Other clients get no answer there either.
	if got := granted(t, f.password("catalog", "correct-horse-battery-staple-0003", "repository:*:*").field(t,
		"access_token")); got != "" {
		t.Errorf("a root map: granted %q", got)
	}
}

// TestAllRepositories_modeChanges: a token from before the mode was changed has the
// rights that its principal has in the new one.
func TestAllRepositories_modeChanges(t *testing.T) {
	f := start(t, nil)
	token := f.password(clientID, secret, "repository:*:*").field(t, "access_token")
	must(t, f.registry().ChangeSettings(t.Context(), func(s *emulator.RegistrySettings) {
		s.RoleAssignmentMode = "AbacRepositoryPermissions"
	}))
	if a := f.get(appTags, bearer(token)); a.status != 401 || a.challenge() != "insufficient_scope" ||
		f.last().RuleID != rule.ABACRole {
		t.Errorf("%d %+v", a.status, f.last())
	}
}

// TestAnonymousToken: the form, life and use of an anonymous client's token, as
// recorded of the service in 2021 and 2022.
func TestAnonymousToken(t *testing.T) {
	f := start(t, nil)
	must(t, f.registry().SetAnonymousPull(t.Context(), true))
	ask := func(scope string) string {
		t.Helper()
		return f.post("/oauth2/token", "grant_type", "password", "service", f.host, "scope",
			scope).field(t, "access_token")
	}
	capitals := func(typ, name, action string) any {
		return map[string]any{"Type": typ, "Name": name, "Actions": []any{action}}
	}
	pull, catalog := capitals("repository", "*", "pull"), capitals("registry", "catalog", "*")
	for scope, want := range map[string][]any{
		"repository:samples/app:pull":                      {pull},
		"repository:samples/app:delete":                    {pull},
		"repository:samples/app:metadata_write":            {pull},
		"repository:a:pull repository:b:pull,push":         {pull},
		"repository:*:*":                                   {pull},
		"registry:catalog:*":                               {catalog},
		allScope:                                           {catalog, pull},
		"registry:catalog:* repository:samples/app:delete": {catalog, pull},
		"artifact-repository:samples/app:pull":             {},
	} {
		c := claims(t, ask(scope))
		now := float64(f.clock.Now().Unix())
		want := map[string]any{"sub": "acr_anon_pull", "access": want, "nbf": now - 900,
			"iat": now - 900, "exp": now + 300}
		for k, v := range want {
			if diff := cmp.Diff(v, c[k]); diff != "" {
				t.Errorf("%s: claim %s (-want +got):\n%s", scope, k, diff)
			}
		}
	}
	token := ask("repository:samples/app:delete")
	for path, status := range map[string]int{appTags: 200, otherTags: 200, "/v2/samples/app/manifests/v1": 200,
		"/acr/v1/_catalog": 401} {
		if a := f.get(path, bearer(token)); a.status != status {
			t.Errorf("%s: %d, want %d", path, a.status, status)
		}
	}
	if a := f.do("DELETE", "/acr/v1/samples/app", bearer(token), ""); a.status != 401 ||
		a.challenge() != "insufficient_scope" {
		t.Errorf("DELETE: %d", a.status)
	}
	f.clock.Add(5*time.Minute - time.Second)
	if a := f.get(appTags, bearer(token)); a.status != 200 {
		t.Errorf("after 4:59: %d", a.status)
	}
	f.clock.Add(time.Second)
	if a := f.get(appTags, bearer(token)); a.status != 401 || a.challenge() != "invalid_token" {
		t.Errorf("after 5:00: %d %s", a.status, a.challenge())
	}
}

// TestAnonymousToken_life: a shorter life of access tokens is that of anonymous ones
// too; a longer one is not.
func TestAnonymousToken_life(t *testing.T) {
	for life, want := range map[string]float64{"1m": 60, "2h": 300} {
		s := strings.Replace(seed.Example(), "access: 1h", "access: "+life, 1)
		f := start(t, &emulator.Options{
			Seed: parse(t, strings.Replace(s, "anonymousPullEnabled: false", "anonymousPullEnabled: true", 1))})
		c := claims(t, f.post("/oauth2/token", "grant_type", "password", "service", f.host, "scope",
			"repository:a:pull").field(t, "access_token"))
		if got := c["exp"].(float64) - float64(f.clock.Now().Unix()); got != want {
			t.Errorf("access tokens live %s: an anonymous one has %v s, want %v", life, got, want)
		}
	}
}

// TestOtherCloud: an Entra token for another cloud's ARM is good, and no registry of
// this cloud takes it (recorded).
func TestOtherCloud(t *testing.T) {
	f := start(t, nil)
	for _, host := range []string{"management.usgovcloudapi.net", "management.core.usgovcloudapi.net",
		"management.chinacloudapi.cn",
		"management.core.chinacloudapi.cn", "management.microsoftazure.de"} {
		token := f.entraToken("https://"+host+"/.default").field(t, "access_token")
		a := f.post("/oauth2/exchange", "grant_type", "access_token", "service", f.host, "access_token", token)
		// 78 bytes, without a line feed (recorded)
		const body = `{"errors":[{"code":"UNAUTHORIZED","message":"retrieving permissions failed"}]}`
		if a.status != http.StatusUnauthorized || a.body != body ||
			a.header.Get("Content-Type") != "application/json" || a.header.Get("WWW-Authenticate") != "" {
			t.Errorf("%s: %d %v %s", host, a.status, a.header, a.body)
		}
		if d := f.last(); d.RuleID != rule.EntraTokenCloud || d.Principal != clientID ||
			d.Outcome != emulator.OutcomeDenied {
			t.Errorf("%s: %+v", host, d)
		}
		if a := f.get("/subscriptions?api-version=2022-12-01", bearer(token)); a.status != http.StatusUnauthorized {
			t.Errorf("%s: ARM answers %d", host, a.status)
		}
	}
}

// TestLeadingSlashes: clients whose endpoint of ARM or Entra ends in a slash.
func TestLeadingSlashes(t *testing.T) {
	f := start(t, nil)
	arm := bearer(f.entraToken("https://management.azure.com/.default").field(t, "access_token"))
	const version = "?api-version=2022-09-01"
	for path, status := range map[string]int{
		"//metadata/endpoints" + version: 200, "///metadata/endpoints" + version: 200,
		"//subscriptions" + version: 200, "//tenants" + version: 200, "//subscriptions": 400,
		"//" + tenantID + "/v2.0/.well-known/openid-configuration": 200,
		"//common/discovery/instance":                              200,
		"//adfs/discovery/keys":                                    200,
		"//v2/":                                                    404, "//v2": 404, "//acr/v1/_catalog": 404,
		"//oauth2/token?service=" + f.host: 404, "//_acrkit/v1/status": 404, "//": 404,
	} {
		a, plain := f.get("https://"+f.host+path, arm), f.get("/"+strings.TrimLeft(path, "/"), arm)
		if a.status != status {
			t.Errorf("%s: %d, want %d", path, a.status, status)
		}
		if status == 200 && (plain.status != 200 || a.body != plain.body && !strings.Contains(path, "keys")) {
			t.Errorf("%s: another answer than without the slash: %d\n%s\n%s", path, plain.status, plain.body, a.body)
		}
	}
	a := f.post("https://"+f.host+"//"+tenantID+"/oauth2/v2.0/token", "grant_type", "client_credentials", "client_id",
		clientID, "client_secret", secret, "scope", "https://containerregistry.azure.net/.default")
	a.field(t, "access_token")
}
