// Package root assembles the command tree.
package root

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/internal/cli/cache"
	"github.com/acrkit/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/internal/cli/completion"
	"github.com/acrkit/acrkit/internal/cli/demo"
	"github.com/acrkit/acrkit/internal/cli/doctor"
	"github.com/acrkit/acrkit/internal/cli/emulator"
	"github.com/acrkit/acrkit/internal/cli/explain"
	"github.com/acrkit/acrkit/internal/cli/login"
	"github.com/acrkit/acrkit/internal/cli/logout"
	"github.com/acrkit/acrkit/internal/cli/manifest"
	"github.com/acrkit/acrkit/internal/cli/proxy"
	"github.com/acrkit/acrkit/internal/cli/repo"
	"github.com/acrkit/acrkit/internal/cli/run"
	"github.com/acrkit/acrkit/internal/cli/tag"
	"github.com/acrkit/acrkit/internal/cli/version"
	"github.com/acrkit/acrkit/internal/cli/whoami"
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

		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return f.StartTimeout(cmd) },
	}
	cmdutil.Group(cmd)
	cmd.SetIn(f.IO.In)
	cmd.SetOut(f.IO.Out)
	cmd.SetErr(f.IO.ErrOut)
	cmd.SetFlagErrorFunc(cmdutil.FlagError)
	cmd.SetHelpFunc(func(cmd *cobra.Command, _ []string) { help(f.IO, cmd) })
	cmd.CompletionOptions.DisableDefaultCmd = true

	flags := cmd.PersistentFlags()
	flags.BoolP("help", "h", false, "show help for the command")
	flags.StringVar(&f.Global.Registry, "registry", "", "the `registry` where a reference names none (over ACR_NAME)")
	cmdutil.PersistentEnumFlag(cmd, &f.Global.Auth, "auth", "", "use this kind of credential only", cmdutil.AuthKinds...)
	flags.BoolVar(&f.Global.NoCache, "no-cache", f.Global.NoCache, "use no token of another run, and keep none")
	flags.BoolVar(&f.Global.PlainHTTP, "plain-http", false, "speak HTTP without TLS; to this machine only")
	flags.DurationVar(&f.Global.Timeout, "timeout", 0,
		"end with an error if it is not done after this `time`, as 30s (default: no limit)")
	flags.BoolVar(&f.Global.Debug, "debug", false, "print requests and answers to stderr, without secrets")

	cmd.AddGroup(&cobra.Group{ID: "core", Title: "CORE COMMANDS"}, &cobra.Group{ID: "more", Title: "OTHER COMMANDS"})
	add := func(group string, sub *cobra.Command) {
		sub.GroupID = group
		cmd.AddCommand(sub)
	}
	add("core", demo.NewCmdDemo(f, nil))
	add("core", repo.NewCmdRepo(f))
	add("core", tag.NewCmdTag(f))
	add("core", manifest.NewCmdManifest(f))
	add("core", emulator.NewCmdEmulator(f))
	add("core", login.NewCmdLogin(f, nil))
	add("core", logout.NewCmdLogout(f, nil))
	add("core", whoami.NewCmdWhoami(f, nil))
	add("core", doctor.NewCmdDoctor(f, nil))
	add("core", explain.NewCmdExplain(f, nil))
	add("core", run.NewCmdRun(f, nil))
	add("core", proxy.NewCmdProxy(f, nil))
	add("more", cache.NewCmdCache(f))
	add("more", completion.NewCmdCompletion(f, nil))
	add("more", version.NewCmdVersion(f, nil))
	addTopics(cmd)
	cmd.SetHelpCommand(newCmdHelp())
	return cmd
}
