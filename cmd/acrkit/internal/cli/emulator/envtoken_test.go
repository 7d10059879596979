package emulator

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/seed"
)

// TestPublicToken: the token exported by default is the first one that can list tags, and
// only with the public password of the example.
func TestPublicToken(t *testing.T) {
	example := seed.Example()
	change := func(old, replacement string) string {
		t.Helper()
		if !strings.Contains(example, old) {
			t.Fatalf("the example has no %q", old)
		}
		return strings.Replace(example, old, replacement, 1)
	}
	const first = "passwords: [{name: password1, value: correct-horse-battery-staple-0001, expires: " +
		"2040-01-01T00:00:00Z}]"
	all := []string{"ci-pull", "ci-push", "ci-approve", "catalog"}
	for name, tt := range map[string]struct {
		seed   string // "" is the example by its word
		tokens []string
		want   string
	}{
		"example":               {"", all, "ci-pull"},
		"a copy of it":          {example, all, "ci-pull"},
		"order of the seed":     {"", []string{"catalog", "ci-approve", "ci-push"}, "ci-push"},
		"password of one's own": {change("battery-staple-0001", "battery-staple-mine"), all, ""},
		"cannot list": {change("content/read, repositories/samples/app/metadata/read]", "content/read]"), all,
			"ci-push"},
		"system-defined map": {"", []string{"catalog"}, "catalog"},
		"without a password": {change(first, ""), []string{"ci-push"}, "ci-push"},
		"another registry":   {change("name: myregistry", "name: otherregistry"), all, ""},
		"no token":           {"", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := connection{Registries: []string{"myregistry"}, Tokens: tt.tokens, Seed: exampleSeed}
			if tt.seed != "" {
				c.Seed = filepath.Join(t.TempDir(), "seed.yaml")
				if err := os.WriteFile(c.Seed, []byte(tt.seed), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, ok := c.publicToken()
			shown := strings.HasPrefix(string(got.password), "correct-horse-battery-staple-000")
			if got.name != tt.want || ok != (tt.want != "") || ok != shown {
				t.Errorf("%+v, %v, want %q", got.name, ok, tt.want)
			}
		})
	}
	for _, seed := range []string{"", filepath.Join(t.TempDir(), "none.yaml")} {
		c := connection{Registries: []string{"myregistry"}, Tokens: all, Seed: seed}
		if got, ok := c.publicToken(); ok {
			t.Errorf("%q: %s", seed, got.name)
		}
	}
}

// TestSeedOf: a later start without a seed remembers the one before.
func TestSeedOf(t *testing.T) {
	dir, s := t.TempDir(), &seed.Seed{}
	path, err := filepath.Abs("seed.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		file string
		seed *seed.Seed
		want string
	}{
		{"nothing before", "", nil, ""},
		{"file", "seed.yaml", s, path},
		{"later", "", nil, path},
		{"stdin", "-", s, ""},
		{"after it", "", nil, ""},
		{"example", "", s, exampleSeed},
		{"later", "", nil, exampleSeed},
	} {
		opts := StartOptions{DataDir: dir, SeedFile: tt.file}
		c := connection{LoginServer: "localhost:5443", Seed: opts.seedOf(tt.seed)}
		if c.Seed != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, c.Seed, tt.want)
		}
		if err := c.save(dir); err != nil {
			t.Fatal(err)
		}
	}
}

func TestUnset(t *testing.T) {
	for shell, want := range map[string]string{
		"bash": "unset A B", "fish": "set -e A; set -e B", "powershell": "Remove-Item -ErrorAction Ignore Env:A, Env:B",
	} {
		if got := unset(shell, "A", "B"); got != want {
			t.Errorf("%s: %s", shell, got)
		}
	}
}

// TestNamedToken says why a password is not known, and what to do.
func TestNamedToken(t *testing.T) {
	for name, tt := range map[string]struct {
		seed, token, reason, hint string
	}{
		"unknown seed": {"", "ci-pull", "the seed that the emulator was started with is not known",
			"token password ci-pull --data 'a b' "},
		"not in the seed": {exampleSeed, "ci-other", "the example seed does not name it",
			"token password ci-other --data 'a b' "},
		"no such token": {exampleSeed, "unknown", "started without such a token",
			"acrkit emulator token list --data 'a b'"},
	} {
		opts := EnvOptions{DataDir: "a b", Token: tt.token}
		c := connection{Registries: []string{"myregistry"}, Tokens: []string{"ci-pull", "ci-other"}, Seed: tt.seed}
		_, err := opts.namedToken(c)
		e, ok := errors.AsType[*acrkit.Error](err)
		if !ok || e.Code != acrkit.CodeNotFound || !strings.Contains(e.Reason, tt.reason) ||
			!strings.Contains(e.Hint, tt.hint) {
			t.Errorf("%s: %+v", name, e)
		}
	}
}
