package cli_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/root"
)

var update = flag.Bool("update", false, "write docs/cli.md")

// maxColumns is how wide the prose of help may be.
const maxColumns = 92

// TestCommandReference holds docs/cli.md, which is every command's help, up to
// date. It also checks that each command explains itself.
func TestCommandReference(t *testing.T) {
	s, _, out, _ := iostreams.Test()
	f := &cmdutil.Factory{IO: s, LookupEnv: func(string) (string, bool) { return "", false }}
	var doc strings.Builder
	doc.WriteString(
		"# Commands\n\nThis page is the help of every command; a test writes it (`go test ./cmd/acrkit/internal/cli " +
			"-run TestCommandReference -update`).\n")
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Name() == "help" {
			return
		}
		out.Reset()
		if err := cmd.Help(); err != nil {
			t.Fatal(err)
		}
		prose, _, _ := strings.Cut(out.String(), "\nUSAGE\n")
		_, fields, _ := strings.Cut(out.String(), "\nJSON FIELDS\n")
		fields, _, _ = strings.Cut(fields, "\n\n")
		for line := range strings.SplitSeq(prose+"\n"+fields, "\n") {
			if len(line) > maxColumns {
				t.Errorf("%s has a line of %d columns: %s", cmd.CommandPath(), len(line), line)
			}
		}
		fmt.Fprintf(&doc, "\n## %s\n\n```text\n%s```\n", cmd.CommandPath(), out)
		if cmd.Short == "" || !cmdutil.IsTopic(cmd) && !cmd.HasSubCommands() && cmd.Name() != "version" &&
			(cmd.Long == "" || cmd.Example == "") {
			t.Errorf("%s does not explain itself", cmd.CommandPath())
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(root.NewCmdRoot(f))
	path := filepath.Join("..", "..", "..", "..", "docs", "cli.md")
	if *update {
		if err := os.WriteFile(path, []byte(doc.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(have), doc.String()); diff != "" {
		t.Errorf("docs/cli.md is stale; run with -update: %s", diff)
	}
}
