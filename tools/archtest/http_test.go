package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// httpPlaces are the files that make an HTTP client or transport, use net/http's own,
// or connect by themselves, and the time limit of each. Wrap a new one in stall.Wrap, or
// use it within an auth.Transport, which does.
var httpPlaces = map[string]string{
	"acrtest/acrtest.go": "stall.Wrap, except for RoundTripper, whose user is a test " +
		"with a limit of its own",
	"auth/azureauth/client.go":                          "over an auth.Transport",
	"auth/azureauth/managedidentity.go":                 "stall.Wrap",
	"auth/transport.go":                                 "stall.Wrap",
	"diagnose/arm.go":                                   "stall.Wrap",
	"diagnose/probe.go":                                 "stall.Wrap; a connection of its own has dialTime",
	"examples/migrating/tags.go":                        "an example of another client",
	"examples/oras/main.go":                             "over an auth.Transport",
	"cmd/acrkit/internal/cli/cmdutil/connect.go":        "over an auth.Transport",
	"cmd/acrkit/internal/cli/demo/stage.go":             "stall.Wrap",
	"cmd/acrkit/internal/cli/emulator/target/target.go": "for emulator/control, and for an auth.Transport",
	"emulator/control/client.go":                        "stall.WrapWith",
	"cmd/acrkit/internal/cli/emulator/serve.go":         "askReady uses stall.Wrap",
	"tools/replay/target.go":                            "a tool for tests; a minute for each exchange",
	"internal/wire/transport.go":                        "makes transports for others to wrap",
	"registry/registry.go":                              "stall.Wrap",
	"manage/client.go":                                  "stall.Wrap",
	"internal/login/find/transport.go":                  "for an auth.Transport, and for diagnose",
}

// httpUses returns the files in which net/http's clients and transports, or
// connections, are made, and how.
func httpUses(t *testing.T, files []file) map[string][]string {
	t.Helper()
	makes := map[string][]string{
		"http": {"Client", "Transport", "DefaultClient", "DefaultTransport", "Get", "Head", "Post", "PostForm"},
		"net":  {"Dial", "DialTimeout", "DialTCP", "Dialer"},
		"tls":  {"Dial", "DialWithDialer", "Dialer"},
		"wire": {"Base", "NewTransport"},
	}
	uses := map[string][]string{}
	for _, f := range files {
		if f.test {
			continue
		}
		src, err := os.ReadFile(filepath.Join(moduleRoot, f.path))
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.path, src, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		note := func(e ast.Expr, made bool) {
			sel, ok := e.(*ast.SelectorExpr)
			if !ok {
				return
			}
			pkg, ok := sel.X.(*ast.Ident)
			if !ok || !slices.Contains(makes[pkg.Name], sel.Sel.Name) {
				return
			}
			// The name of a type alone makes no client.
			if isType := slices.Contains([]string{"Client", "Transport", "Dialer"}, sel.Sel.Name); isType != made {
				return
			}
			uses[f.path] = append(uses[f.path], pkg.Name+"."+sel.Sel.Name)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				note(n.Type, true)
			case *ast.CallExpr:
				if fn, ok := n.Fun.(*ast.Ident); ok && fn.Name == "new" && len(n.Args) == 1 {
					note(n.Args[0], true)
				}
			case *ast.SelectorExpr:
				note(n, false)
			}
			return true
		})
	}
	return uses
}

// TestNothingWaitsForEver: no code makes an HTTP client that does not end a stalled
// exchange.
func TestNothingWaitsForEver(t *testing.T) {
	files := readModule(t, moduleRoot)
	got := slices.Collect(maps.Keys(httpUses(t, files)))
	var want []string
	for path, why := range httpPlaces {
		want = append(want, path)
		src, err := os.ReadFile(filepath.Join(moduleRoot, path))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(why, "stall.Wrap") && !strings.Contains(string(src), "stall.Wrap") {
			t.Errorf("%s does not use stall.Wrap any more", path)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files that make HTTP clients (-known +found); let a new one use stall.Wrap, and say so here:\n%s",
			diff)
	}
}
