package store

import (
	"errors"
	"strings"
	"testing"

	"github.com/zalando/go-keyring"
)

// TestSystemKeyring puts the library's own fake beneath the adapter.
func TestSystemKeyring(t *testing.T) {
	keyring.MockInit()
	k := systemKeyring{func(name string) (string, bool) {
		return "unix:path=/nowhere", name == "DBUS_SESSION_BUS_ADDRESS"
	}}
	if err := k.Set("acrkit", "a", "secret-1"); err != nil {
		t.Fatal(err)
	}
	if got, err := k.Get("acrkit", "a"); got != "secret-1" || err != nil {
		t.Errorf("%q %v", got, err)
	}
	if err := k.Delete("acrkit", "a"); err != nil {
		t.Error(err)
	}
	if _, err := k.Get("acrkit", "a"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if err := k.Delete("acrkit", "a"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	for err, want := range map[error]error{keyring.ErrSetDataTooBig: ErrTooBig,
		keyring.ErrUnsupportedPlatform: ErrNoKeychain} {
		keyring.MockInitWithError(err)
		if got := k.Set("acrkit", "a", "secret-1"); !errors.Is(got, want) {
			t.Errorf("%v became %v", err, got)
		}
	}
	keyring.MockInit()
	if err := k.Set("acrkit", "a", strings.Repeat("s", MaxSecret+1)); !errors.Is(err, ErrTooBig) {
		t.Errorf("got %v", err)
	}
}

// TestMacCommandFits: macOS' tool reads lines of 4096 bytes, and the library
// leaves it waiting behind a longer one.
func TestMacCommandFits(t *testing.T) {
	longest := record{Registry: strings.Repeat("r", 253) + ":65535", Repository: strings.Repeat("p", 254) + "/*"}
	account, err := newAccount(longest)
	if err != nil {
		t.Fatal(err)
	}
	base64 := (maxSystemSecret("darwin") + 2) / 3 * 4
	if n := len("add-generic-password -U -s acrkit -a '' -w 'go-keyring-base64:'\n") + len(account) + base64; n > 4096 {
		t.Errorf("%d bytes", n)
	}
}
