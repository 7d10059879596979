package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/private"
	"github.com/acrkit/acrkit/internal/redact"
)

// fakeKeyring is a keychain in memory with the limit of Windows'. Its calls can
// be made to fail, to hang, or to do nothing.
type fakeKeyring struct {
	mu      sync.Mutex
	secrets map[string]string
	fail    func(call, account string) error // nil = never
	hang    chan struct{}                    // calls wait for it; nil = they do not
	lazy    bool                             // Set says that it is done and does nothing
}

func newFakeKeyring() *fakeKeyring { return &fakeKeyring{secrets: map[string]string{}} }

func (k *fakeKeyring) call(name, account string) error {
	if k.hang != nil {
		<-k.hang
	}
	if k.fail != nil {
		return k.fail(name, account)
	}
	return nil
}

func (k *fakeKeyring) Set(service, account, secret string) error {
	if err := k.call("set", account); err != nil {
		return err
	}
	if service != "acrkit" {
		return errors.New("another service")
	}
	if len(secret) > maxSystemSecret("windows") {
		return ErrTooBig
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.lazy {
		k.secrets[account] = secret
	}
	return nil
}

func (k *fakeKeyring) Get(_, account string) (string, error) {
	if err := k.call("get", account); err != nil {
		return "", err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	secret, ok := k.secrets[account]
	if !ok {
		return "", ErrNotFound
	}
	return secret, nil
}

func (k *fakeKeyring) Delete(_, account string) error {
	if err := k.call("delete", account); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.secrets[account]; !ok {
		return ErrNotFound
	}
	delete(k.secrets, account)
	return nil
}

func (k *fakeKeyring) values() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Sorted(maps.Values(k.secrets))
}

// contextOfRole is for the other processes, which no test ends.
var contextOfRole = context.Background()

var testTime = time.Date(2030, 1, 2, 3, 4, 5, 6, time.UTC)

func open(t testing.TB, k Keyring) *Store {
	t.Helper()
	return openIn(t, filepath.Join(t.TempDir(), "config", "acrkit"), k)
}

// openIn opens a store; without a keychain it is switched off.
func openIn(t testing.TB, dir string, k Keyring) *Store {
	t.Helper()
	env := map[string]string{}
	if k == nil {
		env[EnvKeyring] = "off"
	}
	s, err := Open(&Options{Dir: dir, Keyring: k, Now: func() time.Time { return testTime },
		LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func login(repository, secret string) Login {
	return Login{Registry: "myregistry.azurecr.io", Repository: repository, Kind: "scoped-token", User: "ci",
		Secret: redact.NewSecret(secret)}
}

func mustPut(t testing.TB, s *Store, l Login) Login {
	t.Helper()
	got, err := s.Put(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// secrets returns the secret of each repository's login.
func secrets(t testing.TB, s *Store) map[string]string {
	t.Helper()
	logins, err := s.Logins(t.Context(), "myregistry")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, l := range logins {
		got[l.Repository] = l.Secret.Reveal()
	}
	return got
}

func want(t testing.TB, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s: %s", what, diff)
	}
}

var sameSecret = cmp.Comparer(func(a, b redact.Secret) bool { return a.Reveal() == b.Reveal() })

func TestStore(t *testing.T) {
	for _, keychain := range []bool{true, false} {
		t.Run(fmt.Sprintf("keychain=%v", keychain), func(t *testing.T) {
			var k *fakeKeyring
			s := open(t, nil)
			place, why := s.Path(), "ACRKIT_KEYRING=off"
			if keychain {
				k = newFakeKeyring()
				s = openIn(t, filepath.Dir(s.Path()), k)
				place, why = PlaceKeychain, ""
			}
			want(t, "nothing yet", map[string]string{}, secrets(t, s))
			if _, err := os.Stat(filepath.Dir(filepath.Dir(s.Path()))); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("reading made a folder: %v", err)
			}
			sp := Login{Registry: "MyRegistry", Kind: "service-principal", User: "22222222-2222-2222-2222-222222222222",
				Tenant: "11111111-1111-1111-1111-111111111111", Authority: "https://login.example/",
				Secret: redact.NewSecret(`p"a\s<s>é`)}
			got := mustPut(t, s, sp)
			sp.Registry, sp.Saved, sp.Place, sp.Why = "myregistry.azurecr.io", testTime.Truncate(time.Second),
				place, why
			stored := sp
			stored.Secret = redact.Secret{}
			if diff := cmp.Diff(stored, got, sameSecret); diff != "" {
				t.Error(diff)
			}
			mustPut(t, s, login("team/*", "two"))
			mustPut(t, s, login("team/app", "three"))
			other := login("", "four")
			other.Registry = "localhost:5443"
			mustPut(t, s, other)

			logins, err := s.Logins(t.Context(), "myregistry.azurecr.io")
			if err != nil {
				t.Fatal(err)
			}
			wanted := []Login{sp}
			for repository, secret := range map[string]string{"team/*": "two", "team/app": "three"} {
				l := login(repository, secret)
				l.Saved, l.Place, l.Why = sp.Saved, place, why
				wanted = append(wanted, l)
			}
			slices.SortFunc(wanted, func(a, b Login) int { return strings.Compare(a.Repository, b.Repository) })
			if diff := cmp.Diff(wanted, logins, sameSecret); diff != "" {
				t.Error(diff)
			}
			all, err := s.List(t.Context())
			if err != nil || len(all) != 4 || all[0].Registry != "localhost:5443" {
				t.Errorf("%v %v", all, err)
			}
			for _, l := range all {
				if !l.Secret.IsZero() {
					t.Errorf("a list with the secret of %q", l.Repository)
				}
			}

			// In place of another one.
			mustPut(t, s, login("team/*", "two again"))
			want(t, "replaced", map[string]string{"": sp.Secret.Reveal(), "team/*": "two again", "team/app": "three"},
				secrets(t, s))
			if err := s.Delete(t.Context(), "myregistry", "team/*"); err != nil {
				t.Error(err)
			}
			if err := s.Delete(t.Context(), "myregistry", "team/*"); acrkit.CodeOf(err) != acrkit.CodeNotFound {
				t.Errorf("got %v", err)
			}
			if k != nil {
				want(t, "the keychain", []string{"four", sp.Secret.Reveal(), "three"}, k.values())
			}
			data, err := os.ReadFile(s.Path())
			if err != nil || keychain && strings.Contains(string(data), "three") {
				t.Errorf("%v: the file holds what the keychain should have: %s", err, data)
			}
			removed, err := s.DeleteAll(t.Context(), "myregistry")
			if err != nil || len(removed) != 2 {
				t.Errorf("%v %v", removed, err)
			}
			removed, err = s.DeleteAll(t.Context(), "")
			if err != nil || len(removed) != 1 {
				t.Errorf("%v %v", removed, err)
			}
			if k != nil {
				want(t, "the keychain", []string{}, k.values())
			}
		})
	}
}

func TestWithoutAFolder(t *testing.T) {
	t.Setenv("HOME", "")
	t.Setenv("XDG_CONFIG_HOME", "")
	s, err := Open(&Options{LookupEnv: func(string) (string, bool) { return "", false }})
	if err != nil {
		t.Fatal(err)
	}
	want(t, "logins", map[string]string{}, secrets(t, s))
	if s.Path() != "" {
		t.Errorf("path %q", s.Path())
	}
	_, err = s.Put(t.Context(), login("", "secret-1"))
	if acrkit.CodeOf(err) != acrkit.CodeUsage || !strings.Contains(err.Error(), "no folder") {
		t.Errorf("got %v", err)
	}
}

func TestOpen(t *testing.T) {
	lookup := func(env map[string]string) func(string) (string, bool) {
		return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	}
	if _, err := Open(&Options{LookupEnv: lookup(map[string]string{EnvKeyring: "maybe"})}); acrkit.CodeOf(
		err) != acrkit.CodeUsage {
		t.Errorf("got %v", err)
	}
	dir := t.TempDir()
	s, err := Open(&Options{LookupEnv: lookup(map[string]string{EnvDir: dir})})
	if err != nil || s.Path() != filepath.Join(dir, "logins.json") {
		t.Errorf("%q %v", s.Path(), err)
	}
	t.Setenv("HOME", dir)
	t.Setenv("XDG_CONFIG_HOME", "")
	s, err = Open(nil)
	if err != nil || !strings.HasPrefix(s.Path(), dir) || filepath.Base(filepath.Dir(s.Path())) != "acrkit" {
		t.Errorf("%q %v", s.Path(), err)
	}
}

func TestPutRefuses(t *testing.T) {
	s := open(t, nil)
	mustPut(t, s, login("team", "secret-1"))
	for name, tc := range map[string]struct {
		change func(*Login)
		code   acrkit.Code
	}{
		"no registry":       {func(l *Login) { l.Registry = "" }, acrkit.CodeUsage},
		"a URL's path":      {func(l *Login) { l.Registry = "https://myregistry.azurecr.io/x" }, acrkit.CodeUsage},
		"upper case":        {func(l *Login) { l.Repository = "Team/app" }, acrkit.CodeUsage},
		"a wildcard inside": {func(l *Login) { l.Repository = "team/*/app" }, acrkit.CodeUsage},
		"a wildcard alone":  {func(l *Login) { l.Repository = "*" }, acrkit.CodeUsage},
		"below nothing":     {func(l *Login) { l.Repository = "/*" }, acrkit.CodeUsage},
		"no kind":           {func(l *Login) { l.Kind = "" }, acrkit.CodeUsage},
		"no secret":         {func(l *Login) { l.Secret = redact.Secret{} }, acrkit.CodeUsage},
		"line feed":         {func(l *Login) { l.Secret = redact.NewSecret("hidden-1\n") }, acrkit.CodeUsage},
		"not UTF-8":         {func(l *Login) { l.Secret = redact.NewSecret("hidden-1\xff") }, acrkit.CodeUsage},
		"long user":         {func(l *Login) { l.User = strings.Repeat("a", maxField+1) }, acrkit.CodeUsage},
		"control character": {func(l *Login) { l.User = "a\x1b[2J" }, acrkit.CodeUsage},
		"longest secret":    {func(l *Login) { l.Secret = redact.NewSecret(strings.Repeat("h", MaxSecret)) }, ""},
		"longer secret": {func(l *Login) {
			l.Secret = redact.NewSecret(strings.Repeat("h", MaxSecret+1))
		}, acrkit.CodeTooLarge},
		"same repositories": {func(l *Login) { l.Repository = "team/*" }, acrkit.CodeUsage},
	} {
		l := login("app", "hidden-1")
		tc.change(&l)
		_, err := s.Put(t.Context(), l)
		if acrkit.CodeOf(err) != tc.code {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && (strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), "hhhh")) {
			t.Errorf("%s: the error shows the secret: %v", name, err)
		}
	}
	want(t, "logins", map[string]string{"team": "secret-1", "app": strings.Repeat("h", MaxSecret)}, secrets(t, s))
}

func TestLimits(t *testing.T) {
	s := open(t, nil)
	f := file{Version: version}
	for i := range MaxLogins {
		f.Logins = append(f.Logins, record{Registry: "myregistry.azurecr.io", Repository: fmt.Sprintf("r%03d", i),
			Kind: "scoped-token", Secret: "s"})
	}
	mustPut(t, s, login("r000", "s"))
	rewrite(t, s, f)
	mustPut(t, s, login("r007", "another"))
	if _, err := s.Put(t.Context(), login("one-more", "s")); acrkit.CodeOf(err) != acrkit.CodeTooLarge {
		t.Errorf("got %v", err)
	}
	for i := range f.Logins {
		f.Logins[i].Secret = strings.Repeat("s", 16000)
	}
	rewrite(t, s, f)
	if _, err := s.Put(t.Context(), login("r007", strings.Repeat("t", MaxSecret))); err != nil {
		t.Error(err)
	}
	if _, err := s.Put(t.Context(), login("r009", strings.Repeat("t", MaxSecret))); acrkit.CodeOf(
		err) != acrkit.CodeTooLarge {
		t.Errorf("the file grows past its limit: %v", err)
	}
	if got := secrets(t, s); len(got) != MaxLogins || got["r009"] != f.Logins[9].Secret {
		t.Errorf("%d logins", len(got))
	}
}

func rewrite(t *testing.T, s *Store, f file) {
	t.Helper()
	data, err := f.encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.Path(), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestKeychainThatDoesNotKeep(t *testing.T) {
	const secret = "hidden-password-1"
	for name, tc := range map[string]struct {
		secret string
		spoil  func(*fakeKeyring)
		why    string
	}{
		"as long as Windows takes": {strings.Repeat("s", 2560), func(*fakeKeyring) {}, ""},
		"longer": {strings.Repeat("s", 2561), func(*fakeKeyring) {},
			"the secret is longer than the keychain takes"},
		"none": {secret, func(k *fakeKeyring) {
			k.fail = always(fmt.Errorf("%w: no D-Bus session bus is running", ErrNoKeychain))
		},
			"there is no keychain: no D-Bus session bus is running"},
		"an error with the secret": {secret, func(k *fakeKeyring) {
			k.fail = always(errors.New("cannot store " + secret))
		}, "cannot store [redacted]"},
		"says so and does not": {secret, func(k *fakeKeyring) {
			k.lazy = true
		}, "the keychain did not keep the secret"},
		"panics": {secret, func(k *fakeKeyring) {
			k.fail = func(string, string) error { panic("type assertion") }
		}, "the keychain's answer is not understood"},
	} {
		t.Run(name, func(t *testing.T) {
			k := newFakeKeyring()
			s := open(t, k)
			tc.spoil(k)
			got := mustPut(t, s, login("", tc.secret))
			place := s.Path()
			if tc.why == "" {
				place = PlaceKeychain
			}
			want(t, "place and reason", []string{place, tc.why}, []string{got.Place, got.Why})
			want(t, "secret", map[string]string{"": tc.secret}, secrets(t, s))
			list, err := s.List(t.Context())
			if err != nil || len(list) != 1 || list[0].Why != tc.why {
				t.Errorf("the reason is not kept: %+v %v", list, err)
			}
		})
	}
}

func always(err error) func(string, string) error {
	return func(string, string) error { return err }
}

// TestKeychainThatHangs: a locked keychain may wait for a person for ever. The
// command does not.
func TestKeychainThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newFakeKeyring()
		s := open(t, k)
		mustPut(t, s, login("kept", "before"))
		k.hang = make(chan struct{})
		defer close(k.hang)
		start := time.Now()
		got := mustPut(t, s, login("", "secret-1"))
		if spent := time.Since(start); spent != 20*time.Second || got.Place != s.Path() ||
			!strings.Contains(got.Why, "did not answer") {
			t.Errorf("%s, %+v", spent, got)
		}
		// It is asked once a process.
		start = time.Now()
		mustPut(t, s, login("other", "secret-2"))
		if spent := time.Since(start); spent != 0 {
			t.Errorf("asked again: %s", spent)
		}
		s = openIn(t, filepath.Dir(s.Path()), k)
		start = time.Now()
		_, err := s.Logins(t.Context(), "myregistry")
		if acrkit.CodeOf(err) != acrkit.CodeUnavailable || time.Since(start) != 20*time.Second {
			t.Errorf("%s, %v", time.Since(start), err)
		}
		// Who gives up himself waits no longer.
		s = openIn(t, filepath.Dir(s.Path()), k)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start = time.Now()
		if _, err := s.Logins(ctx, "myregistry"); !errors.Is(err, context.Canceled) ||
			time.Since(start) != time.Second {
			t.Errorf("%s, %v", time.Since(start), err)
		}
		// A logout is done as far as it can be.
		s = openIn(t, filepath.Dir(s.Path()), k)
		err = s.Delete(t.Context(), "myregistry", "kept")
		if acrkit.CodeOf(err) != acrkit.CodeUnavailable ||
			!strings.Contains(err.Error(), "nothing of it is used any more") {
			t.Errorf("got %v", err)
		}
		want(t, "logins", map[string]string{"": "secret-1", "other": "secret-2"}, secrets(t, s))
	})
}

func TestLateAnswersAreCleanedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newFakeKeyring()
		k.hang = make(chan struct{})
		s := open(t, k)
		mustPut(t, s, login("", "secret-1"))
		close(k.hang) // a user unlocks it, too late
		synctest.Wait()
		want(t, "stored late", []string{"secret-1"}, k.values())
		s = openIn(t, filepath.Dir(s.Path()), k)
		mustPut(t, s, login("", "secret-2"))
		want(t, "the keychain", []string{"secret-2"}, k.values())
	})
}

func TestKeychainThatLost(t *testing.T) {
	k := newFakeKeyring()
	s := open(t, k)
	mustPut(t, s, login("team/*", "secret-1"))
	off := openIn(t, filepath.Dir(s.Path()), nil)
	if _, err := off.Logins(t.Context(), "myregistry"); acrkit.CodeOf(err) != acrkit.CodeCredentialMissing ||
		!strings.Contains(err.Error(), "ACRKIT_KEYRING=off") {
		t.Errorf("got %v", err)
	}
	clear(k.secrets)
	_, err := s.Logins(t.Context(), "myregistry")
	e, ok := errors.AsType[*acrkit.Error](err)
	if !ok || e.Code != acrkit.CodeCredentialMissing ||
		e.Hint != "acrkit login myregistry.azurecr.io --repository 'team/*'" {
		t.Errorf("got %v, %+v", err, e)
	}
	// Another registry is not concerned.
	if _, err := s.Logins(t.Context(), "other"); err != nil {
		t.Error(err)
	}
	if err := off.Delete(t.Context(), "myregistry", "team/*"); acrkit.CodeOf(err) != acrkit.CodeUnavailable {
		t.Errorf("got %v", err)
	}
	// What is left in the keychain no longer concerns a login of the file's.
	mustPut(t, off, login("", "secret-2"))
	if err := off.Delete(t.Context(), "myregistry", ""); err != nil {
		t.Error(err)
	}
	if _, err := s.DeleteAll(t.Context(), ""); err != nil {
		t.Error(err)
	}
}

// TestReplacedWhileRead: between the file and the keychain's answer, another
// process stores a new password.
func TestReplacedWhileRead(t *testing.T) {
	k := newFakeKeyring()
	s := open(t, k)
	mustPut(t, s, login("", "one"))
	replaced := false
	k.fail = func(call, _ string) error {
		if call == "get" && !replaced {
			replaced = true
			k.fail = nil
			mustPut(t, s, login("", "two"))
		}
		return nil
	}
	want(t, "secret", map[string]string{"": "two"}, secrets(t, s))
	if !replaced {
		t.Error("nothing was replaced")
	}
}

// TestEveryStepCanFail stops a Put and a Delete at each step of disk and
// keychain in turn. At each point of a stop, each login is read with a secret of its
// own, the old or the new, and in the end the keychain holds nothing else.
func TestEveryStepCanFail(t *testing.T) {
	for _, what := range []string{"put", "delete"} {
		for step := 1; ; step++ {
			k := newFakeKeyring()
			s := open(t, k)
			mustPut(t, s, login("", "old"))
			mustPut(t, s, login("other", "other"))
			before, err := os.ReadFile(s.Path())
			if err != nil {
				t.Fatal(err)
			}
			count, failed := 0, errors.New("failed on purpose")
			next := func() error {
				if count++; count >= step { // from here on nothing works: the process has been stopped
					return failed
				}
				return nil
			}
			k.fail = func(string, string) error { return next() }
			working := s.folder.Disk
			s.folder.Disk = private.Disk{
				Write: func(f *os.File, data []byte) error {
					if err := next(); err != nil {
						return errors.Join(err, working.Write(f, data[:len(data)/2]))
					}
					return working.Write(f, data)
				},
				Sync: func(f *os.File) error { return errors.Join(next(), working.Sync(f)) },
				Rename: func(in *os.Root, from, to string) error {
					if err := next(); err != nil {
						return err
					}
					return working.Rename(in, from, to)
				},
				SyncDir: func(in *os.Root) error { return errors.Join(next(), working.SyncDir(in)) },
			}
			if what == "put" {
				_, err = s.Put(t.Context(), login("", "new"))
			} else {
				err = s.Delete(t.Context(), "myregistry", "")
			}
			if err != nil && strings.Contains(err.Error(), "old") {
				t.Errorf("%s, step %d: %v", what, step, err)
			}
			k.fail, s = nil, openIn(t, filepath.Dir(s.Path()), k)
			got := secrets(t, s)
			if v := got[""]; got["other"] != "other" || what == "put" && v != "old" && v != "new" || what == "delete" &&
				v != "old" && v != "" {
				t.Errorf("%s, step %d: %v", what, step, got)
			}
			if step == 1 {
				if data, err := os.ReadFile(s.Path()); err != nil || string(data) != string(before) {
					t.Errorf("%s: the first step failed, and the file changed: %v", what, err)
				}
			}
			mustPut(t, s, login("", "last"))
			want(t, fmt.Sprintf("%s, step %d: the keychain", what, step), []string{"last", "other"}, k.values())
			if _, err := os.Stat(filepath.Join(filepath.Dir(s.Path()), newName)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s, step %d: a half-written file is left: %v", what, step, err)
			}
			if count < step {
				if step < 8 {
					t.Errorf("%s has only %d steps", what, count)
				}
				break
			}
		}
	}
}

func TestLockWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, nil)
		mustPut(t, s, login("", "one"))
		root, err := s.folder.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		held, err := s.lock(t.Context(), root, "hold")
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err = s.Put(t.Context(), login("", "two"))
		if acrkit.CodeOf(err) != acrkit.CodeUnavailable || time.Since(start) != 30*time.Second {
			t.Errorf("%s: %v", time.Since(start), err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err = s.Put(ctx, login("", "two")); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		// Readers do not wait.
		want(t, "secret", map[string]string{"": "one"}, secrets(t, s))
		time.AfterFunc(time.Second, func() { held.Close() })
		mustPut(t, s, login("", "two"))
		want(t, "secret", map[string]string{"": "two"}, secrets(t, s))
	})
}

func TestNoSecretIsPrinted(t *testing.T) {
	s := open(t, nil)
	mustPut(t, s, login("", "hidden-1"))
	logins, err := s.Logins(t.Context(), "myregistry")
	if err != nil || len(logins) != 1 {
		t.Fatalf("%v %v", logins, err)
	}
	f, err := s.read()
	if err != nil || len(f.Logins) != 1 {
		t.Fatal(err)
	}
	for _, v := range []any{logins, logins[0], &logins[0], s, f.Logins[0], f, &f, f.Logins} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "hidden") ||
				strings.Contains(text, fmt.Sprintf("%x", "hidden")) {
				t.Errorf("%s of %T: %s", verb, v, text)
			}
		}
	}
}

// A regional endpoint has the logins of its registry, and no others.
func TestRegionalEndpoint(t *testing.T) {
	const regional = "myregistry.westeurope.geo.azurecr.io"
	s := open(t, nil)
	mustPut(t, s, login("", "pw-1"))
	l := login("team", "pw-2")
	l.Registry = regional
	if got := mustPut(t, s, l); got.Registry != "myregistry.azurecr.io" {
		t.Errorf("stored for %s", got.Registry)
	}
	for _, host := range []string{"myregistry", regional, "MyRegistry.NorthEurope.geo.azurecr.io"} {
		if logins, err := s.Logins(t.Context(), host); err != nil || len(logins) != 2 {
			t.Errorf("%s: %d, %v", host, len(logins), err)
		}
	}
	for _, host := range []string{"other.westeurope.geo.azurecr.io", "myregistry.westeurope.geo.azurecr.cn",
		"myregistry.westeurope.data.azurecr.io", regional + ".evil.example"} {
		if logins, err := s.Logins(t.Context(), host); err != nil || len(logins) != 0 {
			t.Errorf("%s: %d, %v", host, len(logins), err)
		}
	}
	if err := s.Delete(t.Context(), regional, ""); err != nil {
		t.Error(err)
	}
	if removed, err := s.DeleteAll(t.Context(), regional); err != nil || len(removed) != 1 {
		t.Errorf("%d, %v", len(removed), err)
	}
	want(t, "nothing is left", map[string]string{}, secrets(t, s))
}
