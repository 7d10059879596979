package manage_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/manage"
)

// TestDeleteChanged: what was changed since it was read is not deleted, and the error says what
// has changed.
func TestDeleteChanged(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	r := open(t, reg, reg.ServicePrincipal(manager).AzureCredential(), manage.Options{})
	ctx := t.Context()
	reg.ScopeMap("other-map", pull)
	token := func(name string) manage.Token {
		x, err := r.Token(ctx, name)
		must(t, err)
		return x
	}
	for i, x := range []struct {
		change  func(name string)
		ofToken string // what the error says; "" = nothing has changed
		ofMap   string
	}{
		{reg.DisableToken, "it is disabled now", ""},
		{func(name string) { reg.RegeneratePassword(name, "password2") }, "password2 is a new one", ""},
		{func(name string) { must(t, r.RemovePassword(ctx, name, manage.Slot1, time.Time{})) },
			"password1 was removed", ""},
		{func(name string) {
			other := "other-map"
			must(t, r.UpdateToken(ctx, token(name), manage.TokenChange{ScopeMap: &other}))
		}, `its scope map is now "other-map"`, ""},
		{func(name string) { reg.ScopeMap(name, push, list) }, "",
			"added: " + push + ", " + list + "; removed: " + pull},
		{func(name string) { reg.ScopeMap(name, pull, list) }, "", "added: " + list},
		{func(name string) {
			must(t, reg.Manage().DeleteToken(ctx, name))
			must(t, reg.Manage().DeleteScopeMap(ctx, name))
			reg.Token(name, pull)
		}, "it was deleted and made again", "it was deleted and made again"},
	} {
		name := fmt.Sprintf("deleted-%d", i)
		reg.Token(name, pull)
		was := token(name)
		m, err := r.ScopeMap(ctx, name)
		must(t, err)
		reg.Advance(time.Second) // passwords are told apart by their time
		x.change(name)
		for _, of := range []struct {
			says string
			try  func() error
		}{
			{x.ofToken, func() error { return r.DeleteToken(ctx, was) }},
			{x.ofMap, func() error { return r.DeleteScopeMap(ctx, m) }},
		} {
			if of.says == "" {
				continue
			}
			want := "it was changed since it was read (" + of.says + "); nothing was deleted"
			if err := of.try(); !errors.Is(err, acrkit.CodeConflict) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", name, err, want)
			}
		}
		token(name) // it is there still
		_, err = r.ScopeMap(ctx, name)
		must(t, err)
	}
}
