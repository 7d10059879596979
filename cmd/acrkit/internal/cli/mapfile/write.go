package mapfile

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/acrkit/acrkit/internal/shell"
	"github.com/acrkit/acrkit/scopemap"
)

// Format is a form in which a scope map is written.
type Format string

// The formats.
const (
	AsLines     Format = "lines"
	AsJSON      Format = "json"      // an object with name, description and actions
	AsArray     Format = "array"     // a JSON array of the actions
	AsAz        Format = "az"        // the command that makes the map
	AsTerraform Format = "terraform" // a resource of the provider azurerm
)

// Formats are the words of all formats.
var Formats = []string{string(AsLines), string(AsJSON), string(AsArray), string(AsAz), string(AsTerraform)}

// Write returns a scope map as text that ends with a line break. The registry is its name; if
// it or the map's name is empty, a word in capitals or a variable is in its place.
func Write(m scopemap.Map, as Format, registry string) string {
	switch as {
	case AsJSON:
		return indented(struct {
			Name        string   `json:"name,omitempty"`
			Description string   `json:"description,omitempty"`
			Actions     []string `json:"actions"`
		}{m.Name, m.Description, m.Lines()})
	case AsArray:
		return indented(m.Lines())
	case AsAz:
		return azCommand(m, registry)
	case AsTerraform:
		return terraformResource(m, registry)
	}
	return strings.Join(append(m.Lines(), ""), "\n")
}

func indented(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // texts, into memory
	return b.String()
}

// azCommand returns az acr scope-map create, with one flag for each repository.
func azCommand(m scopemap.Map, registry string) string {
	command := []string{"az acr scope-map create", "--registry", shell.Quote(cmp.Or(registry, "REGISTRY")),
		"--name", shell.Quote(cmp.Or(m.Name, "NAME"))}
	if m.Description != "" {
		command = append(command, "--description", shell.Quote(m.Description))
	}
	return strings.Join(append(command, azFlags("", m.Rules)...), " ") + "\n"
}

// AzUpdate returns the command that changes the lines of a scope map to others; "" if they are
// the same.
func AzUpdate(from, to scopemap.Map, registry string) string {
	without := func(a, b []scopemap.Rule) []scopemap.Rule {
		return slices.DeleteFunc(slices.Clone(a), func(r scopemap.Rule) bool { return slices.Contains(b, r) })
	}
	flags := append(azFlags("add-", without(to.Rules, from.Rules)),
		azFlags("remove-", without(from.Rules, to.Rules))...)
	if len(flags) == 0 {
		return ""
	}
	command := []string{"az acr scope-map update", "--registry", shell.Quote(cmp.Or(registry, "REGISTRY")),
		"--name", shell.Quote(cmp.Or(from.Name, "NAME"))}
	return strings.Join(append(command, flags...), " ") + "\n"
}

// azFlags returns a flag for each repository and gateway, in their order, with its actions.
func azFlags(prefix string, rules []scopemap.Rule) (all []string) {
	var flags []string
	actions := map[string][]string{}
	for _, r := range rules {
		flag, action := "--"+prefix+"repository "+shell.Quote(string(r.Pattern)), r.Action.String()
		if r.IsGateway() {
			parts := strings.SplitN(r.String(), "/", 3)
			flag, action = "--"+prefix+"gateway "+shell.Quote(parts[1]), parts[2]
		}
		if actions[flag] == nil {
			flags = append(flags, flag)
		}
		actions[flag] = append(actions[flag], action)
	}
	for _, flag := range flags {
		all = append(all, flag, strings.Join(actions[flag], " "))
	}
	return all
}

// terraformResource returns a resource as terraform fmt writes it.
func terraformResource(m scopemap.Map, registry string) string {
	var b strings.Builder
	attribute := func(name, value string) { fmt.Fprintf(&b, "  %-23s = %s\n", name, value) }
	registryName := "var.container_registry_name"
	if registry != "" {
		registryName = HCLString(registry)
	}
	fmt.Fprintf(&b, "resource %q %q {\n", azurermScopeMap, label(m.Name))
	attribute("name", HCLString(cmp.Or(m.Name, "NAME")))
	if m.Description != "" {
		attribute("description", HCLString(m.Description))
	}
	attribute("container_registry_name", registryName)
	attribute("resource_group_name", "var.resource_group_name")
	b.WriteString("\n  actions = [\n")
	for _, line := range m.Lines() {
		fmt.Fprintf(&b, "    %s,\n", HCLString(line))
	}
	b.WriteString("  ]\n}\n")
	return b.String()
}

// label returns a name that Terraform accepts for the resource of a map.
func label(name string) string {
	text := strings.Map(func(c rune) rune {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' {
			return c
		}
		return '_'
	}, cmp.Or(name, "scope_map"))
	if c := text[0]; '0' <= c && c <= '9' {
		return "_" + text
	}
	return text
}

// HCLString writes a text in quotes.
//
// Source: HashiCorp, "HCL Native Syntax Specification", template expressions.
func HCLString(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i, c := range text {
		switch {
		case c == '"' || c == '\\':
			b.WriteString(`\` + string(c))
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, c)
		case (c == '$' || c == '%') && strings.HasPrefix(text[i+1:], "{"):
			b.WriteString(string(c) + string(c))
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// Without returns the text of a file of lines with only the lines of least, the [scopemap.Minimal]
// of its map: empty lines stay, and comments, except those after an action that goes.
func (f *File) Without(least scopemap.Map) string {
	keep := least.Lines()
	has := map[string]bool{}
	for _, line := range f.Maps[0].Actions {
		has[line] = true
	}
	var b strings.Builder
	for raw := range strings.Lines(f.Text) {
		line := action(raw)
		switch {
		case line == "":
		case len(keep) == 0:
			continue
		case line != keep[0]:
			if has[keep[0]] {
				continue
			}
			raw = strings.Replace(raw, line, keep[0], 1) // a wildcard in the place of all its names
			keep = keep[1:]
		default:
			keep = keep[1:]
		}
		b.WriteString(raw)
	}
	return b.String()
}

// Comments counts the comments of a file of lines.
func (f *File) Comments() (n int) {
	if f.Form != FormLines {
		return 0
	}
	for line := range strings.Lines(f.Text) {
		if action(line) != strings.TrimSpace(line) {
			n++
		}
	}
	return n
}
