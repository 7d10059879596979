package spool

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestAll: the order does not depend on how much is kept in memory, and nothing is lost.
func TestAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOf(rapid.StringN(0, 20, -1)).Draw(t, "texts")
		memory := rapid.IntRange(1, 2000).Draw(t, "memory")
		s := New(memory)
		defer s.Close()
		var want, got []Record
		for i, x := range texts {
			r := Record{[]byte(x), fmt.Append(nil, i%3)}
			if err := s.Add(r.Key, r.Value); err != nil {
				t.Fatal(err)
			}
			want = append(want, r)
			if s.size > memory {
				t.Fatalf("%d bytes are held, more than %d", s.size, memory)
			}
		}
		for r, err := range s.All() {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r)
		}
		slices.SortFunc(want, compare)
		same := func(a, b Record) bool { return compare(a, b) == 0 }
		if !slices.EqualFunc(got, want, same) {
			t.Fatalf("%q, want %q", got, want)
		}
	})
}

// TestFile: the file is the user's alone, and gone after Close.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir)
	s := New(1)
	if err := s.Add([]byte("a"), nil); err != nil {
		t.Fatal(err)
	}
	if info, err := s.file.Stat(); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestBroken: a file that lost its end is an error, not a shorter list.
func TestBroken(t *testing.T) {
	s := New(1)
	defer s.Close()
	for range 3 {
		if err := s.Add([]byte("a"), []byte("value")); err != nil {
			t.Fatal(err)
		}
	}
	for _, cut := range []int64{2, s.parts[2].size} { // within a record, and between two
		if err := s.file.Truncate(s.end - cut); err != nil {
			t.Fatal(err)
		}
		var last error
		for _, err := range s.All() {
			last = err
		}
		if last == nil {
			t.Errorf("%d bytes less: no error", cut)
		}
	}
}
