// Package explain holds the "acrkit explain" command.
package explain

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/diagnose"
	"github.com/acrkit/acrkit/internal/errtext"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
)

// Options are what the command needs.
type Options struct {
	IO       *iostreams.IOStreams
	Check    func(ctx context.Context, reg acrkit.Registry, arm bool) (diagnose.Check, *diagnose.Options, func(), error)
	Exporter *cmdutil.Exporter

	Code      string           // of the cause to describe; "" = none
	Reference acrkit.Reference // zero with ErrorFile and Code
	Action    acrkit.Action
	ErrorFile string // "-" is stdin
	NoProbes  bool
	ARM       bool
}

// errorText is how much of a text is read; the end of a long log says what failed.
var errorText = limit.Limit{Name: "the output to explain", Bytes: 64 << 20}

// NewCmdExplain returns the command. A runF other than nil runs instead of it.
func NewCmdExplain(f *cmdutil.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{IO: f.IO, Check: f.Check}
	action := ""
	cmd := &cobra.Command{
		Use:   "explain {<registry>/<repository>[:tag|@digest] | <code> | --error [<file>]}",
		Short: "Say why a request is refused, and what fixes it",
		Long: "Say why a request to a registry is refused: the cause with its code, the evidence, how\n" +
			"sure that is, and one command that fixes it.\n\n" +
			"With a reference, acrkit checks the right that --action names with the credential that\n" +
			"it finds, in each step to the registry; an action that only reads is tried. The default\n" +
			"is content/read for a tag or digest, and metadata/read for a repository.\n\n" +
			"With --error, the output of another program is read, of docker, podman, buildah,\n" +
			"skopeo, containerd, a kubelet, az, helm, oras, crane, regctl or an Azure SDK, from a\n" +
			"file or stdin; only its last 64 KiB are used. If it is not enough, acrkit asks the\n" +
			"registry with the credential that it finds; each request is listed, none changes\n" +
			"anything, and one without an answer within two seconds is the last and does not\n" +
			"change the result. --no-probes sends nothing.\n\n" +
			"--arm also asks Azure Resource Manager, with the sign-in of az, if a registry gives one\n" +
			"answer to several causes, as it does to a wrong, expired or disabled password, and to a\n" +
			"role without effect and one that is not there.\n\n" +
			"With a code, which errors of acrkit end with, it describes the cause.\n\n" +
			"The exit code is 0 if a cause was named, or nothing refuses the request, and 7 if the\n" +
			"cause is not known.",
		Example: "$ acrkit explain myregistry.azurecr.io/team/app:v1\n$ acrkit explain " +
			"myregistry.azurecr.io/team/app --action content/write\n\n" +
			"# What did docker mean?\n$ docker pull myregistry.azurecr.io/team/app:v1 2>&1 | acrkit explain --error",
		Args: cmdutil.MaxArgs(1), ValidArgsFunction: complete(f),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case cmd.Flags().Changed("error") && (opts.ErrorFile == "" || len(args) == 1 && args[0] == ""):
				return cmdutil.Usage("--error is given an empty name; it takes a file, or the text on stdin")
			case opts.ErrorFile == stdin && len(args) == 1:
				opts.ErrorFile = args[0]
			case opts.ErrorFile != "" && len(args) > 0:
				return cmdutil.Usage("--error reads what a program printed; it takes no reference beside it")
			case opts.ErrorFile == "" && len(args) == 0:
				return cmdutil.Usage("no reference is given; --error reads the output of a program")
			case opts.ErrorFile == "" && isCode.MatchString(args[0]):
				if opts.Code = fmt.Sprintf("ACRK%03s", args[0][len("ACRK"):]); action != "" {
					return cmdutil.Usage("--action belongs to a reference, and not to a code")
				}
			case opts.ErrorFile == "":
				var err error
				if opts.Reference, err = f.Reference(args[0]); err != nil {
					return err
				}
			}
			if opts.ARM && opts.NoProbes {
				return cmdutil.Usage("--no-probes sends nothing, and --arm asks Azure Resource Manager; choose one")
			}
			if err := opts.chooseAction(action); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return run(cmd.Context(), opts)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&action, "action", "a", "",
		"the right to look at: `content/read`, content/write, content/delete, metadata/read or metadata/write")
	flags.StringVarP(&opts.ErrorFile, "error", "e", "", "explain what a program printed, in a `file` or from stdin")
	flags.Lookup("error").NoOptDefVal = stdin
	flags.BoolVar(&opts.ARM, "arm", false, cmdutil.AskARM)
	flags.BoolVar(&opts.NoProbes, "no-probes", false, "send no request: use only the output")
	cmdutil.AddJSONFlags(cmd, &opts.Exporter, fields)
	return cmd
}

// complete completes the code of a cause, which is written in capitals, or a reference;
// after --error, a file.
func complete(f *cmdutil.Factory) cobra.CompletionFunc {
	references := cmdutil.CompleteReferences(f)
	return func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if cmd.Flags().Changed("error") {
			return nil, cobra.ShellCompDirectiveDefault
		}
		const prefix = "ACRK"
		if len(args) > 0 || word == "" || !strings.HasPrefix(word, prefix) && !strings.HasPrefix(prefix, word) {
			return references(cmd, args, word)
		}
		var codes []string
		for _, c := range diagnose.Causes() {
			codes = append(codes, string(c.Code)+"\t"+c.Title)
		}
		return codes, cobra.ShellCompDirectiveNoFileComp
	}
}

const stdin = "-"

// isCode distinguishes a cause's code from a reference.
var isCode = regexp.MustCompile(`^(?i:acrk)[0-9]{1,3}$`)

func (opts *Options) chooseAction(word string) (err error) {
	switch {
	case word != "" && opts.ErrorFile != "":
		return cmdutil.Usage("--action needs a reference; with --error the output says which right was needed")
	case word != "":
		opts.Action, err = acrkit.ParseAction(word)
	case opts.Reference.Target() != "":
		opts.Action = acrkit.ContentRead
	default:
		opts.Action = acrkit.MetadataRead
	}
	return err
}

var fields = []string{"code", "name", "title", "confidence", "missing", "evidence", "candidates", "probes", "fix",
	"registry", "repository", "required"}

type explanation struct {
	cmdutil.DiagnosisJSON
	Registry   string `json:"registry"`
	Repository string `json:"repository"`
	Required   string `json:"required"` // what the request needs, as a scope
}

func run(ctx context.Context, opts *Options) error {
	if opts.Code != "" {
		return describe(opts)
	}
	if opts.ErrorFile != "" {
		return runError(ctx, opts)
	}
	check, options, done, err := opts.Check(ctx, opts.Reference.Registry, opts.ARM)
	if err != nil {
		return err
	}
	defer done()
	check.Wants = []diagnose.Want{{Repository: opts.Reference.Name, Action: opts.Action,
		Target: opts.Reference.Target()}}
	waited := opts.IO.Await("Looking at " + opts.Reference.Registry.Host())
	var found *diagnose.Diagnosis
	var probes []diagnose.Probe
	for step := range diagnose.Doctor(ctx, check, options) {
		probes = append(probes, step.Requests...)
		if step.Outcome == diagnose.Failed && step.Diagnosis != nil {
			found = step.Diagnosis
			break
		}
	}
	waited()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	out := explanation{Registry: opts.Reference.Registry.Host(), Repository: opts.Reference.Name,
		Required: acrkit.RepositoryScope(opts.Reference.Name, opts.Action).String()}
	if found == nil {
		if opts.Exporter != nil {
			out.Evidence, out.Candidates, out.Missing, out.Probes = []string{}, []cmdutil.CandidateJSON{},
				[]cmdutil.MissingJSON{}, cmdutil.NewProbesJSON(probes)
			return opts.Exporter.Write(ctx, opts.IO, out)
		}
		return cmdutil.PrintPairs(opts.IO,
			[][2]string{{"cause", "none: " + check.Wants[0].String() +
				" is granted, and nothing on the way refuses it"}})
	}
	return opts.print(ctx, out, *found)
}

// print writes a diagnosis and ends with its exit code.
func (opts *Options) print(ctx context.Context, out explanation, d diagnose.Diagnosis) error {
	var err error
	if opts.Exporter != nil {
		out.DiagnosisJSON = cmdutil.NewDiagnosisJSON(d)
		err = opts.Exporter.Write(ctx, opts.IO, out)
	} else {
		err = cmdutil.PrintDiagnosis(opts.IO, d)
	}
	if err == nil && d.Confidence == diagnose.CannotTell {
		err = cmdutil.Exit(cmdutil.ExitIncomplete)
	}
	return err
}

// describe writes the description of a cause.
func describe(opts *Options) error {
	c, ok := diagnose.Lookup(opts.Code)
	if !ok {
		return &acrkit.Error{Code: acrkit.CodeNotFound, Op: "explain " + opts.Code,
			Reason: "there is no cause of this code", Hint: sentence.Fix(sentence.ShowVersion, nil)}
	}
	return cmdutil.PrintPairs(opts.IO, [][2]string{
		{"cause", string(c.Code) + " " + c.Title}, {"name", c.Name}, {"symptom", c.Symptom},
		{"difference", c.Difference},
		{"proof", c.Proof}, {"known", string(c.Basis)}, {cmdutil.PairFix, c.Fix},
	})
}

func runError(ctx context.Context, opts *Options) error {
	text, err := opts.readText()
	if err != nil {
		return err
	}
	r := errtext.Read(text)
	a := diagnose.Attempt{Registry: r.Registry, Text: text}
	options := &diagnose.Options{NoProbes: true}
	if !opts.NoProbes && !r.Registry.IsZero() {
		check, o, done, err := opts.Check(ctx, r.Registry, opts.ARM)
		if err != nil {
			return err
		}
		defer done()
		a.Transport, a.Lookups, options = check.Transport, check.Lookups, o
	}
	waited := opts.IO.Await("Looking at what it says")
	d, err := diagnose.Explain(ctx, a, options)
	waited()
	if err != nil {
		return err
	}
	return opts.print(ctx, explanation{Registry: r.Registry.Host(), Repository: r.Repository,
		Required: r.Required.String()}, d)
}

// unreadable is the error for a file that cannot be opened. What is no plain name may be
// the text itself, with a secret in it, and is not repeated.
func unreadable(name string, err error) error {
	e := &acrkit.Error{Code: acrkit.CodeUsage, Op: "read the file of --error", Errs: []error{err}}
	if inner, ok := errors.AsType[*fs.PathError](err); ok {
		e.Errs = []error{inner.Err}
	}
	if shell.IsPlain(name) {
		e.Op = fmt.Sprintf("read %q", name)
	} else {
		e.Reason = "--error takes the name of a file, or the text itself on stdin"
	}
	return e
}

func (opts *Options) readText() (string, error) {
	in := opts.IO.In
	if opts.ErrorFile != stdin {
		f, err := os.Open(opts.ErrorFile)
		if err != nil {
			return "", unreadable(opts.ErrorFile, err)
		}
		defer f.Close()
		in = f
	} else if opts.IO.IsStdinTTY() {
		cmdutil.Say(opts.IO.ErrOut, "Paste what the program printed, then end with Ctrl-D.")
	}
	data, err := errorText.ReadAll(in)
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(string(data)) == "" {
		return "", &acrkit.Error{Code: acrkit.CodeUsage, Op: "explain the output",
			Reason: "it is empty; errors are on stderr, which 2>&1 joins to a pipe"}
	}
	return string(data), nil
}
