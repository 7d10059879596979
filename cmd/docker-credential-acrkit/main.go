// Command docker-credential-acrkit is Docker's credential helper for Azure
// Container Registry and, under a name that ends in -credential-provider or with
// the argument kubelet, an image credential provider of the kubelet.
package main

import (
	"cmp"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/acrkit/acrkit/credhelper"
	"github.com/acrkit/acrkit/internal/version"
)

func main() { os.Exit(run(os.Args, os.LookupEnv, os.Stdin, os.Stdout, os.Stderr)) }

func run(argv []string, lookupEnv func(string) (string, bool), in io.Reader, out, errOut io.Writer) int {
	name := "docker-credential-acrkit"
	if len(argv) > 0 {
		name = cmp.Or(strings.TrimSuffix(filepath.Base(argv[0]), ".exe"), name)
		argv = argv[1:]
	}
	ctx := context.Background()
	env := environment{lookupEnv}
	helper := credhelper.New(credhelper.Options{
		Name: name, Version: buildVersion(),
		Registries: env.finder().CustomLoginServers(), Answer: env.get("ACRKIT_HELPER_ANSWER"),
		Connect: env.connect, Logins: logins{env},
		Tenants: strings.FieldsFunc(env.get("ACRKIT_KUBELET_TENANTS"), func(r rune) bool {
			return r == ',' || r == ' '
		}), AuthorityHost: env.get("AZURE_AUTHORITY_HOST"),
	})
	if strings.HasSuffix(name, "-credential-provider") || len(argv) == 1 && argv[0] == "kubelet" {
		return helper.Kubelet(ctx, in, out, errOut)
	}
	return helper.Docker(ctx, argv, in, out, errOut)
}

func buildVersion() string {
	v := version.Get()
	if v.Commit == "" {
		return v.Version
	}
	return v.Version + " " + v.Commit
}
