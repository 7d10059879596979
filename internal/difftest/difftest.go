// Package difftest compares values in tests that may use the standard library only:
// package librarytest says which these are.
package difftest

import (
	"fmt"
	"reflect"
	"strings"
)

// Diff returns "" where want and got are deeply equal, and otherwise what was wanted
// and what was got: of texts the first line that differs. A nil slice or map differs
// from an empty one.
func Diff(want, got any) string {
	if reflect.DeepEqual(want, got) {
		return ""
	}
	w, isText := want.(string)
	g, _ := got.(string)
	if !isText || !strings.Contains(w+g, "\n") {
		return fmt.Sprintf("- %#v\n+ %#v", want, got)
	}
	wants, gots := strings.Split(w, "\n"), strings.Split(g, "\n")
	i := 0
	for i < min(len(wants), len(gots))-1 && wants[i] == gots[i] {
		i++
	}
	return fmt.Sprintf("- line %d: %q\n+ line %d: %q", i+1, wants[i], i+1, gots[i])
}
