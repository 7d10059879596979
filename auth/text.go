package auth

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/acrkit/acrkit"
)

// clipQuote quotes a text and shortens a long one.
func clipQuote(s string) string {
	if len(s) > 80 {
		s = s[:80] + "…"
	}
	return fmt.Sprintf("%q", s)
}

// listed joins the names of variables for a message.
func listed(names ...string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

func isOrAre(variables ...string) string {
	if len(variables) > 1 {
		return listed(variables...) + " are"
	}
	return listed(variables...) + " is"
}

func reasonOf(err error) string {
	if e, ok := errors.AsType[*acrkit.Error](err); ok && e.Reason != "" {
		return e.Reason
	}
	return err.Error()
}

// plainArgument matches what needs no quotes in a shell.
var plainArgument = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)
