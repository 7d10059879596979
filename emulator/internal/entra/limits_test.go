package entra

import (
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/db"
	"github.com/acrkit/acrkit/emulator/internal/principal"
)

// Verify looks at tokens of up to 256 KiB. Base64 has gaps of one byte.
func TestTokens_limit(t *testing.T) {
	d, err := db.Open(t.Context(), "", &db.Options{Migrations: principal.Migrations()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	keys, _, err := principal.OpenKeys("", nil, false)
	if err != nil {
		t.Fatal(err)
	}
	s, err := principal.Open(t.Context(), d, keys)
	if err != nil {
		t.Fatal(err)
	}
	a := &principal.Application{TenantID: "t", ClientID: "c", ObjectID: "o"}
	if err := s.Update(t.Context(), func(c *principal.Change) error { c.Put(a); return nil }); err != nil {
		t.Fatal(err)
	}
	tokens := &Tokens{Store: s, Now: time.Now}
	issue := func(n int) string {
		token, err := tokens.Issue(a, strings.Repeat("a", n), BySecret)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	const most = 256 << 10
	n := (most-len(issue(0)))*3/4 - 4
	within, above := "", issue(n)
	for ; len(above) <= most; n++ {
		within, above = above, issue(n+1)
	}
	if len(within) < most-1 || len(above) > most+2 {
		t.Fatalf("tokens of %d and %d bytes", len(within), len(above))
	}
	if _, err := tokens.Verify(within); err != nil {
		t.Errorf("%d bytes: %v", len(within), err)
	}
	if _, err := tokens.Verify(above); err == nil {
		t.Errorf("%d bytes are taken", len(above))
	}
}
