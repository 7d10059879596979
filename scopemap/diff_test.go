package scopemap_test

import (
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/difftest"
	"github.com/acrkit/acrkit/scopemap"
)

// lines reads rules of the short form "samples/* cr,mr".
func lines(tb testing.TB, short ...string) scopemap.Map {
	tb.Helper()
	words := map[string]acrkit.Action{"cr": acrkit.ContentRead, "cw": acrkit.ContentWrite,
		"cd": acrkit.ContentDelete, "mr": acrkit.MetadataRead, "mw": acrkit.MetadataWrite}
	var all []string
	for _, s := range short {
		name, actions, ok := strings.Cut(s, " ")
		if !ok {
			all = append(all, s)
			continue
		}
		for word := range strings.SplitSeq(actions, ",") {
			all = append(all, "repositories/"+name+"/"+words[word].String())
		}
	}
	return mustParse(tb, all...)
}

func TestDiff(t *testing.T) {
	long := strings.Repeat("a", acrkit.MaxRepositoryName-2)
	var letters []string
	for _, c := range "abcdefghijklmnopqrstuvwxyz0123456789" {
		letters = append(letters, long+"/"+string(c)+" cr")
	}
	for _, tt := range []struct {
		name          string
		before, after []string
		want          string
	}{
		{"nothing", nil, nil, "same rights"},
		{"order, duplicates, shadowed lines", []string{"a/* cr", "b mr"}, []string{"b mr", "a/b cr", "a/* cr", "b mr"},
			"same rights"},
		{"an exact name and what is under it are different", []string{"a cr"}, []string{"a/* cr"},
			"+ content/read on a/*\n- content/read on a"},
		{"neighbours with the same first letters", []string{"apps/* cr"}, []string{"apps-previews/* cr"},
			"+ content/read on apps-previews/*\n- content/read on apps/*"},
		{"all but what was granted", []string{"a/b cr", "a/c/* cr", "a/c/d cr", "x cr"}, []string{"a/* cr", "x cr"},
			"+ content/read on a/* except a/b, a/c/*"},
		{"each action by itself", []string{"a/b cr"}, []string{"a/* cr,cw,mr"},
			"+ content/read on a/* except a/b\n+ content/write, metadata/read on a/*"},
		{"the catalog", []string{"a/* mr"}, []string{"* cr,mr"},
			"+ content/read on *\n+ metadata/read on * except a/*; the catalog"},
		{"the catalog is lost", []string{"* mr"}, []string{"a mr"}, "- metadata/read on * except a; the catalog"},
		{"a wider line stays", []string{"* cr", "a cw"}, []string{"* cr"}, "- content/write on a"},
		{"gateway lines", []string{"gateway/a/config/read"}, []string{"gateway/b/config/read", "gateway/b/config/read"},
			"+ gateway/b/config/read\n- gateway/a/config/read"},
		{"a prefix without room for a name", nil, []string{long + "a/* cr", long + "/* cw"},
			"+ content/write on " + long + "/*"},
		{"every name of a full prefix", letters, []string{long + "/* cr"}, "same rights"},
		{"all names but one of a full prefix", letters[1:], []string{long + "/* cr"},
			"+ content/read on " + long + "/* except " +
				strings.ReplaceAll(strings.Join(sortedNames(letters[1:]), ", "), " cr", "")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := scopemap.Diff(lines(t, tt.before...), lines(t, tt.after...))
			if diff := difftest.Diff(tt.want, d.String()); diff != "" {
				t.Error(diff)
			}
			if got := d.Same(); got != (tt.want == "same rights") {
				t.Errorf("Same() = %v", got)
			}
			if got := d.Widens(); got != strings.Contains(tt.want, "+ ") {
				t.Errorf("Widens() = %v", got)
			}
		})
	}
}

// sortedNames moves the digits, which sort before letters, to the front.
func sortedNames(names []string) []string {
	digits := len(names) - 10
	return append(append([]string{}, names[digits:]...), names[:digits]...)
}

// TestDiff_unchecked: rules that no text gives grant nothing, so they make no difference.
func TestDiff_unchecked(t *testing.T) {
	m := scopemap.Map{Rules: []scopemap.Rule{{}, {Pattern: "a"}, {Pattern: "a", Action: 99},
		{Pattern: "A", Action: acrkit.ContentRead}, {Pattern: "a*", Action: acrkit.ContentRead},
		{Pattern: "/*", Action: acrkit.ContentRead}, {Pattern: "A/*", Action: acrkit.ContentRead}}}
	if d := scopemap.Diff(scopemap.Map{}, m); !d.Same() {
		t.Error(d)
	}
	if got := scopemap.Minimal(m); len(got.Rules) > 0 {
		t.Errorf("%q", got.Lines())
	}
}

func TestMinimal(t *testing.T) {
	long := strings.Repeat("a", acrkit.MaxRepositoryName-2)
	for _, tt := range []struct {
		name     string
		in, want []string
	}{
		{"nothing", nil, nil},
		{"nothing to leave out", []string{"b cr", "a cr", "a/* cr", "gateway/g/config/read"},
			[]string{"b cr", "a cr", "a/* cr", "gateway/g/config/read"}},
		{"duplicates", []string{"a cr", "gateway/g/config/read", "a cr", "gateway/g/config/read"},
			[]string{"a cr", "gateway/g/config/read"}},
		{"shadowed, before and after", []string{"a/b cr", "a/b/* cr", "a/* cr", "a/c cr", "a cr"},
			[]string{"a/* cr", "a cr"}},
		{"shadowed by the root", []string{"a cr,cw", "b/* cr", "* cr"}, []string{"a cw", "* cr"}},
		{"siblings are not a wildcard", []string{"a/b cr", "a/c cr"}, []string{"a/b cr", "a/c cr"}},
		{"other gateways are others", []string{"gateway/*/config/read", "gateway/g/config/read"},
			[]string{"gateway/*/config/read", "gateway/g/config/read"}},
		{"a prefix without room for a name", []string{long + "a/* cr", long + "/* cw"}, []string{long + "/* cw"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := lines(t, tt.in...)
			in.Name, in.Description = "ci", "text"
			got := scopemap.Minimal(in)
			if diff := difftest.Diff(lines(t, tt.want...).Lines(), got.Lines()); diff != "" {
				t.Error(diff)
			}
			if got.Name != "ci" || got.Description != "text" {
				t.Errorf("%+v", got)
			}
		})
	}
	var full []string
	for _, c := range "9abcdefghijklmnopqrstuvwxyz012345678" {
		full = append(full, long+"/"+string(c)+" cr")
	}
	if got := scopemap.Minimal(lines(t, append(full, "b cr")...)); len(got.Rules) != 2 ||
		got.Rules[0].Pattern != scopemap.Pattern(long+"/*") || got.Rules[1].Pattern != "b" {
		t.Errorf("every name of a full prefix: %q", got.Lines())
	}
}
