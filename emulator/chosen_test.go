package emulator_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/emulator"
)

// TestChosenSecrets: what others may know is told, after a restart too, until it
// is replaced, disabled or expired.
func TestChosenSecrets(t *testing.T) {
	const (
		catalog = `password1 of the token "catalog" of myregistry`
		pull    = `password1 of the token "ci-pull" of myregistry`
		push    = `password1 of the token "ci-push" of myregistry`
		app     = "the secret of the application " + clientID
	)
	c := &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	seed := parse(t, emulator.ExampleSeed())
	if diff := cmp.Diff([]string{pull, push, catalog, app}, seed.ChosenSecrets(c.Now())); diff != "" {
		t.Error(diff)
	}
	opts := &emulator.Options{DataDir: t.TempDir(), Seed: seed, Now: c.Now}
	e, err := emulator.Open(t.Context(), opts)
	must(t, err)
	want := []string{catalog, pull, push, app}
	check := func() {
		t.Helper()
		if diff := cmp.Diff(want, e.ChosenSecrets()); diff != "" {
			t.Error(diff)
		}
	}
	check()
	r, err := e.Registry("")
	must(t, err)
	_, err = r.GeneratePasswords(t.Context(), "catalog", time.Time{})
	must(t, err)
	must(t, r.SetTokenStatus(t.Context(), "ci-push", false))
	want = []string{pull, app}
	check()
	must(t, e.Close())

	opts.Seed = nil
	e, err = emulator.Open(t.Context(), opts)
	must(t, err)
	check()
	r, err = e.Registry("")
	must(t, err)
	must(t, r.SetPassword(t.Context(), "catalog", emulator.SeedPassword{Name: "password2", Value: "chosen-by-hand-0001"}))
	want = []string{`password2 of the token "catalog" of myregistry`, pull, app}
	check()
	must(t, r.SetTokenStatus(t.Context(), "ci-push", true))
	must(t, r.DeleteToken(t.Context(), "catalog"))
	c.now = time.Date(2041, 1, 1, 0, 0, 0, 0, time.UTC) // the others have expired
	want = []string{push}
	check()
	if diff := cmp.Diff([]string{push, catalog}, seed.ChosenSecrets(c.Now())); diff != "" {
		t.Error(diff)
	}
	must(t, e.Close())
}
