package service

import (
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
)

// rights writes what a role gives: r, w and d on content, R and W on metadata, c for the
// catalog.
func rights(r Role, mode string) string {
	actions, catalog := r.Rights(mode)
	out := ""
	for i, a := range acrkit.Actions() {
		for _, x := range actions {
			if x == a {
				out += string("rwdRW"[i])
			}
		}
	}
	if catalog {
		out += "c"
	}
	return out
}

// TestRights: what the built-in roles give in each mode, which their actions decide.
func TestRights(t *testing.T) {
	want := map[string][2]string{ // legacy, ABAC
		"AcrPull": {"rRc"}, "AcrPush": {"rwRWc"}, "AcrDelete": {"d"}, "Reader": {"rRc"}, "Contributor": {"rwdRWc"},
		"Owner": {"rwdRWc"}, "User Access Administrator": {"rRc"},
		"Role Based Access Control Administrator":                                      {"rRc"},
		"Container Registry Repository Reader":                                         {"", "rR"},
		"Container Registry Repository Writer":                                         {"", "rwRW"},
		"Container Registry Repository Contributor":                                    {"", "rwdRW"},
		"Container Registry Repository Catalog Lister":                                 {"", "c"},
		"Container Registry Contributor and Data Access Configuration Administrator":   {},
		"Container Registry Configuration Reader and Data Access Configuration Reader": {},
	}
	if len(want) != len(Roles()) {
		t.Errorf("%d of %d roles are tested", len(want), len(Roles()))
	}
	for _, r := range Roles() {
		w, ok := want[r.Name]
		if got := [2]string{rights(r, ModeLegacy), rights(r, ModeABAC)}; !ok || got != w {
			t.Errorf("%s gives %q, want %q", r.Name, got, w)
		}
		if r.TakesCondition() != strings.Contains(w[1], "r") {
			t.Errorf("%s takes a condition: %t", r.Name, r.TakesCondition())
		}
		for _, a := range append(r.Control.Actions, r.Control.NotActions...) {
			if !IsAction(a, false) {
				t.Errorf("%s has %s, which is no action", r.Name, a)
			}
		}
		for _, a := range r.Control.DataActions {
			if !IsAction(a, true) {
				t.Errorf("%s has %s, which is no action on data", r.Name, a)
			}
		}
	}
}

// TestRights_custom: patterns, and what is left out of them.
func TestRights_custom(t *testing.T) {
	for _, x := range []struct {
		c            Control
		legacy, abac string
	}{
		{Control{Actions: []string{"*/READ"}}, "rRc", ""},
		{Control{Actions: []string{"*"}, NotActions: []string{registries + "push/*"}}, "rdRc", ""},
		{Control{DataActions: []string{registries + "repositories/*/read"}}, "", "rR"},
		{Control{DataActions: []string{"*"}}, "", "rwdRWc"},
		{Control{DataActions: []string{registries + "*"},
			NotDataActions: []string{registries + "repositories/content/*"}}, "", "RWc"},
		{Control{Actions: []string{registries + "pull/read"},
			DataActions: []string{registries + "catalog/read"}}, "rRc", "c"},
		{Control{Actions: []string{registries + "repositories/content/read"}}, "", ""}, // on data, no action of ARM
	} {
		r := Role{Control: x.c}
		if l, a := rights(r, ModeLegacy), rights(r, ModeABAC); l != x.legacy || a != x.abac {
			t.Errorf("%+v gives %q and %q, want %q and %q", x.c, l, a, x.legacy, x.abac)
		}
	}
}

func TestIsAction(t *testing.T) {
	for action, want := range map[string][2]bool{ // of the control plane, on data
		"*": {true, true}, "*/read": {true, true}, registries + "read": {true, false},
		strings.ToUpper(registries + "scopeMaps/WRITE"): {true, false},
		registries + "*/write":                          {true, true},
		registries + "repositories/content/read":        {false, true},
		registries + "repositories/content/raed":        {},
		registries + "scopeMap/read":                    {},
		registries + "repositories/*/raed":              {},
		"Microsoft.ContainerRegistry/*":                 {true, true},
		"Microsoft.Storage/anything/read":               {true, true}, // not known here
		"":                                              {}, "read": {}, "**": {}, "a b/c": {}, "a/" +
			strings.Repeat("b", 511): {},
		"a/" + strings.Repeat("b", 510): {true, true},
	} {
		if got := [2]bool{IsAction(action, false), IsAction(action, true)}; got != want {
			t.Errorf("%.60s: %v, want %v", action, got, want)
		}
	}
}
