package auth

// Name returns "": most credentials have no name of their own.
func (description) Name() string { return "" }

// Name returns the user name, as far as it is known; "" where the password is a token,
// which says itself whose it is.
func (c *passwordCredential) Name() string {
	if len(c.sources) == 0 || c.kind != c.given.kind {
		return ""
	}
	n, _ := c.sources[0].(namedPassword)
	return n.user
}

// Name returns the client id.
func (c *servicePrincipalCredential) Name() string { return c.client }

// Anonymous reports whether the credential in use is none, as [Transport.Describe]
// describes it.
func (t *Transport) Anonymous() bool { return t.status().Credential.Kind() == KindAnonymous }
