package uselog

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
	"github.com/acrkit/acrkit/internal/spool"
	"github.com/acrkit/acrkit/scopemap"
)

const (
	// MaxSources is the most sources that are merged.
	MaxSources = 64
	// maxRights is how many different rights are counted in memory; more are sorted on disk.
	maxRights = 20_000
	// spoolMemory is the memory for sorting, in bytes.
	spoolMemory = 8 << 20
	// maxNames is how many identities, registries and unclear repositories are remembered.
	//rule:suggest-limits-names
	maxNames = 10_000
	// maxBroken is how many broken lines of a source are named.
	maxBroken = 5
)

// Choice says which lines count. The zero value is all.
type Choice struct {
	Registry   string   // its name
	Identities []string // token names, object ids, user names; "" is lines without one
}

// Source is what was read of one file.
type Source struct {
	Path  string
	Kinds []Kind // of the registry's lines, in the order in which they were seen

	Lines       int64     // that were chosen, each event of a counted row being one
	Used        int64     // of them, uses of rights
	Refused     int64     // of them, refused or failed
	First, Last time.Time // of the lines that were chosen; zero = none
	From, To    time.Time // first and last line about rights of the registry, of any identity; zero = none
	Broken      int64     // lines that could not be read
	Nameless    int64     // lines that do not say whose they are, and may be of a chosen identity
	Ends        string    // why it is not the whole log; "" = nothing says so
	Errors      []BrokenLine
	Other       int64  // lines of tables of other services
	OtherTable  string // the first of these
}

// BrokenLine is a line that could not be read.
type BrokenLine struct {
	Line int
	Err  error
}

// Log is the uses of rights of all sources. Its memory does not grow with their lines.
type Log struct {
	Sources []Source

	choice Choice
	held   map[string]*total
	limit  int
	spool  *spool.Spool

	identities map[string]int64
	registries map[string]int64
	unclear    map[scopemap.Pattern]bool // repositories of operations that are not known
	operations map[string]int64          // those operations
	many       bool                      // some name was not remembered
	pushed     bool                      // ACR has logged a push
	skipped    int64                     // lines of other registries
	unchosen   int64                     // lines of other identities
	nameless   int64                     // lines that count, and do not say whose they are
	placeless  int64                     // likewise, of which registry
}

// total is the evidence for one right.
type total struct {
	first, last   int64 // of the uses; if there are none, of those that failed
	count, failed int64
	sources       uint64
}

// New returns an empty log. Close removes its files.
func New(c Choice) *Log {
	c.Registry = strings.ToLower(c.Registry)
	return &Log{choice: c, held: map[string]*total{}, limit: maxRights, spool: spool.New(spoolMemory),
		identities: map[string]int64{}, registries: map[string]int64{}, unclear: map[scopemap.Pattern]bool{},
		operations: map[string]int64{}}
}

// Close removes what is on disk.
func (l *Log) Close() error { return l.spool.Close() }

// note counts a name, unless there are too many.
func note[K comparable](l *Log, m map[K]int64, name K, n int64) {
	if _, ok := m[name]; !ok && len(m) >= maxNames {
		l.many = true
		return
	}
	m[name] += n
}

// add counts an event of the last source.
func (l *Log) add(e event) error {
	s := &l.Sources[len(l.Sources)-1]
	if e.registry != "" {
		note(l, l.registries, e.registry, e.count)
		//rule:suggest-registry
		if l.choice.Registry != "" && e.registry != l.choice.Registry {
			l.skipped += e.count
			return nil
		}
	}
	// After the choice of the registry: each has diagnostic settings of its own, and what is
	// logged of one says nothing of another.
	if !slices.Contains(s.Kinds, e.kind) {
		s.Kinds = append(s.Kinds, e.kind)
	}
	first, last := time.Unix(0, e.first).UTC(), time.Unix(0, e.last).UTC()
	if e.kind != LoginEvents {
		widen(&s.From, &s.To, first, last)
	}
	if !e.anyone {
		note(l, l.identities, e.identity, e.count)
		//rule:suggest-identity
		if !l.chosen(e.identity) {
			l.unchosen += e.count
			//rule:suggest-nameless
			if e.nameless && e.outcome != refused && e.outcome != nothing {
				s.Nameless += e.count
			}
			return nil
		}
	}
	if e.nameless {
		l.nameless += e.count
	}
	if e.placeless {
		l.placeless += e.count
	}
	s.Lines += e.count
	widen(&s.First, &s.Last, first, last)
	switch e.outcome {
	case refused:
		s.Refused += e.count
	case unclear:
		note(l, l.operations, e.operation, e.count)
		if len(l.unclear) < maxNames {
			l.unclear[scopemap.Pattern(e.repository)] = true
		} else {
			l.many = true
		}
	case used, failed:
		if e.outcome == used {
			s.Used += e.count
		} else {
			s.Refused += e.count
		}
		for _, r := range e.rules {
			if r.Action == acrkit.ContentWrite && (e.kind == RepositoryEvents || e.kind == Rows) {
				l.pushed = true
			}
			if err := l.count(r, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// widen makes a span of time contain another.
func widen(from, to *time.Time, first, last time.Time) {
	if from.IsZero() || first.Before(*from) {
		*from = first
	}
	if last.After(*to) {
		*to = last
	}
}

func (l *Log) chosen(identity string) bool {
	return len(l.choice.Identities) == 0 ||
		slices.ContainsFunc(l.choice.Identities, func(x string) bool { return strings.EqualFold(x, identity) })
}

// key orders rights as [scopemap.CompareRules]: no name has a byte that is less than the one
// between its parts.
func key(to []byte, r scopemap.Rule) []byte {
	return append(append(to, r.Pattern...), 0, byte(r.Action))
}

func (l *Log) count(r scopemap.Rule, e event) error {
	var room [acrkit.MaxRepositoryName + 2]byte
	k := key(room[:0], r)
	t := l.held[string(k)]
	if t == nil {
		if len(l.held) >= l.limit {
			if err := l.spill(); err != nil {
				return err
			}
		}
		t = &total{first: e.first, last: e.last}
		l.held[string(k)] = t
	}
	o := total{first: e.first, last: e.last, count: e.count, sources: 1 << (len(l.Sources) - 1)}
	if e.outcome == failed {
		o.count, o.failed = 0, e.count
	}
	t.merge(o)
	return nil
}

func (t *total) merge(o total) {
	switch {
	case t.count == 0 && o.count > 0:
		t.first, t.last = o.first, o.last
	case t.count == 0 || o.count > 0:
		t.first, t.last = min(t.first, o.first), max(t.last, o.last)
	}
	t.count += o.count
	t.failed += o.failed
	t.sources |= o.sources
}

// spill moves what is held to the spool.
func (l *Log) spill() error {
	for k, t := range l.held {
		var b []byte
		for _, n := range []int64{t.first, t.last, t.count, t.failed, int64(t.sources)} {
			b = binary.BigEndian.AppendUint64(b, uint64(n))
		}
		if err := l.spool.Add([]byte(k), b); err != nil {
			return err
		}
	}
	clear(l.held)
	return nil
}

// Uses yields every right once, in the order of [scopemap.CompareRules]. Nothing is added
// after it.
func (l *Log) Uses() iter.Seq2[scopemap.Use, error] {
	return func(yield func(scopemap.Use, error) bool) {
		if err := l.spill(); err != nil {
			yield(scopemap.Use{}, err)
			return
		}
		var k []byte
		var t total
		for record, err := range l.spool.All() {
			if err != nil {
				yield(scopemap.Use{}, err)
				return
			}
			var n [5]int64
			for i := range n {
				n[i] = int64(binary.BigEndian.Uint64(record.Value[8*i:]))
			}
			next := total{n[0], n[1], n[2], n[3], uint64(n[4])}
			if k != nil && bytes.Equal(k, record.Key) {
				t.merge(next)
				continue
			}
			if k != nil && !yield(l.use(k, t), nil) {
				return
			}
			k, t = record.Key, next
		}
		if k != nil {
			yield(l.use(k, t), nil)
		}
	}
}

func (l *Log) use(k []byte, t total) scopemap.Use {
	n := len(k) - 2
	u := scopemap.Use{Rule: scopemap.Rule{Pattern: scopemap.Pattern(k[:n]), Action: acrkit.Action(k[n+1])},
		First: time.Unix(0, t.first).UTC(), Last: time.Unix(0, t.last).UTC(), Count: t.count, Failed: t.failed}
	for i := range l.Sources {
		if t.sources&(1<<i) != 0 {
			u.Sources = append(u.Sources, l.Sources[i].Path)
		}
	}
	slices.Sort(u.Sources)
	return u
}

// Shows reports whether a source shows the use of a right. None does if a line could not be read
// ([Log.Cut]). After an operation that is not known, none does for its repository, and
// content/read is not shown where something was pushed ([Log.MayMount]).
func (l *Log) Shows(r scopemap.Rule) bool {
	//rule:suggest-cut
	if l.Cut() {
		return false
	}
	for p := range l.unclear {
		//rule:suggest-unclear
		if r.Pattern == p || r.Pattern.Match(string(p)) {
			return false
		}
	}
	return !l.many && len(l.ShownBy(r.Action)) > 0 && !l.MayMount(r)
}

// Cut reports whether lines could not be read, are missing, or do not say whose they are. Any right
// may have been used in them.
func (l *Log) Cut() bool {
	return slices.ContainsFunc(l.Sources, func(s Source) bool { return s.Broken > 0 || s.Ends != "" || s.Nameless > 0 })
}

// MayMount reports whether a right may have been used by a push into another repository, which
// took over blobs from one that it could read. It is not documented that ACR logs such a mount
// as a pull.
func (l *Log) MayMount(r scopemap.Rule) bool {
	//rule:suggest-mount
	return r.Action == acrkit.ContentRead && l.pushed
}

// ShownBy returns the sources that show uses of an action, and have lines.
func (l *Log) ShownBy(a acrkit.Action) (sources []Source) {
	for _, s := range l.Sources {
		//rule:suggest-shown
		if s.Lines > 0 && slices.ContainsFunc(s.Kinds, func(k Kind) bool { return k.Shows(a) }) {
			sources = append(sources, s)
		}
	}
	return sources
}

// Kinds returns the kinds of all sources, each once.
func (l *Log) Kinds() (kinds []Kind) {
	for _, s := range l.Sources {
		for _, k := range s.Kinds {
			if !slices.Contains(kinds, k) {
				kinds = append(kinds, k)
			}
		}
	}
	return kinds
}

// Registry returns the name of the registry that the lines are of; "" if they do not say it.
func (l *Log) Registry() string {
	if l.choice.Registry != "" {
		return l.choice.Registry
	}
	for name := range l.registries {
		return name
	}
	return ""
}

// Check returns an error if the sources are of several registries or identities and none was
// chosen, or if the choice left nothing.
func (l *Log) Check() error {
	const op = "find out which rights were used"
	names := func(m map[string]int64) string { return countedNames(m, l.many) }
	choose := func(key sentence.FixKey, fact string, m map[string]int64) string {
		return sentence.Fix(key, map[string]string{fact: shell.Quote(byCount(m)[0])})
	}
	switch lines := l.Lines(); {
	//rule:suggest-registries
	case l.choice.Registry == "" && len(l.registries) > 1:
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Reason: fmt.Sprintf(
			"the sources are of several registries: %s; choose one with --registry", names(l.registries)),
			Hint: choose(sentence.ChooseRegistry, "registry", l.registries)}
	case lines == 0 && l.skipped > 0 && l.unchosen == 0:
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Reason: fmt.Sprintf(
			"no line is of the registry %q; they are of %s", l.choice.Registry, names(l.registries)),
			Hint: choose(sentence.ChooseRegistry, "registry", l.registries)}
	//rule:suggest-identities
	case len(l.choice.Identities) == 0 && len(l.identities) > 1:
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Reason: fmt.Sprintf(
			"the sources are of several identities: %s; choose with --identity", names(l.identities)),
			Hint: choose(sentence.ChooseIdentity, "identity", l.identities)}
	case lines == 0 && l.unchosen > 0:
		reasons := append([]string{fmt.Sprintf("no line is of %s; there are %s",
			strings.Join(quoted(l.choice.Identities), " or "), names(l.identities))}, l.Missing()...)
		return &acrkit.Error{Code: acrkit.CodeNotFound, Op: op, Reason: strings.Join(reasons, "\n"),
			Hint: choose(sentence.ChooseIdentity, "identity", l.identities)}
	}
	return nil
}

// Lines returns how many lines were chosen; a row that counts several is as many.
func (l *Log) Lines() (n int64) {
	for _, s := range l.Sources {
		n += s.Lines
	}
	return n
}

// Used returns how many uses of rights there were.
func (l *Log) Used() (n int64) {
	for _, s := range l.Sources {
		n += s.Used
	}
	return n
}

// Refused returns how many lines were refused or failed.
func (l *Log) Refused() (n int64) {
	for _, s := range l.Sources {
		n += s.Refused
	}
	return n
}

// Missing says what makes the result incomplete, a sentence each: broken lines, operations that
// are not known.
func (l *Log) Missing() (reasons []string) {
	for _, s := range l.Sources {
		if s.Nameless > 0 {
			reasons = append(reasons, fmt.Sprintf("%s: lines without a column Identity, which may be of %s: %d; "+
				"let the query print it", s.Path, strings.Join(quoted(l.choice.Identities), " or "), s.Nameless))
		}
		if s.Ends != "" {
			reasons = append(reasons, s.Path+": "+s.Ends)
		}
		for _, b := range s.Errors {
			reasons = append(reasons, fmt.Sprintf("%s:%d: %v", s.Path, b.Line, b.Err))
		}
		if more := s.Broken - int64(len(s.Errors)); more > 0 {
			reasons = append(reasons, fmt.Sprintf("%s: %d more lines cannot be read", s.Path, more))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.operations)) {
		reasons = append(reasons, fmt.Sprintf("the operation %q is not known, nor which right it needs: lines: %d",
			name, l.operations[name]))
	}
	return reasons
}

// countedNames lists the names with the most lines.
func countedNames(m map[string]int64, many bool) string {
	const most = 10
	all := byCount(m)
	var texts []string
	for i, name := range all {
		if i == most {
			more := fmt.Sprintf("and %d more", len(all)-most)
			if many {
				more = "and many more"
			}
			texts = append(texts, more)
			break
		}
		texts = append(texts, fmt.Sprintf("%s (lines: %d)", quoted([]string{name})[0], m[name]))
	}
	return strings.Join(texts, ", ")
}

// byCount returns the names, those with the most lines first.
func byCount(m map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(cmp.Compare(m[b], m[a]), strings.Compare(a, b))
	})
}

func quoted(names []string) (out []string) {
	for _, name := range names {
		out = append(out, fmt.Sprintf("%q", clip(name)))
	}
	return out
}

// Nameless returns how many lines count and have no column for the identity: they may be of
// several.
func (l *Log) Nameless() int64 { return l.nameless }

// Placeless returns how many lines count and have no column for the registry.
func (l *Log) Placeless() int64 { return l.placeless }

// Identity returns the identity of the lines; "" if they have none, or several.
func (l *Log) Identity() string {
	if len(l.choice.Identities) == 1 {
		return l.choice.Identities[0]
	}
	if len(l.choice.Identities) == 0 && len(l.identities) == 1 {
		for name := range l.identities {
			return name
		}
	}
	return ""
}

// Window returns the times of the first and the last line; zero if there is none.
func (l *Log) Window() (first, last time.Time) {
	for _, s := range l.Sources {
		if first.IsZero() || !s.First.IsZero() && s.First.Before(first) {
			first = s.First
		}
		if s.Last.After(last) {
			last = s.Last
		}
	}
	return first, last
}
