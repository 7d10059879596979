package wire

import "regexp"

// ProxyServer is the Server header of acrkit's proxy, by which diagnose knows it.
const ProxyServer = "acrkit-proxy"

// ZeroGUID is the user name that goes with an ACR refresh token.
const ZeroGUID = "00000000-0000-0000-0000-000000000000"

var guid = regexp.MustCompile(`^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// IsGUID reports whether s is a GUID and nothing else: the form of an application's id and
// of a secret's id, and never of a secret's value.
func IsGUID(s string) bool { return guid.MatchString(s) }
