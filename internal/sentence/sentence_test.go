package sentence

import (
	"maps"
	"regexp"
	"strings"
	"testing"
)

// Every key has a sentence, and every sentence says something.
func TestTable(t *testing.T) {
	all := maps.Clone(reasons)
	for key, s := range table {
		if _, twice := all[key]; twice {
			t.Errorf("%s is in both tables", key)
		}
		all[key] = s
	}
	for key, s := range all {
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
		fix != "add it to the scope map of ci: az acr scope-map update --registry r --name SCOPE_MAP "+
			"--add-repository a metadata/read" {
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

// TestFix: every key is in one table; with all facts a fix is complete, without one it is
// empty, and a draft has a word in capitals instead.
func TestFix(t *testing.T) {
	braces := regexp.MustCompile(`(^|[^{])\{([a-z_]+)\}`)
	seen := map[FixKey]bool{}
	for _, table := range tables {
		for key, text := range table {
			if seen[key] || text == "" {
				t.Errorf("%s is empty, or is in two tables", key)
			}
			seen[key] = true
			facts := map[string]string{}
			for _, m := range braces.FindAllStringSubmatch(text, -1) {
				facts[m[2]] = "x"
			}
			filled, draft := Fix(key, facts), Draft(key, nil)
			for name := range facts {
				if word := "{" + name + "}"; strings.Contains(filled+draft, word) {
					t.Errorf("%s keeps %s: %q, %q", key, word, filled, draft)
				}
			}
			if filled == "" || strings.Contains(filled+draft, "{{") || strings.Contains(filled, "\n") {
				t.Errorf("%s: %q", key, filled)
			}
			if (Fix(key, nil) == "") != (len(facts) > 0) || len(facts) > 0 &&
				!regexp.MustCompile(`[A-Z]{3}`).MatchString(draft) {
				t.Errorf("%s without facts: %q, %q", key, Fix(key, nil), draft)
			}
		}
	}
	facts := map[string]string{"host": "r.azurecr.io", "scheme": "https"}
	if got, want := Fix(ReachInTime, facts),
		`curl -sS -m 10 -o /dev/null -w '%{http_code}\n' https://r.azurecr.io/v2/    # 401 means that it can be reached`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := Draft(AddRights, map[string]string{"repository": "a"}),
		"az acr scope-map update --registry REGISTRY --name SCOPE_MAP --add-repository a ACTIONS"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := Fix("none", facts); got != "" {
		t.Errorf("%q", got)
	}
}

// TestCauses: every cause has all its sentences, and a fix; so has what an emulator says
// of it.
func TestCauses(t *testing.T) {
	all := map[string]Cause{}
	for _, part := range []map[string]Cause{generalCauses, credentialCauses, requestCauses} {
		for code, c := range part {
			if _, twice := all[code]; twice {
				t.Errorf("%s is in two tables", code)
			}
			all[code] = c
		}
	}
	for code, c := range all {
		if c.Title == "" || c.Symptom == "" || c.Difference == "" || c.Proof == "" || template(c.Fix) == "" {
			t.Errorf("%s: %+v", code, c)
		}
		if key := AtEmulator(code); template(key) == "" || key.OfAzure() {
			t.Errorf("%s at an emulator: %q", code, template(key))
		}
	}
	for code := range atEmulator {
		if all[code].Title == "" {
			t.Errorf("an emulator's fix is for %s, which is no cause", code)
		}
	}
	facts := map[string]string{"host": "localhost:5000"}
	for key, want := range map[FixKey]string{
		AllowEmulatorNetwork: "acrkit emulator network allow    # if localhost:5000 is acrkit's emulator",
		SetScopeMap: "acrkit emulator scope-map set SCOPE_MAP LINES    # if localhost:5000 is acrkit's emulator;" +
			" it replaces the scope map: list all its lines",
	} {
		if got := IfEmulator(key, facts); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
