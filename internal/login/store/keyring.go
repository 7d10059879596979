package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/wording"
)

// Keyring is a keychain. Its functions may hang; the store waits for them up to a limit,
// and cleans up the effect of a call that ends later.
type Keyring interface {
	// Set stores a secret. Errors: [ErrTooBig], [ErrNoKeychain], any other.
	Set(service, account, secret string) error
	// Get returns a secret, or [ErrNotFound].
	Get(service, account string) (string, error)
	// Delete removes a secret, or returns [ErrNotFound].
	Delete(service, account string) error
}

// The errors of a [Keyring] that the store handles.
var (
	ErrNotFound   = errors.New("the keychain has no such secret")
	ErrTooBig     = errors.New("the secret is longer than the keychain takes")
	ErrNoKeychain = errors.New("there is no keychain")
)

// KeychainService is the service name of the secrets in the keychain.
const KeychainService = "acrkit"

// keychainWait is how long the keychain may take to store one login or to read all of a
// registry's: enough for a user to unlock it, and not too long for a script.
const keychainWait = 20 * time.Second

// errNoAnswer is the error at the end of keychainWait.
var errNoAnswer = fmt.Errorf("the keychain did not answer within %s", keychainWait)

// ask runs a call of the keychain for as long as ctx and keychainWait allow.
func (s *Store) ask(ctx context.Context, question func() (string, error)) (string, error) {
	if s.keychainGone.Load() {
		return "", errNoAnswer
	}
	value, err := Ask(ctx, keychainWait, question)
	if errors.Is(err, ErrNoAnswer) {
		s.keychainGone.Store(true)
		return "", errNoAnswer
	}
	return value, err
}

// ErrNoAnswer is the error at the end of a wait for a keychain.
var ErrNoAnswer = errors.New("the keychain did not answer in time")

// Ask runs a call of a keychain for as long as ctx and wait allow; at the end of either it
// returns [ErrNoAnswer], unless ctx was cancelled. The call itself cannot be ended: a
// goroutine waits for it, if necessary until the process ends.
func Ask(ctx context.Context, wait time.Duration, question func() (string, error)) (string, error) {
	type answer struct {
		value string
		err   error
	}
	limited, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	answers := make(chan answer, 1)
	go func() {
		a := answer{err: errors.New("the keychain's answer is not understood")}
		defer func() {
			_ = recover() // the keychain libraries panic on values of an unexpected type
			answers <- a
		}()
		a.value, a.err = question()
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-limited.Done():
		// The caller cancelled; otherwise the keychain took too long.
		if errors.Is(ctx.Err(), context.Canceled) {
			return "", ctx.Err()
		}
		return "", ErrNoAnswer
	}
}

// keychainError is the error for a login whose secret the keychain does not return.
func keychainError(r record, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &acrkit.Error{Code: acrkit.CodeUnavailable, Op: "read the login" + r.forWhat(),
		Reason: "its secret is in the keychain: " + whyNot(err), Errs: []error{err},
		Hint: sentence.Fix(sentence.LoginWithFile, map[string]string{"variable": EnvKeyring, "args": r.arguments()})}
}

// whyNot says as a clause why a call of the keychain failed. The text of a daemon may quote
// anything, so the secrets are removed from it.
func whyNot(err error, secrets ...redact.Secret) string {
	const longest = 200
	return wording.Clip(redact.Text(err.Error(), secrets...), longest)
}

// SystemKeyring returns the operating system's keychain.
func SystemKeyring(lookupEnv func(string) (string, bool)) Keyring { return systemKeyring{lookupEnv} }

// KeyringOff reads ACRKIT_KEYRING. An error has [acrkit.CodeUsage].
func KeyringOff(lookupEnv func(string) (string, bool)) (bool, error) {
	switch value, _ := lookupEnv(EnvKeyring); value {
	case "", "on":
		return false, nil
	case "off":
		return true, nil
	}
	return false, &acrkit.Error{Code: acrkit.CodeUsage, Op: "open the store of logins", Reason: EnvKeyring +
		` is neither "on" nor "off"`,
		Hint: sentence.Fix(sentence.TurnKeychainOff, map[string]string{"variable": EnvKeyring})}
}

// systemKeyring is the operating system's.
type systemKeyring struct {
	lookupEnv func(string) (string, bool)
}

// maxSystemSecret is the longest secret that a system's keychain takes, in bytes.
// Windows' Credential Manager has this limit (CRED_MAX_CREDENTIAL_BLOB_SIZE, 5 ×
// 512). macOS' security reads commands of 4096 bytes, which hold the secret in base64 and
// its name. The Secret Service has no limit.
func maxSystemSecret(goos string) int {
	switch goos {
	case "windows", "darwin":
		return 2560
	}
	return MaxSecret
}

func (k systemKeyring) Set(service, account, secret string) error {
	if err := k.available(); err != nil {
		return err
	}
	if len(secret) > maxSystemSecret(runtime.GOOS) {
		return ErrTooBig
	}
	return translate(keyring.Set(service, account, secret))
}

func (k systemKeyring) Get(service, account string) (string, error) {
	if err := k.available(); err != nil {
		return "", err
	}
	secret, err := keyring.Get(service, account)
	return secret, translate(err)
}

func (k systemKeyring) Delete(service, account string) error {
	if err := k.available(); err != nil {
		return err
	}
	return translate(keyring.Delete(service, account))
}

func translate(err error) error {
	switch {
	case errors.Is(err, keyring.ErrNotFound):
		return ErrNotFound
	case errors.Is(err, keyring.ErrSetDataTooBig):
		return ErrTooBig
	case errors.Is(err, keyring.ErrUnsupportedPlatform):
		return ErrNoKeychain
	}
	return err
}

// available reports whether there is a bus on which a Secret Service could be.
// Without one, the library would start a bus (dbus-launch) that outlives the command and
// has no Secret Service.
func (k systemKeyring) available() error {
	switch runtime.GOOS {
	case "windows", "darwin":
		return nil
	}
	if address, _ := k.lookupEnv("DBUS_SESSION_BUS_ADDRESS"); address != "" && address != "autolaunch:" {
		return nil
	}
	for _, name := range []string{"bus", "dbus-session"} {
		if _, err := os.Stat("/run/user/" + strconv.Itoa(os.Getuid()) + "/" + name); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: no D-Bus session bus is running", ErrNoKeychain)
}
