package scopemap

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
)

// shorten cuts a line that is too long for a message.
func shorten(line string) string {
	if len(line) > maxLine {
		return line[:64] + "…"
	}
	return line
}

func isLine(s string) bool {
	_, err := ParseRule(s)
	return err == nil
}

// invalid says what is wrong with a line that [ParseRule] refuses; i is its index.
func invalid(i int, line string) []Finding {
	var found []Finding
	add := func(kind FindingKind, reason string, instead ...string) {
		found = append(found, Finding{Kind: kind, Severity: SeverityError, Line: i + 1, Text: shorten(line),
			Reason: reason, Instead: instead})
	}
	lower := strings.ToLower(line)
	tidy := strings.Trim(line, " \t\r\n\"'`,/-")
	kind, rest, _ := strings.Cut(lower, "/")
	var several []string
	if len(line) <= maxLine {
		several = linesIn(lower)
	}
	switch {
	case len(line) > maxLine:
		add(InvalidLine, fmt.Sprintf("the line is longer than %d bytes", maxLine))
	case strings.TrimSpace(line) == "":
		add(InvalidLine, "the line is empty")
	case isLine(tidy):
		add(InvalidLine, "the line has characters around it that are no part of it", tidy)
	case isLine(lower):
		add(UpperCase, "the service takes lower case only; az changes to it, ARM and Terraform do not", lower)
	case len(several) > 0:
		add(InvalidLine, "the line has several parts; each action of a scope map is one whole text", several...)
	case kind == "gateway":
		add(InvalidAction, "a gateway line ends with config/read, config/write, message/read or message/write")
	case kind == "repositories":
		invalidRight(rest, add)
	case prefixes[kind] != "" && isLine(prefixes[kind]+rest):
		add(MissingPrefix, fmt.Sprintf("the line begins with %s/ instead of %s", kind, prefixes[kind]),
			prefixes[kind]+rest)
	case strings.HasPrefix(kind, "microsoft."):
		add(InvalidAction, "this is a permission of a role in Azure; an action of a scope map names a repository, as "+
			"repositories/NAME/content/read")
	case isLine("repositories/" + lower):
		add(MissingPrefix, "the line does not begin with repositories/", "repositories/"+lower)
	case strings.HasPrefix(lower, "repository:"):
		add(InvalidAction, "this is the scope of a token; an action of a scope map is of the form "+
			"repositories/NAME/content/read", scopeLines(lower)...)
	default:
		name, action := splitLine(lower)
		meant, _ := actionsMeant(action)
		switch {
		case meant == nil:
			add(InvalidLine, "the line is not of the form repositories/NAME/content/read")
		case name == "":
			add(InvalidAction, "the action names no repository; its form is repositories/NAME/content/read")
		default:
			if !hasPlaceholder(name) { // which may have the prefix
				add(MissingPrefix, "the line does not begin with repositories/")
			}
			invalidRight(lower, add)
		}
	}
	return found
}

// prefixes are those that people write, each with the one that was meant.
var prefixes = map[string]string{"repository": "repositories/", "gateways": "gateway/"}

// linesIn returns the lines that a text has, in lower case, if it has several: one after the
// other, or as the arguments of az, a name and then its actions.
func linesIn(text string) (all []string) {
	parts := strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(" \t,\\\"'", c) })
	prefix := "repositories/"
	if len(parts) > 0 && strings.HasPrefix(parts[0], "--") {
		if strings.HasSuffix(parts[0], "gateway") {
			prefix = "gateway/"
		}
		parts = parts[1:]
	}
	if len(parts) < 2 {
		return nil
	}
	name := ""
	if _, err := acrkit.ParseAction(parts[0]); err == nil {
		return nil // the name is in another line
	}
	if !isLine(parts[0]) {
		if !strings.HasPrefix(parts[0], prefix) {
			name = prefix
		}
		name += parts[0] + "/"
		parts = parts[1:]
	}
	for _, part := range parts {
		if !isLine(name+part) || name != "" && strings.Count(part, "/") != 1 {
			return nil
		}
		all = append(all, name+part)
	}
	return all
}

// scopeLines returns the lines that grant what the scope of a token asks for, if each of its
// actions is known.
func scopeLines(scope string) (all []string) {
	parts := strings.Split(scope, ":")
	if len(parts) != 3 {
		return nil
	}
	p, why := patternMeant(parts[1])
	if why != "" {
		return nil
	}
	for word := range strings.SplitSeq(parts[2], ",") {
		meant, _ := actionsMeant(word)
		if meant == nil {
			return nil
		}
		for _, a := range meant {
			if line := (Rule{Pattern: p, Action: a}).String(); !slices.Contains(all, line) {
				all = append(all, line)
			}
		}
	}
	return all
}

// hasPlaceholder reports whether a name has what other programs fill in: ${name}, {{name}},
// <name>, %s. No name of a repository has such a character.
func hasPlaceholder(name string) bool { return strings.ContainsAny(name, "${}<>%") }

// invalidRight says what is wrong with the part of a line that follows repositories/.
func invalidRight(rest string, add func(kind FindingKind, reason string, instead ...string)) {
	name, action := splitLine(rest)
	meant, known := actionsMeant(action)
	if name == "" {
		if _, err := ParsePattern(rest); err != nil || meant != nil || slices.Contains(nouns, rest) {
			add(InvalidLine, "the line names no repository; its form is repositories/NAME/content/read")
			return
		}
		add(InvalidAction, fmt.Sprintf("the line has no action after %s; there are %s", rest, names(acrkit.Actions())))
		return
	}
	better, why := patternMeant(name)
	var instead []string
	for _, a := range meant {
		if better != "" {
			instead = append(instead, Rule{Pattern: better, Action: a}.String())
		}
	}
	if !known {
		add(InvalidAction, fmt.Sprintf("%q is no action; there are %s", action, names(acrkit.Actions())), instead...)
	}
	switch {
	case why == "":
	case hasPlaceholder(name):
		add(InvalidRepository, "the name has a part that another program fills in; check what that makes of it, such "+
			"as a plan or a compiled template")
	case strings.Contains(name, "*"):
		add(InvalidWildcard, why, instead...)
	default:
		add(InvalidRepository, why, instead...)
	}
}

// nouns begin an action, those that the service has and those that people invent.
var nouns = []string{"content", "metadata", "manifest", "manifests", "blob", "blobs", "tag", "tags", "image", "images"}

// isVerb reports whether a word ends an action of two words.
func isVerb(word string) bool {
	return word == "read" || word == "write" || word == "delete" || word == "list"
}

// splitLine splits what follows repositories/ into the name and the action. The name is empty
// if there is none.
func splitLine(rest string) (name, action string) {
	parts := strings.Split(rest, "/")
	n := len(parts) - 1
	if n > 0 && slices.Contains(nouns, parts[n-1]) || n > 1 && parts[n-2] == "*" && isVerb(parts[n]) {
		n-- // a wildcard is the end of a name
	}
	return strings.Join(parts[:n], "/"), strings.Join(parts[n:], "/")
}

// actionsMeant returns what an action probably means: itself, if the service has it. A push
// needs content/read as well, and a delete is of little use without metadata/read.
func actionsMeant(action string) (meant []acrkit.Action, known bool) {
	if a, err := acrkit.ParseAction(action); err == nil && a.String() == action {
		return []acrkit.Action{a}, true
	}
	noun, verb, ok := strings.Cut(action, "/")
	if !ok {
		// "contentwrite" and "metadata_read": the service's own words in another form.
		noun, verb = "", strings.NewReplacer("_", "", "-", "").Replace(action)
		for _, n := range []string{"content", "metadata"} {
			if v, ok := strings.CutPrefix(verb, n); ok {
				noun, verb = n, v
			}
		}
	}
	switch {
	case verb == "list", verb == "read" && (noun == "metadata" || noun == "tag" || noun == "tags"):
		return []acrkit.Action{acrkit.MetadataRead}, false
	case verb == "write" && noun == "metadata", verb == "lock", verb == "update":
		return []acrkit.Action{acrkit.MetadataRead, acrkit.MetadataWrite}, false
	case verb == "read", verb == "pull", verb == "get":
		return []acrkit.Action{acrkit.ContentRead}, false
	case verb == "write", verb == "push", verb == "put":
		return []acrkit.Action{acrkit.ContentRead, acrkit.ContentWrite}, false
	case verb == "delete", verb == "purge", verb == "remove":
		return []acrkit.Action{acrkit.ContentDelete, acrkit.MetadataRead}, false
	}
	return nil, false
}

// patternMeant returns a pattern that was probably meant, or "", and what is wrong with the
// one that was written, or "".
func patternMeant(written string) (meant Pattern, why string) {
	p, err := ParsePattern(written)
	if err == nil {
		return p, ""
	}
	why = err.Error()
	if e, ok := errors.AsType[*acrkit.Error](err); ok {
		why = e.Reason
	}
	if i := strings.IndexAny(written, ":@"); i >= 0 {
		if p, err := ParsePattern(written[:i]); err == nil {
			return p, fmt.Sprintf("%q has a tag or a digest; a right is to all of a repository", written)
		}
	}
	base := strings.TrimRight(written, "*/")
	switch end := written[len(base):]; {
	case base == "" && end != "":
		return Root, why
	case strings.HasPrefix(end, "/") && strings.Contains(end, "*"):
		base += "/*"
	case strings.Contains(end, "*"):
		return "", why // team* may mean team/*, or names that begin with team
	}
	if p, err := ParsePattern(base); err == nil {
		return p, why
	}
	return "", why
}
