package diagnose_test

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/diagnose"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/wire"
)

const onTeamApp = "!(ActionMatches{'Microsoft.ContainerRegistry/registries/repositories/*'}) OR " +
	"@Request[Microsoft.ContainerRegistry/registries/repositories:name] StringEquals 'team/app'"

// TestRoles: the rights of an identity of Entra are roles. The mode of the registry is no
// proof of a cause, and the fix is a role, never a scope map or another mode.
func TestRoles(t *testing.T) {
	user := func(p acrtest.ServicePrincipal) auth.Credential { return auth.UserPassword(p.ClientID, p.ClientSecret) }
	for _, tc := range []struct {
		name         string
		abac         bool
		role, only   string // the role, and its condition
		method, path string
		login        func(acrtest.ServicePrincipal) auth.Credential
		cause        string
		sure         diagnose.Confidence
		mayBe        string
		fix          string // the role in it
		proved       string // the cause by the identity's roles; "" = the same
		by           string // the evidence for it
	}{
		{"excluded by the condition", true, "Container Registry Repository Reader", onTeamApp,
			http.MethodGet, "/v2/team/other/manifests/v1", nil,
			"no-right-here", diagnose.Suspected, "abac-mode", "Container Registry Repository Reader",
			"no-right-here",
			"the condition of the role Container Registry Repository Reader on SCOPE excludes team/other"},
		{"a role without effect", true, "AcrPull", "",
			http.MethodPost, "/v2/team/app/blobs/uploads/", nil,
			"no-right-here", diagnose.Suspected, "abac-mode", "Container Registry Repository Writer",
			"abac-mode", "the role AcrPull on SCOPE has no effect in ABAC mode"},
		{"some right in ABAC mode", true, "Container Registry Repository Reader", "",
			http.MethodDelete, "/acr/v1/team/app/_tags/v1", nil,
			"missing-right", diagnose.Proved, "", "Container Registry Repository Contributor", "", ""},
		{"the catalog in ABAC mode", true, "Container Registry Repository Reader", "",
			http.MethodGet, "/acr/v1/_catalog", nil,
			"missing-right", diagnose.Suspected, "abac-mode", "Container Registry Repository Catalog Lister",
			"missing-right", "the role Container Registry Repository Reader on SCOPE does not give it"},
		{"a push in legacy mode", false, "AcrPull", "",
			http.MethodPost, "/v2/team/app/blobs/uploads/", nil,
			"missing-right", diagnose.Proved, "", "AcrPush", "", ""},
		{"a deletion in legacy mode", false, "AcrPull", "",
			http.MethodDelete, "/acr/v1/team/app/_tags/v1", nil,
			"missing-right", diagnose.Proved, "", "AcrDelete", "", ""},
		{"by docker login", false, "AcrPull", "",
			http.MethodPost, "/v2/team/app/blobs/uploads/", user,
			"missing-right", diagnose.Proved, "", "AcrPush", "", ""},
		{"metadata only", false, "AcrDelete", "",
			http.MethodGet, "/v2/team/app/tags/list", nil,
			"metadata-read-missing", diagnose.Proved, "", "AcrPull", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := acrtest.NewRegistry(t, nil)
			r.Push("team/app", "v1")
			r.Push("team/other", "v1")
			if tc.abac {
				inABACMode(t, r)
			}
			p := r.ServicePrincipal()
			if err := r.Manage().AssignRole(t.Context(), seed.RoleAssignment{ClientID: p.ClientID, Role: tc.role,
				Condition: tc.only}); err != nil {
				t.Fatal(err)
			}
			cred := p.Credential()
			if tc.login != nil {
				cred = tc.login(p)
			}
			tr := r.Transport(cred)
			err := do(t, tr, tc.method, tc.path)
			for _, arm := range []diagnose.ARM{nil, armOf(t, r)} {
				d, explainErr := diagnose.Explain(t.Context(), diagnose.Attempt{Err: err, Transport: tr},
					&diagnose.Options{Base: r.RoundTripper(), ARM: arm})
				if explainErr != nil {
					t.Fatal(explainErr)
				}
				got, want, sure := row(t, d.Code), tc.cause, tc.sure
				if arm != nil && tc.proved != "" {
					want, sure = tc.proved, diagnose.Proved
					if by := "Azure Resource Manager: " + tc.by; !slices.Contains(withoutNames(d.Evidence), by) {
						t.Errorf("%q is not in %q", by, d.Evidence)
					}
				} else if mayBe, ok := diagnose.Lookup(tc.mayBe); ok && !slices.Contains(d.Candidates, mayBe.Code) {
					t.Errorf("%s is not among %v", tc.mayBe, d.Candidates)
				}
				if got.Name != want || d.Confidence != sure {
					t.Errorf("%s %s, want %s %s: %q", got.Name, d.Confidence, want, sure, d.Evidence)
				}
				command, _, _ := strings.Cut(d.Fix, "    # ")
				if !strings.HasPrefix(command, "az role assignment create --assignee "+p.ClientID+" --role ") ||
					!strings.Contains(command, tc.fix) {
					t.Errorf("the fix is %q, want the role %s", d.Fix, tc.fix)
				}
				if strings.Contains(d.Fix, "scope-map") || strings.Contains(d.Fix, "settings") {
					t.Errorf("the fix is %q", d.Fix)
				}
			}
		})
	}
}

// names are those that differ from run to run: of the registry, and of object ids.
var names = regexp.MustCompile(`/subscriptions/\S*/registries/\S+|object id [0-9a-f-]{36}`)

func withoutNames(texts []string) (out []string) {
	for _, text := range texts {
		out = append(out, names.ReplaceAllStringFunc(text, func(name string) string {
			if strings.HasPrefix(name, "/") {
				return "SCOPE"
			}
			return "object id ID"
		}))
	}
	return out
}

// TestAssignedRoles: Azure Resource Manager has the roles of an identity, which prove why it
// is refused, or leave it as it was.
func TestAssignedRoles(t *testing.T) {
	const reader, arm = "Container Registry Repository Reader", "Azure Resource Manager: "
	const noRole = arm + "no role on the registry is assigned to the object id ID, or to a group that it is in"
	const notHere = arm + "the role " + reader + " on SCOPE has no effect in a registry that is not in ABAC mode"
	const onlyTeamApp = arm + "the condition of the role " + reader + " on SCOPE excludes team/other"
	user := func(p acrtest.ServicePrincipal) auth.Credential { return auth.UserPassword(p.ClientID, p.ClientSecret) }
	type role struct{ name, condition string }
	for _, tc := range []struct {
		name    string
		abac    bool
		roles   []role
		removed bool // the roles are, after the login
		login   func(acrtest.ServicePrincipal) auth.Credential
		path    string // "" = the manifest of team/other
		cause   string
		shown   []string
		fix     string // the role in it
	}{
		{name: "AcrPull in ABAC mode", abac: true, roles: []role{{"AcrPull", ""}}, cause: "abac-mode",
			shown: []string{arm + "the role AcrPull on SCOPE has no effect in ABAC mode"}, fix: reader},
		{name: "AcrPull by docker login", abac: true, roles: []role{{"AcrPull", ""}}, login: user, cause: "abac-mode",
			shown: []string{arm + "the role AcrPull on SCOPE has no effect in ABAC mode"}, fix: reader},
		{name: "Owner in ABAC mode", abac: true, roles: []role{{"Owner", ""}}, cause: "abac-mode",
			shown: []string{arm + "the role Owner on SCOPE has no effect in ABAC mode"}, fix: reader},
		{name: "the catalog in ABAC mode", abac: true, roles: []role{{"AcrPull", ""}}, path: "/acr/v1/_catalog",
			cause: "abac-mode", shown: []string{arm + "the role AcrPull on SCOPE has no effect in ABAC mode"},
			fix: "Container Registry Repository Catalog Lister"},
		{name: "a condition", abac: true, roles: []role{{reader, onTeamApp}}, cause: "no-right-here",
			shown: []string{onlyTeamApp}, fix: reader},
		{name: "a condition and no effect", abac: true, roles: []role{{"AcrPull", ""}, {reader, onTeamApp}},
			cause: "no-right-here",
			shown: []string{onlyTeamApp, arm + "the role AcrPull on SCOPE has no effect in ABAC mode"}, fix: reader},
		{name: "another role", abac: true, roles: []role{{"Container Registry Repository Catalog Lister", ""}},
			cause: "no-right-here",
			shown: []string{arm + "the role Container Registry Repository Catalog Lister on SCOPE does not give it"},
			fix:   reader},
		{name: "none in ABAC mode", abac: true, roles: []role{{"AcrPull", ""}}, removed: true, cause: "no-right-here",
			shown: []string{noRole},
			fix:   reader},
		{name: "a repository role in legacy mode", roles: []role{{reader, ""}}, cause: "no-right-here",
			shown: []string{notHere},
			fix:   "AcrPull"},
		{name: "a conditional role in legacy mode", roles: []role{{reader, onTeamApp}}, cause: "no-right-here",
			shown: []string{notHere},
			fix:   "AcrPull"},
		{name: "none in legacy mode", roles: []role{{"AcrPull", ""}}, removed: true, cause: "no-right-here",
			shown: []string{noRole},
			fix:   "AcrPull"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := acrtest.NewRegistry(t, nil)
			r.Push("team/other", "v1")
			if tc.abac {
				inABACMode(t, r)
			}
			p := r.ServicePrincipal()
			for _, x := range tc.roles {
				if err := r.Manage().AssignRole(t.Context(), seed.RoleAssignment{ClientID: p.ClientID, Role: x.name,
					Condition: x.condition}); err != nil {
					t.Fatal(err)
				}
			}
			cred := p.Credential()
			if tc.login != nil {
				cred = tc.login(p)
			}
			tr := r.Transport(cred)
			if tc.removed {
				if _, err := tr.RefreshToken(t.Context()); err != nil {
					t.Fatal(err)
				}
				if err := r.Manage().RemoveRoles(t.Context(), p.ClientID); err != nil {
					t.Fatal(err)
				}
			}
			err := do(t, tr, http.MethodGet, cmp.Or(tc.path, "/v2/team/other/manifests/v1"))
			d := examine(t, failure{attempt: diagnose.Attempt{Err: err, Transport: tr},
				opts: diagnose.Options{Base: r.RoundTripper()}}, armOf(t, r))
			if row(t, d.Code).Name != tc.cause || d.Confidence != diagnose.Proved {
				t.Errorf("%s %s, want %s: %q", row(t, d.Code).Name, d.Confidence, tc.cause, d.Evidence)
			}
			got := slices.DeleteFunc(withoutNames(d.Evidence), func(text string) bool {
				return !strings.HasPrefix(text, arm) || strings.HasPrefix(text, arm+"roleAssignmentMode")
			})
			if diff := gocmp.Diff(tc.shown, got); diff != "" {
				t.Errorf("the evidence (-want +got):\n%s", diff)
			}
			command, _, _ := strings.Cut(d.Fix, "    # ")
			if !strings.HasPrefix(command, "az role assignment create --assignee "+p.ClientID+" --role ") ||
				!strings.Contains(command, tc.fix) {
				t.Errorf("the fix is %q, want the role %s", d.Fix, tc.fix)
			}
		})
	}
}

// TestAssignedRolesOfText: what a client prints is enough, with its credential.
func TestAssignedRolesOfText(t *testing.T) {
	r := acrtest.NewRegistry(t, nil)
	r.Push("team/app", "v1")
	inABACMode(t, r)
	text := "failed to resolve reference \"" + r.Host() + "/team/app:v1\": pull access denied, repository does not " +
		"exist or may require authorization: server message: insufficient_scope: authorization failed"
	d := examine(t, failure{attempt: diagnose.Attempt{Text: text,
		Transport: r.Transport(r.ServicePrincipal("AcrPull").Credential())},
		opts: diagnose.Options{Base: r.RoundTripper()}}, armOf(t, r))
	if row(t, d.Code).Name != "abac-mode" || d.Confidence != diagnose.Proved {
		t.Errorf("%s %s %q", d.Code, d.Confidence, d.Evidence)
	}
}

// roleList is Azure Resource Manager that knows a registry in ABAC mode, and the roles of one
// identity or why it does not show them.
type roleList struct {
	lines
	roles []diagnose.RoleState
	err   error
	asked []string
}

func (*roleList) Registry(context.Context, acrkit.Registry) (diagnose.RegistryState, error) {
	return diagnose.RegistryState{ABAC: true}, nil
}

func (l *roleList) Roles(_ context.Context, _ acrkit.Registry, id string) ([]diagnose.RoleState, error) {
	l.asked = append(l.asked, id)
	return l.roles, l.err
}

// TestUndecidedRoles: a role that gives the right, or may, and roles that cannot be read prove
// nothing.
func TestUndecidedRoles(t *testing.T) {
	r := acrtest.NewRegistry(t, nil)
	r.Push("team/app", "v1")
	inABACMode(t, r)
	tr := r.Transport(r.ServicePrincipal("AcrPull").Credential())
	refused := do(t, tr, http.MethodGet, "/v2/team/app/manifests/v1")
	without := diagnose.RoleState{Name: "AcrPull", Scope: "/s", Legacy: []string{"content/read"}}
	with := diagnose.RoleState{Name: "Reader", Scope: "/s", ABAC: []string{"content/read"}}
	odd := with
	odd.Condition = "@Environment[isPrivateLink] BoolEquals true"
	many := slices.Repeat([]diagnose.RoleState{without}, 40)
	denied := &acrkit.Error{Code: acrkit.CodeDenied, Op: "ask", Reason: "the identity may not read this"}
	for name, tc := range map[string]struct {
		roles []diagnose.RoleState
		err   error
		cause string
		sure  diagnose.Confidence
		noted string
	}{
		"it gives it":   {[]diagnose.RoleState{without, with}, nil, "no-right-here", diagnose.Suspected, "answered"},
		"odd condition": {[]diagnose.RoleState{without, odd}, nil, "no-right-here", diagnose.Suspected, "answered"},
		"undefined":     {[]diagnose.RoleState{without, {Scope: "/s"}}, nil, "no-right-here", diagnose.Suspected, ""},
		"not read":      {nil, denied, "no-right-here", diagnose.Suspected, "may not read this"},
		"many":          {many, nil, "abac-mode", diagnose.Proved, "answered"},
	} {
		arm := &roleList{roles: tc.roles, err: tc.err}
		d := examine(t, failure{attempt: diagnose.Attempt{Err: refused, Transport: tr},
			opts: diagnose.Options{Base: r.RoundTripper()}}, arm)
		if row(t, d.Code).Name != tc.cause || d.Confidence != tc.sure || len(d.Evidence) > 10 {
			t.Errorf("%s: %s %s %q", name, d.Code, d.Confidence, d.Evidence)
		}
		noted := slices.ContainsFunc(d.Probes, func(p diagnose.Probe) bool {
			return strings.Contains(p.What, "the roles of the object id ") && strings.Contains(p.Result, tc.noted)
		})
		if len(arm.asked) != 1 || !noted {
			t.Errorf("%s: asked %q, noted %+v", name, arm.asked, d.Probes)
		}
	}
}

// TestRolesRequests: the role definitions are read after the assignments, and only if there are
// some.
func TestRolesRequests(t *testing.T) {
	r := acrtest.NewRegistry(t, nil)
	p, q := r.ServicePrincipal("Reader"), r.ServicePrincipal()
	var lists []string
	base := roundTripper(func(req *http.Request) (*http.Response, error) {
		at, list, ok := strings.Cut(req.URL.Path, "/Microsoft.Authorization/")
		if ok && strings.Contains(at, "registries/") {
			lists = append(lists, list)
		}
		return r.RoundTripper().RoundTrip(req)
	})
	arm, err := diagnose.NewARM(func(context.Context) (string, error) {
		return entraToken(t, r, p, "https://management.azure.com/.default"), nil
	}, &diagnose.ARMOptions{Endpoint: r.URL(), Base: base})
	if err != nil {
		t.Fatal(err)
	}
	reg, err := acrkit.ParseRegistry(r.Host())
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		id   string
		want []string
	}{
		{subjectOf(t, r, p), []string{"roleAssignments", "roleDefinitions"}},
		{q.ClientID, []string{"roleAssignments"}},
		{"x') or atScope() or assignedTo('y", nil},
	} {
		lists = nil
		all, err := arm.Roles(t.Context(), reg, x.id)
		if (err != nil) != (x.want == nil) || len(all) != max(0, len(x.want)-1) || !slices.Equal(lists, x.want) {
			t.Errorf("%s: %+v, %v, asked for %q", x.id, all, err, lists)
		}
	}
}

// subjectOf is the object id of a service principal.
func subjectOf(t *testing.T, r *acrtest.Registry, p acrtest.ServicePrincipal) string {
	t.Helper()
	claims, err := wire.ReadClaims(refreshToken(t, r, p))
	if err != nil {
		t.Fatal(err)
	}
	return claims.Subject
}

// TestDoctorRoles: the doctor asks once for the roles of an identity, for all that it wants.
func TestDoctorRoles(t *testing.T) {
	r := acrtest.NewRegistry(t, nil)
	r.Push("team/app", "v1")
	inABACMode(t, r)
	tr := r.Transport(r.ServicePrincipal("AcrPull").Credential())
	arm := &roleList{roles: []diagnose.RoleState{{Name: "AcrPull", Scope: "/s", Legacy: []string{"content/read"}}}}
	check := diagnose.Check{Transport: tr}
	for _, repository := range []string{"team/app", "team/b", "team/c"} {
		check.Wants = append(check.Wants, diagnose.Want{Repository: repository, Action: acrkit.ContentRead})
	}
	proved := 0
	for step := range diagnose.Doctor(t.Context(), check, &diagnose.Options{Base: r.RoundTripper(), ARM: arm}) {
		if d := step.Diagnosis; d != nil && row(t, d.Code).Name == "abac-mode" && d.Confidence == diagnose.Proved {
			proved++
		}
	}
	if proved != len(check.Wants) || len(arm.asked) != 1 {
		t.Errorf("%d proved, %q asked for", proved, arm.asked)
	}
}

// TestWhoseRoles: only an object id is asked for. The name of a user and a client id are none:
// that Azure lists no role of them would prove nothing.
func TestWhoseRoles(t *testing.T) {
	const client, object = "22222222-2222-2222-2222-222222222222", "44444444-4444-4444-4444-444444444444"
	for subject, want := range map[string][]string{object: {object}, client: nil, "someone@example.com": nil,
		"00000000-0000-0000-0000-000000000000": nil, "": nil} {
		access := jwt(map[string]any{"iss": "Azure Container Registry", "aud": acrHost, "sub": subject,
			"grant_type": "access_token", "exp": time.Now().Add(time.Hour).Unix(), "access": []any{}})
		base := serveTLS(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/oauth2/token" {
				_ = json.NewEncoder(w).Encode(map[string]string{"access_token": access})
				return
			}
			w.Header().Set("Www-Authenticate", `Bearer realm="https://`+acrHost+`/oauth2/token",service="`+acrHost+
				`",scope="repository:team/app:pull",error="insufficient_scope"`)
			w.WriteHeader(http.StatusUnauthorized)
		})
		tr, err := auth.NewTransport(acrHost, auth.UserPassword(client, "leak-canary-password"),
			&auth.Options{Base: base})
		if err != nil {
			t.Fatal(err)
		}
		arm := &roleList{}
		d := examine(t, failure{attempt: diagnose.Attempt{Err: do(t, tr, http.MethodGet, "/v2/team/app/manifests/v1"),
			Transport: tr}, opts: diagnose.Options{Base: base}}, arm)
		if !slices.Equal(arm.asked, want) || (d.Confidence == diagnose.Proved) != (want != nil) {
			t.Errorf("%q: asked %q, %s %s %q", subject, arm.asked, d.Code, d.Confidence, d.Evidence)
		}
		_ = tr.Close()
	}
}

// TestRolesUnseen: who may not read role assignments is told so, and the cause stays as it was.
func TestRolesUnseen(t *testing.T) {
	r := acrtest.NewRegistry(t, nil)
	r.Push("team/app", "v1")
	inABACMode(t, r)
	tr := r.Transport(r.ServicePrincipal("AcrPull").Credential())
	refused := do(t, tr, http.MethodGet, "/v2/team/app/manifests/v1")
	for actions, want := range map[string]diagnose.Confidence{
		"":                      diagnose.Suspected,
		"/roleAssignments/read": diagnose.Suspected,
		"/roleDefinitions/read": diagnose.Suspected,
		"/*/read":               diagnose.Proved,
	} {
		may := []string{"Microsoft.ContainerRegistry/registries/read"}
		if actions != "" {
			may = append(may, "Microsoft.Authorization"+actions)
		}
		d := examine(t, failure{attempt: diagnose.Attempt{Err: refused, Transport: tr},
			opts: diagnose.Options{Base: r.RoundTripper()}}, armAs(t, r, r.CustomRole(may...)))
		i := slices.IndexFunc(d.Probes, func(p diagnose.Probe) bool { return strings.Contains(p.What, "the roles of") })
		if d.Confidence != want || i < 0 ||
			strings.Contains(d.Probes[i].Result, "may not read this") != (want == diagnose.Suspected) {
			t.Errorf("%q: %s %s %+v", actions, d.Code, d.Confidence, d.Probes)
		}
	}
}

func inABACMode(t *testing.T, r *acrtest.Registry) {
	t.Helper()
	if err := r.Manage().ChangeSettings(t.Context(), func(s *emulator.RegistrySettings) {
		s.RoleAssignmentMode = "AbacRepositoryPermissions"
	}); err != nil {
		t.Fatal(err)
	}
}

// TestRolesAtAzure: at a registry of Microsoft, without a probe, the fix has the role of
// either mode.
func TestRolesAtAzure(t *testing.T) {
	const client = "22222222-2222-2222-2222-222222222222"
	x := &diagnose.Exchange{Method: http.MethodPost, URL: "https://" + acrHost + "/v2/team/app/blobs/uploads/",
		RequestHeader: basic(client, "leak-canary-password"), Status: http.StatusUnauthorized,
		Header: http.Header{"Www-Authenticate": {`Bearer realm="https://` + acrHost + `/oauth2/token",service="` + acrHost +
			`",scope="repository:team/app:pull,push",error="insufficient_scope"`}}}
	d, err := diagnose.Explain(t.Context(), diagnose.Attempt{Exchange: x}, &diagnose.Options{NoProbes: true})
	if err != nil {
		t.Fatal(err)
	}
	const want = "az role assignment create --assignee " + client + " --role AcrPush --scope $(az acr show --name " +
		"myregistry --query id --output tsv)    # in ABAC mode Container Registry Repository Writer"
	if d.Fix != want {
		t.Errorf("%s %q", d.Code, d.Fix)
	}
}

// TestAnonymousRights: a client without a credential lacks a credential, not a scope map.
func TestAnonymousRights(t *testing.T) {
	r := acrtest.NewRegistry(t, nil)
	r.Push("team/app", "v1")
	if err := r.Manage().ChangeSettings(t.Context(), func(s *emulator.RegistrySettings) {
		s.AnonymousPull = true
	}); err != nil {
		t.Fatal(err)
	}
	tr := r.Transport(auth.Anonymous())
	refused := do(t, tr, http.MethodDelete, "/acr/v1/team/app/_tags/v1")
	d, err := diagnose.Explain(t.Context(), diagnose.Attempt{Err: refused, Transport: tr},
		&diagnose.Options{Base: r.RoundTripper()})
	if err != nil || d.Fix != "acrkit login "+r.Host() {
		t.Errorf("%s %q %q, %v", d.Code, d.Fix, d.Evidence, err)
	}
}

// TestCatalogOfUnknown: a refused catalog is that of a scope-mapped token only where
// something says whose it is.
func TestCatalogOfUnknown(t *testing.T) {
	x := &diagnose.Exchange{Method: http.MethodGet, URL: "https://" + acrHost + "/acr/v1/_catalog",
		Status: http.StatusUnauthorized, Header: http.Header{"Www-Authenticate": {`Bearer realm="https://` + acrHost +
			`/oauth2/token",service="` + acrHost + `",scope="registry:catalog:*",error="insufficient_scope"`}}}
	d, err := diagnose.Explain(t.Context(), diagnose.Attempt{Exchange: x}, &diagnose.Options{NoProbes: true})
	if err != nil || row(t, d.Code).Name != "catalog-scoped" || d.Confidence != diagnose.Suspected ||
		len(d.Candidates) < 2 {
		t.Errorf("%+v, %v", d, err)
	}
}

// lines is Azure Resource Manager that knows the lines of one scope map.
type lines []string

func (lines) Registry(context.Context, acrkit.Registry) (diagnose.RegistryState, error) {
	return diagnose.RegistryState{}, nil
}

func (l lines) Token(context.Context, acrkit.Registry, string) (diagnose.TokenState, error) {
	return diagnose.TokenState{Enabled: true, Lines: l}, nil
}

func (lines) Roles(context.Context, acrkit.Registry, string) ([]diagnose.RoleState, error) {
	return nil, acrkit.CodeDenied
}

// TestWrongWildcard: a wildcard that holds nothing is the cause only if it seems to give
// what is missing.
func TestWrongWildcard(t *testing.T) {
	f := lacking(http.MethodGet, "/v2/team/app/manifests/v1", "repositories/other/content/read")(t)
	for line, want := range map[string]string{
		"repositories/team*/content/read":        "wildcard-wrong",
		"repositories/*/app/content/read":        "wildcard-wrong",
		"repositories/team/app/*/content/read":   "wildcard-wrong",
		"repositories/team*/content/delete":      "no-right-here",
		"repositories/other*/content/read":       "no-right-here",
		"repositories/team/app/*/content/delete": "no-right-here",
		"repositories/base/*/content/read":       "no-right-here",
	} {
		f.arm = lines{line}
		if d := examine(t, f, f.arm); row(t, d.Code).Name != want {
			t.Errorf("%s: %s, want %s: %q", line, d.Code, want, d.Evidence)
		}
	}
}

// TestSameIdentityTwice: a place that was passed over and has the same name is no other
// identity.
func TestSameIdentityTwice(t *testing.T) {
	f := lacking(http.MethodGet, "/v2/team/app/manifests/v1", "repositories/other/content/read")(t)
	for name, want := range map[string]string{"reader": "no-right-here", "READER": "no-right-here",
		"writer": "wrong-identity", "": "wrong-identity"} {
		f.attempt.Lookups = []auth.Lookup{{Source: "ACR_TOKEN_NAME and ACR_TOKEN_PASSWORD", Name: "reader",
			Kind: auth.KindScopedToken, Outcome: auth.OutcomeUsed},
			{Source: "config.json", Kind: auth.KindDockerConfig, Outcome: auth.OutcomeShadowed, Name: name}}
		if d := examine(t, f, nil); row(t, d.Code).Name != want {
			t.Errorf("%q: %s %s, want %s: %q", name, d.Code, d.Confidence, want, d.Evidence)
		}
	}
}

// TestCircumstances: what was sent is no proof where the answer says something else.
func TestCircumstances(t *testing.T) {
	at := func(status int, header http.Header) diagnose.Diagnosis {
		x := &diagnose.Exchange{Method: http.MethodGet, URL: "https://" + acrHost + "/oauth2/token?service=" + acrHost,
			RequestHeader: header, Status: status, Header: http.Header{}}
		d, err := diagnose.Explain(t.Context(), diagnose.Attempt{Exchange: x}, &diagnose.Options{NoProbes: true})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, password := range []string{"leak-canary-password\n", "\ufeffleak-canary-password"} {
		for status, want := range map[int]string{http.StatusTooManyRequests: "throttled",
			http.StatusServiceUnavailable: "unavailable"} {
			if d := at(status, basic("reader", password)); row(t, d.Code).Name != want {
				t.Errorf("%q, %d: %s %s", password, status, d.Code, d.Confidence)
			}
		}
	}
	for status, want := range map[int]diagnose.Confidence{http.StatusBadRequest: diagnose.Suspected,
		http.StatusRequestHeaderFieldsTooLarge: diagnose.Proved} {
		if d := at(status, basic("reader", strings.Repeat("x", 10<<10))); row(t, d.Code).Name != "header-too-large" ||
			d.Confidence != want {
			t.Errorf("%d: %s %s", status, d.Code, d.Confidence)
		}
	}
}
