package cli_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
)

// TestTimeout gives commands less time than they need, and programs that are run
// more than --timeout, which is for what acrkit does before.
func TestTimeout(t *testing.T) {
	ended := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-ended }))
	t.Cleanup(silent.Close)
	t.Cleanup(func() { close(ended) })
	good := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w,
			`{"access_token":"made-up"}`)
	}))
	t.Cleanup(good.Close)
	// What the child takes is more than --timeout, and the time of ending by itself.
	const patient = "sleep 3; exit 9"
	for _, tt := range []struct {
		args   string
		last   string // argument
		server *httptest.Server
		code   int
		text   string
	}{
		{"repo list --timeout 500ms", "", silent, cmdutil.ExitUnavailable, "cannot list repositories on "},
		{"tag list a --timeout 500ms", "", silent, cmdutil.ExitUnavailable, `cannot list tags of "a" on `},
		{"manifest view --raw a:v1 --timeout 500ms", "", silent, cmdutil.ExitUnavailable,
			"accepted the connection and sent nothing for "},
		{"whoami --timeout 500ms", "", silent, cmdutil.ExitUnavailable, `cannot finish "acrkit whoami": `},
		{"doctor --timeout 500ms", "", silent, cmdutil.ExitUnavailable, `cannot finish "acrkit doctor": `},
		{"explain --error --timeout 500ms", "", silent, cmdutil.ExitUnavailable,
			`cannot finish "acrkit explain": `}, // it reads stdin
		{"run --timeout 500ms -- true", "", silent, cmdutil.ExitUnavailable, `cannot finish "acrkit run": `},
		{"proxy --timeout 500ms -- true", "", silent, cmdutil.ExitUnavailable, `cannot finish "acrkit proxy": `},
		{"run --timeout 500ms -- sh -c", patient, good, 9, ""},
		{"proxy --http --timeout 500ms -- sh -c", patient, good, 9, ""},
		{"version --timeout 0s", "", silent, 0, ""},
		{"version --timeout 1m", "", silent, 0, ""},
		{"version --timeout -1s", "", silent, cmdutil.ExitUsage, "--timeout -1s is less than 0"},
		{"emulator start --memory --addr 127.0.0.1:0 --timeout 1s", "", silent, cmdutil.ExitUsage,
			"takes no --timeout"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			args := strings.Fields(tt.args)
			if takesPlainHTTP := args[0] != "version" && args[0] != "emulator"; takesPlainHTTP {
				args = append([]string{"--plain-http"}, args...)
			}
			if tt.last != "" {
				args = append(args, tt.last)
			}
			cmd := exec.CommandContext(ctx, "acrkit", args...)
			dir := t.TempDir()
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "ACR_NAME=" + strings.TrimPrefix(tt.server.URL,
				"http://"), "ACR_TOKEN_NAME=a", "ACR_TOKEN_PASSWORD=b",
				"ACRKIT_NO_CACHE=1", "ACRKIT_CONFIG_DIR=" + dir, "ACRKIT_KEYRING=off", "HOME=" +
					dir, "XDG_RUNTIME_DIR=" + dir}
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if _, err := cmd.StdinPipe(); err != nil { // open, and nothing comes
				t.Fatal(err)
			}
			err := cmd.Run()
			code := 0
			if exit, ok := errors.AsType[*exec.ExitError](err); ok {
				code = exit.ExitCode()
			} else if err != nil {
				t.Fatal(err)
			}
			if code != tt.code || !strings.Contains(stderr.String(), tt.text) {
				t.Errorf("exit code %d, want %d\n%s%s", code, tt.code, &stdout, &stderr)
			}
			if tt.code == cmdutil.ExitUnavailable && !strings.Contains(stderr.String(),
				"within the 500ms of --timeout") {
				t.Errorf("%s does not name --timeout", &stderr)
			}
		})
	}
}
