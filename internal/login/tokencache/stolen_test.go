package tokencache_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/login/tokencache"
	"github.com/acrkit/acrkit/internal/redact"
)

// TestStolenFolder: who has the folder, its key included, reads for which registry a
// token is and until when, and the token only with the secret of its credential.
func TestStolenFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tokens")
	key := keyOf(t, "myregistry", "secret-1")
	save(t, open(t, dir, tokencache.Options{}), key, token("token-of-1", time.Now(), time.Hour))
	path := tokenFile(t, dir)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "key.json"))
	if err != nil {
		t.Fatal(err)
	}
	var held struct{ Key []byte }
	if err := json.Unmarshal(text, &held); err != nil || len(held.Key) == 0 {
		t.Fatalf("%v: %s", err, text)
	}
	if tokencache.OpensBody(held.Key, data) {
		t.Error("the installation's key alone opens a token")
	}
	for _, tt := range []struct {
		tried auth.TokenKey
		want  string
	}{{key, "token-of-1"}, {keyOf(t, "myregistry", "secret-2"), ""}, {auth.TokenKey{}, ""}} {
		registry, value := tokencache.Stolen(held.Key, filepath.Base(path), data, tt.tried)
		if registry != "myregistry.azurecr.io" || value != tt.want {
			t.Errorf("%q for %s, want %q", value, registry, tt.want)
		}
	}
	other := append([]byte{held.Key[0] ^ 1}, held.Key[1:]...)
	if registry, value := tokencache.Stolen(other, filepath.Base(path), data, key); registry != "" || value != "" {
		t.Error("the credential's secret alone opens a token")
	}
}

// TestParts: no part of a file is good with a part of another.
func TestParts(t *testing.T) {
	key := keyOf(t, "myregistry", "secret-1")
	read := func(t *testing.T, dir string) []byte {
		data, err := os.ReadFile(tokenFile(t, dir))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	dir := filepath.Join(t.TempDir(), "tokens")
	c := open(t, dir, tokencache.Options{})
	save(t, c, key, token("token-of-1", time.Now(), time.Hour))
	first := read(t, dir)
	save(t, c, key, token("token-of-1", time.Now(), 2*time.Hour))
	second := read(t, dir)
	n := 2 + int(first[0])<<8 + int(first[1])
	if err := os.WriteFile(tokenFile(t, dir), append(append([]byte{}, second[:2+int(second[0])<<8+int(second[1])]...),
		first[n:]...), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := load(t, open(t, dir, tokencache.Options{}), key); got != "" {
		t.Errorf("a longer life was put before a token: %q", got)
	}
}

// TestEnded: a token that has ended is removed when the folder is opened next, and
// in a process that goes on once a minute.
func TestEnded(t *testing.T) {
	start := time.Now()
	ended, other := keyOf(t, "myregistry", "secret-1"), keyOf(t, "myregistry", "secret-2")
	count := func(t *testing.T, dir string) int {
		files, err := filepath.Glob(filepath.Join(dir, "*.token"))
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	for name, use := range map[string]struct {
		call func(c *tokencache.Cache) error
		left int
	}{
		"list": {func(c *tokencache.Cache) error { _, _, err := c.Entries(t.Context()); return err }, 0},
		"load": {func(c *tokencache.Cache) error { _, _, err := c.Load(t.Context(), other); return err }, 0},
		"save": {func(c *tokencache.Cache) error {
			return c.Save(t.Context(), other, token("x", start.Add(time.Hour), time.Hour))
		}, 1},
		"delete": {func(c *tokencache.Cache) error { return c.Delete(t.Context(), other, redact.NewSecret("x")) }, 0},
		"clear": {func(c *tokencache.Cache) error {
			_, err := c.Clear(t.Context(), "other.azurecr.io")
			return err
		}, 0},
		"lock": {func(c *tokencache.Cache) error {
			unlock, err := c.Lock(t.Context(), other)
			if err == nil {
				unlock()
			}
			return err
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "tokens")
			save(t, open(t, dir, tokencache.Options{}), ended, token("token-of-1", start, time.Hour))
			if err := use.call(open(t, dir,
				tokencache.Options{Now: func() time.Time { return start.Add(time.Hour - time.Second) }})); err != nil ||
				count(t, dir) != use.left+1 {
				t.Errorf("before its end: %v, %d files", err, count(t, dir))
			}
			if err := use.call(open(t, dir,
				tokencache.Options{Now: func() time.Time { return start.Add(time.Hour) }})); err != nil ||
				count(t, dir) != use.left {
				t.Errorf("at its end: %v, %d files", err, count(t, dir))
			}
		})
	}
	dir := filepath.Join(t.TempDir(), "tokens")
	now := start
	c := open(t, dir, tokencache.Options{Now: func() time.Time { return now }})
	save(t, c, ended, token("token-of-1", start, time.Second))
	for _, step := range []struct {
		at   time.Duration
		left int
	}{{tokencache.SweepEvery - 1, 1}, {tokencache.SweepEvery, 0}} {
		now = start.Add(step.at)
		if _, _, err := c.Load(t.Context(), other); err != nil || count(t, dir) != step.left {
			t.Errorf("after %v: %v, %d files", step.at, err, count(t, dir))
		}
	}
}
