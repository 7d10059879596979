// Package doctor holds the "acrkit doctor" command.
package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/diagnose"
	"github.com/acrkit/acrkit/internal/visible"
)

// Options are what the command needs.
type Options struct {
	IO       *iostreams.IOStreams
	Check    func(ctx context.Context, reg acrkit.Registry, arm bool) (diagnose.Check, *diagnose.Options, func(), error)
	Exporter *cmdutil.Exporter

	Registry acrkit.Registry
	Written  string
	Wants    []diagnose.Want
	ARM      bool
}

// NewCmdDoctor returns the command. A runF other than nil runs instead of it.
func NewCmdDoctor(f *cmdutil.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{IO: f.IO, Check: f.Check}
	var wants []string
	cmd := &cobra.Command{
		Use:   "doctor [<registry>]",
		Short: "Check each step to a registry and say what is wrong",
		Long: "Check each step to a registry and print a line for it: its name, the connection, the\n" +
			"certificate, the challenge, network rules, where the credential came from and what\n" +
			"form it has, Entra, the token, what it grants, locks, and the host of blobs. If\n" +
			"something is wrong, the result names it with its code and one command that fixes it.\n\n" +
			"Nothing is changed. --want names a right that you need: it is compared with what is\n" +
			"granted, and tried if it only reads. If it names a tag or digest\n" +
			"(team/app:v1:content/write), the locks are read, too.\n" +
			"At most " + fmt.Sprint(diagnose.MaxRequests) +
			" requests are made beyond those of the work itself; --json lists them.\n" +
			"No sign-in to Azure, no az and no Docker is needed.\n\n" +
			"A registry answers a disabled token, an expired password and a wrong one alike, and so\n" +
			"it does a role without effect and one that is not there. With --arm, acrkit asks Azure\n" +
			"Resource Manager in these cases, with the sign-in of az.\n\n" +
			"The exit code is 0 if nothing is wrong, 8 if something was found, and 7 if the\n" +
			"check could not be completed.",
		Example: "$ acrkit doctor myregistry\n\n# What a pipeline needs\n$ acrkit doctor myregistry --want " +
			"team/app:v1:content/write --want team/base:content/read",
		Args: cmdutil.MaxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				opts.Written = args[0]
			}
			var err error
			if opts.Registry, err = f.Registry(opts.Written); err != nil {
				return err
			}
			for _, text := range wants {
				want, err := parseWant(text)
				if err != nil {
					return err
				}
				opts.Wants = append(opts.Wants, want)
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return run(cmd.Context(), opts)
		},
	}
	cmd.Flags().StringArrayVarP(&wants, "want", "w", nil,
		"a right that is needed, as `repository:action` (team/app:content/read, team/app:v1:content/write); may be "+
			"repeated")
	cmd.Flags().BoolVar(&opts.ARM, "arm", false, cmdutil.AskARM)
	cmdutil.AddJSONFlags(cmd, &opts.Exporter, fields)
	return cmd
}

// parseWant reads REPOSITORY[:TAG|@DIGEST]:ACTION, the action by its name in a scope map
// or on the wire.
func parseWant(text string) (diagnose.Want, error) {
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return diagnose.Want{},
			cmdutil.Usage("--want %q is not REPOSITORY:ACTION, as team/app:content/read, or REPOSITORY:TAG:ACTION",
				text)
	}
	name, target, word := text[:i], "", text[i+1:]
	if at := strings.IndexAny(name, ":@"); at >= 0 {
		name, target = name[:at], name[at+1:]
		if !acrkit.IsTag(target) && !acrkit.IsDigest(target) {
			return diagnose.Want{}, cmdutil.Usage("--want %q: %q is neither a tag nor a digest", text, target)
		}
	}
	if err := acrkit.CheckRepositoryName(name); err != nil {
		return diagnose.Want{}, err
	}
	action, err := acrkit.ParseAction(word)
	if err != nil {
		return diagnose.Want{}, err
	}
	return diagnose.Want{Repository: name, Action: action, Target: target}, nil
}

// formatWant is the text of a want, with the action by its name in a scope map; "" if zero.
func formatWant(w diagnose.Want) string {
	if w == (diagnose.Want{}) {
		return ""
	}
	name := w.Repository
	if acrkit.IsDigest(w.Target) {
		name += "@" + w.Target
	} else if w.Target != "" {
		name += ":" + w.Target
	}
	return name + ":" + w.Action.String()
}

var fields = []string{"registry", "healthy", "complete", "steps", "diagnosis"}

type stepJSON struct {
	Name     string              `json:"name"`
	Want     string              `json:"want"` // as --want takes it; "" = a step of no want
	Outcome  string              `json:"outcome"`
	Text     string              `json:"text"`
	Code     string              `json:"code"` // of what was found; "" = nothing
	Requests []cmdutil.ProbeJSON `json:"requests"`
}

type report struct {
	Registry  string                 `json:"registry"`
	Healthy   bool                   `json:"healthy"`
	Complete  bool                   `json:"complete"` // no step is left out
	Steps     []stepJSON             `json:"steps"`
	Diagnosis *cmdutil.DiagnosisJSON `json:"diagnosis"` // of the first step that failed; null = none
}

func run(ctx context.Context, opts *Options) error {
	check, options, done, err := opts.Check(ctx, opts.Registry, opts.ARM)
	if err != nil {
		return err
	}
	defer done()
	check.Wants, check.Written = opts.Wants, opts.Written

	out := report{Registry: opts.Registry.Host(), Steps: []stepJSON{}}
	var found *diagnose.Diagnosis
	await := func() func() { return opts.IO.Await("Looking at " + opts.Registry.Host()) }
	waited := await()
	for step := range diagnose.Doctor(ctx, check, options) {
		waited()
		if step.Outcome == diagnose.Failed && step.Diagnosis != nil && found == nil {
			found = step.Diagnosis
		}
		out.Steps = append(out.Steps, newStepJSON(step))
		if opts.Exporter == nil {
			printStep(opts.IO, step)
		}
		waited = await()
	}
	waited()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	failed := 0
	for _, s := range out.Steps {
		if s.Outcome == string(diagnose.Failed) {
			failed++
		}
	}
	out.Healthy, out.Complete = failed == 0, failed == 0 || found != nil
	if found != nil {
		d := cmdutil.NewDiagnosisJSON(*found)
		out.Diagnosis = &d
	}
	if opts.Exporter != nil {
		err = opts.Exporter.Write(ctx, opts.IO, out)
	} else {
		err = printVerdict(opts.IO, out, found)
	}
	switch {
	case err != nil || out.Healthy:
		return err
	case !out.Complete:
		return cmdutil.Exit(cmdutil.ExitIncomplete)
	}
	return cmdutil.Exit(cmdutil.ExitFound)
}

func newStepJSON(s diagnose.Step) stepJSON {
	out := stepJSON{Name: s.Name, Want: formatWant(s.Want), Outcome: string(s.Outcome), Text: s.Text,
		Requests: cmdutil.NewProbesJSON(s.Requests)}
	if s.Diagnosis != nil {
		out.Code = string(s.Diagnosis.Code)
	}
	return out
}

// signs are printed beside the outcomes on a terminal.
var signs = map[diagnose.Outcome]string{diagnose.OK: "✓", diagnose.Warning: "!",
	diagnose.Failed: "✗", diagnose.Skipped: "-"}

// The columns of a step on a terminal. Steps are printed as they end, so that the widths
// are known before the words.
const (
	outcomeColumns = len(diagnose.Skipped)
	nameColumns    = len("data-endpoint") // the longest name
)

func printStep(s *iostreams.IOStreams, step diagnose.Step) {
	if !s.IsStdoutTTY() {
		fmt.Fprintf(s.Out, "%s\t%s\t%s\n", step.Outcome, step.Name, visible.Line(step.Text))
		return
	}
	style := map[diagnose.Outcome]iostreams.Style{diagnose.OK: iostreams.Success, diagnose.Warning: iostreams.Warning,
		diagnose.Failed: iostreams.Failure, diagnose.Skipped: iostreams.Muted}[step.Outcome]
	head := fmt.Sprintf("%s %-*s", signs[step.Outcome], outcomeColumns, step.Outcome)
	fmt.Fprintf(s.Out, "%s  %-*s  %s\n", s.Styled(style, head), nameColumns, step.Name,
		s.Wrap(2+outcomeColumns+2+nameColumns+2, visible.Line(step.Text)))
}

func printVerdict(s *iostreams.IOStreams, out report, found *diagnose.Diagnosis) error {
	if s.IsStdoutTTY() {
		fmt.Fprintln(s.Out)
	}
	if found == nil {
		verdict := "nothing is wrong"
		if !out.Healthy {
			verdict = "something is wrong, and nothing names it"
		}
		return cmdutil.PrintPairs(s, [][2]string{{"verdict", verdict}})
	}
	return cmdutil.PrintDiagnosis(s, *found)
}
