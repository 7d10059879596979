package entra

import "regexp"

var guid = regexp.MustCompile(`[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}`)

// IsGUID reports whether s is a GUID and nothing else: the form of an application's id and
// of a secret's id, and never of a secret's value.
func IsGUID(s string) bool { return len(s) == 36 && guid.MatchString(s) }

// HasGUID reports whether there is a GUID in s.
func HasGUID(s string) bool { return guid.MatchString(s) }
