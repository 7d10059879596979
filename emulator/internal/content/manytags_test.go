package content_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/content"
	"github.com/acrkit/acrkit/emulator/internal/db"
)

// TestManyTags does with a manifest of 100,000 tags what is done with others: each
// operation in bounded memory, and the deletion of all of them at once. Times are
// logged: on two busy cores the slowest, the deletion, takes 0.7 s.
func TestManyTags(t *testing.T) {
	// The most memory, 3 MiB, is that of the names themselves.
	const mostMemory = 16 << 20
	tags := 100_000
	if raceDetector { // which takes a hundred times as long in SQLite
		tags = 5_000
	}
	name := func(i int) string { return fmt.Sprintf("build-%06d", i) }
	f := open(t, setup{dir: t.TempDir()})
	ctx := t.Context()
	d := f.image("r", "first", "layer")
	other := f.image("r", "other", "other layer")
	must(t, f.db.Write(ctx, func(tx *db.Tx) error {
		var repo, manifest int64
		if err := tx.QueryRow("SELECT repository,id FROM manifests WHERE digest=?", []any{d}, &repo,
			&manifest); err != nil {
			return err
		}
		for i := range tags - 1 {
			if _, err := tx.Exec("INSERT INTO tags (repository,name,manifest,created_at,updated_at) VALUES (?,?,?,?,?)",
				repo, name(i), manifest, i, i); err != nil {
				return err
			}
		}
		return nil
	}))
	step := func(what string, do func() error) {
		t.Helper()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := time.Now()
		err := do()
		took := time.Since(began)
		runtime.ReadMemStats(&after)
		memory := after.TotalAlloc - before.TotalAlloc
		t.Logf("%-16s %8v %6d KiB", what, took.Round(time.Millisecond), memory>>10)
		if err != nil || memory > mostMemory {
			t.Errorf("%s: %v, %v, %d bytes", what, err, took, memory)
		}
	}
	middle := name(tags / 2)
	for _, p := range []content.Page{{N: 1000}, {N: 1000, Last: middle},
		{N: 1000, Order: content.TimeDescending, Last: middle, Updated: time.Unix(0, int64(tags/2))}} {
		step("a page of tags", func() error {
			got, more, err := f.Tags(ctx, f.reg, "r", d, p)
			if len(got) != 1000 || !more {
				t.Errorf("%d tags, more: %v", len(got), more)
			}
			return err
		})
	}
	step("manifest", func() error {
		m, err := f.Manifest(ctx, f.reg, "r", d)
		if len(m.Tags) != tags {
			t.Errorf("%d tags", len(m.Tags))
		}
		return err
	})
	step("manifests", func() error { return second(f.Manifests(ctx, f.reg, "r", all)) })
	step("pull by tag", func() error { return first(f.ManifestContent(ctx, f.reg, "r", name(tags/2))) })
	change := func(locks content.Locks) content.LockChange {
		return content.LockChange{Mask: content.NoDelete, Set: locks}
	}
	step("lock a tag", func() error {
		return first(f.UpdateTag(ctx, f.reg, "r", name(tags-2), change(content.NoDelete)))
	})
	step("refused", func() error { f.wantKind(f.DeleteManifest(ctx, f.reg, "r", d), content.Locked); return nil })
	step("unlock", func() error { return first(f.UpdateTag(ctx, f.reg, "r", name(tags-2), change(0))) })
	step("lock", func() error { return first(f.UpdateManifest(ctx, f.reg, "r", d, change(content.NoDelete))) })
	step("refused", func() error { f.wantKind(f.DeleteManifest(ctx, f.reg, "r", d), content.Locked); return nil })
	step("unlock", func() error { return first(f.UpdateManifest(ctx, f.reg, "r", d, change(0))) })
	step("check", func() error {
		_, _, err := f.Checker().Part(ctx, "", time.Now().Add(time.Hour), func(p content.Problem) {
			t.Errorf("%+v", p)
		})
		return err
	})
	step("delete", func() error { return f.DeleteManifest(ctx, f.reg, "r", d) })
	step("push after it", func() error { f.image("r", "again", "layer"); return nil })
	if r := get(f.Repository(ctx, f.reg, "r")); r.Tags != 2 || r.Manifests != 2 {
		t.Errorf("%d tags, %d manifests are left", r.Tags, r.Manifests)
	}
	must(t, first(f.ManifestContent(ctx, f.reg, "r", other)))
}
