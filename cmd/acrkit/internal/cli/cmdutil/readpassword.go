package cmdutil

import (
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/login/store"
	"github.com/acrkit/acrkit/internal/private"
	"github.com/acrkit/acrkit/internal/redact"
)

// maxPassword bounds what is read of standard input as a password.
var maxPassword = limit.Limit{Name: "a password", Bytes: store.MaxSecret}

// ReadPassword reads a password from a file that only its owner can read, or from standard
// input, "-". One line feed may follow it.
func (f *Factory) ReadPassword(path string) (redact.Secret, error) {
	var data []byte
	var err error
	if path == "-" {
		if f.IO.IsStdinTTY() {
			return redact.Secret{}, Usage("a password is not typed where it can be read: standard input is a terminal")
		}
		data, err = maxPassword.ReadAll(f.IO.In)
	} else {
		data, _, err = private.ReadSecret(path)
	}
	if err != nil {
		return redact.Secret{}, &acrkit.Error{Code: acrkit.CodeUsage, Op: "read the password", Errs: []error{err},
			Hint: acrkit.HintOf(err)}
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if text == "" {
		return redact.Secret{}, Usage("there is no password in %s", path)
	}
	return redact.NewSecret(text), nil
}
