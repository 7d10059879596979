package walk

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// block is a fenced block of a page.
type block struct {
	line     int // of the fence, from 1
	language string
	text     string
	verb     string // "", "file", "main", "as", "prints", "fails" or "not run"
	argument string
}

var (
	fileMark = regexp.MustCompile(`^<!-- file: (\S+) -->$`)
	walkMark = regexp.MustCompile(`^<!-- walk: (main|as|prints|fails,|not run,)(?: (.+))? -->$`)
)

// readBlocks reads the fenced blocks of a page.
func readBlocks(page string) ([]block, error) {
	var all []block
	var current *block
	verb, argument := "", ""
	for i, line := range strings.Split(page, "\n") {
		switch {
		case current != nil && line == "```":
			all = append(all, *current)
			current = nil
		case current != nil:
			current.text += line + "\n"
		case strings.HasPrefix(line, "```"):
			current = &block{line: i + 1, language: strings.TrimPrefix(line, "```"), verb: verb, argument: argument}
			verb, argument = "", ""
		case strings.HasPrefix(line, "<!-- file:"):
			m := fileMark.FindStringSubmatch(line)
			if m == nil {
				return nil, fmt.Errorf("line %d: %q is no mark of package walk", i+1, line)
			}
			verb, argument = "file", m[1]
		case strings.HasPrefix(line, "<!-- walk:"):
			m := walkMark.FindStringSubmatch(line)
			if m == nil {
				return nil, fmt.Errorf("line %d: %q is no mark of package walk", i+1, line)
			}
			verb, argument = strings.TrimSuffix(m[1], ","), m[2]
		case verb != "" && line != "":
			return nil, fmt.Errorf("line %d: a walk mark without a block below it", i+1)
		}
	}
	if current != nil {
		return nil, fmt.Errorf("line %d: the block does not end", current.line)
	}
	return all, nil
}

// check says what is wrong with a block's mark, or "".
func (b block) check() string {
	shell := b.language == "sh" || b.language == "console"
	switch {
	case b.verb == "not run" && b.argument == "":
		return "it is not run, and no reason is given"
	case b.verb == "not run":
		return ""
	case b.verb == "file" && (b.argument == "" || !filepath.IsLocal(b.argument)):
		return "its file has no name, or one outside the folder"
	case (b.verb == "as" || b.verb == "prints" || b.verb == "fails") && b.argument == "":
		return "its mark is not complete"
	case (b.verb == "as" || b.verb == "prints" || b.verb == "fails") && !shell:
		return "only a shell block is run as it is"
	case b.verb == "main" && mains[b.language] == nil:
		return "no program is made of this language"
	case b.verb == "" && !shell:
		return "no test runs it: say what it is with a walk mark"
	}
	return ""
}

// pages are the pages that are walked, from the folder of this package.
func pages(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("../../sdk/*/README.md")
	if err != nil {
		t.Fatal(err)
	}
	all = append(all, "../../README.md")
	slices.Sort(all)
	return all
}

// TestPages reads the pages: every block says how it is run.
func TestPages(t *testing.T) {
	for _, page := range pages(t) {
		b, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		blocks, err := readBlocks(string(b))
		if err != nil {
			t.Errorf("%s: %v", page, err)
		}
		for _, b := range blocks {
			if why := b.check(); why != "" {
				t.Errorf("%s:%d: %s", page, b.line, why)
			}
		}
	}
}

func TestReadBlocks(t *testing.T) {
	for page, want := range map[string]string{
		"```sh\na\n```\n":                          "[{1 sh a\n  }]",
		"<!-- file: a.py -->\n```python\nx\n```\n": "[{2 python x\n file a.py}]",
		"<!-- walk: main -->\n\n```go\nx\n```\n":   "[{3 go x\n main }]",
		"<!-- walk: fails, not accepted -->\n```sh\nx\n```\n```sh\ny\n```": "[{2 sh x\n fails not accepted} {5 sh " +
			"y\n  }]",
		"<!-- walk: runs -->\n":                 "line 1: \"<!-- walk: runs -->\" is no mark of package walk",
		"<!-- walk: main -->\ntext\n":           "line 2: a walk mark without a block below it",
		"```sh\na\n":                            "line 1: the block does not end",
		"<!-- walk: not run, x -->\n```\n```\n": "[{2   not run x}]",
	} {
		blocks, err := readBlocks(page)
		got := fmt.Sprint(blocks)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q:\n got %s\nwant %s", page, got, want)
		}
	}
	for mark, want := range map[block]bool{
		{language: "sh"}: true, {language: "python"}: false, {language: "python", verb: "file", argument: "a.py"}: true,
		{language: "python", verb: "file", argument: "../a.py"}: false, {language: "python", verb: "file"}: false,
		{language: "go", verb: "main"}: true, {language: "cobol", verb: "main"}: false,
		{language: "go", verb: "prints", argument: "x"}: false,
		{language: "sh", verb: "fails"}:                 false, {language: "sh", verb: "as", argument: "ci-push"}: true,
		{language: "x", verb: "not run"}: false, {language: "x", verb: "not run", argument: "y"}: true,
	} {
		if got := mark.check() == ""; got != want {
			t.Errorf("%+v: %q", mark, mark.check())
		}
	}
}
