package main

import (
	"context"
	"net/http"
	"sync"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/login/find"
)

// environment is the whole configuration of the helper: clients pass it no flags.
type environment struct {
	lookup func(string) (string, bool)
}

func (e environment) get(name string) string {
	v, _ := e.lookup(name)
	return v
}

// finder looks for credentials where the command does, except in Docker's
// configuration, which names this helper.
func (e environment) finder() *find.Finder {
	return &find.Finder{LookupEnv: e.lookup, Kind: e.get("ACRKIT_AUTH"), AskedBy: "ACRKIT_AUTH="}
}

// connect returns a transport with a credential, or with the one that is found.
func (e environment) connect(ctx context.Context, reg acrkit.Registry, cred auth.Credential) (*auth.Transport, error) {
	finder := e.finder()
	var tokens auth.TokenStore // nil for a credential that a client gave
	if cred == nil {
		id, err := finder.Find(ctx, reg)
		if err != nil {
			return nil, err
		}
		cred, tokens = id.Credential, finder.Tokens()
	}
	return auth.NewTransport(reg.Host(), cred, &auth.Options{
		Base:              &lazyTransport{open: sync.OnceValues(finder.BaseTransport)},
		CustomLoginServer: finder.CustomLoginServer(reg), Tokens: tokens,
	})
}

// lazyTransport reads certificates when the first request needs them: a name and
// password need none.
type lazyTransport struct {
	open func() (*http.Transport, error)
}

// RoundTrip implements [http.RoundTripper].
func (l *lazyTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	t, err := l.open()
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, err
	}
	return t.RoundTrip(req)
}
