package content_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/acrkit/acrkit/emulator/internal/content"
)

// TestManifestKeys: a manifest with a key that only some readers take for another
// one is refused, for every such key; unknown keys are kept.
func TestManifestKeys(t *testing.T) {
	f := open(t, setup{})
	config, layer := f.blob("r", `{}`), f.blob("r", "layer")
	missing := digestOf([]byte("missing"))
	descriptor := func(digest string) string { return fmt.Sprintf(`{"mediaType":"x","digest":%q,"size":1}`, digest) }
	image := func(rest string) string {
		return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":%s%s}`, manifestType, descriptor(config), rest)
	}
	layers := `,"layers":[` + descriptor(layer) + `]`
	for _, tc := range []struct {
		name, body string
		want       content.Kind
	}{
		{"exact", image(layers), ""},
		{"unknown keys", image(layers + `,"history":1,"History":2,"annotations":{"a":"1","A":"2"}`), ""},
		{"another case hides a layer", image(layers + `,"Layers":[]`), content.ManifestInvalid},
		{"another case hides what is missing", image(`,"LAYERS":[` + descriptor(missing) + `]`),
			content.ManifestInvalid},
		{"twice", image(layers + `,"layers":[]`), content.ManifestInvalid},
		{"twice, escaped", image(layers + `,"lay\u0065rs":[]`), content.ManifestInvalid},
		{"a long s", image(layers + ",\"layer\u017f\":[]"), content.ManifestInvalid},
		{"digest in capitals", image(`,"layers":[` + strings.Replace(descriptor(layer), `"digest"`, `"Digest"`, 1) +
			`]`), content.ManifestInvalid},
		{"digest twice",
			image(`,"layers":[` + strings.Replace(descriptor(layer), `"size"`, `"digest":"`+missing+`","size"`, 1) +
				`]`), content.ManifestInvalid},
		{"config in capitals", image(layers + `,"Config":` + descriptor(missing)), content.ManifestInvalid},
		{"subject in capitals", image(layers + `,"Subject":` + descriptor(missing)), content.ManifestInvalid},
		{"annotation twice", image(layers + `,"annotations":{"a":"1","a":"2"}`), content.ManifestInvalid},
		{"index", fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[],"Manifests":[%s]}`, indexType,
			descriptor(missing)), content.ManifestInvalid},
	} {
		mediaType := manifestType
		if tc.name == "index" {
			mediaType = indexType
		}
		_, _, err := f.PutManifest(t.Context(), f.reg, "r", "t", mediaType, []byte(tc.body))
		if content.KindOf(err) != tc.want {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
}
