package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/store"
)

func TestPutAndRead(t *testing.T) {
	s, err := store.Open(&store.Options{Dir: t.TempDir() + "/acrkit", LookupEnv: func(name string) (string, bool) { return "off", name == store.EnvKeyring }})
	if err != nil {
		t.Fatal(err)
	}
	l := store.Login{Registry: "myregistry.azurecr.io", Repository: "team/*", Kind: "scoped-token", User: "ci", Secret: redact.NewSecret("correct-horse-1")}
	if _, err := s.Put(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	got, err := s.Logins(t.Context(), "myregistry")
	if err != nil {
		t.Fatal(err)
	}
	l.Place, l.Why = s.Path(), "ACRKIT_KEYRING=off"
	secrets := cmp.Comparer(func(a, b redact.Secret) bool { return a.Reveal() == b.Reveal() })
	if diff := cmp.Diff([]store.Login{l}, got, secrets, cmpopts.IgnoreFields(store.Login{}, "Saved")); diff != "" {
		t.Error(diff)
	}
	if err := s.Delete(t.Context(), "myregistry", "team/*"); err != nil {
		t.Error(err)
	}
	if err := s.Delete(t.Context(), "myregistry", "team/*"); acrkit.CodeOf(err) != acrkit.CodeNotFound {
		t.Errorf("got %v", err)
	}
}
