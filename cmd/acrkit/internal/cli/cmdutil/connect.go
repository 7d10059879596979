package cmdutil

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/login/tokencache"
	"github.com/acrkit/acrkit/internal/sentence"
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

// Registry returns the command's registry: the argument, the flag --registry or the
// variable ACR_NAME, in this order.
func (f *Factory) Registry(arg string) (acrkit.Registry, error) {
	for _, name := range []string{arg, f.Global.Registry, f.Env("ACR_NAME")} {
		if name != "" {
			return acrkit.ParseRegistry(name)
		}
	}
	return acrkit.Registry{}, &acrkit.Error{Code: acrkit.CodeUsage, Reason: "no registry is named, and ACR_NAME is not set",
		Hint: sentence.Fix(sentence.NameRegistry, map[string]string{"host": "myregistry"})}
}

// RepositoryFlag reads the value of --repository, a name with or without its registry
// before it, and returns the registry too: arg, else the one in the name, else that of
// [Factory.Registry]. An empty value is no repository.
func (f *Factory) RepositoryFlag(value, arg string) (acrkit.Registry, string, error) {
	name := ""
	if value != "" {
		fallback := acrkit.Registry{}
		if reg, err := f.Registry(arg); err == nil {
			fallback = reg
		}
		ref, err := acrkit.ParseReference(value, fallback)
		if err != nil {
			return acrkit.Registry{}, "", err
		}
		if ref.Target() != "" {
			return acrkit.Registry{}, "", Usage("--repository %q names a tag or a digest; give the repository alone", value)
		}
		if !ref.Registry.IsZero() && arg == "" {
			arg = ref.Registry.Host()
		}
		name = ref.Name
	}
	reg, err := f.Registry(arg)
	return reg, name, err
}

// Reference reads a reference whose registry may be left out.
func (f *Factory) Reference(arg string) (acrkit.Reference, error) {
	var fallback acrkit.Registry
	if f.Global.Registry != "" || f.Env("ACR_NAME") != "" {
		var err error
		if fallback, err = f.Registry(""); err != nil {
			return acrkit.Reference{}, err
		}
	}
	ref, err := acrkit.ParseReference(arg, fallback)
	if err != nil {
		return acrkit.Reference{}, err
	}
	if ref.Registry.IsZero() {
		return acrkit.Reference{}, &acrkit.Error{Code: acrkit.CodeUsage,
			Reason: fmt.Sprintf("%q names no registry, and ACR_NAME is not set", arg), Hint: f.nameRegistry(arg)}
	}
	return ref, nil
}

// nameRegistry returns the fix of a reference without a registry. Its first part may
// be a registry's short name, as other arguments take it.
func (f *Factory) nameRegistry(arg string) string {
	name, rest, found := strings.Cut(arg, "/")
	if reg, err := acrkit.ParseRegistry(name); found && f.running != "" && err == nil && reg.IsACR() && !strings.ContainsRune(name, '.') {
		return sentence.Fix(sentence.NameHost, map[string]string{"command": f.running, "name": name, "repository": rest})
	}
	return sentence.Fix(sentence.NameRegistry, map[string]string{"host": "myregistry"})
}

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

// ConnectAs makes clients with an identity. Nothing is sent yet.
func (f *Factory) ConnectAs(id Identity) (*Connection, error) {
	reg := id.Registry
	base, err := f.finder().BaseTransport()
	if err != nil {
		return nil, err
	}
	var rt http.RoundTripper = &awaited{base, f.IO}
	if f.Global.Debug {
		rt = &debugTransport{base: rt, w: f.IO.ErrOut, now: f.Now}
	}
	t, err := auth.NewTransport(reg.Host(), id.Credential, &auth.Options{
		Base: rt, PlainHTTP: f.Global.PlainHTTP, CustomLoginServer: f.customLoginServer(reg), Now: f.Now, Tokens: f.finder().Tokens(),
	})
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
