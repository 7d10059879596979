package write

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/db"
	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/service"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/scopemap"
)

const (
	reg    = 1
	tenant = "11111111-1111-1111-1111-111111111111"
	app    = "22222222-2222-2222-2222-222222222222"
)

// open returns a Writer on a store with one registry of a tier, and the store.
func open(t *testing.T, tier string) (*Writer, *principal.Store) {
	t.Helper()
	d, err := db.Open(t.Context(), "", &db.Options{Migrations: principal.Migrations()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	keys, _, err := principal.OpenKeys("", nil, false)
	if err != nil {
		t.Fatal(err)
	}
	store, err := principal.Open(t.Context(), d, keys)
	if err != nil {
		t.Fatal(err)
	}
	w := New(store, nil, time.Now)
	err = w.Update(t.Context(), func(tx *Tx) error {
		_, err := tx.PutRegistry(principal.RegistrySettings{ID: reg, Name: "myregistry", SKU: tier})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return w, store
}

func (w *Writer) update(ctx context.Context, f func(*Registry) error) error {
	return w.UpdateRegistry(ctx, reg, "myregistry", f)
}

func aMap(name string) seed.ScopeMap {
	return seed.ScopeMap{Name: name, Actions: []string{"repositories/app/content/read"}}
}

func wantCode(t *testing.T, what string, err error, want acrkit.Code) {
	t.Helper()
	if got := acrkit.CodeOf(err); got != want {
		t.Errorf("%s: %v (code %q), want the code %q", what, err, got, want)
	}
}

// TestReferences: what a change refers to is looked for in the state that the change
// makes: nothing that the same or an earlier change has removed is there, and
// everything that it has made.
func TestReferences(t *testing.T) {
	w, store := open(t, service.Premium)
	err := w.update(t.Context(), func(r *Registry) error {
		if err := r.PutScopeMap(aMap("ci-pull")); err != nil {
			return err
		}
		return r.PutToken(Token{Name: "builder", ScopeMap: "ci-pull"})
	})
	if err != nil {
		t.Fatalf("a scope map and a token that has it, in one change: %v", err)
	}
	pull := "ci-pull"
	err = w.update(t.Context(), func(r *Registry) error {
		if err := r.DeleteScopeMap("ci-pull"); err != nil {
			return err
		}
		wantCode(t, "delete it again", r.DeleteScopeMap("ci-pull"), acrkit.CodeNotFound)
		wantCode(t, "a token with it", r.PutToken(Token{Name: "another", ScopeMap: "ci-pull"}), acrkit.CodeUsage)
		wantCode(t, "change to it", r.ChangeToken("builder", TokenChange{ScopeMap: &pull}), acrkit.CodeNotFound)
		if err := r.DeleteToken("builder"); err != nil {
			return err
		}
		wantCode(t, "a deleted token", r.ChangeToken("builder", TokenChange{}), acrkit.CodeNotFound)
		_, err := r.GeneratePasswords("Builder", NewPasswords{})
		wantCode(t, "passwords of a deleted token", err, acrkit.CodeNotFound)
		wantCode(t, "a role of no application",
			r.AssignRole(seed.RoleAssignment{ClientID: app, Role: "AcrPull"}), acrkit.CodeUsage)
		if err := r.tx.PutApplication(tenant, seed.Application{ClientID: app}); err != nil {
			return err
		}
		return r.AssignRole(seed.RoleAssignment{ClientID: app, Role: "AcrPull"})
	})
	if err != nil {
		t.Fatal(err)
	}
	if n, m := len(store.Tokens(reg)), len(store.ScopeMaps(reg)); n != 0 || m != 0 {
		t.Errorf("%d tokens and %d scope maps are left", n, m)
	}
	wantCode(t, "another registry", w.UpdateRegistry(t.Context(), 7, "x", nil), acrkit.CodeNotFound)
}

// TestUpdate_undone: a change that fails in its middle changes nothing.
func TestUpdate_undone(t *testing.T) {
	w, store := open(t, service.Premium)
	err := w.update(t.Context(), func(r *Registry) error {
		if err := r.PutScopeMap(aMap("ci-pull")); err != nil {
			return err
		}
		return r.PutToken(Token{Name: "builder", ScopeMap: "no-such-map"})
	})
	wantCode(t, "a token without its scope map", err, acrkit.CodeUsage)
	if _, ok := store.StoredScopeMap(reg, "ci-pull"); ok {
		t.Error("half of the change was made")
	}
}

// TestTierLimits: each tier has its number of tokens and of scope maps, exactly. What
// is there already can be changed at the limit, and the service's own maps do not count.
func TestTierLimits(t *testing.T) {
	undo := errors.New("undo")
	for tier, limit := range map[string]int{service.Basic: 100, service.Standard: 500, service.Premium: 50_000} {
		for what, put := range map[string]func(r *Registry, name string) error{
			"tokens": func(r *Registry, name string) error {
				return r.PutToken(Token{Name: name, ScopeMap: "_repositories_pull"})
			},
			"scope maps": func(r *Registry, name string) error { return r.PutScopeMap(aMap(name)) },
		} {
			w, _ := open(t, tier)
			err := w.update(t.Context(), func(r *Registry) error {
				for i := range limit {
					if err := put(r, fmt.Sprintf("name-%d", i)); err != nil {
						return err
					}
				}
				err := put(r, "one-more")
				wantCode(t, fmt.Sprintf("%s: %d %s", tier, limit+1, what), err, acrkit.CodeTooLarge)
				if want := fmt.Sprintf("would have %d %s", limit+1, what); err == nil ||
					!strings.Contains(err.Error(), want) {
					t.Errorf("%v does not say %q", err, want)
				}
				if err := put(r, "name-1"); err != nil {
					return err
				}
				if what == "tokens" {
					err = r.DeleteToken("name-2")
				} else {
					err = r.DeleteScopeMap("name-2")
				}
				if err == nil {
					err = put(r, "one-more")
				}
				return cmp.Or(err, undo) // storing them all would take long
			})
			if !errors.Is(err, undo) {
				t.Errorf("%s, %s: %v", tier, what, err)
			}
		}
	}
}

// TestTierLimits_together: changes at the same time share the room that is left.
func TestTierLimits_together(t *testing.T) {
	w, store := open(t, service.Basic)
	fill := service.BasicLimit - 5
	err := w.update(t.Context(), func(r *Registry) error {
		for i := range fill {
			if err := r.PutToken(Token{Name: fmt.Sprintf("name-%d", i), ScopeMap: "_repositories_pull"}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	var made atomic.Int64
	for i := range 16 {
		wait.Go(func() {
			err := w.update(t.Context(), func(r *Registry) error {
				return r.PutToken(Token{Name: fmt.Sprintf("more-%d", i), ScopeMap: "_repositories_pull"})
			})
			if err == nil {
				made.Add(1)
			} else {
				wantCode(t, "one too many", err, acrkit.CodeTooLarge)
			}
		})
	}
	wait.Wait()
	if n := len(store.Tokens(reg)); made.Load() != 5 || n != service.BasicLimit {
		t.Errorf("%d of 16 were made, and there are %d; want 5 and %d", made.Load(), n, service.BasicLimit)
	}
}

// TestPutRegistry: a registry that is put again keeps what the seed does not say, and a
// tier that is too small for what is there is refused.
func TestPutRegistry(t *testing.T) {
	w, store := open(t, service.Standard)
	before, _ := store.Registry(reg)
	err := w.update(t.Context(), func(r *Registry) error {
		s := r.Settings()
		s.Deny, s.Allow = true, []netip.Prefix{netip.MustParsePrefix("10.1.2.3/8")}
		if err := r.PutSettings(s); err != nil {
			return err
		}
		if err := r.tx.PutApplication(tenant, seed.Application{ClientID: app}); err != nil {
			return err
		}
		for range 2 {
			if err := r.AssignRole(seed.RoleAssignment{ClientID: app, Role: "AcrPull"}); err != nil {
				return err
			}
		}
		for i := range service.BasicLimit + 1 {
			if err := r.PutScopeMap(aMap(fmt.Sprintf("name-%d", i))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	put := func(tier string) error {
		return w.Update(t.Context(), func(tx *Tx) error {
			_, err := tx.PutRegistry(principal.RegistrySettings{ID: reg, Name: "myregistry", SKU: tier, Admin: true})
			return err
		})
	}
	wantCode(t, "a smaller tier", put(service.Basic), acrkit.CodeTooLarge)
	wantCode(t, "no tier", put("Huge"), acrkit.CodeUsage)
	if err := put(service.Premium); err != nil {
		t.Fatal(err)
	}
	after, _ := store.Registry(reg)
	if !after.Admin || after.SKU != service.Premium {
		t.Errorf("the registry did not change: %+v", after)
	}
	if after.RID != before.RID || after.RID == "" || !after.Created.Equal(before.Created) {
		t.Errorf("the registry is another one: %+v", after)
	}
	if roles := store.AssignmentsOf(app); len(roles) != 1 || roles[0].Role != "AcrPull" {
		t.Errorf("the roles are %+v, want the one that was assigned twice", roles)
	}
	if after.Network == nil || len(after.Network.Allow) != 1 || after.Network.Allow[0] != "10.0.0.0/8" {
		t.Errorf("the network rules are %+v", after.Network)
	}
}

// TestValues: a value that cannot exist is refused.
func TestValues(t *testing.T) {
	w, _ := open(t, service.Basic)
	pull := "_repositories_pull"
	generate := func(r *Registry, slots ...string) error {
		_, err := r.GeneratePasswords("builder", NewPasswords{Slots: slots})
		return err
	}
	settings := func(r *Registry, change func(*Settings)) error {
		s := r.Settings()
		change(&s)
		return r.PutSettings(s)
	}
	for what, f := range map[string]func(*Registry) error{
		"the registry's own map": func(r *Registry) error { return r.PutScopeMap(aMap(scopemap.System()[0].Name)) },
		"a map without actions":  func(r *Registry) error { return r.PutScopeMap(seed.ScopeMap{Name: "ci-pull"}) },
		"the registry's name": func(r *Registry) error {
			return r.PutToken(Token{Name: "MyRegistry", ScopeMap: pull})
		},
		"a short name":     func(r *Registry) error { return r.PutToken(Token{Name: "x", ScopeMap: pull}) },
		"a third password": func(r *Registry) error { return generate(r, "password3") },
		"a slot twice":     func(r *Registry) error { return generate(r, "password1", "password1") },
		"a short password": func(r *Registry) error {
			return r.SetPassword("builder", seed.Password{Name: "password1", Value: "x"})
		},
		"anonymous pull in Basic": func(r *Registry) error {
			return settings(r, func(s *Settings) { s.AnonymousPull = true })
		},
		"a mode that is not known": func(r *Registry) error {
			return settings(r, func(s *Settings) { s.RoleAssignmentMode = "x" })
		},
		"an application": func(r *Registry) error { return r.tx.PutApplication("x", seed.Application{ClientID: app}) },
	} {
		wantCode(t, what, w.update(t.Context(), f), acrkit.CodeUsage)
	}
}

// TestPasswords: passwords stay when the token changes; one slot changes alone.
func TestPasswords(t *testing.T) {
	w, store := open(t, service.Premium)
	var made []Password
	err := w.update(t.Context(), func(r *Registry) (err error) {
		if err := r.PutToken(Token{Name: "builder", ScopeMap: "_repositories_pull"}); err != nil {
			return err
		}
		if made, err = r.GeneratePasswords("builder", NewPasswords{}); err != nil {
			return err
		}
		if err := r.PutToken(Token{Name: "Builder", ScopeMap: "_repositories_admin", Disabled: true}); err != nil {
			return err
		}
		if err := r.SetPassword("builder", seed.Password{Name: "password2", Value: "chosen-password"}); err != nil {
			return err
		}
		wantCode(t, "a password that is not there",
			r.ExpirePassword("builder", "password3", time.Time{}), acrkit.CodeNotFound)
		return r.ExpirePassword("builder", "password1", time.Time{})
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(made) != 2 || made[0].Name != "password1" || made[1].Name != "password2" || made[0].Value == made[1].Value {
		t.Errorf("the generated passwords are not two, in order")
	}
	token, _ := store.Token(reg, "builder")
	if token.ScopeMap != "_repositories_admin" || token.Enabled || len(token.Passwords) != 2 {
		t.Fatalf("the token is %+v", token)
	}
	first, second := token.Passwords[0], token.Passwords[1]
	if !first.Generated || first.Expires.IsZero() || second.Generated || !second.Expires.IsZero() {
		t.Errorf("the passwords are %+v and %+v", first, second)
	}
}
