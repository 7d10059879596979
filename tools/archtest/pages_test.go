package archtest

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// maxColumns is the length of a line of a page. A table's row, code, and what a program
// writes have no limit.
const maxColumns = 120

var (
	pageLink   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	pageAnchor = regexp.MustCompile(`<a id="([^"]+)">`)
	linkText   = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	codeSpan   = regexp.MustCompile("`[^`]*`")

	writtenPage  = regexp.MustCompile("(Written|Generated) by `go test|a test writes it")
	writtenBegin = regexp.MustCompile("^<!-- (written by|What is below is written by|begin of|codes:|bench:|trace:)")
	writtenEnd   = regexp.MustCompile("^<!-- (end|/)")
)

// page is one Markdown file: its anchors, and its links by the line they are in.
type page struct {
	anchors map[string]bool
	links   map[int][]string
	long    []int // lines that are too long
	words   int   // words that no test writes, code included
}

// maxWords is how many words of documentation people write by hand, in all pages but
// CHANGELOG.md: 20,000 of what there was before the control plane, and what tokens, their
// rotation, custom roles, scope maps and the logs of their use need. A page that grows needs
// another that shrinks.
const maxWords = 22_200

// readPage reads the lines of a page that are not code. The anchor of a heading is
// GitHub's.
func readPage(text string) page {
	p := page{anchors: map[string]bool{}, links: map[int][]string{}}
	seen := map[string]int{}
	code, written := false, false
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			code = !code
			continue
		}
		if code {
			if !written {
				p.words += wordsOf(line)
			}
			continue
		}
		switch {
		case writtenBegin.MatchString(line), i < 5 && writtenPage.MatchString(line):
			written = true
		case writtenEnd.MatchString(line):
			written = false
		}
		if !written && !strings.HasPrefix(line, "<!--") {
			p.words += wordsOf(line)
		}
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			slug := anchorOf(title)
			if n := seen[slug]; n > 0 {
				p.anchors[slug+"-"+strconv.Itoa(n)] = true
			} else {
				p.anchors[slug] = true
			}
			seen[slug]++
		}
		for _, m := range pageAnchor.FindAllStringSubmatch(line, -1) {
			p.anchors[m[1]] = true
		}
		for _, m := range pageLink.FindAllStringSubmatch(codeSpan.ReplaceAllString(line, "`"), -1) {
			p.links[i+1] = append(p.links[i+1], m[1])
		}
		if !written && !strings.HasPrefix(line, "|") && utf8.RuneCountInString(line) > maxColumns {
			p.long = append(p.long, i+1)
		}
	}
	return p
}

// wordsOf counts what has a letter or a digit between blanks.
func wordsOf(line string) int {
	n := 0
	for word := range strings.FieldsSeq(line) {
		if strings.ContainsFunc(word, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
			n++
		}
	}
	return n
}

func anchorOf(title string) string {
	title = linkText.ReplaceAllString(strings.TrimSpace(title), "$1")
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, title)
}

// readPages reads every page of the project, by its path from the root.
func readPages(t *testing.T) map[string]page {
	t.Helper()
	pages := map[string]page{}
	err := filepath.WalkDir(moduleRoot, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch d.Name() {
			case ".git", ".venv", "node_modules", "testdata", "results", "target": // not pages of the project
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(path) != ".md" || !d.Type().IsRegular() {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(moduleRoot, path)
		pages[filepath.ToSlash(name)] = readPage(string(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := pages["docs/README.md"]; !ok || len(pages) < 30 {
		t.Fatalf("%d pages were found, without docs/README.md or too few", len(pages))
	}
	return pages
}

// TestPageLinks follows the links of every page to a file of the project, and to a
// heading of a page.
func TestPageLinks(t *testing.T) {
	pages := readPages(t)
	for name, p := range pages {
		for line, links := range p.links {
			for _, link := range links {
				if strings.Contains(link, ":") { // a URL
					continue
				}
				file, anchor, _ := strings.Cut(link, "#")
				target := name
				if file != "" {
					target = filepath.ToSlash(filepath.Join(filepath.Dir(name), file))
				}
				if _, err := os.Stat(filepath.Join(moduleRoot, target)); err != nil {
					t.Errorf("%s:%d: %s: there is no such file", name, line, link)
				} else if other, ok := pages[target]; ok && anchor != "" && !other.anchors[anchor] {
					t.Errorf("%s:%d: %s: there is no such heading", name, line, link)
				}
			}
		}
	}
}

// TestPageIndex sees that docs/README.md leads to every page of docs.
func TestPageIndex(t *testing.T) {
	pages := readPages(t)
	listed := map[string]bool{}
	for _, links := range pages["docs/README.md"].links {
		for _, link := range links {
			listed["docs/"+link] = true
		}
	}
	for name := range pages {
		if dir := filepath.Dir(name); (dir == "docs" || dir == "docs/contributing") && name != "docs/README.md" &&
			!listed[name] {
			t.Errorf("docs/README.md does not list %s", name)
		}
	}
}

// TestPageColumns finds lines of pages that are too long.
func TestPageColumns(t *testing.T) {
	for name, p := range readPages(t) {
		for _, line := range p.long {
			t.Errorf("%s:%d: more than %d columns", name, line, maxColumns)
		}
	}
}

// TestPageWords counts the words that people write by hand. With -v it prints them by
// page.
func TestPageWords(t *testing.T) {
	pages := readPages(t)
	total := 0
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		if name != "CHANGELOG.md" {
			t.Logf("%6d %s", pages[name].words, name)
			total += pages[name].words
		}
	}
	t.Logf("%6d in all", total)
	if total > maxWords {
		t.Errorf("%d words of documentation are written by hand, more than %d: shorten a page, or let a test write it",
			total, maxWords)
	}
}

func TestReadPage(t *testing.T) {
	long := strings.Repeat("ä", maxColumns)
	p := readPage("# A `b`: [c](d.md#e)\n## A b c\n```\n[x](y)\n" + long + "z\n```\n" + long + "\n" + long + "z\n" +
		"|" + long + "\n<!-- written by t -->\n- " + long + "\n<!-- end -->\n<a id=\"f\"></a>`[g](h)`\n" +
		long + "zz\n")
	for _, anchor := range []string{"a-b-c", "a-b-c-1", "f"} {
		if !p.anchors[anchor] {
			t.Errorf("no anchor %q in %v", anchor, p.anchors)
		}
	}
	if len(p.links) != 1 || p.links[1][0] != "d.md#e" {
		t.Errorf("links %v", p.links)
	}
	// Headings 3 and 3, code 2, long lines 2, a row 1, the last line 3; nothing of the written part.
	if p.words != 14 {
		t.Errorf("%d words", p.words)
	}
	if len(p.long) != 2 || p.long[0] != 8 || p.long[1] != 14 {
		t.Errorf("long lines %v", p.long)
	}
}
