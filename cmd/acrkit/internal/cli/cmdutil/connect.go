package cmdutil

import (
	"context"
	"errors"
	"net/http"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/login/tokencache"
	"github.com/acrkit/acrkit/registry"
)

// Connection is an identity with clients.
type Connection struct {
	Identity
	Transport *auth.Transport
	Client    *registry.Client
	Base      *http.Client // over Transport

	Repository string // what the command is about, for hints; "" = the registry
	Target     string // the tag or digest in it that the command is about, ""= none
}

// about returns the scope that the command needs, or, if none is known, some scope on
// the same repository or on the catalog.
func (c *Connection) about(required acrkit.Scope) acrkit.Scope {
	switch {
	case !required.IsEmpty():
		return required
	case c.Repository != "":
		return acrkit.RepositoryScope(c.Repository, acrkit.MetadataRead)
	}
	return acrkit.CatalogScope()
}

// Close forgets the tokens.
func (c *Connection) Close() error { return c.Transport.Close() }

// TokenCache opens the cache of tokens.
func (f *Factory) TokenCache() (*tokencache.Cache, error) {
	return tokencache.Open(&tokencache.Options{LookupEnv: f.LookupEnv, Now: f.Now})
}

// Connect finds the credential for a registry and makes clients with it. Nothing
// is sent yet.
func (f *Factory) Connect(ctx context.Context, reg acrkit.Registry) (*Connection, error) {
	id, err := f.Identity(ctx, reg)
	if err != nil {
		return nil, err
	}
	return f.ConnectAs(id) //nolint:contextcheck // an error of making clients is explained without a request
}

// transport returns what sends the requests of a command.
func (f *Factory) transport() (http.RoundTripper, error) {
	base, err := f.finder().BaseTransport()
	if err != nil {
		return nil, err
	}
	rt := &awaited{base, f.IO}
	if f.Global.Debug {
		return &debugTransport{base: rt, w: f.IO.ErrOut, now: f.Now}, nil
	}
	return rt, nil
}

// AuthOptions returns the options of a transport for a registry, without a store of tokens.
func (f *Factory) AuthOptions(reg acrkit.Registry) (*auth.Options, error) {
	rt, err := f.transport()
	if err != nil {
		return nil, err
	}
	return &auth.Options{Base: rt, PlainHTTP: f.Global.PlainHTTP, CustomLoginServer: f.customLoginServer(reg),
		Now: f.Now}, nil
}

// ConnectAs makes clients with an identity. Nothing is sent yet.
func (f *Factory) ConnectAs(id Identity) (*Connection, error) {
	reg := id.Registry
	o, err := f.AuthOptions(reg)
	if err != nil {
		return nil, err
	}
	o.Tokens = f.finder().Tokens()
	t, err := auth.NewTransport(reg.Host(), id.Credential, o)
	if err != nil {
		id.plainHTTP = f.Global.PlainHTTP
		return nil, Explain(context.Background(), &Connection{Identity: id}, err)
	}
	c, err := registry.New(reg.Host(), t, &registry.Options{PlainHTTP: f.Global.PlainHTTP, OnRetry: f.onRetry(reg)})
	if err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return &Connection{Identity: id, Transport: t, Client: c, Base: &http.Client{Transport: t}}, nil
}
