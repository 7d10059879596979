package access

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/manage/access"
)

// fields are those of a grant.
var fields = []string{"kind", "name", "principalType", "repository", "action", "by", "line", "scope", "condition",
	"enabled", "password", "unknown"}

// who names the identity of a grant.
func who(g access.Grant) string {
	switch {
	case g.Kind == access.KindAnonymous:
		return "anyone"
	case g.PrincipalType == "" || g.Kind != access.KindPrincipal:
		return g.Name
	}
	return g.PrincipalType + " " + g.Name
}

// by says what gives the right.
func by(g access.Grant) string {
	switch g.Kind {
	case access.KindToken:
		return strings.TrimSuffix("scope map "+g.By+": "+g.Line, ": ")
	case access.KindPrincipal:
		text := "role " + g.By + " on " + g.Scope
		if g.Condition != "" {
			text += " if " + g.Condition
		}
		return text
	}
	return g.By
}

// state says whether the right can be used now.
func state(g access.Grant) string {
	var parts []string
	if g.Kind == access.KindToken {
		if !g.Enabled {
			parts = append(parts, "disabled")
		}
		switch g.Password {
		case access.PasswordNone:
			parts = append(parts, "no password")
		case access.PasswordExpired:
			parts = append(parts, "passwords expired")
		}
	}
	if g.Unknown != "" {
		parts = append(parts, "unknown: "+g.Unknown)
	}
	return strings.Join(parts, ", ")
}

var header = []string{"KIND", "WHO", "REPOSITORY", "ACTION", "BY", "STATE"}

func row(g access.Grant) []string {
	return []string{string(g.Kind), who(g), cmp.Or(g.Repository, "-"), cmp.Or(g.Action, "-"), by(g),
		cmp.Or(state(g), "ok")}
}

// isUncertain reports whether it is not known that a grant is there. A list that could not
// be read is no such grant.
func isUncertain(g access.Grant) bool { return g.Unknown != "" && g.Kind != access.KindUnread }

// incomplete is the error of an answer in which something may be missing.
func incomplete(op string, reg acrkit.Registry, unread error, uncertain int) error {
	if unread == nil && uncertain == 0 {
		return nil
	}
	e := &acrkit.Error{Code: acrkit.CodeIncomplete, Op: op, Registry: reg, Hint: acrkit.HintOf(unread)}
	var parts []string
	if unread != nil {
		parts = append(parts, "not all could be read")
	}
	if uncertain > 0 {
		parts = append(parts, fmt.Sprintf("of %d rights it is not known whether they are there", uncertain))
	}
	e.Reason = strings.Join(parts, ", and ")
	return e
}
