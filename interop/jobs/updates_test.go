package jobs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
)

// renovateVersion is of npm's package.
const renovateVersion = "39.99.0"

var (
	flux = &client{name: "Flux (github.com/fluxcd/pkg/oci)", install: "in interop/jobs/testdata/flux/go.mod",
		prepare: func() error {
			return install("testdata/flux", "go", "build", "-o", filepath.Join(work, "flux"), ".")
		},
		version: []string{"go", "list", "-C", "testdata/flux", "-m", "-f", "{{.Version}}", "github.com/fluxcd/pkg/oci"}}
	renovate = &client{name: "renovate", install: "apt-get install npm",
		version: []string{"echo", renovateVersion}}
	renovateFolder string
)

func init() {
	renovate.prepare = func() (err error) {
		renovateFolder, err = installed("renovate", nil, "npm", "install", "--ignore-scripts", "--no-audit",
			"--no-fund", "--loglevel=error", "renovate@"+renovateVersion)
		return err
	}
}

func (r *run) flux(verb string) []string {
	return []string{filepath.Join(work, "flux"), verb, r.ref("repository")}
}

// versions pushes two versions of an image.
func versions(r *run) error {
	r.reg.Push(app, "1.0.0")
	r.image = r.reg.Push(app, "1.1.0")
	return nil
}

// fluxPushed makes a folder and pushes it.
func fluxPushed(r *run) error {
	r.write("source/app.yaml", "kind: ConfigMap\n")
	return r.all(r.flux("push"))
}

// acrCLI sends Basic to the API, which refuses that of a scope-mapped token, so it is run
// through the proxy. It takes a host without a dot for the name of a registry.
var acrCLI = fromSource("acr (github.com/Azure/acr-cli)", "ACRKIT_INTEROP_ACR", "version")

var imageUpdater = fromSource("argocd-image-updater", "ACRKIT_INTEROP_IMAGE_UPDATER", "version", "--short")

// newestBy has Argo CD Image Updater look for a newer image, without a cluster. Only of a
// registry with ACR's name it asks for the right to list tags.
func newestBy(strategy string) func(r *run) error {
	return prints("latest image according to constraint is", func(r *run) []string {
		host, script := r.named("sh", "-c", `LOGIN="$ACR_TOKEN_NAME:$ACR_TOKEN_PASSWORD" exec "$0" "$@" 2>&1`,
			os.Getenv(imageUpdater.variable), "test")
		r.write("registries.yaml", fmt.Sprintf(
			"registries:\n- {name: acr, prefix: %q, api_url: %q, credentials: env:LOGIN}\n", host, "https://"+host))
		r.write("kubeconfig", "apiVersion: v1\nkind: Config\n"+
			"clusters: [{name: none, cluster: {server: https://127.0.0.1:1}}]\n"+
			"users: [{name: none, user: {token: none}}]\n"+
			"contexts: [{name: none, context: {cluster: none, user: none}}]\ncurrent-context: none\n")
		return append(script, host+"/"+r.name("repository")+":1.0.0", "--kubeconfig", "kubeconfig",
			"--registries-conf-path", "registries.yaml", "--update-strategy", strategy)
	})
}

func (r *run) acr(args string) []string {
	acrkitCommand.ready(r.t)
	return r.acrkit("proxy", "--", "sh", "-c", `exec "$0" `+args+
		` --registry "127.0.0.1:${ACRKIT_PROXY_HOST##*:}" --username x --password "$ACRKIT_PROXY_KEY"`,
		os.Getenv(acrCLI.variable))
}

// outdated is a repository with a tag that is kept and one that is not.
func outdated(r *run) error {
	r.reg.Push(app, "old")
	r.image = r.reg.Push(app, "v1")
	return nil
}

var updateJobs = []*job{
	{name: "acr-purge", does: "delete old tags: acr purge, by acrkit proxy", client: acrCLI,
		repositories: one(app), setup: outdated,
		do:    command(func(r *run) []string { return r.acr("purge --ago 0d --filter 'team/app:^old$'") }),
		check: gone(false)},
	{name: "acr-purge-untagged", does: "delete untagged manifests: acr purge --untagged-only, by acrkit proxy",
		client: acrCLI, repositories: one(app),
		setup: func(r *run) error {
			r.reg.Push(app, "v1")
			r.image = r.reg.Push(app)
			return nil
		},
		do: command(func(r *run) []string { return r.acr("purge --untagged-only --filter 'team/app:.*'") }),
		check: func(r *run) error {
			repo := r.repository("repository")
			if err := repo.has(r.image.Digest, ""); err == nil {
				return errNothing
			}
			return repo.has("v1", "")
		}},
	{name: "argocd-image-updater-semver", does: "look for a newer version among the tags", client: imageUpdater,
		repositories: one(app), setup: versions, do: newestBy("semver")},
	{name: "argocd-image-updater-newest-build", does: "look for the tag that was built last", client: imageUpdater,
		repositories: one(app), setup: versions, do: newestBy("newest-build")},
	{name: "flux-list", does: "list tags with their digests: flux list artifacts", client: flux,
		repositories: one(app), setup: versions,
		do: prints("1.1.0", func(r *run) []string { return r.flux("list") })},
	{name: "flux-push", does: "push a folder: flux push artifact", client: flux, repositories: one("flux/app"),
		do: fluxPushed, check: there("repository", "v1")},
	{name: "flux-pull", does: "pull an artifact: flux pull artifact", client: flux, repositories: one("flux/app"),
		setup: fluxPushed,
		do:    command(func(r *run) []string { return r.flux("pull") }), check: fileThere("out/app.yaml")},
	{name: "renovate-lookup", does: "look for newer tags of a Dockerfile's image", client: renovate,
		repositories: one(app), setup: versions,
		do: func(r *run) error {
			r.write("work/Dockerfile", "FROM "+r.ref("repository")+":1.0.0\n")
			r.write("work/renovate.json", "{}")
			err := r.all([]string{"git", "init", "--quiet", "work"}, []string{"git", "-C", "work", "add", "."})
			if err != nil {
				return err
			}
			return prints(`"newVersion": "1.1.0"`, func(r *run) []string {
				return []string{"env", "-C", "work", "LOG_LEVEL=debug",
					"RENOVATE_HOST_RULES=" + hostRules(r.reg, r.token),
					filepath.Join(renovateFolder, "node_modules/.bin/renovate"), "--platform=local", "--dry-run=lookup",
					"--onboarding=false"}
			})(r)
		},
		optional: []optional{{role: "repository", action: acrkit.ContentRead,
			without: "it finds no link to the image's sources and changelog",
			log:     regexp.MustCompile(`manifests/1\.1\.0 = .*statusCode=401`)}}},
}

func hostRules(reg *acrtest.Registry, token acrtest.Token) string {
	return fmt.Sprintf(`[{"hostType":"docker","matchHost":%q,"username":%q,"password":%q}]`, reg.URL(), token.Name,
		token.Password1)
}
