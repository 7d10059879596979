package auth

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/wire"
)

// acquire returns a cached token that was requested with all of scope and for which
// suits is true (nil: any), or fetches one for scope; fresh says that it was not cached.
func (t *Transport) acquire(ctx context.Context, scope acrkit.Scope,
	suits func(*accessToken) bool) (token *accessToken, fresh bool, err error) {
	keep := func(a *accessToken) { t.tokens.put(a) }
	fetch := func(scope acrkit.Scope) func(context.Context) (*accessToken, error) {
		return func(ctx context.Context) (*accessToken, error) { return t.fetch(ctx, scope, suits) }
	}
	token, err = t.fetches.get(ctx, scope.String(), func() (*accessToken, bool) {
		found := t.tokens.find(t.now(), scope, suits)
		fresh = found == nil
		return found, !fresh
	}, fetch(scope), keep)
	if errors.Is(err, errClosed) {
		err = &acrkit.Error{Code: acrkit.CodeUsage, Op: "get an access token", Registry: t.registry,
			Reason: errClosed.Error()}
	}
	if err != nil || fresh {
		return token, fresh, err
	}
	if now := t.now(); token.life.due(now) {
		due := func() bool { return t.tokens.holds(token) && !now.Before(token.retryAt) }
		t.fetches.renew(ctx, token.requested.String(), due, fetch(token.requested), keep, func(err error) {
			token.retryAt = t.now().Add(renewalPause)
			t.log.WarnContext(ctx, "renewal of an access token failed", "scope", token.requested.String(), "error", err)
		})
	}
	return token, false, nil
}

// forget drops as much of a refused token as d says.
func (t *Transport) forget(ctx context.Context, token *accessToken, d drop) {
	if d == dropNothing {
		return
	}
	if d >= dropToken {
		t.fetches.Lock()
		t.tokens.remove(token)
		t.fetches.Unlock()
	}
	//rule:cache-refused-forget
	t.keeper.forget(ctx, token.key, token.value)
	if d >= dropRoot {
		if token.root != nil {
			//rule:cache-refused-forget-2
			t.keeper.forget(ctx, token.root.key, token.root.token)
		}
		t.grant.renew(token.root)
	}
}

// maxProofs is how many secrets are tried for one token: two passwords, and the
// first one again if its source gives another password in between.
//
//rule:password-refused-max-proofs
const maxProofs = 3

// fetch returns a token for exactly scope: a stored one for which suits is true (nil:
// any), or a new one from the token service.
func (t *Transport) fetch(ctx context.Context, scope acrkit.Scope,
	suits func(*accessToken) bool) (*accessToken, error) {
	if len(scope.String()) > acrkit.MaxScope {
		return nil, &acrkit.Error{Code: acrkit.CodeTooLarge, Op: "get an access token", Registry: t.registry,
			Reason: fmt.Sprintf("the scope is longer than %d bytes", acrkit.MaxScope)}
	}
	var tried []proof
	var refusal error
	for {
		p, err := t.grant.proof(ctx)
		if err != nil {
			return nil, err
		}
		//rule:password-refused-fetch
		if slices.ContainsFunc(tried, p.equal) {
			return nil, refusal // a pair that was just refused is not sent again
		}
		token, err := t.fetchAs(ctx, p, scope, suits)
		if err == nil {
			return token, nil
		}
		tried, refusal = append(tried, p), err
		if !errors.Is(err, acrkit.CodeCredentialRejected) {
			return nil, err
		}
		if p.root != nil {
			//rule:cache-refused-fetch
			t.keeper.forget(ctx, p.root.key, p.root.token)
		}
		//rule:password-refused-fetch-2
		if !t.grant.refused(p) || len(tried) == maxProofs {
			return nil, err
		}
	}
}

// fetchAs is fetch with one proof.
func (t *Transport) fetchAs(ctx context.Context, p proof, scope acrkit.Scope,
	suits func(*accessToken) bool) (*accessToken, error) {
	key := t.keyOf(p, scope)
	token := func(value Secret, granted *acrkit.Scope, l life) *accessToken {
		a := &accessToken{value: value, requested: scope, granted: granted, life: l, root: p.root, key: key}
		if p.root != nil {
			a.audience = p.root.audience
		}
		return a
	}
	return keptOr(ctx, t, key, func(s StoredToken, l life) (*accessToken, bool) {
		claims, _ := wire.ReadClaims(s.Value.Reveal()) // optional: a token is opaque
		a := token(s.Value, claims.Granted(scope), l)
		return a, suits == nil || suits(a)
	}, func(ctx context.Context) (*accessToken, error) {
		form := maps.Clone(p.fields)
		form.Set("service", t.service())
		if text := scope.String(); text != "" { // an empty scope is answered 400 (observed by users)
			//rule:d8-fetch-as
			form.Set("scope", text)
		}
		a, err := t.post(ctx, t.registry, t.origin()+"/oauth2/token", "get an access token", form, "access_token",
			//nolint:bodyclose // there is no response yet; post closes it
			t.refusedByRegistry(p.secrets, func(e *acrkit.Error, said string) { t.grant.rejected(p, e, said) }))
		if err != nil {
			return nil, err
		}
		return token(a.token, a.claims.Granted(scope), a.life), nil
	}, func(a *accessToken) (StoredToken, bool) {
		return newStoredToken(a.value, a.life, ""), a.granted == nil || a.granted.Contains(scope)
	})
}

// Token is an ACR access token.
type Token struct {
	Value     Secret       // sent as "Authorization: Bearer …"
	Requested acrkit.Scope // what it was asked for; contains what was wanted
	// Granted is its access claim, as evidence; nil means unknown. A right on every
	// repository ("*") is listed for each repository that was requested.
	Granted  *acrkit.Scope
	Expires  time.Time // by this machine's clock
	Audience string    // audience of the Entra token it came from; "" if none did
}

// Token returns an access token whose requested scope contains scope, from the
// cache or fetched. That it was requested does not mean that it was granted: ACR
// gives what it can, and refuses at the resource.
func (t *Transport) Token(ctx context.Context, scope acrkit.Scope) (Token, error) {
	if t.parts != nil {
		p, err := t.partForScope(scope)
		if err != nil {
			return Token{}, err
		}
		return p.Token(ctx, scope)
	}
	a, _, err := t.acquire(ctx, scope, nil)
	if err != nil {
		return Token{}, err
	}
	return Token{Value: a.value, Requested: a.requested, Granted: a.granted, Expires: a.life.expires(),
		Audience: a.audience}, nil
}

// Granted returns what the cached token that serves the required scope was
// granted, by its own claim; nil means unknown. It sends nothing.
func (t *Transport) Granted(required acrkit.Scope) *acrkit.Scope {
	if t.parts != nil {
		if p, err := t.partForScope(required); err == nil {
			return p.Granted(required)
		}
		return nil
	}
	t.fetches.Lock()
	defer t.fetches.Unlock()
	if a := t.tokens.find(t.now(), required, nil); a != nil {
		return a.granted
	}
	return nil
}

// accessToken is an ACR access token in the cache. Its fields do not change,
// except retryAt, which the cache's lock guards.
type accessToken struct {
	value     Secret
	requested acrkit.Scope
	granted   *acrkit.Scope
	life      life
	root      *refreshToken // what it was made from; nil if from the credential itself
	audience  string
	key       TokenKey // in the store of tokens; zero where it is not kept
	retryAt   time.Time
}
