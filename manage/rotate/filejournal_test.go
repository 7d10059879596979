package rotate_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/manage"
	"github.com/acrkit/acrkit/manage/rotate"
)

func TestFileJournal(t *testing.T) {
	reg, err := acrkit.ParseRegistry("localhost:5443")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "acrkit", "rotations")
	j := rotate.NewFileJournal(dir, reg, "CI-pull")
	ctx := t.Context()
	if r, err := j.Load(ctx); err != nil || r.Phase != "" {
		t.Errorf("at first: %+v, %v", r, err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 123_456_700, time.UTC)
	want := rotate.Record{Phase: rotate.PhaseDelivered, Slot: manage.Slot2, Created: at, Retire: at.Add(time.Hour),
		Known: []rotate.Known{{manage.Slot2, at, "0011223344556677"}},
		Sinks: []rotate.Delivered{{"file:/a 'b'", manage.Slot2, at}}}
	for _, phase := range []rotate.Phase{rotate.PhaseGenerated, rotate.PhaseDelivered} {
		want.Phase = phase
		if err := j.Save(ctx, want); err != nil {
			t.Fatal(err)
		}
		got, err := rotate.NewFileJournal(dir, reg, "ci-pull").Load(ctx)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	}
	if info, err := os.Stat(j.Path()); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if r, err := rotate.NewFileJournal(dir, reg, "other").Load(ctx); err != nil || r.Phase != "" {
		t.Errorf("another token's: %+v, %v", r, err)
	}

	unlock, err := j.Lock(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rotate.NewFileJournal(dir, reg, "ci-pull").Lock(ctx); acrkit.CodeOf(err) != acrkit.CodeConflict {
		t.Errorf("locked twice: %v", err)
	}
	unlock()
	if unlock, err = j.Lock(ctx); err != nil {
		t.Fatal(err)
	}
	unlock()

	for _, text := range []string{"{", strings.Repeat(" ", 1<<20+1)} {
		if err := os.WriteFile(j.Path(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := j.Load(ctx); err == nil || r.Phase != "" {
			t.Errorf("a damaged file: %+v", r)
		}
	}
	if err := os.WriteFile(j.Path(), []byte("{}"+strings.Repeat(" ", 1<<20-2)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Load(ctx); err != nil {
		t.Errorf("the largest file: %v", err)
	}
}
