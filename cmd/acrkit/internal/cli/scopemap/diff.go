package scopemapcmd

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/mapfile"
	"github.com/acrkit/acrkit/scopemap"
)

// diffOptions are what "scope-map diff" needs.
type diffOptions struct {
	IO       *iostreams.IOStreams
	Read     func(ctx context.Context, arg string) (*mapfile.File, error)
	Exporter *cmdutil.Exporter

	Before, After string
	Only          string // gained or lost; "" = both
	Format        string // az, or "" = the rights
	Registry      registryName
}

const diffLong = `Compare the rights of two scope maps, not their lines. The order of lines makes no
difference, nor does a line that a wider one contains. Each row is a right that the
second map gains or loses, and the repositories: "samples/* except samples/app" are
all under samples/ but that one, for which nothing changes.

Files are those that "acrkit scope-map lint" reads; FILE#NAME chooses a map, and one
of the two may be - for stdin. What is no file is the name of a scope map in Azure, or
of a token.

The exit code is 0 if both maps decide every request alike, and 8 if they do not. With
--only, it is 8 only if such rights are found, and the others are not printed.

--format az prints the command that makes the first map the second one.`

// newCmdDiff returns "scope-map diff". A runF other than nil runs instead of it.
func newCmdDiff(f *cmdutil.Factory, runF func(context.Context, *diffOptions) error) *cobra.Command {
	var azure cmdutil.Azure
	opts := &diffOptions{IO: f.IO, Read: source{f, &azure}.read}
	cmd := &cobra.Command{
		Use: "diff <map> <map>", Short: "Compare the rights of two scope maps", Long: diffLong,
		Example: "$ acrkit scope-map diff before.txt after.txt\n\n" +
			"# What Terraform is about to change\n$ terraform show -json plan > plan.json\n" +
			"$ acrkit scope-map diff myregistry/ci plan.json#ci\n\n" +
			"# Fail only where rights are added\n" +
			"$ acrkit scope-map diff before.txt after.txt --only gained\n\n" +
			"# The command that changes it\n$ acrkit scope-map diff myregistry/ci after.txt --format az",
		Args: cmdutil.ExactArgs(2, "two files, or names of scope maps; one may be - for stdin"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Before, opts.After = args[0], args[1]
			switch {
			case isStdin(opts.Before) && isStdin(opts.After):
				return cmdutil.Usage("stdin (-) can be read once")
			case opts.Format != "" && (opts.Exporter != nil || opts.Only != ""):
				return cmdutil.Usage("--format prints a command; it excludes --json and --only")
			}
			var err error
			if opts.Registry, err = registryFor(f, opts.Format); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return diffRun(cmd.Context(), opts)
		},
	}
	cmdutil.EnumFlag(cmd, &opts.Format, "format", "", "print the command that makes the change, for",
		string(mapfile.AsAz))
	cmdutil.EnumFlag(cmd, &opts.Only, "only", "", "compare only what was", gained, lost)
	cmdutil.AddJSONFlags(cmd, &opts.Exporter, rightFields)
	azure.AddFlags(cmd)
	return cmd
}

func diffRun(ctx context.Context, opts *diffOptions) error {
	before, registry, errBefore := opts.one(ctx, opts.Before)
	after, _, errAfter := opts.one(ctx, opts.After)
	if errBefore != nil || errAfter != nil {
		for _, one := range []error{errBefore, errAfter} {
			if one != nil && (errBefore == nil || errAfter == nil || acrkit.CodeOf(one) != acrkit.CodeUsage) {
				return one
			}
		}
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: "compare the scope maps",
			Reason: fmt.Sprintf("%v\n%v", errBefore, errAfter), Hint: acrkit.HintOf(errBefore)}
	}
	d := scopemap.Diff(before, after)
	var err error
	switch {
	case opts.Format == "":
		err = printDifference(ctx, opts.IO, opts.Exporter, d, opts.Only)
	case before.System:
		err = cmdutil.Usage("the scope map %q is one of the service's own, which cannot be changed", before.Name)
	case !d.Same():
		_, err = io.WriteString(opts.IO.Out, mapfile.AzUpdate(before, after, opts.Registry.of(registry)))
	}
	if err != nil {
		return err
	}
	if only(d, opts.Only).Same() {
		return nil
	}
	return cmdutil.Exit(cmdutil.ExitFound)
}

// one reads a map, and the name of its registry if that is known.
func (opts *diffOptions) one(ctx context.Context, arg string) (m scopemap.Map, registry string, err error) {
	f, err := opts.Read(ctx, arg)
	if err != nil {
		return scopemap.Map{}, "", err
	}
	if m, err = f.One(); err != nil {
		return scopemap.Map{}, "", err
	}
	return m, f.Maps[0].Registry, nil
}
