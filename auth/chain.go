package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/wire"
	"github.com/acrkit/acrkit/internal/wording"
)

// chainCredential is the first of several credentials that is available.
type chainCredential struct {
	description
	members []Credential
}

// Chain tries credentials in order and uses the first that is available, for as
// long as the [Transport] lives. Nothing is tried before the first token is
// needed.
//
// It skips only a credential that is not available, which is an error with
// [acrkit.CodeCredentialMissing]: no file, no entry, no sign-in. A credential that is
// wrong, incomplete, or temporarily unreadable ends the chain, because using the next
// one silently would act as another identity. Errors hold a [ChainError] with every
// attempt.
//
// With an [Anonymous] at the end, a chain without any other credential is anonymous and
// no error.
func Chain(members ...Credential) Credential {
	texts := make([]string, 0, len(members))
	for _, m := range members {
		if m != nil {
			texts = append(texts, m.String())
		}
	}
	return &chainCredential{description{KindChain, "first of: " + strings.Join(texts, ", ")}, slices.Clone(members)}
}

// ChainError reports the outcome for each credential of a [Chain], or for each place of
// a [DockerConfig] alone. [errors.As] finds it beneath the error.
type ChainError struct{ Lookups []Lookup }

// Error lists the attempts in one line.
func (e *ChainError) Error() string {
	texts := make([]string, 0, len(e.Lookups))
	for _, l := range e.Lookups {
		s := l.Source + ": " + string(l.Outcome)
		if l.Detail != "" {
			s += " (" + l.Detail + ")"
		}
		texts = append(texts, s)
	}
	return strings.Join(texts, "; ")
}

// parts divides the chain where a member is divided: each prefix has a chain of
// what the members have for it.
func (c *chainCredential) parts(t *Transport) (map[string]Credential, error) {
	if len(c.members) == 0 || slices.Contains(c.members, nil) {
		return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "use a chain of credentials", Registry: t.registry,
			Reason: "it is empty, or one of them is nil"}
	}
	prefixes := map[string]bool{}
	divisions := make([]map[string]Credential, 0, len(c.members))
	for _, m := range c.members {
		parts, err := partsOf(m, t)
		if err != nil {
			return nil, err
		}
		for p := range parts {
			prefixes[p] = true
		}
		divisions = append(divisions, parts)
	}
	all := map[string]Credential{}
	for prefix := range prefixes {
		part := &chainPart{description: c.description}
		for _, parts := range divisions {
			if p, ok := longest(parts, prefix); ok {
				part.members = append(part.members, parts[p])
			}
		}
		all[prefix] = part
	}
	return all, nil
}

func (c *chainCredential) bind(t *Transport) (grant, error) { return nil, errDivided(t) }

// chainPart is a chain for one prefix, none of whose members is divided.
type chainPart struct {
	description
	members []Credential
}

func (c *chainPart) bind(t *Transport) (grant, error) {
	g := &chainGrant{t: t, members: c.members}
	g.choice.init()
	for _, m := range c.members {
		inner, err := m.bind(t)
		if err != nil {
			g.close()
			return nil, err
		}
		g.grants = append(g.grants, inner)
	}
	return g, nil
}

// chainGrant is the grant of the first member that gave a proof.
type chainGrant struct {
	t       *Transport
	members []Credential
	grants  []grant

	choice flights[*chosen]
	chosen *chosen // guarded by the lock of choice
}

// chosen is the member that a chain uses.
type chosen struct {
	grant  grant
	before []Lookup // what was not available
	at     int
	first  proof // the proof by which it was chosen
}

func (g *chainGrant) proof(ctx context.Context) (proof, error) {
	var own *chosen
	c, err := g.choice.get(ctx, "", func() (*chosen, bool) {
		return g.chosen, g.chosen != nil
	}, func(ctx context.Context) (*chosen, error) {
		c, err := g.choose(ctx)
		own = c
		return c, err
	}, func(c *chosen) { g.chosen = c })
	if err != nil {
		return proof{}, err
	}
	if c == own {
		return c.first, nil // not to be made twice
	}
	p, err := c.grant.proof(ctx)
	if err != nil {
		return proof{}, g.report(c, err)
	}
	return p, nil
}

// choose asks the members in order for a proof.
func (g *chainGrant) choose(ctx context.Context) (*chosen, error) {
	c := &chosen{}
	for i, inner := range g.grants {
		c.grant, c.at = inner, i
		p, err := inner.proof(ctx)
		switch {
		case err == nil:
			c.first = p
			return c, nil
		case ctx.Err() != nil && errors.Is(err, ctx.Err()):
			return nil, err
		case acrkit.CodeOf(err) != acrkit.CodeCredentialMissing:
			return nil, g.report(c, err)
		}
		c.before = append(c.before, g.lookup(i, OutcomeNotAvailable, err))
	}
	report := &ChainError{c.before}
	return nil, wire.Final(&acrkit.Error{Code: acrkit.CodeCredentialMissing, Op: "find a credential",
		Registry: g.t.registry,
		Reason:   "none is available: " + report.Error(), Errs: []error{report}})
}

func (g *chainGrant) lookup(i int, o Outcome, err error) Lookup {
	l := Lookup{Source: g.members[i].String(), Kind: g.members[i].Kind(), Outcome: o}
	if err != nil {
		l.Detail = wording.Reason(err)
		if within, ok := errors.AsType[*ChainError](err); ok {
			l.Places = within.Lookups
		}
	}
	return l
}

// attempts returns the report when c ended with err.
func (g *chainGrant) attempts(c *chosen, err error) *ChainError {
	report := &ChainError{append(slices.Clone(c.before), g.lookup(c.at, outcomeOf(err), err))}
	for i := c.at + 1; i < len(g.members); i++ {
		report.Lookups = append(report.Lookups, g.lookup(i, OutcomeNotTried, nil))
	}
	return report
}

// outcomeOf returns the outcome of a place that failed with an error.
func outcomeOf(err error) Outcome {
	switch acrkit.CodeOf(err) {
	case acrkit.CodeCredentialRejected, acrkit.CodeDenied:
		return OutcomeRefused
	case acrkit.CodeUsage:
		return OutcomeIncomplete
	case acrkit.CodeCredentialMissing:
		return OutcomeNotAvailable
	}
	return OutcomeFailed
}

// report puts the attempts beneath the error of the member that ended the chain.
func (g *chainGrant) report(c *chosen, err error) error {
	e, ok := errors.AsType[*acrkit.Error](err)
	if !ok {
		return err
	}
	with := *e
	// First, so that errors.As finds this report before those of the members.
	with.Errs = append([]error{g.attempts(c, err)}, e.Errs...)
	with.Reason = wording.Reason(err) + afterwards(c.before)
	return wire.Final(&with)
}

// afterwards returns the end of a message: the members that were not available.
func afterwards(before []Lookup) string {
	if len(before) == 0 {
		return ""
	}
	return "; not available before it: " + (&ChainError{before}).Error()
}

func (g *chainGrant) current() *chosen {
	g.choice.Lock()
	defer g.choice.Unlock()
	return g.chosen
}

// The rest is the chosen member's: a proof that can be refused was its.

func (g *chainGrant) refused(p proof) bool {
	c := g.current()
	return c != nil && c.grant.refused(p)
}

func (g *chainGrant) renew(root *refreshToken) {
	if c := g.current(); c != nil {
		c.grant.renew(root)
	}
}

func (g *chainGrant) rejected(p proof, e *acrkit.Error, said string) {
	c := g.current()
	if c == nil {
		e.Reason = fmt.Sprintf("the credential is not accepted%s", said)
		return
	}
	c.grant.rejected(p, e, said)
	report := g.attempts(c, e)
	if last := &report.Lookups[c.at]; last.Outcome == OutcomeNotAvailable {
		last.Outcome = OutcomeRefused // the service refused an anonymous request
	}
	e.Errs = append([]error{report}, e.Errs...)
	e.Reason += afterwards(c.before)
}

func (g *chainGrant) close() {
	g.choice.close()
	for _, inner := range g.grants {
		inner.close()
	}
}

func (g *chainGrant) fillStatus(s *Status) {
	c := g.current()
	for i := range g.members {
		l, inner := g.lookup(i, OutcomeNotTried, nil), Status{Credential: g.members[i]}
		if filler, ok := g.grants[i].(statusFiller); ok {
			filler.fillStatus(&inner)
			l.Places = inner.Lookups
		}
		if c != nil && i < c.at {
			l = c.before[i]
		}
		if c != nil && i == c.at {
			l.Outcome = OutcomeUsed
			lookups := s.Lookups
			prefix := s.Prefix
			*s = inner
			s.Lookups, s.Prefix = lookups, prefix
		}
		s.Lookups = append(s.Lookups, l)
	}
}
