package seed

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/acrkit/acrkit"
)

// Write writes a seed as a file that [Read] accepts, without any secret: a password or
// client secret that [ValueFrom] names stays, and of any other one a comment says that it
// is left out, for a person to add a value. comment comes first, each line of it as a
// comment; "" = none. The same seed has the same text.
//
// Errors: [acrkit.CodeUsage] for a seed that could not exist, [acrkit.CodeTooLarge] for a
// text over [MaxSize], and those of w.
func Write(w io.Writer, s *Seed, comment string) error {
	const op = "write the seed"
	root := &yaml.Node{Kind: yaml.MappingNode}
	addFields(root, reflect.ValueOf(s).Elem())
	var b bytes.Buffer
	for line := range strings.Lines(comment) {
		fmt.Fprintf(&b, "# %s\n", strings.TrimRight(line, "\n"))
	}
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(root); err != nil {
		return &acrkit.Error{Op: op, Errs: []error{err}}
	}
	if b.Len() > MaxSize {
		return &acrkit.Error{Code: acrkit.CodeTooLarge, Op: op,
			Reason: fmt.Sprintf("it would be larger than %d bytes", MaxSize)}
	}
	if _, err := Read(bytes.NewReader(b.Bytes())); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// maxFlow is how long a list of texts may be to be written on one line.
const maxFlow = 80

// nodeOf returns the YAML of a value.
func nodeOf(v reflect.Value) *yaml.Node {
	switch x := v.Interface().(type) {
	case time.Time:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: x.UTC().Format(time.RFC3339Nano)}
	case time.Duration:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: x.String()}
	}
	out := &yaml.Node{}
	switch v.Kind() {
	case reflect.Slice:
		out.Kind = yaml.SequenceNode
		length := 0
		for i := range v.Len() {
			out.Content = append(out.Content, nodeOf(v.Index(i)))
			length += len(out.Content[i].Value) + 2
		}
		if v.Len() == 0 || v.Type().Elem().Kind() == reflect.String && length < maxFlow {
			out.Style = yaml.FlowStyle
		}
	case reflect.Map:
		out.Kind = yaml.MappingNode
		texts := v.Interface().(map[string]string) //nolint:forcetypeassert // the only maps of a seed
		for _, name := range slices.Sorted(maps.Keys(texts)) {
			out.Content = append(out.Content, text(name), text(texts[name]))
		}
	case reflect.Struct:
		out.Kind = yaml.MappingNode
		addFields(out, v)
	case reflect.String:
		return text(v.String())
	default:
		out.Kind, out.Value = yaml.ScalarNode, fmt.Sprint(v.Interface())
	}
	return out
}

// addFields adds the fields of a struct that are not zero. A list that is
// empty, and not nil, is written.
func addFields(to *yaml.Node, v reflect.Value) {
	var leftOut []string
	for i := range v.NumField() {
		f, field := v.Type().Field(i), v.Field(i)
		name := f.Tag.Get("yaml")
		//rule:seed-write-secret
		if f.Type == secretType {
			continue
		}
		if f.Type.Kind() == reflect.Slice && hasSecret(f.Type.Elem()) {
			var without []string
			if field, without = elsewhere(field); len(without) > 0 {
				leftOut = append(leftOut, name+": ["+strings.Join(without, ", ")+"]")
			}
		}
		if field.IsZero() || field.Kind() == reflect.Map && field.Len() == 0 {
			continue
		}
		to.Content = append(to.Content, text(name), nodeOf(field))
	}
	if leftOut != nil {
		to.HeadComment = "# Left out, without values: " + strings.Join(leftOut, ", ")
	}
}

func hasSecret(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	_, ok := t.FieldByName("ValueFrom")
	return ok
}

// elsewhere returns the secrets of a list whose values are elsewhere, and describes the
// others as a flow of YAML.
func elsewhere(list reflect.Value) (with reflect.Value, without []string) {
	with = reflect.Zero(list.Type())
	for i := range list.Len() {
		x := list.Index(i)
		if !x.FieldByName("ValueFrom").IsZero() {
			with = reflect.Append(with, x)
			continue
		}
		n := nodeOf(x)
		var parts []string
		for k := 0; k < len(n.Content); k += 2 {
			parts = append(parts, n.Content[k].Value+": "+n.Content[k+1].Value)
		}
		without = append(without, "{"+strings.Join(parts, ", ")+"}")
	}
	return with, without
}

// text is a text in the quotes that YAML wants for it.
func text(s string) *yaml.Node {
	n := new(yaml.Node)
	n.SetString(s)
	var plain yaml.Node
	if b, err := yaml.Marshal(s); err == nil && yaml.Unmarshal(b, &plain) == nil && len(plain.Content) == 1 {
		n.Style = plain.Content[0].Style
	}
	return n
}
