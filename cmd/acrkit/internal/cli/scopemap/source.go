package scopemapcmd

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/mapfile"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/rights"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/manage"
)

// source reads scope maps where an argument says: in a file, or in a registry.
type source struct {
	f     *cmdutil.Factory
	azure *cmdutil.Azure
}

// isFile reports whether an argument names a file, or what only a file can be named.
func isFile(arg string) bool {
	path, _, _ := strings.Cut(arg, "#")
	if _, err := os.Stat(path); err == nil || arg == "" || isStdin(arg) {
		return true
	}
	return filepath.Ext(arg[strings.LastIndexByte(arg, '/')+1:]) != ""
}

// isStdin reports whether an argument names standard input, or a scope map in it.
func isStdin(arg string) bool { return arg == "-" || strings.HasPrefix(arg, "-#") }

// stored is a scope map of a registry, found by its name or by that of a token.
type stored struct {
	manage.ScopeMap
	r     *manage.Registry
	token string // by which it was found; "" = its own name
}

// read returns the scope maps of a file, or the one that is stored.
func (s source) read(ctx context.Context, arg string) (*mapfile.File, error) {
	if isFile(arg) {
		return mapfile.Read(arg, s.f.IO.In)
	}
	m, err := s.stored(ctx, arg)
	if err != nil {
		return nil, err
	}
	return &mapfile.File{Path: m.r.Host().Host(), Form: mapfile.FormObject, Maps: []mapfile.Map{{Name: m.Name,
		Registry: m.r.Name(), Description: m.Description, System: m.System, Actions: m.Actions}}}, nil
}

// stored reads the scope map of a name, or else that of the token of this name. If both are
// there, it says which one it is.
func (s source) stored(ctx context.Context, arg string) (stored, error) {
	reg, name, err := s.f.Object(arg, "a scope map or a token")
	if err != nil {
		return stored{}, cmdutil.Usage("%q is no file, and no scope map or token can be looked up: %v", arg, err)
	}
	r, err := s.f.Manage(ctx, reg, s.azure)
	if err != nil {
		return stored{}, err
	}
	out := stored{r: r}
	out.ScopeMap, err = r.ScopeMap(ctx, name)
	if err != nil && acrkit.CodeOf(err) != acrkit.CodeNotFound {
		return stored{}, rights.Explain(ctx, s.azure, reg, err, sentence.ShowScopeMaps)
	}
	token, tokenErr := r.Token(ctx, name)
	switch {
	case err != nil:
		switch acrkit.CodeOf(tokenErr) {
		case "":
			out.token = token.Name
			out.ScopeMap, err = r.ScopeMap(ctx, token.ScopeMap)
		case acrkit.CodeNotFound: // the scope map is not found
		default:
			err = tokenErr
		}
	case tokenErr == nil && !strings.EqualFold(token.ScopeMap, out.Name): // who may read maps may not read tokens
		cmdutil.Say(s.f.IO.ErrOut, "%q is a scope map and a token; this is the scope map, and the token has %q",
			out.Name, token.ScopeMap)
	}
	if err != nil {
		return stored{}, rights.Explain(ctx, s.azure, reg, err, sentence.ShowScopeMaps)
	}
	return out, nil
}
