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
	tidy := strings.Trim(line, " \t\r\n\"',/")
	kind, rest, _ := strings.Cut(lower, "/")
	switch {
	case len(line) > maxLine:
		add(InvalidLine, fmt.Sprintf("the line is longer than %d bytes", maxLine))
	case isLine(tidy):
		add(InvalidLine, "the line has characters around it that are no part of it", tidy)
	case isLine(lower):
		add(UpperCase, "the service takes lower case only; az changes to it, ARM and Terraform do not", lower)
	case kind == "gateway":
		add(InvalidAction, "a gateway line ends with config/read, config/write, message/read or message/write")
	case kind == "repositories":
		invalidRight(rest, add)
	case kind == "repository" && isLine("repositories/"+rest):
		add(MissingPrefix, "the line begins with repository/ instead of repositories/", "repositories/"+rest)
	case isLine("repositories/" + lower):
		add(MissingPrefix, "the line does not begin with repositories/", "repositories/"+lower)
	default:
		name, action := splitLine(lower)
		if meant, _ := actionsMeant(action); name == "" || meant == nil {
			add(InvalidLine, "the line is not of the form repositories/NAME/content/read")
			break
		}
		add(MissingPrefix, "the line does not begin with repositories/")
		invalidRight(lower, add)
	}
	return found
}

// invalidRight says what is wrong with the part of a line that follows repositories/.
func invalidRight(rest string, add func(kind FindingKind, reason string, instead ...string)) {
	name, action := splitLine(rest)
	if name == "" {
		add(InvalidLine, "the line names no repository; its form is repositories/NAME/content/read")
		return
	}
	meant, known := actionsMeant(action)
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
	if why != "" && strings.Contains(name, "*") {
		add(InvalidWildcard, why, instead...)
	} else if why != "" {
		add(InvalidRepository, why, instead...)
	}
}

// nouns begin an action, those that the service has and those that people invent.
var nouns = []string{"content", "metadata", "manifest", "manifests", "blob", "blobs", "tag", "tags", "image", "images"}

// splitLine splits what follows repositories/ into the name and the action. The name is empty
// if there is none.
func splitLine(rest string) (name, action string) {
	parts := strings.Split(rest, "/")
	n := len(parts) - 1
	if n > 0 && slices.Contains(nouns, parts[n-1]) {
		n--
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
