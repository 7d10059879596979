package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/private"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/sentence"
)

// writer is a change of the store, under its lock.
type writer struct {
	s    *Store
	root *os.Root
	file file
}

// change runs a change under the lock, on the current content of the file. A missing
// folder is made.
func (s *Store) change(ctx context.Context, op string, do func(*writer) error) error {
	err := s.locked(ctx, op, do)
	if _, ours := errors.AsType[*acrkit.Error](err); err == nil || ours || errors.Is(err, context.Canceled) {
		return err
	}
	return private.Failure(op, err)
}

func (s *Store) locked(ctx context.Context, op string, do func(*writer) error) (err error) {
	root, err := s.folder.Open()
	if errors.Is(err, fs.ErrNotExist) {
		if err = s.folder.Make(); err == nil {
			root, err = s.folder.Open()
		}
	}
	if err != nil {
		return err
	}
	defer root.Close()
	lock, err := s.lock(ctx, root, op)
	if err != nil {
		return err
	}
	defer lock.Close()
	w := &writer{s: s, root: root}
	if w.file, err = s.readIn(root); err != nil {
		return err
	}
	return do(w)
}

// save writes the file.
func (w *writer) save() error {
	data, err := w.file.encode()
	if err != nil {
		return err
	}
	return w.s.replace(w.root, data)
}

// toKeychain moves the secret of r to the keychain, or sets in r why it does not.
//
// Before that, the file records that the keychain may have the secret, so that a process
// that is stopped in between leaves no unknown secret.
func (w *writer) toKeychain(ctx context.Context, r *record) error {
	if w.s.off {
		r.Why = EnvKeyring + "=off"
		return nil
	}
	if len(w.file.Discard) >= maxDiscards {
		r.Why = "the keychain has too many secrets yet to forget"
		return nil
	}
	account, err := newAccount(*r)
	if err != nil {
		return err
	}
	// If the file cannot be written now, the keychain is not used.
	before := slices.Clone(w.file.Discard)
	w.file.Discard = append(w.file.Discard, account)
	if err := w.save(); err != nil {
		return err
	}
	err = w.keep(ctx, account, r.Secret)
	switch {
	case err == nil:
		r.Keychain, r.Secret = account, ""
		return nil
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, ErrTooBig), errors.Is(err, ErrNoKeychain):
		w.file.Discard = before // it does not have the secret
	}
	r.Why = whyNot(err, redact.NewSecret(r.Secret))
	return nil
}

// keep stores a secret in the keychain and reads it back: after a dismissed prompt, and
// with the tool of macOS, the call can succeed without effect.
func (w *writer) keep(ctx context.Context, account, secret string) error {
	ctx, cancel := context.WithTimeout(ctx, keychainWait)
	defer cancel()
	if _, err := w.s.ask(ctx, func() (string, error) {
		return "", w.s.keyring.Set(KeychainService, account, secret)
	}); err != nil {
		return err
	}
	kept, err := w.s.ask(ctx, func() (string, error) { return w.s.keyring.Get(KeychainService, account) })
	if err == nil && kept == secret {
		return nil
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, errNoAnswer) {
		return err
	}
	return errors.New("the keychain did not keep the secret")
}

// put writes r in place of the login that it replaces.
func (w *writer) put(ctx context.Context, r record) error {
	w.drop(r)
	w.file.Logins = append(w.file.Logins, r)
	w.file.Discard = slices.DeleteFunc(w.file.Discard, func(account string) bool { return account == r.Keychain })
	if err := w.save(); err != nil {
		return err
	}
	_ = w.sweep(ctx) // of the old login; the next change tries again what is left
	return nil
}

// remove removes logins. A secret of theirs that the keychain does not remove is an error;
// with thorough, a secret of earlier logins too.
func (w *writer) remove(ctx context.Context, op string, thorough bool, which ...record) error {
	var owed []string
	if thorough {
		owed = slices.Clone(w.file.Discard)
	}
	for _, r := range which {
		if account := w.drop(r); account != "" {
			owed = append(owed, account)
		}
	}
	if err := w.save(); err != nil {
		return err
	}
	err := w.sweep(ctx)
	if errors.Is(err, context.Canceled) {
		return err
	}
	left := 0
	for _, account := range owed {
		if slices.Contains(w.file.Discard, account) {
			left++
		}
	}
	if left == 0 || err == nil {
		return nil
	}
	return &acrkit.Error{Code: acrkit.CodeUnavailable, Op: op + " altogether",
		Reason: fmt.Sprintf("nothing of it is used any more, but the keychain still has %d secret(s) under %q: %s",
			left, KeychainService, whyNot(err)),
		Errs: []error{err}, Hint: sentence.Fix(sentence.LogOutOfAllAgain, nil)}
}

// drop removes the login of r's registry and repository from the file, and marks its
// secret in the keychain, if any, for removal.
func (w *writer) drop(r record) (account string) {
	w.file.Logins = slices.DeleteFunc(w.file.Logins, func(old record) bool {
		if !old.sameAs(r) {
			return false
		}
		account = old.Keychain
		return true
	})
	if account != "" {
		w.file.Discard = append(w.file.Discard, account)
	}
	return account
}

// sweep removes unused secrets from the keychain. It stops at the first failure; the
// remaining names stay in the file.
func (w *writer) sweep(ctx context.Context) (err error) {
	if len(w.file.Discard) == 0 {
		return nil
	}
	if w.s.off {
		return errors.New(EnvKeyring + "=off")
	}
	ctx, cancel := context.WithTimeout(ctx, keychainWait)
	defer cancel()
	left := slices.Clone(w.file.Discard)
	for len(left) > 0 {
		account := left[0]
		_, err = w.s.ask(ctx, func() (string, error) { return "", w.s.keyring.Delete(KeychainService, account) })
		if err != nil && !errors.Is(err, ErrNotFound) {
			break
		}
		err = nil
		left = left[1:]
	}
	if len(left) == len(w.file.Discard) {
		return err
	}
	w.file.Discard = left
	return errors.Join(err, w.save())
}
