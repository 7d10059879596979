package seed

import (
	"bytes"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/acrkit/acrkit"
)

func written(t testing.TB, s *Seed, comment string) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, s, comment); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// withoutSecrets removes the secrets of a seed that it does not give by reference.
func withoutSecrets(s *Seed) {
	for i := range s.Tenants {
		for j := range s.Tenants[i].Applications {
			a := &s.Tenants[i].Applications[j]
			var kept []ClientSecret
			for _, x := range a.Secrets {
				if x.ValueFrom != (ValueFrom{}) {
					kept = append(kept, x)
				}
			}
			a.Secrets = kept
		}
	}
	for i := range s.Registries {
		for j := range s.Registries[i].Tokens {
			token := &s.Registries[i].Tokens[j]
			var kept []Password
			for _, x := range token.Passwords {
				if x.ValueFrom != (ValueFrom{}) {
					kept = append(kept, x)
				}
			}
			token.Passwords = kept
		}
	}
}

// TestWrite: what is written reads as what it was, except for secrets, and has none.
func TestWrite(t *testing.T) {
	for name, in := range map[string]string{"example": Example(), "full": fullSeed(t), "minimal": minimalSeed,
		"empty": "registries: []\nsubscriptions: [{id: 33333333-3333-3333-3333-333333333333, resourceGroups: []}]\n"} {
		s, err := Read(strings.NewReader(in))
		if err != nil {
			t.Fatal(err)
		}
		text := written(t, s, "made by\na test")
		got, err := Read(strings.NewReader(text))
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		s.eachSecret(func(path string, value *Secret, _ ValueFrom) {
			if *value != "" && strings.Contains(text, string(*value)) {
				t.Errorf("%s: the value of %s is in it", name, path)
			}
		})
		if again := written(t, s, "made by\na test"); again != text {
			t.Errorf("%s: another text the second time", name)
		}
		withoutSecrets(s)
		if diff := cmp.Diff(s, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-was +read):\n%s\n%s", name, diff, text)
		}
		if !strings.HasPrefix(text, "# made by\n# a test\n") {
			t.Errorf("%s begins with %.40q", name, text)
		}
		if err := compiledSchema(t).Validate(asJSON(t, text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Values that were read from elsewhere.
	s, err := ReadFrom(strings.NewReader(fullSeed(t)), &Sources{
		LookupEnv: func(string) (string, bool) { return "value-from-elsewhere", true },
		Open: func(string) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("value-from-elsewhere")), nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	if text := written(t, s, ""); strings.Contains(text, "value-from-elsewhere") ||
		!strings.Contains(text, "env: CI_PULL") {
		t.Errorf("values from elsewhere:\n%s", text)
	}
	example, err := Read(strings.NewReader(Example()))
	if err != nil {
		t.Fatal(err)
	}
	if text := written(t, example, ""); !strings.Contains(text,
		"# Left out, without values: passwords: [{name: password1, expires: 2040-01-01T00:00:00Z}]") ||
		!strings.Contains(text, "# Left out, without values: secrets: [{}]") {
		t.Errorf("it does not say what is left out:\n%s", text)
	}
}

// TestWrite_texts: texts that YAML could take for something else, or that could end what
// they are in.
func TestWrite_texts(t *testing.T) {
	for _, text := range []string{"yes", "true", "null", "~", "1", "1e3", "0x10", "1.5", "2040-01-01", "- a", "a: b",
		"# a", "a # b", "'", `"`, `\`, "{a}", "[a]", "*a", "&a", "!a", "%a", "@a", "`a", " a ", "ä\u2028b", "?", "|",
		">", "---", "...", "a\n", "日本"} {
		s := &Seed{Registries: []Registry{{Name: "myregistry", Tags: map[string]string{text: text, "a": ""},
			ScopeMaps: []ScopeMap{{Name: "scope-map", Actions: []string{"repositories/a/content/read"}}},
		}}}
		if !strings.Contains(text, "\n") {
			s.Registries[0].ScopeMaps[0].Description = text
		}
		got, err := Read(strings.NewReader(written(t, s, "")))
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if diff := cmp.Diff(s, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q (-was +read):\n%s", text, diff)
		}
	}
}

// TestWrite_errors: what Read would refuse is not written.
func TestWrite_errors(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, &Seed{Registries: []Registry{{Name: "x"}}}, ""); acrkit.CodeOf(err) != acrkit.CodeUsage {
		t.Errorf("a seed that cannot exist: %v", err)
	}
	large := &Seed{Registries: []Registry{{Name: "myregistry", ScopeMaps: []ScopeMap{{Name: "large",
		Description: strings.Repeat("a", MaxSize)}}}}}
	if err := Write(&b, large, ""); acrkit.CodeOf(err) != acrkit.CodeTooLarge || b.Len() > 0 {
		t.Errorf("a large seed: %v, %d bytes", err, b.Len())
	}
}

// TestWrite_fields: each kind of field that a seed has is written.
func TestWrite_fields(t *testing.T) {
	s, err := Read(strings.NewReader(fullSeed(t)))
	if err != nil {
		t.Fatal(err)
	}
	text := written(t, s, "")
	var walk func(typ reflect.Type)
	seen := map[reflect.Type]bool{}
	walk = func(typ reflect.Type) {
		if typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || typ == timeType || seen[typ] {
			return
		}
		seen[typ] = true
		for i := range typ.NumField() {
			f := typ.Field(i)
			key := f.Tag.Get("yaml")
			if f.Type != secretType && !strings.Contains(text, key+":") {
				t.Errorf("%s.%s is not written", typ.Name(), f.Name)
			}
			walk(f.Type)
		}
	}
	walk(reflect.TypeFor[Seed]())
}
