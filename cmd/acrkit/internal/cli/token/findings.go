package token

import (
	"fmt"
	"strings"
	"time"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/rights"
	"github.com/acrkit/acrkit/manage"
)

// The findings of "token status".
const (
	noExpiry      = "no-expiry"
	expiresSoon   = "expires-soon"
	expired       = "expired"
	noPassword    = "no-password"
	allOf         = "all-repositories"
	noScopeMap    = "no-scope-map"
	adminUser     = "admin-user"
	anonymousPull = "anonymous-pull"
	armTokens     = "arm-tokens"
)

// findings lists all findings.
var findings = []string{noExpiry, expiresSoon, expired, noPassword, allOf, noScopeMap, adminUser, anonymousPull,
	armTokens}

// finding is something to fix.
type finding struct {
	Name   string `json:"name"`
	Detail string `json:"detail"`
	Rule   string `json:"rule"` // of a published rule set; "" = acrkit's own
}

// findingsOfRegistry are about the settings of the registry.
func findingsOfRegistry(s manage.Settings) (out []finding) {
	for _, x := range []struct {
		is bool
		finding
	}{
		{s.AdminUser, finding{adminUser, "the admin user is on: one password with all rights",
			"Checkov CKV_AZURE_137, PSRule Azure.ACR.AdminUser"}},
		{s.AnonymousPull, finding{anonymousPull, "anyone may pull, without a credential", "Checkov CKV_AZURE_138"}},
		{s.ARMTokens, finding{armTokens, "Entra tokens for Azure Resource Manager are accepted",
			"Azure Policy 42781ec6-6127-4c30-bdfa-fb423a0047d3"}},
	} {
		if x.is {
			out = append(out, x.finding)
		}
	}
	return out
}

// scope is what is known of a token's scope map.
type scope int

const (
	unread scope = iota // it could not be read
	absent              // there is none of this name
	narrow
	wide // it has a line for all repositories
)

// findingsOfToken are about a token; there are none for one that is disabled, which cannot
// log in. until is before when a password expires too soon. Which
// of two passwords is in use Azure does not say, so each of them counts.
func findingsOfToken(t manage.Token, of scope, now, until time.Time) (out []finding) {
	if !t.Enabled {
		return nil
	}
	add := func(name, format string, args ...any) {
		out = append(out, finding{Name: name, Detail: fmt.Sprintf(format, args...)})
	}
	live := 0
	for _, p := range t.Passwords {
		switch {
		case !p.Live(now):
			continue
		case p.Expires.IsZero():
			add(noExpiry, "%s does not expire", p.Slot)
		case !p.Expires.After(until):
			add(expiresSoon, "%s expires %s", p.Slot, cmdutil.Time(p.Expires))
		}
		live++
	}
	switch {
	case len(t.Passwords) == 0:
		add(noPassword, "it has no password: it was never used, or both were removed")
	case live == 0:
		add(expired, "all its passwords have expired")
	}
	switch of {
	case absent:
		add(noScopeMap, "there is no scope map %q", t.ScopeMap)
	case wide:
		add(allOf, "its scope map %s is for all repositories", t.ScopeMap)
	}
	return out
}

// scopeOf reads the lines of a scope map.
func scopeOf(m manage.ScopeMap) scope {
	if rights.OnAll(m.Actions) {
		return wide
	}
	return narrow
}

// slotInUse is the password in use, as far as Azure shows: the only one that works. Of two
// nothing says which.
func slotInUse(t manage.Token, now time.Time) string {
	slot := "none"
	for _, p := range t.Passwords {
		switch {
		case !p.Live(now):
		case slot == "none":
			slot = string(p.Slot)
		default:
			return "unknown"
		}
	}
	return slot
}

// newest is the password that was made last, "" without any.
func newest(t manage.Token) (slot string) {
	var at time.Time
	for _, p := range t.Passwords {
		if slot == "" || p.Created.After(at) {
			slot, at = string(p.Slot), p.Created
		}
	}
	return slot
}

// names joins the names of findings.
func names(all []finding) string {
	var out []string
	for _, f := range all {
		out = append(out, f.Name)
	}
	return strings.Join(out, ", ")
}
