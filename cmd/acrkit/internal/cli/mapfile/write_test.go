package mapfile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/scopemap"
)

func TestWrite(t *testing.T) {
	m, err := scopemap.Parse([]string{"repositories/samples/*/content/read", "gateway/edge/config/read",
		"repositories/base/content/read", "repositories/samples/*/metadata/read", "gateway/edge/message/write"})
	if err != nil {
		t.Fatal(err)
	}
	for as, want := range map[Format]string{
		AsLines: "repositories/samples/*/content/read\ngateway/edge/config/read\nrepositories/base/content/read\n" +
			"repositories/samples/*/metadata/read\ngateway/edge/message/write\n",
		AsArray: `[
  "repositories/samples/*/content/read",
  "gateway/edge/config/read",
  "repositories/base/content/read",
  "repositories/samples/*/metadata/read",
  "gateway/edge/message/write"
]
`,
		AsAz: "az acr scope-map create --registry REGISTRY --name NAME --repository 'samples/*' content/read " +
			"metadata/read --gateway edge config/read message/write --repository base content/read\n",
		AsTerraform: `resource "azurerm_container_registry_scope_map" "scope_map" {
  name                    = "NAME"
  container_registry_name = var.container_registry_name
  resource_group_name     = var.resource_group_name

  actions = [
    "repositories/samples/*/content/read",
    "gateway/edge/config/read",
    "repositories/base/content/read",
    "repositories/samples/*/metadata/read",
    "gateway/edge/message/write",
  ]
}
`,
	} {
		if diff := cmp.Diff(want, Write(m, as, "")); diff != "" {
			t.Errorf("%s: %s", as, diff)
		}
	}
	m.Name, m.Description, m.Rules = "ci-pull", `of Jim's "team" <ci> ${x} %{if} $5`+"\n", m.Rules[2:3]
	for as, want := range map[Format]string{
		AsAz: "az acr scope-map create --registry myregistry --name ci-pull --description " +
			`'of Jim'\''s "team" <ci> ${x} %{if} $5` + "\n' --repository base content/read\n",
		AsTerraform: `resource "azurerm_container_registry_scope_map" "ci_pull" {
  name                    = "ci-pull"
  description             = "of Jim's \"team\" <ci> $${x} %%{if} $5\n"
  container_registry_name = "myregistry"
  resource_group_name     = var.resource_group_name

  actions = [
    "repositories/base/content/read",
  ]
}
`,
		AsJSON: `{
  "name": "ci-pull",
  "description": "of Jim's \"team\" <ci> ${x} %{if} $5\n",
  "actions": [
    "repositories/base/content/read"
  ]
}
`,
	} {
		if diff := cmp.Diff(want, Write(m, as, "myregistry")); diff != "" {
			t.Errorf("%s: %s", as, diff)
		}
	}
}

// TestWrite_isRead: what is written as lines or JSON is read as the same map.
func TestWrite_isRead(t *testing.T) {
	for _, lines := range [][]string{{}, {"repositories/a/*/content/read", "gateway/*/config/read"}} {
		m, err := scopemap.Parse(lines)
		if err != nil {
			t.Fatal(err)
		}
		for _, as := range []Format{AsLines, AsArray, AsJSON} {
			text := Write(m, as, "")
			if len(lines) == 0 && as == AsLines {
				if text != "" {
					t.Errorf("%q", text)
				}
				continue
			}
			got, err := ReadOne("-", strings.NewReader(text))
			if err != nil || !cmp.Equal(got.Lines(), m.Lines()) {
				t.Errorf("%s: %q: %q, %v", as, text, got.Lines(), err)
			}
		}
	}
}

func TestLabel(t *testing.T) {
	for name, want := range map[string]string{"": "scope_map", "ci-pull": "ci_pull", "5team": "_5team",
		"a.b é": "a_b__", "_x": "_x"} {
		if got := label(name); got != want {
			t.Errorf("label(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestFile_Without(t *testing.T) {
	const read = "repositories/a/b/content/read"
	var full, names []string
	base := strings.Repeat("a", acrkit.MaxRepositoryName-2)
	for _, c := range "abcdefghijklmnopqrstuvwxyz0123456789" {
		names = append(names, fmt.Sprintf("repositories/%s/%c/content/read", base, c))
	}
	full = append(append(full, "# all of them"), names...)
	for name, tt := range map[string]struct{ in, want string }{
		"nothing to do": {"# a\n\n" + read + "\n", "# a\n\n" + read + "\n"},
		"no line break at the end": {"repositories/a/*/content/read\n" + read,
			"repositories/a/*/content/read\n"},
		"comments, blanks and line ends stay": {
			"# one\r\n  " + read + "\r\n\r\n\t# two\r\n" + read + "\r\n# three",
			"# one\r\n  " + read + "\r\n\r\n\t# two\r\n# three"},
		"the wider line comes later": {"# narrow\n" + read + "\n# wide\nrepositories/a/*/content/read\n",
			"# narrow\n# wide\nrepositories/a/*/content/read\n"},
		"a wildcard for all its names": {strings.Join(full, "\n") + "\nrepositories/b/content/read\n",
			"# all of them\nrepositories/" + base + "/*/content/read\nrepositories/b/content/read\n"},
		"a comment after an action goes with it": {read + " # one\n" + read + "\t# two\n", read + " # one\n"},
		"a byte order mark":                      {"\ufeff" + read + "\n" + read + "\n", read + "\n"},
	} {
		f, err := Read("-", strings.NewReader(tt.in))
		if err != nil {
			t.Fatal(err)
		}
		m, err := f.One()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, f.Without(scopemap.Minimal(m))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if got, want := f.Comments(), strings.Count(tt.in, "#"); got != want {
			t.Errorf("%s: %d comments, want %d", name, got, want)
		}
	}
}
