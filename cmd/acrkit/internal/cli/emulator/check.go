package emulator

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/control"
	"github.com/acrkit/acrkit/internal/sentence"
)

// maxFindings is the most findings that are listed. With more of them, the folder has to
// be replaced as a whole.
const maxFindings = 10_000

var findingFields = []string{"kind", "registry", "repository", "digest", "problem", "fix"}

func findingRow(f control.Finding) []string {
	where := f.Registry
	if f.Repository != "" {
		where += "/" + f.Repository
	}
	return []string{f.Kind, where, f.Digest, f.Problem, f.Fix}
}

// newCmdCheck returns "emulator check".
func newCmdCheck(f *cmdutil.Factory) *cobra.Command {
	var exporter *cmdutil.Exporter
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check what the emulator has stored",
		Long: "Read all that an emulator has stored, running or not, and report damage: a\n" +
			"database that is not whole, manifests and blobs whose content does not have their\n" +
			"digest, and parts of manifests that their repositories lack. Each finding comes with what\n" +
			"to do: pushing the image again fixes most. Nothing is changed.\n\n" +
			"The exit code is 0 if all is well and 8 if something was found.",
		Example: "$ acrkit emulator check\n\n" +
			"$ acrkit emulator check --data ./emulator --json repository,digest,problem",
		Args: cmdutil.NoArgs,
	}
	c := target.AddFlags(cmd, f)
	cmdutil.AddJSONFlags(cmd, &exporter, findingFields)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		part, done, err := checker(cmd.Context(), c)
		if err != nil {
			return err
		}
		return errors.Join(checkRun(cmd.Context(), c.Factory.IO, exporter, part), done())
	}
	return cmd
}

// partOf checks from a place on.
type partOf func(ctx context.Context, from string) (control.CheckPart, error)

// checker returns what checks: the running emulator, or this process where none
// uses the folder.
func checker(ctx context.Context, c *target.Target) (part partOf, done func() error, err error) {
	nothing := func() error { return nil }
	if c.Addr == "" && c.KeyFile == "" {
		dir := c.DataDir
		if dir == "" {
			if dir, err = target.DefaultDataDir(c.Factory.Env, "acrkit emulator check"); err != nil {
				return nil, nil, err
			}
		}
		folder, err := emulator.OpenFolder(ctx, dir)
		if err == nil {
			part = func(ctx context.Context, from string) (control.CheckPart, error) {
				return ofFolder(folder.Check(ctx, from))
			}
			return part, folder.Close, nil
		}
		e, ok := errors.AsType[*acrkit.Error](err)
		inMemory := ok && e.Code == acrkit.CodeNotFound && hasConnection(dir)
		if !ok || e.Code != acrkit.CodeUnavailable && !inMemory {
			return nil, nil, err
		}
	}
	cl, err := c.Open()
	if err != nil {
		return nil, nil, err
	}
	return cl.Check, nothing, nil
}

// hasConnection reports whether a folder is that of an emulator in memory, whose
// state is not in it.
func hasConnection(dir string) bool {
	conn, err := readConnection(dir)
	return err == nil && conn.DataDir == ""
}

func ofFolder(p emulator.CheckPart, err error) (control.CheckPart, error) {
	out := control.CheckPart{Next: p.Next, Manifests: p.Manifests, Contents: p.Contents, Bytes: p.Bytes,
		Unused: p.Unused, UnusedBytes: p.UnusedBytes, Total: p.Total}
	for _, f := range p.Findings {
		out.Findings = append(out.Findings, control.Finding(f))
	}
	return out, err
}

func checkRun(ctx context.Context, s *iostreams.IOStreams, exporter *cmdutil.Exporter, part partOf) error {
	var sum control.CheckPart
	defer s.Await("Checking")()
	found := func(yield func(control.Finding, error) bool) {
		listed := 0
		for {
			p, err := part(ctx, sum.Next)
			if err != nil {
				yield(control.Finding{}, err)
				return
			}
			sum.Next, sum.Total = p.Next, max(sum.Total, p.Total)
			sum.Manifests += p.Manifests
			sum.Contents += p.Contents
			sum.Bytes += p.Bytes
			sum.Unused += p.Unused
			sum.UnusedBytes += p.UnusedBytes
			for _, f := range p.Findings {
				//rule:rot-check-run
				if listed++; listed > maxFindings {
					yield(control.Finding{},
						&acrkit.Error{Code: acrkit.CodeTooLarge, Op: "list all findings of the check",
							Reason: fmt.Sprintf("there are more than %d findings", maxFindings),
							Hint:   sentence.Fix(sentence.PutBackFolder, nil)})
					return
				}
				if !yield(f, nil) {
					return
				}
			}
			if sum.Next == "" {
				return
			}
			total := size(max(sum.Total, sum.Bytes))
			s.Progress(fmt.Sprintf("Checked %d manifests and %s of %s", sum.Manifests, size(sum.Bytes), total))
		}
	}
	n, err := cmdutil.PrintList(ctx, s, exporter, iter.Seq2[control.Finding, error](found),
		[]string{"KIND", "REPOSITORY", "DIGEST", "PROBLEM", "WHAT TO DO"},
		findingRow, func(f control.Finding) control.Finding { return f })
	if err != nil {
		return err
	}
	cmdutil.Say(s.ErrOut, "checked %d manifests and %d contents of %s; findings: %d",
		sum.Manifests, sum.Contents, size(sum.Bytes), n)
	if sum.Unused > 0 {
		cmdutil.Say(s.ErrOut, "nothing refers to %d contents of %s; they are removed later",
			sum.Unused, size(sum.UnusedBytes))
	}
	if n > 0 {
		return cmdutil.Exit(cmdutil.ExitFound)
	}
	return nil
}

// size is a number of bytes for a person.
func size(n int64) string {
	for _, unit := range []struct {
		name  string
		bytes int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= unit.bytes {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(unit.bytes), unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
