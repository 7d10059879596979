package jobs

import (
	"net"
	"path/filepath"
	"regexp"

	"github.com/acrkit/acrkit"
)

var (
	azure = &client{name: "az", install: "apt-get install azure-cli",
		version: []string{"az", "version", "--query", `"azure-cli"`, "--output", "tsv"}}
	acrkitCommand = &client{name: "acrkit", install: "go build ./cmd/acrkit",
		prepare: func() error {
			return install("../..", "go", "build", "-o", filepath.Join(work, "acrkit"), "./cmd/acrkit")
		},
		version: []string{"echo", "this version"}}
)

// az returns a command of az with the token's name and password. It takes the host for the
// registry's name, and the cloud's suffix, here the port, for the rest of the login server.
func (r *run) az(args ...string) []string {
	host, port, err := net.SplitHostPort(r.reg.Host())
	if err != nil {
		r.t.Fatal(err)
	}
	root := r.reg.URL() + "/"
	r.write("azure/clouds.config", "[Rehearsal]\nendpoint_resource_manager = "+root+"\nendpoint_management = "+root+
		"\nendpoint_active_directory = "+root+"adfs\nendpoint_active_directory_resource_id = "+root+
		"\nendpoint_active_directory_graph_resource_id = "+root+"\nsuffix_acr_login_server_endpoint = :"+port+"\n")
	r.write("azure/config", "[cloud]\nname = Rehearsal\n[core]\ncollect_telemetry = no\nonly_show_errors = yes\n"+
		"no_color = yes\n")
	return append([]string{"env", "AZURE_CONFIG_DIR=" + filepath.Join(r.home, "azure"), "az", "acr"},
		append(args, "--name", host, "--username", r.token.Name, "--password", r.token.Password1)...)
}

var azJobs = []*job{
	{name: "az-list", does: "list the repositories of the registry: az acr repository list", client: azure,
		setup: listed, do: prints(app, func(r *run) []string { return r.az("repository", "list") })},
	{name: "az-show-tags", does: "list tags: az acr repository show-tags", client: azure, repositories: one(app),
		setup: pushed("repository"),
		do:    prints("v1", func(r *run) []string { return r.az("repository", "show-tags", "--repository", app) })},
	{name: "az-show", does: "show a tag with its locks: az acr repository show", client: azure, repositories: one(app),
		setup: pushed("repository"),
		do:    prints("sha256:", func(r *run) []string { return r.az("repository", "show", "--image", app+":v1") })},
	{name: "az-untag", does: "delete a tag: az acr repository untag", client: azure, repositories: one(app),
		setup: pushed("repository"),
		do:    command(func(r *run) []string { return r.az("repository", "untag", "--image", app+":old") }),
		check: gone(false)},
	{name: "az-delete", does: "delete an image: az acr repository delete --image", client: azure,
		repositories: one(app), setup: pushed("repository"),
		do:    command(func(r *run) []string { return r.az("repository", "delete", "--yes", "--image", app+":old") }),
		check: gone(true)},
	{name: "az-lock", does: "lock a tag: az acr repository update", client: azure, repositories: one(app),
		setup: pushed("repository"),
		do: command(func(r *run) []string {
			return r.az("repository", "update", "--image", app+":v1", "--write-enabled", "false")
		}),
		check: func(r *run) error { return r.repository("repository").locked("v1") }},
}

// acrkit returns a command of acrkit. It finds the credential in the environment.
func (r *run) acrkit(args ...string) []string {
	return append([]string{filepath.Join(work, "acrkit")}, args...)
}

var acrkitJobs = []*job{
	{name: "acrkit-repo-list", does: "list the repositories of the registry", client: acrkitCommand, quick: true,
		setup: listed, do: prints(app, func(r *run) []string { return r.acrkit("repo", "list", r.reg.Host()) })},
	{name: "acrkit-tag-list", does: "list tags", client: acrkitCommand, repositories: one(app), quick: true,
		setup: pushed("repository"),
		do:    prints("v1", func(r *run) []string { return r.acrkit("tag", "list", r.ref("repository")) })},
	{name: "acrkit-tag-delete", does: "delete a tag", client: acrkitCommand, repositories: one(app), quick: true,
		setup: pushed("repository"),
		do: command(func(r *run) []string {
			return r.acrkit("tag", "delete", "--yes", r.ref("repository")+":old")
		}),
		check: gone(false),
		// With the right the line ends with the digest.
		optional: []optional{{role: "repository", action: acrkit.MetadataRead,
			without: "it deletes the tag unseen, and prints no digest", log: regexp.MustCompile(`\tdeleted\t\t$`)}}},
	{name: "acrkit-tag-lock", does: "lock a tag", client: acrkitCommand, repositories: one(app), quick: true,
		setup: pushed("repository"),
		do:    command(func(r *run) []string { return r.acrkit("tag", "lock", r.ref("repository")+":v1") }),
		check: func(r *run) error { return r.repository("repository").locked("v1") },
		optional: []optional{{role: "repository", action: acrkit.MetadataRead,
			without: "it does not print the locks from before", log: regexp.MustCompile(`are not known without`)}}},
}
