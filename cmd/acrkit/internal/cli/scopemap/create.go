package scopemapcmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/rights"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/manage"
)

// createOptions are what "scope-map create" needs.
type createOptions struct {
	rights.Change
	Lines       []string
	Description string
}

// newCmdCreate returns "scope-map create". A runF other than nil runs instead of it.
func newCmdCreate(f *cmdutil.Factory, runF func(context.Context, *createOptions) error) *cobra.Command {
	opts := &createOptions{}
	var allow []string
	cmd := &cobra.Command{
		Use:   "create [<registry>/]<scope-map> --allow <right>...",
		Short: "Make a scope map",
		Long: "Make a scope map for tokens that are to share it. \"acrkit token create\" makes one for\na single " +
			"token.\n\n" + rights.Help + "\nAn existing scope map is never replaced.",
		Example: "$ acrkit scope-map create myregistry/team-a --allow 'team-a/*:content/read,metadata/read'\n\n" +
			"# What was used\n" +
			"$ acrkit scope-map suggest used.txt --format lines | acrkit scope-map create ci --allow @- --yes\n\n" +
			"# What it would allow\n$ acrkit scope-map create team-a --allow team-a/app:content/read --dry-run",
		Args: cmdutil.ExactArgs(1, scopeMapArg+": [<registry>/]<scope-map>"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if opts.Registry, opts.Name, err = f.Object(args[0], scopeMapArg); err != nil {
				return err
			}
			if opts.Lines, err = rights.Lines("allow", allow, f.IO.In); err != nil {
				return err
			}
			if len(opts.Lines) == 0 {
				return cmdutil.Usage("give the rights with --allow")
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return createRun(cmd.Context(), opts)
		},
	}
	rights.AddAllowFlag(cmd, &allow)
	cmd.Flags().StringVar(&opts.Description, "description", "", "a `text` that says what it is for")
	opts.AddFlags(cmd, f)
	return cmd
}

func createRun(ctx context.Context, opts *createOptions) error {
	all := rights.OnAll(opts.Lines)
	if all {
		if err := opts.Possible(); err != nil {
			return err
		}
	}
	r, err := opts.Open(ctx)
	if err != nil {
		return err
	}
	if err := rights.Free(ctx, r, opts.Registry, opts.Name); err != nil {
		return opts.Explain(ctx, err, sentence.ShowScopeMaps)
	}
	agreed, err := opts.Agree(ctx, rights.Effect{What: rights.ScopeMap(opts.Name), After: opts.Lines, New: true,
		Always: all, Question: "Make a scope map on all repositories?"})
	if err != nil || !agreed {
		return err
	}
	err = r.CreateScopeMap(ctx, manage.ScopeMap{Name: opts.Name, Description: opts.Description, Actions: opts.Lines})
	if err != nil {
		return opts.Explain(ctx, err, sentence.ShowScopeMaps)
	}
	cmdutil.Say(opts.IO.ErrOut, "Made the %s.", rights.ScopeMap(opts.Name))
	return nil
}
