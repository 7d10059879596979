package access

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/internal/spool"
	"github.com/acrkit/acrkit/manage"
	"github.com/acrkit/acrkit/manage/access"
)

// listOptions are what "access list" needs.
type listOptions struct {
	IO       *iostreams.IOStreams
	Manage   func(context.Context, acrkit.Registry, *cmdutil.Azure) (*manage.Registry, error)
	Now      func() time.Time
	Exporter *cmdutil.Exporter

	Registry acrkit.Registry
	Query    access.Query
	Azure    cmdutil.Azure

	memory int // of the lists, for tests; 0 = the default
}

// newCmdList returns "access list". A runF other than nil runs instead of it.
func newCmdList(f *cmdutil.Factory, runF func(context.Context, *listOptions) error) *cobra.Command {
	opts := &listOptions{IO: f.IO, Manage: f.Manage, Now: f.Now}
	cmd := &cobra.Command{
		Use:   "list [<registry>]",
		Short: "List who may do what",
		Long: "List who has which right, each with the line that gives it: the line of the\n" +
			"token's scope map, or the role, where it is assigned, and its condition. A token that\n" +
			"is disabled or has no password that works is listed, and the state says so.\n\n" +
			"Roles count by their permissions, custom roles too. In legacy mode pull/read,\n" +
			"push/write and artifacts/delete of the control plane give rights, in ABAC mode the\n" +
			"actions on data. \"catalog\" lists all repositories; \"control\" is what leads to every\n" +
			"right: to make passwords, change tokens, scope maps or settings, or assign roles.\n\n" +
			"The order is stable, and --json has one right a line: diff compares two nights. What\n" +
			"could not be read or decided is in the list, and the exit code is 7: lists without\n" +
			"the right to read them, conditions that are not understood, groups.",
		Example: "# Who may push to a repository?\n$ acrkit access list myregistry --repository samples/app " +
			"--action content/write\n\n" +
			"# What has changed since yesterday?\n$ acrkit access list myregistry --json " +
			"kind,name,repository,action,by,scope,condition > today.json\n$ diff yesterday.json today.json",
		Args: cmdutil.MaxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			opts.Registry, opts.Query.Repository, err = f.RepositoryFlag(opts.Query.Repository, cmdutil.First(args))
			if err != nil {
				return err
			}
			if err := opts.Query.Check(); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return listRun(cmd.Context(), opts)
		},
	}
	cmd.Flags().StringVarP(&opts.Query.Repository, "repository", "r", "", "only rights on this repository `name`")
	cmdutil.CompleteRepositoryFlag(cmd, f, "repository")
	cmdutil.EnumFlag(cmd, &opts.Query.Action, "action", "", "only this right", access.Rights()...)
	opts.Azure.AddFlags(cmd)
	cmdutil.AddJSONFlags(cmd, &opts.Exporter, fields)
	return cmd
}

func listRun(ctx context.Context, opts *listOptions) error {
	r, err := opts.Manage(ctx, opts.Registry, &opts.Azure)
	if err != nil {
		return err
	}
	rd := &reader{io: opts.IO, azure: &opts.Azure, r: r, query: opts.Query, now: opts.Now(), memory: opts.memory}
	defer rd.close()
	if err := rd.read(ctx); err != nil {
		return err
	}
	err = cmdutil.PrintEach(ctx, opts.IO, opts.Exporter, spool.Values[access.Grant](rd.grants), header, row)
	if err != nil {
		return err
	}
	return incomplete("list all who have access", opts.Registry, rd.unread, rd.uncertain)
}
