package child

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/login/find"
	"github.com/acrkit/acrkit/internal/loginfile"
	"github.com/acrkit/acrkit/internal/private"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
)

// The variables by which a command finds its credential.
const (
	envDocker  = loginfile.EnvDockerDir  // a folder: Docker, and most clients that read its logins
	envPodman  = loginfile.EnvPodmanFile // a file: podman, buildah, skopeo
	envHelm    = "HELM_REGISTRY_CONFIG"  // a file: helm
	envLiteral = loginfile.EnvText       // logins as a text, which has priority over the folder
)

// KeepEnvUsage is the help of the flag whose value [Folder.Environment] takes.
const KeepEnvUsage = "hand the variables of acrkit's own credential to the command"

// Folder is a private DOCKER_CONFIG for one program.
type Folder struct {
	Path string
	lock *os.File // held while acrkit runs; a folder whose lock is free is a leftover
	once sync.Once
	err  error
}

const (
	// namePrefix begins the name of every folder; random digits end it.
	namePrefix = "acrkit-run-"
	lockName   = ".acrkit-lock"
	podmanName = "auth.json"
	helmName   = "helm.json"
	// newborn is the age up to which a folder without a lock may be incomplete.
	//rule:command-limits-newborn
	newborn = time.Minute
	// maxLeftovers bounds how many folders one run removes, so that it begins soon.
	maxLeftovers = 64
	// maxLinks bounds how many entries of Docker's folder are linked: contexts,
	// plugins, builders, a dozen. Past it the folder is not Docker's.
	maxLinks = 256
)

var folderName = regexp.MustCompile(`^` + namePrefix + `[0-9]+$`)

// runtimeDir returns where folders are made: the user's runtime folder, which is private
// and in memory, else the one for temporary files.
func runtimeDir(lookup func(string) (string, bool)) string {
	if dir, _ := lookup("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		if info, err := os.Stat(dir); err == nil && info.IsDir() && isMine(info) {
			return dir
		}
	}
	return os.TempDir()
}

func folderError(err error) error {
	return &acrkit.Error{Op: "make a private folder for the command", Errs: []error{err},
		Hint: sentence.Fix(sentence.SetTemporaryFolder, nil)}
}

// NewFolder makes a folder of mode 0700 in the user's runtime folder, and removes
// those that killed processes have left there.
func NewFolder(lookup func(string) (string, bool)) (*Folder, error) {
	parent := runtimeDir(lookup)
	removeLeftovers(parent)
	return makeFolder(parent)
}

// makeFolder makes the folder and takes its lock.
func makeFolder(parent string) (*Folder, error) {
	path, err := os.MkdirTemp(parent, namePrefix)
	if err != nil {
		return nil, folderError(err)
	}
	d := &Folder{Path: path}
	if d.lock, err = os.OpenFile(filepath.Join(path, lockName), os.O_CREATE|os.O_RDWR|os.O_EXCL, 0o600); err == nil {
		err = lock(d.lock)
	}
	if err != nil {
		return nil, errors.Join(folderError(err), d.Remove())
	}
	return d, nil
}

// Environment returns env with the variables by which a program finds the folder. The variables
// with acrkit's own credential are left out unless keepSecrets is set.
func (d *Folder) Environment(env []string, keepSecrets bool) []string {
	//rule:command-environment-environment
	if !keepSecrets {
		env = find.WithoutSecrets(env)
	}
	env = slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return name == envDocker || name == envPodman || name == envHelm || name == envLiteral
	})
	return append(env, envDocker+"="+d.Path, envPodman+"="+filepath.Join(d.Path, podmanName), envHelm+"="+
		filepath.Join(d.Path, helmName))
}

// Write writes the login for a registry, beside the logins for other hosts, in the
// forms of Docker, podman and helm. It may be called again.
func (d *Folder) Write(base *UserConfig, reg acrkit.Registry, login auth.Login) error {
	docker, podman, helm, err := base.documents(reg, login)
	if err != nil {
		return folderError(err)
	}
	if err := d.WriteFile("config.json", docker); err != nil {
		return err
	}
	if err := d.WriteFile(podmanName, podman); err != nil {
		return err
	}
	return d.WriteFile(helmName, helm)
}

// WriteFile writes a whole file into the folder. The file exists no longer than the
// command, so the disk is not waited for.
func (d *Folder) WriteFile(name string, data []byte) error {
	if err := private.FastDisk().WriteFile(filepath.Join(d.Path, name), data, 0o600); err != nil {
		return folderError(err)
	}
	return nil
}

// Link links the rest of Docker's own folder into this one: contexts, which config.json
// may name, plugins, builders.
func (d *Folder) Link(base *UserConfig) error {
	own := base.dir
	if own == "" {
		return nil
	}
	own, err := filepath.Abs(own)
	if err != nil {
		return folderError(err)
	}
	entries, err := os.ReadDir(own)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return folderError(err)
	}
	if len(entries) > maxLinks {
		return &acrkit.Error{Code: acrkit.CodeTooLarge, Op: "carry over Docker's configuration",
			Reason: fmt.Sprintf("%q has more than %d entries", own, maxLinks)}
	}
	for _, e := range entries {
		name := filepath.Join(d.Path, e.Name())
		if _, err := os.Lstat(name); err == nil {
			continue // the files that Write makes
		}
		if e.Name() == "config.json" || !e.IsDir() {
			continue // files in that folder are copies of config.json, keys and locks
		}
		if err := os.Symlink(filepath.Join(own, e.Name()), name); err != nil && runtime.GOOS != "windows" {
			return folderError(err) // Windows lets few users make links
		}
	}
	return nil
}

// Remove removes the folder with its links, but not the targets of the links. It may be called
// again.
func (d *Folder) Remove() error {
	d.once.Do(func() {
		if d.lock != nil {
			_ = d.lock.Close() // Windows removes no file that is open
		}
		if err := os.RemoveAll(d.Path); err != nil {
			d.err = &acrkit.Error{Op: "remove the credential again", Errs: []error{err},
				Hint: sentence.Fix(sentence.RemoveFolder, map[string]string{"dir": shell.Quote(d.Path)})}
		}
	})
	return d.err
}

// removeLeftovers removes the folders of killed runs: those of this user whose lock is
// free. It ignores errors; the next run tries again.
func removeLeftovers(parent string) {
	dir, err := os.Open(parent)
	if err != nil {
		return
	}
	defer func() { _ = dir.Close() }()
	removed := 0
	for removed < maxLeftovers {
		entries, err := dir.ReadDir(128)
		for _, e := range entries {
			if removed < maxLeftovers && folderName.MatchString(e.Name()) &&
				isLeftover(filepath.Join(parent, e.Name())) {
				removed++
				_ = os.RemoveAll(filepath.Join(parent, e.Name()))
			}
		}
		if err != nil {
			return
		}
	}
}

// isLeftover reports whether a folder is one of this user's whose run is over.
func isLeftover(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.IsDir() || !isMine(info) {
		return false
	}
	f, err := os.OpenFile(filepath.Join(path, lockName), os.O_RDWR, 0)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist) && time.Since(info.ModTime()) > newborn
	}
	defer func() { _ = f.Close() }()
	// A folder that was just made and is not locked yet is not a leftover.
	return time.Since(info.ModTime()) > lockingTime && lock(f) == nil
}

// lockingTime is how long a folder may be without its lock after it was made.
//
//rule:command-limits-locking-time
const lockingTime = time.Second
