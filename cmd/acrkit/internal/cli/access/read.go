package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/internal/spool"
	"github.com/acrkit/acrkit/internal/wording"
	"github.com/acrkit/acrkit/manage"
	"github.com/acrkit/acrkit/manage/access"
)

// reader reads a registry and keeps the grants. Tokens, scope maps and grants are sorted
// outside of memory: there may be 50,000 of each, and 500 lines in a scope map.
type reader struct {
	io    *iostreams.IOStreams
	azure *cmdutil.Azure
	r     *manage.Registry
	query access.Query
	now   time.Time

	grants    *spool.Spool
	settings  manage.Settings
	unread    error // the first that could not be read
	uncertain int   // grants of which it is not certain that they are there
	memory    int   // of each spool; 0 = its default
}

func (rd *reader) close() error { return rd.grants.Close() }

// add keeps grants.
func (rd *reader) add(grants ...access.Grant) error {
	for _, g := range grants {
		if isUncertain(g) {
			rd.uncertain++
		}
		if err := rd.grants.AddJSON(g.Key(), g); err != nil {
			return err
		}
	}
	return nil
}

// denied keeps that something could not be read for lack of a right. Every other error is
// returned: a list that was cut off is no list.
func (rd *reader) denied(ctx context.Context, what string, err error) error {
	if err = rd.azure.Explain(ctx, err); !errors.Is(err, acrkit.CodeDenied) {
		return err
	}
	if rd.unread == nil {
		rd.unread = err
	}
	cmdutil.Say(rd.io.ErrOut, "not read: %s: %s", what, wording.Said(err))
	return rd.add(access.Unread(what, err))
}

// read reads everything.
func (rd *reader) read(ctx context.Context) (err error) {
	rd.grants = spool.New(rd.memory)
	if rd.settings, err = rd.r.Settings(ctx); err != nil {
		return rd.azure.Explain(ctx, err)
	}
	if err := rd.add(rd.query.Settings(rd.settings, rd.r.Name())...); err != nil {
		return err
	}
	if rd.query.Action != access.Control {
		if err := rd.tokens(ctx); err != nil {
			return err
		}
	}
	return rd.assignments(ctx)
}

// tokens reads tokens and scope maps, and joins them.
func (rd *reader) tokens(ctx context.Context) error {
	tokens, maps := spool.New(rd.memory), spool.New(rd.memory)
	defer tokens.Close()
	defer maps.Close()
	err := keep(rd, "tokens", tokens, rd.r.Tokens(ctx), func(t manage.Token) (string, any) {
		return strings.ToLower(t.ScopeMap) + "\x00" + strings.ToLower(t.Name), access.OfToken(t, rd.now)
	})
	if err != nil {
		return rd.denied(ctx, "the tokens", err)
	}
	err = keep(rd, "scope maps", maps, rd.r.ScopeMaps(ctx), func(m manage.ScopeMap) (string, any) {
		return strings.ToLower(m.Name), rd.query.Narrow(m)
	})
	if err != nil {
		if err := rd.denied(ctx, "the scope maps", err); err != nil {
			return err
		}
	}
	next, stop := iter.Pull2(maps.All())
	defer stop()
	record, err, more := next()
	var m *manage.ScopeMap
	name := "" // of m
	for t, terr := range tokens.All() {
		if terr != nil {
			return terr
		}
		want, _, _ := strings.Cut(string(t.Key), "\x00")
		for more && err == nil && string(record.Key) < want {
			record, err, more = next()
		}
		if err != nil {
			return err
		}
		switch {
		case !more || string(record.Key) != want:
			m, name = nil, ""
		case name != want:
			m, name = new(manage.ScopeMap), want
			if err := json.Unmarshal(record.Value, m); err != nil {
				return err
			}
		}
		var token access.Grant
		if err := json.Unmarshal(t.Value, &token); err != nil {
			return err
		}
		if err := rd.add(rd.query.ScopeMap(token, m)...); err != nil {
			return err
		}
	}
	return nil
}

// keep puts a list into a spool, and shows how far it is.
func keep[T any](rd *reader, what string, to *spool.Spool, items iter.Seq2[T, error],
	record func(T) (string, any)) error {
	const step = 100
	done := rd.io.Await("reading the " + what)
	defer done()
	n := 0
	for item, err := range items {
		if err != nil {
			return err
		}
		key, value := record(item)
		if err := to.AddJSON(key, value); err != nil {
			return err
		}
		if n++; n%step == 0 {
			rd.io.Progress(fmt.Sprintf("reading the %s: %d", what, n))
		}
	}
	return nil
}

// assignments reads role assignments, and their definitions after them: a role that was defined
// and assigned between the two would be one that is not known.
func (rd *reader) assignments(ctx context.Context) error {
	list := spool.New(rd.memory)
	defer list.Close()
	err := keep(rd, "role assignments", list, rd.r.Assignments(ctx), func(a manage.Assignment) (string, any) {
		return strings.ToLower(a.ID), a
	})
	if err != nil {
		if err := rd.denied(ctx, "the role assignments", err); err != nil {
			return err
		}
	}
	roles, err := rd.roles(ctx)
	if err != nil {
		return err
	}
	for a, err := range spool.Values[manage.Assignment](list) {
		if err != nil {
			return err
		}
		if err := rd.add(rd.query.Assignment(rd.settings, a, roleOf(roles, a))...); err != nil {
			return err
		}
	}
	return nil
}

func (rd *reader) roles(ctx context.Context) (map[string]manage.Role, error) {
	roles, err := rd.r.Roles(ctx)
	if err != nil {
		return nil, rd.denied(ctx, "the role definitions", err)
	}
	return roles, nil
}

func roleOf(roles map[string]manage.Role, a manage.Assignment) *manage.Role {
	if role, ok := roles[a.RoleKey()]; ok {
		return &role
	}
	return nil
}
