package principal

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/acrkit/acrkit/emulator/internal/db"
	"github.com/acrkit/acrkit/internal/condition"
	"github.com/acrkit/acrkit/internal/guid"
)

// TestAssignmentsApart: what an earlier version stored in a registry becomes role
// assignments of their own, each under the name that it is stored by.
func TestAssignmentsApart(t *testing.T) {
	dir := t.TempDir()
	all := Migrations()
	old, err := db.Open(t.Context(), dir, &db.Options{Migrations: all[:1]})
	if err != nil {
		t.Fatal(err)
	}
	err = old.Write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO identity VALUES ('registry', 7, '', '{"id":7,"name":"myregistry","rid":"x",` +
			`"subscription":"s","group":"rg","created":"2026-03-01T12:00:00Z","assignments":[` +
			`{"clientId":"a","role":"AcrPull"},{"clientId":"b","role":"Container Registry Repository Reader",` +
			`"repositories":["samples/*"]}]}'), ('registry', 8, '', '{"id":8,"name":"other","assignments":null}')`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	d, err := db.Open(t.Context(), dir, &db.Options{Migrations: all})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	keys, _, err := OpenKeys("", nil, false)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), d, keys)
	if err != nil {
		t.Fatal(err)
	}
	const scope = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.ContainerRegistry/registries/myregistry"
	created := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	want := []*Assignment{{Scope: scope, ClientID: "a", Role: "AcrPull", Created: created},
		{Scope: scope, ClientID: "b", Role: "Container Registry Repository Reader",
			Condition: "@Request[" + condition.Attribute + "] StringLike 'samples/*'", Created: created}}
	got := append(s.AssignmentsOf("a"), s.AssignmentsOf("b")...)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Assignment{}, "Name")); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	for _, a := range got {
		if !guid.Is(a.Name) {
			t.Errorf("the name is %q", a.Name)
		}
		err := s.Update(t.Context(), func(c *Change) error { c.RemoveAssignment(a); return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	if s, err = Open(t.Context(), d, keys); err != nil || len(s.Assignments()) != 0 {
		t.Errorf("after they were removed: %v, %v", s.Assignments(), err)
	}
}

// TestWithin: a resource is in what its id goes on from, at a slash, without case.
func TestWithin(t *testing.T) {
	const group = "/subscriptions/s/resourceGroups/rg"
	for id, want := range map[string]bool{group: true, "/SUBSCRIPTIONS/S/resourcegroups/RG": true, group + "/x": true,
		group + "x": false, "/subscriptions/s": false, "": false} {
		if got := Within(id, group); got != want {
			t.Errorf("%s: %t, want %t", id, got, want)
		}
	}
}
