package content_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/acrkit/acrkit/emulator/internal/content"
)

// TestImageSize holds what the list of manifests says of images and artifacts by
// what their configs are.
func TestImageSize(t *testing.T) {
	const (
		docker   = "application/vnd.docker.container.image.v1+json"
		empty    = "application/vnd.oci.empty.v1+json"
		helm     = "application/vnd.cncf.helm.config.v1+json"
		platform = `{"architecture":"arm64","os":"linux"}`
	)
	f := open(t, setup{})
	ctx := t.Context()
	for _, c := range []struct {
		name, mediaType, config  string
		size                     int64
		listedType, architecture string
	}{
		{"image", configType, platform, 5, configType, "arm64"},
		{"Docker image", docker, platform, 5, docker, "arm64"},
		{"empty config", empty, `{}`, 5, empty, ""},
		{"chart", helm, platform, 5, helm, ""},
		{"platform that cannot be read", configType, `{"architecture":1}`, 5, configType, ""},
		{"text", configType, "no JSON", 0, "", ""},
		{"nothing", "application/vnd.unknown.config.v1+json", "", 0, "", ""},
		{"null", configType, "null", 0, "", ""},
		{"another value", helm, `["arm64"]`, 0, "", ""},
		{"two values", configType, platform + platform, 0, "", ""},
	} {
		f.blob("r", c.config)
		f.blob("r", "layer")
		body := fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":%q,"digest":%q,"size":%d},
			"layers":[{"digest":%q,"size":5}]}`, c.mediaType, digestOf([]byte(c.config)), len(c.config), digestOf([]byte("layer")))
		d := f.put("r", "", manifestType, body)
		m := get(f.Manifest(ctx, f.reg, "r", d))
		if m.ImageSize != c.size || m.ConfigMediaType != c.listedType || m.Architecture != c.architecture {
			t.Errorf("%s: %d bytes, config %q, architecture %q", c.name, m.ImageSize, m.ConfigMediaType, m.Architecture)
		}
		for _, indexType := range []string{indexType, "application/vnd.docker.distribution.manifest.list.v2+json"} {
			index := f.put("r", "", indexType, fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,
				"manifests":[{"digest":%q,"size":1},{"digest":%q,"size":1}]}`, indexType, d, d))
			if m := get(f.Manifest(ctx, f.reg, "r", index)); m.ImageSize != 2*c.size || m.ConfigMediaType != "" {
				t.Errorf("%s, twice in %s: %d bytes, config %q", c.name, indexType, m.ImageSize, m.ConfigMediaType)
			}
		}
	}
	d := f.put("r", "", "application/vnd.oci.artifact.manifest.v1+json",
		fmt.Sprintf(`{"blobs":[{"digest":%q,"size":5}]}`, digestOf([]byte("layer"))))
	if m := get(f.Manifest(ctx, f.reg, "r", d)); m.ImageSize != 0 || m.ConfigMediaType != "" {
		t.Errorf("an artifact's manifest: %d bytes, config %q", m.ImageSize, m.ConfigMediaType)
	}
	// A config of the largest size is read, a larger one is not.
	for _, over := range []int{0, 1} {
		config := `{"x":"` + string(slices.Repeat([]byte("x"), content.MaxManifest+over-len(`{"x":""}`))) + `"}`
		f.blob("r", config)
		d := f.put("r", "", manifestType, imageJSON(config, "layer"))
		m := get(f.Manifest(ctx, f.reg, "r", d))
		if m.ImageSize != int64(5*(1-over)) || (m.ConfigMediaType == "") != (over == 1) {
			t.Errorf("a config of %d bytes: %d bytes, config %q", len(config), m.ImageSize, m.ConfigMediaType)
		}
	}
}
