package cli_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
)

// TestInterrupt presses Ctrl-C while a registry does not answer.
func TestInterrupt(t *testing.T) {
	for _, args := range []string{"repo list", "tag list a", "repo list x/a x/b",
		"manifest view --raw a:v1", "whoami"} {
		t.Run(args, func(t *testing.T) {
			asked, ended := make(chan struct{}, 1), make(chan struct{})
			// One for each run: a late request of the run before is not this one's.
			srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				select {
				case asked <- struct{}{}:
				default:
				}
				<-ended
			}))
			defer srv.Close()
			defer close(ended)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			cmd := exec.CommandContext(ctx, "acrkit", append([]string{"--plain-http"}, strings.Fields(args)...)...)
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "ACR_NAME=" + strings.TrimPrefix(srv.URL, "http://"),
				"ACR_TOKEN_NAME=a", "ACR_TOKEN_PASSWORD=b"}
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			select {
			case <-asked:
			case <-ctx.Done():
				t.Fatal("nothing was asked")
			}
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			exit, ok := errors.AsType[*exec.ExitError](cmd.Wait())
			if !ok || exit.ExitCode() != cmdutil.ExitInterrupted || stderr.String() != "acrkit: interrupted\n" {
				t.Errorf("%v: %s", exit, &stderr)
			}
		})
	}
}
