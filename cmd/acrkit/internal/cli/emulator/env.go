package emulator

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/internal/shell"
)

// EnvOptions are what "emulator env" needs.
type EnvOptions struct {
	IO      *iostreams.IOStreams
	DataDir string
	Shell   string
	Wait    bool   // until the emulator is ready
	Token   string // "" is the first of the example seed that can list tags

	ServicePrincipal bool
	For              string // a client of Azure Resource Manager, or ""
	ClientID         string // of the application that For signs in as; "" = the first that manages
}

// NewCmdEnv returns "emulator env". A runF other than nil runs instead of it.
func NewCmdEnv(f *cmdutil.Factory, runF func(context.Context, *EnvOptions) error) *cobra.Command {
	opts := &EnvOptions{IO: f.IO}
	cmd := &cobra.Command{
		Use:   "env",
		Short: "Print shell exports that point other programs to the emulator",
		Long: "Print shell exports that point acrkit, the Azure SDKs, az, and programs in Go, Python\n" +
			"and Node to the emulator that was started last with the data folder, with the name and\n" +
			"password of a token of its seed.\n\n" +
			"By default this is the first token of the seed that can list tags, and only while its\n" +
			"password is the public one of the example seed. With --token it is the named token;\n" +
			"its password is read from the seed file that the emulator was started with, and\n" +
			"printed: do not let others read the output. A password that the emulator does not\n" +
			"accept is not exported.\n\n" +
			"The emulator must run; --wait waits for it, up to half a minute.\n\n" +
			"With --service-principal, no token is exported, and you set AZURE_CLIENT_SECRET yourself.\n\n" +
			"With --for, it is what a client of Azure Resource Manager needs: az (a registered cloud, in\n" +
			"a folder of its own below the data folder), terraform (azurerm), azapi (Terraform's azapi,\n" +
			"and azurerm beside it), or armsdk (Microsoft's management packages). It signs in as the\n" +
			"first application with a role on a subscription or a resource group, or as that of\n" +
			"--client-id.\n\n" +
			"Standard error says what variables cannot do: the Azure SDKs need one line of code.",
		Example: "$ eval \"$(acrkit emulator env)\"\n$ eval \"$(acrkit emulator env --token ci-approve)\"\n" +
			"$ eval \"$(acrkit emulator env --service-principal)\"\n" +
			"$ eval \"$(acrkit emulator env --for az)\"\n$ acrkit emulator env --shell fish | source\n" +
			"$ acrkit emulator env --shell powershell | Out-String | Invoke-Expression",
		Args: cmdutil.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opts.Token != "" && opts.ServicePrincipal {
				return cmdutil.Usage("--token and --service-principal exclude each other")
			}
			if opts.For != "" && (opts.Token != "" || opts.ServicePrincipal) {
				return cmdutil.Usage("--for excludes --token and --service-principal")
			}
			if opts.ClientID != "" && opts.For == "" {
				return cmdutil.Usage("--client-id needs --for")
			}
			var err error
			if opts.DataDir, err = opts.folder(f, cmd.CommandPath()); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return envRun(cmd.Context(), opts)
		},
	}
	cmd.Flags().StringVar(&opts.DataDir, "data", "", "data `folder` of the emulator (default: the user's data folder)")
	cmd.Flags().StringVar(&opts.Token, "token", "",
		"export the token of this `name`, with the password that the seed file names")
	cmd.Flags().BoolVar(&opts.ServicePrincipal, "service-principal", false,
		"export AZURE_TENANT_ID and AZURE_CLIENT_ID, and no token")
	cmd.Flags().BoolVar(&opts.Wait, "wait", false, "wait until the emulator is ready, up to half a minute")
	cmdutil.CompleteNameFlag(cmd, "token", func(context.Context) ([]string, error) {
		dir, err := opts.folder(f, cmd.CommandPath())
		if err != nil {
			return nil, err
		}
		conn, err := readConnection(dir)
		return conn.Tokens, err
	})
	cmdutil.EnumFlag(cmd, &opts.For, "for", "", "export what this `client` of Azure Resource Manager needs", forAz,
		forTerraform, forAzapi, forARMSDK)
	cmd.Flags().StringVar(&opts.ClientID, "client-id", "",
		"with --for: the application to sign in as, by its client `id`")
	cmdutil.EnumFlag(cmd, &opts.Shell, "shell", "bash", "the shell to print for", "bash", "fish", "powershell")
	return cmd
}

// folder returns the data folder: that of --data, or the user's; command is for a hint.
func (opts *EnvOptions) folder(f *cmdutil.Factory, command string) (string, error) {
	if opts.DataDir != "" {
		return opts.DataDir, nil
	}
	return target.DefaultDataDir(f.Env, command)
}

func envRun(ctx context.Context, opts *EnvOptions) error {
	c, err := opts.running(ctx)
	if err != nil {
		return err
	}
	if opts.For != "" {
		return opts.writeFor(c)
	}
	if opts.ServicePrincipal && c.Client == "" {
		return opts.noPrincipal()
	}
	token, note, err := opts.token(ctx, c)
	if err != nil {
		return err
	}
	var lines strings.Builder
	if opts.ServicePrincipal {
		// A token that was exported earlier would have priority over it.
		lines.WriteString(unset(opts.Shell, "ACR_TOKEN_NAME", "ACR_TOKEN_PASSWORD") + "\n")
	}
	for _, v := range variables(c, token, opts.ServicePrincipal) {
		lines.WriteString(export(opts.Shell, v[0], v[1]) + "\n")
	}
	if _, err := io.WriteString(opts.IO.Out, lines.String()); err != nil {
		return err
	}
	if opts.IO.IsStderrTTY() || !opts.IO.IsStdoutTTY() {
		printNotes(opts.IO.ErrOut, token, note, opts.ServicePrincipal)
	}
	return nil
}

// writeFor prints what the client that --for names needs.
func (opts *EnvOptions) writeFor(c connection) error {
	who, err := opts.application(c)
	if err != nil {
		return err
	}
	vars, commands, err := opts.controlPlane(c, who)
	if err != nil {
		return err
	}
	var lines strings.Builder
	for _, v := range withValue(vars) {
		lines.WriteString(export(opts.Shell, v[0], v[1]) + "\n")
	}
	for _, line := range commands {
		lines.WriteString(line + "\n")
	}
	if _, err := io.WriteString(opts.IO.Out, lines.String()); err != nil {
		return err
	}
	if opts.IO.IsStderrTTY() || !opts.IO.IsStdoutTTY() {
		opts.printFor(opts.IO.ErrOut)
	}
	return nil
}

// token returns the token to be exported, or a note that says why there is none.
func (opts *EnvOptions) token(ctx context.Context, c connection) (t seedToken, note string, err error) {
	switch {
	case opts.ServicePrincipal:
	case opts.Token != "":
		if t, err = opts.namedToken(c); err == nil {
			err = opts.check(ctx, c, t)
		}
	default:
		public, ok := c.publicToken()
		if !ok {
			break
		}
		if opts.check(ctx, c, public) != nil {
			note = fmt.Sprintf("The password of the token %q is no longer the one of the example seed.\n", public.name)
			break
		}
		t = public
	}
	return t, note, err
}

// variables are what other programs read. The password of a token is the only secret.
// The service principal's ids are exported only on request: without the secret they are
// half a credential, which is an error.
func variables(c connection, token seedToken, principal bool) [][2]string {
	if !principal {
		c.Tenant, c.Client = "", ""
	}
	return withValue([][2]string{
		{"ACR_NAME", c.LoginServer},
		{"ACR_TOKEN_NAME", token.name},
		{"ACR_TOKEN_PASSWORD", string(token.password)},
		{"AZURE_AUTHORITY_HOST", c.url()},
		{"AZURE_TENANT_ID", c.Tenant},
		{"AZURE_CLIENT_ID", c.Client},
		{"AZURE_SUBSCRIPTION_ID", c.Subscription},
		{"SSL_CERT_FILE", c.CAFile},       // Go, OpenSSL, podman, crane
		{"REQUESTS_CA_BUNDLE", c.CAFile},  // Python, az
		{"NODE_EXTRA_CA_CERTS", c.CAFile}, // Node
	})
}

// withValue leaves out the variables whose value is not known.
func withValue(vars [][2]string) [][2]string {
	set := vars[:0]
	for _, v := range vars {
		if v[1] != "" {
			set = append(set, v)
		}
	}
	return set
}

func unset(language string, names ...string) string {
	switch language {
	case "fish":
		return "set -e " + strings.Join(names, "; set -e ")
	case "powershell":
		return "Remove-Item -ErrorAction Ignore Env:" + strings.Join(names, ", Env:")
	}
	return "unset " + strings.Join(names, " ")
}

func export(language, name, value string) string {
	switch language {
	case "fish":
		return "set -gx " + name + " " + quoted(language, value)
	case "powershell":
		return "$env:" + name + " = " + quoted(language, value)
	}
	return "export " + name + "=" + shell.Quote(value)
}

// quoted returns a value as one word of the shell.
func quoted(language, value string) string {
	switch language {
	case "fish":
		return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
	case "powershell":
		return "'" + strings.ReplaceAll(value, "'", "''") + "'"
	}
	return shell.Quote(value)
}

// printNotes prints the settings that no variable can make. The advice on instance discovery
// follows from running the SDKs against a private authority.
func printNotes(w io.Writer, token seedToken, note string, principal bool) {
	todo := note + "Still to be set by you: ACR_TOKEN_NAME and ACR_TOKEN_PASSWORD, or nothing for anonymous pull;\n" +
		"--token NAME exports a token whose password the seed file names.\n"
	switch {
	case principal:
		todo = "Still to be set by you: AZURE_CLIENT_SECRET (of the seed). Without it acrkit " +
			"refuses\nAZURE_TENANT_ID and AZURE_CLIENT_ID as half a credential.\n"
	case token.name != "":
		todo = fmt.Sprintf("You are the token %q of the seed; --token NAME exports another one.\n", token.name)
	}
	if !principal {
		todo += "A service principal wants --service-principal here, and AZURE_CLIENT_SECRET.\n"
	}
	fmt.Fprintf(w, `%s
The Azure SDKs check an authority that they do not know at login.microsoftonline.com
("instance discovery"); that has no variable and is turned off in code:

  Go:      azidentity.NewClientSecretCredential(tenant, client, secret,
               &azidentity.ClientSecretCredentialOptions{DisableInstanceDiscovery: true})
  Python:  ClientSecretCredential(tenant, client, secret, disable_instance_discovery=True)
  JS:      new ClientSecretCredential(tenant, client, secret, {disableInstanceDiscovery: true})

az: acrkit emulator env --for az

Docker needs nothing: it takes registries on this machine without a certificate.
SSL_CERT_FILE and REQUESTS_CA_BUNDLE replace the system's certificates in some
programs; set them in a separate shell.
`, todo)
}
