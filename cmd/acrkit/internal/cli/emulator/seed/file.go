package seed

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
)

// writeFile writes a text to a file, which must not exist without force: command is what
// overwrites it. A private one only its owner can read.
func writeFile(path, text string, force, private bool, command string) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	op := fmt.Sprintf("write %q", path)
	file, err := os.OpenFile(path, flags, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Reason: "it exists",
			Hint: sentence.Fix(sentence.OverwriteSeed, map[string]string{"command": command,
				"file": shell.Quote(path)})}
	}
	if err != nil {
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Errs: []error{err}}
	}
	if private {
		err = makePrivate(file)
	}
	if err == nil {
		_, err = io.WriteString(file, text)
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return &acrkit.Error{Op: op, Errs: []error{err}}
	}
	return nil
}

// makePrivate makes an existing file unreadable for other users before passwords are
// written to it. What is not a regular file, such as a pipe, is left unchanged.
func makePrivate(file *os.File) error {
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o077 == 0 {
		return err
	}
	return file.Chmod(0o600)
}
