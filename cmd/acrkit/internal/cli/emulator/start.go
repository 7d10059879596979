package emulator

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/control"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
)

// StartOptions are what "emulator start" needs.
type StartOptions struct {
	IO    *iostreams.IOStreams
	Now   func() time.Time
	Debug bool

	Addr           string
	DataDir        string
	Memory         bool
	SeedFile       string
	SeedText       string // of the variable; SeedFile is "" then
	SeedMode       string
	Recover        bool
	Hostnames      []string
	RegistryPorts  []string // NAME=PORT
	BeyondLoopback bool
	RateLimits     bool
	BlobRedirects  bool
	BlobHost       string
	Deviations     []string
	OperationStyle string
	OperationTime  time.Duration
	CollectAfter   time.Duration
	CACert, CAKey  string // files
	AccessLog      bool
	Command        []string // none = it runs until it is interrupted

	Environ func() []string // of the command, before the variables are set
	Given   string          // the flags that were given besides --addr, for hints

	SeedVariables []string // those that hold secrets of the seed
}

// NewCmdStart returns "emulator start". A runF other than nil runs instead of it.
func NewCmdStart(f *cmdutil.Factory, runF func(context.Context, *StartOptions) error) *cobra.Command {
	opts := &StartOptions{IO: f.IO, Now: f.Now, Environ: os.Environ}
	cmd := &cobra.Command{
		Use:   "start [-- <command> [<argument>...]]",
		Short: "Start the emulator",
		Long: "Start the emulator and keep it running until it is interrupted; it takes no --timeout. It\n" +
			"prints what to paste next when it is ready.\n\n" +
			"State is kept in the data folder and survives a crash. A seed (a YAML file) says\n" +
			"what the registry holds at first; a new folder without --seed gets the example\n" +
			"that \"acrkit emulator seed init\" writes. A seed is applied to a new folder; on\n" +
			"one that holds state it is checked, and a difference is an error, unless --seed-mode\n" +
			"says to merge it in, or to reset the state to it.\n\n" +
			"A folder that lacks a part of its state is refused. Put the missing file back from\n" +
			"a backup, or use --recover to continue with what is left: nothing is removed in that\n" +
			"run, and what cannot be read is kept in state/aside-*.\n\n" +
			"With a command after --, the emulator runs as long as the command does, on a free port.\n" +
			"The command gets the variables that \"acrkit emulator env\" prints, in place of acrkit's\n" +
			"own credential; the exit code is the command's.\n\n" +
			"These variables hold where their flag is not given, for containers:\n\n" +
			"  ACRKIT_SEED          the seed itself (it has more than one line, or begins as YAML\n" +
			"                       does), or its path\n" +
			"  ACRKIT_ADDR          the address\n" +
			"  ACRKIT_HOSTNAMES     further host names, separated by commas\n" +
			"  ACRKIT_CA_CERT_FILE, ACRKIT_CA_KEY_FILE\n" +
			"                       a certificate authority of your own, as PEM\n" +
			"  ACRKIT_ACCESS_LOG    true: a line for each request\n\n" +
			"Other machines are served only with --listen-beyond-loopback (the image has it), and\n" +
			"only if each secret of the seed is given by valueFrom: {env: NAME} or {file: PATH}.",
		Example: "$ acrkit emulator start\n\n# Nothing is kept\n$ acrkit emulator start --memory --addr " +
			"127.0.0.1:0\n\n" +
			"# With a seed of your own\n$ acrkit emulator seed init seed.yaml\n$ acrkit emulator start --data " +
			"./emulator --seed seed.yaml",
		Args: func(cmd *cobra.Command, args []string) error {
			dash := cmd.ArgsLenAtDash()
			if dash >= 0 && dash == len(args) {
				return cmdutil.Usage("no command follows --")
			}
			if dash < 0 {
				dash = len(args)
			}
			return cmdutil.NoArgs(cmd, args[:dash])
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Debug = f.Global.Debug
			if len(args) > 0 {
				opts.Command = args
			}
			if err := opts.fromEnvironment(cmd, f.Env); err != nil {
				return err
			}
			if len(opts.Command) > 0 && !cmd.Flags().Changed("addr") {
				opts.Addr = "127.0.0.1:0"
			}
			if opts.Memory && opts.DataDir != "" {
				return cmdutil.Usage("--memory and --data exclude each other")
			}
			if opts.SeedMode != "" && opts.SeedFile == "" && opts.SeedText == "" {
				return cmdutil.Usage("--seed-mode needs --seed")
			}
			if opts.Recover && (opts.Memory || opts.SeedMode == string(emulator.SeedReset)) {
				return cmdutil.Usage(
					"--recover is for a folder whose state is kept: it excludes --memory and --seed-mode reset")
			}
			if opts.BlobHost != "" && !opts.BlobRedirects {
				return cmdutil.Usage("--blob-host needs --blob-redirects")
			}
			if opts.CollectAfter < 0 {
				return cmdutil.Usage("--collect-after %v is less than 0", opts.CollectAfter)
			}
			opts.Given = cmdutil.GivenFlags(cmd, "addr")
			if err := checkAddr(opts.Addr, opts.Given, opts.BeyondLoopback); err != nil {
				return err
			}
			if !opts.Memory && opts.DataDir == "" {
				dir, err := target.DefaultDataDir(f.Env, "acrkit emulator start")
				if err != nil {
					return err
				}
				opts.DataDir = dir
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return startRun(cmd.Context(), opts)
		},
	}
	//rule:timeout-new-cmd-start
	cmdutil.RefuseTimeout(cmd)
	flags := cmd.Flags()
	flags.StringVar(&opts.Addr, "addr", defaultAddr, "`address` to listen on; port 0 takes a free one")
	flags.StringVar(&opts.DataDir, "data", "", "`folder` that keeps the state (default: the user's data folder)")
	flags.BoolVar(&opts.Memory, "memory", false, "keep the state in memory only")
	flags.StringVar(&opts.SeedFile, "seed", "", "seed `file`: what the registry holds at first")
	cmdutil.EnumFlag(cmd, &opts.SeedMode, "seed-mode", "",
		"what to do with a seed on a folder that holds state", "merge", "reset")
	flags.BoolVar(&opts.Recover, "recover", false, "continue with what is left of a folder's state")
	flags.StringArrayVar(&opts.Hostnames, "hostname", nil,
		"a further host `name` to answer to, or *.DOMAIN for each registry as REGISTRY.DOMAIN; may be repeated")
	flags.StringArrayVar(&opts.RegistryPorts, "registry-port", nil,
		"serve a registry at a port of its own, `NAME=PORT`, for clients that cannot resolve names below "+
			".localhost; may be repeated")
	flags.StringVar(&opts.CACert, "ca-cert", "", "`file` with the certificate of your own certificate authority")
	flags.StringVar(&opts.CAKey, "ca-key", "", "`file` with its key")
	flags.BoolVar(&opts.AccessLog, "access-log", false, "print a line for each request, without its query")
	flags.BoolVar(&opts.BeyondLoopback, "listen-beyond-loopback", false, "allow an address that other machines reach")
	flags.BoolVar(&opts.RateLimits, "rate-limits", false, "refuse more requests than the tier allows, as documented")
	flags.BoolVar(&opts.BlobRedirects, "blob-redirects", false,
		"redirect blob downloads to REGISTRY.blob.localhost, as the service does to storage")
	flags.StringVar(&opts.BlobHost, "blob-host", "",
		"host `name` to redirect to instead, where .localhost does not resolve")
	flags.StringArrayVar(&opts.Deviations, "deviate", nil,
		"give an `answer` that the service does not: delete-by-tag or mount-from-anywhere; may be repeated")
	flags.StringVar(&opts.OperationStyle, "operation-style", "",
		"`style` in which Azure Resource Manager reports changes: synchronous, azure-async-operation,\n"+
			"location or provisioning-state (default: as recorded of each)")
	flags.DurationVar(&opts.OperationTime, "operation-time", 0,
		"`time` for which it reports them as under way, at most an hour")
	flags.DurationVar(&opts.CollectAfter, "collect-after", 0,
		"`time` for which blobs are kept that no manifest names (default: a day)")
	cmdutil.TakeGlobals(cmd, cmdutil.FlagDebug)
	return cmd
}

func startRun(ctx context.Context, opts *StartOptions) error {
	defer cmdutil.TuneGC()()
	run, err := opts.prepareCommand()
	if err != nil {
		return err
	}
	defer run.stop()
	s, err := opts.seed()
	if err != nil {
		return err
	}
	cert, key, err := opts.authority()
	if err != nil {
		return err
	}
	// The port first: no folder is made for an emulator that cannot listen.
	listener, err := listen(ctx, opts.Addr, opts.Given)
	if err != nil {
		return err
	}
	defer listener.Close()
	more, ports, err := opts.listenPorts(ctx)
	if err != nil {
		return err
	}
	defer closeAll(more)
	level := slog.LevelWarn
	if opts.Debug {
		level = slog.LevelDebug
	}
	var deviations []emulator.Deviation
	for _, d := range opts.Deviations {
		deviations = append(deviations, emulator.Deviation(d))
	}
	e, err := emulator.Open(ctx, &emulator.Options{
		RateLimits: opts.RateLimits, BlobRedirects: opts.BlobRedirects, BlobHost: opts.BlobHost, Deviations: deviations,
		Operations: emulator.Operations{Style: emulator.OperationStyle(opts.OperationStyle),
			Take: opts.OperationTime},
		CollectAfter: opts.CollectAfter,
		DataDir:      opts.DataDir, Recover: opts.Recover, Seed: s, SeedMode: emulator.SeedMode(opts.SeedMode),
		Hostnames: opts.Hostnames, Ports: ports, Now: opts.Now,
		BeyondLoopback: opts.BeyondLoopback, CACertificate: cert, CAKey: key, Observe: opts.observe(),
		Logger: slog.New(slog.NewTextHandler(opts.IO.ErrOut, &slog.HandlerOptions{Level: level})),
	})
	if err != nil {
		return opts.explain(err)
	}
	conn, cleanup, err := opts.connection(e, s, listener.Addr())
	if err != nil {
		return errors.Join(opts.explain(err), e.Close())
	}
	defer cleanup()
	example := s != nil && opts.SeedFile == "" && opts.SeedText == ""
	err = opts.serve(ctx, e, append([]net.Listener{listener}, more...), conn, func(ctx context.Context) error {
		if run != nil {
			return run.run(ctx, opts, conn)
		}
		printStart(opts.IO, conn, example)
		return nil
	})
	if closeErr := e.Close(); err == nil {
		err = closeErr
	}
	return opts.explain(err)
}

// seed reads the seed file. Without one, a new folder gets the example, whose
// passwords are public.
func (opts *StartOptions) seed() (*seed.Seed, error) {
	if s, err := opts.readGivenSeed(); s != nil || err != nil {
		if s != nil {
			opts.SeedVariables = s.Variables()
		}
		return s, err
	}
	if !opts.Memory {
		if opts.Recover {
			return nil, nil
		}
		isNew, err := emulator.IsNew(opts.DataDir)
		if _, said := errors.AsType[*acrkit.Error](err); said {
			return nil, err
		}
		if err != nil {
			return nil, opts.explain(&acrkit.Error{Code: acrkit.CodeUsage,
				Op: fmt.Sprintf("open the data folder %q", opts.DataDir), Errs: []error{err}})
		}
		//rule:state-lost-seed
		if !isNew {
			return nil, nil
		}
	}
	return seed.Read(strings.NewReader(seed.Example()))
}

// connection describes the running emulator, and writes the description, and the CA
// certificate of an emulator in memory, where other programs find them.
func (opts *StartOptions) connection(e *emulator.Emulator, s *seed.Seed, addr net.Addr) (connection, func(), error) {
	conn := connection{LoginServer: loginServer(addr), Registries: e.Registries(),
		DataDir: opts.DataDir, Seed: opts.seedOf(s)}
	nothing := func() {}
	if err := conn.describe(e, s); err != nil {
		return conn, nothing, err
	}
	if opts.DataDir == "" {
		dir, err := os.MkdirTemp("", "acrkit-emulator-")
		if err != nil {
			return conn, nothing, err
		}
		cleanup := func() { _ = os.RemoveAll(dir) } // the certificate is of no use afterwards
		conn.CAFile = filepath.Join(dir, "ca.pem")
		// Also what the commands need that talk to a running emulator.
		err = errors.Join(os.WriteFile(conn.CAFile, e.CACertificate(), 0o600),
			os.WriteFile(filepath.Join(dir, control.KeyFile), []byte(e.ControlKey()), 0o600), conn.save(dir))
		if err != nil {
			cleanup()
			return conn, nothing, err
		}
		return conn, cleanup, nil
	}
	dir, err := filepath.Abs(opts.DataDir)
	if err != nil {
		return conn, nothing, err
	}
	conn.DataDir, conn.CAFile = dir, filepath.Join(dir, "ca.pem")
	if opts.CACert != "" {
		if conn.CAFile, err = filepath.Abs(opts.CACert); err != nil {
			return conn, nothing, err
		}
	}
	return conn, nothing, conn.save(dir)
}

// withoutChosen is a command that starts the emulator without the secrets that
// others may know.
func (opts *StartOptions) withoutChosen() string {
	if opts.Memory {
		return sentence.Fix(sentence.StartInMemoryWithoutChosen, map[string]string{"addr": opts.Addr})
	}
	return sentence.Fix(sentence.StartWithoutChosen,
		map[string]string{"addr": opts.Addr, "dir": shell.Quote(opts.DataDir)})
}

// explain adds to a failure to start what the user can do.
func (opts *StartOptions) explain(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*acrkit.Error](err); ok && errors.Is(err, emulator.ErrChosenSecrets) {
		out := *e
		out.Op, out.Hint = "listen beyond loopback", opts.withoutChosen()
		return &out
	}
	if cmdutil.IsDiskFull(err) {
		return &acrkit.Error{Op: "keep the emulator's state",
			Reason: fmt.Sprintf("the disk that holds %s is full", opts.DataDir),
			Errs:   []error{err}, Hint: sentence.Fix(sentence.ShowRoomOf, map[string]string{"dir": opts.DataDir})}
	}
	e, ok := errors.AsType[*acrkit.Error](err)
	// The system refuses the folder, or something in it.
	if _, refused := errors.AsType[*fs.PathError](err); ok && refused && e.Hint == "" && opts.DataDir != "" {
		out := *e
		out.Hint = sentence.Fix(sentence.ListFolderOrStart, map[string]string{"dir": shell.Quote(opts.DataDir)})
		return &out
	}
	if ok && e.Code == acrkit.CodeUnavailable && opts.DataDir != "" {
		out := *e
		out.Hint = sentence.Fix(sentence.StartInOtherFolder, nil)
		return &out
	}
	return err
}
