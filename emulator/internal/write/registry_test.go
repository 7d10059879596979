package write

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/db"
	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/service"
)

const subscription = "33333333-3333-3333-3333-333333333333"

// numbers are contents that only have IDs.
type numbers struct {
	next    int64
	deleted []int64
}

func (n *numbers) CreateRegistry(context.Context, string) (int64, error) {
	n.next++
	return n.next + 100, nil
}

func (n *numbers) DeleteRegistry(_ *db.Tx, id int64) error {
	n.deleted = append(n.deleted, id)
	return nil
}

func openGroups(t *testing.T) (*Writer, *principal.Store, *numbers) {
	t.Helper()
	w, store := open(t, service.Premium)
	n := new(numbers)
	w.contents = n
	err := w.Update(t.Context(), func(tx *Tx) error {
		tx.PutSubscription(&principal.Subscription{ID: subscription})
		return tx.PutGroup(subscription, principal.Group{Name: "rg", Location: "westeurope"})
	})
	if err != nil {
		t.Fatal(err)
	}
	return w, store, n
}

func newRegistry(name string) NewRegistry {
	return NewRegistry{Name: name, Subscription: subscription, Group: "rg", Location: "westeurope", SKU: service.Basic}
}

// TestGroupLimits: the last resource group, registry and tag are allowed, one more is not.
func TestGroupLimits(t *testing.T) {
	w, _, _ := openGroups(t)
	put := func(name string, tags map[string]string) error {
		return w.Update(t.Context(), func(tx *Tx) error {
			return tx.PutGroup(subscription, principal.Group{Name: name, Location: "westeurope", Tags: tags})
		})
	}
	err := w.Update(t.Context(), func(tx *Tx) error {
		for i := 1; i < 980; i++ { // there is one
			if err := tx.PutGroup(subscription, principal.Group{Name: fmt.Sprint("g", i),
				Location: "westeurope"}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	wantCode(t, "group 981", put("more", nil), acrkit.CodeTooLarge)
	if err := put("rg", nil); err != nil {
		t.Errorf("a group that is there: %v", err)
	}

	err = w.Update(t.Context(), func(tx *Tx) error {
		for i := 1; i < 1000; i++ {
			if _, err := tx.CreateRegistry(t.Context(), newRegistry(fmt.Sprintf("reg%05d", i))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	wantCode(t, "registry 1001", w.Update(t.Context(), func(tx *Tx) error {
		_, err := tx.CreateRegistry(t.Context(), newRegistry("onemore"))
		return err
	}), acrkit.CodeTooLarge)

	tags := map[string]string{strings.Repeat("ä", 512): strings.Repeat("ä", 256)}
	for i := len(tags); i < 50; i++ {
		tags[fmt.Sprint(i)] = ""
	}
	if err := put("rg", tags); err != nil {
		t.Error(err)
	}
	wantCode(t, "a long name", put("rg", map[string]string{strings.Repeat("a", 513): ""}), acrkit.CodeUsage)
	wantCode(t, "a long value", put("rg", map[string]string{"a": strings.Repeat("a", 257)}), acrkit.CodeUsage)
	wantCode(t, "no name", put("rg", map[string]string{"": "a"}), acrkit.CodeUsage)
	tags["more"] = ""
	wantCode(t, "51 tags", put("rg", tags), acrkit.CodeUsage)
}

// TestRegistryValues: what cannot be is refused, and makes no content.
func TestRegistryValues(t *testing.T) {
	w, _, n := openGroups(t)
	for what, change := range map[string]func(*NewRegistry){
		"a short name":   func(r *NewRegistry) { r.Name = "abcd" },
		"a dash":         func(r *NewRegistry) { r.Name = "my-registry" },
		"no tier":        func(r *NewRegistry) { r.SKU = "" },
		"another tier":   func(r *NewRegistry) { r.SKU = "Classic" },
		"no location":    func(r *NewRegistry) { r.Location = "" },
		"a bad location": func(r *NewRegistry) { r.Location = "west/europe" },
	} {
		r := newRegistry("registry1")
		change(&r)
		wantCode(t, what, w.Update(t.Context(), func(tx *Tx) error {
			_, err := tx.CreateRegistry(t.Context(), r)
			return err
		}), acrkit.CodeUsage)
	}
	if n.next != 0 {
		t.Errorf("%d registries were made", n.next)
	}
	for _, name := range []string{"", "a/b", "ends.", strings.Repeat("a", 91)} {
		wantCode(t, "group "+name, w.Update(t.Context(), func(tx *Tx) error {
			return tx.PutGroup(subscription, principal.Group{Name: name, Location: "westeurope"})
		}), acrkit.CodeUsage)
	}
}

// TestDeleteRegistry: with a registry go its scope maps, tokens and role assignments, and
// nothing of another.
func TestDeleteRegistry(t *testing.T) {
	w, store, n := openGroups(t)
	err := w.Update(t.Context(), func(tx *Tx) error {
		for _, name := range []string{"registry1", "registry10"} {
			r, err := tx.CreateRegistry(t.Context(), newRegistry(name))
			if err != nil {
				return err
			}
			if err := r.PutScopeMap(aMap("a-map")); err != nil {
				return err
			}
			if err := r.PutToken(Token{Name: "a-token", ScopeMap: "a-map"}); err != nil {
				return err
			}
			tx.c.Put(&principal.Assignment{Name: name, Scope: r.set.ResourceID(), ClientID: app, Role: "Reader"})
		}
		tx.c.Put(&principal.Assignment{Name: "group", Scope: principal.GroupID(subscription, "RG"), ClientID: app,
			Role: "Reader"})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	first, _ := store.RegistryByName("registry1")
	other, _ := store.RegistryByName("registry10")
	if err := w.UpdateRegistry(t.Context(), first.ID, first.Name, func(r *Registry) error {
		r.Delete()
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	roles := store.AssignmentsOf(app)
	if len(store.ScopeMaps(first.ID))+len(store.Tokens(first.ID)) != 0 || len(n.deleted) != 1 ||
		n.deleted[0] != first.ID || len(roles) != 2 {
		t.Errorf("left: %v %v, contents deleted: %v, roles: %v", store.ScopeMaps(first.ID), store.Tokens(first.ID),
			n.deleted, roles)
	}
	if len(store.ScopeMaps(other.ID)) != 1 || len(store.Tokens(other.ID)) != 1 {
		t.Error("another registry lost something")
	}
	err = w.Update(t.Context(), func(tx *Tx) error { return tx.DeleteGroup(subscription, "rg") })
	if err != nil || len(store.AssignmentsOf(app)) != 0 || len(n.deleted) != 2 || len(store.Registries()) != 1 {
		t.Errorf("the group: %v, roles %v, deleted %v", err, store.AssignmentsOf(app), n.deleted)
	}
}
