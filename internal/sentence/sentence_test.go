package sentence

import (
	"regexp"
	"testing"
)

// Every key has a sentence, and every sentence says something.
func TestTable(t *testing.T) {
	for key, s := range table {
		if s.Text == "" && s.Fix == "" {
			t.Errorf("%s says nothing", key)
		}
		for _, word := range regexp.MustCompile(`[{}]`).FindAllString(placeholder.ReplaceAllString(s.Text+s.Fix, ""),
			-1) {
			t.Errorf("%s has a stray %s", key, word)
		}
	}
}

func TestSay(t *testing.T) {
	facts := map[string]string{"who": `token "ci"`, "right": `metadata/read on "a"`, "token": "ci", "name": "r",
		"repository": "a", "actions": "metadata/read"}
	text, fix := Say(MissingAction, facts)
	if text != `the token "ci" does not have metadata/read on "a"` ||
		fix != "add it to the scope map of ci: az acr scope-map update --registry r --name SCOPE_MAP --add-repository a metadata/read" {
		t.Errorf("%q %q", text, fix)
	}
	delete(facts, "token")
	if _, fix := Say(MissingAction, facts); fix != "" {
		t.Errorf("half a command: %q", fix)
	}
	// A fact is never read as a placeholder.
	facts["who"] = "{right}"
	if text, _ := Say(MissingAction, facts); text != `the {right} does not have metadata/read on "a"` {
		t.Error(text)
	}
	if got := Message(NoRepository, map[string]string{"registry": "r",
		"repository": "a"}); got != `r has no repository "a"` {
		t.Error(got)
	}
	if got := Message(Other, nil); got != explain {
		t.Error(got)
	}
}

// TestFix: every key has a fix; with its facts it is whole, and without one it is none.
func TestFix(t *testing.T) {
	facts := map[string]string{"host": "r.azurecr.io", "name": "r", "scheme": "https", "repository": "a",
		"actions": "content/read", "token": "ci", "program": "docker-credential-x"}
	for key, text := range fixes {
		filled := Fix(key, facts)
		if filled == "" || regexp.MustCompile(`\{\{|\}\}|\{[a-z]+\}`).MatchString(filled) {
			t.Errorf("%s: %q", key, filled)
		}
		if needs := regexp.MustCompile(`(?:^|[^{])\{[a-z_]+\}`).MatchString(text); needs != (Fix(key, nil) == "") {
			t.Errorf("%s without facts: %q", key, Fix(key, nil))
		}
	}
	if got, want := Fix(ReachInTime, facts), `curl -sS -m 10 -o /dev/null -w '%{http_code}\n' https://r.azurecr.io/v2/    # 401 means that it can be reached`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := Fix("none", facts); got != "" {
		t.Errorf("%q", got)
	}
}
