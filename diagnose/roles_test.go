package diagnose_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/diagnose"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
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
	}{
		{"excluded by the condition", true, "Container Registry Repository Reader", onTeamApp,
			http.MethodGet, "/v2/team/other/manifests/v1", nil,
			"no-right-here", diagnose.Suspected, "abac-mode", "Container Registry Repository Reader"},
		{"a role without effect", true, "AcrPull", "",
			http.MethodPost, "/v2/team/app/blobs/uploads/", nil,
			"no-right-here", diagnose.Suspected, "abac-mode", "Container Registry Repository Writer"},
		{"some right in ABAC mode", true, "Container Registry Repository Reader", "",
			http.MethodDelete, "/acr/v1/team/app/_tags/v1", nil,
			"missing-right", diagnose.Proved, "", "Container Registry Repository Contributor"},
		{"the catalog in ABAC mode", true, "Container Registry Repository Reader", "",
			http.MethodGet, "/acr/v1/_catalog", nil,
			"missing-right", diagnose.Suspected, "abac-mode", "Container Registry Repository Catalog Lister"},
		{"a push in legacy mode", false, "AcrPull", "",
			http.MethodPost, "/v2/team/app/blobs/uploads/", nil, "missing-right", diagnose.Proved, "", "AcrPush"},
		{"a deletion in legacy mode", false, "AcrPull", "",
			http.MethodDelete, "/acr/v1/team/app/_tags/v1", nil, "missing-right", diagnose.Proved, "", "AcrDelete"},
		{"by docker login", false, "AcrPull", "",
			http.MethodPost, "/v2/team/app/blobs/uploads/", user, "missing-right", diagnose.Proved, "", "AcrPush"},
		{"metadata only", false, "AcrDelete", "",
			http.MethodGet, "/v2/team/app/tags/list", nil, "metadata-read-missing", diagnose.Proved, "", "AcrPull"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := acrtest.NewRegistry(t, nil)
			r.Push("team/app", "v1")
			r.Push("team/other", "v1")
			if tc.abac {
				if err := r.Manage().ChangeSettings(t.Context(), func(s *emulator.RegistrySettings) {
					s.RoleAssignmentMode = "AbacRepositoryPermissions"
				}); err != nil {
					t.Fatal(err)
				}
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
				got := row(t, d.Code)
				if got.Name != tc.cause || d.Confidence != tc.sure {
					t.Errorf("%s %s, want %s %s: %q", got.Name, d.Confidence, tc.cause, tc.sure, d.Evidence)
				}
				if want, ok := diagnose.Lookup(tc.mayBe); ok && !slices.Contains(d.Candidates, want.Code) {
					t.Errorf("%s is not among %v", tc.mayBe, d.Candidates)
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
