// Package store is acrkit's own store of logins: the secrets in the operating
// system's keychain if there is one, else in one file that only its owner may read.
//
// The folder ([Options.Dir]) holds "logins.json", which has for each login all
// but its secret, or the secret too if the keychain does not have it, and
// "logins.lock", which is held while logins.json is changed. Changes replace the
// file whole: readers need no lock, and a crash leaves the old file or the new.
package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/private"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/sentence"
)

// The environment variables of the store.
const (
	EnvDir     = "ACRKIT_CONFIG_DIR" // the folder, in place of acrkit in the user's configuration folder
	EnvKeyring = "ACRKIT_KEYRING"    // "off" keeps secrets in the file alone
)

// ViaHelper is the [Login.Via] of a login that a client stored by the credential helper;
// the helper erases only those.
const ViaHelper = "helper"

// PlaceKeychain is the [Login.Place] of a secret in the keychain.
const PlaceKeychain = "keychain"

// Login is one stored credential for a registry, or for part of it.
type Login struct {
	Registry   string // login server, host[:port], lower case
	Repository string // "" = the whole registry; else "team/app" or "team/*", both with all that is below
	Kind       string // an auth.Kind: "scoped-token", "service-principal", "refresh-token" …
	User       string // token name, client id or user name; "" where the kind has none
	Tenant     string // of a service principal
	Authority  string // of a service principal; "" = that of the registry's cloud
	Secret     redact.Secret
	Via        string    // what stored it: "" is acrkit login, [ViaHelper] the credential helper
	Saved      time.Time // UTC, in seconds

	// Place is where the secret is: [PlaceKeychain], or the path of the file. Why says
	// why it is in the file and not in the keychain, as a clause: "there is no D-Bus
	// session bus". Reads set both, Put ignores them.
	Place, Why string
}

// Prefix returns what comes before the wildcard of Repository: the name of the
// repository, or of the part of the tree, that the login is for.
func (l Login) Prefix() string { return strings.TrimSuffix(l.Repository, "/*") }

// Options are the settings of a store. Nil means all zero.
type Options struct {
	// Dir is the folder. "" is the variable ACRKIT_CONFIG_DIR, and without it
	// acrkit in [os.UserConfigDir].
	Dir string
	// Keyring keeps the secrets; nil is the operating system's, unless
	// ACRKIT_KEYRING is "off".
	Keyring Keyring
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// LookupEnv reads the environment; nil is os.LookupEnv.
	LookupEnv func(string) (string, bool)
}

// Store is a store of logins. It is safe for concurrent use, also by many
// processes on one folder.
type Store struct {
	folder  private.Folder
	noDir   error // why there is no folder
	keyring Keyring
	off     bool // the keychain is switched off
	now     func() time.Time

	// keychainGone is set when a keychain did not answer in time: the next
	// question would wait as long again.
	keychainGone atomic.Bool
}

// Open returns the store. Nothing is read or made yet: a folder that is not
// there is a store without logins.
//
// An error has [acrkit.CodeUsage]: a variable has a value that is not known.
func Open(opts *Options) (*Store, error) {
	if opts == nil {
		opts = &Options{}
	}
	s := &Store{folder: private.Folder{Path: opts.Dir, What: "the store of logins", Env: EnvDir,
		Disk: private.RealDisk()}, keyring: opts.Keyring, now: opts.Now}
	lookup := opts.LookupEnv
	if lookup == nil {
		lookup = os.LookupEnv
	}
	if s.now == nil {
		s.now = time.Now
	}
	var err error
	if s.off, err = KeyringOff(lookup); err != nil {
		return nil, err
	}
	if s.keyring == nil {
		s.keyring = systemKeyring{lookup}
	}
	if s.folder.Path != "" {
		s.folder.Path, s.noDir = filepath.Abs(s.folder.Path)
	} else {
		s.folder.Path, s.noDir = Dir(lookup)
	}
	return s, nil
}

// Dir returns the absolute path of acrkit's own folder. In a container without a home
// there is none; that is an error only when a login is stored.
func Dir(lookup func(string) (string, bool)) (string, error) {
	dir, _ := lookup(EnvDir)
	if dir == "" {
		config, err := os.UserConfigDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(config, "acrkit")
	}
	return filepath.Abs(dir)
}

// Path returns the path of the file; "" if there can be none.
func (s *Store) Path() string {
	if s.noDir != nil {
		return ""
	}
	return filepath.Join(s.folder.Path, fileName)
}

// Logins returns the logins for a registry with their secrets, sorted by
// repository; the one for the whole registry is first. None is no error.
//
// Errors: a file or folder that others may read or that is malformed (it is not changed,
// and not treated as empty); [acrkit.CodeUnavailable] if the keychain does not answer;
// [acrkit.CodeCredentialMissing] if it no longer has the secret of a login, or is
// switched off.
func (s *Store) Logins(ctx context.Context, registry string) ([]Login, error) {
	reg, err := acrkit.ParseRegistry(registry)
	if err != nil {
		return nil, err
	}
	// Another process may replace a login after the file was read and before the keychain
	// answers: then the old secret is gone, and the file names the new one.
	for tries := 0; ; tries++ {
		f, err := s.read()
		if err != nil {
			return nil, err
		}
		//rule:regional-logins
		logins, gone, err := s.withSecrets(ctx, f, reg.LoginServer().Host())
		if err != nil {
			return nil, err
		}
		if gone == nil {
			return logins, nil
		}
		if again, err := s.read(); err != nil {
			return nil, err
		} else if tries == maxRereads || slices.ContainsFunc(again.Logins, func(r record) bool {
			return r.Keychain == gone.Keychain
		}) {
			return nil, loginAgain(*gone, "the keychain no longer has its secret")
		}
	}
}

// maxRereads bounds how often the file is read again after such a change.
const maxRereads = 10

// withSecrets returns the logins of a registry; gone is the first one whose
// secret the keychain does not have.
func (s *Store) withSecrets(ctx context.Context, f file, host string) (logins []Login, gone *record, err error) {
	// The time limit is for all of them together.
	ctx, cancel := context.WithTimeout(ctx, keychainWait)
	defer cancel()
	for _, r := range f.Logins {
		if r.Registry != host {
			continue
		}
		secret := r.Secret
		if r.Keychain != "" {
			if s.off {
				return nil, nil, loginAgain(r, "its secret is in the keychain, which "+EnvKeyring+"=off leaves alone")
			}
			secret, err = s.ask(ctx, func() (string, error) { return s.keyring.Get(KeychainService, r.Keychain) })
			if errors.Is(err, ErrNotFound) {
				return nil, &r, nil
			}
			if err != nil {
				return nil, nil, keychainError(r, err)
			}
		}
		l := s.login(r)
		l.Secret = redact.NewSecret(secret)
		logins = append(logins, l)
	}
	return logins, nil, nil
}

func loginAgain(r record, why string) error {
	return &acrkit.Error{Code: acrkit.CodeCredentialMissing, Op: "read the login" + r.forWhat(), Reason: why,
		Hint: sentence.Fix(sentence.LoginWith, map[string]string{"args": r.arguments()})}
}

// List returns the logins for all registries without their secrets, sorted by
// registry and repository. The keychain is not asked.
func (s *Store) List(ctx context.Context) ([]Login, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := s.read()
	if err != nil {
		return nil, err
	}
	var logins []Login
	for _, r := range f.Logins {
		logins = append(logins, s.login(r))
	}
	return logins, nil
}

func (s *Store) login(r record) Login {
	l := Login{Registry: r.Registry, Repository: r.Repository, Kind: r.Kind, User: r.User, Tenant: r.Tenant,
		Authority: r.Authority, Via: r.Via,
		Saved: r.Saved, Place: s.Path(), Why: r.Why}
	if r.Keychain != "" {
		l.Place = PlaceKeychain
	}
	return l
}

// Put stores a login in place of the one for the same registry and repository,
// and returns it as it is now: with Saved, Place and Why, and without its secret.
// The keychain is tried first; where it cannot keep the secret the file does.
//
// With an error the old login, if there was one, is still there, except where the
// error says that the new one was only not synced to disk. Errors: [acrkit.CodeUsage]
// for a login that is malformed, or for a file or folder that others may read;
// [acrkit.CodeTooLarge] past a limit; [acrkit.CodeUnavailable] if another process does
// not release the lock.
func (s *Store) Put(ctx context.Context, l Login) (Login, error) {
	const op = "store the login"
	reg, err := acrkit.ParseRegistry(l.Registry)
	if err != nil {
		return Login{}, err
	}
	r := record{Registry: reg.LoginServer().Host(), Repository: l.Repository, Kind: l.Kind, User: l.User,
		Tenant: l.Tenant, Authority: l.Authority, Via: l.Via,
		Saved: s.now().UTC().Truncate(time.Second), Secret: l.Secret.Reveal()}
	if err := r.check(); err != nil {
		return Login{}, &acrkit.Error{Code: acrkit.CodeUsage, Op: op + r.forWhat(), Reason: err.Error()}
	}
	if len(r.Secret) > MaxSecret {
		return Login{}, &acrkit.Error{Code: acrkit.CodeTooLarge, Op: op + r.forWhat(),
			Reason: fmt.Sprintf("its secret is longer than %d bytes", MaxSecret)}
	}
	if s.noDir != nil {
		return Login{}, s.noFolder(op + r.forWhat())
	}
	err = s.change(ctx, op+r.forWhat(), func(w *writer) error {
		if other, ok := w.file.overlapping(r); ok {
			return &acrkit.Error{Code: acrkit.CodeUsage, Op: op + r.forWhat(),
				Reason: fmt.Sprintf("there is one for %q, which is for the same repositories", other.Repository),
				Hint:   sentence.Fix(sentence.LogOut, map[string]string{"args": other.arguments()})}
		}
		if !w.file.has(r) && len(w.file.Logins) >= MaxLogins {
			return &acrkit.Error{Code: acrkit.CodeTooLarge, Op: op + r.forWhat(),
				Reason: fmt.Sprintf("there are %d already, which is the limit", MaxLogins),
				Hint:   sentence.Fix(sentence.LogOutOfAll, nil)}
		}
		if err := w.toKeychain(ctx, &r); err != nil {
			return err
		}
		return w.put(ctx, r)
	})
	if err != nil {
		return Login{}, err
	}
	return s.login(r), nil
}

// Delete removes a login. If there is none for just this registry and
// repository, that is an error with [acrkit.CodeNotFound]. If the keychain does not
// remove the secret, the login is removed anyway, and the error says what is left; a
// later Put or Delete tries again.
func (s *Store) Delete(ctx context.Context, registry, repository string) error {
	reg, err := acrkit.ParseRegistry(registry)
	if err != nil {
		return err
	}
	r := record{Registry: reg.LoginServer().Host(), Repository: repository}
	op := "remove the login" + r.forWhat()
	none := &acrkit.Error{Code: acrkit.CodeNotFound, Op: op, Reason: "there is none"}
	// Without a store nothing is made, not even a lock.
	if f, err := s.read(); err != nil {
		return err
	} else if !f.has(r) {
		return none
	}
	return s.change(ctx, op, func(w *writer) error {
		if !w.file.has(r) {
			return none
		}
		return w.remove(ctx, op, false, r)
	})
}

// DeleteAll removes the logins for a registry, or with "" all there are, and
// returns them without their secrets. None is no error. What an earlier Delete
// could not remove from the keychain is tried again.
func (s *Store) DeleteAll(ctx context.Context, registry string) ([]Login, error) {
	op := "remove all logins"
	if registry != "" {
		reg, err := acrkit.ParseRegistry(registry)
		if err != nil {
			return nil, err
		}
		registry = reg.LoginServer().Host()
		op += " for " + registry
	}
	if f, err := s.read(); err != nil || len(f.Logins) == 0 && len(f.Discard) == 0 {
		return nil, err
	}
	var removed []Login
	err := s.change(ctx, op, func(w *writer) error {
		var which []record
		for _, r := range w.file.Logins {
			if registry == "" || r.Registry == registry {
				which, removed = append(which, r), append(removed, s.login(r))
			}
		}
		return w.remove(ctx, op, true, which...)
	})
	return removed, err
}

// newAccount returns a new name for a secret in the keychain, so that a login is never
// read with the secret of an older or newer one, even if a process is stopped.
func newAccount(r record) (string, error) {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", err
	}
	name := r.Registry
	if r.Repository != "" {
		name += "/" + r.Repository
	}
	return name + "#" + hex.EncodeToString(b[:]), nil
}

// byPlace sorts records by registry and repository.
func byPlace(a, b record) int {
	return cmp.Or(cmp.Compare(a.Registry, b.Registry), cmp.Compare(a.Repository, b.Repository))
}

func (s *Store) noFolder(op string) error {
	return &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Reason: "there is no folder to keep it in",
		Errs: []error{s.noDir}, Hint: sentence.Fix(sentence.SetFolder, map[string]string{"variable": EnvDir})}
}
