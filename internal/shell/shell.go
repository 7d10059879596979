// Package shell writes words of commands that a person pastes into a shell.
package shell

import "strings"

// plain are the characters that no POSIX shell gives a meaning of its own, where
// they stand in an argument or in the value of a variable.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+=,"

// Quote returns a word as a shell takes it: as it is where that is safe, else in
// single quotes (POSIX.1-2024, Shell Command Language, §2.2.2).
func Quote(word string) string {
	if word != "" && strings.Trim(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
