// Package shell writes words of commands that a person pastes into a shell.
package shell

import "strings"

const (
	// plainest are the characters that no shell gives a meaning of its own within a
	// word, PowerShell and Windows' own included.
	plainest = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@+"
	// plain are those to which no POSIX shell gives one, where they stand in an
	// argument or in the value of a variable.
	plain = plainest + "%=,"
)

// IsPlain reports whether a word can be pasted as an argument of a command into any
// shell: it needs no quotes and is no flag.
func IsPlain(word string) bool {
	return word != "" && strings.Trim(word, plainest) == "" && !strings.ContainsAny(word[:1], "-@")
}

// Quote returns a word as a shell takes it: as it is where that is safe, else in
// single quotes (POSIX.1-2024, Shell Command Language, §2.2.2).
func Quote(word string) string {
	if word != "" && strings.Trim(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
