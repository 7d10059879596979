package cmdutil

import (
	"io"
	"net/http"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/login/store"
	"github.com/acrkit/acrkit/internal/private"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/manage/rotate"
)

// TryPassword returns what tries to log in with a password of a token.
func (f *Factory) TryPassword(reg acrkit.Registry, token string) (rotate.Login, error) {
	base, err := f.finder().BaseTransport()
	if err != nil {
		return nil, err
	}
	var rt http.RoundTripper = base
	if f.Global.Debug {
		rt = &debugTransport{base: base, w: f.IO.ErrOut, now: f.Now}
	}
	return rotate.NewLogin(reg, token, &auth.Options{Base: rt, CustomLoginServer: f.customLoginServer(reg),
		Now: f.Now}), nil
}

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
		data, err = maxPassword.ReadAll(io.Reader(f.IO.In))
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
