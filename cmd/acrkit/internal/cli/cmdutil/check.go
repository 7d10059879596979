package cmdutil

import (
	"context"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/diagnose"
)

// Check returns what [diagnose.Doctor] looks at for a registry, with its options
// and a function that ends it. A credential that cannot be used is part of the check, not
// an error. arm allows requests to Azure Resource Manager.
func (f *Factory) Check(ctx context.Context, reg acrkit.Registry,
	arm bool) (diagnose.Check, *diagnose.Options, func(), error) {
	check := diagnose.Check{Registry: reg}
	fresh := *f
	fresh.Global.NoCache = true // a cached token does not show whether the credential is still accepted
	f = &fresh
	base, err := f.finder().BaseTransport()
	if err != nil {
		return check, nil, nil, err
	}
	options := &diagnose.Options{Now: f.Now, Base: base, PlainHTTP: f.Global.PlainHTTP}
	if arm {
		if options.ARM, err = f.arm(reg, base); err != nil {
			return check, nil, nil, err
		}
	}
	id, err := f.Identity(ctx, reg)
	check.Source, check.Lookups = id.Source, id.Lookups
	if err == nil {
		var c *Connection
		c, err = f.ConnectAs(id) //nolint:contextcheck // an error of making clients is explained without a request
		if err == nil {
			check.Transport = c.Transport
			check.Lookups = append(check.Lookups, id.Behind(ctx)...)
			return check, options, func() { _ = c.Close(); base.CloseIdleConnections() }, nil
		}
	}
	check.Err = err
	return check, options, base.CloseIdleConnections, nil
}
