// Package sentence holds the messages that explain a refusal, and the commands that fix
// it. The packages for Python, TypeScript and Java print from the same table: the tests
// of package auth write it to testdata/vectors/sentences.json.
package sentence

import (
	"maps"
	"regexp"
)

// Key names a sentence.
type Key string

// The sentences.
const (
	NotAccepted       Key = "not_accepted"        // the token service refused a name and password
	AdminNotAccepted  Key = "admin_not_accepted"  // likewise, of the admin user
	TokenNotAccepted  Key = "token_not_accepted"  // it refused a token that was given as the password
	AccessNotAccepted Key = "access_not_accepted" // the registry refused a fresh access token, and names no right
	MissingAction     Key = "missing_action"      // no right on the repository is known
	MissingActions    Key = "missing_actions"     // one of several, and not known which
	MissingSome       Key = "missing_some"        // some are there, another is not
	Held              Key = "held"                // the token says that it has the right
	MissingUnnamed    Key = "missing_unnamed"     // the registry does not say which right
	Catalog           Key = "catalog"             // listing the repositories
	NoRepository      Key = "no_repository"       // 404 NAME_UNKNOWN
	NoManifest        Key = "no_manifest"         // 404 MANIFEST_UNKNOWN or TAG_UNKNOWN
	NoBlob            Key = "no_blob"             // 404 BLOB_UNKNOWN
	NotFound          Key = "not_found"           // another 404
	OtherHost         Key = "other_host"          // the host that was given is no registry
	ForeignRealm      Key = "foreign_realm"       // a challenge sends the password elsewhere
	ForeignAnswer     Key = "foreign_answer"      // another host wants a credential
	PlainHTTP         Key = "plain_http"          // a request without TLS
	Unreachable       Key = "unreachable"         // no answer at all
	ServiceRefused    Key = "service_refused"     // the token service refused, and not for the credential
	Other             Key = "other"               // what follows the SDK's own text
)

// Sentence is a message and its fix. Words in braces are facts.
type Sentence struct {
	Text string `json:"text"` // one clause
	Fix  string `json:"fix"`  // a command or an advice; "" = none is known
}

// explain is the fix where the cause is not known.
const explain = "to find the cause, give this text to: acrkit explain"

var table = map[Key]Sentence{
	NotAccepted: {"the {who} and its {password} are not accepted: wrong, expired, disabled or not yet active{said}",
		"see the token's status and its passwords' expiry: " + showToken},
	AdminNotAccepted: {
		"the {who} and its {password} are not accepted: the password is wrong or was renewed, or the admin user is " +
			"disabled{said}",
		"see whether it is enabled: " + showAdmin},
	TokenNotAccepted:  {"the {who} is not accepted: wrong, expired, or of another registry{said}", ""},
	AccessNotAccepted: {"the registry did not accept the access token of the {who}", explain},
	MissingAction: {"the {who} does not have {right}",
		"add it to the scope map of {token}: " + addRights},
	MissingActions: {"the {who} does not have all of {right}",
		"add them to the scope map of {token}: " + addRights},
	MissingSome: {"the {who} has {has} but not {right}",
		"add it to the scope map of {token}: " + addRights},
	Held:           {"the registry refuses {right} although the access token of the {who} holds it", explain},
	MissingUnnamed: {"the {who} lacks a right that the registry does not name", explain},
	Catalog: {"the {who} may not list the repositories of the registry",
		"a scope map opens the list of repositories only with the root wildcard *; name the repositories instead"},
	NoRepository: {"{registry} has no repository \"{repository}\"", ""},
	NoManifest:   {"the repository \"{repository}\" has no tag or manifest \"{reference}\"", ""},
	NoBlob:       {"the repository \"{repository}\" has no blob \"{reference}\"", ""},
	NotFound:     {"{registry} has nothing at {path}", ""},
	OtherHost: {"{host} is not a login server of Azure Container Registry, and no credential goes there",
		"a login server is NAME.azurecr.io (or .us, .cn)"},
	ForeignRealm: {"the registry's challenge names a token service on another host, {host}; no credential goes there",
		"name the registry by its login server"},
	ForeignAnswer:  {"{host} answers {status}, and no credential goes there: the {who} is for {registry} alone", ""},
	PlainHTTP:      {"plain HTTP to {host} is refused: what it carries can be read and changed on the way", ""},
	Unreachable:    {"{host} cannot be reached: {why}", ""},
	ServiceRefused: {"the token service answers {status}{said}", explain},
	Other:          {"", explain},
}

// Table returns a copy of the table.
func Table() map[Key]Sentence {
	return maps.Clone(table)
}

var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

// Say returns a sentence with its facts. A missing fact is "" in the text; a fix that
// lacks one is left out, because half a command is of no use.
func Say(key Key, facts map[string]string) (text, fix string) {
	s, ok := table[key]
	if !ok {
		s = reasons[key]
	}
	fill := func(t string) (filled string, whole bool) {
		whole = true
		filled = placeholder.ReplaceAllStringFunc(t, func(word string) string {
			value := facts[word[1:len(word)-1]]
			whole = whole && value != ""
			return value
		})
		return filled, whole
	}
	text, _ = fill(s.Text)
	if filled, whole := fill(s.Fix); whole {
		fix = filled
	}
	return text, fix
}

// Message returns text and fix on a line each, as the packages of other languages show
// them; without a fix it is the text alone.
func Message(key Key, facts map[string]string) string {
	text, fix := Say(key, facts)
	switch {
	case text == "":
		return fix
	case fix == "":
		return text
	}
	return text + "\n" + fix
}
