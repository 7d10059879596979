package scopemap_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/difftest"
	"github.com/acrkit/acrkit/scopemap"
)

// brief returns each finding as "LINE KIND", with its severity unless it is a warning.
func brief(all []scopemap.Finding) []string {
	var out []string
	for _, f := range all {
		text := fmt.Sprintf("%d %s", f.Line, f.Kind)
		if f.Severity != scopemap.SeverityWarning {
			text += " (" + string(f.Severity) + ")"
		}
		out = append(out, text)
	}
	return out
}

func TestLint(t *testing.T) {
	full := strings.Repeat("a", acrkit.MaxRepositoryName-1)
	for _, tt := range []struct {
		name string
		in   []string
		want []string
	}{
		{"nothing", nil, nil},
		{"what a push and a list need", []string{"a cr,cw,mr"}, nil},
		{"all of it", []string{"a cr,cw,cd,mr,mw"}, nil},
		{"lock and unlock", []string{"a mr,mw"}, nil},
		{"list", []string{"a mr"}, nil},
		{"delete by a list", []string{"a cd,mr"}, nil},
		{"a name and what is under it", []string{"a cr,mr", "a/* cr,mr"}, nil},
		{"similar prefixes", []string{"apps/* cr,mr", "apps-previews/* cr,mr"}, nil},
		{"gateway lines", []string{"gateway/edge/config/read", "gateway/edge/message/write"}, nil},
		{"a copy of a sync token's map", []string{"a cr,cw,cd,mr,mw", "gateway/edge/config/read"}, nil},
		{"the read of a write comes from a wider line", []string{"* cr,mr", "a/b cw", "a/* cd"},
			[]string{"1 root-read (info)"}},
		{"the read of a write comes from a narrower line", []string{"a/* cw", "a/b cr"},
			[]string{"1 write-without-read"}},
		{"write", []string{"a cw"}, []string{"1 write-without-read"}},
		{"delete", []string{"a cr,cd"}, []string{"2 delete-without-metadata-read"}},
		{"metadata/write", []string{"a mw"}, []string{"1 metadata-write-without-metadata-read"}},
		{"push", []string{"a cr,cw"}, []string{"2 push-cannot-list-tags (info)"}},
		{"pull", []string{"a cr", "b/* cr"},
			[]string{"1 pull-only-cannot-list-tags (info)", "2 pull-only-cannot-list-tags (info)"}},
		{"duplicates", []string{"a cr,mr", "gateway/g/config/read", "a cr", "a mr", "gateway/g/config/read"},
			[]string{"4 duplicate", "5 duplicate", "6 duplicate"}},
		{"shadowed, before and after", []string{"a/b cr,mr", "a/* cr,mr", "a/b/c cr"},
			[]string{"1 shadowed", "2 shadowed", "5 shadowed"}},
		{"what is shadowed lacks nothing of its own", []string{"* cr,cw,mr", "a cw"},
			[]string{"2 root-too-broad", "4 shadowed"}},
		{"a lack is found once, where the widest line is", []string{"a/* cw", "a/b cw"},
			[]string{"1 write-without-read", "2 shadowed"}},
		{"pull and lock", []string{"a cr,mw"}, []string{"2 metadata-write-without-metadata-read"}},
		{"root, read", []string{"* mr", "a cr"}, []string{"1 root-read (info)"}},
		{"root, write", []string{"* cr,mr,cd"}, []string{"3 root-too-broad"}},
		{"root of a sync token", []string{"* cr,cw,cd,mr,mw", "gateway/g/config/read"},
			[]string{"2 root-too-broad (info)"}},
		{"a system map", []string{"* mr,cr"},
			[]string{"0 same-as-system-map (info)", "2 root-read (info)"}},
		{"a prefix without room", []string{full + "/* cr,mr"}, []string{"1 grants-nothing", "2 grants-nothing"}},
		{"a registry in a name", []string{"my.azurecr.io/a cr,mr"}, []string{
			"1 repository-named-like-registry (info)", "2 repository-named-like-registry (info)"}},
		{"a mirror of another registry", []string{"docker.io/library/nginx cr,mr"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			all := lines(t, tt.in...).Lines()
			found := scopemap.Lint(all)
			if diff := difftest.Diff(tt.want, brief(found)); diff != "" {
				t.Error(diff)
			}
			for _, f := range found {
				double := f.Kind == scopemap.Shadowed || f.Kind == scopemap.Duplicate
				if double != (f.Other > 0) || f.Kind == scopemap.Duplicate && f.Other >= f.Line {
					t.Errorf("%s: the other line is %d", f, f.Other)
				}
				if f.Kind == scopemap.Shadowed && !strings.HasPrefix(f.Reason, all[f.Other-1]+" ") ||
					f.Kind == scopemap.Duplicate && all[f.Other-1] != f.Text {
					t.Errorf("%s: the other line is %d", f, f.Other)
				}
			}
		})
	}
}

func TestLint_invalidLines(t *testing.T) {
	for _, tt := range []struct {
		line    string
		want    string // kinds
		instead string // after repositories/, unless it begins with gateway/
	}{
		{"samples/app/content/read", "missing-prefix", "samples/app/content/read"},
		{"samples/*/content/read", "missing-prefix", "samples/*/content/read"},
		{"Samples/App/content/read", "missing-prefix", "samples/app/content/read"},
		{"repo/content/read", "missing-prefix", "repo/content/read"},
		{"repository/app/content/read", "missing-prefix", "app/content/read"},
		{"repository/content/read", "missing-prefix", "repository/content/read"},
		{"samples/app/push", "missing-prefix invalid-action", "samples/app/content/read samples/app/content/write"},
		{"dev/**/content/read", "missing-prefix invalid-wildcard", "dev/*/content/read"},
		{"repositories/app/push", "invalid-action", "app/content/read app/content/write"},
		{"repositories/app/contentWrite", "invalid-action", "app/content/read app/content/write"},
		{"repositories/app/metadata_read", "invalid-action", "app/metadata/read"},
		{"repositories/app/metadata/list", "invalid-action", "app/metadata/read"},
		{"repositories/app/tags/read", "invalid-action", "app/metadata/read"},
		{"repositories/app/manifest/read", "invalid-action", "app/content/read"},
		{"repositories/app/metadata/delete", "invalid-action", "app/content/delete app/metadata/read"},
		{"repositories/app/lock", "invalid-action", "app/metadata/read app/metadata/write"},
		{"repositories/app/content/*", "invalid-action", ""},
		{"repositories/app/*", "invalid-action", ""},
		{"repositories/app/raed", "invalid-action", ""},
		{"repositories/*/*/pull", "invalid-action invalid-wildcard", "*/content/read"},
		{"repositories/dev/**/content/read", "invalid-wildcard", "dev/*/content/read"},
		{"repositories/dev/*/*/content/read", "invalid-wildcard", "dev/*/content/read"},
		{"repositories/**/content/read", "invalid-wildcard", "*/content/read"},
		{"repositories/dev/front-*/content/read", "invalid-wildcard", ""},
		{"repositories/dev*/content/read", "invalid-wildcard", ""},
		{"repositories/*/app/content/read", "invalid-wildcard", ""},
		{"repositories/app//content/read", "invalid-repository", "app/content/read"},
		{"repositories/app:v1/content/read", "invalid-repository", "app/content/read"},
		{"repositories/app@sha256:0a/content/delete", "invalid-repository", "app/content/delete"},
		{"repositories/App:/content/read", "invalid-repository", "app/content/read"},
		{"repositories/a b/content/read", "invalid-repository", ""},
		{"repositories/App/content/read", "upper-case", "app/content/read"},
		{"Repositories/app/Content/Read", "upper-case", "app/content/read"},
		{"Gateway/g/config/read", "upper-case", "gateway/g/config/read"},
		{"gateway/Edge1/config/read", "upper-case", "gateway/edge1/config/read"},
		{"gateways/edge1/message/read", "missing-prefix", "gateway/edge1/message/read"},
		{"gateway/g/config/delete", "invalid-action", ""},
		{"gateway/g", "invalid-action", ""},
		{" repositories/app/content/read\t", "invalid-line", "app/content/read"},
		{`"repositories/app/content/read",`, "invalid-line", "app/content/read"},
		{"/repositories/app/content/read", "invalid-line", "app/content/read"},
		{"", "invalid-line", ""},
		{"repositories", "invalid-line", ""},
		{"repositories/", "invalid-line", ""},
		{"repositories/content/read", "invalid-line", ""},
		{"repositories//content/read", "invalid-line", ""},
		{"repositories/content", "invalid-line", ""},
		{"repositories/pull", "invalid-line", ""},
		{"repositories/app", "invalid-action", ""},
		{"repositories/*", "invalid-action", ""},
		{"repositories/*/signatures/read", "invalid-action", "*/content/read"},
		{"repositories/lib/*/referrers/list", "invalid-action", "lib/*/metadata/read"},
		{"repositories/lib/*/base/pull", "invalid-action invalid-wildcard", ""},
		{"content/read", "invalid-action", ""},
		{"push", "invalid-action", ""},
		{"pull,push", "invalid-line", ""},
		{"repository:lib/app:pull,push", "invalid-action", "lib/app/content/read lib/app/content/write"},
		{"repository:lib/*:pull,metadata_read", "invalid-action", "lib/*/content/read lib/*/metadata/read"},
		{"repository:lib/app:pull,fly", "invalid-action", ""},
		{"repository:lib*:pull", "invalid-action", ""},
		{"repository:pull", "invalid-action", ""},
		{"Microsoft.ContainerRegistry/registries/pull/read", "invalid-action", ""},
		{"Microsoft.ContainerRegistry/registries/repositories/content/read", "invalid-action", ""},
		{"repositories/${var.app}/content/read", "invalid-repository", ""},
		{"repositories/${each.key}/*/content/write", "invalid-repository", ""},
		{"repositories/{{ app }}/pull", "invalid-action invalid-repository", ""},
		{"repositories/lib/<name>/content/read", "invalid-repository", ""},
		{"${var.prefix}/content/read", "invalid-repository", ""},
		{"app metadata/read content/read", "invalid-line", "app/metadata/read app/content/read"},
		{"--repository 'lib/*' content/write \\", "invalid-line", "lib/*/content/write"},
		{"--add-gateway Edge config/read message/write", "invalid-line",
			"gateway/edge/config/read gateway/edge/message/write"},
		{`content/write content/read \`, "invalid-line", ""},
		{"repositories/app metadata/read content/read", "invalid-line", "app/metadata/read app/content/read"},
		{"repositories/a/content/read, repositories/b/*/content/read", "invalid-line",
			"a/content/read b/*/content/read"},
		{"repositories/a/content/read and so on", "invalid-action", ""},
		{"- repositories/app/content/read", "invalid-line", "app/content/read"},
		{"registry:catalog:*", "invalid-line", ""},
		{"samples/app:pull", "invalid-line", ""},
		{"repositories/" + strings.Repeat("a", 600) + "/content/read", "invalid-line", ""},
	} {
		t.Run(fmt.Sprintf("%.40q", tt.line), func(t *testing.T) {
			// A line that is not understood may be the one that the write lacks.
			all := scopemap.Lint([]string{tt.line, "repositories/other/content/write"})
			var kinds []string
			for _, f := range all {
				kinds = append(kinds, string(f.Kind))
				var instead []string
				for _, line := range f.Instead {
					instead = append(instead, strings.TrimPrefix(line, "repositories/"))
				}
				if got := strings.Join(instead, " "); got != tt.instead && f.Kind != scopemap.MissingPrefix {
					t.Errorf("%s: instead %q, want %q", f.Kind, got, tt.instead)
				}
				if f.Line != 1 || f.Severity != scopemap.SeverityError || len(f.Text) > 512 || f.Reason == "" {
					t.Errorf("%+v", f)
				}
			}
			if diff := difftest.Diff(tt.want, strings.Join(kinds, " ")); diff != "" {
				t.Error(diff, all)
			}
			if tt.instead != "" && len(all) > 0 && all[len(all)-1].Instead == nil {
				t.Errorf("no line instead of %q", tt.line)
			}
		})
	}
}

func TestLint_reasons(t *testing.T) {
	for line, want := range map[string]string{
		"repositories/${var.Team}/*/content/read": "another program fills in",
		"repositories/lib/app":                    "is no action",
		"repositories/lib":                        "has no action after lib;",
		"repositories/pull":                       "names no repository",
		"content/write":                           "names no repository",
		"repositories/app:v1/content/read":        "a right is to all of a repository",
		"repository:app:pull":                     "the scope of a token",
		"gateways/edge1/config/read":              "begins with gateways/ instead of gateway/",
		"Microsoft.ContainerRegistry/registries/repositories/metadata/read": "a permission of a role",
		" \t": "is empty",
	} {
		found := scopemap.Lint([]string{line})
		if len(found) != 1 || !strings.Contains(found[0].Reason, want) {
			t.Errorf("%q: %v, want one with %q", line, found, want)
		}
	}
}

func TestLint_tooMany(t *testing.T) {
	var many []string
	for i := range scopemap.MaxActions + 1 {
		many = append(many, fmt.Sprintf("repositories/a%d/metadata/read", i))
	}
	if got := scopemap.Lint(many[1:]); got != nil {
		t.Errorf("%d lines: %v", scopemap.MaxActions, got)
	}
	got := scopemap.Lint(many)
	if diff := difftest.Diff([]string{"0 too-many-actions (error)"}, brief(got)); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(got[0].Reason, "501") {
		t.Error(got)
	}
}

func TestLintName(t *testing.T) {
	for name, want := range map[string]scopemap.FindingKind{
		"ci-pull":               "",
		"a_b_c":                 "",
		"Admin":                 "",
		"abcd":                  scopemap.InvalidName,
		"abcde":                 "",
		strings.Repeat("a", 50): "",
		strings.Repeat("a", 51): scopemap.InvalidName,
		"ci pull":               scopemap.InvalidName,
		"registry/ci-pull":      scopemap.InvalidName,
		"":                      scopemap.InvalidName,
		"_repositories_pull":    scopemap.ReservedName,
		"_mine":                 scopemap.ReservedName,
	} {
		got := scopemap.LintName(name)
		if want == "" && got != nil || want != "" && (len(got) != 1 || got[0].Kind != want ||
			got[0].Severity != scopemap.SeverityError) {
			t.Errorf("%q: %v, want %q", name, got, want)
		}
	}
}

func TestFinding_String(t *testing.T) {
	got := scopemap.Lint([]string{"repositories/a/content/write"})[0].String()
	const want = "line 1, repositories/a/content/write: warning: content/read is not granted on a: a push asks for " +
		"content/read as well, and is refused without it (write-without-read)"
	if diff := difftest.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got = scopemap.Lint([]string{"repositories/a/metadata/read", "repositories/a/metadata/read"})[0].String()
	const same = "line 2, repositories/a/metadata/read: warning: it is there already (line 1) (duplicate)"
	if diff := difftest.Diff(same, got); diff != "" {
		t.Error(diff)
	}
	if got := scopemap.LintName("_x")[0].String(); !strings.HasPrefix(got, "the map: error: ") {
		t.Error(got)
	}
}

// FuzzLint: nothing makes Lint panic, a map has an error exactly where Parse refuses it, the
// lines to have instead are valid, and a minimal map has no line too many.
func FuzzLint(f *testing.F) {
	f.Add("repositories/a/*/content/read\nrepositories/a/b/content/read\ngateway/g/config/read")
	f.Add("repositories/dev/**/push\nsamples/app/content/read\n\nrepositories//content/write")
	f.Add("repositories/*/content/delete\nRepositories/A/content/write")
	f.Fuzz(func(t *testing.T, text string) {
		in := strings.Split(text, "\n")
		found := scopemap.Lint(in)
		m, err := scopemap.Parse(in)
		bad := slices.ContainsFunc(found, func(f scopemap.Finding) bool { return f.Severity == scopemap.SeverityError })
		if bad != (err != nil) {
			t.Fatalf("%q: Parse: %v, Lint: %v", in, err, found)
		}
		for _, f := range found {
			if _, err := scopemap.Parse(f.Instead); err != nil {
				t.Fatalf("%q: instead %q: %v", in, f.Instead, err)
			}
			if f.Line < 0 || f.Line > len(in) || f.Reason == "" || len(f.String()) > 4000 {
				t.Fatalf("%q: %+v", in, f)
			}
		}
		if err != nil {
			return
		}
		least := scopemap.Minimal(m)
		if d := scopemap.Diff(m, least); !d.Same() {
			t.Fatalf("%q: minimal %q: %s", in, least.Lines(), d)
		}
		for _, f := range scopemap.Lint(least.Lines()) {
			switch f.Kind {
			case scopemap.Duplicate, scopemap.Shadowed, scopemap.GrantsNothing:
				t.Fatalf("%q: minimal %q: %s", in, least.Lines(), f)
			}
		}
	})
}
