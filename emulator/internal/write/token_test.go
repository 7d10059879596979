package write

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/service"
)

// fixture has a registry with the scope map ci-pull and the token builder, and a clock.
type fixture struct {
	*Writer
	t     *testing.T
	store *principal.Store
	at    time.Time
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, at: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	f.Writer, f.store = open(t, service.Premium)
	f.now = func() time.Time { return f.at }
	f.do(func(r *Registry) error {
		return errors.Join(r.PutScopeMap(aMap("ci-pull")), r.PutToken(Token{Name: "builder", ScopeMap: "ci-pull"}))
	})
	return f
}

func (f *fixture) do(change func(*Registry) error) {
	f.t.Helper()
	if err := f.update(f.t.Context(), change); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) generate(n NewPasswords) (values []string) {
	f.t.Helper()
	f.do(func(r *Registry) error {
		made, err := r.GeneratePasswords("builder", n)
		for _, p := range made {
			values = append(values, string(p.Value))
		}
		return err
	})
	return values
}

// try logs in with a password now.
func (f *fixture) try(what, password, want string) {
	f.t.Helper()
	r, _ := f.store.Registry(reg)
	if _, err := f.store.CheckPassword(r, "builder", password, f.at); fmt.Sprint(err) != want {
		f.t.Errorf("%s at %s: %v, want %v", what, f.at.Format(time.TimeOnly), err, want)
	}
}

// The rules of the decision log.
const (
	accepted = "<nil>"
	wrong    = "password-wrong"
	expired  = "password-expired"
	notYet   = "password-not-yet"
)

// TestGeneratePasswords_delay: a value that replaces another one works after the delay, and
// the one before it until then.
func TestGeneratePasswords_delay(t *testing.T) {
	f := newFixture(t)
	late := NewPasswords{Slots: []string{service.Password1}, Delay: time.Minute}
	first := f.generate(late)[0]
	f.try("the first value of a slot", first, accepted)
	second := f.generate(late)[0]
	f.try("the old value, before the delay", first, accepted)
	f.try("the new value, before the delay", second, notYet)
	f.at = f.at.Add(time.Minute - time.Nanosecond)
	f.try("the new value, just before", second, notYet)

	// Another one meanwhile: the value between them never works.
	third := f.generate(late)[0]
	f.at = f.at.Add(time.Minute - time.Nanosecond)
	f.try("the old value, just before", first, accepted)
	f.try("the value between", second, wrong)
	f.try("the last value, just before", third, notYet)
	f.at = f.at.Add(time.Nanosecond)
	f.try("the old value, after the delay", first, wrong)
	f.try("the value between, after the delay", second, wrong)
	f.try("the last value, after the delay", third, accepted)

	at := f.generate(NewPasswords{Slots: []string{service.Password1}})[0]
	f.try("a value without delay", at, accepted)
	f.try("the value before it", third, wrong)

	next := f.generate(late)[0]
	f.do(func(r *Registry) error { return r.ExpirePassword("builder", service.Password1, time.Time{}) })
	f.try("the old value of an expired slot", at, expired)
	f.at = f.at.Add(time.Minute)
	f.try("the new value of an expired slot", next, expired)
}

// TestChangeToken_passwords: the slots that a change does not name are removed.
func TestChangeToken_passwords(t *testing.T) {
	f := newFixture(t)
	both := f.generate(NewPasswords{Expires: f.at.Add(time.Hour)})
	keep := func(slots ...string) error {
		return f.update(t.Context(), func(r *Registry) error {
			return r.ChangeToken("BUILDER", TokenChange{Passwords: slots})
		})
	}
	if err := keep(service.Password2); err != nil {
		t.Fatal(err)
	}
	f.try("the removed password", both[0], wrong)
	f.try("the other one", both[1], accepted)
	wantCode(t, "keep a slot that is empty", keep(service.Password1, service.Password2), acrkit.CodeUsage)
	f.do(func(r *Registry) error { return r.ChangeToken("builder", TokenChange{}) })
	f.try("the other one, after a change that says nothing", both[1], accepted)
	if token, _ := f.store.Token(reg, "builder"); !token.Passwords[0].Expires.Equal(f.at.Add(time.Hour)) {
		t.Errorf("it expires at %v", token.Passwords[0].Expires)
	}
	f.do(func(r *Registry) error { return r.ChangeToken("builder", TokenChange{Passwords: []string{}}) })
	f.try("the other one, removed", both[1], wrong)
}

// TestScopeMapNames: case does not matter in the names of scope maps, and they are shown as
// they were first written.
func TestScopeMapNames(t *testing.T) {
	f := newFixture(t)
	upper, system := "CI-PULL", "_REPOSITORIES_ADMIN"
	f.do(func(r *Registry) error { return r.PutScopeMap(aMap(upper)) })
	if all := f.store.ScopeMaps(reg); len(all) != 1 || all[0].Name != "ci-pull" {
		t.Errorf("the scope maps are %+v", all)
	}
	for given, want := range map[string]string{upper: "ci-pull", system: "_repositories_admin"} {
		f.do(func(r *Registry) error { return r.ChangeToken("builder", TokenChange{ScopeMap: &given}) })
		if token, _ := f.store.Token(reg, "builder"); token.ScopeMap != want {
			t.Errorf("%s: the token has %s", given, token.ScopeMap)
		}
		f.do(func(r *Registry) error { return r.PutToken(Token{Name: "another", ScopeMap: given}) })
		if token, _ := f.store.Token(reg, "another"); token.ScopeMap != want {
			t.Errorf("%s: the new token has %s", given, token.ScopeMap)
		}
	}
	f.do(func(r *Registry) error {
		wantCode(t, "the service's own, in another case", r.PutScopeMap(aMap(system)), acrkit.CodeUsage)
		return r.DeleteScopeMap(upper)
	})
	if all := f.store.ScopeMaps(reg); len(all) != 0 {
		t.Errorf("the scope maps are %+v", all)
	}
}

// TestChangeScopeMap: what a change does not say stays.
func TestChangeScopeMap(t *testing.T) {
	f := newFixture(t)
	text, none, other := "for CI", "", []string{"repositories/b/content/read"}
	change := func(c ScopeMapChange) error {
		return f.update(t.Context(), func(r *Registry) error { return r.ChangeScopeMap("CI-pull", c) })
	}
	f.at = f.at.Add(time.Hour)
	for _, x := range []struct {
		change      ScopeMapChange
		description string
		actions     []string
	}{
		{ScopeMapChange{Description: &text}, text, aMap("").Actions},
		{ScopeMapChange{Actions: other}, text, other},
		{ScopeMapChange{}, text, other},
		{ScopeMapChange{Description: &none}, none, other},
	} {
		if err := change(x.change); err != nil {
			t.Fatal(err)
		}
		m, _ := f.store.StoredScopeMap(reg, "ci-pull")
		if m.Description != x.description || !slices.Equal(m.Actions, x.actions) || !m.Created.Before(f.at) {
			t.Errorf("after %+v: %+v", x.change, m)
		}
	}
	wantCode(t, "a wrong action", change(ScopeMapChange{Actions: []string{"x"}}), acrkit.CodeUsage)
	wantCode(t, "no action", change(ScopeMapChange{Actions: []string{}}), acrkit.CodeUsage)
	f.do(func(r *Registry) error {
		for _, name := range []string{"another", "_repositories_pull"} {
			wantCode(t, name, r.ChangeScopeMap(name, ScopeMapChange{}), acrkit.CodeNotFound)
		}
		return nil
	})
}
