// Package exactjson reads JSON from others that a decision depends on.
//
// [encoding/json] ignores the case of keys, and takes the last of two equal
// keys: {"layers":[x],"Layers":[]} has no layers there, and has one everywhere
// else. What is read here means the same to every reader, or is an error.
package exactjson

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
)

// Unmarshal is [json.Unmarshal] that refuses an object with the same key twice,
// at any depth, and a key that differs from that of a field in case alone. Other
// keys that are not known are ignored.
func Unmarshal(data []byte, into any) error {
	if err := Check(data, into); err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

// Check returns the error of [Unmarshal], if it is about keys. It is for code that
// decodes by other means, such as a [json.Decoder] that refuses unknown keys. Data
// that is not one JSON value is an error too.
func Check(data []byte, into any) error { return check(data, into, false) }

// CheckAll is [Check] that also refuses a key that is not known.
func CheckAll(data []byte, into any) error { return check(data, into, true) }

func check(data []byte, into any, all bool) error {
	if !json.Valid(data) { // bounds the depth as well
		var raw json.RawMessage
		if err := json.Unmarshal(data, &raw); err != nil {
			return err // says where
		}
		return errors.New("the text is not JSON")
	}
	w := walker{json.NewDecoder(bytes.NewReader(data)), all}
	w.d.UseNumber()
	return w.value(reflect.TypeOf(into))
}

type walker struct {
	d   *json.Decoder
	all bool // every key must be known
}

// value reads one value, which goes into a t; nil where nothing is known of it.
func (w walker) value(t reflect.Type) error {
	token, err := w.d.Token()
	if err != nil {
		return err
	}
	t = target(t)
	switch token {
	case json.Delim('{'):
		return w.object(t)
	case json.Delim('['):
		var element reflect.Type
		if t != nil && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) {
			element = t.Elem()
		}
		for w.d.More() {
			if err := w.value(element); err != nil {
				return err
			}
		}
		_, err = w.d.Token()
		return err
	}
	return nil
}

func (w walker) object(t reflect.Type) error {
	var known fields
	var element reflect.Type
	switch {
	case t != nil && t.Kind() == reflect.Struct:
		known = fieldsOf(t)
	case t != nil && t.Kind() == reflect.Map:
		element = t.Elem()
	}
	seen := map[string]bool{}
	for w.d.More() {
		token, err := w.d.Token()
		if err != nil {
			return err
		}
		key, ok := token.(string)
		if !ok {
			return io.ErrUnexpectedEOF // the text is valid; cannot be
		}
		//rule:exact-keys-object
		if seen[key] {
			return fmt.Errorf("the key %q occurs twice", key)
		}
		seen[key] = true
		next := element
		if known != nil {
			if next = known[key]; next == nil {
				for name := range known {
					//rule:exact-keys-object-2
					if strings.EqualFold(name, key) {
						return fmt.Errorf("the key %q is not spelled %q", key, name)
					}
				}
				if w.all {
					return fmt.Errorf("the key %q is not known", key)
				}
			}
		}
		if err := w.value(next); err != nil {
			return err
		}
	}
	_, err := w.d.Token()
	return err
}

var (
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// target returns the type that is filled in: what pointers point at. It is nil for a
// type with its own UnmarshalJSON or UnmarshalText.
func target(t reflect.Type) reflect.Type {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || reflect.PointerTo(t).Implements(jsonUnmarshaler) ||
		reflect.PointerTo(t).Implements(textUnmarshaler) {
		return nil
	}
	return t
}

// fields are a struct's keys with the types of their values.
type fields map[string]reflect.Type

var allFields sync.Map // reflect.Type → fields

func fieldsOf(t reflect.Type) fields {
	if f, ok := allFields.Load(t); ok {
		return f.(fields)
	}
	f := fields{}
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch embedded := target(field.Type); {
		case field.Tag.Get("json") == "-":
		case field.Anonymous && name == "" && embedded != nil && embedded.Kind() == reflect.Struct:
			for name, typ := range fieldsOf(embedded) {
				if f[name] == nil {
					f[name] = typ
				}
			}
		case !field.IsExported():
		default:
			if name == "" {
				name = field.Name
			}
			f[name] = field.Type
		}
	}
	allFields.Store(t, f)
	return f
}
