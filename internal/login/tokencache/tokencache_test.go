package tokencache_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/login/store"
	"github.com/acrkit/acrkit/internal/login/tokencache"
	"github.com/acrkit/acrkit/internal/private"
	"github.com/acrkit/acrkit/internal/redact"
)

// chain is a keychain.
type chain struct {
	mu     sync.Mutex
	values map[string]string
	err    error
}

func (k *chain) Set(_, account, secret string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err == nil {
		k.values[account] = secret
	}
	return k.err
}

func (k *chain) Get(_, account string) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	v, ok := k.values[account]
	if k.err == nil && !ok {
		return "", store.ErrNotFound
	}
	return v, k.err
}

func (k *chain) Delete(_, account string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.values, account)
	return k.err
}

func newChain() *chain { return &chain{values: map[string]string{}} }

var noKeychain = &chain{err: store.ErrNoKeychain}

func open(t *testing.T, dir string, opts tokencache.Options) *tokencache.Cache {
	t.Helper()
	opts.Dir = dir
	if opts.Keyring == nil {
		opts.Keyring = noKeychain
	}
	if opts.LookupEnv == nil {
		opts.LookupEnv = func(string) (string, bool) { return "", false }
	}
	c, err := tokencache.Open(&opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// keys collects the keys that a transport makes: one for each registry, user and
// password.
type keys struct{ got []auth.TokenKey }

func (k *keys) Load(_ context.Context, key auth.TokenKey) (auth.StoredToken, bool, error) {
	k.got = append(k.got, key)
	return auth.StoredToken{}, false, nil
}
func (k *keys) Save(context.Context, auth.TokenKey, auth.StoredToken) error { return nil }
func (k *keys) Delete(context.Context, auth.TokenKey, auth.Secret) error    { return nil }
func (k *keys) Lock(context.Context, auth.TokenKey) (func(), error)         { return func() {}, nil }

func keyOf(t *testing.T, registry, password string) auth.TokenKey {
	t.Helper()
	k := &keys{}
	tr, err := auth.NewTransport(registry, auth.ScopedToken("ci", password), &auth.Options{Tokens: k, Base: offline{}})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	_, _ = tr.Token(t.Context(), acrkit.RepositoryScope("team/app", acrkit.ContentRead))
	if len(k.got) == 0 {
		t.Fatal("no key was asked for")
	}
	return k.got[0]
}

type offline struct{}

func (offline) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("offline") }

func token(value string, from time.Time, life time.Duration) auth.StoredToken {
	return auth.StoredToken{Value: redact.NewSecret(value), Received: from, Expires: from.Add(life), Audience: "aud"}
}

func load(t *testing.T, c *tokencache.Cache, key auth.TokenKey) string {
	t.Helper()
	s, ok, err := c.Load(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		return ""
	}
	return s.Value.Reveal()
}

func save(t *testing.T, c *tokencache.Cache, key auth.TokenKey, s auth.StoredToken) {
	t.Helper()
	if err := c.Save(t.Context(), key, s); err != nil {
		t.Fatal(err)
	}
}

func TestCache(t *testing.T) {
	for name, keyring := range map[string]*chain{"file": noKeychain, "keychain": newChain()} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "acrkit", "tokens")
			c := open(t, dir, tokencache.Options{Keyring: keyring})
			key, now := keyOf(t, "myregistry", "secret-1"), time.Now()
			if got := load(t, c, key); got != "" {
				t.Errorf("an empty cache has %q", got)
			}
			if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("looking made the folder: %v", err)
			}
			save(t, c, key, token("token-of-1", now, time.Hour))
			again := open(t, dir, tokencache.Options{Keyring: keyring})
			s, ok, err := again.Load(t.Context(), key)
			if err != nil || !ok || s.Value.Reveal() != "token-of-1" || !s.Received.Equal(now) ||
				!s.Expires.Equal(now.Add(time.Hour)) || s.Audience != "aud" {
				t.Errorf("%v %v %v", s, ok, err)
			}
			for what, other := range map[string]auth.TokenKey{"password": keyOf(t, "myregistry", "secret-2"),
				"registry": keyOf(t, "other", "secret-1")} {
				if got := load(t, again, other); got != "" {
					t.Errorf("another %s has %q", what, got)
				}
			}
			entries, inKeychain, err := again.Entries(t.Context())
			if err != nil || len(entries) != 1 || entries[0].Registry != "myregistry.azurecr.io" ||
				inKeychain != (name == "keychain") {
				t.Errorf("%v %v %v", entries, inKeychain, err)
			}
			// Another one is not what was refused.
			if err := again.Delete(t.Context(), key, redact.NewSecret("token-before")); err != nil ||
				load(t, c, key) == "" {
				t.Errorf("%v", err)
			}
			if err := again.Delete(t.Context(), key, redact.NewSecret("token-of-1")); err != nil ||
				load(t, c, key) != "" {
				t.Errorf("a refused token is still there: %v", err)
			}
		})
	}
}

// Nothing in the folder shows a secret, and no other user can read it.
func TestFolder(t *testing.T) {
	dir := t.TempDir()
	c := open(t, filepath.Join(dir, "tokens"), tokencache.Options{})
	save(t, c, keyOf(t, "myregistry", "secret-1"), token("token-of-1", time.Now(), time.Hour))
	unlock, err := c.Lock(t.Context(), keyOf(t, "myregistry", "secret-1"))
	if err != nil {
		t.Fatal(err)
	}
	unlock()
	files := 0
	err = filepath.Walk(filepath.Join(dir, "tokens"), func(path string, info fs.FileInfo, err error) error {
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %s", path, info.Mode())
		}
		if info.IsDir() {
			return nil
		}
		files++
		data, err := os.ReadFile(path)
		for _, secret := range []string{"secret-1", "token-of-1", "myregistry"} {
			if strings.Contains(path+string(data), secret) {
				t.Errorf("%s shows %q", path, secret)
			}
		}
		return err
	})
	if err != nil || files != 4 {
		t.Errorf("%d files, %v", files, err)
	}
}

// What others may read is not used: another user may have put it there.
func TestPrivate(t *testing.T) {
	key := keyOf(t, "myregistry", "secret-1")
	for name, spoil := range map[string]func(t *testing.T, dir string){
		"folder": func(t *testing.T, dir string) { chmod(t, dir, 0o755) },
		"key":    func(t *testing.T, dir string) { chmod(t, filepath.Join(dir, "key.json"), 0o644) },
		"token":  func(t *testing.T, dir string) { chmod(t, tokenFile(t, dir), 0o640) },
		"link": func(t *testing.T, dir string) {
			if err := os.Rename(dir, dir+"2"); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(dir+"2", dir); err != nil {
				t.Fatal(err)
			}
		},
		"link to token": func(t *testing.T, dir string) {
			path := tokenFile(t, dir)
			if err := os.Rename(path, filepath.Join(dir, "elsewhere")); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("elsewhere", path); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "tokens")
			save(t, open(t, dir, tokencache.Options{}), key, token("token-of-1", time.Now(), time.Hour))
			spoil(t, dir)
			_, ok, err := open(t, dir, tokencache.Options{}).Load(t.Context(), key)
			if ok || acrkit.CodeOf(err) != acrkit.CodeUsage {
				t.Errorf("%v, %v", ok, err)
			}
		})
	}
}

// Each installation has its own key: no file of one has a name or a content that
// another knows.
func TestInstallations(t *testing.T) {
	dirs, key := []string{filepath.Join(t.TempDir(), "tokens"), filepath.Join(t.TempDir(), "tokens")},
		keyOf(t, "myregistry", "secret-1")
	var names, contents []string
	for _, dir := range dirs {
		save(t, open(t, dir, tokencache.Options{}), key, token("token-of-1", time.Now(), time.Hour))
		names = append(names, filepath.Base(tokenFile(t, dir)))
		data, err := os.ReadFile(filepath.Join(dir, "key.json"))
		if err != nil {
			t.Fatal(err)
		}
		contents = append(contents, string(data))
	}
	if names[0] == names[1] || contents[0] == contents[1] {
		t.Errorf("two installations call a token %q, keys alike: %v", names, contents[0] == contents[1])
	}
	if err := os.Rename(tokenFile(t, dirs[0]), filepath.Join(dirs[1], names[1])); err != nil {
		t.Fatal(err)
	}
	if got := load(t, open(t, dirs[1], tokencache.Options{}), key); got != "" {
		t.Errorf("a token of another installation is read: %q", got)
	}
}

// A file by the name of another is no token of that other: of another password, or
// of another registry.
func TestMoved(t *testing.T) {
	for name, other := range map[string]auth.TokenKey{"password": keyOf(t, "myregistry", "secret-2"),
		"registry": keyOf(t, "other", "secret-1")} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "tokens")
			c := open(t, dir, tokencache.Options{})
			save(t, c, other, token("token-of-2", time.Now(), time.Hour))
			to := tokenFile(t, dir)
			if err := os.Rename(to, to+".kept"); err != nil {
				t.Fatal(err)
			}
			save(t, c, keyOf(t, "myregistry", "secret-1"), token("token-of-1", time.Now(), time.Hour))
			if err := os.Rename(tokenFile(t, dir), to); err != nil {
				t.Fatal(err)
			}
			if got := load(t, c, other); got != "" {
				t.Errorf("got %q", got)
			}
		})
	}
}

func chmod(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func tokenFile(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.token"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	return files[0]
}

// What is damaged costs a renewal, and is gone.
func TestDamaged(t *testing.T) {
	key := keyOf(t, "myregistry", "secret-1")
	for name, data := range map[string]string{"empty": "", "short": "x", "text": strings.Repeat("{", 400),
		"large": strings.Repeat("x", 200<<10)} {
		for _, file := range []string{"token", "key"} {
			t.Run(file+"/"+name, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "tokens")
				save(t, open(t, dir, tokencache.Options{}), key, token("token-of-1", time.Now(), time.Hour))
				path := tokenFile(t, dir)
				if file == "key" {
					path = filepath.Join(dir, "key.json")
				}
				if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
					t.Fatal(err)
				}
				c := open(t, dir, tokencache.Options{})
				if got := load(t, c, key); got != "" {
					t.Errorf("got %q", got)
				}
				save(t, c, key, token("token-of-2", time.Now(), time.Hour))
				if got := load(t, open(t, dir, tokencache.Options{}), key); got != "token-of-2" {
					t.Errorf("after it: %q", got)
				}
			})
		}
	}
}

// With a wrong clock too, nothing outlives three hours by that clock.
func TestClock(t *testing.T) {
	key, start := keyOf(t, "myregistry", "secret-1"), time.Now()
	for _, tt := range []struct {
		saved, read time.Duration
		life        time.Duration
		want        string
	}{
		{0, 0, time.Hour, "one"},
		{0, 59 * time.Minute, time.Hour, "one"},
		{0, time.Hour, time.Hour, ""},
		{0, 3 * time.Hour, 24 * time.Hour, ""},
		{0, 2 * time.Hour, 24 * time.Hour, "one"},
		{2 * time.Hour, 0, 3 * time.Hour, ""}, // set back by two hours: it would live for five
		{0, 4 * time.Hour, 3 * time.Hour, ""}, // two hours fast
	} {
		t.Run(fmt.Sprint(tt.saved, tt.read, tt.life), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "tokens")
			at := func(d time.Duration) func() time.Time { return func() time.Time { return start.Add(d) } }
			save(t, open(t, dir, tokencache.Options{Now: at(tt.saved)}), key,
				token("one", start.Add(tt.saved), tt.life))
			// The file's own time is for sweeping; what is sealed in it decides.
			if err := os.Chtimes(tokenFile(t, dir), start, start.Add(tt.read+time.Minute)); err != nil {
				t.Fatal(err)
			}
			if got := load(t, open(t, dir, tokencache.Options{Now: at(tt.read)}), key); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// What ended is swept, and there are never more than MaxTokens.
func TestSweep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tokens")
	c, now := open(t, dir, tokencache.Options{}), time.Now()
	ended := keyOf(t, "myregistry", "ended")
	save(t, c, ended, token("ended", now, time.Hour))
	if err := os.Chtimes(tokenFile(t, dir), now, now.Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(dir, "x.token.new-1")
	if err := os.WriteFile(half, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(half, now, now.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	c = open(t, dir, tokencache.Options{})
	first, last := keyOf(t, "myregistry", "first"), auth.TokenKey{}
	save(t, c, first, token("first", now, 30*time.Minute))
	for i := range tokencache.MaxTokens {
		last = keyOf(t, "myregistry", fmt.Sprint(i))
		save(t, c, last, token("some", now, time.Hour))
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) > tokencache.MaxTokens+2 {
		t.Errorf("%d files, %v", len(files), err)
	}
	if load(t, c, last) == "" || load(t, c, first) != "" || load(t, c, ended) != "" {
		t.Error("not what ends first made room")
	}
}

// A full disk, at each step of the writing, leaves what was there.
func TestFullDisk(t *testing.T) {
	key, now := keyOf(t, "myregistry", "secret-1"), time.Now()
	for step, spoil := range map[string]func(*private.Disk){
		"write": func(d *private.Disk) {
			d.Write = func(f *os.File, data []byte) error {
				_, err := f.Write(data[:len(data)/2])
				return errors.Join(err, syscall.ENOSPC)
			}
		},
		"rename": func(d *private.Disk) { d.Rename = func(*os.Root, string, string) error { return syscall.ENOSPC } },
	} {
		t.Run(step, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "tokens")
			save(t, open(t, dir, tokencache.Options{}), key, token("old", now, time.Hour))
			disk := private.FastDisk()
			spoil(&disk)
			if err := open(t, dir, tokencache.Options{Disk: &disk}).Save(t.Context(), key,
				token("new", now, time.Hour)); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("got %v", err)
			}
			if got := load(t, open(t, dir, tokencache.Options{}), key); got != "old" {
				t.Errorf("got %q", got)
			}
			if left, err := filepath.Glob(filepath.Join(dir, "*.new-*")); err != nil || len(left) > 0 {
				t.Errorf("left: %q %v", left, err)
			}
		})
	}
}

func TestClear(t *testing.T) {
	dir, keyring := filepath.Join(t.TempDir(), "tokens"), newChain()
	c := open(t, dir, tokencache.Options{Keyring: keyring})
	if n, err := c.Clear(t.Context(), ""); n != 0 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	one, two := keyOf(t, "one", "secret-1"), keyOf(t, "two", "secret-1")
	save(t, c, one, token("one", time.Now(), time.Hour))
	save(t, c, two, token("two", time.Now(), time.Hour))
	if n, err := c.Clear(t.Context(), "one.azurecr.io"); n != 1 || err != nil || load(t, c, one) != "" ||
		load(t, c, two) != "two" {
		t.Errorf("%d %v", n, err)
	}
	if n, err := c.Clear(t.Context(), ""); n != 1 || err != nil || load(t, c, two) != "" || len(keyring.values) != 0 {
		t.Errorf("%d %v, in the keychain: %d", n, err, len(keyring.values))
	}
}

// The tokens of a regional endpoint are its registry's: who clears that clears them.
func TestClear_regional_endpoint(t *testing.T) {
	c := open(t, filepath.Join(t.TempDir(), "tokens"), tokencache.Options{Keyring: newChain()})
	home, regional := keyOf(t, "myregistry", "secret-1"), keyOf(t, "myregistry.westeurope.geo.azurecr.io", "secret-1")
	save(t, c, home, token("home", time.Now(), time.Hour))
	save(t, c, regional, token("token-of-region", time.Now(), time.Hour))
	if load(t, c, home) != "home" || load(t, c, regional) != "token-of-region" {
		t.Error("the two origins share a token")
	}
	if n, err := c.Clear(t.Context(), "myregistry.azurecr.io"); n != 2 || err != nil || load(t, c, regional) != "" {
		t.Errorf("%d %v", n, err)
	}
}

// A keychain that does not answer switches the cache off, and nothing is lost.
func TestKeychainFails(t *testing.T) {
	dir, keyring, key := filepath.Join(t.TempDir(), "tokens"), newChain(), keyOf(t, "myregistry", "secret-1")
	save(t, open(t, dir, tokencache.Options{Keyring: keyring}), key, token("one", time.Now(), time.Hour))
	keyring.err = errors.New("locked")
	c := open(t, dir, tokencache.Options{Keyring: keyring})
	if _, ok, err := c.Load(t.Context(), key); ok || err == nil {
		t.Errorf("%v %v", ok, err)
	}
	if err := c.Save(t.Context(), key, token("two", time.Now(), time.Hour)); err == nil {
		t.Error("saved without a key")
	}
	keyring.err = nil
	if got := load(t, open(t, dir, tokencache.Options{Keyring: keyring}), key); got != "one" {
		t.Errorf("got %q", got)
	}
	off := open(t, dir, tokencache.Options{Keyring: keyring, LookupEnv: func(string) (string, bool) {
		return "off", true
	}})
	if got := load(t, off, key); got != "" {
		t.Errorf("the keychain was asked: %q", got)
	}
}

// A process that is killed while it holds the lock or writes does not block others.
func TestKilledWriter(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tokens")
	key := keyOf(t, "myregistry", "secret-1")
	if os.Getenv("TOKENCACHE_WRITER") != "" {
		c := open(t, os.Getenv("TOKENCACHE_WRITER"), tokencache.Options{})
		if _, err := c.Lock(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		fmt.Println("locked")
		for {
			save(t, c, key, token("half", time.Now(), time.Hour))
		}
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe, "-test.run=TestKilledWriter")
	cmd.Env = append(os.Environ(), "TOKENCACHE_WRITER="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	c := open(t, dir, tokencache.Options{})
	for load(t, c, key) == "" && ctx.Err() == nil {
		runtime.Gosched()
	}
	short, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if _, err := c.Lock(short, key); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("two have the lock: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	unlock, err := c.Lock(ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
	if got := load(t, c, key); got != "half" {
		t.Errorf("got %q", got)
	}
}
