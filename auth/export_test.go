package auth

import "context"

// CheckRealm lets the external tests ask for the rule alone.
func CheckRealm(t *Transport, realm string) error { return t.checkRealm(realm) }

// AskHelper lets the external tests ask a credential helper under their own time.
func AskHelper(ctx context.Context, name, host string) error {
	_, err := askHelper(ctx, name, host, runHelper)
	return err
}

// MaxCachedTokens is how many tokens a transport keeps.
const MaxCachedTokens = maxCachedTokens
