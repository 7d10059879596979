package cmdutil

import (
	"context"
	"iter"
	"strings"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/registry"
)

// CompleteRepositories completes the first argument with the repositories of the
// command's registry. If they cannot be listed it offers nothing.
func CompleteRepositories(f *Factory) cobra.CompletionFunc {
	return forFirstArgument(f.completeRepository)
}

// CompleteEachRepository is [CompleteRepositories] for every argument.
func CompleteEachRepository(f *Factory) cobra.CompletionFunc {
	return forEachArgument(f.completeRepository)
}

func (f *Factory) completeRepository(cmd *cobra.Command, _ []string, word string) ([]string,
	cobra.ShellCompDirective) {
	return f.repositories(cmd, word), cobra.ShellCompDirectiveNoFileComp
}

// CompleteRepositoryFlag is [CompleteRepositories] for the value of a flag.
func CompleteRepositoryFlag(cmd *cobra.Command, f *Factory, flag string) {
	//nolint:errcheck // the flag was defined before
	cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, word string) ([]string,
		cobra.ShellCompDirective) {
		return f.repositories(cmd, word), cobra.ShellCompDirectiveNoFileComp
	})
}

// CompleteReferences completes the first argument with repositories and, after the
// colon or the @, with the tags or digests of the repository.
func CompleteReferences(f *Factory) cobra.CompletionFunc {
	return forFirstArgument(f.completeReference)
}

// CompleteEachReference is [CompleteReferences] for every argument.
func CompleteEachReference(f *Factory) cobra.CompletionFunc {
	return forEachArgument(f.completeReference)
}

func (f *Factory) completeReference(cmd *cobra.Command, _ []string, word string) ([]string,
	cobra.ShellCompDirective) {
	if name, digest, ok := strings.Cut(word, "@"); ok {
		return f.digests(cmd, name, digest), cobra.ShellCompDirectiveNoFileComp
	}
	if name, tag, ok := cutTag(word); ok {
		return f.tags(cmd, name, tag), cobra.ShellCompDirectiveNoFileComp
	}
	// A colon and a tag follow.
	return f.repositories(cmd, word), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// cutTag splits a reference at the colon before its tag.
func cutTag(word string) (name, tag string, ok bool) {
	i := strings.LastIndexByte(word, ':')
	if i < 0 || i < strings.LastIndexByte(word, '/') {
		return "", "", false
	}
	return word[:i], word[i+1:], true
}

func (f *Factory) repositories(cmd *cobra.Command, word string) []string {
	host, prefix := "", ""
	if first, _, ok := strings.Cut(word, "/"); ok && strings.ContainsAny(first, ".:") {
		host, prefix = first, first+"/"
	}
	reg, err := f.Registry(host)
	if err != nil {
		return nil
	}
	return f.listed(cmd, reg, prefix, word, func(ctx context.Context, c *registry.Client) iter.Seq2[string, error] {
		return c.Repositories(ctx, nil)
	})
}

func (f *Factory) tags(cmd *cobra.Command, name, tag string) []string {
	ref, err := f.Reference(name)
	if err != nil || ref.Name == "" {
		return nil
	}
	return f.listed(cmd, ref.Registry, name+":", name+":"+tag,
		func(ctx context.Context, c *registry.Client) iter.Seq2[string, error] {
			return func(yield func(string, error) bool) {
				for t, err := range c.Tags(ctx, ref.Name, nil) {
					if !yield(t.Name, err) {
						return
					}
				}
			}
		})
}

func (f *Factory) digests(cmd *cobra.Command, name, digest string) []string {
	ref, err := f.Reference(name)
	if err != nil || ref.Name == "" {
		return nil
	}
	return f.listed(cmd, ref.Registry, name+"@", name+"@"+digest,
		func(ctx context.Context, c *registry.Client) iter.Seq2[string, error] {
			return func(yield func(string, error) bool) {
				for m, err := range c.Manifests(ctx, ref.Name, nil) {
					if !yield(m.Digest, err) {
						return
					}
				}
			}
		})
}

// listed returns the names of a registry that a shell is offered for word.
func (f *Factory) listed(cmd *cobra.Command, reg acrkit.Registry, prefix, word string,
	list func(context.Context, *registry.Client) iter.Seq2[string, error]) []string {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionBudget)
	defer cancel()
	c, err := f.Connect(ctx, reg)
	if err != nil {
		return nil
	}
	defer c.Close()
	var names []string
	for name, err := range list(ctx, c.Client) {
		if err != nil || len(names) == completionLimit {
			break // what was listed before an error is offered
		}
		if strings.HasPrefix(prefix+name, word) {
			names = append(names, prefix+name)
		}
	}
	return names
}
