// Package manifest holds the "acrkit manifest" commands.
package manifest

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/change"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/registry"
)

// NewCmdManifest returns the noun with its verbs.
func NewCmdManifest(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{Use: "manifest <command>", Short: "Work with manifests"})
	cmd.AddCommand(newCmdDelete(f, nil), newCmdList(f, nil), newCmdLock(f, nil), newCmdUnlock(f, nil),
		newCmdView(f, nil))
	return cmd
}

const needsManifests = "one or more tags or digests: [<registry>/]<repository>{:<tag>|@<digest>}"

// checkManifest refuses a reference that names no manifest.
func checkManifest(ref acrkit.Reference) error {
	if ref.Target() == "" {
		return cmdutil.Usage("%q names neither a tag nor a digest", ref)
	}
	return nil
}

// resolve returns the reference to a manifest by its digest alone.
func resolve(ctx context.Context, c *registry.Client, ref acrkit.Reference) (acrkit.Reference, error) {
	if ref.Digest == "" {
		t, err := c.Tag(ctx, ref.Name, ref.Tag)
		if err != nil {
			return ref, err
		}
		ref.Digest = t.Digest
	}
	ref.Tag = ""
	return ref, nil
}

var locks = change.LockKind{
	Check:   checkManifest,
	Resolve: resolve,
	Read: func(ctx context.Context, c *registry.Client, ref acrkit.Reference) (registry.Attributes, error) {
		m, err := c.Manifest(ctx, ref.Name, ref.Digest)
		return m.Attributes, err
	},
	Update: func(ctx context.Context, c *registry.Client, ref acrkit.Reference,
		change registry.AttributeChange) (registry.Attributes, error) {
		m, err := c.UpdateManifest(ctx, ref.Name, ref.Digest, change)
		return m.Attributes, err
	},
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
