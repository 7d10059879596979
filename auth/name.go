package auth

// Name returns "": most credentials have no name of their own.
func (description) Name() string { return "" }

// Name returns the user name, if it is known; "" if the password is a token, which has
// its own identity.
func (c *passwordCredential) Name() string {
	if len(c.sources) == 0 || c.kind != c.given.kind {
		return ""
	}
	n, _ := c.sources[0].(namedPassword)
	return n.user
}

// Name returns the client id.
func (c *servicePrincipalCredential) Name() string { return c.client }

// Anonymous reports whether the credential in use is [Anonymous].
func (t *Transport) Anonymous() bool { return t.status().Credential.Kind() == KindAnonymous }
