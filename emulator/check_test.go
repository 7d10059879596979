package emulator_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/internal/content/contenttest"
)

// checkAll checks to the end and returns the findings as "kind repository
// problem", sorted.
func checkAll(t *testing.T,
	check func(context.Context, string) (emulator.CheckPart, error)) (found []string, sum emulator.CheckPart) {
	t.Helper()
	next := ""
	for {
		p, err := check(t.Context(), next)
		must(t, err)
		for _, f := range p.Findings {
			if f.Fix == "" || f.Problem == "" || (f.Kind == "database") != (f.Digest == "") {
				t.Errorf("finding %+v", f)
			}
			found = append(found, fmt.Sprintf("%s %s: %s", f.Kind, f.Repository, f.Problem))
		}
		sum.Manifests += p.Manifests
		sum.Contents += p.Contents
		sum.Bytes += p.Bytes
		sum.Unused += p.Unused
		if next = p.Next; next == "" {
			slices.Sort(found)
			return found, sum
		}
	}
}

func checkFolder(t *testing.T, dir string) []string {
	t.Helper()
	f, err := emulator.OpenFolder(t.Context(), dir)
	must(t, err)
	defer func() { must(t, f.Close()) }()
	found, _ := checkAll(t, f.Check)
	return found
}

// TestCheck damages a folder in each way; the check reports it, on the stopped
// emulator and on a running one, and a push heals what can be healed.
func TestCheck(t *testing.T) {
	// What was written to the database of a stopped emulator.
	const changed = "database : registry.db was damaged or changed since it was closed"
	const seed = "registries: [{name: myregistry, repositories: [{name: one, images: [{tags: [v1]}]}]}]"
	execute := func(query string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			d, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "state", "registry.db")+"?_pragma=foreign_keys(0)")
			must(t, err)
			_, err = d.ExecContext(t.Context(), query)
			must(t, err)
			must(t, d.Close())
		}
	}
	// The layer of the one image: the config holds its media type's name.
	blob := func(t *testing.T, dir string) string {
		t.Helper()
		all, err := filepath.Glob(filepath.Join(dir, "state", "blobs", "blobs", "sha256", "*", "*"))
		must(t, err)
		if len(all) == 0 {
			t.Fatal("no blob")
		}
		return all[0]
	}
	for _, tc := range []struct {
		name   string
		damage func(t *testing.T, dir string)
		want   []string // a part of each finding
		healed bool     // by a push; else the folder is lost or refused
		live   bool     // can be done to a running emulator
	}{
		{"nothing", func(*testing.T, string) {}, nil, true, true},
		{"bit of a blob", func(t *testing.T, dir string) {
			contenttest.Flip(t, blob(t, dir), 3)
		}, []string{"blob one: its file has other bytes"}, true, true},
		{"short blob", func(t *testing.T, dir string) {
			must(t, os.Truncate(blob(t, dir), 3))
		}, []string{"blob one: its file has 3 bytes, not "}, true, true},
		{"missing blob", func(t *testing.T, dir string) {
			must(t, os.Remove(blob(t, dir)))
		}, []string{"blob one: its file is missing"}, true, true},
		{"body", execute("UPDATE manifest_bodies SET body=CAST(replace(CAST(body AS TEXT),'layers','lazers') AS BLOB)"),
			[]string{changed, "manifest one: its body has another digest"}, true, false},
		{"no body", execute("DELETE FROM manifest_bodies"),
			[]string{changed, "manifest one: its body is missing"}, true, false},
		{"references", execute("DELETE FROM manifest_references WHERE position=0"),
			[]string{changed, "manifest one: the table of what it names"}, true, false},
		{"row of a blob",
			execute(
				"DELETE FROM repository_blobs WHERE digest=(SELECT digest FROM manifest_references WHERE position=0)"),
			[]string{changed, "manifest one: it names the blob sha256:"}, true, false},
		{"foreign keys",
			execute("INSERT INTO tags (repository,name,manifest,created_at,updated_at) VALUES (77,'x',88,1,1)"),
			[]string{changed, "database : rows of tags refer to rows of manifests",
				"database : rows of tags refer to rows of repositories"}, false, false},
		{"page", func(t *testing.T, dir string) {
			path := filepath.Join(dir, "state", "registry.db")
			b, err := os.ReadFile(path)
			must(t, err)
			for at := 4096; at < len(b); at += 4096 {
				b[at] = 0x55
			}
			must(t, os.WriteFile(path, b, 0o600))
		}, []string{"database : "}, false, false},
		{"no database at all", func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, "state", "registry.db"),
				[]byte("some text that is no database, and longer than a page: "+strings.Repeat("x", 5000)), 0o600))
		}, []string{"database : registry.db: the database is damaged: file is not a database"}, false, false},
		{"empty database", func(t *testing.T, dir string) {
			must(t, os.Truncate(filepath.Join(dir, "state", "registry.db"), 0))
		},
			[]string{"database : registry.db is missing or empty"}, false, false},
		{"missing database", func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, "state", "registry.db")))
		},
			[]string{"database : registry.db is missing or empty"}, false, false},
	} {
		for _, live := range []bool{false, true} {
			if live && !tc.live {
				continue
			}
			t.Run(fmt.Sprintf("%s/live=%v", tc.name, live), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				f := start(t, &emulator.Options{DataDir: dir, Seed: parse(t, seed)})
				var found []string
				if live {
					tc.damage(t, dir)
					found, _ = checkAll(t, f.Check)
					if _, err := emulator.OpenFolder(t.Context(), dir); codeOf(err) != acrkit.CodeUnavailable {
						t.Errorf("a folder in use was opened: %v", err)
					}
				} else {
					f.stop()
					tc.damage(t, dir)
					found = checkFolder(t, dir)
				}
				if len(tc.want) > 0 && strings.HasPrefix(tc.want[0], "database") && len(found) > len(tc.want) {
					found = found[:len(tc.want)]
				}
				if len(found) != len(tc.want) {
					t.Fatalf("found %q, want %q", found, tc.want)
				}
				for i, want := range tc.want {
					if !strings.Contains(found[i], want) {
						t.Errorf("found %q, want %q", found[i], want)
					}
				}
				f.stop()
				if !tc.healed {
					return
				}
				// A merge of the seed pushes its images again.
				f = start(t, &emulator.Options{DataDir: dir,
					Seed: parse(t, strings.Replace(seed, "[v1]", "[v1, v2]", 1)), SeedMode: emulator.SeedMerge,
					Recover: slices.Contains(tc.want, changed)})
				if found, sum := checkAll(t, f.Check); len(found) > 0 || sum.Manifests != 1 || sum.Contents != 2 ||
					sum.Bytes == 0 {
					t.Errorf("after a push: %q, %+v", found, sum)
				}
			})
		}
	}
}

func codeOf(err error) acrkit.Code {
	if e, ok := errors.AsType[*acrkit.Error](err); ok {
		return e.Code
	}
	return ""
}

// TestCheckOfNothing: a folder without state is no clean one.
func TestCheckOfNothing(t *testing.T) {
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "none")} {
		if _, err := emulator.OpenFolder(t.Context(), dir); codeOf(err) != acrkit.CodeNotFound {
			t.Errorf("%v", err)
		}
		if all, _ := filepath.Glob(filepath.Join(dir, "*")); len(all) > 0 {
			t.Errorf("the check left %v", all)
		}
	}
}

// TestCheckOfAnotherVersion: a folder that lacks a step of the schema, or has one more,
// is another version's, and the check says so.
func TestCheckOfAnotherVersion(t *testing.T) {
	for statement, want := range map[string][2]string{
		"DELETE FROM migrations WHERE rowid=(SELECT max(rowid) FROM migrations)": {"written by an earlier one",
			"acrkit emulator start --data "},
		"INSERT INTO migrations (name,sum,applied_at) VALUES ('next-0001','',0)": {"written by a later one",
			"use the version that wrote this one"},
	} {
		dir := t.TempDir()
		start(t, &emulator.Options{DataDir: dir}).stop()
		d, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "state", "registry.db"))
		must(t, err)
		_, err = d.ExecContext(t.Context(), statement)
		must(t, errors.Join(err, d.Close()))
		_, err = emulator.OpenFolder(t.Context(), dir)
		e, ok := errors.AsType[*acrkit.Error](err)
		if !ok || e.Code != acrkit.CodeUsage || !strings.Contains(err.Error(), want[0]) ||
			!strings.Contains(e.Hint, want[1]) {
			t.Errorf("%s: %v, %+v", statement, err, e)
		}
	}
}

// TestDamagedDatabase: a damaged database is refused, with what to do.
func TestDamagedDatabase(t *testing.T) {
	dir := t.TempDir()
	start(t, &emulator.Options{DataDir: dir}).stop()
	path := filepath.Join(dir, "state", "registry.db")
	b, err := os.ReadFile(path)
	must(t, err)
	for at := 4096; at < len(b); at += 4096 {
		b[at] = 0x55
	}
	must(t, os.WriteFile(path, b, 0o600))
	_, err = emulator.Open(t.Context(), &emulator.Options{DataDir: dir})
	e, ok := errors.AsType[*acrkit.Error](err)
	if !ok || e.Code != acrkit.CodeUsage || !strings.Contains(err.Error(), "the database is damaged") ||
		!strings.Contains(e.Hint, " --recover ") || !strings.Contains(e.Hint, "--seed-mode reset") {
		t.Errorf("%v, %+v", err, e)
	}
}

// TestCheckUnused: content that nothing refers to is reported as unused, and is no
// finding, even if it is damaged.
func TestCheckUnused(t *testing.T) {
	dir := t.TempDir()
	f := start(t, &emulator.Options{DataDir: dir})
	digest := "sha256:" + strings.Repeat("0", 64)
	path := contenttest.File(filepath.Join(dir, "state", "blobs"), digest)
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.WriteFile(path, []byte("no such bytes"), 0o600))
	if found, sum := checkAll(t, f.Check); len(found) > 0 || sum.Unused != 1 {
		t.Errorf("%q, %+v", found, sum)
	}
}

// TestCheckSnapshot: what snapshots alone refer to is checked too.
func TestCheckSnapshot(t *testing.T) {
	const seed = `registries: [{name: myregistry, repositories: [{name: one, images: [{tags: [v1]}]}],
  scopeMaps: [{name: clean-one, actions: [repositories/one/content/delete]}],
  tokens: [{name: cleaner, scopeMap: clean-one, passwords: [{name: password1, value: correct-horse-battery-staple-0009}]}]}]`
	dir := t.TempDir()
	f := start(t, &emulator.Options{DataDir: dir, Seed: parse(t, seed)}) // its state is a snapshot
	token := bearer(f.access("cleaner", "correct-horse-battery-staple-0009", "repository:one:delete"))
	if a := f.do("DELETE", "/acr/v1/one", token, ""); a.status != 202 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if _, err := f.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if found, sum := checkAll(t, f.Check); len(found) > 0 || sum.Contents != 2 || sum.Unused != 0 {
		t.Errorf("%q, %+v", found, sum)
	}
	all, err := filepath.Glob(filepath.Join(dir, "state", "blobs", "blobs", "sha256", "*", "*"))
	must(t, err)
	contenttest.Flip(t, all[0], 0)
	must(t, os.Remove(all[1]))
	want := []string{"blob : a snapshot refers to it, and its file has other bytes",
		"blob : a snapshot refers to it, and its file is missing"}
	if found, _ := checkAll(t, f.Check); !slices.Equal(found, want) {
		t.Errorf("%q, want %q", found, want)
	}
	f.stop()
	if found := checkFolder(t, dir); !slices.Equal(found, want) {
		t.Errorf("stopped: %q, want %q", found, want)
	}
}
