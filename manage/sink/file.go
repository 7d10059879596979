package sink

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/login/dockerconf"
	"github.com/acrkit/acrkit/internal/private"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
	"github.com/acrkit/acrkit/internal/wording"
)

// fileMode is the mode of a file with a password: nothing for group and others.
//
//rule:sink-file-mode
const fileMode fs.FileMode = 0o600

// maxPassword bounds what is taken for a password in a sink: ACR's have 52 characters, and
// a longer text is something else.
var maxPassword = limit.Limit{Name: "a password", Bytes: 512}

// file is a file that holds the password, alone or as a login of container clients.
type file struct {
	common
	path string

	known bool          // Holds or Deliver has seen the file
	seen  redact.Secret // what it held
}

// foreign is the error for content that this sink must not replace.
func foreign(s Sink, why, hint string) error {
	return &acrkit.Error{Code: acrkit.CodeUsage, Op: "deliver to " + s.String(),
		Reason: why + "; it is not overwritten", Hint: hint}
}

func (f *file) foreign(why string) error {
	return foreign(f, why, sentence.Fix(sentence.MoveContentAside,
		map[string]string{"file": shell.Quote(f.path), "aside": shell.Quote(f.path + ".old")}))
}

// failed is the error for a file that cannot be read or written.
func (f *file) failed(what string, err error) error {
	if _, ours := errors.AsType[*acrkit.Error](err); ours {
		return err
	}
	return private.Failure(what+" "+f.String(), err)
}

func (f *file) Holds(_ context.Context, v Value) (Held, error) {
	data, found, err := private.ReadSecret(f.path)
	if _, serr := os.Stat(filepath.Dir(f.path)); errors.Is(serr, fs.ErrNotExist) {
		err = &acrkit.Error{Code: acrkit.CodeUsage, Op: "read " + f.String(), Reason: "its folder does not exist",
			Hint: sentence.Fix(sentence.MakeFolder, map[string]string{"dir": shell.Quote(filepath.Dir(f.path))})}
	}
	if err != nil {
		return Held{}, f.failed("read", err)
	}
	held, err := f.parse(data, v)
	if err != nil {
		return Held{}, err
	}
	if found {
		info, err := os.Stat(f.path)
		if err != nil {
			return Held{}, f.failed("read", err)
		}
		held.Written = info.ModTime()
	}
	f.known, f.seen = true, redact.NewSecret(string(data))
	return held, nil
}

// parse reads the password in the file's content.
func (f *file) parse(data []byte, v Value) (Held, error) {
	if !f.docker {
		password := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
		if !isPassword(password) {
			return Held{}, f.foreign("it holds something else than a password")
		}
		return Held{Password: redact.NewSecret(password)}, nil
	}
	l, err := dockerconf.ReadLogin(data, v.Registry.Host())
	if err != nil {
		return Held{}, f.foreign("it " + err.Error())
	}
	//rule:sink-file-other-user
	if l.User != "" && l.User != v.Token {
		return Held{}, f.foreign("it has a login of " + wording.Quote(l.User) + " for " + v.Registry.Host())
	}
	return Held{Password: redact.NewSecret(l.Secret)}, nil
}

// isPassword reports whether a text can be a password, or is empty: visible ASCII without
// spaces.
func isPassword(text string) bool {
	//rule:sink-is-password
	return maxPassword.Check(int64(len(text))) == nil &&
		strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

func (f *file) Deliver(ctx context.Context, v Value) error {
	before, known := f.seen, f.known
	if _, err := f.Holds(ctx, v); err != nil {
		return err
	}
	//rule:sink-file-changed
	if known && !before.Equal(f.seen) {
		return changed(f)
	}
	data := []byte(v.Password.Reveal())
	if f.docker {
		var err error
		if data, err = dockerconf.PutLogin([]byte(f.seen.Reveal()), v.Registry.Host(), v.Token,
			v.Password.Reveal()); err != nil {
			return f.foreign("it " + err.Error())
		}
	}
	disk := private.RealDisk()
	disk.Modified = v.Created
	if err := disk.WriteFile(f.path, data, fileMode); err != nil {
		return f.failed("write", err)
	}
	f.seen = redact.NewSecret(string(data))
	return nil
}

// changed is the error for a sink that something else wrote after it was read.
func changed(s Sink) error {
	return &acrkit.Error{Code: acrkit.CodeIncomplete, Op: "deliver to " + s.String(),
		Reason: "another program has changed it meanwhile; nothing was written",
		Hint:   sentence.Fix(sentence.TryAgain, nil)}
}

func (f *file) Verify(ctx context.Context, v Value) error { return verifyHeld(ctx, f, v) }
