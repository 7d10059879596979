package content_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/content"
	"github.com/acrkit/acrkit/emulator/internal/content/contenttest"
	"github.com/acrkit/acrkit/emulator/internal/db"
)

// TestCheckParts: a check in the smallest parts finds what one in a single part
// does, each thing once, and each part makes progress.
func TestCheckParts(t *testing.T) {
	dir := t.TempDir()
	f := open(t, setup{dir: dir})
	const images = 150 // more than a batch of manifests
	want := 0
	for i := range images {
		repo := fmt.Sprintf("r%d", i%3)
		layer := fmt.Sprint("layer ", i)
		f.image(repo, fmt.Sprint("t", i), layer)
		if i%10 == 0 {
			contenttest.Flip(t, contenttest.File(dir, digestOf([]byte(layer))), 0)
			want++
		}
	}
	check := func(until time.Time) (found []string, sum content.Progress, parts int) {
		t.Helper()
		next := ""
		for ; parts < 10*images; parts++ {
			at := next
			var p content.Progress
			var err error
			next, p, err = f.Checker().Part(t.Context(), at, until, func(p content.Problem) {
				found = append(found, fmt.Sprintf("%+v", p))
			})
			must(t, err)
			sum.Manifests += p.Manifests
			sum.Contents += p.Contents
			sum.Bytes += p.Bytes
			if next == "" {
				slices.Sort(found)
				return found, sum, parts + 1
			}
			if next == at {
				t.Fatalf("the check makes no progress at %q", at)
			}
		}
		t.Fatal("the check does not end")
		return nil, sum, 0
	}
	whole, all, parts := check(time.Now().Add(time.Hour))
	if len(whole) != want || all.Manifests != images || all.Contents != 2*images || parts != 1 {
		t.Errorf("%d findings, %+v, %d parts", len(whole), all, parts)
	}
	small, sum, parts := check(time.Time{})
	if !slices.Equal(small, whole) || sum != all || parts < 2*images {
		t.Errorf("in %d parts: %d findings, %+v; in one: %d findings, %+v", parts, len(small), sum, len(whole), all)
	}
	// What was found is not served any more, though no client has read it.
	f.wantKind(first(f.Blob(t.Context(), f.reg, "r0", digestOf([]byte("layer 0")))), content.Damaged)
	must(t, first(f.Blob(t.Context(), f.reg, "r1", digestOf([]byte("layer 1")))))
	if _, _, err := f.Checker().Part(t.Context(), "nowhere/x", time.Time{}, nil); !errors.Is(err, content.ErrPlace) {
		t.Errorf("%v", err)
	}
}

// TestCheckFindings: a part ends when it has found enough, however long it may
// take, and the rest is found by the next ones.
func TestCheckFindings(t *testing.T) {
	f := open(t, setup{dir: t.TempDir()})
	const lost = 2*content.CheckFindings + 7
	must(t, f.db.Write(t.Context(), func(tx *db.Tx) error {
		if _, err := tx.Exec(
			"INSERT INTO repositories (id,registry,name,visible,created_at,updated_at) VALUES (7,?,'r',1,1,1)",
			f.reg); err != nil {
			return err
		}
		for i := range lost {
			if _, err := tx.Exec("INSERT INTO repository_blobs (repository,digest,size,created_at) VALUES (7,?,1,1)",
				digestOf([]byte(fmt.Sprint(i)))); err != nil {
				return err
			}
		}
		return nil
	}))
	found, next := map[string]int{}, ""
	var parts []int
	for {
		n := 0
		var err error
		next, _, err = f.Checker().Part(t.Context(), next, time.Now().Add(time.Hour), func(p content.Problem) {
			found[p.Digest]++
			n++
		})
		must(t, err)
		if parts = append(parts, n); next == "" {
			break
		}
	}
	if !slices.Equal(parts, []int{content.CheckFindings, content.CheckFindings, 7}) || len(found) != lost {
		t.Errorf("%d findings in parts of %v", len(found), parts)
	}
}
