package auth

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/wire"
	"github.com/acrkit/acrkit/internal/wording"
)

// passwordGrant is the grant of a name and password, or of the token that was given
// as the password.
type passwordGrant struct {
	t     *Transport
	given description
	slots []*passwordSlot
	slot  atomic.Int32 // the one to try first
}

// passwordSlot is a source with what it gave.
type passwordSlot struct {
	source pairSource
	reads  flights[*boundPair]
	kept   *boundPair   // of a costly source, until it is refused; guarded by the lock of reads
	last   *boundPair   // the latest; likewise
	old    []*boundPair // those before it, whose background work may still run; likewise
}

// boundPair is a name and password that are checked for the registry.
type boundPair struct {
	pair  userSecret
	who   string     // `token "ci-pull"`
	shown Credential // what a Status shows of it; nil is the credential as it was given
	token grant      // where the password is a token; else nil
}

// mostOld bounds the grants that are kept until their background work ends, which takes
// less than a minute.
//
//rule:password-function-most-old
const mostOld = 8

func keepOld[T any](old []T, v T) []T {
	//rule:password-function-keep-old
	return append(old[max(0, len(old)+1-mostOld):], v)
}

// bound binds a pair, or returns what the same pair was bound to before: a token
// keeps what was made from it.
func (s *passwordSlot) bound(g *passwordGrant, pair userSecret) (*boundPair, error) {
	b := &boundPair{pair: pair, who: g.given.text}
	from := ""
	_, fixed := fixedPair(s.source)
	if !fixed {
		from = " from its " + s.source.String()
	}
	if _, ok := s.source.(namedPassword); !ok {
		if err := checkName(pair.user, from); err != nil {
			return nil, err
		}
		b.who = tokenText(pair.user)
	}
	if !fixed {
		b.shown = newPasswordCredential(g.given.kind, b.who, named(pair.user, fixedAs(pair.secret))...)
	}
	value := pair.secret.Reveal()
	if err := checkSecret("the password of "+b.who+from, value); err != nil {
		return nil, err
	}
	s.reads.Lock()
	defer s.reads.Unlock()
	if s.last != nil && s.last.pair.equal(pair) {
		return s.last, nil
	}
	//rule:password-token-bound
	if token := tokenOf(pair); token != nil {
		var err error
		if b.token, err = token.bind(g.t); err != nil {
			return nil, g.unusable(err, b.who, from, pair)
		}
		b.shown = token
	}
	if s.last != nil && s.last.token != nil {
		s.old = keepOld(s.old, s.last)
	}
	s.last = b
	return b, nil
}

// unusable adds to the error of a token that cannot be used whose password it is.
func (g *passwordGrant) unusable(err error, who, from string, pair userSecret) error {
	e, ok := errors.AsType[*acrkit.Error](err)
	if !ok {
		return err
	}
	with := *e
	// The user names that go with a refresh token have no password.
	if claims, _ := wire.ReadClaims(pair.secret.Reveal()); claims.IsAccessToken() && !isRefreshUser(pair.user) {
		with.Cause = cause.TokenAsPassword
		with.Reason = "the password of " + who + from +
			" is an ACR access token, good for one scope, and neither a password nor an ACR refresh token"
		if g.t.registry.IsACR() {
			with.Hint = sentence.Fix(sentence.PrintRefreshToken, map[string]string{"name": g.t.registry.Name()})
		}
	} else if from != "" {
		with.Reason = wording.Reason(err) + "; it is the password of " + who + from
	}
	return wire.Final(&with)
}

// read returns the current pair. For a costly source it is the last one, until that is
// refused.
func (s *passwordSlot) read(ctx context.Context, g *passwordGrant) (*boundPair, error) {
	read := func(ctx context.Context) (*boundPair, error) {
		pair, err := s.source.read(ctx, g.t)
		if err != nil {
			return nil, err
		}
		return s.bound(g, pair)
	}
	if !s.source.costly() {
		return read(ctx)
	}
	have := func() (*boundPair, bool) { return s.kept, s.kept != nil }
	return s.reads.get(ctx, "", have, read, func(b *boundPair) { s.kept = b })
}

// known returns the pair that was read last, or nil.
func (s *passwordSlot) known() *boundPair {
	s.reads.Lock()
	defer s.reads.Unlock()
	return s.last
}

func (g *passwordGrant) proof(ctx context.Context) (proof, error) {
	var tried []*boundPair
	var refusal error
	for {
		slot := g.slot.Load()
		b, err := g.slots[slot].read(ctx, g)
		if err != nil {
			return proof{}, err
		}
		//rule:password-refused-proof
		if slices.ContainsFunc(tried, func(other *boundPair) bool { return other.pair.equal(b.pair) }) {
			return proof{}, refusal // a pair that was just refused is not sent again
		}
		p, err := b.proof(ctx)
		if err == nil {
			p.slot, p.pair = slot, b
			return p, nil
		}
		// An Entra token is refused where it is exchanged.
		tried, refusal = append(tried, b), g.withSource(err, slot)
		//rule:password-token-proof
		if !errors.Is(err, acrkit.CodeCredentialRejected) || !g.discard(slot, b) || len(tried) == maxProofs {
			return proof{}, refusal
		}
	}
}

// withSource adds to the error of a token which source gave it.
func (g *passwordGrant) withSource(err error, slot int32) error {
	source := g.slots[slot].source
	if _, fixed := fixedPair(source); fixed {
		return err
	}
	return withSource(err, source.String())
}

func (b *boundPair) proof(ctx context.Context) (proof, error) {
	if b.token != nil {
		return b.token.proof(ctx)
	}
	return proof{secrets: []Secret{b.pair.secret}, fields: map[string][]string{
		"grant_type": {"password"}, "username": {b.pair.user}, "password": {b.pair.secret.Reveal()},
	}}, nil
}

func (g *passwordGrant) refused(p proof) bool {
	if p.pair.token != nil && p.pair.token.refused(p) {
		return true
	}
	return g.discard(p.slot, p.pair)
}

// discard drops a refused pair, and reports whether there may be another.
func (g *passwordGrant) discard(slot int32, b *boundPair) bool {
	s := g.slots[slot]
	s.reads.Lock()
	//rule:password-refused-discard
	if s.kept == b { // another fetch may have read a new one already
		s.kept = nil
	}
	s.reads.Unlock()
	if len(g.slots) > 1 {
		g.slot.CompareAndSwap(slot, 1-slot) // likewise
		return true
	}
	_, fixed := fixedPair(s.source)
	return !fixed
}

func (g *passwordGrant) renew(root *refreshToken) {
	for _, s := range g.slots {
		if b := s.known(); b != nil && b.token != nil {
			b.token.renew(root)
		}
	}
}

func (g *passwordGrant) fillStatus(status *Status) {
	b := g.slots[g.slot.Load()].known()
	if b == nil {
		return
	}
	if b.shown != nil {
		status.Credential = b.shown
	}
	if filler, ok := b.token.(statusFiller); ok {
		filler.fillStatus(status)
	}
}

func (g *passwordGrant) close() {
	for _, s := range g.slots {
		s.reads.close()
		s.reads.Lock()
		all := append(slices.Clone(s.old), s.last)
		s.reads.Unlock()
		for _, b := range all {
			if b != nil && b.token != nil {
				b.token.close()
			}
		}
	}
}
