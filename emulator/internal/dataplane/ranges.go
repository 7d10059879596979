package dataplane

import (
	"strconv"
	"strings"
)

// byteRange is what a Range header asks of content.
type byteRange struct{ start, length int64 }

type rangeVerdict uint8

const (
	rangeIgnored       rangeVerdict = iota // send everything
	rangeServed                            // send the part
	rangeUnsatisfiable                     // 416
)

// parseRange reads a Range header for content of a size. More than one range, or
// what cannot be read, is ignored, as RFC 9110 section 14.2 allows and Azure's
// storage does. An end beyond the content is cut (recorded).
func parseRange(header string, size int64) (byteRange, rangeVerdict) {
	unit, spec, ok := strings.Cut(header, "=")
	if !ok || !strings.EqualFold(strings.TrimSpace(unit), "bytes") {
		return byteRange{}, rangeIgnored
	}
	first, last, ok := strings.Cut(strings.TrimSpace(spec), "-")
	if !ok || strings.Contains(last, ",") {
		return byteRange{}, rangeIgnored
	}
	if first == "" { // the last so many bytes
		n, ok := number(last)
		switch {
		case !ok:
			return byteRange{}, rangeIgnored
		case n == 0 || size == 0:
			return byteRange{}, rangeUnsatisfiable
		}
		n = min(n, size)
		return byteRange{size - n, n}, rangeServed
	}
	start, ok := number(first)
	if !ok {
		return byteRange{}, rangeIgnored
	}
	end := size - 1
	if last != "" {
		e, ok := number(last)
		if !ok {
			return byteRange{}, rangeIgnored
		}
		if e < start { // as the reference implementation, and the conformance suite
			return byteRange{}, rangeUnsatisfiable
		}
		end = min(end, e)
	}
	if start >= size {
		return byteRange{}, rangeUnsatisfiable
	}
	return byteRange{start, end - start + 1}, rangeServed
}

// parseContentRange reads the Content-Range of a chunk, "0-735", whose last byte is
// at start+length-1. The forms of RFC 9110 ("bytes 0-735/736") are not taken.
//
// Source: OCI distribution specification 1.1, "Pushing a blob in chunks". That
// "bytes 0-735/*" and "-1--1" are refused is reported and recorded.
func parseContentRange(header string) (r byteRange, ok bool) {
	//rule:upload-addresses-parse-content-range
	first, last, ok := strings.Cut(header, "-")
	if !ok {
		return r, false
	}
	start, ok := number(first)
	if !ok {
		return r, false
	}
	end, ok := number(last)
	if !ok || end < start {
		return r, false
	}
	return byteRange{start, end - start + 1}, true
}

// number reads digits alone; the sum of two fits into an int64.
func number(s string) (int64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 62)
	return n, err == nil
}
