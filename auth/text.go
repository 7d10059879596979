package auth

import (
	"regexp"
	"strings"
)

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

// plainArgument matches what needs no quotes in a shell.
var plainArgument = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)
