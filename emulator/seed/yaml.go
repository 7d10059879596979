package seed

import (
	"bytes"
	"errors"
	"fmt"
	"github.com/acrkit/acrkit/internal/wording"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// decodeYAML fills dst. It is our own because the library's strict mode neither
// gives paths nor keeps values, which may be secrets, out of its errors.
func decodeYAML(data []byte, dst any) *problems {
	p := &problems{lines: map[string]int{}}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			p.addLine(0, "it is empty")
			return p
		}
		p.addSyntax(err)
		return p
	}
	var second yaml.Node
	switch err := dec.Decode(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		p.addSyntax(err)
		return p
	default:
		p.addLine(second.Line, "it holds a second document")
		return p
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		p.addLine(0, "it is empty")
		return p
	}
	p.decode(doc.Content[0], reflect.ValueOf(dst).Elem(), "")
	return p
}

var (
	yamlLine   = regexp.MustCompile(`\bline (\d+)`)
	timeType   = reflect.TypeFor[time.Time]()
	durType    = reflect.TypeFor[time.Duration]()
	secretType = reflect.TypeFor[Secret]()
)

// addSyntax notes an error of the YAML parser: its line, and its kind where the
// words are known to quote nothing of the file.
func (p *problems) addSyntax(err error) {
	line := 0
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		fmt.Sscanf(m[1], "%d", &line) // the expression only matches digits
	}
	text := "it is not YAML"
	for _, known := range []string{
		"found character that cannot start any token", "did not find expected key", "could not find expected ':'",
		"mapping values are not allowed in this context", "found a tab character that violates indentation",
		"did not find expected '-' indicator", "control characters are not allowed", "invalid UTF-8",
	} {
		if strings.Contains(err.Error(), known) {
			text += ": " + known
			break
		}
	}
	p.addLine(line, text)
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	switch n.Tag {
	case "!!bool":
		return "true or false"
	case "!!int", "!!float":
		return "a number"
	case "!!null":
		return "nothing"
	case "!!timestamp":
		return "a time"
	}
	return "text"
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// item returns the path of an item of the list at key.
func item(path, key string, i int) string { return fmt.Sprintf("%s[%d]", join(path, key), i) }

func (p *problems) decode(n *yaml.Node, v reflect.Value, path string) {
	p.lines[path] = n.Line
	wrong := func(want string) { p.add(path, "is %s; want %s", kindName(n), want) }
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		p.add(path, "anchors and aliases are not supported")
		return
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return // "tokens:" with nothing behind it
	}
	switch v.Type() {
	case timeType:
		if n.Kind != yaml.ScalarNode {
			wrong("a time such as 2030-01-01T00:00:00Z")
			return
		}
		t, err := time.Parse(time.RFC3339Nano, n.Value)
		if err != nil {
			p.add(path, "is not a time such as 2030-01-01T00:00:00Z")
			return
		}
		v.Set(reflect.ValueOf(t.UTC()))
		return
	case durType:
		if n.Kind != yaml.ScalarNode {
			wrong("a duration such as 90s, 1h or 3h30m")
			return
		}
		d, err := time.ParseDuration(n.Value)
		if err != nil {
			p.add(path, "is not a duration such as 90s, 1h or 3h30m")
			return
		}
		v.SetInt(int64(d))
		return
	}
	switch v.Kind() {
	case reflect.String:
		if n.Kind != yaml.ScalarNode {
			wrong("text")
			return
		}
		// A name or password of digits alone is text here, because users forget the
		// quotes. A word that YAML takes for true or false is not.
		if n.Tag == "!!bool" {
			p.add(path, "is true or false; put it in quotes to make it text")
			return
		}
		if v.Type() == secretType && n.Tag == "!!float" {
			p.add(path, "is a number; put it in quotes to make it text")
			return
		}
		v.SetString(n.Value)
	case reflect.Bool:
		if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
			wrong("true or false")
			return
		}
		var b bool
		if err := n.Decode(&b); err != nil {
			wrong("true or false")
			return
		}
		v.SetBool(b)
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			wrong("a list")
			return
		}
		list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
		for i, item := range n.Content {
			p.decode(item, list.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
		v.Set(list)
	case reflect.Struct, reflect.Map:
		if n.Kind != yaml.MappingNode {
			wrong("a mapping")
			return
		}
		if v.Kind() == reflect.Map {
			p.decodeMap(n, v, path)
			return
		}
		p.decodeStruct(n, v, path)
	default:
		panic("seed: there is a field of kind " + v.Kind().String())
	}
}

// decodeMap fills a map of texts.
func (p *problems) decodeMap(n *yaml.Node, v reflect.Value, path string) {
	v.Set(reflect.MakeMap(v.Type()))
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, text := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		at := fmt.Sprintf("%s.%.60q", path, n.Content[i].Value)
		p.decode(n.Content[i], key, at)
		p.decode(n.Content[i+1], text, at)
		if v.MapIndex(key).IsValid() {
			p.addLine(n.Content[i].Line, at+": occurs twice")
		}
		v.SetMapIndex(key, text)
	}
}

func (p *problems) decodeStruct(n *yaml.Node, v reflect.Value, path string) {
	fields := map[string]int{}
	hasSecret := false
	for i := range v.NumField() {
		fields[v.Type().Field(i).Tag.Get("yaml")] = i
		hasSecret = hasSecret || v.Type().Field(i).Type == secretType
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			p.addLine(key.Line, "has a key that is not a word")
			continue
		}
		at := join(path, key.Value)
		field, ok := fields[key.Value]
		if !ok {
			known := make([]string, 0, len(fields))
			for k := range fields {
				known = append(known, k)
			}
			slices.Sort(known)
			where := path
			if where == "" {
				where = "the seed"
			}
			word := " " + wording.Quote(key.Value)
			if hasSecret {
				word = "" // {correct-horse} instead of {value: correct-horse} makes the secret the key
			}
			p.addLine(key.Line, fmt.Sprintf("%s: unknown key%s; it may have %s", where, word,
				strings.Join(known, ", ")))
			continue
		}
		if first, twice := seen[key.Value]; twice {
			p.addLine(key.Line, fmt.Sprintf("%s: occurs twice, first in line %d", at, first))
			continue
		}
		seen[key.Value] = key.Line
		p.decode(value, v.Field(field), at)
		p.lines[at] = key.Line
	}
}
