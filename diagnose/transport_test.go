package diagnose_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/diagnose"
	"github.com/acrkit/acrkit/emulator/control"
)

// TestFromTransport: the Transport alone says which registry it is, how it is reached, and
// whether by plain HTTP. Options that are set win.
func TestFromTransport(t *testing.T) {
	r := acrtest.NewRegistry(t, nil)
	r.Push("team/app", "v1")
	cred := r.Token("ci-app", "repositories/team/app/content/read").Credential()
	for name, opts := range map[string]*auth.Options{"https": {Base: r.RoundTripper()}, "http": {PlainHTTP: true}} {
		t.Run(name, func(t *testing.T) {
			tr, err := auth.NewTransport(r.Host(), cred, opts)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = tr.Close() })
			for _, s := range walk(t,
				diagnose.Check{Transport: tr,
					Wants: []diagnose.Want{{Repository: "team/app", Action: acrkit.ContentRead, Target: "v1"}}}, nil) {
				if s.Outcome == diagnose.Failed {
					t.Errorf("%s: %s", s.Name, s.Text)
				}
			}
			failure := do(t, tr, http.MethodGet, "/v2/team/app/tags/list")
			d, err := diagnose.Explain(t.Context(), diagnose.Attempt{Err: failure, Transport: tr}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(d.Fix, "acrkit emulator ") { // it was asked whether it is one
				t.Errorf("the fix is %q, probes %+v", d.Fix, d.Probes)
			}
			asked := 0
			base := roundTripper(func(*http.Request) (*http.Response, error) {
				asked++
				return nil, http.ErrServerClosed
			})
			if _, err = diagnose.Explain(t.Context(), diagnose.Attempt{Err: failure, Transport: tr},
				&diagnose.Options{Base: base}); err != nil || asked == 0 {
				t.Errorf("%v; the Base of the options was asked %d times", err, asked)
			}
		})
	}
}

// TestDoctor_wants: the steps of a want say which one, and whether the registry is an
// emulator is asked once, however many fixes depend on it.
func TestDoctor_wants(t *testing.T) {
	r := acrtest.NewRegistry(t, nil)
	r.Push("team/app", "v1")
	tr := r.Transport(r.Token("ci-app", "repositories/team/app/content/read").Credential())
	wants := []diagnose.Want{{Repository: "team/app", Action: acrkit.ContentRead, Target: "v1"},
		{Repository: "team/app", Action: acrkit.ContentWrite}, {Repository: "team/app", Action: acrkit.ContentDelete},
		{Repository: "Bad", Action: acrkit.ContentRead}}
	type key struct {
		name string
		want diagnose.Want
	}
	got := map[key]diagnose.Outcome{}
	asked := 0
	for _, s := range walk(t, diagnose.Check{Transport: tr, Wants: wants}, nil) {
		k := key{s.Name, s.Want}
		if _, twice := got[k]; twice {
			t.Errorf("the step %v comes twice", k)
		}
		for _, p := range s.Requests {
			if strings.HasSuffix(p.URL, control.Prefix) {
				asked++
			}
		}
		if s.Want != (diagnose.Want{}) {
			got[k] = s.Outcome
		}
	}
	want := map[key]diagnose.Outcome{
		{"rights", wants[0]}: diagnose.OK, {"operation", wants[0]}: diagnose.OK,
		{"data-endpoint", wants[0]}: diagnose.OK,
		{"rights", wants[1]}:        diagnose.Failed, {"rights", wants[2]}: diagnose.Failed,
		{"rights", wants[3]}: diagnose.Failed,
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(key{})); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if asked != 1 {
		t.Errorf("it was asked %d times whether it is an emulator", asked)
	}
}
