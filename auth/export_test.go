package auth

import (
	"context"
	"time"
)

// CheckRealm lets the external tests ask for the rule alone.
func CheckRealm(t *Transport, realm string) error { return t.checkRealm(realm) }

// AskHelper lets the external tests ask a credential helper under their own time.
func AskHelper(ctx context.Context, name, host string) error {
	_, err := askHelper(ctx, name, host, runHelper)
	return err
}

// MaxCachedTokens is how many tokens a transport keeps.
const MaxCachedTokens = maxCachedTokens

// LifeOf returns the life of a token: its span, when it is renewed, and when it is
// used no more.
func LifeOf(expires, date time.Time) (span, renew, ends time.Duration) {
	l := newLife(time.Time{}, expires, date, 0)
	return l.span, l.span / 10 * 8, l.span - min(expiryMargin, l.span/10)
}
