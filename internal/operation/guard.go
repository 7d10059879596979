package operation

import (
	"context"

	"github.com/acrkit/acrkit"
)

// Guard limits the rights that an auth.Transport requests for one request: it may request
// others than the derived ones if the registry's challenge, or an earlier one, asked for
// them.
type Guard struct {
	// Allows reports whether a scope may be requested; nil allows all.
	Allows func(acrkit.Scope) bool
	// Used is the scope that was requested last. It may be read after the answer.
	Used acrkit.Scope
}

type guardKey struct{}

// WithGuard returns a context for a request with the guard g.
func WithGuard(ctx context.Context, g *Guard) context.Context {
	return context.WithValue(ctx, guardKey{}, g)
}

// GuardOf returns the guard of a request's context, or one that allows all.
func GuardOf(ctx context.Context) *Guard {
	if g, ok := ctx.Value(guardKey{}).(*Guard); ok {
		return g
	}
	return &Guard{}
}

// May reports whether the scope may be requested.
func (g *Guard) May(s acrkit.Scope) bool { return g.Allows == nil || g.Allows(s) }
