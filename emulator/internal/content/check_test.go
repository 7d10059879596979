package content_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/content"
	"github.com/acrkit/acrkit/emulator/internal/content/contenttest"
)

// TestCheckParts: a check in the smallest parts finds what one in a single part
// does, each thing once, and never stands still.
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
			next, p, err = f.Checker().Part(t.Context(), at, until, func(p content.Problem) { found = append(found, fmt.Sprintf("%+v", p)) })
			must(t, err)
			sum.Manifests += p.Manifests
			sum.Contents += p.Contents
			sum.Bytes += p.Bytes
			if next == "" {
				slices.Sort(found)
				return found, sum, parts + 1
			}
			if next == at {
				t.Fatalf("the check stands at %q", at)
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
	// What was found is not served any more, though nobody has read it.
	f.wantKind(first(f.Blob(t.Context(), f.reg, "r0", digestOf([]byte("layer 0")))), content.Damaged)
	must(t, first(f.Blob(t.Context(), f.reg, "r1", digestOf([]byte("layer 1")))))
	if _, _, err := f.Checker().Part(t.Context(), "nowhere/x", time.Time{}, nil); !errors.Is(err, content.ErrPlace) {
		t.Errorf("%v", err)
	}
}
