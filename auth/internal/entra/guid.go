package entra

import "regexp"

var guid = regexp.MustCompile(`[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}`)

// HasGUID reports whether there is a GUID in s.
func HasGUID(s string) bool { return guid.MatchString(s) }
