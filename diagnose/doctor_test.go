package diagnose_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/diagnose"
)

// walk lets the doctor walk, and sees that what it shows holds no secret.
func walk(t *testing.T, check diagnose.Check, opts *diagnose.Options, secrets ...string) []diagnose.Step {
	t.Helper()
	var steps []diagnose.Step
	for s := range diagnose.Doctor(t.Context(), check, opts) {
		steps = append(steps, s)
		for _, secret := range append(secrets, "eyJ", "leak-canary") {
			if shown := seen(t, s) + fmt.Sprintf("%+v", s); strings.Contains(shown, secret) {
				t.Errorf("a secret is in the step %q", s.Name)
			}
		}
	}
	return steps
}

// asked returns the HTTP requests that the steps list.
func asked(steps []diagnose.Step) []string {
	var out []string
	for _, s := range steps {
		for _, p := range s.Requests {
			if p.Method != "" && !strings.Contains(p.URL, "/oauth2/") {
				out = append(out, fmt.Sprintf("%s %d", p.Method, p.Status))
			}
		}
	}
	return out
}

func TestDoctor_Healthy(t *testing.T) {
	r := acrtest.NewRegistry(t, nil)
	r.Push("team/app", "v1")
	const app = "repositories/team/app/"
	token := r.Token("ci-app", app+"content/read", app+"content/write", app+"metadata/read")
	for name, cred := range map[string]auth.Credential{"scoped token": token.Credential(),
		"service principal": r.ServicePrincipal("AcrPush").Credential()} {
		t.Run(name, func(t *testing.T) {
			tr := r.Transport(cred)
			r.ResetRequests()
			steps := walk(t, diagnose.Check{Registry: tr.Registry(), Transport: tr, Wants: []diagnose.Want{
				{Repository: "team/app", Action: acrkit.ContentRead},
				{Repository: "team/app", Action: acrkit.ContentWrite, Target: "v1"},
				{Repository: "team/app", Action: acrkit.MetadataRead},
			}}, &diagnose.Options{Base: r.RoundTripper()}, token.Password1)
			done := map[string]diagnose.Outcome{}
			for _, s := range steps {
				if s.Outcome == diagnose.Failed || s.Outcome == diagnose.Warning || s.Diagnosis != nil {
					t.Errorf("%s: %s %s", s.Name, s.Outcome, s.Text)
				}
				if done[s.Name] != diagnose.OK {
					done[s.Name] = s.Outcome
				}
			}
			for _, step := range []string{"registry", "name", "tcp", "tls", "proxy", "challenge", "network-rule",
				"clock", "credential", "shape", "token", "rights", "operation", "locks", "data-endpoint"} {
				if done[step] != diagnose.OK {
					t.Errorf("the step %q ended %q", step, done[step])
				}
			}
			var wire []string
			for _, q := range r.Requests() {
				switch {
				case strings.HasPrefix(q.Path, "/oauth2/"), strings.HasSuffix(q.Path, "/oauth2/v2.0/token"):
					// The work's own: its tokens.
				case q.Method != http.MethodGet && q.Method != http.MethodHead:
					t.Errorf("the doctor sent %s, which may change something", q)
				default:
					wire = append(wire, fmt.Sprintf("%s %d", q.Method, q.Status))
				}
			}
			if len(wire) > 6 {
				t.Errorf("%d requests beyond the work's own, and at most 6 are promised: %q", len(wire), wire)
			}
			if diff := cmp.Diff(wire, asked(steps)); diff != "" {
				t.Errorf("not every request is listed (-wire +listed):\n%s", diff)
			}
		})
	}
}

// TestDoctor_Finds sees at which step the walk finds what is wrong, and what.
func TestDoctor_Finds(t *testing.T) {
	const app = "repositories/team/app/"
	read := []diagnose.Want{{Repository: "team/app", Action: acrkit.ContentRead, Target: "v1"}}
	for _, tt := range []struct {
		name, step, cause string
		make              func(t *testing.T, r *acrtest.Registry) diagnose.Check
	}{
		{"network rule", "network-rule", "network-rule", func(_ *testing.T, r *acrtest.Registry) diagnose.Check {
			tr := r.Transport(nil)
			r.DenyNetwork()
			return diagnose.Check{Registry: tr.Registry(), Transport: tr}
		}},
		{"credential that cannot be used", "credential", "password-whitespace",
			func(t *testing.T, r *acrtest.Registry) diagnose.Check {
				reg := mustRegistry(t, r.Host())
				_, err := auth.NewTransport(r.Host(), auth.ScopedToken("ci-app", "leak-canary\n"), nil)
				return diagnose.Check{Registry: reg, Err: err}
			}},
		{"no credential", "credential", "no-credential", func(t *testing.T, r *acrtest.Registry) diagnose.Check {
			return diagnose.Check{Registry: mustRegistry(t, r.Host())}
		}},
		{"password", "token", "credential-rejected", func(_ *testing.T, r *acrtest.Registry) diagnose.Check {
			tr := r.Transport(auth.ScopedToken("ci-app", wrongPassword))
			return diagnose.Check{Registry: tr.Registry(), Transport: tr, Wants: read}
		}},
		{"client secret", "entra", "entra-secret-wrong", func(_ *testing.T, r *acrtest.Registry) diagnose.Check {
			p := r.ServicePrincipal("AcrPull")
			p.ClientSecret = wrongPassword
			tr := r.Transport(p.Credential())
			return diagnose.Check{Registry: tr.Registry(), Transport: tr, Wants: read}
		}},
		{"role", "exchange", "no-role", func(_ *testing.T, r *acrtest.Registry) diagnose.Check {
			tr := r.Transport(r.ServicePrincipal().Credential())
			return diagnose.Check{Registry: tr.Registry(), Transport: tr, Wants: read}
		}},
		{"right", "rights", "push-without-pull", func(_ *testing.T, r *acrtest.Registry) diagnose.Check {
			tr := r.Transport(r.Token("ci-app", app+"content/write").Credential())
			return diagnose.Check{Registry: tr.Registry(), Transport: tr,
				Wants: []diagnose.Want{{Repository: "team/app", Action: acrkit.ContentWrite}}}
		}},
		{"tag", "operation", "tag-unknown", func(_ *testing.T, r *acrtest.Registry) diagnose.Check {
			tr := r.Transport(r.Token("ci-app", app+"content/read", app+"metadata/read").Credential())
			return diagnose.Check{Registry: tr.Registry(), Transport: tr,
				Wants: []diagnose.Want{{Repository: "team/app", Action: acrkit.ContentRead, Target: "gone"}}}
		}},
		{"lock", "locks", "tag-locked", func(t *testing.T, r *acrtest.Registry) diagnose.Check {
			k := r.TokenOf("owner", "_repositories_admin")
			if _, err := r.Client(k.Credential()).UpdateTag(t.Context(), "team/app", "v1", off()); err != nil {
				t.Fatal(err)
			}
			tr := r.Transport(k.Credential())
			return diagnose.Check{Registry: tr.Registry(), Transport: tr,
				Wants: []diagnose.Want{{Repository: "team/app", Action: acrkit.ContentWrite, Target: "v1"}}}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := acrtest.NewRegistry(t, nil)
			r.Push("team/app", "v1")
			steps := walk(t, tt.make(t, r), &diagnose.Options{Base: r.RoundTripper(), Resolver: noAlias{}})
			var found []string
			for _, s := range steps {
				if s.Outcome == diagnose.Failed {
					c, _ := diagnose.Lookup(string(s.Diagnosis.Code))
					found = append(found, s.Name+": "+c.Name)
				}
			}
			if diff := cmp.Diff([]string{tt.step + ": " + tt.cause}, found); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNoProbes: no failure leads to a request where requests are forbidden.
func TestNoProbes(t *testing.T) {
	r := acrtest.NewRegistry(t, nil)
	r.Push("team/app", "v1")
	tr := r.Transport(r.Token("ci-app", "repositories/team/app/content/read").Credential())
	err := do(t, tr, http.MethodGet, "/v2/team/app/tags/list")
	r.ResetRequests()
	d, explainErr := diagnose.Explain(t.Context(), diagnose.Attempt{Err: err, Transport: tr},
		&diagnose.Options{NoProbes: true, Base: r.RoundTripper()})
	if explainErr != nil {
		t.Fatal(explainErr)
	}
	if got := r.Requests(); len(got) > 0 || len(d.Probes) > 0 {
		t.Errorf("%v, %v", got, d.Probes)
	}
	if c, _ := diagnose.Lookup(string(d.Code)); c.Name != "metadata-read-missing" ||
		d.Confidence != diagnose.Suspected {
		t.Errorf("%s, %s", c.Name, d.Confidence)
	}
}

// TestProbesStayHome sees that a probe sends a client's credential to the origin it
// was meant for alone, and never to a host that an answer or an exchange names.
func TestProbesStayHome(t *testing.T) {
	var hosts []string
	base := roundTripper(func(req *http.Request) (*http.Response, error) {
		hosts = append(hosts, req.URL.Host)
		return nil, fmt.Errorf("no answer")
	})
	for _, target := range []string{"https://evil.example/v2/team/app/tags/list", "https://evil.example/oauth2/token"} {
		x := &diagnose.Exchange{Method: http.MethodGet, URL: target, Status: http.StatusUnauthorized,
			RequestHeader: basic("ci", "leak-canary-password"),
			Header: http.Header{"Www-Authenticate": {`Basic realm="Azure Container Registry"`,
				`Bearer realm="https://evil.example/token",service="evil.example",scope="repository:team/app:pull"`}}}
		d, err := diagnose.Explain(t.Context(), diagnose.Attempt{Registry: mustRegistry(t, acrHost), Exchange: x},
			&diagnose.Options{Base: base, Resolver: noAlias{}})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(seen(t, d), "leak-canary") {
			t.Error("the password is in the diagnosis")
		}
	}
	for _, h := range hosts {
		if h != acrHost {
			t.Errorf("a probe went to %s", h)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
