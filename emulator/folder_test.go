package emulator_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
)

// stored is a data folder of the tests, and what its emulator acknowledged.
type stored struct {
	dir   string            // holds the folders "stopped" and "killed"
	tags  map[string]string // by REPOSITORY/manifests/TAG: digest
	items map[string]string // by path below /v2/: digest; manifests and blobs
}

// fixedNow is the emulator's clock in these tests.
func fixedNow() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// folders makes a data folder with the example and two images more, once for all
// tests: as it is when the emulator was stopped, and as kill -9 leaves it, with one
// of the images in the write-ahead log alone.
var folders = sync.OnceValues(func() (s stored, err error) {
	if s.dir, err = os.MkdirTemp("", "acrkit-emulator-test-"); err != nil {
		return s, err
	}
	madeFolders = s.dir
	example, err := seed.Read(strings.NewReader(seed.Example()))
	if err != nil {
		return s, err
	}
	stopped, killed := filepath.Join(s.dir, "stopped"), filepath.Join(s.dir, "killed")
	for _, tag := range []string{"before", "after"} {
		e, err := emulator.Open(context.Background(), &emulator.Options{DataDir: stopped, Seed: example, Now: fixedNow})
		if err != nil {
			return s, err
		}
		s.items, s.tags = map[string]string{}, map[string]string{}
		r, err := e.Registry("")
		if err == nil {
			_, err = r.Push(context.Background(), "samples/app", seed.Image{Tags: []string{tag}})
		}
		if err == nil {
			err = s.read(e)
		}
		if err == nil && tag == "after" {
			err = copyFolder(stopped, killed)
		}
		if err := errors.Join(err, e.Close()); err != nil {
			return s, err
		}
	}
	// As the command leaves one there.
	for _, dir := range []string{stopped, killed} {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, "connection.json"), []byte("{}\n"), 0o600))
	}
	return s, err
})

// read notes all that the emulator serves.
func (s *stored) read(e *emulator.Emulator) error {
	c := caller{ctx: context.Background(), h: e}
	for _, repo := range []string{"samples/app", "samples/other"} {
		token := c.token("catalog", "correct-horse-battery-staple-0003", "repository:"+repo+":pull,metadata_read")
		var list struct{ Tags []string }
		if w := c.do(http.MethodGet, "/v2/"+repo+"/tags/list", token); w.Code != http.StatusOK ||
			json.Unmarshal(w.Body.Bytes(), &list) != nil {
			return fmt.Errorf("tags of %s: %d %s", repo, w.Code, w.Body)
		}
		for _, tag := range list.Tags {
			w := c.do(http.MethodGet, "/v2/"+repo+"/manifests/"+tag, token)
			s.tags[repo+"/manifests/"+tag] = w.Header().Get("Docker-Content-Digest")
			if err := s.follow(c, repo, "manifests", w.Header().Get("Docker-Content-Digest"), token); err != nil {
				return err
			}
		}
	}
	if len(s.tags) < 4 || len(s.items) < 10 {
		return fmt.Errorf("only %d tags and %d items", len(s.tags), len(s.items))
	}
	return nil
}

// follow notes a manifest or blob and what it names.
func (s *stored) follow(c caller, repo, kind, digest, token string) error {
	path := repo + "/" + kind + "/" + digest
	w := c.do(http.MethodGet, "/v2/"+path, token)
	if w.Code != http.StatusOK || digestText(w.Body.Bytes()) != digest {
		return fmt.Errorf("%s: %d", path, w.Code)
	}
	s.items[path] = digest
	if kind == "blobs" {
		return nil
	}
	type descriptor struct{ Digest string }
	var m struct {
		Config            *descriptor
		Layers, Manifests []descriptor
	}
	if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil {
		return err
	}
	if m.Config != nil {
		m.Layers = append(m.Layers, *m.Config)
	}
	for _, d := range m.Layers {
		if err := s.follow(c, repo, "blobs", d.Digest, token); err != nil {
			return err
		}
	}
	for _, d := range m.Manifests {
		if err := s.follow(c, repo, "manifests", d.Digest, token); err != nil {
			return err
		}
	}
	return nil
}

func digestText(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// folder returns a copy of one of them, "stopped" or "killed", for one test.
func folder(t testing.TB, name string) string {
	t.Helper()
	s, err := folders()
	must(t, err)
	dir := filepath.Join(memoryDir(t), "data")
	must(t, copyFolder(filepath.Join(s.dir, name), dir))
	return dir
}

// copyFolder copies what an emulator keeps, for its owner alone.
func copyFolder(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Mkdir(filepath.Join(to, name), 0o700)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), data, 0o600)
	})
}

// memoryDir returns a folder for one test, in memory where the system has such a
// place: hundreds of folders that are synced would wait for the disk.
func memoryDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "acrkit-emulator-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	return dir
}

// contents are the names of the files that hold content.
func contents(t testing.TB, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "state", "blobs", "blobs", "*", "*", "*"))
	must(t, err)
	slices.Sort(files)
	return files
}

var madeFolders string

// children are what this test's process does instead of testing where a variable
// says so, with its value; the result is the exit code.
var children = map[string]func(value string) int{}

func TestMain(m *testing.M) {
	for name, do := range children {
		if value := os.Getenv(name); value != "" {
			os.Exit(do(value))
		}
	}
	flag.Parse()
	code := m.Run()
	if madeFolders != "" {
		if err := os.RemoveAll(madeFolders); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}
