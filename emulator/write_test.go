package emulator_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/scopemap"
)

// TestScopeMapLimit: the limit of a tier holds for the handle, the control API and a
// seed that is merged, together.
func TestScopeMapLimit(t *testing.T) {
	dir := t.TempDir()
	basic := &seed.Seed{Registries: []seed.Registry{{Name: "myregistry", SKU: "Basic"}}}
	e := start(t, &emulator.Options{DataDir: dir, Seed: basic})
	r, err := e.Registry("")
	must(t, err)
	m, err := scopemap.Parse([]string{"repositories/app/content/read"})
	must(t, err)
	for i := range 100 {
		m.Name = fmt.Sprintf("map-number-%d", i)
		must(t, r.PutScopeMap(t.Context(), m))
	}
	m.Name = "one-more"
	if err := r.PutScopeMap(t.Context(), m); acrkit.CodeOf(err) != acrkit.CodeTooLarge {
		t.Errorf("one more: %v", err)
	}
	body := `{"description":"","actions":["repositories/app/content/read"]}`
	path := "/_acrkit/v1/registries/myregistry/scope-maps/"
	key := http.Header{"Acrkit-Control-Key": {string(e.ControlKey())}, "Content-Type": {"application/json"}}
	if got := e.do("PUT", path+"one-more", key, body).status; got != http.StatusRequestEntityTooLarge {
		t.Errorf("one more by the control API: %d", got)
	}
	if got := e.do("PUT", path+"map-number-7", key, body).status; got != http.StatusOK {
		t.Errorf("change one by the control API: %d", got)
	}
	must(t, e.Close())
	basic.Registries[0].ScopeMaps = []seed.ScopeMap{{Name: "one-more", Actions: m.Lines()}}
	_, err = emulator.Open(t.Context(), &emulator.Options{DataDir: dir, Seed: basic, SeedMode: emulator.SeedMerge})
	if acrkit.CodeOf(err) != acrkit.CodeTooLarge {
		t.Errorf("one more by a seed: %v", err)
	}
}

// TestMerge_network: a seed, which has no network rules, leaves those that there are.
func TestMerge_network(t *testing.T) {
	s := &seed.Seed{Registries: []seed.Registry{{Name: "myregistry", SKU: "Basic"}}}
	dir := t.TempDir()
	e := start(t, &emulator.Options{DataDir: dir, Seed: s})
	r, err := e.Registry("")
	must(t, err)
	// Basic has no anonymous pull, whichever method asks for it.
	if err := r.SetAnonymousPull(t.Context(), true); acrkit.CodeOf(err) != acrkit.CodeUsage {
		t.Errorf("anonymous pull in Basic: %v", err)
	}
	rules := emulator.NetworkRules{Deny: true, Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	must(t, r.ChangeSettings(t.Context(), func(s *emulator.RegistrySettings) { s.Network = rules }))
	must(t, e.Close())
	e = start(t, &emulator.Options{DataDir: dir, Seed: s, SeedMode: emulator.SeedMerge})
	r, err = e.Registry("")
	must(t, err)
	got, err := r.Settings()
	must(t, err)
	if diff := cmp.Diff(rules, got.Network, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("the network rules (-before +after the merge):\n%s", diff)
	}
}
