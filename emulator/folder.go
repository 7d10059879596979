package emulator

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/control"
	"github.com/acrkit/acrkit/emulator/internal/db"
	"github.com/acrkit/acrkit/emulator/internal/folderlock"
	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/internal/private"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
)

// Names in the data folder. State other than the certificate authority is in a
// folder of its own, so that a reset is one rename.
const (
	stateDir   = "state"
	discardDir = "state.discard-"
	ignoreFile = ".gitignore"
	// connectionFile is written by the command, for its other processes.
	connectionFile = "connection.json"
)

// ignored keeps git from adding keys: it matches every file of the emulator in the
// folder, and none that the user puts there. A star at the end is for files that
// are being written.
//
//rule:git-ignored
const ignored = `# Written by acrkit: these files hold the keys and the content of an emulator.
/.gitignore
/ca*.pem*
/connection.json*
/control-api.key*
/lock
/state
/state.discard-*
`

// harmless reports whether a folder may have a file of that name before an emulator
// was ever started with it.
func harmless(name string) bool {
	isCA, _ := filepath.Match("ca*.pem", name) // the pattern is good
	return isCA || name == ignoreFile || name == folderlock.Name || name == "lost+found"
}

// IsNew reports whether a data folder is new: it does not exist, or holds nothing
// but a certificate authority and files that the user may have put there, or what an
// interrupted first start of an emulator left. [Open] refuses one that is not new
// and has no state.
func IsNew(dir string) (bool, error) {
	//rule:state-lost-is-new
	if cut, err := discards(dir); err != nil || len(cut) > 0 { // there was state, and is to be other
		return false, err
	}
	state := filepath.Join(dir, stateDir)
	isNew, known, err := db.IsNew(state)
	if _, lost := errors.AsType[*db.Incomplete](err); lost {
		return false, nil // Open says it
	}
	if known || err != nil {
		return isNew, err
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		if harmless(e.Name()) {
			continue
		}
		if e.Name() != stateDir {
			return false, nil
		}
		inside, err := os.ReadDir(state)
		if err != nil || len(inside) > 0 {
			return false, err
		}
	}
	return true, nil
}

// heldState names a file that shows that the folder held state, besides the
// database; "" if there is none. blobs says whether there is any content.
func heldState(dir string) (name string, blobs bool, err error) {
	root := filepath.Join(dir, stateDir, blobsDir)
	err = filepath.WalkDir(root, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			blobs = true
			return fs.SkipAll
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", false, err
	}
	discarded, err := discards(dir)
	if err != nil {
		return "", false, err
	}
	if len(discarded) > 0 { // a reset was cut short
		return filepath.Base(discarded[0]), blobs, nil
	}
	for _, name := range []string{filepath.Join(stateDir, principal.KeysFile), connectionFile, control.KeyFile} {
		_, err := os.Lstat(filepath.Join(dir, name))
		if err == nil {
			return name, blobs, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", false, err
		}
	}
	if blobs {
		//rule:state-lost-held-state
		name = filepath.Join(stateDir, blobsDir)
	}
	return name, blobs, nil
}

func discards(dir string) ([]string, error) {
	return filepath.Glob(filepath.Join(dir, discardDir+"*"))
}

// damaged adds the folder to the error of one that cannot be used. An
// [acrkit.Error] stays as it is.
func damaged(dir string, err error) error {
	if _, ok := errors.AsType[*acrkit.Error](err); ok || dir == "" {
		return err
	}
	e := &acrkit.Error{Code: acrkit.CodeUsage, Op: fmt.Sprintf("open the data folder %q", dir), Errs: []error{err}}
	if _, ok := errors.AsType[*db.Later](err); ok {
		e.Hint = sentence.Fix(sentence.StartElsewhere, nil)
	} else if _, ok := errors.AsType[*db.Earlier](err); ok {
		e.Hint = sentence.Fix(sentence.UpdateFolder, map[string]string{"dir": shell.Quote(dir)})
	} else if _, ok := errors.AsType[*db.Incomplete](err); ok {
		e.Hint = sentence.Fix(sentence.GoOnWithFolder, map[string]string{"dir": shell.Quote(dir)})
	}
	return e
}

// prepareDir makes and locks the data folder, and returns the state's folder.
func (e *Emulator) prepareDir(dir string, reset bool) (string, error) {
	state := filepath.Join(dir, stateDir)
	// Others may pass through, for the CA certificate; the state is private.
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // what is private is so by itself
		return "", damaged(dir, err)
	}
	var err error
	if e.lock, err = folderlock.Take(dir); err != nil {
		return "", damaged(dir, err)
	}
	if err := writeIgnored(dir); err != nil {
		return "", damaged(dir, err)
	}
	if err := e.holdState(state); err != nil {
		return "", damaged(dir, err)
	}
	if reset {
		err := os.Rename(state, filepath.Join(dir, discardDir+principal.NewRID()))
		if err == nil {
			err = e.holdState(state)
		}
		if err != nil {
			return "", damaged(dir, err)
		}
	}
	if err := private.SyncDir(dir); err != nil {
		return "", damaged(dir, err)
	}
	return state, nil
}

// holdState makes the folder of the state, unless it is there, and locks it.
func (e *Emulator) holdState(state string) error {
	if err := os.MkdirAll(state, 0o700); err != nil {
		return err
	}
	//rule:folder-lock-hold-state
	return e.lock.Hold(state)
}

// writeIgnored writes the file for git, unless there is one: that is the user's.
func writeIgnored(dir string) error {
	path := filepath.Join(dir, ignoreFile)
	_, err := os.Lstat(path)
	//rule:git-write-ignored
	if errors.Is(err, fs.ErrNotExist) {
		return private.WriteFile(path, []byte(ignored), 0o600)
	}
	return err
}

// removeDiscards removes the state that a reset has replaced: this one, and one
// that was interrupted.
func removeDiscards(dir string) error {
	old, err := discards(dir)
	if err != nil {
		return err
	}
	for _, d := range old {
		if err := os.RemoveAll(d); err != nil {
			return err
		}
	}
	return nil
}
