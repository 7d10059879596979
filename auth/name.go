package auth

// Name returns "": most credentials have no name of their own.
func (description) Name() string { return "" }

// Name returns the user name.
func (c *passwordCredential) Name() string { return c.user }

// Name returns the client id.
func (c *servicePrincipalCredential) Name() string { return c.client }

// Anonymous reports whether the transport was made without a credential.
func (t *Transport) Anonymous() bool { return t.cred.Kind() == KindAnonymous }
