package jsonbody_test

import (
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/jsonbody"
)

type document struct {
	Name       string
	On         bool
	Count      *int
	List       []string
	When       time.Time
	Properties struct{ Actions []string }
}

// TestErrors: what is wrong with a body is said in words of JSON.
func TestErrors(t *testing.T) {
	for body, want := range map[string]string{
		"":                                   "the body is empty",
		" \n":                                "the body is empty",
		"{":                                  "the body is not JSON: unexpected end of JSON input, at byte 1",
		`{"name":x}`:                         "the body is not JSON: invalid character 'x' looking for beginning of value, at byte 9",
		"[]":                                 "the body is a list, and should be an object",
		`"x"`:                                "the body is text, and should be an object",
		`{"Name":1}`:                         `the key "Name" is a number, and should be text`,
		`{"On":"yes"}`:                       `the key "On" is text, and should be true or false`,
		`{"Count":1.5}`:                      `the key "Count" is a number, and should be a whole number`,
		`{"Count":{}}`:                       `the key "Count" is an object, and should be a whole number`,
		`{"List":true}`:                      `the key "List" is true or false, and should be a list`,
		`{"When":"tomorrow"}`:                "a time is not like 2030-01-01T00:00:00Z",
		`{"Properties":[]}`:                  `the key "Properties" is a list, and should be an object`,
		`{"Properties":{"Actions":[[]]}}`:    `the key "Properties.Actions" is a list, and should be text`,
		`{"Properties":{"Actions":{"a":1}}}`: `the key "Properties.Actions" is an object, and should be a list`,
	} {
		var into document
		for name, decode := range map[string]func([]byte, any) error{"Decode": jsonbody.Decode,
			"DecodeExactly": jsonbody.DecodeExactly} {
			err := decode([]byte(body), &into)
			if err == nil || err.Error() != want {
				t.Errorf("%s of %s: %v, want %s", name, body, err, want)
			}
			if err != nil && (strings.Contains(err.Error(), "Go ") || strings.Contains(err.Error(), "jsonbody")) {
				t.Errorf("%s names a type: %v", name, err)
			}
		}
	}
	for body, want := range map[string]string{`{"name":"x"}`: "is not spelled", `{"Name":"","Name":""}`: "occurs twice",
		`{"Other":1}`: `the key "Other" is not known`} {
		var into document
		if err := jsonbody.DecodeExactly([]byte(body), &into); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
		if strings.Contains(want, "twice") {
			continue
		}
		if err := jsonbody.Decode([]byte(body), &into); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
}
