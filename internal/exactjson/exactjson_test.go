package exactjson_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit/internal/exactjson"
)

type inner struct {
	Digest string `json:"digest"`
}

type embedded struct {
	Shared int `json:"shared"`
}

type document struct {
	embedded
	Layers  []inner          `json:"layers"`
	Config  *inner           `json:"config"`
	Named   map[string]inner `json:"named"`
	Raw     json.RawMessage  `json:"raw"`
	Any     any              `json:"any"`
	When    time.Time        `json:"when"`
	Kelvin  string           `json:"kelvin"`
	Skipped string           `json:"-"`
	Plain   string
	Deep    [1]map[string]*inner `json:"deep"`
}

func TestUnmarshal(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{`{"layers":[{"digest":"a"}],"config":null,"other":1,"Plain":"x","shared":1}`, ""},
		{`{"named":{"A":{"digest":"1"},"a":{"digest":"2"}}}`, ""}, // names of a map differ by case
		{`{"any":{"a":1,"A":2},"raw":{"a":1,"A":2}}`, ""},
		{`{"unknown":1,"Unknown":2}`, ""},
		{`{"skipped":"x"}`, ""},
		{`{"when":"2026-01-01T00:00:00Z"}`, ""},
		{`[]`, ""}, // the wrong kind is json.Unmarshal's to say
		{`{"layers":[],"Layers":[]}`, `"Layers" is not spelled "layers"`},
		{`{"LAYERS":[]}`, `"LAYERS" is not spelled "layers"`},
		{`{"plain":"x"}`, `"plain" is not spelled "Plain"`},
		{`{"Shared":1}`, `"Shared" is not spelled "shared"`},
		{"{\"\u212Aelvin\":\"x\"}", `is not spelled "kelvin"`}, // the sign of Kelvin is a k to encoding/json
		{`{"layers":[{"Digest":"a"}]}`, `"Digest" is not spelled`},
		{`{"config":{"Digest":"a"}}`, `"Digest" is not spelled`},
		{`{"named":{"a":{"DIGEST":"a"}}}`, `"DIGEST" is not spelled`},
		{`{"deep":[{"a":{"Digest":"a"}}]}`, `"Digest" is not spelled`},
		{`{"layers":[],"layers":[]}`, `"layers" occurs twice`},
		{`{"layers":[],"\u006cayers":[]}`, `"layers" occurs twice`},
		{`{"other":{"x":1,"x":2}}`, `"x" occurs twice`},
		{`{"any":[[{"x":1,"x":2}]]}`, `"x" occurs twice`},
		{`{"raw":{"x":1,"x":2}}`, `"x" occurs twice`},
		{`{"layers":[]} {}`, "after top-level value"},
		{`{"layers":[`, "unexpected end"},
		{``, "unexpected end"},
		{strings.Repeat("[", 20_000), "depth"},
	} {
		var d document
		err := exactjson.Unmarshal([]byte(tc.text), &d)
		if _, isType := err.(*json.UnmarshalTypeError); isType && tc.text == "[]" {
			err = nil
		}
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%.80s: error %v, want %q", tc.text, err, tc.want)
		}
		if tc.want != "" && !reflect.DeepEqual(d, document{}) {
			t.Errorf("%.80s: something was read: %+v", tc.text, d)
		}
	}
}

// FuzzUnmarshal: what is taken is what a reader finds that knows exact keys alone.
func FuzzUnmarshal(f *testing.F) {
	f.Add(`{"layers":[{"digest":"a"}],"Layers":[]}`)
	f.Add(`{"config":{"digest":"a","digest":"b"}}`)
	f.Add(`{"named":{"a":{"digest":"x"}},"shared":1}`)
	f.Fuzz(func(t *testing.T, text string) {
		var d document
		if exactjson.Unmarshal([]byte(text), &d) != nil {
			return
		}
		var exact map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &exact); err != nil {
			return // null
		}
		var layers []map[string]json.RawMessage
		if raw, ok := exact["layers"]; ok {
			if err := json.Unmarshal(raw, &layers); err != nil {
				t.Fatalf("%q: layers: %v", text, err)
			}
		}
		if len(layers) != len(d.Layers) {
			t.Fatalf("%q: %d layers, want %d", text, len(d.Layers), len(layers))
		}
		for i, l := range layers {
			var digest string
			if raw, ok := l["digest"]; ok {
				if err := json.Unmarshal(raw, &digest); err != nil {
					t.Fatalf("%q: digest: %v", text, err)
				}
			}
			if digest != d.Layers[i].Digest {
				t.Fatalf("%q: layer %d is %q, want %q", text, i, d.Layers[i].Digest, digest)
			}
		}
	})
}
