package mapfile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
)

const testLines = "repositories/team/app/content/read\nrepositories/team/app/metadata/read\n" +
	"repositories/team/web/metadata/read\nrepositories/lib/*/metadata/read\ngateway/edge/config/read"

func TestRead(t *testing.T) {
	quoted := `["` + strings.ReplaceAll(testLines, "\n", `","`) + `"]`
	tooMany := strings.Repeat("repositories/a/content/read\n", 501)
	for _, tc := range []struct{ name, in, err string }{
		{"lines", "# the map of ci-pull\n\n  " + strings.ReplaceAll(testLines, "\n", "\r\n  ") + "\n", ""},
		{"lines with comments", strings.ReplaceAll(testLines, "\n", " # why\n\t# and\n") + "\t#", ""},
		{"a # in a line", "repositories/a#b/content/read", "not a repository name"},
		{"lines with a mark", "\ufeff" + testLines, ""},
		{"array", quoted, ""},
		{"array with a mark", "\ufeff" + quoted, ""},
		{"az", `{"name":"ci-pull","actions":` + quoted + `,"type":"x","scopeMapType":"UserDefined"}`, ""},
		{"arm", `{"name":"ci-pull","properties":{"actions":` + quoted + `}}`, ""},
		{"arm list of one", `{"value":[{"name":"ci-pull","properties":{"actions":` + quoted + `}}],"nextLink":null}`, ""},
		{"az list of one", `[{"name":"ci-pull","actions":` + quoted + `}]`, ""},
		{"az list of two", `[{"name":"a","actions":[]},{"actions":[]}]`,
			"holds 2 scope maps; choose one as FILE#NAME: a, one without a name"},
		{"az list of many", `[` + strings.Repeat(`{"name":"a","actions":[]},`, 6) + `{"name":"b","actions":[]}]`,
			"holds 7 scope maps; choose one as FILE#NAME: a, a, a, a, a, and 2 more"},
		{"empty", " \n", "is empty"},
		{"nothing", "", "is empty"},
		{"comments", "# nothing yet\n", ""},
		{"no actions", `{"name":"x"}`, `without "actions"`},
		{"actions are null", `{"name":"x","actions":null,"properties":null}`, `without "actions"`},
		{"an object", `{}`, `without "actions"`},
		{"an empty list of ARM", `{"value":[]}`, `holds no scope map`},
		{"an error of ARM", `{"error":{"code":"AuthorizationFailed","message":"no"}}`, "failed: AuthorizationFailed"},
		{"actions twice", `{"actions":` + quoted + `,"actions":["repositories/*/content/write"]}`, "twice"},
		{"actions in capitals", `{"actions":` + quoted + `,"Actions":["repositories/*/content/write"]}`, "not spelled"},
		{"properties in capitals", `{"Properties":{"actions":` + quoted + `}}`, "not spelled"},
		{"actions twice in a list", `{"value":[{"actions":` + quoted + `,"actions":[]}]}`, "twice"},
		{"actions twice in an array", `[{"actions":` + quoted + `,"actions":[]}]`, "twice"},
		{"actions in capitals in an array", `[{"actions":` + quoted + `,"Actions":[]}]`, "not spelled"},
		{"actions twice in a template", `{"$schema":"x","resources":[{"type":"Microsoft.ContainerRegistry/registries/` +
			`scopeMaps","name":"r/m","properties":{"actions":[],"actions":[]}}]}`, "twice"},
		{"not JSON", `{"actions":`, "not JSON"},
		{"wrong array", `[1,2`, "not JSON"},
		{"an array of numbers", `[1,2]`, "not the JSON of a scope map"},
		{"text after it", `["repositories/a/content/read"] x`, "not JSON"},
		{"an array of verbs", `["push","pull"]`, "action 2"},
		{"an array of scopes", `["repository:a:pull"]`, "action 1"},
		{"an array of other texts", `["a","b"]`, "no line is of the form"},
		{"bad line", "repositories/team/*/x/content/read", "wildcard"},
		{"missing prefix", "app/content/read", "action 1"},
		{"table", "NAME TYPE\nci-pull x", "no line is of the form"},
		{"a README", "# acrkit\n\nSee repositories/ and so on.\n", "no line is of the form"},
		{"binary", "\x7fELF\x00\x00\n\x00", "no line is of the form"},
		{"UTF-16", "\xff\xfer\x00e\x00", "UTF-16"},
		{"too many", tooMany, "it has 501 actions"},
		{"too large", strings.Repeat("#", 16<<20+1), "larger than the limit"},
		{"a long line does not end the reading", "repositories/" + strings.Repeat("a", 1<<17) + "/content/read\n" +
			"repositories/a/content/push", "action 2"},
		{"a plan without values", `{"format_version":"1.2"}`, "neither planned values nor a state"},
		{"a plan without maps", `{"format_version":"1.2","planned_values":{"root_module":{}}}`, "holds no scope map"},
		{"a template without resources", `{"$schema":"x"}`, "no resources"},
		{"a template without maps", `{"$schema":"x","resources":[]}`, "holds no scope map"},
		{"a state", `{"format_version":"1.0","values":{"root_module":{"resources":[{"address":"a",
			"type":"azurerm_container_registry_scope_map","values":{"name":"n","actions":` + quoted + `}}]}}}`, ""},
		{"a state with a map that is looked up", `{"format_version":"1.0","values":{"root_module":{"resources":[
			{"address":"data.a","mode":"data","type":"azurerm_container_registry_scope_map","values":{"name":"_x",
			"actions":["repositories/*/content/read"]}},{"address":"a","mode":"managed",
			"type":"azurerm_container_registry_scope_map","values":{"name":"n","actions":` + quoted + `}}]}}}`, ""},
		{"a state with nothing but that", `{"format_version":"1.0","values":{"root_module":{"resources":[
			{"address":"data.a","mode":"data","type":"azurerm_container_registry_scope_map","values":{"name":"_x",
			"actions":["repositories/*/content/read"]}}]}}}`, "holds no scope map"},
		{"a plan with an action that is known later", `{"format_version":"1.2","planned_values":{"root_module":{
			"resources":[{"address":"a","type":"azurerm_container_registry_scope_map","values":{"name":"n",
			"actions":["repositories/a/content/read",null]}}]}}}`, "action 2 is known only after it was applied"},
		{"an azapi resource with such an action", `{"format_version":"1.2","planned_values":{"root_module":{
			"resources":[{"address":"a","type":"azapi_resource","values":{"name":"n",
			"type":"Microsoft.ContainerRegistry/registries/scopeMaps@2023-07-01","body":{"properties":{
			"actions":[null]}}}}]}}}`, "action 1 is known only after it was applied"},
		{"actions twice in a plan", `{"format_version":"1.0","values":{"root_module":{"resources":[{"address":"a.b",
			"type":"azurerm_container_registry_scope_map","values":{"actions":[],"actions":[]}}]}}}`, "twice"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, err := ReadOne("-", strings.NewReader(tc.in))
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("%v, want %q", err, tc.err)
				}
				if acrkit.CodeOf(err) != acrkit.CodeUsage || acrkit.HintOf(err) == "" {
					t.Errorf("code %q, hint %q", acrkit.CodeOf(err), acrkit.HintOf(err))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Split(testLines, "\n")
			if tc.name == "comments" {
				want = []string{}
			}
			if diff := cmp.Diff(want, m.Lines()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRead_file(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "map")
	if err := os.WriteFile(path, []byte("# a\n\n"+testLines), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Read(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if f.Form != FormLines || f.Path != path || !slices.Equal(f.Maps[0].Lines, []int{3, 4, 5, 6, 7}) {
		t.Errorf("%+v", f)
	}
	for arg, want := range map[string]string{
		path + "x":   "no such file",
		dir:          "it is a folder",
		path + "#ci": `holds no scope map "ci"; it has one without a name`,
		"":           "no such file",
	} {
		if _, err := Read(arg, nil); err == nil || acrkit.CodeOf(err) != acrkit.CodeUsage ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", arg, err)
		}
	}
	odd := filepath.Join(dir, "plan#2")
	if err := os.WriteFile(odd, []byte(testLines), 0o600); err != nil {
		t.Fatal(err)
	}
	if f, err := Read(odd, nil); err != nil || f.Path != odd {
		t.Errorf("a file whose name has the sign: %v, %v", f, err)
	}
}

// summary is a line for each map of a file.
func summary(f *File) (out []string) {
	for _, m := range f.Maps {
		text := fmt.Sprintf("%s|%s|%s|%q", m.Name, m.Address, m.Description, m.Actions)
		if m.Err != nil {
			text = fmt.Sprintf("%s|%s|%v", m.Name, m.Address, m.Err)
		}
		out = append(out, text)
	}
	return out
}

func TestRead_severalMaps(t *testing.T) {
	const later = "its actions are known only after it was applied"
	for path, want := range map[string][]string{
		"testdata/plan.json": {
			`ci-app|azurerm_container_registry_scope_map.ci|the pipeline|["repositories/samples/app/content/read" ` +
				`"repositories/samples/app/content/write"]`,
			`ci-app|module.team["a"].azurerm_container_registry_scope_map.ci|` + later,
			`pull-a|module.team["a"].azapi_resource.pull|pull|["repositories/a/*/content/read"]`,
			`pull-b|module.team["a"].azapi_resource.pull_text||["repositories/b/*/content/read"]`,
		},
		"testdata/template.json": {
			`within|within||["repositories/a/content/read"]`,
			`exported|[concat(parameters('registry'), '/exported')]|d|["repositories/b/content/read" ` +
				`"repositories/b/metadata/read"]`,
			`|[format('{0}/{1}', parameters('registry'), parameters('name'))]|its actions are an expression of the ` +
				`template, with a value only when it is deployed`,
			`made|[format('{0}/{1}', parameters('registry'), 'made')]|action 2 is an expression of the template, ` +
				`with a value only when it is deployed: [format('repositories/{0}/content/read', 'd')]`,
			`in-module|r/in-module||["repositories/e/content/read"]`,
		},
	} {
		f, err := Read(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, summary(f)); diff != "" {
			t.Error(path, diff)
		}
	}
	for arg, want := range map[string]string{
		"testdata/plan.json":                                         "holds 4 scope maps",
		"testdata/plan.json#pull-a":                                  "",
		"testdata/plan.json#PULL-A":                                  "", // ARM compares names so
		"testdata/template.json#made":                                "action 2 is an expression",
		"testdata/plan.json#old":                                     `holds no scope map "old"; it has ci-app, ci-app, pull-a, pull-b`,
		"testdata/plan.json#ci-app":                                  `holds 2 scope maps "ci-app"; choose by the address: azurerm_container`,
		"testdata/plan.json#azurerm_container_registry_scope_map.ci": "",
		`testdata/plan.json#module.team["a"].azurerm_container_registry_scope_map.ci`:      later,
		`testdata/plan.json#module.team["a"].azurerm_container_registry_scope_map.missing`: "holds no scope map",
	} {
		m, err := ReadOne(arg, nil)
		if want == "" && (err != nil || len(m.Rules) == 0) || want != "" && (err == nil ||
			!strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, %v, want %q", arg, m, err, want)
		}
	}
}

func TestRead_systemMaps(t *testing.T) {
	for in, want := range map[string]bool{
		`{"name":"_x","actions":[],"scopeMapType":"SystemDefined"}`:                                    true,
		`{"name":"_x","actions":[],"typePropertiesType":"SystemDefined"}`:                              true,
		`{"id":"/subscriptions/s","name":"_x","actions":[]}`:                                           true,
		`{"id":"/subscriptions/s","name":"x_x","actions":[]}`:                                          false,
		`{"name":"_x","actions":[]}`:                                                                   false,
		`{"name":"_x","actions":[],"type":"system"}`:                                                   true, // of acrkit
		`{"name":"x_x","actions":[],"type":"user"}`:                                                    false,
		`{"name":"_x","actions":[],"scopeMapType":"UserDefined"}`:                                      false,
		`{"name":"_x","properties":{"actions":[],"type":"SystemDefined"}}`:                             true,
		`{"name":"_x","properties":{"actions":[]},"type":"Microsoft.ContainerRegistry/registries/sc"}`: false,
	} {
		f, err := Read("-", strings.NewReader(in))
		if err != nil || f.Maps[0].System != want {
			t.Errorf("%s: %v, %v", in, f, err)
		}
	}
}

// TestRead_registry: a plan names the registry of a map, and so does the id that az prints.
func TestRead_registry(t *testing.T) {
	for arg, want := range map[string]string{
		`{"name":"x","actions":[],"id":"/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/` +
			`registries/MyReg/scopeMaps/x"}`: "myreg",
		`{"name":"x","actions":[]}`:          "",
		`{"id":"x","name":"x","actions":[]}`: "",
		"repositories/a/content/read":        "",
		`{"format_version":"1.0","values":{"root_module":{"resources":[{"type":"azurerm_container_registry_scope_map",` +
			`"values":{"name":"x","actions":[],"container_registry_name":"myreg"}}]}}}`: "myreg",
	} {
		f, err := Read("-", strings.NewReader(arg))
		if err != nil || f.Maps[0].Registry != want {
			t.Errorf("%s: %+v, %v, want %q", arg, f, err, want)
		}
	}
}

func TestRead_hint(t *testing.T) {
	for path, want := range map[string]string{"main.tf": "terraform show -json", "main.bicep": "az bicep build",
		"map.txt": "az acr scope-map show"} {
		file := filepath.Join(t.TempDir(), path)
		if err := os.WriteFile(file, []byte("resource {}"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Read(file, nil)
		if !strings.HasPrefix(acrkit.HintOf(err), want) || acrkit.CodeOf(err) != acrkit.CodeUsage {
			t.Errorf("%s: %v, %q", path, err, acrkit.HintOf(err))
		}
	}
}

func TestReadOne_names_few_of_many_wrong_lines(t *testing.T) {
	_, err := ReadOne("-", strings.NewReader(strings.Repeat("repositories/a/wrong\n", 400)))
	if err == nil || strings.Count(err.Error(), "\n") != 5 || !strings.HasSuffix(err.Error(), "and 395 more") {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("repositories/a/content/read\n# x\n"))
	f.Add([]byte(`["repositories/a/*/metadata/read"]`))
	f.Add([]byte(`{"actions":["repositories/*/metadata/read"],"properties":null}`))
	f.Add([]byte(`[{"properties":{"actions":["gateway/x/config/read"]}}]`))
	for _, path := range []string{"testdata/plan.json", "testdata/template.json"} {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := parse(data)
		if err != nil {
			return
		}
		for _, m := range file.Maps {
			if m.Err == nil && m.Actions == nil && file.Form != FormLines {
				t.Fatalf("%q: actions of %+v are not known, without an error", data, m)
			}
			if m.Lines != nil && len(m.Lines) != len(m.Actions) {
				t.Fatalf("%q: %+v", data, m)
			}
			v, err := m.Parse()
			if err != nil || len(v.Rules) == 0 {
				continue
			}
			// What was read, written as lines, is the same map.
			again, err := parse([]byte(strings.Join(v.Lines(), "\n")))
			if err != nil || !slices.Equal(again.Maps[0].Actions, v.Lines()) {
				t.Fatalf("%q: %q, then %+v (%v)", data, v.Lines(), again, err)
			}
		}
	})
}
