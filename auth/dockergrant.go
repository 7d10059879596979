package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/wire"
	"github.com/acrkit/acrkit/internal/wording"
)

// dockerGrant is the grant of the credential that the files have.
type dockerGrant struct {
	t    *Transport
	part *dockerPart

	reads   flights[*dockerFound]
	current *dockerFound   // guarded by the lock of reads
	last    *dockerFound   // likewise: current before it was refused
	old     []*dockerFound // likewise: with background work to be ended
}

// dockerFound is a credential that was found, bound.
type dockerFound struct {
	grant
	cred    Credential
	pair    userSecret
	place   Place
	from    string   // the place, in words
	lookups []Lookup // the places, this one included
}

func (g *dockerGrant) proof(ctx context.Context) (proof, error) {
	var refused *dockerFound
	var refusal error
	for {
		f, err := g.reads.get(ctx, "", func() (*dockerFound, bool) {
			return g.current, g.current != nil
		}, g.find, func(f *dockerFound) {
			if f != g.last {
				g.old = keepOld(g.old, f)
			}
			g.current, g.last = f, f
		})
		if err != nil {
			return proof{}, err
		}
		if f == refused {
			return proof{}, refusal // there was no new login
		}
		p, err := f.grant.proof(ctx)
		if err == nil {
			p.by = f
			return p, nil
		}
		err = withSource(err, f.from)
		//rule:password-token-proof-2
		if refused != nil || !errors.Is(err, acrkit.CodeCredentialRejected) {
			return proof{}, err
		}
		// An Entra token is refused where it is exchanged.
		refused, refusal = f, err
		g.discard(f)
	}
}

// discard drops a refused credential, so that the files are read again.
func (g *dockerGrant) discard(f *dockerFound) {
	g.reads.Lock()
	defer g.reads.Unlock()
	if g.current == f {
		g.current = nil
	}
}

// dockerPlace is one place of the files where a login may be.
type dockerPlace struct {
	lookup Lookup
	doc    dockerDoc
	entry  *dockerEntry // nil for a helper, and where there is nothing
	helper bool
}

func lookupsOf(places []dockerPlace) []Lookup {
	lookups := make([]Lookup, 0, len(places))
	for _, p := range places {
		lookups = append(lookups, p.lookup)
	}
	return lookups
}

// places lists what the files have for the prefix, in the order in which it
// counts: the entry of the longest prefix in any file, then host by host, a helper
// before an entry. With an error, the last place is the file that it is about.
func (g *dockerGrant) places() ([]dockerPlace, error) {
	var docs []dockerDoc
	var places []dockerPlace
	add := func(p dockerPlace, place Place, source string, outcome Outcome, detail string) {
		p.lookup = Lookup{Source: source, Kind: KindDockerConfig, Outcome: outcome, Detail: detail, Place: place,
			Variables: p.doc.source.variables()}
		if p.entry != nil {
			p.lookup.Name = p.entry.pair.user
		}
		places = append(places, p)
	}
	for _, source := range g.part.config.sources {
		doc, err := source.read(g.t.registry)
		if err != nil {
			add(dockerPlace{doc: dockerDoc{source: source}}, source.place(), source.String(),
				OutcomeFailed, wording.Reason(err))
			return places, err
		}
		docs = append(docs, doc)
	}
	has := make([]bool, len(docs))
	entry := func(i int, prefix string) {
		if e, ok := docs[i].auths[prefix]; ok {
			has[i] = true
			place := docs[i].source.place()
			place.Entry = e.key
			add(dockerPlace{doc: docs[i], entry: &e}, place, docs[i].entryName(e), OutcomeNotTried, "")
		}
	}
	for prefix := g.part.prefix; prefix != ""; prefix = parent(prefix) {
		for i := range docs {
			entry(i, prefix)
		}
	}
	for i, doc := range docs {
		if doc.helper != "" {
			has[i] = true
			add(dockerPlace{doc: doc, helper: true},
				Place{Kind: PlaceHelper, File: doc.source.file, Helper: doc.helper}, doc.helperName(), OutcomeNotTried,
				"")
		}
		entry(i, "")
		switch {
		case has[i]:
		case doc.absent && doc.source.variable != "":
			add(dockerPlace{doc: doc}, doc.source.place(), doc.source.String(), OutcomeNotSet, "")
		case doc.absent:
			add(dockerPlace{doc: doc}, doc.source.place(), doc.source.String(), OutcomeNotAvailable,
				"there is no such file")
		default:
			add(dockerPlace{doc: doc}, doc.source.place(), doc.source.String(), OutcomeNotAvailable,
				"it has none for this registry")
		}
	}
	return places, nil
}

// find tries one place after the other.
func (g *dockerGrant) find(ctx context.Context) (*dockerFound, error) {
	places, err := g.places()
	if err != nil {
		return nil, withPlaces(err, places)
	}
	for i, p := range places {
		if p.entry == nil && !p.helper {
			continue
		}
		l := &places[i].lookup
		pair, err := g.read(ctx, p)
		if errors.Is(err, errNotInHelper) {
			l.Outcome, l.Detail = OutcomeNotAvailable, "it has none for this registry"
			continue
		}
		var f *dockerFound
		if err == nil {
			l.Outcome = OutcomeUsed
			f, err = g.found(pair, l, lookupsOf(places))
		}
		if err != nil {
			if ctx.Err() == nil {
				l.Outcome, l.Detail = OutcomeFailed, wording.Reason(err)
			}
			return nil, withPlaces(err, places)
		}
		return f, nil
	}
	return nil, withPlaces(&acrkit.Error{Code: acrkit.CodeCredentialMissing,
		Op: "find a credential in the Docker configuration", Registry: g.t.registry,
		Reason: "there is none for this registry",
		Hint:   sentence.Fix(sentence.LoginForDocker, map[string]string{"host": g.t.registry.Host()})}, places)
}

// withPlaces puts the report of the places beneath an *acrkit.Error and names the place
// that failed.
func withPlaces(err error, places []dockerPlace) error {
	e, ok := errors.AsType[*acrkit.Error](err)
	if !ok {
		return err
	}
	with := *e
	with.Reason = wording.Reason(err)
	for _, p := range places {
		// The error of a file names the file; that of a helper must still name it.
		if p.lookup.Outcome == OutcomeFailed && (e.Cause == cause.HelperMissing || e.Cause == cause.HelperFailed) {
			with.Reason += "; see " + p.lookup.Source
		}
	}
	with.Errs = append([]error{&ChainError{lookupsOf(places)}}, e.Errs...)
	return wire.Final(&with)
}

func parent(prefix string) string {
	if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
		return prefix[:i]
	}
	return ""
}

// read returns what a place holds.
func (g *dockerGrant) read(ctx context.Context, p dockerPlace) (userSecret, error) {
	if p.helper {
		var pair userSecret
		var err error
		for _, host := range hostsOf(g.t.registry) {
			pair, err = askHelper(ctx, p.doc.helper, host.Host(), runHelper)
			if !errors.Is(err, errNotInHelper) {
				break
			}
		}
		return pair, err
	}
	if p.entry.why != "" {
		return userSecret{},
			p.doc.source.failure(acrkit.CodeUsage, fmt.Sprintf("the entry %s %s", wording.Quote(p.entry.key),
				p.entry.why), sentence.Fix(sentence.LogInAgain, nil))
	}
	return p.entry.pair, nil
}

// found binds a pair, or returns what it was bound to before.
func (g *dockerGrant) found(pair userSecret, l *Lookup, lookups []Lookup) (*dockerFound, error) {
	g.reads.Lock()
	last := g.last
	g.reads.Unlock()
	if last != nil && last.place == l.Place && last.pair.equal(pair) {
		return last, nil
	}
	cred := UserPassword(pair.user, pair.secret.Reveal())
	inner, err := cred.bind(g.t)
	if err != nil {
		return nil, withSource(err, l.Source)
	}
	return &dockerFound{inner, cred, pair, l.Place, l.Source, lookups}, nil
}

// withSource adds to an error where the credential came from.
func withSource(err error, from string) error {
	e, ok := errors.AsType[*acrkit.Error](err)
	if !ok {
		return err
	}
	with := *e
	with.Reason = wording.Reason(err) + "; it is from " + from
	return wire.Final(&with)
}

func (g *dockerGrant) refused(p proof) bool {
	f, ok := p.by.(*dockerFound)
	if !ok {
		return false
	}
	if f.refused(p) {
		return true
	}
	g.discard(f)
	return true
}

func (g *dockerGrant) renew(root *refreshToken) {
	g.reads.Lock()
	f := g.current
	g.reads.Unlock()
	if f != nil {
		f.renew(root)
	}
}

func (g *dockerGrant) rejected(p proof, e *acrkit.Error, said string) {
	if f, ok := p.by.(*dockerFound); ok {
		f.rejected(p, e, said)
		e.Reason += "; it is from " + f.from
		report := &ChainError{slices.Clone(f.lookups)}
		for i := range report.Lookups {
			if l := &report.Lookups[i]; l.Outcome == OutcomeUsed {
				l.Outcome = OutcomeRefused
			}
		}
		e.Errs = append([]error{report}, e.Errs...)
	}
}

func (g *dockerGrant) close() {
	g.reads.close()
	for _, f := range g.old {
		f.close()
	}
}

func (g *dockerGrant) fillStatus(s *Status) {
	g.reads.Lock()
	f := g.current
	if f == nil {
		f = g.last
	}
	g.reads.Unlock()
	if f == nil {
		places, _ := g.places() // the error of a file is in its place
		s.Lookups = lookupsOf(places)
		return
	}
	if filler, ok := f.grant.(statusFiller); ok {
		filler.fillStatus(s)
	}
	s.Credential, s.From, s.Lookups = f.cred, f.from, f.lookups
}

func (d dockerDoc) helperName() string {
	return fmt.Sprintf("docker-credential-%s, named in %s", d.helper, d.source)
}

func (d dockerDoc) entryName(e dockerEntry) string {
	return fmt.Sprintf("%s, entry %s", d.source, wording.Quote(e.key))
}
