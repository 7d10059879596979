package jobs

import (
	"fmt"
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

var updateJobs = []*job{
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
