package seed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/wording"
	"github.com/acrkit/acrkit/manage"
)

// importOptions are what "emulator seed import" needs.
type importOptions struct {
	IO      *iostreams.IOStreams
	Manage  func(context.Context, acrkit.Registry, *cmdutil.Azure) (*manage.Registry, error)
	Connect func(context.Context, acrkit.Registry) (*cmdutil.Connection, error)
	Azure   cmdutil.Azure

	Registry acrkit.Registry
	Output   string // "" = stdout
	Force    bool
}

// newCmdImport returns "emulator seed import". A runF other than nil runs instead of it.
func newCmdImport(f *cmdutil.Factory, runF func(context.Context, *importOptions) error) *cobra.Command {
	opts := &importOptions{IO: f.IO, Manage: f.Manage, Connect: f.Connect}
	cmd := &cobra.Command{
		Use:   "import [<registry>]",
		Short: "Write the rights of a real registry as a seed",
		Long: "Write a seed of a registry in Azure, to rehearse on a copy of its rights: settings,\n" +
			"scope maps, tokens, role assignments with their conditions, and names of repositories.\n" +
			"Azure Resource Manager is asked, with an identity of Entra; nothing is changed there.\n\n" +
			"It holds no secret: \"acrkit emulator token password\" gives a token a password. A principal\n" +
			"is an application whose client id is its object id. The names of repositories are the\n" +
			"registry's catalog if your credential may list it, else those in scope maps; each has\n" +
			"one generated image. Network rules are left out, so that this machine reaches it.\n\n" +
			"What an emulator cannot hold, such as a role that it does not know, is named, and the\n" +
			"exit code is 7.",
		Example: "$ acrkit emulator seed import myregistry --output seed.yaml\n$ acrkit emulator start --data ./copy " +
			"--seed seed.yaml",
		Args: cmdutil.MaxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if opts.Force && opts.Output == "" {
				return cmdutil.Usage("--force needs --output")
			}
			var err error
			if opts.Registry, err = f.Registry(cmdutil.First(args)); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return importRun(cmd.Context(), opts)
		},
	}
	cmd.Flags().StringVarP(&opts.Output, "output", "o", "",
		"write to this `file`, which only you can read, not to stdout")
	cmd.Flags().BoolVarP(&opts.Force, "force", "f", false, "overwrite the file")
	opts.Azure.AddFlags(cmd)
	cmdutil.TakeGlobals(cmd, cmdutil.FlagRegistry, cmdutil.FlagAuth, cmdutil.FlagDebug)
	return cmd
}

func importRun(ctx context.Context, opts *importOptions) error {
	r, err := opts.Manage(ctx, opts.Registry, &opts.Azure)
	if err != nil {
		return err
	}
	x, err := readAzure(ctx, opts, r)
	if err != nil {
		return opts.Azure.Explain(ctx, err)
	}
	source, err := repositories(ctx, opts, x)
	if err != nil {
		return err
	}
	s := x.seed()
	comment := "The rights of " + opts.Registry.Host() + ". " + source + "\n"
	for _, text := range x.leftOut {
		comment += "Left out: " + strings.Join(strings.Fields(text), " ") + ".\n"
	}
	var text bytes.Buffer
	if err := seed.Write(&text, s, comment); err != nil {
		return err
	}
	if opts.Output != "" {
		err = writeFile(opts.Output, text.String(), opts.Force, true, "import --force --output")
	} else {
		_, err = opts.IO.Out.Write(text.Bytes())
	}
	if err != nil {
		return err
	}
	said := opts.IO.ErrOut
	cmdutil.Say(said, "%s", source)
	for _, text := range x.leftOut {
		cmdutil.Say(said, "left out: %s", text)
	}
	if n := len(x.leftOut); n > 0 {
		return &acrkit.Error{Code: acrkit.CodeIncomplete, Op: "import the registry", Registry: opts.Registry,
			Reason: fmt.Sprintf("the seed is written, and %d things are left out of it", n)}
	}
	return nil
}

// readAzure reads all that a seed has of a registry. All of it or nothing: half a copy of
// some rights would be another thing than it says.
func readAzure(ctx context.Context, opts *importOptions, r *manage.Registry) (x *fromAzure, err error) {
	id, err := arm.ParseResourceID(r.ID())
	if err != nil {
		return nil, &acrkit.Error{Code: acrkit.CodeProtocol, Op: "import the registry", Registry: opts.Registry,
			Errs: []error{err}}
	}
	x = &fromAzure{subscription: id.SubscriptionID, group: id.ResourceGroupName, name: r.Name(), id: r.ID()}
	if x.settings, err = r.Settings(ctx); err != nil {
		return nil, err
	}
	if x.scopeMaps, err = collect(opts.IO, "scope maps", r.ScopeMaps(ctx)); err != nil {
		return nil, err
	}
	if x.tokens, err = collect(opts.IO, "tokens", r.Tokens(ctx)); err != nil {
		return nil, err
	}
	if x.assignments, err = collect(opts.IO, "role assignments", r.Assignments(ctx)); err != nil {
		return nil, err
	}
	x.roles, err = r.Roles(ctx) // after the assignments, which may be of new roles
	return x, err
}

func collect[T any](io *iostreams.IOStreams, what string, items iter.Seq2[T, error]) (all []T, err error) {
	defer io.Await("reading the " + what)()
	for item, err := range items {
		if err != nil {
			return nil, err
		}
		if all = append(all, item); len(all)%100 == 0 {
			io.Progress(fmt.Sprintf("reading the %s: %d", what, len(all)))
		}
	}
	return all, nil
}

// repositories reads the names of repositories, and says where they are from.
func repositories(ctx context.Context, opts *importOptions, x *fromAzure) (source string, err error) {
	c, err := opts.Connect(ctx, opts.Registry)
	if err == nil {
		defer c.Close()
		x.repositories, err = collect(opts.IO, "names of repositories", c.Client.Repositories(ctx, nil))
	}
	switch {
	case err == nil:
		return "The names of repositories are from its catalog.", nil
	case errors.Is(err, acrkit.CodeCredentialMissing), errors.Is(err, acrkit.CodeCredentialRejected),
		errors.Is(err, acrkit.CodeInsufficientScope), errors.Is(err, acrkit.CodeDenied):
		x.repositories = named(x.scopeMaps)
		return "The names of repositories are those in scope maps: the catalog could not be read (" +
			wording.Reason(err) + ").", nil
	}
	if c != nil {
		err = cmdutil.Explain(ctx, c, err)
	}
	return "", err
}
