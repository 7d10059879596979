package cmdutil

import "strings"

// JoinNames returns a text for help: what goes before the names, and the names with commas,
// in lines of fewer than width columns, so that a full stop can follow.
func JoinNames(before string, names []string, width int) string {
	var b strings.Builder
	b.WriteString(before)
	column := len(before)
	for i, name := range names {
		space := ""
		if i > 0 {
			space = ", "
		}
		if column += len(space + name); i > 0 && column >= width-1 {
			space, column = ",\n", len(name)
		}
		b.WriteString(space + name)
	}
	return b.String()
}
