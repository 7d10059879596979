package recipes

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// TestCompose checks the compose file by the published schema and rules.
func TestCompose(t *testing.T) {
	load := func(env types.Mapping) (*types.Project, error) {
		file := filepath.Join(examples, "compose", "compose.yaml")
		return loader.LoadWithContext(context.Background(), types.ConfigDetails{
			WorkingDir: filepath.Dir(file), Environment: env,
			ConfigFiles: []types.ConfigFile{{Filename: file}},
		}, func(o *loader.Options) { o.SetProjectName("recipe", true) })
	}
	p, err := load(types.Mapping{"ACR_PASSWORD": "x"})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Services) != 2 || p.Services["acr"].HealthCheck == nil {
		t.Errorf("services: %v", p.ServiceNames())
	}
	if _, err := load(nil); err == nil {
		t.Error("it starts without a password")
	}
}
