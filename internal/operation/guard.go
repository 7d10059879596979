package operation

import (
	"context"

	"github.com/acrkit/acrkit"
)

// Guard accompanies one request through an auth.Transport, which may ask for other
// rights than are derived where the registry's challenge, or an earlier one, says
// that it needs them.
type Guard struct {
	// Allows reports whether a scope may be asked for; nil allows all.
	Allows func(acrkit.Scope) bool
	// Used is the scope that was asked for last. It may be read once the request
	// was answered.
	Used acrkit.Scope
}

type guardKey struct{}

// WithGuard returns a context for a request that g accompanies.
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

// May reports whether the scope may be asked for.
func (g *Guard) May(s acrkit.Scope) bool { return g.Allows == nil || g.Allows(s) }
