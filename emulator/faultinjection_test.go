package emulator_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator"
)

var (
	faultCases = flag.Int("faults", 200, "how many random faults of data folders TestFolderFaults tries")
	faultSeed  = flag.Uint64("faults.seed", 0, "seed of these faults; 0 takes another each time")
)

// otherOwner is the id of a user that the tests give files to.
const otherOwner = 12345

// The ways in which a file of a data folder goes wrong.
var folderFaults = []string{"missing", "empty", "truncated", "flipped", "owner"}

// spoil does it; where says what the random choice was.
func spoil(name, how string, random *rand.Rand) (where string, err error) {
	info, err := os.Stat(name)
	if err != nil {
		return "", err
	}
	size := int(info.Size())
	switch how {
	case "missing":
		return "", os.Remove(name)
	case "empty":
		return "", os.Truncate(name, 0)
	case "owner":
		return "", os.Chown(name, otherOwner, -1)
	case "truncated":
		n := random.IntN(max(size, 1))
		return fmt.Sprintf("to %d of %d bytes", n, size), os.Truncate(name, int64(n))
	}
	if size == 0 {
		return "", nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	at, bit := random.IntN(size), random.IntN(8)
	data[at] ^= 1 << bit
	return fmt.Sprintf("bit %d of byte %d", bit, at), os.WriteFile(name, data, info.Mode().Perm())
}

// damage is one case: a file of a folder and what happens to it.
type damage struct{ folder, file, how string }

func (f damage) name() string { return f.folder + "/" + f.file + "/" + f.how }

// refuses reports whether every start must fail after the fault: of secrets that
// another user may know.
func (f damage) refuses() bool {
	return f.how == "owner" && (f.file == "control-api.key" || strings.HasPrefix(f.file, "state/") &&
		!strings.HasPrefix(f.file, "state/blobs/"))
}

// unprotected are faults that no check can find: pages of a database that was
// not closed have no checksum, and the pages of its log replace only some of them.
func (f damage) unprotected() bool {
	return f.folder == "killed" && f.file == "state/registry.db" && f.how == "flipped"
}

// TestFolderFaults spoils each file of a data folder in each way, of an emulator
// that was stopped and of one that was killed, and then some at random. It starts
// right, or is refused with a message that says what to do; what was acknowledged
// and is still on the disk stays there; and nothing wrong is served. Where it is
// refused, it goes on with --recover, by the same rules.
func TestFolderFaults(t *testing.T) {
	s, err := folders()
	must(t, err)
	var all []damage
	for _, from := range []string{"stopped", "killed"} {
		root := filepath.Join(s.dir, from)
		must(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			file, err := filepath.Rel(root, path)
			for _, how := range folderFaults {
				all = append(all, damage{from, filepath.ToSlash(file), how})
			}
			return err
		}))
	}
	for _, want := range []string{".gitignore", "ca.pem", "ca-key.pem", "connection.json", "control-api.key", "lock",
		"state/keys.json", "state/mark", "state/registry.db", "state/registry.db-wal", "state/registry.db-shm"} {
		if !slices.ContainsFunc(all, func(f damage) bool { return f.folder == "killed" && f.file == want }) {
			t.Errorf("there is no %s to spoil", want)
		}
	}
	seed := *faultSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("again with -faults.seed=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	blobs := map[string]string{} // the files of content are alike: one of each folder
	for _, f := range all {
		if strings.HasPrefix(f.file, "state/blobs/") {
			if first, ok := blobs[f.folder]; ok && first != f.file {
				continue
			}
			blobs[f.folder] = f.file
		}
		f.try(t, &s, random.Uint64(), nil)
	}
	// The refusal of one file comes before the other is made anew.
	pair := []damage{{"killed", "control-api.key", "owner"}, {"killed", "ca.pem", "truncated"}}
	pair[0].try(t, &s, 1, &pair[1])
	for i := range *faultCases {
		f := all[random.IntN(len(all))]
		var second *damage
		if random.IntN(4) == 0 { // two at once
			if g := all[random.IntN(len(all))]; g.folder == f.folder && g.file != f.file {
				second = &g
			}
		}
		t.Run(fmt.Sprint(i), func(t *testing.T) { f.try(t, &s, random.Uint64(), second) })
	}
}

func (f damage) try(t *testing.T, s *stored, seed uint64, second *damage) {
	t.Run(f.name(), func(t *testing.T) {
		t.Parallel()
		dir := folder(t, f.folder)
		random := rand.New(rand.NewPCG(seed, 1))
		faults := []damage{f}
		if second != nil {
			faults = append(faults, *second)
		}
		for _, x := range faults {
			if x.how == "owner" && os.Geteuid() != 0 {
				t.Skip("only root gives files away")
			}
			where, err := spoil(filepath.Join(dir, filepath.FromSlash(x.file)), x.how, random)
			must(t, err)
			t.Logf("%s %s", x.name(), where)
		}
		c := &folderCase{t: t, s: s, dir: dir, faults: faults, blobs: contents(t, dir)}
		err := c.open(false)
		if err == nil && slices.ContainsFunc(faults, damage.refuses) {
			t.Error("opened, though another user's file is used")
		}
		recovering := false
		for range faults { // each refusal says what to do
			if err == nil {
				break
			}
			said, _ := errors.AsType[*acrkit.Error](err)
			switch {
			case strings.Contains(said.Hint, "chown"):
				must(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
					return errors.Join(err, os.Chown(path, os.Geteuid(), -1))
				}))
			case strings.Contains(said.Hint, "remove ca.pem and ca-key.pem"):
				must(t, errors.Join(os.RemoveAll(filepath.Join(dir, "ca.pem")),
					os.RemoveAll(filepath.Join(dir, "ca-key.pem"))))
			case strings.Contains(said.Hint, " --recover "):
				recovering = true
			case strings.Contains(said.Hint, "the version that wrote this one") &&
				slices.ContainsFunc(faults, damage.unprotected):
				return // the name of a step has another letter
			default:
				t.Fatalf("refused with the hint %q: %v", said.Hint, err)
			}
			err = c.open(recovering)
		}
		if err != nil {
			t.Fatalf("a valid fault is refused: %v", err)
		}
		if recovering {
			if err := c.open(false); err != nil {
				t.Errorf("after it was recovered: %v", err)
			}
		}
	})
}

// folderCase is a spoiled folder.
type folderCase struct {
	t      *testing.T
	s      *stored
	dir    string
	faults []damage
	blobs  []string // of the files with content, those that were there
	lossy  bool     // recovered: what is missing is known to be
}

// open opens the folder and looks at what it serves; an error is one that a person
// can act on.
func (c *folderCase) open(recovering bool) error {
	c.t.Helper()
	before := snapshotOf(c.t, c.dir)
	var log bytes.Buffer
	e, err := emulator.Open(c.t.Context(), &emulator.Options{DataDir: c.dir, Recover: recovering, Now: fixedNow,
		CollectAfter: time.Nanosecond,
		Logger:       slog.New(slog.NewTextHandler(&syncWriter{b: &log}, nil))})
	if err != nil {
		said, ok := errors.AsType[*acrkit.Error](err)
		if !ok || said.Code != acrkit.CodeUsage || said.Hint == "" || !strings.HasPrefix(err.Error(), "cannot ") ||
			!strings.Contains(err.Error(), c.dir) {
			c.t.Errorf("refused without saying what to do: %v", err)
		}
		if !recovering {
			c.wantSame(before)
		}
		c.wantBlobs()
		return err
	}
	c.lossy = c.lossy || recovering
	c.serves(e)
	if !c.lossy || recovering {
		// Collect all that may be: what an image names may not, nor anything in this run.
		if _, err := e.Collect(c.t.Context()); (err != nil) != recovering {
			c.t.Errorf("collect: %v", err)
		}
		c.wantBlobs()
	}
	if err := e.Close(); err != nil {
		c.t.Errorf("close: %v", err)
	}
	return nil
}

// snapshotOf reads the files of a folder but the content and SQLite's memory of
// processes.
func snapshotOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "blobs" {
			return fs.SkipDir
		}
		if err != nil || d.IsDir() || strings.HasSuffix(path, "-shm") {
			return err
		}
		data, err := os.ReadFile(path)
		out[path] = string(data)
		return err
	}))
	return out
}

// wantSame checks that a refusal has changed nothing.
func (c *folderCase) wantSame(before map[string]string) {
	c.t.Helper()
	after := snapshotOf(c.t, c.dir)
	for name, data := range before {
		if now, ok := after[name]; (!ok || now != data) && !c.mayChange(name) {
			c.t.Errorf("%s was changed, though nothing was started", name)
		}
	}
}

// mayChange: what is wrong may be found after the database was opened and closed.
func (c *folderCase) mayChange(name string) bool {
	return strings.Contains(name, "registry.db") || strings.HasSuffix(name, "mark")
}

// wantBlobs checks that content that was there is there.
func (c *folderCase) wantBlobs() {
	c.t.Helper()
	if now := contents(c.t, c.dir); !slices.Equal(now, c.blobs) {
		c.t.Errorf("of %d contents %d are left", len(c.blobs), len(now))
	}
}

// serves asks for all that was acknowledged.
func (c *folderCase) serves(e *emulator.Emulator) {
	c.t.Helper()
	as := caller{ctx: c.t.Context(), h: e}
	const catalog = "correct-horse-battery-staple-0003"
	if as.token("catalog", catalog+"x", "") != "" || as.token("ci-pull", catalog, "") != "" {
		c.t.Error("a wrong password is good")
	}
	weak := c.lossy || slices.ContainsFunc(c.faults, damage.unprotected)
	tokens := map[string]string{}
	for _, repo := range []string{"samples/app", "samples/other"} {
		tokens[repo] = as.token("catalog", catalog, "repository:"+repo+":pull,metadata_read")
		if tokens[repo] == "" && !weak {
			c.t.Errorf("an earlier password is not good")
		}
		if tokens[repo] != "" &&
			as.do(http.MethodPost, "/v2/"+repo+"/blobs/uploads/", tokens[repo]).Code != http.StatusUnauthorized {
			c.t.Error("a right that was never given")
		}
	}
	get := func(what string) (status int, body []byte, digest string) {
		i := strings.LastIndex(what[:strings.LastIndex(what, "/")], "/")
		w := as.do(http.MethodGet, "/v2/"+what, tokens[what[:i]])
		if n := w.Header().Get("Content-Length"); n != "" && n != fmt.Sprint(w.Body.Len()) {
			return 0, nil, "" // broken off: the client sees it
		}
		return w.Code, w.Body.Bytes(), w.Header().Get("Docker-Content-Digest")
	}
	for what, want := range c.s.items {
		status, body, digest := get(what)
		switch {
		case status == http.StatusOK && (digestText(body) != want || digest != want):
			c.t.Errorf("%s is served with other content", what)
		case status != http.StatusOK && !weak && !c.spoiled(want):
			c.t.Errorf("%s: %d", what, status)
		}
	}
	for what, want := range c.s.tags {
		if status, _, digest := get(what); status == http.StatusOK && digest != want ||
			status != http.StatusOK && !weak {
			c.t.Errorf("%s: %d %s, want %s", what, status, digest, want)
		}
	}
}

// spoiled reports whether a fault has met the content.
func (c *folderCase) spoiled(digest string) bool {
	return slices.ContainsFunc(c.faults, func(f damage) bool {
		return path.Base(f.file) == strings.TrimPrefix(digest, "sha256:")
	})
}
