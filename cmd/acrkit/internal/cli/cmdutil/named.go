package cmdutil

import (
	"fmt"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/sentence"
)

// Registry returns the command's registry: the argument, the flag --registry or the
// variable ACR_NAME, in this order.
func (f *Factory) Registry(arg string) (acrkit.Registry, error) {
	for _, name := range []string{arg, f.Global.Registry, f.Env("ACR_NAME")} {
		if name != "" {
			return acrkit.ParseRegistry(name)
		}
	}
	return acrkit.Registry{},
		&acrkit.Error{Code: acrkit.CodeUsage, Reason: "no registry is named, and ACR_NAME is not set",
			Hint: sentence.Fix(sentence.NameRegistry, map[string]string{"host": "myregistry"})}
}

// RepositoryFlag reads the value of --repository, a name with or without its registry
// before it, and returns the registry too: arg, else the one in the name, else that of
// [Factory.Registry]. An empty value is no repository.
func (f *Factory) RepositoryFlag(value, arg string) (acrkit.Registry, string, error) {
	name := ""
	if value != "" {
		fallback := acrkit.Registry{}
		if reg, err := f.Registry(arg); err == nil {
			fallback = reg
		}
		ref, err := acrkit.ParseReference(value, fallback)
		if err != nil {
			return acrkit.Registry{}, "", err
		}
		if ref.Target() != "" {
			return acrkit.Registry{}, "",
				Usage("--repository %q names a tag or a digest; give the repository alone", value)
		}
		if !ref.Registry.IsZero() && arg == "" {
			arg = ref.Registry.Host()
		}
		name = ref.Name
	}
	reg, err := f.Registry(arg)
	return reg, name, err
}

// Reference reads a reference whose registry may be left out.
func (f *Factory) Reference(arg string) (acrkit.Reference, error) {
	var fallback acrkit.Registry
	if f.Global.Registry != "" || f.Env("ACR_NAME") != "" {
		var err error
		if fallback, err = f.Registry(""); err != nil {
			return acrkit.Reference{}, err
		}
	}
	ref, err := acrkit.ParseReference(arg, fallback)
	if err != nil {
		return acrkit.Reference{}, err
	}
	if ref.Registry.IsZero() {
		return acrkit.Reference{}, &acrkit.Error{Code: acrkit.CodeUsage,
			Reason: fmt.Sprintf("%q names no registry, and ACR_NAME is not set", arg), Hint: f.nameRegistry(arg)}
	}
	return ref, nil
}

// nameRegistry returns the fix of a reference without a registry. Its first part may
// be a registry's short name, as other arguments take it.
func (f *Factory) nameRegistry(arg string) string {
	name, rest, found := strings.Cut(arg, "/")
	if reg, err := acrkit.ParseRegistry(name); found && f.running != "" && err == nil && reg.IsACR() &&
		!strings.ContainsRune(name, '.') {
		return sentence.Fix(sentence.NameHost,
			map[string]string{"command": f.running, "name": name, "repository": rest})
	}
	return sentence.Fix(sentence.NameRegistry, map[string]string{"host": "myregistry"})
}
