package principal

import (
	"encoding/json"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/service"
)

// TestAssignment_stored: a stored assignment never gives more than was said when it was
// stored, by an earlier version or a later one.
func TestAssignment_stored(t *testing.T) {
	const reader = `{"clientId":"c","role":"Container Registry Repository Reader"`
	for doc, want := range map[string]string{
		reader + `}`: "a a/b samples/app samples/x/y other",
		reader + `,"repositories":["samples/*","a"]}`:                                  "a samples/app samples/x/y",
		reader + `,"repositories":["*"]}`:                                              "a a/b samples/app samples/x/y other",
		reader + `,"condition":"Exists @Environment[x]"}`:                              "",
		`{"role":"Container Registry Repository Catalog Lister","condition":"Exists"}`: "",
		`{"role":"AcrPull"}`:                                                           "",
	} {
		var a Assignment
		if err := json.Unmarshal([]byte(doc), &a); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		var b Assignment
		if err := json.Unmarshal(again, &b); err != nil || a != b {
			t.Errorf("%s became %s: %v", doc, again, err)
		}
		rights, got := new(Store).roleRights(service.ModeABAC, []*Assignment{&a}), ""
		for _, repo := range []string{"a", "a/b", "samples/app", "samples/x/y", "other"} {
			if rights.Decide(acrkit.RepositoryScope(repo, acrkit.ContentRead)).Missing.IsEmpty() {
				got += " " + repo
			}
		}
		if got != "" {
			got = got[1:]
		}
		if got != want {
			t.Errorf("%s allows %q, want %q", doc, got, want)
		}
	}
	a := Assignment{ClientID: "c"}
	if err := json.Unmarshal([]byte(`{"repositories":1}`), &a); err == nil {
		t.Error("repositories that are no list")
	}
	a = Assignment{ClientID: "c", Role: "Container Registry Repository Catalog Lister",
		Condition: "Exists @Request[Microsoft.ContainerRegistry/registries/repositories:name]"}
	if !new(Store).roleRights(service.ModeABAC, []*Assignment{&a}).Decide(acrkit.CatalogScope()).Granted.IsEmpty() {
		t.Error("a role that can have no condition is granted with one")
	}
}
