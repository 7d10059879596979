package cmdutil_test

import (
	"testing"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
)

func TestGivenFlags(t *testing.T) {
	got := ""
	cmd := &cobra.Command{Use: "x", Run: func(cmd *cobra.Command, _ []string) { got = cmdutil.GivenFlags(cmd, "addr") }}
	cmd.Flags().String("addr", "", "")
	cmd.Flags().String("data", "", "")
	cmd.Flags().String("seed", "default", "")
	cmd.Flags().StringArray("hostname", nil, "")
	cmd.Flags().Bool("memory", false, "")
	cmd.Flags().Bool("rate-limits", true, "")
	cmd.SetArgs([]string{"--addr", "a:1", "--data", "two words", "--hostname", "b", "--hostname", "a", "--memory",
		"--rate-limits=false"})
	if err := cmd.Execute(); err != nil {
		t.Fatal(err)
	}
	if want := " --data 'two words' --hostname b --hostname a --memory --rate-limits=false"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
