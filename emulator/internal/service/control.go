package service

import "strings"

// Control is a role's definition in Azure Resource Manager: its actions there without its
// notActions, and its actions on data without its notDataActions. "*" in one of them stands
// for any text.
type Control struct {
	Actions        []string `json:"actions,omitempty"`
	NotActions     []string `json:"notActions,omitempty"`
	DataActions    []string `json:"dataActions,omitempty"`
	NotDataActions []string `json:"notDataActions,omitempty"`
}

// Allows reports whether the role allows an action, such as
// "Microsoft.ContainerRegistry/registries/write". Case does not matter.
func (c Control) Allows(action string) bool { return c.allows(action, false) }

func (c Control) allows(action string, onData bool) bool {
	if onData {
		//rule:role-not-actions
		return matchesAny(c.DataActions, action) && !matchesAny(c.NotDataActions, action)
	}
	return matchesAny(c.Actions, action) && !matchesAny(c.NotActions, action)
}

func matchesAny(patterns []string, action string) bool {
	for _, p := range patterns {
		if matches(strings.ToLower(p), strings.ToLower(action)) {
			return true
		}
	}
	return false
}

// matches compares a text with a pattern in which "*" stands for any text.
func matches(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(text) < len(first)+len(last) || !strings.HasPrefix(text, first) || !strings.HasSuffix(text, last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return true
}
