package decisions_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/emulator/internal/db"
	"github.com/acrkit/acrkit/emulator/internal/decisions"
	"github.com/acrkit/acrkit/emulator/rule"
)

func open(t *testing.T, dir string) (*db.DB, *decisions.Log) {
	t.Helper()
	d, err := db.Open(t.Context(), dir, &db.Options{Migrations: decisions.Migrations()})
	if err != nil {
		t.Fatal(err)
	}
	l, err := decisions.Open(t.Context(), d, time.Now, func(err error, lost int) {
		t.Errorf("fail(%v, %d)", err, lost)
	})
	if err != nil {
		t.Fatal(err)
	}
	return d, l
}

func paths(t *testing.T, l *decisions.Log, f decisions.Filter) []string {
	t.Helper()
	out := []string{}
	for d, err := range l.All(t.Context(), f) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, d.Path)
	}
	return out
}

// stored counts the rows, past the log's own reading, which writes first.
func stored(t *testing.T, d *db.DB) (n int) {
	t.Helper()
	err := d.Read(context.Background(), func(tx *db.Tx) error {
		return tx.QueryRow("SELECT COUNT(*) FROM decisions", nil, &n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func record(t *testing.T, l *decisions.Log, outcome, path string) {
	t.Helper()
	if err := l.Record(t.Context(), decisions.Entry{Outcome: outcome, Path: path, Principal: "p-" +
		outcome}); err != nil {
		t.Fatal(err)
	}
}

// TestDenialIsWrittenFirst: a denial is on disk when Record returns, with the
// grants before it; a grant alone may wait.
func TestDenialIsWrittenFirst(t *testing.T) {
	d, l := open(t, t.TempDir())
	defer d.Close()
	defer l.Close()
	record(t, l, decisions.Allowed, "1")
	if n := stored(t, d); n != 0 {
		t.Errorf("%d rows after a grant", n)
	}
	record(t, l, decisions.Denied, "2")
	if n := stored(t, d); n != 2 {
		t.Errorf("%d rows after a denial", n)
	}
	record(t, l, decisions.Challenged, "3")
	if diff := cmp.Diff([]string{"1", "2", "3"}, paths(t, l, decisions.Filter{})); diff != "" {
		t.Error(diff)
	}
	for want, f := range map[string]decisions.Filter{"2": {Outcome: decisions.Denied}, "1": {Principal: "p-allowed"},
		"3": {After: 2}} {
		if diff := cmp.Diff([]string{want}, paths(t, l, f)); diff != "" {
			t.Errorf("%+v: %s", f, diff)
		}
	}
}

func TestGrantsAreWrittenSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, l := open(t, "")
		record(t, l, decisions.Allowed, "1")
		time.Sleep(1100 * time.Millisecond) // of the bubble's clock
		synctest.Wait()
		if n := stored(t, d); n != 1 {
			t.Errorf("%d rows after a second", n)
		}
		if err := errors.Join(l.Close(), d.Close()); err != nil {
			t.Error(err)
		}
	})
}

func TestRestart(t *testing.T) {
	dir := t.TempDir()
	d, l := open(t, dir)
	record(t, l, decisions.Allowed, "1")
	if err := errors.Join(l.Close(), d.Close()); err != nil {
		t.Fatal(err)
	}
	if err := l.Record(t.Context(), decisions.Entry{}); !errors.Is(err, db.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	d, l = open(t, dir)
	record(t, l, decisions.Denied, "2")
	if diff := cmp.Diff([]string{"1", "2"}, paths(t, l, decisions.Filter{})); diff != "" {
		t.Error(diff)
	}
	if err := errors.Join(l.Close(), d.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := filepath.Glob(dir); err != nil {
		t.Fatal(err)
	}
}

// TestOnDiskItIsBounded starts with a log that is nearly full.
func TestOnDiskItIsBounded(t *testing.T) {
	d, err := db.Open(t.Context(), "", &db.Options{Migrations: decisions.Migrations()})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	const old, newest = 10, decisions.MaxRows + 5
	err = d.Write(t.Context(), func(tx *db.Tx) error {
		for id := range old + 1 {
			if id == old {
				id = newest
			}
			if _, err := tx.Exec("INSERT INTO decisions VALUES (?, ?, '', '', '', '{}')", id+1,
				time.Now().UnixNano()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := decisions.Open(t.Context(), d, time.Now, func(err error, _ int) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	const more = 1100
	for range more {
		record(t, l, decisions.Allowed, "")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := stored(t, d); got != 1+more {
		t.Errorf("%d rows, want the newest earlier one and %d", got, more)
	}
}

func TestInMemoryItIsBounded(t *testing.T) {
	d, err := db.Open(t.Context(), "", &db.Options{Migrations: decisions.Migrations()})
	if err != nil {
		t.Fatal(err)
	}
	lost, failures := 0, 0
	l, err := decisions.Open(t.Context(), d, time.Now, func(_ error, n int) { failures++; lost += n })
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil { // from now on nothing can be written
		t.Fatal(err)
	}
	for range 5000 {
		if err := l.Record(t.Context(), decisions.Entry{Outcome: decisions.Allowed}); err != nil {
			t.Fatal(err)
		}
	}
	if lost != 5000-4096 || failures == 0 {
		t.Errorf("%d lost, reported %d times", lost, failures)
	}
	if err := l.Record(t.Context(), decisions.Entry{Outcome: decisions.Denied}); err == nil {
		t.Error("a denial that was not written is no error")
	}
	if err := l.Close(); err == nil {
		t.Error("Close returned no error")
	}
}

func TestLongTextsAreClipped(t *testing.T) {
	d, l := open(t, "")
	defer d.Close()
	defer l.Close()
	rules := make([]string, 100)
	err := l.Record(t.Context(),
		decisions.Entry{Outcome: decisions.Denied, Required: strings.Repeat("x", 100_000), Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	for d, err := range l.All(t.Context(), decisions.Filter{}) {
		if err != nil || len(d.Required) > 2100 || !strings.HasSuffix(d.Required, "…") || len(d.Rules) != 21 ||
			d.Rules[20] != "…" {
			t.Errorf("%d bytes, %d rules, %v", len(d.Required), len(d.Rules), err)
		}
	}
}

// TestClippedBetweenCharacters: a text that is clipped is still UTF-8.
func TestClippedBetweenCharacters(t *testing.T) {
	d, l := open(t, "")
	defer d.Close()
	defer l.Close()
	long := strings.Repeat("x", 2047)
	for _, text := range []string{long + "y", long + "äz"} {
		if err := l.Record(t.Context(), decisions.Entry{Outcome: decisions.Denied, Path: text}); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{long + "y", long + "…"}
	var got []string
	for d, err := range l.All(t.Context(), decisions.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, d.Path)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestManyAtOnce(t *testing.T) {
	d, l := open(t, "")
	defer d.Close()
	defer l.Close()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			outcome := decisions.Allowed
			if i%2 == 0 {
				outcome = decisions.Denied
			}
			for range 100 {
				if err := l.Record(context.Background(), decisions.Entry{Outcome: outcome}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	last := int64(0)
	for d, err := range l.All(t.Context(), decisions.Filter{}) {
		if err != nil || d.ID != last+1 {
			t.Fatalf("%d after %d, %v", d.ID, last, err)
		}
		last = d.ID
	}
	if last != 800 {
		t.Errorf("%d decisions", last)
	}
}

func TestReaderStops(t *testing.T) {
	d, l := open(t, "")
	defer d.Close()
	defer l.Close()
	record(t, l, decisions.Denied, "1")
	record(t, l, decisions.Denied, "2")
	for range l.All(t.Context(), decisions.Filter{}) {
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range l.All(ctx, decisions.Filter{}) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
}

// TestOldOnesGo: what is older than MaxAge goes with the next write, what was
// dropped is reported, and the newest stays.
func TestOldOnesGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, l := open(t, "")
		for range 3 {
			record(t, l, decisions.Denied, "old")
		}
		time.Sleep(90*24*time.Hour - time.Hour)
		record(t, l, decisions.Denied, "kept")
		time.Sleep(2 * time.Hour)
		for range 1000 {
			record(t, l, decisions.Allowed, "new")
		}
		p, err := l.Page(t.Context(), decisions.Filter{}, 1)
		if err != nil || p.Dropped != 3 || len(p.Decisions) != 1 || p.Decisions[0].Path != "kept" || !p.More ||
			p.Last != 4 {
			t.Errorf("%+v, %v", p, err)
		}
		if p, err = l.Page(t.Context(), decisions.Filter{After: 2}, 1); err != nil || p.Dropped != 1 {
			t.Errorf("from 2 on: %+v, %v", p, err)
		}
		if err := errors.Join(l.Close(), d.Close()); err != nil {
			t.Error(err)
		}
	})
}

// TestPruningUnderLoad: many write and one follows while the oldest go; the
// follower sees each decision once, or the count of those dropped.
func TestPruningUnderLoad(t *testing.T) {
	d, err := db.Open(t.Context(), "", &db.Options{Migrations: decisions.Migrations()})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	const before = decisions.MaxRows - 1500
	err = d.Write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<?)
			INSERT INTO decisions SELECT i, ?, '', '', '', json_object('ID', i) FROM n`, before, time.Now().UnixNano())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := decisions.Open(t.Context(), d, time.Now, func(err error, lost int) {
		t.Errorf("fail(%v, %d)", err, lost)
	})
	if err != nil {
		t.Fatal(err)
	}
	const writers, each = 4, 1500
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				if err := l.Record(context.Background(), decisions.Entry{Outcome: decisions.Allowed}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	const all = int64(before + writers*each)
	seen, dropped, at := int64(0), int64(0), int64(0)
	for at < all {
		if err := l.Wait(t.Context(), at); err != nil {
			t.Fatal(err)
		}
		p, err := l.Page(t.Context(), decisions.Filter{After: at}, 1000)
		if err != nil {
			t.Fatal(err)
		}
		expected := at + p.Dropped
		for _, x := range p.Decisions {
			if x.ID != expected+1 {
				t.Fatalf("%d after %d", x.ID, expected)
			}
			expected = x.ID
		}
		seen, dropped, at = seen+int64(len(p.Decisions)), dropped+p.Dropped, p.Last
	}
	wg.Wait()
	if seen+dropped != all {
		t.Errorf("%d seen and %d dropped of %d", seen, dropped, all)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if n := stored(t, d); n > decisions.MaxRows+1000+256 {
		t.Errorf("%d rows", n)
	}
}

func TestFilters(t *testing.T) {
	d, l := open(t, "")
	defer d.Close()
	start := time.Now()
	for i, required := range []string{"repository:a:pull", "repository:a/b:pull repository:c:pull,push",
		"registry:catalog:*", ""} {
		if err := l.Record(t.Context(), decisions.Entry{Outcome: decisions.Denied, Required: required,
			Path: string(rune('1' + i))}); err != nil {
			t.Fatal(err)
		}
	}
	for want, f := range map[string]decisions.Filter{"1": {Repository: "a"}, "2": {Repository: "c"},
		"": {Repository: "b"}, "1234": {Since: start}, " ": {Since: start.Add(time.Hour)}} {
		if got := strings.Join(paths(t, l, f), ""); got != strings.TrimSpace(want) {
			t.Errorf("%+v: %q, want %q", f, got, want)
		}
		// A page that chooses nothing still goes on.
		if p, err := l.Page(t.Context(), f, 100); err != nil || p.Last != 4 || p.More {
			t.Errorf("%+v: %+v, %v", f, p, err)
		}
	}
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, l := open(t, "")
		got := make(chan error, 3)
		for range 2 {
			go func() { got <- l.Wait(t.Context(), 1) }()
		}
		record(t, l, decisions.Allowed, "1")
		synctest.Wait()
		if len(got) != 0 {
			t.Error("it did not wait")
		}
		record(t, l, decisions.Allowed, "2")
		if err := errors.Join(<-got, <-got); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := l.Wait(ctx, 9); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		go func() { got <- l.Wait(t.Context(), 9) }()
		synctest.Wait()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if err := <-got; !errors.Is(err, db.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestLog_oldRows: what an earlier version wrote has no rule, and is read as it is.
func TestLog_oldRows(t *testing.T) {
	d, _ := open(t, t.TempDir())
	defer d.Close()
	const doc = `{"ID":7,"Time":"2026-03-01T12:00:00Z","Registry":"myregistry","Path":"/oauth2/token","Outcome":"denied","Reason":"the token is disabled"}`
	err := d.Write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(
			"INSERT INTO decisions (id, time, registry, principal, outcome, doc) VALUES (7, ?, 'myregistry', '', "+
				"'denied', ?)",
			time.Now().UnixNano(), doc)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := decisions.Open(t.Context(), d, time.Now, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Record(t.Context(), decisions.Entry{Outcome: decisions.Denied, Path: "/v2/",
		RuleID: rule.ScopedTokenDeleted}); err != nil {
		t.Fatal(err)
	}
	var got []rule.ID
	for d, err := range l.All(t.Context(), decisions.Filter{Outcome: decisions.Denied}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, d.RuleID)
	}
	if diff := cmp.Diff([]rule.ID{"", rule.ScopedTokenDeleted}, got); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}
