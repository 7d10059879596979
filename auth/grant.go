package auth

func (c *passwordCredential) bind(t *Transport) (grant, error) { return nil, nil }
func (c *refreshCredential) bind(t *Transport) (grant, error) { return nil, nil }
func (c *entraCredential) bind(t *Transport) (grant, error) { return nil, nil }
func (c *entraTokenCredential) bind(t *Transport) (grant, error) { return nil, nil }
func (c *anonymousCredential) bind(t *Transport) (grant, error) { return nil, nil }
func (c *servicePrincipalCredential) bind(t *Transport) (grant, error) { return nil, nil }
