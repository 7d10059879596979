// Package jsonbody reads the JSON bodies of requests, for all services of the emulator. Its
// errors say in plain words where a body is wrong: they name keys, and no types of Go.
package jsonbody

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"github.com/acrkit/acrkit/internal/exactjson"
)

// Decode reads one JSON value. Unknown keys are ignored, and case does not matter, as in
// Azure's services.
func Decode(data []byte, into any) error { return plain(json.Unmarshal(data, into), data) }

// DecodeExactly is [Decode] of one value in which every key is known, spelled as it is
// described, and there once.
func DecodeExactly(data []byte, into any) error {
	//rule:exact-keys-read-json
	if err := exactjson.CheckAll(data, into); err != nil {
		return plain(err, data)
	}
	return Decode(data, into)
}

// plain returns an error in words of the body.
func plain(err error, data []byte) error {
	if err == nil {
		return nil
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return errors.New("the body is empty")
	}
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("the body is not JSON: %s, at byte %d", s.Error(), s.Offset)
	}
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		what := "the body"
		if t.Field != "" {
			what = fmt.Sprintf("the key %q", t.Field)
		}
		have, _, _ := strings.Cut(t.Value, " ") // "number 3", "number 1.5"
		return fmt.Errorf("%s is %s, and should be %s", what, kindOf(have), kindOfType(t.Type))
	}
	if _, ok := errors.AsType[*time.ParseError](err); ok {
		return errors.New("a time is not like 2030-01-01T00:00:00Z")
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the body is not JSON: it ends early")
	}
	return err // of exactjson, and of types that read themselves
}

// kindOf returns the word for a kind of JSON value, as encoding/json has it.
func kindOf(value string) string {
	switch value {
	case "array":
		return "a list"
	case "bool":
		return "true or false"
	case "number":
		return "a number"
	case "object":
		return "an object"
	}
	return "text"
}

// kindOfType returns the word for what a type is read from.
func kindOfType(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Bool:
		return kindOf("bool")
	case reflect.Slice, reflect.Array:
		return kindOf("array")
	case reflect.Struct, reflect.Map:
		if t == reflect.TypeFor[time.Time]() {
			return "a time"
		}
		return kindOf("object")
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return "a whole number"
	case reflect.Float64:
		return kindOf("number")
	}
	return kindOf("string")
}
