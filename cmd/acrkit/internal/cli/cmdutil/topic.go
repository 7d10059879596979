package cmdutil

import (
	"strings"

	"github.com/spf13/cobra"
)

const (
	topicAnnotation = "acrkit:topic"
	jsonAnnotation  = "acrkit:json-fields"
)

// NewTopic returns a help topic: a command that only has a text.
func NewTopic(name, short, text string) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Long: text, Hidden: true, Args: NoArgs,
		Annotations: map[string]string{topicAnnotation: "true"},
		RunE:        func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
}

// IsTopic reports whether cmd is a help topic.
func IsTopic(cmd *cobra.Command) bool { return cmd.Annotations[topicAnnotation] != "" }

// JSONFields returns the fields that the command's --json knows, or nil.
func JSONFields(cmd *cobra.Command) []string {
	list := cmd.Annotations[jsonAnnotation]
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}
