package root

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
)

// helpWidth is how many columns the help of flags takes.
const helpWidth = 80

// help prints what a command is for, how it is called, and examples, in the
// order of the GitHub CLI.
func help(s *iostreams.IOStreams, cmd *cobra.Command) {
	var b strings.Builder
	section := func(title, body string) {
		if body = strings.Trim(body, "\n"); body == "" {
			return
		}
		if b.Len() > 0 {
			b.WriteString("\n")
		}
		if title != "" {
			b.WriteString(s.Styled(iostreams.Bold, title) + "\n")
			body = indent(body, "  ")
		}
		b.WriteString(body + "\n")
	}
	text := cmd.Long
	if text == "" {
		text = cmd.Short
	}
	section("", text)
	if cmdutil.IsTopic(cmd) {
		fmt.Fprint(s.Out, b.String())
		return
	}
	section("USAGE", cmd.UseLine())

	width := 12
	for _, sub := range cmd.Commands() {
		width = max(width, len(sub.Name())+2)
	}
	list := func(match func(*cobra.Command) bool) string {
		var lines strings.Builder
		for _, sub := range cmd.Commands() {
			if match(sub) {
				fmt.Fprintf(&lines, "%-*s %s\n", width, sub.Name()+":", sub.Short)
			}
		}
		return lines.String()
	}
	for _, g := range cmd.Groups() {
		section(g.Title, list(func(c *cobra.Command) bool { return c.GroupID == g.ID && c.IsAvailableCommand() }))
	}
	section("AVAILABLE COMMANDS", list(func(c *cobra.Command) bool {
		return c.GroupID == "" && c.IsAvailableCommand()
	}))
	section("HELP TOPICS", list(cmdutil.IsTopic))
	section("FLAGS", cmd.LocalFlags().FlagUsagesWrapped(helpWidth))
	section("INHERITED FLAGS", cmdutil.Inherited(cmd).FlagUsagesWrapped(helpWidth))
	section("JSON FIELDS", cmdutil.JoinNames("", cmdutil.JSONFields(cmd), helpWidth))
	section("EXAMPLES", cmd.Example)
	section("LEARN MORE", "Use `acrkit <command> <subcommand> --help` for more about a command.\n"+
		"Exit codes: `acrkit help exit-codes`. Environment: `acrkit help environment`.")
	fmt.Fprint(s.Out, b.String())
}

// newCmdHelp is cobra's own, except that help on an unknown topic is an error.
func newCmdHelp() *cobra.Command {
	return &cobra.Command{
		Use: "help [command]", Short: "Show help for a command", ValidArgsFunction: completeHelp,
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return cmdutil.UnknownCommand(found, rest[0])
			}
			return found.Help()
		},
	}
}

// completeHelp completes the words of a command, and the topics.
func completeHelp(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	found, rest, err := cmd.Root().Find(args)
	var names []string
	if err == nil && len(rest) == 0 {
		for _, sub := range found.Commands() {
			if (sub.IsAvailableCommand() || cmdutil.IsTopic(sub)) && strings.HasPrefix(sub.Name(), word) {
				names = append(names, cobra.CompletionWithDesc(sub.Name(), sub.Short))
			}
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func indent(text, by string) string {
	lines := strings.Split(text, "\n")
	common := -1
	for _, l := range lines {
		if t := strings.TrimLeft(l, " "); t != "" {
			if n := len(l) - len(t); common < 0 || n < common {
				common = n
			}
		}
	}
	for i, l := range lines {
		if strings.TrimSpace(l) == "" {
			lines[i] = ""
			continue
		}
		lines[i] = by + strings.TrimRight(l[max(common, 0):], " ")
	}
	return strings.Join(lines, "\n")
}
