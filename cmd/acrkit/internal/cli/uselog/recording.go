package uselog

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/scopemap"
)

// Recorder collects the rights that a run used. It is safe for several goroutines.
type Recorder struct {
	Host  string // of the registry
	Start time.Time

	mu   sync.Mutex
	used map[scopemap.Rule]scopemap.Use
}

// Add adds the rights that a request used.
func (r *Recorder) Add(required acrkit.Scope, at time.Time) {
	rules, _ := scopemap.RulesFor(required)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.used == nil {
		r.used = map[scopemap.Rule]scopemap.Use{}
	}
	for _, rule := range rules {
		u := r.used[rule]
		u.Rule = rule
		r.used[rule] = u.Merge(scopemap.Use{First: at, Last: at, Count: 1})
	}
}

// Text returns the recording as text: the lines of a scope map, each with its evidence in a
// comment, so that the file is a scope map too.
func (r *Recorder) Text(end time.Time) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "%s1 of %s, from %s to %s\n", recordingMark, r.Host, stamp(r.Start), stamp(end))
	for _, rule := range slices.SortedFunc(maps.Keys(r.used), scopemap.CompareRules) {
		u := r.used[rule]
		fmt.Fprintf(&b, "# used %d times, first %s, last %s\n%s\n", u.Count, stamp(u.First), stamp(u.Last), rule)
	}
	b.WriteString(recordingEnd + "\n")
	return b.String()
}

func stamp(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }

var (
	recordingHead = regexp.MustCompile(`^# acrkit recording (\d+) of (\S+), from (\S+) to (\S+)$`)
	recordingUse  = regexp.MustCompile(`^# used (\d+) times, first (\S+), last (\S+)$`)
)

// recordingEnd is the last line: without it, a recording that was cut between two lines looks whole.
const recordingEnd = "# end of the recording"

// recording reads what [Recorder.Text] wrote, or several of them in one file.
func (r *reader) recording() error {
	registry, head, open := "", false, false
	var use *event
	cut := func() {
		//rule:suggest-recording-end
		if open || use != nil {
			r.source.Ends = "the end of a recording is missing, and perhaps more"
		}
	}
	err := r.lines(func(_ int, line []byte) error {
		text := string(line)
		if m := recordingHead.FindStringSubmatch(text); m != nil {
			if m[1] != "1" {
				return fmt.Errorf("a recording of version %s is not read; perhaps a newer acrkit wrote it", m[1])
			}
			cut()
			registry, head, open = nameOf(m[2]), true, true
			run, err := readUse([]string{"1", m[3], m[4]})
			if err != nil {
				return err
			}
			widen(&r.source.From, &r.source.To, time.Unix(0, run.first).UTC(), time.Unix(0, run.last).UTC())
			r.source.Kinds = append(r.source.Kinds, Recording)
			return nil
		}
		if !head {
			return fmt.Errorf("it is not the first line of a recording: %q", clip(text))
		}
		if text == recordingEnd {
			open = false
			return nil
		}
		if m := recordingUse.FindStringSubmatch(text); m != nil {
			var err error
			use, err = readUse(m[1:])
			return err
		}
		if strings.HasPrefix(text, "#") {
			return nil
		}
		e := use
		use = nil
		if e == nil {
			return fmt.Errorf("the line before it does not say how often it was used: %q", clip(text))
		}
		rule, err := scopemap.ParseRule(text)
		if err != nil {
			return err
		}
		//rule:suggest-recorded-wildcard
		if rule.IsGateway() || rule.Pattern.IsWildcard() &&
			rule != (scopemap.Rule{Pattern: scopemap.Root, Action: acrkit.MetadataRead}) {
			return fmt.Errorf("no request uses %q; only repositories/*/metadata/read is, by the catalog", rule)
		}
		e.kind, e.registry, e.anyone, e.rules = Recording, registry, true, []scopemap.Rule{rule}
		return r.add(*e)
	})
	cut()
	return err
}

func readUse(parts []string) (*event, error) {
	n, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil || n < 1 {
		return nil, fmt.Errorf("%q is no count", clip(parts[0]))
	}
	e := &event{count: n}
	for i, at := range []*int64{&e.first, &e.last} {
		var f fields
		_ = f.set(fTime, []byte(parts[i+1]))
		if *at, err = f.time(fTime); err != nil {
			return nil, err
		}
	}
	return e, nil
}
