package emulator_test

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
)

// nothingAcknowledged writes the mark of an interrupted first start.
func nothingAcknowledged(from, to string) error {
	mark, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	line := string(mark[:41]) + strings.Repeat("0", 16) + " --------"
	return os.WriteFile(to, fmt.Appendf(nil, "%s %08x\n", line, crc32.ChecksumIEEE([]byte(line))), 0o600)
}

// TestStateLost: a folder that shows that it held state is not a new one. Nothing
// is seeded, made or removed, and the error says how to go on.
func TestStateLost(t *testing.T) {
	state := func(dir, name string) string { return filepath.Join(dir, "state", name) }
	for name, tc := range map[string]struct {
		lose func(dir string) error
		want string
	}{
		"database": {func(dir string) error {
			return os.Remove(state(dir, "registry.db"))
		}, "registry.db is missing or empty, and mark shows"},
		"database_and_mark": {func(dir string) error {
			return errors.Join(os.Remove(state(dir, "registry.db")), os.Remove(state(dir, "mark")))
		}, "registry.db is missing or empty, and " + filepath.Join("state", "keys.json") + " shows"},
		"all_but_blobs": {func(dir string) error {
			return errors.Join(os.Remove(state(dir, "registry.db")), os.Remove(state(dir, "mark")),
				os.Remove(state(dir, "keys.json")),
				os.Remove(filepath.Join(dir, "control-api.key")), os.Remove(filepath.Join(dir, "connection.json")))
		}, "registry.db is missing or empty, and " + filepath.Join("state", "blobs") + " shows"},
		"state": {func(dir string) error {
			return os.RemoveAll(filepath.Join(dir, "state"))
		}, "and connection.json shows"},
		"empty_database": {func(dir string) error {
			return os.Truncate(state(dir, "registry.db"), 0)
		}, "registry.db is missing or empty, and mark shows"},
		"keys": {func(dir string) error { return os.Remove(state(dir, "keys.json")) }, "keys.json is missing"},
		"reset_cut_short": {func(dir string) error {
			return os.Rename(filepath.Join(dir, "state"), filepath.Join(dir, "state.discard-x"))
		}, "and state.discard-x shows"},
		"reset_cut_short_later": {func(dir string) error {
			discard := filepath.Join(dir, "state.discard-x")
			return errors.Join(os.Rename(filepath.Join(dir, "state"), discard),
				os.Mkdir(filepath.Join(dir, "state"), 0o700),
				nothingAcknowledged(filepath.Join(discard, "mark"), state(dir, "mark")))
		}, "a reset was interrupted, and state.discard-x is the state before it"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, "stopped")
			must(t, tc.lose(dir))
			before := listing(t, dir)
			if isNew, err := emulator.IsNew(dir); isNew || err != nil {
				t.Errorf("new: %v %v", isNew, err)
			}
			for _, o := range []emulator.Options{{}, {Seed: parse(t, seed.Example())},
				{Seed: parse(t, seed.Example()), SeedMode: emulator.SeedMerge}} {
				o.DataDir = dir
				e, err := emulator.Open(t.Context(), &o)
				if err == nil {
					must(t, e.Close())
				}
				said, _ := errors.AsType[*acrkit.Error](err)
				if acrkit.CodeOf(err) != acrkit.CodeUsage || !strings.Contains(err.Error(), tc.want) ||
					!strings.Contains(said.Hint, " --recover ") {
					t.Errorf("got %v", err)
				}
			}
			// A folder may be made that was missing, and SQLite's memory of processes.
			after := slices.DeleteFunc(listing(t, dir), func(s string) bool {
				return !slices.Contains(before, s) && (s == "state" || strings.HasSuffix(s, "-shm") ||
					strings.HasSuffix(s, "-wal") ||
					name == "reset_cut_short_later" && s == filepath.Join("state", "registry.db"))
			})
			if !slices.Equal(before, after) {
				t.Errorf("before %v\nafter  %v", before, after)
			}
		})
	}
}

func listing(t *testing.T, dir string) (all []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		all = append(all, name)
		return err
	}))
	return all
}

// TestRecover goes on without what is lost: that run keeps all blobs, even if a
// collection is asked for, and the next run is as any other.
func TestRecover(t *testing.T) {
	for name, tc := range map[string]struct {
		lose func(dir string) error
		said string // to the log
		tags int    // GET of the tags with the earlier password
		kept string // set aside
	}{
		"database": {func(dir string) error {
			return os.Remove(filepath.Join(dir, "state", "registry.db"))
		}, "recovered", 401, "mark"},
		"no_database": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "state", "registry.db"),
				bytes.Repeat([]byte("no database "), 1000), 0o600)
		}, "the database cannot be read and was set aside", 401, "registry.db"},
		"mark": {func(dir string) error {
			return os.Remove(filepath.Join(dir, "state", "mark"))
		}, "recovered", 200, ""},
		"keys": {func(dir string) error {
			return os.Truncate(filepath.Join(dir, "state", "keys.json"), 10)
		}, "new keys were made", 401, "keys.json"},
		"nothing": {func(string) error { return nil }, "recovered", 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, "stopped")
			blobs := contents(t, dir)
			if len(blobs) == 0 {
				t.Fatal("no content")
			}
			must(t, tc.lose(dir))
			e, err := emulator.Open(t.Context(), &emulator.Options{DataDir: dir})
			if err == nil {
				must(t, e.Close())
			}
			if (err == nil) != (name == "nothing") {
				t.Fatalf("without recover: %v", err)
			}
			var log bytes.Buffer
			e, err = emulator.Open(t.Context(), &emulator.Options{DataDir: dir, Recover: true, Now: fixedNow,
				CollectAfter: time.Nanosecond, Logger: slog.New(slog.NewTextHandler(&syncWriter{b: &log}, nil))})
			must(t, err)
			if c, err := e.Collect(t.Context()); acrkit.CodeOf(err) != acrkit.CodeUsage || c != (emulator.Collected{}) {
				t.Errorf("collected %+v, %v", c, err)
			}
			if got := tagsOf(t, e); got != tc.tags {
				t.Errorf("tags: %d, want %d", got, tc.tags)
			}
			must(t, e.Close())
			if !strings.Contains(log.String(), tc.said) {
				t.Errorf("said %s", &log)
			}
			if got := contents(t, dir); !slices.Equal(got, blobs) {
				t.Errorf("contents %v, were %v", got, blobs)
			}
			if tc.kept != "" {
				if kept, err := filepath.Glob(filepath.Join(dir, "state", "aside-*", tc.kept)); err != nil ||
					len(kept) != 1 {
					t.Errorf("%s was set aside %v %v", tc.kept, kept, err)
				}
			}
			e, err = emulator.Open(t.Context(), &emulator.Options{DataDir: dir})
			must(t, err)
			if _, err := e.Collect(t.Context()); err != nil {
				t.Error(err)
			}
			must(t, e.Close())
		})
	}
	if _, err := emulator.Open(t.Context(), &emulator.Options{DataDir: t.TempDir(), Seed: parse(t, seed.Example()),
		SeedMode: emulator.SeedReset, Recover: true}); acrkit.CodeOf(err) != acrkit.CodeUsage {
		t.Errorf("with a reset: %v", err)
	}
}

// tagsOf asks for the tags as a client does, and returns the status of the first
// refusal, or 200.
func tagsOf(t *testing.T, e *emulator.Emulator) int {
	t.Helper()
	c := caller{ctx: t.Context(), h: e}
	token := c.token("ci-pull", pullPw, "repository:samples/app:metadata_read")
	if token == "" {
		return http.StatusUnauthorized
	}
	return c.do("GET", "/acr/v1/samples/app/_tags", token).Code
}

// TestFirstRunKeepsBlobs: where a database was made though blobs were there, the
// background collection removes none of them.
func TestFirstRunKeepsBlobs(t *testing.T) {
	dir := folder(t, "stopped")
	blobs := contents(t, dir)
	state := filepath.Join(dir, "state")
	must(t, os.Remove(filepath.Join(state, "registry.db")))
	e, err := emulator.Open(t.Context(), &emulator.Options{DataDir: dir, Recover: true, CollectAfter: time.Nanosecond})
	must(t, err)
	must(t, emulator.CollectIdle(t.Context(), e))
	must(t, e.Close())
	if got := contents(t, dir); !slices.Equal(got, blobs) {
		t.Errorf("contents %v, were %v", got, blobs)
	}
	// The same after an interrupted first start, which loses nothing.
	dir = folder(t, "stopped")
	blobs, state = contents(t, dir), filepath.Join(dir, "state")
	must(t, os.Remove(filepath.Join(state, "registry.db")))
	must(t, nothingAcknowledged(filepath.Join(state, "mark"), filepath.Join(state, "mark")))
	e, err = emulator.Open(t.Context(), &emulator.Options{DataDir: dir, CollectAfter: time.Nanosecond})
	must(t, err)
	if _, err := e.Collect(t.Context()); acrkit.CodeOf(err) != acrkit.CodeUsage {
		t.Errorf("collect: %v", err)
	}
	must(t, emulator.CollectIdle(t.Context(), e))
	must(t, e.Close())
	if got := contents(t, dir); !slices.Equal(got, blobs) {
		t.Errorf("contents %v, were %v", got, blobs)
	}
	// The next run does as ever.
	e, err = emulator.Open(t.Context(), &emulator.Options{DataDir: dir, CollectAfter: time.Nanosecond})
	must(t, err)
	c, err := e.Collect(t.Context())
	must(t, err)
	must(t, e.Close())
	if c.Contents != len(blobs) {
		t.Errorf("collected %+v of %d", c, len(blobs))
	}
}

// TestFolderInUse_lock_gone: without the lock file, too, a folder is open once.
func TestFolderInUse_lock_gone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	f := start(t, &emulator.Options{DataDir: dir})
	must(t, os.Remove(filepath.Join(dir, "lock")))
	for _, o := range []emulator.Options{{}, {Recover: true},
		{Seed: parse(t, seed.Example()), SeedMode: emulator.SeedReset}} {
		o.DataDir = dir
		e, err := emulator.Open(t.Context(), &o)
		if acrkit.CodeOf(err) != acrkit.CodeUnavailable ||
			!strings.Contains(err.Error(), "another emulator is using it") {
			t.Errorf("got %v", err)
			if err == nil {
				must(t, e.Close())
			}
		}
	}
	if got := f.digest(); got == "" {
		t.Error("the first serves no more")
	}
}

// TestBlobsGone: a folder whose content is gone is started, because pushes heal it,
// and the log says so.
func TestBlobsGone(t *testing.T) {
	dir := folder(t, "stopped")
	open := func() string {
		var log bytes.Buffer
		e, err := emulator.Open(t.Context(), &emulator.Options{DataDir: dir, Now: fixedNow,
			Logger: slog.New(slog.NewTextHandler(&syncWriter{b: &log}, nil))})
		must(t, err)
		must(t, e.Close())
		return log.String()
	}
	if said := open(); strings.Contains(said, "is missing in the data folder") {
		t.Errorf("of a whole folder: %s", said)
	}
	must(t, os.RemoveAll(filepath.Join(dir, "state", "blobs")))
	if said := open(); !strings.Contains(said, "level=WARN") ||
		!strings.Contains(said, "is missing in the data folder") {
		t.Errorf("said %q", said)
	}
}
