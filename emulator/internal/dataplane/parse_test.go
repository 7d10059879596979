package dataplane

import "testing"

func TestParseRange(t *testing.T) {
	for header, want := range map[string]struct {
		r byteRange
		v rangeVerdict
	}{
		"bytes=0-999":                     {byteRange{0, 417}, rangeServed},
		"bytes=0-0":                       {byteRange{0, 1}, rangeServed},
		"bytes=416-":                      {byteRange{416, 1}, rangeServed},
		"bytes=-5":                        {byteRange{412, 5}, rangeServed},
		"bytes=-1000":                     {byteRange{0, 417}, rangeServed},
		"Bytes = 1-2":                     {byteRange{1, 2}, rangeServed},
		"bytes=417-":                      {v: rangeUnsatisfiable},
		"bytes=-0":                        {v: rangeUnsatisfiable},
		"bytes=2-1":                       {v: rangeUnsatisfiable},
		"bytes=0-1,3-4":                   {},
		"bytes=a-b":                       {},
		"bytes=-":                         {},
		"bytes=+1-2":                      {},
		"items=0-1":                       {},
		"bytes=0-99999999999999999999999": {},
		"":                                {},
	} {
		r, v := parseRange(header, 417)
		if r != want.r || v != want.v {
			t.Errorf("%q: %+v, %d; want %+v, %d", header, r, v, want.r, want.v)
		}
	}
}

func FuzzParseRange(f *testing.F) {
	f.Add("bytes=0-1", int64(10))
	f.Add("bytes=-1", int64(0))
	f.Add("bytes=9223372036854775807-", int64(9223372036854775807))
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			return
		}
		r, v := parseRange(header, size)
		if v == rangeServed && (r.start < 0 || r.length <= 0 || r.start > size-r.length) {
			t.Errorf("%q of %d: %+v", header, size, r)
		}
	})
}

func TestParseContentRange(t *testing.T) {
	for header, want := range map[string]byteRange{
		"0-735":   {0, 736},
		"736-736": {736, 1},
	} {
		if r, ok := parseContentRange(header); !ok || r != want {
			t.Errorf("%q: %+v, %v; want %+v", header, r, ok, want)
		}
	}
	for _, header := range []string{"", "-", "0-", "-5", "5-4", "a-b", "bytes 0-735", "bytes 0-735/736",
		"bytes 0-735/*", "bytes=0-1", "0-735/736",
		"bytes */5", "-1-2", "-1--1", "0-9223372036854775807", "0 - 1"} {
		if r, ok := parseContentRange(header); ok {
			t.Errorf("%q was read as %+v", header, r)
		}
	}
}

func FuzzParseContentRange(f *testing.F) {
	f.Add("0-735")
	f.Add("bytes 0-735/736")
	f.Fuzz(func(t *testing.T, header string) {
		if r, ok := parseContentRange(header); ok && (r.start < 0 || r.length <= 0 || r.start+r.length < 0) {
			t.Errorf("%q: %+v", header, r)
		}
	})
}
