package policy_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/manage"
	"github.com/acrkit/acrkit/manage/policy"
	"github.com/acrkit/acrkit/manage/rotate"
	"github.com/acrkit/acrkit/manage/sink"
)

const good = `# a policy
defaults: {age: 30d, expires: 90d, grace: 24h, window: "22:00-04:00"}
tokens:
  - name: ci-pull
    owner: team-a
    sinks: ["file:/run/secrets/acr cache:10m", docker]
    age: 12h
    window: 02:00-06:00
  - name: eso-pull
    managed-by: external-secrets
`

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	data, err := os.ReadFile("policy.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
	if err == nil {
		err = c.AddResource("policy.json", doc)
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("policy.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The schema takes what the parser takes, but for what relates two values.
func TestParse(t *testing.T) {
	s := schema(t)
	valid := func(text string) bool {
		var doc any
		return yaml.Unmarshal([]byte(text), &doc) == nil && s.Validate(doc) == nil
	}
	p, err := policy.Parse([]byte(good), nil)
	if err != nil || !valid(good) || len(p.Tokens) != 2 {
		t.Fatalf("%+v, %v", p, err)
	}
	ci := p.Tokens[0]
	if ci.Owner != "team-a" || len(ci.Sinks) != 2 || ci.Sinks[0].Cache() != 10*time.Minute || ci.Age != 12*time.Hour ||
		ci.Expires != 90*24*time.Hour || ci.Window.String() != "02:00-06:00" ||
		p.Tokens[1].Window.String() != "22:00-04:00" {
		t.Errorf("%+v", p)
	}
	for _, tt := range []struct {
		from, to, want string
		related        bool // the schema cannot say it
	}{
		{"owner:", "ownr:", `line 5: a token has no key "ownr"; there are name, owner`, false},
		{"defaults:", "default:", `line 2: the policy has no key "default"`, false},
		{"grace: 24h,", "sinks: [docker],", `defaults has no key "sinks"`, false},
		{"tokens:", "tokens: 3\nx:", "tokens must be a list", false},
		{"name: ci-pull", "name: ''", "name must be a text", false},
		{"name: ci-pull", "name: 12345", "name must be a text", false},
		{"  - name: ci-pull\n    owner", "  - owner", "a token has no name", false},
		{"age: 12h", "age: 12", "line 7: age must be a duration", false},
		{"age: 12h", "age: -1d", "age must be a duration", false},
		{"age: 12h", "age: 0d", "age must be a duration", true},
		{"age: 12h", "age: 3651d", "age must be a duration", true},
		{"age: 12h", "age: 89d", "ends before the next rotation", true},
		{"02:00-06:00", "2-6", "window must be", false},
		{"02:00-06:00", "02:00-24:00", "window must be", false},
		{"02:00-06:00", "02:00-02:00", "window must be", true},
		{"docker]", "vault:x]", "a sink: it begins with none of", false},
		{"docker]", "file:]", "nothing follows file:", true},
		{`["file:/run/secrets/acr cache:10m", docker]`, "[]", "sinks must be a list", false},
		{`["file:/run/secrets/acr cache:10m", docker]`, "file:x", "sinks must be a list", false},
		{"managed-by: external-secrets", "owner: me", "has no sinks", false},
		{"managed-by: external-secrets", "managed-by: e\n    sinks: [docker]", "leaves it alone", false},
		{"eso-pull", "CI-pull", "is named twice", true},
		{good, "", "empty", true},
		{good, "a: [", "not YAML", false},
	} {
		text := strings.Replace(good, tt.from, tt.to, 1)
		_, err := policy.Parse([]byte(text), nil)
		if acrkit.CodeOf(err) != acrkit.CodeUsage || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v", tt.to, err)
		}
		if valid(text) && !tt.related {
			t.Errorf("%q: the schema takes it", tt.to)
		}
	}
	if _, err := policy.Parse(make([]byte, 4<<20+1), nil); acrkit.CodeOf(err) != acrkit.CodeTooLarge {
		t.Errorf("a large file: %v", err)
	}
	if p, err := policy.Parse([]byte(strings.Replace(good, "age: 12h", "age: 88d", 1)), nil); err != nil {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestWindow(t *testing.T) {
	at := func(clock string) time.Time {
		parsed, err := time.Parse("15:04", clock)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	day, night := policy.Window{From: 2 * time.Hour, To: 6 * time.Hour}, policy.Window{From: 22 * time.Hour,
		To: 4 * time.Hour}
	for clock, want := range map[string][2]bool{"01:59": {false, true}, "02:00": {true, true}, "03:59": {true, true},
		"04:00": {true, false}, "05:59": {true, false}, "06:00": {false, false}, "21:59": {false, false},
		"22:00": {false, true}} {
		if got := [2]bool{day.Contains(at(clock)), night.Contains(at(clock))}; got != want {
			t.Errorf("%s: %v", clock, got)
		}
	}
	if !(policy.Window{}).Contains(at("12:00")) {
		t.Error("no window is not the whole day")
	}
}

// store is a registry's passwords and sinks in memory.
type store struct {
	now    time.Time
	tokens map[string]*manage.Token
	values map[string]string // token+slot → value
	broken map[string]bool   // Azure Resource Manager refuses to generate
	count  int
}

func (s *store) Token(_ context.Context, name string) (manage.Token, error) {
	return *s.tokens[name], nil
}

func (s *store) GeneratePassword(_ context.Context, name string, slot manage.Slot,
	expires time.Time) (manage.Password, error) {
	if s.broken[name] {
		return manage.Password{}, acrkit.CodeDenied
	}
	s.count++
	p := manage.Password{Slot: slot, Created: s.now.Add(time.Duration(s.count) * time.Millisecond), Expires: expires}
	t := s.tokens[name]
	t.Passwords = append(t.Passwords, p)
	s.values[name+string(slot)] = fmt.Sprint("value-", s.count)
	p.Value = redact.NewSecret(s.values[name+string(slot)])
	return p, nil
}

func (s *store) RemovePassword(_ context.Context, name string, slot manage.Slot, _ time.Time) error {
	t := s.tokens[name]
	for i, p := range t.Passwords {
		if p.Slot == slot {
			t.Passwords = append(t.Passwords[:i:i], t.Passwords[i+1:]...)
		}
	}
	delete(s.values, name+string(slot))
	return nil
}

func (s *store) Now() time.Time { return s.now }

func (s *store) Sleep(_ context.Context, d time.Duration) error { s.now = s.now.Add(d); return nil }

type noJournal struct{ rotate.Record }

func (j *noJournal) Load(context.Context) (rotate.Record, error)   { return j.Record, nil }
func (j *noJournal) Save(_ context.Context, r rotate.Record) error { j.Record = r; return nil }

// A run rotates what is due, leaves the rest, and goes on after a failure, up to a limit.
func TestFleet(t *testing.T) {
	dir := t.TempDir()
	s := &store{now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC), tokens: map[string]*manage.Token{},
		values: map[string]string{}, broken: map[string]bool{}}
	journals := map[string]*noJournal{}
	var all []manage.Token
	add := func(name string, age time.Duration) {
		s.count++
		s.tokens[name] = &manage.Token{Name: name, Enabled: true,
			Passwords: []manage.Password{{Slot: manage.Slot1, Created: s.now.Add(-age)}}}
		s.values[name+"password1"] = fmt.Sprint("value-", s.count)
		if err := os.WriteFile(dir+"/"+name, []byte(s.values[name+"password1"]), 0o600); err != nil {
			t.Fatal(err)
		}
		journals[name] = &noJournal{}
	}
	const day = 24 * time.Hour
	text := "defaults: {grace: 1h}\ntokens:\n"
	for _, name := range []string{"old-a", "old-b", "old-c", "young", "outside", "gone", "managed"} {
		text += "  - name: " + name + "\n"
		if name == "managed" {
			text += "    managed-by: vault\n"
			continue
		}
		text += "    sinks: [\"file:" + dir + "/" + name + "\"]\n"
		if name == "outside" {
			text += "    window: 13:00-14:00\n"
		}
	}
	for name, age := range map[string]time.Duration{"old-a": 31 * day, "old-b": 30 * day, "old-c": 40 * day,
		"young": 30*day - 10*time.Minute, "outside": 31 * day, "managed": 99 * day, "unnamed": 99 * day} {
		add(name, age)
	}
	p, err := policy.Parse([]byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	fleet := func() *policy.Fleet {
		all = nil
		for _, name := range []string{"old-a", "old-b", "old-c", "young", "outside", "managed", "unnamed"} {
			all = append(all, *s.tokens[name])
		}
		reg, err := acrkit.ParseRegistry("myregistry")
		if err != nil {
			t.Fatal(err)
		}
		return &policy.Fleet{Policy: p, Tokens: all, Now: s.Now, Rotation: func(t policy.Token) *rotate.Rotation {
			return &rotate.Rotation{Registry: reg, Token: t.Name, Passwords: s, Sinks: t.Sinks, Clock: s,
				Journal: journals[t.Name], Expires: t.Expires, Next: t.Age, Grace: t.Grace, Later: true,
				Login: func(_ context.Context, v redact.Secret) (bool, error) {
					for slot := range s.values {
						if strings.HasPrefix(slot, t.Name) && s.values[slot] == v.Reveal() {
							return true, nil
						}
					}
					return false, nil
				}}
		}}
	}
	actions := func(items []policy.Item) string {
		var out []string
		for _, i := range items {
			out = append(out, i.Token+" "+string(i.Action))
		}
		return strings.Join(out, ", ")
	}
	const rest = "young wait, outside wait, gone fail, managed leave, unnamed leave"

	f := fleet()
	f.Max = 2
	plan, err := f.Plan(t.Context())
	if got := actions(plan); err != nil || got != "old-a rotate, old-b rotate, old-c wait, "+rest {
		t.Fatalf("%s, %v", got, err)
	}
	// old-a fails, and old-b is rotated all the same. gone comes later and counts, too.
	s.broken["old-a"] = true
	f.MaxFailures = 2
	done, err := f.Run(t.Context(), plan)
	if acrkit.CodeOf(err) != acrkit.CodeIncomplete || !strings.Contains(err.Error(), "2 of 6 tokens failed") ||
		!errors.Is(done[0].Err, acrkit.CodeDenied) || done[1].Err != nil || done[1].Result.RetireAfter.IsZero() {
		t.Errorf("%+v, %v", done[:2], err)
	}
	// After as many failures as are allowed nothing is tried any more.
	f = fleet()
	f.MaxFailures = 1
	plan, err = f.Plan(t.Context())
	if got := actions(plan); err != nil || got != "old-a rotate, old-b wait, old-c rotate, "+rest {
		t.Fatalf("%s, %v", got, err)
	}
	if done, err = f.Run(t.Context(), plan); err == nil || !strings.Contains(err.Error(), "1 were not tried") ||
		!done[0].Done || done[2].Done {
		t.Errorf("%+v, %v", done[:3], err)
	}
	// When the grace is over, the old password is removed, once.
	s.now = s.now.Add(61 * time.Minute)
	s.broken["old-a"] = false
	for _, want := range []string{"old-a rotate, old-b finish, old-c rotate, young rotate, outside rotate, gone fail",
		"old-a wait, old-b wait, old-c wait, young wait, outside wait, gone fail"} {
		f = fleet()
		plan, err = f.Plan(t.Context())
		if got := actions(plan); err != nil || !strings.HasPrefix(got, want) {
			t.Errorf("%s, %v", got, err)
		}
		if _, err := f.Run(t.Context(), plan); !strings.Contains(err.Error(), "1 of 6") {
			t.Errorf("got %v", err)
		}
	}
	for name, n := range map[string]int{"old-a": 2, "old-b": 1, "managed": 1, "unnamed": 1} {
		if got := len(s.tokens[name].Passwords); got != n {
			t.Errorf("%s has %d passwords, want %d", name, got, n)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(good)
	f.Add("tokens: [{name: a, sinks: [docker]}]")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := policy.Parse([]byte(text), &sink.Options{})
		if err != nil {
			if acrkit.CodeOf(err) != acrkit.CodeUsage {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		for _, token := range p.Tokens {
			if token.Name == "" || (token.ManagedBy == "") == (len(token.Sinks) == 0) ||
				token.Expires <= token.Age+token.Grace {
				t.Fatalf("%q: %+v", text, token)
			}
		}
	})
}
