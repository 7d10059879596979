package principal

import (
	"sync"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/db"
)

// TestDecideNow: an answer that was given often holds until something changes,
// and not a moment longer.
func TestDecideNow(t *testing.T) {
	s, r := testStore(t)
	puller := Principal{KindToken, "Puller"}
	admin := Principal{KindAdmin, r.Name}
	pull := acrkit.RepositoryScope("a", acrkit.ContentRead)
	stop := make(chan struct{})
	var wait sync.WaitGroup
	for range 2 { // so that there is always an answer at hand
		wait.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					s.Decide(r.ID, puller, pull)
					s.Decide(r.ID, admin, pull)
				}
			}
		})
	}
	type want struct{ known, allowed bool }
	check := func(when string, p Principal, w want) {
		t.Helper()
		for range 2 {
			a, err := s.Decide(r.ID, p, pull)
			if got := (want{err == nil, err == nil && a.Missing.IsEmpty()}); got != w {
				t.Errorf("%s: %+v, want %+v", when, got, w)
			}
		}
	}
	update := func(f func(c *Change)) {
		t.Helper()
		if err := s.Update(t.Context(), func(c *Change) error { f(c); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	scopeMap := func(action string) *ScopeMap {
		return &ScopeMap{RegistryID: r.ID, Name: "pull", Actions: []string{"repositories/a/" + action}}
	}
	token := func(enabled bool) *Token {
		return &Token{RegistryID: r.ID, Name: "Puller", ScopeMap: "pull", Enabled: enabled}
	}
	for range 50 {
		check("at first", puller, want{true, true})
		update(func(c *Change) { c.Put(scopeMap("metadata/read")) })
		check("with another scope map", puller, want{true, false})
		update(func(c *Change) { c.RemoveScopeMap(scopeMap("content/read")) })
		check("without a scope map", puller, want{true, false})
		update(func(c *Change) { c.Put(scopeMap("content/read")); c.Put(token(false)) })
		check("disabled", puller, want{false, false})
		update(func(c *Change) { c.Put(token(true)) })
		check("enabled", puller, want{true, true})

		check("without an admin user", admin, want{false, false})
		changed := *r
		changed.Admin = true
		update(func(c *Change) { c.Put(&changed) })
		check("with an admin user", admin, want{true, true})
		update(func(c *Change) { c.Put(r) })

		update(func(c *Change) { c.Put(scopeMap("metadata/read")) })
		check("before going back", puller, want{true, false})
		err := s.Replace(t.Context(), func(tx *db.Tx) error { // as a reset does
			_, err := tx.Exec(
				`UPDATE identity SET doc=replace(doc,'metadata/read','content/read') WHERE kind='scopemap'`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		check("after going back", puller, want{true, true})
	}
	close(stop)
	wait.Wait()
	if _, err := s.Decide(r.ID+1, puller, pull); err == nil {
		t.Error("there is an answer for a registry that does not exist")
	}
}
