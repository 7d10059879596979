package principal

import (
	"crypto/sha256"
	"strings"
	"testing"
	"time"
)

// maxToken is [MaxToken]: a number of its own, so that a change of that fails here.
const maxToken = 256 << 10

// aroundLimit returns tokens that sign makes with fillers of neighboring lengths:
// the longest that is within the limit, and the next. Base64 has gaps of one byte.
func aroundLimit(t *testing.T, sign func(filler string) (string, error)) (within, above string) {
	t.Helper()
	made := func(n int) string {
		token, err := sign(strings.Repeat("a", n))
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	n := (maxToken-len(made(0)))*3/4 - 4
	for within, above = "", made(n); len(above) <= maxToken; n++ {
		within, above = above, made(n+1)
	}
	if len(within) < maxToken-1 || len(above) > maxToken+2 {
		t.Fatalf("tokens of %d and %d bytes", len(within), len(above))
	}
	return within, above
}

func TestMaxToken_refresh(t *testing.T) {
	s, r := testStore(t)
	a := &Application{TenantID: "t", ClientID: "c", ObjectID: "o"}
	if err := s.Update(t.Context(), func(c *Change) error { c.Put(a); return nil }); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	within, above := aroundLimit(t, func(filler string) (string, error) {
		return s.RefreshToken(r, a, filler, now, Lifetimes{})
	})
	if _, err := s.CheckRefresh(r, within, now); err != nil {
		t.Errorf("%d bytes: %v", len(within), err)
	}
	if _, err := s.CheckRefresh(r, above, now); err == nil {
		t.Errorf("%d bytes are taken", len(above))
	}
}

// Verify looks at no longer token, not even for one that it knows.
func TestMaxToken_access(t *testing.T) {
	s, r := testStore(t)
	v, now := s.NewVerifier(), time.Now()
	for size, ok := range map[int]bool{maxToken: true, maxToken + 1: false} {
		token := strings.Repeat("a", size)
		v.remember(sha256.Sum256([]byte(token)), Access{rid: r.RID, until: now.Unix() + 60})
		if _, err := v.Verify(r, token, now); (err == nil) != ok {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}
