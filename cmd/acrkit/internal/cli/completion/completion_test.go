package completion

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
)

// TestBashAlone: the script completes in a bash that has no package bash-completion, and
// words that bash breaks at = and : reach the command whole.
func TestBashAlone(t *testing.T) {
	bash, err := exec.LookPath("bash")
	switch {
	case err != nil && os.Getenv("CI") != "":
		t.Fatal("there is no bash, and .ci/run needs one")
	case err != nil:
		t.Skip("there is no bash on this machine")
	}
	var script bytes.Buffer
	err = run(context.Background(), &Options{IO: &iostreams.IOStreams{Out: &script},
		Root: &cobra.Command{Use: "acrkit"}, Shell: "bash"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		words []string // as bash breaks them
		line  string
		want  string // what the command is asked
		offer string // what it is made to offer, and what bash shows of it
		shown string
	}{
		{[]string{"acrkit", "ta"}, "acrkit ta", "__complete ta", "tag", "tag"},
		{[]string{"acrkit", "tag", ""}, "acrkit tag ", "__complete tag ", "list", "list"},
		{[]string{"acrkit", "run", "--auth", "=", "st"}, "acrkit run --auth=st",
			"__complete run --auth=st", "store", "store"},
		{[]string{"acrkit", "run", "--auth", "="}, "acrkit run --auth=", "__complete run --auth=", "store", "store"},
		{[]string{"acrkit", "tag", "list", "localhost", ":", "5443/sam"}, "acrkit tag list  localhost:5443/sam",
			"__complete tag list localhost:5443/sam", "localhost:5443/samples", "5443/samples"},
	} {
		ask := exec.Command(bash, "--norc", "--noprofile", "-c", `
compopt() { :; } # works while bash completes
acrkit() { printf '%s\n' "$*" >asked; printf '%s\n:4\n' "$OFFER"; }
source /dev/stdin
COMP_WORDS=("$@") COMP_CWORD=$(($#-1)) COMP_POINT=${#COMP_LINE}
__start_acrkit
printf '%s|' "$(<asked)" "${COMPREPLY[@]}"`, "bash")
		ask.Args = append(ask.Args, tt.words...)
		ask.Dir = t.TempDir()
		ask.Env = []string{"PATH=" + filepath.Dir(bash), "COMP_LINE=" + tt.line, "OFFER=" + tt.offer}
		ask.Stdin = bytes.NewReader(script.Bytes())
		var failed strings.Builder
		ask.Stderr = &failed
		out, err := ask.Output()
		if got, want := string(out), tt.want+"|"+tt.shown+"|"; got != want || err != nil || failed.Len() > 0 {
			t.Errorf("%q: %q, want %q (%v, %s)", tt.line, got, want, err, failed.String())
		}
	}
}
