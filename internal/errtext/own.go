package errtext

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/sentence"
)

// The sentences of package sentence, which acrkit and its packages in other languages
// print, are read by the table that they are printed from.

// right is a list of actions with its repository, if that is given: as
// content/read, content/write on "samples/app".
// Without a repository the words must be actions: "does not have any parts" is not a
// sentence of acrkit.
const (
	action = `[a-z]+/[a-z]+`
	right  = `(?:[^\s",]+(?:, [^\s",]+)* on "[^"\n]+"|` + action + `(?:, ` + action + `)*)`
)

// facts are the forms of the facts in a sentence.
var facts = map[string]string{
	"who":        `[^\n]+?`,
	"password":   `(?:password|two passwords|password from [^\n]+?)`,
	"right":      right + `(?: and ` + right + `)*`,
	"has":        `[^\n]+?`,
	"registry":   `(?:the registry|[^\s"]+)`,
	"repository": `[^"\n]+`,
	"reference":  `[^"\n]+`,
	"path":       `[^\s"]+`,
	"host":       `[^\s",;]+`,
	"status":     `\d{3}`,
	"why":        ``, // the inner error of the client, which the grammars read
	"said":       ``, // the message of the service, likewise
}

// ownSentences has the meaning of acrkit's sentences, by key. A sentence that is not
// listed says no more than the messages of others in it.
var ownSentences = compileOwn([]ownSentence{
	{key: sentence.NotAccepted, says: SaysNotAccepted, status: 401},
	{key: sentence.AdminNotAccepted, says: SaysNotAccepted, status: 401},
	{key: sentence.TokenNotAccepted, says: SaysTokenRefused, status: 401},
	{key: sentence.AccessNotAccepted, says: SaysTokenRefused, status: 401},
	{key: sentence.MissingAction, says: SaysRightMissing, status: 401},
	{key: sentence.MissingActions, says: SaysRightMissing, status: 401},
	{key: sentence.MissingSome, says: SaysRightMissing, status: 401},
	{key: sentence.MissingUnnamed, says: SaysRightMissing, status: 401},
	{key: sentence.Held, status: 401},
	{key: sentence.Catalog, says: SaysRightMissing, status: 401},
	{key: sentence.NoRepository, status: 404, code: "NAME_UNKNOWN"},
	{key: sentence.NoManifest, status: 404, code: "TAG_UNKNOWN"},
	{key: sentence.NoBlob, status: 404, code: "BLOB_UNKNOWN"},
	{key: sentence.OtherHost, says: SaysHostRefused},
	{key: sentence.ForeignRealm, says: SaysHostRefused},
	{key: sentence.ForeignAnswer, says: SaysHostRefused},
	{key: sentence.PlainHTTP, says: SaysHostRefused},
})

type ownSentence struct {
	key    sentence.Key
	says   Says
	status int
	code   string
	words  pattern
}

var factForm = regexp.MustCompile(`\\\{([a-z_]+)\\\}`)

func compileOwn(all []ownSentence) []ownSentence {
	table := sentence.Table()
	for i, s := range all {
		all[i].words = words(factForm.ReplaceAllStringFunc(regexp.QuoteMeta(table[s.key].Text),
			func(word string) string {
				name := factForm.FindStringSubmatch(word)[1]
				form, ok := facts[name]
				switch {
				case !ok:
					panic("package sentence has a fact without a form: " + name) // TestOwnSentences sees it
				case form == "":
					return ""
				}
				return "(?P<" + name + ">" + form + ")"
			}))
	}
	return all
}

// ownTokens finds acrkit's own sentences.
func ownTokens(text, lower string) []token {
	var all []token
	for _, s := range ownSentences {
		if !s.words.in(lower) {
			continue
		}
		for _, m := range s.words.re().FindAllStringSubmatchIndex(text, -1) {
			t := token{start: m[0], end: m[1], phase: Answer, kind: Answered, reach: far, says: s.says,
				status: s.status, code: s.code, own: true}
			if i := s.words.re().SubexpIndex("status"); i > 0 && m[2*i] >= 0 {
				t.status, _ = strconv.Atoi(text[m[2*i]:m[2*i+1]])
			}
			all = append(all, t)
		}
	}
	return all
}

// azRegistry is the registry in a command of az, as the fix of a sentence has it.
var azRegistry = words(`\baz acr [^\n]*--registry (?P<name>[A-Za-z0-9]{5,50})\b`)

// readOwn reads the right, the repository and the tag that acrkit's own sentences name,
// and the registry of the fix.
func (r *place) readOwn(text string) {
	lower := strings.ToLower(text)
	if m := azRegistry.re().FindStringSubmatch(text); m != nil && r.registry.IsZero() {
		if reg, err := acrkit.ParseRegistry(m[1]); err == nil {
			r.registry = reg
		}
	}
	for _, s := range ownSentences {
		if !s.words.in(lower) {
			continue
		}
		for _, m := range s.words.re().FindAllStringSubmatch(text, -1) {
			fact := func(name string) string {
				if i := s.words.re().SubexpIndex(name); i > 0 {
					return m[i]
				}
				return ""
			}
			if s.key == sentence.Catalog {
				r.require(acrkit.CatalogScope())
				r.named = true
			}
			if scope := rightsOf(fact("right")); !scope.IsEmpty() {
				r.require(scope)
				r.named = true
			}
			if name := fact("repository"); acrkit.CheckRepositoryName(name) == nil {
				r.repository = name
				if ref := fact("reference"); acrkit.IsTag(ref) || acrkit.IsDigest(ref) {
					r.target = ref
				}
			}
		}
	}
}

// rightsOf reads `content/read, content/write on "a" and content/read on "b"`.
func rightsOf(text string) acrkit.Scope {
	var scope acrkit.Scope
	text = strings.Join(strings.Fields(text), " ") // it may be wrapped
	for part := range strings.SplitSeq(text, `" and `) {
		words, name, ok := strings.Cut(strings.TrimSuffix(part, `"`), ` on "`)
		if !ok || acrkit.CheckRepositoryName(name) != nil {
			return acrkit.Scope{}
		}
		var actions []acrkit.Action
		for word := range strings.SplitSeq(words, ", ") {
			action, err := acrkit.ParseAction(word)
			if err != nil {
				return acrkit.Scope{}
			}
			actions = append(actions, action)
		}
		scope = scope.Union(acrkit.RepositoryScope(name, actions...))
	}
	return scope
}
