package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/wording"
	"github.com/acrkit/acrkit/manage/sink"
)

// MaxFile is the most bytes that a policy may have: a thousand tokens have a tenth of it.
const MaxFile = 4 << 20

var maxFile = limit.Limit{Name: "a policy", Bytes: MaxFile}

// The ages and lives of passwords if the policy does not say.
const (
	defaultAge     = 30 * 24 * time.Hour
	defaultExpires = 90 * 24 * time.Hour
	defaultGrace   = 24 * time.Hour
)

// Policy says how the passwords of a registry's tokens are rotated.
type Policy struct{ Tokens []Token }

// Token is the policy of one token.
type Token struct {
	Name  string
	Owner string // "" = not said
	// ManagedBy is the program that rotates the token: it is left alone; "" = none.
	ManagedBy string
	Sinks     []sink.Sink
	Age       time.Duration // from which the password is rotated
	Expires   time.Duration // how long a new one lives
	Grace     time.Duration // how long the old one still works
	Window    Window        // when a rotation may begin
}

// Window is a time of the day, in UTC; it may go past midnight. The zero Window is the
// whole day.
type Window struct{ From, To time.Duration }

// Contains reports whether a time is in the window.
func (w Window) Contains(t time.Time) bool {
	t = t.UTC()
	at := time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
	switch {
	case w == Window{}:
		return true
	case w.From <= w.To:
		return w.From <= at && at < w.To
	}
	return at >= w.From || at < w.To
}

// String returns "02:00-06:00".
func (w Window) String() string {
	clock := func(d time.Duration) string { return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60) }
	return clock(w.From) + "-" + clock(w.To)
}

// Parse reads a policy. opts are those of its sinks. An error has [acrkit.CodeUsage], and
// names the line.
func Parse(data []byte, opts *sink.Options) (Policy, error) {
	if err := maxFile.Check(int64(len(data))); err != nil {
		return Policy{}, err
	}
	p := &parser{opts: opts}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return Policy{}, p.failed("it is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(doc.Content) == 0 {
		return Policy{}, p.failed("it is empty")
	}
	out := p.policy(doc.Content[0])
	if len(p.problems) > 0 {
		return Policy{}, p.failed(strings.Join(p.problems, "; "))
	}
	return out, nil
}

// parser reads a document and notes what is wrong with it.
type parser struct {
	opts     *sink.Options
	problems []string
}

func (p *parser) failed(reason string) error {
	return &acrkit.Error{Code: acrkit.CodeUsage, Op: "read the policy", Reason: reason}
}

// maxProblems is how many problems an error lists.
const maxProblems = 10

func (p *parser) wrong(n *yaml.Node, format string, a ...any) {
	if len(p.problems) < maxProblems {
		p.problems = append(p.problems, fmt.Sprintf("line %d: ", n.Line)+fmt.Sprintf(format, a...))
	}
}

// object calls read for each key of a mapping. Keys that are not among those that are
// allowed, or that occur twice, are wrong.
func (p *parser) object(n *yaml.Node, what string, keys []string, read func(key string, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		p.wrong(n, "%s must be a mapping", what)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		//rule:policy-keys
		case !slices.Contains(keys, key.Value):
			p.wrong(key, "%s has no key %s; there are %s", what, wording.Quote(key.Value), strings.Join(keys, ", "))
		case seen[key.Value]:
			p.wrong(key, "%s has %s twice", what, key.Value)
		default:
			seen[key.Value] = true
			read(key.Value, value)
		}
	}
}

func (p *parser) policy(n *yaml.Node) Policy {
	out := Policy{}
	defaults := Token{Age: defaultAge, Expires: defaultExpires, Grace: defaultGrace}
	var list *yaml.Node
	p.object(n, "the policy", []string{"defaults", "tokens"}, func(key string, value *yaml.Node) {
		if key == "tokens" {
			list = value
			return
		}
		p.object(value, "defaults", timeKeys, func(key string, value *yaml.Node) { p.times(&defaults, key, value) })
	})
	if list == nil || list.Kind != yaml.SequenceNode {
		p.wrong(n, "tokens must be a list")
		return out
	}
	names := map[string]bool{}
	for _, entry := range list.Content {
		t := p.token(entry, defaults)
		//rule:policy-twice
		if name := strings.ToLower(t.Name); name != "" && names[name] {
			p.wrong(entry, "the token %s is named twice", wording.Quote(t.Name))
		} else {
			names[name] = true
		}
		out.Tokens = append(out.Tokens, t)
	}
	return out
}

// timeKeys are the keys that defaults has, too.
var timeKeys = []string{"age", "expires", "grace", "window"}

func (p *parser) token(n *yaml.Node, defaults Token) Token {
	t := defaults
	managed := false
	p.object(n, "a token", append([]string{"name", "owner", "managed-by", "sinks"}, timeKeys...),
		func(key string, value *yaml.Node) {
			switch key {
			case "name":
				t.Name = p.text(value, key)
			case "owner":
				t.Owner = p.text(value, key)
			case "managed-by":
				t.ManagedBy, managed = p.text(value, key), true
			case "sinks":
				t.Sinks = p.sinks(value)
			default:
				p.times(&t, key, value)
			}
		})
	switch {
	case n.Kind != yaml.MappingNode:
	case t.Name == "":
		p.wrong(n, "a token has no name")
	case managed && len(t.Sinks) > 0:
		p.wrong(n, "the token %s has sinks, and managed-by leaves it alone", wording.Quote(t.Name))
	case !managed && len(t.Sinks) == 0:
		p.wrong(n, "the token %s has no sinks", wording.Quote(t.Name))
	//rule:policy-expires
	case t.Expires <= t.Age+t.Grace:
		p.wrong(n, "the token %s: a password that lives for %s ends before the next rotation, after %s and a "+
			"grace of %s",
			wording.Quote(t.Name), t.Expires, t.Age, t.Grace)
	}
	return t
}

// text reads a text that is not empty.
func (p *parser) text(n *yaml.Node, key string) string {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" || strings.TrimSpace(n.Value) == "" {
		p.wrong(n, "%s must be a text", key)
		return ""
	}
	return n.Value
}

func (p *parser) sinks(n *yaml.Node) (out []sink.Sink) {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		p.wrong(n, "sinks must be a list of texts")
		return nil
	}
	for _, entry := range n.Content {
		text := p.text(entry, "a sink")
		if text == "" {
			continue
		}
		s, err := sink.Parse(text, p.opts)
		if err != nil {
			p.wrong(entry, "a sink: %s", wording.Reason(err))
			continue
		}
		out = append(out, s)
	}
	return out
}

// times reads one of timeKeys.
func (p *parser) times(t *Token, key string, n *yaml.Node) {
	if key == "window" {
		w, ok := parseWindow(n.Value)
		if !ok || n.Kind != yaml.ScalarNode {
			p.wrong(n, "window must be times of the day in UTC, such as 02:00-06:00")
		}
		t.Window = w
		return
	}
	d, ok := parseDuration(n.Value)
	if !ok || n.Kind != yaml.ScalarNode {
		p.wrong(n, "%s must be a duration such as 90d or 12h", key)
	}
	switch key {
	case "age":
		t.Age = d
	case "expires":
		t.Expires = d
	case "grace":
		t.Grace = d
	}
}

// maxDuration bounds a duration: more is a mistake.
const maxDuration = 10 * 365 * 24 * time.Hour

// parseDuration reads whole days, hours or minutes: 90d, 12h, 30m.
func parseDuration(text string) (time.Duration, bool) {
	units := map[string]time.Duration{"d": 24 * time.Hour, "h": time.Hour, "m": time.Minute}
	if len(text) < 2 || len(text) > 8 {
		return 0, false
	}
	unit, ok := units[text[len(text)-1:]]
	number := time.Duration(0)
	for _, r := range text[:len(text)-1] {
		if r < '0' || r > '9' {
			return 0, false
		}
		number = number*10 + time.Duration(r-'0')
	}
	d := number * unit
	return d, ok && d > 0 && d <= maxDuration
}

func parseWindow(text string) (Window, bool) {
	from, to, ok := strings.Cut(text, "-")
	a, aok := parseClock(from)
	b, bok := parseClock(to)
	return Window{a, b}, ok && aok && bok && a != b
}

func parseClock(text string) (time.Duration, bool) {
	t, err := time.Parse("15:04", text)
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, err == nil && len(text) == 5
}
