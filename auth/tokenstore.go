package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/wire"
)

// TokenStore keeps ACR refresh and access tokens beyond the process, for
// [Options.Tokens]. It is shared by processes and by goroutines.
//
// It is optional: where a call fails, the [Transport] works as without a store, and logs
// the failure. Each call has a context that ends after two seconds, for Lock after ten,
// and must return by then; a store that once took longer, or that could not delete, is
// not used again by that transport.
//
// What is kept and what is not:
//   - A name and password, an ACR refresh token, anonymous, and what Docker's
//     configuration, a credential helper, a [Chain], a [SecretFunc] or a
//     [ScopedTokenFunc] gave: access tokens. The key holds the name and secret of the
//     token request, so the file, helper or function is still read in each process.
//   - A service principal by secret or by the assertion in a file, and one Entra
//     token: ACR refresh tokens too.
//   - Entra credentials whose secret is not known, as those of [Entra] and an assertion
//     of [GitHubOIDC] or a function: nothing, because the key could not distinguish one
//     identity from another.
//   - An access token that grants less than was requested, by its own claim: nothing, so
//     that a change of the scope map has effect at once.
type TokenStore interface {
	// Load returns what was saved for key, or false. The transport ignores a token that
	// has ended, has passed 80 % of its life, or has impossible times (see
	// [StoredToken]).
	Load(ctx context.Context, key TokenKey) (StoredToken, bool, error)
	// Save keeps a token in place of the one for the same key.
	Save(ctx context.Context, key TokenKey, token StoredToken) error
	// Delete removes the token for key if it is still this one, which was refused
	// (StoredToken.Value.Equal(refused)).
	Delete(ctx context.Context, key TokenKey, refused Secret) error
	// Lock is held while a token for key is fetched, so that one process fetches it and
	// the others load it. If Lock fails, each process fetches.
	Lock(ctx context.Context, key TokenKey) (unlock func(), err error)
}

// The rules of what is kept.
const (
	// maxStoredLife bounds what is kept: the life of ACR's refresh tokens, which is
	// the longest (documented).
	maxStoredLife = 3 * time.Hour
	// storeWait is how long a store may take, and lockWait how long another process
	// may have the lock: most token requests take less than a second.
	storeWait = 2 * time.Second
	lockWait  = 10 * time.Second
)

// StoredToken is a token as a [TokenStore] keeps it. The times are of this
// machine's wall clock and say how long the token lives by the registry's own two
// clock readings. One that is in the future, or that lives longer than three
// hours, is not used: the clock was set back since, or another program wrote it.
type StoredToken struct {
	Value    Secret
	Received time.Time
	Expires  time.Time
	Audience string // of the Entra token it came from; "" if none did
}

// life returns the token's life, and whether the token is used: it must not have ended,
// be due for renewal, or have impossible times.
func (s StoredToken) life(now time.Time) (life, bool) {
	age, span := now.Round(0).Sub(s.Received.Round(0)), s.Expires.Sub(s.Received)
	//rule:cache-life-life
	if age < 0 || span <= 0 || span > maxStoredLife {
		return life{}, false
	}
	// Counted on the monotonic clock from here on.
	l := life{now.Add(-age), span}
	//rule:cache-life-life-2
	return l, l.alive(now) && !l.due(now)
}

func newStoredToken(value Secret, l life, audience string) StoredToken {
	from := l.from.Round(0)
	//rule:cache-life-new-stored-token
	return StoredToken{Value: value, Received: from, Expires: from.Add(min(l.span, maxStoredLife)), Audience: audience}
}

// TokenKey identifies a token: registry, kind, scope, credential and secret. A
// [TokenStore] sees only their hash ([TokenKey.Sum]). A new password has another key, so
// it never gets a token of the old one.
type TokenKey struct {
	registry acrkit.Registry
	what     []string // kind of token, origin, scope
	identity Secret   // all that identifies the credential
}

// newTokenKey makes a key. The origin keeps tokens of a regional endpoint apart from those
// of its login server: whether one accepts the other's tokens is not known.
func (t *Transport) newTokenKey(use string, identity Secret, scope acrkit.Scope) TokenKey {
	//rule:regional-new-token-key
	return TokenKey{registry: t.registry.LoginServer(),
		what: []string{use, t.origin(), scope.String()}, identity: identity}
}

// Registry returns the registry that the token is for; of a regional endpoint's,
// its login server.
func (k TokenKey) Registry() acrkit.Registry { return k.registry }

// Sum returns the HMAC-SHA256 of the key. The secret should be random and the
// store's own: a sum without it could be used to guess weak passwords. Sums by two
// secrets are independent, so one can name a token and the other encrypt it for those
// who have the credential's secret.
func (k TokenKey) Sum(secret []byte) [sha256.Size]byte {
	//rule:cache-key-sum-3
	h := hmac.New(sha256.New, secret)
	//rule:cache-key-sum
	for _, p := range append(slices.Clone(k.what), k.identity.Reveal()) {
		// Each with its length, so that different keys have different input.
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		//rule:cache-key-sum-2
		h.Write(n[:])
		_, _ = io.WriteString(h, p)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

func (k TokenKey) isZero() bool { return k.what == nil }

// Format prints only the registry, for every verb.
func (k TokenKey) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "auth.TokenKey(for "+k.registry.String()+")")
}

// LogValue is what Format prints.
func (k TokenKey) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(k)) }

// keeper uses a store, and treats a failed call as an empty store. Nil keeps nothing.
type keeper struct {
	store TokenStore
	log   *slog.Logger
	off   atomic.Bool // it took too long, or could not delete a refused token
}

func newKeeper(store TokenStore, log *slog.Logger) *keeper {
	if store == nil {
		return nil
	}
	return &keeper{store: store, log: log}
}

// ask runs one call and reports whether it succeeded. Without a key it does nothing.
func (k *keeper) ask(ctx context.Context, key TokenKey, what string, call func(context.Context) error) bool {
	if k == nil || key.isZero() || k.off.Load() || ctx.Err() != nil {
		return false
	}
	limited, cancel := context.WithTimeout(ctx, storeWait)
	defer cancel()
	err := call(limited)
	if err != nil && ctx.Err() == nil {
		if limited.Err() != nil {
			k.off.Store(true)
		}
		k.log.WarnContext(ctx, "the store of tokens failed", "at", what, "error", err)
	}
	return err == nil
}

// load returns a token that can be used.
func (k *keeper) load(ctx context.Context, key TokenKey, now func() time.Time) (token StoredToken, l life, ok bool) {
	found := false
	asked := k.ask(ctx, key, "load", func(ctx context.Context) (err error) {
		token, found, err = k.store.Load(ctx, key)
		return err
	})
	if !asked || !found || token.Value.IsZero() || len(token.Value.Reveal()) > wire.MaxToken {
		return StoredToken{}, life{}, false
	}
	l, ok = token.life(now())
	return token, l, ok
}

func (k *keeper) save(ctx context.Context, key TokenKey, token StoredToken) {
	k.ask(ctx, key, "save", func(ctx context.Context) error { return k.store.Save(ctx, key, token) })
}

// forget removes a token that was refused.
func (k *keeper) forget(ctx context.Context, key TokenKey, refused Secret) {
	asked := k.ask(ctx, key, "delete", func(ctx context.Context) error { return k.store.Delete(ctx, key, refused) })
	if !asked && k != nil && !key.isZero() {
		//rule:cache-refused-forget-3
		k.off.Store(true) // it would return the refused token again
	}
}

// lock waits for its turn to fetch the token for key, for as long as it may.
func (k *keeper) lock(ctx context.Context, key TokenKey) (unlock func()) {
	none := func() {}
	if k == nil || key.isZero() || k.off.Load() {
		return none
	}
	limited, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	unlock, err := k.store.Lock(limited, key)
	if err != nil || unlock == nil {
		if ctx.Err() == nil && err != nil {
			k.log.DebugContext(ctx, "a token is fetched without waiting for other processes", "error", err)
		}
		return none
	}
	return unlock
}

// keptOr returns what use makes of the stored token, or else what fetch returns. One
// process fetches at a time. The result is saved if stored returns a token for it.
func keptOr[V any](ctx context.Context, t *Transport, key TokenKey, use func(StoredToken, life) (V, bool),
	fetch func(context.Context) (V, error), stored func(V) (StoredToken, bool)) (V, error) {
	if t.keeper == nil || key.isZero() {
		return fetch(ctx)
	}
	look := func() (v V, ok bool) {
		if token, l, found := t.keeper.load(ctx, key, t.now); found {
			return use(token, l)
		}
		return v, false
	}
	if v, ok := look(); ok {
		return v, nil
	}
	unlock := t.keeper.lock(ctx, key)
	defer unlock()
	if v, ok := look(); ok {
		return v, nil
	}
	v, err := fetch(ctx)
	if err != nil {
		return v, err
	}
	if token, ok := stored(v); ok {
		t.keeper.save(ctx, key, token)
	}
	return v, nil
}

// keyOf is the key of the access token for a proof.
func (t *Transport) keyOf(p proof, scope acrkit.Scope) TokenKey {
	if t.keeper == nil || p.root != nil && p.root.key.isZero() {
		return TokenKey{} // the refresh token is not in the store
	}
	//rule:password-refused-key-of
	return t.newTokenKey("access token", redact.NewSecret(p.fields.Encode()), scope)
}
