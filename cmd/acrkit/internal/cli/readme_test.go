package cli_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
)

// TestReadme runs the lines of the README that hand out a token and take it back.
func TestReadme(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "### Hand out a token")
	_, block, foundBlock := strings.Cut(section, "```sh\n")
	block, _, ended := strings.Cut(block, "```")
	if !found || !foundBlock || !ended || strings.Count(block, "\n") < 5 {
		t.Fatalf("the README has no such section:\n%s", block)
	}
	r := newRotator(t, "Contributor")
	r.env["TZ"] = "UTC"
	t.Chdir(r.dir)
	for line := range strings.Lines(block) {
		command, _, _ := strings.Cut(line, "#")
		words := strings.Fields(command)
		if words[0] != "acrkit" {
			t.Fatalf("%q is no command of acrkit", line)
		}
		s, _, _, errOut := iostreams.Test()
		f := &cmdutil.Factory{IO: s, Now: r.reg.Clock().Now, Settle: -1, Global: cmdutil.Global{NoCache: true},
			Sleep: func(ctx context.Context, d time.Duration) error { r.reg.Advance(d); return ctx.Err() },
			LookupEnv: func(name string) (string, bool) {
				v, ok := r.env[name]
				return v, ok
			}}
		args := append(words[1:], "--yes")
		if verb := words[2]; verb == "list" || verb == "status" {
			args = words[1:]
		}
		if code := cli.Run(t.Context(), f, args); code != cmdutil.ExitOK {
			t.Fatalf("%q: exit code %d\n%s", words, code, errOut)
		}
	}
}
