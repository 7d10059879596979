// Package root assembles the command tree.
package root

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/access"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cache"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/completion"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/demo"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/doctor"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/explain"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/login"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/logout"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/manifest"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/proxy"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/repo"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/run"
	scopemapcmd "github.com/acrkit/acrkit/cmd/acrkit/internal/cli/scopemap"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/tag"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/token"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/version"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/whoami"
)

// NewCmdRoot returns the acrkit command with all its subcommands.
func NewCmdRoot(f *cmdutil.Factory) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "acrkit <command> <subcommand> [flags]",
		Short: "Azure Container Registry with least privilege",
		Long: "Use an Azure Container Registry with a scope-mapped token or a service principal,\n" +
			"see why a request was refused, and rehearse it against an emulator.",
		Example: "# See it work on this machine, without a cloud\n$ acrkit demo\n\n" +
			"# List the tags of a repository with a token's name and password\n" +
			"$ export ACR_NAME=myregistry ACR_TOKEN_NAME=ci-pull ACR_TOKEN_PASSWORD_FILE=~/.acr-password\n" +
			"$ acrkit tag list samples/app",
		SilenceErrors: true,
		SilenceUsage:  true,

		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := cmdutil.CheckGlobals(cmd); err != nil {
				return err
			}
			//rule:timeout-new-cmd-root
			return f.StartTimeout(cmd)
		},
	}
	cmdutil.Group(cmd)
	showVersion := cmd.Flags().Bool("version", false, "show which build this is")
	showHelp := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *showVersion {
			return version.Print(f.IO)
		}
		return showHelp(cmd, args)
	}
	cmd.SetIn(f.IO.In)
	cmd.SetOut(f.IO.Out)
	cmd.SetErr(f.IO.ErrOut)
	cmd.SetFlagErrorFunc(cmdutil.FlagError)
	cmd.SetHelpFunc(func(cmd *cobra.Command, _ []string) { help(f.IO, cmd) })
	cmd.CompletionOptions.DisableDefaultCmd = true

	flags := cmd.PersistentFlags()
	flags.BoolP("help", "h", false, "show help for the command")
	flags.StringVar(&f.Global.Registry, cmdutil.FlagRegistry, "",
		"the `registry` where a reference names none (over ACR_NAME)")
	cmdutil.PersistentEnumFlag(cmd, &f.Global.Auth, cmdutil.FlagAuth, "",
		"use this kind of credential only", cmdutil.AuthKinds...)
	flags.BoolVar(&f.Global.NoCache, cmdutil.FlagNoCache, f.Global.NoCache,
		"use no token of another run, and keep none")
	flags.BoolVar(&f.Global.PlainHTTP, cmdutil.FlagPlainHTTP, false, "speak HTTP without TLS; to this machine only")
	flags.DurationVar(&f.Global.Timeout, "timeout", 0,
		"end with an error if it is not done after this `time`, as 30s (default: no limit)")
	flags.BoolVar(&f.Global.Debug, cmdutil.FlagDebug, false, "print requests and answers to stderr, without secrets")

	cmd.AddGroup(&cobra.Group{ID: "core", Title: "CORE COMMANDS"}, &cobra.Group{ID: "more", Title: "OTHER COMMANDS"})
	add := func(group string, sub *cobra.Command, globals ...string) {
		sub.GroupID = group
		if len(globals) > 0 {
			cmdutil.TakeGlobals(sub, globals...)
		}
		cmd.AddCommand(sub)
	}
	const (
		registry  = cmdutil.FlagRegistry
		auth      = cmdutil.FlagAuth
		noCache   = cmdutil.FlagNoCache
		plainHTTP = cmdutil.FlagPlainHTTP
		debug     = cmdutil.FlagDebug
	)
	add("core", demo.NewCmdDemo(f, nil))
	add("core", repo.NewCmdRepo(f), registry, auth, noCache, plainHTTP, debug)
	add("core", tag.NewCmdTag(f), registry, auth, noCache, plainHTTP, debug)
	add("core", manifest.NewCmdManifest(f), registry, auth, noCache, plainHTTP, debug)
	add("core", access.NewCmdAccess(f), registry, auth, debug)
	add("core", token.NewCmdToken(f), registry, auth, debug)
	add("core", scopemapcmd.NewCmdScopeMap(f), registry, auth, debug)
	add("core", emulator.NewCmdEmulator(f))
	add("core", login.NewCmdLogin(f, nil), registry, plainHTTP, debug)
	add("core", logout.NewCmdLogout(f, nil), registry)
	add("core", whoami.NewCmdWhoami(f, nil), registry, auth, plainHTTP, debug)
	add("core", doctor.NewCmdDoctor(f, nil), registry, auth, plainHTTP)
	add("core", explain.NewCmdExplain(f, nil), registry, auth, plainHTTP)
	add("core", run.NewCmdRun(f, nil), registry, auth, plainHTTP, debug)
	add("core", proxy.NewCmdProxy(f, nil), registry, auth, plainHTTP, debug)
	add("more", cache.NewCmdCache(f))
	add("more", completion.NewCmdCompletion(f, nil))
	add("more", version.NewCmdVersion(f, nil))
	addTopics(cmd)
	cmd.SetHelpCommand(newCmdHelp())
	cmdutil.CompleteFiles(cmd)
	return cmd
}
