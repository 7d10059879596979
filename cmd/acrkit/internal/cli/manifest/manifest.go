// Package manifest holds the "acrkit manifest" commands.
package manifest

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/registry"
)

// NewCmdManifest returns the noun with its verbs.
func NewCmdManifest(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{Use: "manifest <command>", Short: "Work with manifests"})
	cmd.AddCommand(newCmdList(f, nil), newCmdView(f, nil))
	return cmd
}

type manifestJSON struct {
	Digest          string               `json:"digest"`
	MediaType       string               `json:"mediaType"`
	ConfigMediaType string               `json:"configMediaType"`
	ArtifactType    string               `json:"artifactType"`
	Architecture    string               `json:"architecture"`
	OS              string               `json:"os"`
	Size            int64                `json:"imageSize"`
	CreatedTime     time.Time            `json:"createdTime"`
	LastUpdateTime  time.Time            `json:"lastUpdateTime"`
	Tags            []string             `json:"tags"`
	References      []registry.Reference `json:"references"`
	Attributes      registry.Attributes  `json:"changeableAttributes"`
}

// object replaces nil lists by empty ones, so that each field is always present with one
// type.
func object(m registry.Manifest) manifestJSON {
	if m.Tags == nil {
		m.Tags = []string{}
	}
	if m.References == nil {
		m.References = []registry.Reference{}
	}
	return manifestJSON(m)
}

func platform(osName, architecture string) string {
	if osName == "" && architecture == "" {
		return ""
	}
	return osName + "/" + architecture
}
