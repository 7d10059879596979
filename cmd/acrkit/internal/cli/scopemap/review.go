package scopemapcmd

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/mapfile"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/rights"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/uselog"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/scopemap"
)

// granted is a scope map that is reviewed, and whose it is.
type granted struct {
	m          scopemap.Map
	registry   string   // name; "" = not known
	identities []string // the tokens with the map; nil = not known
	system     bool     // it is one of the service's own, which cannot be changed
}

// granted reads the map of --granted: a file's, or one of a registry with its tokens.
func (s source) granted(ctx context.Context, arg string) (granted, error) {
	if isFile(arg) {
		m, err := mapfile.ReadOne(arg, s.f.IO.In)
		return granted{m: m}, err
	}
	found, err := s.stored(ctx, arg)
	if err != nil {
		return granted{}, err
	}
	g := granted{registry: cmp.Or(uselog.NameOf(found.r.Host()), found.r.Name()), system: found.System}
	//rule:suggest-shared
	if g.identities, err = rights.TokensOf(ctx, found.r, found.Name); err != nil {
		return granted{}, rights.Explain(ctx, s.azure, found.r.Host(), err, sentence.ShowScopeMaps)
	}
	g.m, err = scopemap.Parse(found.Actions)
	g.m.Name, g.m.Description = found.Name, found.Description
	return g, err
}

// review prints which granted rights were used.
func (opts *suggestOptions) review(ctx context.Context, log *uselog.Log, g granted) error {
	m := g.m
	var failed error
	rows, left := scopemap.Review(m, withoutError(log.Uses(), &failed), log.Shows, opts.Wildcards)
	if failed != nil {
		return failed
	}
	var all []suggestJSON
	count := map[scopemap.UseState]int{}
	for _, u := range rows {
		row := newSuggestJSON(u)
		if u.Count == 0 {
			row.First, row.Last = "", "" // of what failed
		}
		count[u.State]++
		switch {
		case u.State == scopemap.NotGranted:
			row.Change = changeAdd
		case u.State == scopemap.Unused:
			row.Change = changeRemove
		case u.Instead != nil:
			row.Change = changeNarrow
		default:
			row.Change = changeKeep
		}
		switch {
		case u.State == scopemap.Unknown,
			u.State == scopemap.Used && u.Rule.Pattern.IsWildcard() && !log.Shows(u.Rule): // it is not narrowed
			row.Why = whyUnknown(log, u)
		case u.State == scopemap.Unused:
			row.Why = "not in " + spans(log.ShownBy(u.Rule.Action))
		}
		all = append(all, row)
	}
	if opts.Format != "" {
		if _, err := fmt.Fprint(opts.IO.Out, opts.changed(g, left)); err != nil {
			return err
		}
	} else if err := cmdutil.PrintEach(ctx, opts.IO, opts.Exporter, each(all),
		[]string{"CHANGE", "ACTION", "REPOSITORY", "COUNT", "LAST USED", "WHY"}, suggestJSON.reviewRow); err != nil {
		return err
	}
	opts.notes(log)
	opts.whose(g)
	cmdutil.Say(opts.IO.ErrOut, "used: %d; unused: %d; unknown: %d; used and not granted: %d", count[scopemap.Used],
		count[scopemap.Unused], count[scopemap.Unknown], count[scopemap.NotGranted])
	if len(left.Rules) == 0 && len(m.Rules) > 0 {
		cmdutil.Say(opts.IO.ErrOut, "no right is left: delete the tokens with this scope map, and the map")
	}
	//rule:suggest-incomplete
	if err := opts.incomplete(log); err != nil {
		return err
	}
	if !scopemap.Diff(m, left).Same() {
		return cmdutil.Exit(cmdutil.ExitFound)
	}
	return nil
}

// whose says on stderr for which tokens a map is reviewed, if it is for several or not for all.
func (opts *suggestOptions) whose(g granted) {
	var with, without []string
	for _, token := range g.identities {
		text := fmt.Sprintf("%q", token)
		same := func(identity string) bool { return strings.EqualFold(identity, token) }
		if slices.ContainsFunc(opts.Identities, same) {
			with = append(with, text)
		} else {
			without = append(without, text)
		}
	}
	if len(with) > 1 {
		cmdutil.Say(opts.IO.ErrOut, "the scope map %q is of several tokens, whose lines count: %s", g.m.Name,
			strings.Join(with, ", "))
	}
	if len(without) > 0 {
		cmdutil.Say(opts.IO.ErrOut, "the scope map %q is of other tokens too, whose lines do not count: %s; "+
			"a change takes from them as well", g.m.Name, strings.Join(without, ", "))
	}
	if g.system {
		cmdutil.Say(opts.IO.ErrOut, "the scope map %q is the service's own and cannot be changed; "+
			"make another, and give it to the token", g.m.Name)
	}
}

// changed writes the map as it should be; as az, the command that changes it, or makes another.
func (opts *suggestOptions) changed(g granted, left scopemap.Map) string {
	m, as := g.m, mapfile.Format(opts.Format)
	if opts.Name != "" {
		m.Name, left.Name = opts.Name, opts.Name
	}
	switch {
	//rule:suggest-nothing-left
	case len(left.Rules) == 0: // the service has no such map
		return ""
	case g.system:
		left.Name, left.Description = opts.Name, "" // which is no longer true
	case as == mapfile.AsAz:
		return mapfile.AzUpdate(m, left, opts.Registry)
	}
	return mapfile.Write(left, as, opts.Registry)
}

// spans lists sources, each with the time that it shows.
func spans(sources []uselog.Source) string {
	var texts []string
	for _, s := range sources {
		texts = append(texts, fmt.Sprintf("%s (%s to %s)", s.Path, cmdutil.Time(s.From), cmdutil.Time(s.To)))
	}
	return strings.Join(texts, ", ")
}

// whyUnknown says why nothing is known of the use of a right.
func whyUnknown(log *uselog.Log, u scopemap.GrantedUse) string {
	r := u.Rule
	switch {
	case u.Count == 0 && u.Failed > 0:
		return fmt.Sprintf("tried %d times, last %s, and always failed (408, 429, 5xx)", u.Failed, cmdutil.Time(u.Last))
	case r.IsGateway():
		return "no source shows what a connected registry does"
	case log.Cut():
		return "it may have been used in what could not be read, or is not there"
	case len(log.ShownBy(r.Action)) == 0:
		return "no source shows uses of " + r.Action.String()
	case log.MayMount(r):
		return "a push may have mounted blobs from it, which the log does not show"
	}
	return "operations that are not known may have used it"
}

func (r suggestJSON) reviewRow() []string {
	why := r.Why
	switch r.Change {
	case changeNarrow:
		const most = 5
		names := slices.Clone(r.Instead)
		if more := len(names) - most; more > 0 {
			names = append(names[:most], fmt.Sprintf("and %d more", more))
		}
		why = "only " + strings.Join(names, ", ")
	case changeAdd:
		why = "used, and not granted by this map"
	}
	action := r.Action
	if action == "" {
		action = r.Line
	}
	return []string{r.Change, action, r.Repository, fmt.Sprint(r.Count), r.Last, why}
}
