package seed

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/acrkit/acrkit/emulator/internal/service"
	"github.com/acrkit/acrkit/internal/condition"
	"github.com/acrkit/acrkit/internal/imagegen"
	"github.com/acrkit/acrkit/scopemap"
)

var update = flag.Bool("update", false, "write seed.schema.json")

// object is a JSON object whose keys keep their order.
type object []pair

type pair struct {
	key   string
	value any
}

// MarshalJSON writes the keys in their order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, p := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		value, err := json.Marshal(p.value)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "%q:%s", p.key, value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// form is a form of text that a field tag names.
type form struct {
	text object // of the text itself
	list object // of a list of such texts
}

// A word of digits alone is a number in YAML, and text in a seed.
var textOrNumber = []string{"string", "number"}

// formsOfText are the forms. Patterns and limits are those that the check uses.
func formsOfText() map[string]form {
	matching := func(pattern fmt.Stringer) object {
		return object{{"type", textOrNumber}, {"pattern", pattern.String()}}
	}
	oneOf := func(words ...string) form { return form{text: object{{"enum", words}}} }
	claim := object{{"type", textOrNumber}, {"maxLength", maxClaim}}
	example := func(examples ...string) object { return object{{"type", "string"}, {"examples", examples}} }
	return map[string]form{
		"guid": {text: object{{"type", "string"},
			{"pattern", "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"}}},
		"text":          {text: object{{"type", textOrNumber}, {"maxLength", maxDescription}}},
		"word":          {text: object{{"type", textOrNumber}, {"minLength", 1}}},
		"pem":           {text: object{{"type", "string"}, {"pattern", "^\\s*-----BEGIN "}}},
		"claim":         {text: append(claim, pair{"minLength", 1})},
		"optionalClaim": {text: claim},
		"registryName":  {text: matching(registryNameRE)},
		"scopeMapName":  {text: matching(scopeMapNameRE)},
		"tokenName": {text: append(matching(tokenNameRE),
			pair{"not", object{{"const", service.RefreshTokenUser}}})},
		"longText":      {text: object{{"type", textOrNumber}, {"maxLength", maxRoleDescription}}},
		"access":        oneOf(enabled, disabled),
		"networkAction": oneOf(allow, deny),
		"ipRule":        {text: example("10.0.0.1", "10.0.0.0/8"), list: object{{"maxItems", service.MaxIPRules}}},
		"tags": {text: object{{"type", []string{"object", "null"}}, {"maxProperties", service.MaxTags},
			{"propertyNames", object{{"minLength", 1}, {"maxLength", service.MaxTagName}}},
			{"additionalProperties", object{{"type", textOrNumber}, {"maxLength", service.MaxTagValue}}}}},
		"settings": {text: object{{"type", []string{"object", "null"}},
			{"propertyNames", object{{"enum", service.SettingNames()}}},
			{"additionalProperties", object{{"type", textOrNumber}}}}},
		"groupName":  {text: matching(groupNameRE)},
		"location":   {text: matching(locationRE)},
		"sku":        oneOf("Basic", "Standard", "Premium"),
		"mode":       oneOf(service.ModeLegacy, service.ModeABAC),
		"status":     oneOf("enabled", "disabled"),
		"slot":       oneOf(service.Password1, service.Password2),
		"role":       {text: example(service.RoleNames()...)},
		"roleName":   {text: object{{"type", textOrNumber}, {"minLength", 1}, {"maxLength", maxRoleName}}},
		"roleText":   {text: object{{"type", textOrNumber}, {"maxLength", maxRoleText}}},
		"roleAction": {text: example("Microsoft.ContainerRegistry/registries/read", "*/read")},
		"roleScope": {text: example("/subscriptions/33333333-3333-3333-3333-333333333333"),
			list: object{{"maxItems", maxRoleScopes}}},
		"repositoryName": {text: object{{"type", textOrNumber}, {"minLength", 1}, {"maxLength", 255}}},
		"condition": {text: append(example("@Request["+condition.Attribute+"] StringStartsWith 'samples/'"),
			pair{"maxLength", condition.MaxLength})},
		"tag": {text: object{{"type", textOrNumber},
			{"pattern", "^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$"}}},
		"platform": {text: example("linux/amd64", "linux/arm64", "linux/arm/v7"),
			list: object{{"maxItems", imagegen.MaxPlatforms}, {"uniqueItems", true}}},
		"action": {text: object{{"type", "string"}, {"pattern", "^(repositories|gateway)/"},
			{"examples", []string{"repositories/samples/*/content/read"}}},
			list: object{{"maxItems", scopemap.MaxActions}}},
	}
}

// comments returns the comment of each field of the package's structs, by TYPE.FIELD.
func comments(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "seed.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		if s, ok := spec.Type.(*ast.StructType); ok {
			for _, f := range s.Fields.List {
				text := f.Doc.Text() + f.Comment.Text()
				out[spec.Name.Name+"."+f.Names[0].Name] = strings.Join(strings.Fields(text), " ")
			}
		}
		return false
	})
	return out
}

// generator makes the schema from the types.
type generator struct {
	t        *testing.T
	comments map[string]string
	forms    map[string]form
	used     map[string]bool   // forms
	types    map[string]object // of structs and the special types, by their place in $defs
}

func ref(name string) object { return object{{"$ref", "#/$defs/" + name}} }

// generate returns the schema as JSON text.
func generate(t *testing.T) string {
	g := &generator{t: t, comments: comments(t), forms: formsOfText(), used: map[string]bool{},
		types: map[string]object{}}
	root := append(object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"$id", "https://github.com/acrkit/acrkit/emulator/seed/seed.schema.json"},
		{"title", "acrkit emulator seed"},
		{"description", "What the emulator holds when it starts."},
	}, g.ofStruct(reflect.TypeFor[Seed]())...)
	for name, f := range g.forms {
		if !g.used[name] {
			t.Errorf("no field has text of the form %s", name)
		}
		if _, ok := g.types[name]; ok {
			t.Errorf("%s is a form and a type", name)
		}
		g.types[name] = f.text
	}
	var defs object
	for _, name := range slices.Sorted(maps.Keys(g.types)) {
		defs = append(defs, pair{name, g.types[name]})
	}
	data, err := json.Marshal(append(root, pair{"$defs", defs}))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, data, "", "  "); err != nil {
		t.Fatal(err)
	}
	return out.String() + "\n"
}

func (g *generator) ofStruct(typ reflect.Type) object {
	var properties object
	var required []string
	for i := range typ.NumField() {
		f := typ.Field(i)
		key := f.Tag.Get("yaml")
		value, isRequired := g.ofField(typ, f)
		if isRequired {
			required = append(required, key)
		}
		properties = append(properties, pair{key, value})
	}
	out := object{{"type", "object"}, {"additionalProperties", false}}
	if required != nil {
		out = append(out, pair{"required", required})
	}
	switch _, elsewhere := typ.FieldByName("ValueFrom"); {
	case elsewhere:
		out = append(out, oneOf("value", "valueFrom"))
	case typ == reflect.TypeFor[ValueFrom]():
		out = append(out, oneOf("env", "file"))
	}
	return append(out, pair{"properties", properties})
}

// oneOf says that an object has one of the keys.
func oneOf(keys ...string) pair {
	var out []object
	for _, key := range keys {
		out = append(out, object{{"required", []string{key}}})
	}
	return pair{"oneOf", out}
}

// ofField returns the schema of a field. A key of an optional list, mapping or truth value
// may have nothing behind it.
func (g *generator) ofField(owner reflect.Type, f reflect.StructField) (out object, required bool) {
	name := owner.Name() + "." + f.Name
	comment := g.comments[name]
	if comment == "" {
		g.t.Errorf("%s has no comment", name)
	}
	var limits, extra object
	form := ""
	for _, word := range strings.FieldsFunc(f.Tag.Get("schema"), func(r rune) bool { return r == ',' }) {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "required":
			required = true
		case "min", "max":
			n, err := strconv.Atoi(value)
			if err != nil {
				g.t.Fatalf("%s: %v", name, err)
			}
			limits = append(limits, pair{key + "Items", n})
		case "default":
			extra = append(extra, pair{"default", value})
			if f.Type.Kind() == reflect.Bool {
				extra[0].value = value == "true"
			}
		default:
			if _, ok := g.forms[key]; !ok {
				g.t.Errorf("%s: there is no form %q", name, key)
			}
			form, g.used[key] = key, true
		}
	}
	nullable := func(kind string) any {
		if required {
			return kind
		}
		return []string{kind, "null"}
	}
	switch kind := f.Type.Kind(); {
	case kind == reflect.Bool:
		out = object{{"type", nullable("boolean")}}
	case kind == reflect.Slice:
		out = append(object{{"type", nullable("array")}}, limits...)
		out = append(out, g.forms[form].list...)
		out = append(out, pair{"items", g.ofType(f.Type.Elem(), form)})
	case kind == reflect.Struct && f.Type != timeType && !required:
		out = object{{"anyOf", []object{g.ofType(f.Type, form), {{"type", "null"}}}}}
	default:
		out = g.ofType(f.Type, form)
	}
	return append(append(out, pair{"description", comment}), extra...), required
}

func (g *generator) ofType(typ reflect.Type, form string) object {
	name := ""
	switch {
	case form != "":
		return ref(form)
	case typ == durType:
		name = "duration"
		g.types[name] = object{{"type", "string"}, {"examples", []string{"90s", "1h", "3h30m"}}}
	case typ == timeType:
		name = "time"
		g.types[name] = object{{"type", "string"}, {"format", "date-time"}}
	case typ == secretType:
		name = "secret"
		g.types[name] = object{{"type", []string{"string", "integer"}},
			{"minLength", minPassword}, {"maxLength", maxPassword}}
	case typ.Kind() == reflect.Struct:
		name = strings.ToLower(typ.Name()[:1]) + typ.Name()[1:]
		g.types[name] = g.ofStruct(typ)
	default:
		g.t.Fatalf("text without a form, or a type that is not known: %s", typ)
	}
	return ref(name)
}

// TestSchema: the published schema is what the types say.
func TestSchema(t *testing.T) {
	want := generate(t)
	if *update {
		if err := os.WriteFile("seed.schema.json", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, Schema()); diff != "" {
		t.Errorf("seed.schema.json is stale; run with -update (-types +file):\n%s", diff)
	}
}

func compiledSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	// The URL is absolute, because a relative one is taken from the working directory, whose
	// name may hold what a URL must not.
	const url = "https://acrkit.invalid/seed.json"
	if err := c.AddResource(url, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(url)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON reads YAML as an editor does that checks it by the schema: times stay
// text.
func asJSON(t testing.TB, text string) any {
	t.Helper()
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil {
		t.Fatal(err)
	}
	var plain func(*yaml.Node)
	plain = func(n *yaml.Node) {
		if n.Tag == "!!timestamp" {
			n.Tag, n.Style = "!!str", yaml.DoubleQuotedStyle
		}
		for _, c := range n.Content {
			plain(c)
		}
	}
	plain(&n)
	var v any
	if err := n.Decode(&v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(strings.NewReader(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestSchemaAcceptsExamples: what can be read is valid, and what is not is not.
func TestSchemaAcceptsExamples(t *testing.T) {
	s := compiledSchema(t)
	for _, text := range []string{Example(), fullSeed(t), minimalSeed, minimalSeed + "    tokens:\n",
		"tokenLifetimes:\nrateLimits:\n" + minimalSeed} {
		if _, err := Read(strings.NewReader(text)); err != nil {
			t.Errorf("Read: %v", err)
		}
		if err := s.Validate(asJSON(t, text)); err != nil {
			t.Errorf("schema: %v", err)
		}
	}
	for _, text := range []string{"{}\n", minimalSeed + "    flavour: sweet\n", minimalSeed + "    sku: Gold\n",
		"registries: [{name: a-b}]\n"} {
		if s.Validate(asJSON(t, text)) == nil {
			t.Errorf("the schema accepts %q", text)
		}
	}
}

// fullSeed returns a seed that has every key.
func fullSeed(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestSchemaAndReadAgree leaves out one key of a full seed at a time: a key without which
// the schema is not satisfied is one without which the seed cannot be read.
func TestSchemaAndReadAgree(t *testing.T) {
	s := compiledSchema(t)
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(fullSeed(t)), &n); err != nil {
		t.Fatal(err)
	}
	required, optional := 0, 0
	var walk func(path string, x *yaml.Node)
	walk = func(path string, x *yaml.Node) {
		for i, c := range x.Content {
			if x.Kind != yaml.MappingNode {
				walk(path, c)
				continue
			}
			if i%2 == 0 {
				continue
			}
			at, all := path+"."+x.Content[i-1].Value, x.Content
			x.Content = slices.Delete(slices.Clone(all), i-1, i+1)
			text, err := yaml.Marshal(&n)
			if err != nil {
				t.Fatal(err)
			}
			_, readErr := Read(bytes.NewReader(text))
			if s.Validate(asJSON(t, string(text))) == nil {
				optional++
			} else if required++; readErr == nil {
				t.Errorf("%s is required in the schema, and not in a seed", at)
			}
			x.Content = all
			walk(at, c)
		}
	}
	walk("seed", &n)
	if required < 15 || optional < 25 {
		t.Errorf("%d required and %d optional keys; the full seed lacks some", required, optional)
	}
}

// merged returns an item that has what any item of a list has.
func merged(list reflect.Value) reflect.Value {
	out := reflect.New(list.Type().Elem()).Elem()
	var merge func(to, from reflect.Value)
	merge = func(to, from reflect.Value) {
		if to.Kind() == reflect.Struct && to.Type() != timeType {
			for i := range to.NumField() {
				merge(to.Field(i), from.Field(i))
			}
		} else if to.Kind() == reflect.Slice {
			to.Set(reflect.AppendSlice(to, from))
		} else if to.IsZero() {
			to.Set(from)
		}
	}
	for i := range list.Len() {
		merge(out, list.Index(i))
	}
	return out
}

// TestSchemaAndTypesAgree compares the keys of the published schema with those of the
// types, and the full seed with both.
func TestSchemaAndTypesAgree(t *testing.T) {
	var root map[string]any
	if err := json.Unmarshal([]byte(Schema()), &root); err != nil {
		t.Fatal(err)
	}
	full, err := Read(strings.NewReader(fullSeed(t)))
	if err != nil {
		t.Fatal(err)
	}
	resolve := func(node map[string]any) map[string]any {
		if choices, ok := node["anyOf"].([]any); ok {
			node = choices[0].(map[string]any)
		}
		if name, ok := node["$ref"].(string); ok {
			node, _ = root["$defs"].(map[string]any)[strings.TrimPrefix(name, "#/$defs/")].(map[string]any)
		}
		return node
	}
	var walk func(path string, value reflect.Value, node map[string]any)
	walk = func(path string, value reflect.Value, node map[string]any) {
		if value.IsZero() {
			t.Errorf("%s is not in the full seed", path)
			return
		}
		node = resolve(node)
		if value.Kind() == reflect.Slice {
			items, ok := node["items"].(map[string]any)
			if !ok {
				t.Errorf("%s: the schema has no items", path)
				return
			}
			walk(path+"[]", merged(value), items)
			return
		}
		if value.Kind() != reflect.Struct || value.Type() == timeType {
			return
		}
		if node["additionalProperties"] != false {
			t.Errorf("%s: the schema allows unknown keys", path)
		}
		properties, _ := node["properties"].(map[string]any)
		var inSchema, inType []string
		for k := range properties {
			inSchema = append(inSchema, k)
		}
		for i := range value.NumField() {
			key := value.Type().Field(i).Tag.Get("yaml")
			inType = append(inType, key)
			if p, ok := properties[key].(map[string]any); ok {
				walk(path+"."+key, value.Field(i), p)
			}
		}
		slices.Sort(inSchema)
		slices.Sort(inType)
		if diff := cmp.Diff(inType, inSchema); diff != "" {
			t.Errorf("%s (-type +schema):\n%s", path, diff)
		}
	}
	walk("seed", reflect.ValueOf(*full), root)
}

// TestSchemaDefaults: the default that the schema gives for a lifetime is the one that an
// emulator uses.
func TestSchemaDefaults(t *testing.T) {
	typ := reflect.TypeFor[Lifetimes]()
	for name, want := range map[string]time.Duration{"Access": service.AccessLife, "Refresh": service.RefreshLife} {
		f, _ := typ.FieldByName(name)
		text := strings.TrimPrefix(f.Tag.Get("schema"), "default=")
		if d, err := time.ParseDuration(text); err != nil || d != want {
			t.Errorf("%s: the schema says %s, and the emulator uses %v", name, text, want)
		}
	}
}
