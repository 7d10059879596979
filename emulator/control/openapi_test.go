package control

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// document is openapi.yaml as plain JSON values.
func document(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	if err := yaml.Unmarshal([]byte(OpenAPI()), &v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func at(v any, keys ...string) any {
	for _, k := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[k]
	}
	return v
}

// bodies are the documents of an operation: of the request and of the answer, nil where
// there is none.
type bodies struct{ in, out any }

// operations are all operations with their documents.
func operations() map[Operation]bodies {
	return map[Operation]bodies{
		GetOpenAPI:       {nil, nil}, // YAML
		GetDecisions:     {nil, DecisionPage{}},
		GetClock:         {nil, Clock{}},
		PutClock:         {ClockChange{}, Clock{}},
		DeleteClock:      {nil, Clock{}},
		PostClockAdvance: {Advance{}, Clock{}},
		GetLifetimes:     {nil, Lifetimes{}},
		PutLifetimes:     {Lifetimes{}, Lifetimes{}},
		GetRateLimits:    {nil, RateLimits{}},
		PutRateLimits:    {RateLimits{}, RateLimits{}},
		GetFaults:        {nil, FaultList{}},
		PostFault:        {NewFault{}, Fault{}},
		DeleteFaults:     {nil, nil},
		DeleteFault:      {nil, nil},
		GetSnapshots:     {nil, SnapshotList{}},
		PostSnapshot:     {NewSnapshot{}, Snapshot{}},
		DeleteSnapshot:   {nil, nil},
		PostReset:        {Reset{}, nil},
		PostCheck:        {CheckFrom{}, CheckPart{}},
		GetSeed:          {out: Seed{}},
		GetRegistries:    {nil, RegistryList{}},
		GetRegistry:      {nil, Registry{}},
		PatchRegistry:    {RegistryChange{}, Registry{}},
		GetScopeMaps:     {nil, ScopeMapList{}},
		PutScopeMap:      {NewScopeMap{}, ScopeMap{}},
		DeleteScopeMap:   {nil, nil},
		GetTokens:        {nil, TokenList{}},
		GetToken:         {nil, Token{}},
		PutToken:         {NewToken{}, Token{}},
		PatchToken:       {TokenChange{}, Token{}},
		DeleteToken:      {nil, nil},
		PostPasswords:    {NewPasswords{}, PasswordList{}},
		PatchPassword:    {Expiry{}, Token{}},
	}
}

// Operations returns all operations.
func Operations() []Operation { return slices.Sorted(maps.Keys(operations())) }

// TestOpenAPI: each operation is described, and each description is of an operation, with
// the same documents.
func TestOpenAPI(t *testing.T) {
	doc := document(t)
	var described, known []string
	for path, item := range at(doc, "paths").(map[string]any) {
		for method := range item.(map[string]any) {
			if method != "parameters" {
				described = append(described, strings.ToUpper(method)+" "+strings.TrimPrefix(path, "/"))
			}
		}
	}
	for o, b := range operations() {
		known = append(known, string(o))
		described := at(doc, "paths", "/"+o.Path(), strings.ToLower(o.Method()))
		c := comparison{t, at(doc, "components", "schemas").(map[string]any)}
		c.compare(string(o)+", request",
			at(described, "requestBody", "content", "application/json", "schema"), b.in, true)
		var out any
		for status, response := range at(described, "responses").(map[string]any) {
			if strings.HasPrefix(status, "2") {
				out = at(response, "content", "application/json", "schema")
			}
		}
		c.compare(string(o)+", answer", out, b.out, false)
	}
	c := comparison{t, at(doc, "components", "schemas").(map[string]any)}
	c.compare("an error", map[string]any{"$ref": "#/components/schemas/Error"}, ErrorDocument{}, false)
	slices.Sort(described)
	slices.Sort(known)
	if diff := cmp.Diff(known, described); diff != "" {
		t.Errorf("-operations +openapi.yaml: %s", diff)
	}
}

// comparison compares types with the schemas of openapi.yaml.
type comparison struct {
	t       *testing.T
	schemas map[string]any
}

func (c comparison) compare(what string, schema, document any, request bool) {
	c.t.Helper()
	switch {
	case document == nil && schema == nil:
	case document == nil || schema == nil:
		c.t.Errorf("%s: there is a schema: %t, and a document: %t", what, schema != nil, document != nil)
	default:
		c.walk(what, schema, reflect.TypeOf(document), request)
	}
}

// kinds are the types of schemas for kinds of Go.
var kinds = map[reflect.Kind]string{
	reflect.Bool: "boolean", reflect.String: "string", reflect.Slice: "array", reflect.Struct: "object",
	reflect.Int: "integer", reflect.Int64: "integer", reflect.Uint64: "integer", reflect.Float64: "number",
}

// walk compares a type with its schema: the kinds and the keys; in an answer also which
// keys are always there. The keys that a request must have are always sent.
func (c comparison) walk(what string, schema any, typ reflect.Type, request bool) {
	if name, ok := at(schema, "$ref").(string); ok {
		schema = c.schemas[strings.TrimPrefix(name, "#/components/schemas/")]
	}
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	want := kinds[typ.Kind()]
	if typ == reflect.TypeFor[time.Time]() {
		want = "string"
	}
	if got := at(schema, "type"); got != want && (got != nil || at(schema, "enum") == nil) {
		c.t.Errorf("%s: openapi.yaml says %v, the type is %s", what, got, typ)
	}
	switch {
	case typ == reflect.TypeFor[time.Time]():
		if at(schema, "format") != "date-time" {
			c.t.Errorf("%s: openapi.yaml does not say that it is a time", what)
		}
		return
	case typ.Kind() == reflect.Slice:
		c.walk(what+"[]", at(schema, "items"), typ.Elem(), request)
		return
	case typ.Kind() != reflect.Struct:
		return
	}
	properties, _ := at(schema, "properties").(map[string]any)
	var keys, always, described, required []string
	for k := range properties {
		described = append(described, k)
	}
	list, _ := at(schema, "required").([]any)
	for _, k := range list {
		required = append(required, k.(string))
	}
	for _, f := range reflect.VisibleFields(typ) {
		if f.Anonymous {
			continue
		}
		key, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		keys = append(keys, key)
		if options == "" {
			always = append(always, key)
		}
		c.walk(what+"."+key, properties[key], f.Type, request)
	}
	for _, s := range [][]string{keys, always, described, required} {
		slices.Sort(s)
	}
	if diff := cmp.Diff(keys, described); diff != "" {
		c.t.Errorf("%s: -type +openapi.yaml: %s", what, diff)
	}
	if !request {
		if diff := cmp.Diff(always, required); diff != "" {
			c.t.Errorf("%s, what is always there: -type +openapi.yaml: %s", what, diff)
		}
		return
	}
	for _, k := range required {
		if !slices.Contains(always, k) {
			c.t.Errorf("%s: a request without %s can be sent", what, k)
		}
	}
}
