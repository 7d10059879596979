package spool_test

import (
	"slices"
	"testing"

	"github.com/acrkit/acrkit/internal/spool"
)

func TestValues(t *testing.T) {
	type item struct{ Name string }
	s := spool.New(0)
	defer s.Close()
	for _, name := range []string{"b", "c", "a"} {
		if err := s.AddJSON(name, item{name}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Add([]byte("b1"), []byte("no JSON")); err != nil {
		t.Fatal(err)
	}
	var got []string
	var failed []error
	for v, err := range spool.Values[item](s) {
		if err != nil {
			failed = append(failed, err)
			continue
		}
		got = append(got, v.Name)
	}
	if !slices.Equal(got, []string{"a", "b"}) || len(failed) != 1 {
		t.Errorf("%q, %v; want a, b and one error", got, failed)
	}
	if s.AddJSON("d", func() {}) == nil {
		t.Error("a function was added")
	}
}
