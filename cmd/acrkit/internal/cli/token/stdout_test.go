package token

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/manage/sink"
)

// A command of a sink gets the environment without acrkit's own secrets.
func TestSinkEnvironment(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("it needs a POSIX shell")
	}
	t.Setenv("ACR_TOKEN_PASSWORD", "password-of-acrkit")
	t.Setenv("AZURE_CLIENT_SECRET", "secret-of-acrkit")
	t.Setenv("SINK_TEST", "plain")
	path := filepath.Join(t.TempDir(), "environment")
	s, err := sinkOf(clitest.Factory(nil), "exec:sh -c 'env >\"$0\"' '"+path+"'")
	if err != nil {
		t.Fatal(err)
	}
	reg, err := acrkit.ParseRegistry("myregistry")
	if err != nil {
		t.Fatal(err)
	}
	v := sink.Value{Registry: reg, Token: "ci-pull", Password: auth.NewSecret("new-password")}
	if err := s.Deliver(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	env, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(env), "SINK_TEST=plain") {
		t.Fatalf("%s, %v", env, err)
	}
	for _, secret := range []string{"password-of-acrkit", "secret-of-acrkit", "new-password"} {
		if strings.Contains(string(env), secret) {
			t.Errorf("the environment has %s", secret)
		}
	}
}
