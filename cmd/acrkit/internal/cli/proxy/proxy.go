// Package proxy holds the "acrkit proxy" command.
package proxy

import (
	"context"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/child"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/internal/sentence"
)

// defaultAddr is where the proxy listens when it runs by itself; under a command
// it takes a free port.
const defaultAddr = "127.0.0.1:5444"

// Options are what the command needs.
type Options struct {
	IO        *iostreams.IOStreams
	Connect   func(context.Context, acrkit.Registry) (*cmdutil.Connection, error)
	Limit     func(context.Context) (context.Context, func()) // --timeout, for the start
	LookupEnv func(string) (string, bool)
	Environ   func() []string // of the command, before the variables are set
	Now       func() time.Time
	Exporter  *cmdutil.Exporter

	Registry       acrkit.Registry
	Command        []string // none = the proxy runs until it is interrupted
	Addr           string
	HTTP           bool
	Hostnames      []string
	BeyondLoopback bool
	NoClientKey    bool
	ClientKeyFile  string
	ScopeMap       string
	Record         string
	PassRedirects  bool
	NoCheck        bool
	KeepEnv        bool
	Debug          bool
	// ManagedIdentity gives the command a managed identity that is the client key.
	ManagedIdentity bool
}

// The variables by which a command finds the proxy.
const (
	envURL  = "ACRKIT_PROXY_URL"
	envHost = "ACRKIT_PROXY_HOST"
	envKey  = "ACRKIT_PROXY_KEY"
	envCA   = "ACRKIT_PROXY_CA"
)

const long = `Run an ACR on this machine that asks the real one with your credential. Clients
that take no token name and password, as the Azure SDKs, take the proxy: to them
it is a registry that they sign in to in their own way.

It is closed by default. Each run makes a random client key, which clients send as
the password with any user name, or as the token that an SDK's credential returns.
Requests must name the proxy by one of its own names, and only those of the
registry's API pass. The credential itself never leaves acrkit.

With --scope-map, the proxy passes only the requests that the scope map allows; it
refuses the others as the registry would, and does not send them. Standard error says
at the end which rights were refused. --record writes the rights that were used, as a
scope map with the evidence in comments; "acrkit scope-map suggest" merges such files.
A file that has something is kept if no right was used.

With a command after --, the proxy runs as long as the command does, on a free port,
and the command finds it in its environment:

  ACRKIT_PROXY_URL      https://localhost:PORT, for SDKs
  ACRKIT_PROXY_HOST     localhost:PORT, for docker, podman, crane, oras, helm
  ACRKIT_PROXY_KEY      the client key
  ACRKIT_PROXY_CA       the certificate of acrkit's local authority
  ACR_NAME, ACR_TOKEN_NAME, ACR_TOKEN_PASSWORD
                        the same for acrkit and programs written with it
  NODE_EXTRA_CA_CERTS, SSL_CERT_FILE, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE
                        the certificate, beside those of the system
  JAVA_TOOL_OPTIONS     a truststore with both, for Java
  DOCKER_CONFIG, REGISTRY_AUTH_FILE, HELM_REGISTRY_CONFIG
                        a private folder that knows the proxy's login
  NO_PROXY, no_proxy    localhost is asked directly

--managed-identity is for a program that cannot be given the client key: one that
signs in with DefaultAzureCredential (or ManagedIdentityCredential) and takes the
registry's address from its environment. The proxy then acts as a managed identity of
App Service (it sets IDENTITY_ENDPOINT, IDENTITY_HEADER and AZURE_TOKEN_CREDENTIALS),
for the registry only: the program's other Azure clients cannot sign in.

The variables of acrkit's own credential (ACR_TOKEN_*, ACR_REFRESH_TOKEN, the
AZURE_* of a sign-in) are not passed on, unless --keep-env is given, nor are
Docker's logins for the registry. --timeout applies only until the proxy is ready;
after that, a request to the registry ends when it stalls. Signals are passed on,
and the exit code is always the command's: 127 if it is not found, 126 if it cannot be
run, 128 and the signal's number if a signal ended it.`

// NewCmdProxy returns the command. A runF other than nil runs instead of it.
func NewCmdProxy(f *cmdutil.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{IO: f.IO, Connect: f.Connect, Limit: f.Limit, LookupEnv: f.LookupEnv,
		Environ: os.Environ, Now: f.Now}
	cmd := &cobra.Command{
		Use:   "proxy [<registry>] [-- <command> [<argument>...]]",
		Short: "Serve the registry on this machine with your credential, for any client",
		Long:  long,
		Example: "# A program with an Azure SDK, as a scope-mapped token\n" +
			"$ export ACR_NAME=myregistry ACR_TOKEN_NAME=ci-pull ACR_TOKEN_PASSWORD_FILE=~/.acr-password\n" +
			"$ acrkit proxy -- python list_tags.py\n\n" +
			"# A program that signs in with DefaultAzureCredential, unchanged\n" +
			"$ acrkit proxy --managed-identity -- python list_tags.py\n\n" +
			"# Which rights does this job use?\n$ acrkit proxy myregistry --record used.txt -- make release\n\n" +
			"# Less than the credential may do\n$ acrkit proxy myregistry --scope-map used.txt -- make release",
		Args: func(cmd *cobra.Command, args []string) error {
			names := len(args)
			if dash := cmd.ArgsLenAtDash(); dash >= 0 {
				names = dash
				if dash == len(args) {
					return cmdutil.Usage("no command follows --")
				}
			}
			if names > 1 {
				return cmdutil.Usage("one registry is served, and %q is another word; a command follows --", args[1])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			f.Global.NoCache = true // the credential is tried, not a cached token
			name := ""
			if dash := cmd.ArgsLenAtDash(); dash >= 0 {
				opts.Command = args[dash:]
				args = args[:dash]
			}
			if len(args) > 0 {
				name = args[0]
			}
			var err error
			if opts.Registry, err = f.Registry(name); err != nil {
				return err
			}
			opts.Debug = f.Global.Debug
			if err := opts.complete(); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return run(cmd.Context(), opts)
		},
	}
	cmdutil.TimeoutOfStart(cmd)
	flags := cmd.Flags()
	flags.StringVar(&opts.Addr, "addr", "", "`address` to listen on; port 0 takes a free one (default: "+defaultAddr+
		", and a free port under a command)")
	flags.BoolVar(&opts.HTTP, "http", false, "be reached by HTTP without TLS")
	flags.StringArrayVar(&opts.Hostnames, "hostname", nil, "a further host `name` to answer to; may be repeated")
	flags.BoolVar(&opts.BeyondLoopback, "listen-beyond-loopback", false, "allow an address that other machines reach")
	flags.BoolVar(&opts.NoClientKey, "no-client-key", false, "allow every program of every user of this machine")
	flags.StringVar(&opts.ClientKeyFile, "client-key-file", "",
		"read the client key from this `file` instead of making one")
	flags.BoolVar(&opts.ManagedIdentity, "managed-identity", false,
		"be the managed identity of the command, for the registry only; its other Azure clients cannot sign in")
	flags.StringVar(&opts.ScopeMap, "scope-map", "",
		"allow only what the scope map in this `file` allows: lines, JSON, or a JSON plan (- for stdin)")
	flags.StringVar(&opts.Record, "record", "",
		"write the rights that were used to this `file` at the end, in place of an earlier one")
	flags.BoolVar(&opts.PassRedirects, "pass-redirects", false,
		"hand links to blobs in storage to the client instead of following them")
	flags.BoolVar(&opts.NoCheck, "no-check", false, "do not try the credential at the start")
	flags.BoolVar(&opts.KeepEnv, "keep-env", false, child.KeepEnvUsage)
	cmdutil.AddJSONFlags(cmd, &opts.Exporter, readyFields)
	return cmd
}

// complete fills in defaults and refuses options that exclude each other.
func (opts *Options) complete() error {
	switch {
	case opts.NoClientKey && opts.ClientKeyFile != "":
		return cmdutil.Usage("--no-client-key and --client-key-file exclude each other")
	case opts.NoClientKey && opts.BeyondLoopback:
		return cmdutil.Usage(
			"--no-client-key and --listen-beyond-loopback exclude each other: any client that reaches the proxy " +
				"would act as you")
	//rule:managed-identity-complete-3
	case opts.ManagedIdentity && len(opts.Command) == 0:
		return cmdutil.Usage("--managed-identity sets variables of a command, and there is none: " +
			"acrkit proxy --managed-identity -- COMMAND")
	//rule:managed-identity-complete-2
	case opts.ManagedIdentity && opts.NoClientKey:
		return cmdutil.Usage(
			"--managed-identity and --no-client-key exclude each other: the client key is the identity's token")
	//rule:managed-identity-complete
	case opts.ManagedIdentity && opts.BeyondLoopback:
		return cmdutil.Usage("--managed-identity and --listen-beyond-loopback exclude each other: " +
			"a managed identity is for the command on this machine")
	case opts.HTTP && opts.BeyondLoopback:
		return cmdutil.Usage(
			"--http and --listen-beyond-loopback exclude each other: the client key would go over the network in clear")
	case len(opts.Command) > 0 && opts.Exporter != nil:
		return cmdutil.Usage("--json says when the proxy is ready; with a command the output is the command's")
	case opts.ScopeMap == "-" && len(opts.Command) > 0:
		return cmdutil.Usage("--scope-map - reads stdin, which is the command's")
	}
	if opts.Addr == "" {
		opts.Addr = defaultAddr
		if len(opts.Command) > 0 {
			opts.Addr = "127.0.0.1:0"
		}
	}
	host, _, err := net.SplitHostPort(opts.Addr)
	if err != nil {
		return cmdutil.Usage("--addr %q is not HOST:PORT", opts.Addr)
	}
	if ip := net.ParseIP(host); !opts.BeyondLoopback && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: "listen on " + opts.Addr,
			Reason: "other machines may reach it, and the proxy is for this one",
			Hint: sentence.Fix(sentence.ProxyBeyond,
				map[string]string{"host": opts.Registry.Host(), "addr": opts.Addr})}
	}
	return nil
}
