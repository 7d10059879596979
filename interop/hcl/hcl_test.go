package hcl

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

const rows = `LoginServer,Identity,Repository,OperationName,Count,First,Last
myregistry.azurecr.io,22222222-2222-2222-2222-222222222222,team/app,Push,7,2026-01-01T00:00:00Z,2026-02-01T00:00:00Z
myregistry.azurecr.io,22222222-2222-2222-2222-222222222222,base,Pull,7,2026-01-01T00:00:00Z,2026-02-01T00:00:00Z
`

// description has what HCL would read as something else.
const description = "of Jim's \"team\" \\ ${x} %{if} $5 \t\né \x7f"

// acrkit is the command, built once.
func acrkit(t *testing.T) func(args ...string) string {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "acrkit")
	build := exec.CommandContext(t.Context(), "go", "build", "-C", "../..", "-o", program, "./cmd/acrkit")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Dir = dir
		var notes strings.Builder
		cmd.Stderr = &notes
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%q: %v\n%s", args, err, notes.String())
		}
		return string(out)
	}
}

// attributes parses text and returns the attributes of its blocks, by the name of the attribute.
// A reference to a variable is its name.
func attributes(t *testing.T, text string) (blocks []map[string]cty.Value) {
	t.Helper()
	file, problems := hclsyntax.ParseConfig([]byte(text), "main.tf", hcl.InitialPos)
	if problems.HasErrors() {
		t.Fatalf("%v\n%s", problems, text)
	}
	for _, block := range file.Body.(*hclsyntax.Body).Blocks {
		if block.Type != "resource" || len(block.Labels) != 2 {
			t.Errorf("%s %q", block.Type, block.Labels)
		}
		values := map[string]cty.Value{}
		for name, a := range block.Body.Attributes {
			if len(a.Expr.Variables()) > 0 {
				values[name] = cty.StringVal("var." + a.Expr.Variables()[0][1].(hcl.TraverseAttr).Name)
				continue
			}
			v, problems := a.Expr.Value(nil)
			if problems.HasErrors() {
				t.Fatalf("%s: %v", name, problems)
			}
			values[name] = v
		}
		blocks = append(blocks, values)
	}
	return blocks
}

// TestTerraform: what is written for Terraform says to HashiCorp's parser what the other formats
// say.
func TestTerraform(t *testing.T) {
	run := acrkit(t)
	dir := t.TempDir()
	log, written := filepath.Join(dir, "rows.csv"), filepath.Join(dir, "map.json")
	if err := os.WriteFile(log, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(run("scope-map", "suggest", log, "--format", "lines"))
	data, err := json.Marshal(map[string]any{"name": "ci-push", "description": description, "actions": lines})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(written, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct{ text, name, description string }{
		"suggest": {run("scope-map", "suggest", log, "--format", "terraform"), "NAME", ""},
		"lint": {run("scope-map", "lint", written, "--fix", "--format", "terraform", "--registry", "myregistry"),
			"ci-push", description},
	} {
		blocks := attributes(t, want.text)
		if len(blocks) != 1 {
			t.Fatalf("%s: %d blocks", name, len(blocks))
		}
		var actions []string
		for _, v := range blocks[0]["actions"].AsValueSlice() {
			actions = append(actions, v.AsString())
		}
		if !slices.Equal(actions, lines) || len(actions) != 3 || blocks[0]["name"].AsString() != want.name ||
			blocks[0]["container_registry_name"].AsString() != "myregistry" ||
			blocks[0]["resource_group_name"].AsString() != "var.resource_group_name" {
			t.Errorf("%s: %v", name, blocks[0])
		}
		if d, ok := blocks[0]["description"]; ok != (want.description != "") || ok && d.AsString() != want.description {
			t.Errorf("%s: %#v", name, d)
		}
	}

	var list []struct{ RoleDefinitionName, Condition string }
	if err := json.Unmarshal([]byte(run("scope-map", "suggest", log, "--role-assignment", "--format", "json")),
		&list); err != nil || len(list) != 1 {
		t.Fatal(err, list)
	}
	blocks := attributes(t, run("scope-map", "suggest", log, "--role-assignment", "--format", "terraform"))
	if len(blocks) != 1 || blocks[0]["condition"].AsString() != list[0].Condition ||
		blocks[0]["role_definition_name"].AsString() != list[0].RoleDefinitionName ||
		blocks[0]["condition_version"].AsString() != "2.0" ||
		blocks[0]["scope"].AsString() != "var.container_registry_id" {
		t.Errorf("%v", blocks)
	}
}
