package limit_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/limit"
)

func TestReadAll(t *testing.T) {
	l := limit.Limit{Name: "a page", Bytes: 4}
	for in, want := range map[string]string{"": "", "abc": "abc", "abcd": "abcd"} {
		got, err := l.ReadAll(iotest.OneByteReader(strings.NewReader(in)))
		if err != nil || string(got) != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	got, err := l.ReadAll(strings.NewReader("abcde"))
	if !errors.Is(err, acrkit.CodeTooLarge) || got != nil {
		t.Errorf("past the limit: %q, %v", got, err)
	}
	if err.Error() != "cannot read a page: it is larger than the limit of 4 bytes" {
		t.Error(err)
	}
	if _, err := l.ReadAll(iotest.ErrReader(io.ErrUnexpectedEOF)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	if l.Check(4) != nil || !errors.Is(l.Check(5), acrkit.CodeTooLarge) {
		t.Error("Check")
	}
}

func TestDrain(t *testing.T) {
	r := strings.NewReader("abcdef")
	limit.Drain(r, 4)
	if r.Len() != 2 {
		t.Error(r.Len())
	}
}
