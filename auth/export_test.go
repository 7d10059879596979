package auth

// CheckRealm lets the external tests ask for the rule alone.
func CheckRealm(t *Transport, realm string) error { return t.checkRealm(realm) }
