package jobs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

var (
	oras   = byGoInstall("oras")
	crane  = byGoInstall("crane")
	regctl = byGoInstall("regctl")
	helm   = byGoInstall("helm")
	cosign = byGoInstall("cosign")
	trivy  = byGoInstall("trivy")
	skopeo = &client{name: "skopeo", install: "apt-get install skopeo", version: []string{"skopeo", "--version"}}
)

const (
	app    = "team/app"
	source = "team/source"
	target = "mirror/target"
)

func twoRepositories() map[string]string {
	return map[string]string{"source": source, "target": target}
}

// pushed fills the repository of a role with an image, tagged v1 and old.
func pushed(role string) func(r *run) error {
	return func(r *run) error {
		r.image = r.reg.Push(r.name(role), "v1", "old")
		return nil
	}
}

// listed fills two repositories, for a job that lists those of the registry.
func listed(r *run) error {
	r.reg.Push(app, "v1")
	r.reg.Push(source, "v1")
	return nil
}

// command is a job's part that is one command.
func command(f func(r *run) []string) func(r *run) error {
	return func(r *run) error {
		_, err := r.out(f(r)...)
		return err
	}
}

// prints is a job's part that is one command, which must print a text.
func prints(want string, f func(r *run) []string) func(r *run) error {
	return func(r *run) error {
		out, err := r.out(f(r)...)
		if err == nil && !strings.Contains(out, want) {
			err = fmt.Errorf("it does not print %q: %s", want, out)
		}
		return err
	}
}

// arrived checks that the image of the setup is at a tag of a role.
func arrived(role string) func(r *run) error {
	return func(r *run) error { return r.repository(role).has("v1", r.image.Digest) }
}

// gone checks that the tag old is deleted, and v1 as well or not.
func gone(v1 bool) func(r *run) error {
	return func(r *run) error {
		repo := r.repository("repository")
		if v1 {
			return errors.Join(repo.lacks("old"), repo.lacks("v1"))
		}
		return errors.Join(repo.lacks("old"), repo.has("v1", r.image.Digest))
	}
}

// withLayout gives the client an image as an OCI layout, and remembers its digest.
func withLayout(r *run) error {
	_, r.image.Digest = r.layout()
	return nil
}

func (r *run) oras(args ...string) []string {
	return append(append([]string{"oras"}, args...), "--ca-file", r.reg.CAFile(), "--plain-http=false")
}

func (r *run) skopeo(args ...string) []string {
	return r.isolated(append([]string{"skopeo", "--insecure-policy"}, args...))
}

var orasJobs = []*job{
	{name: "oras-push", does: "push files as an artifact", client: oras, repositories: one(app), quick: true,
		do: func(r *run) error {
			r.write("report.txt", "words")
			_, err := r.out(r.oras("push", "--artifact-type", "application/vnd.example", r.ref("repository")+":v1",
				"report.txt:text/plain")...)
			return err
		},
		check: func(r *run) error { return r.repository("repository").has("v1", "") }},
	{name: "oras-pull", does: "pull the files of an artifact", client: oras, repositories: one(app), quick: true,
		setup: func(r *run) error {
			r.write("report.txt", "words")
			_, err := r.out(r.oras("push", "--artifact-type", "application/vnd.example", r.ref("repository")+":v1",
				"report.txt:text/plain")...)
			return err
		},
		do: func(r *run) error {
			_, err := r.out(r.oras("pull", "--output", "out", r.ref("repository")+":v1")...)
			return err
		},
		check: func(r *run) error {
			b, err := os.ReadFile(filepath.Join(r.home, "out/report.txt"))
			if err == nil && string(b) != "words" {
				err = errNothing
			}
			return err
		}},
	{name: "oras-copy", does: "copy from one repository to another", client: oras, repositories: twoRepositories(),
		quick: true, setup: pushed("source"),
		do: command(func(r *run) []string {
			return []string{"oras", "cp", "--from-ca-file", r.reg.CAFile(), "--from-plain-http=false", "--to-ca-file",
				r.reg.CAFile(), "--to-plain-http=false", r.ref("source") + ":v1", r.ref("target") + ":v1"}
		}),
		check: arrived("target")},
	{name: "oras-attach", does: "attach a file to an image", client: oras, repositories: one(app),
		setup: pushed("repository"),
		do: func(r *run) error {
			r.write("report.json", "{}")
			_, err := r.out(r.oras("attach", "--artifact-type", "application/vnd.example", r.ref("repository")+":v1",
				"report.json:application/json")...)
			return err
		},
		check: func(r *run) error { return r.repository("repository").referred(r.image.Digest) }},
	{name: "oras-discover", does: "list what is attached to an image", client: oras, repositories: one(app),
		setup: func(r *run) error {
			r.image = r.reg.Push(app, "v1")
			r.reg.PushArtifact(r.image, "application/vnd.example")
			return nil
		},
		do: prints("application/vnd.example", func(r *run) []string {
			return r.oras("discover", "--format", "json", r.ref("repository")+":v1")
		})},
	{name: "oras-tags", does: "list tags", client: oras, repositories: one(app), setup: pushed("repository"),
		do: prints("v1", func(r *run) []string { return r.oras("repo", "tags", r.ref("repository")) })},
	{name: "oras-repositories", does: "list the repositories of the registry: oras repo ls", client: oras,
		setup: listed, do: prints(app, func(r *run) []string { return r.oras("repo", "ls", r.reg.Host()) })},
	{name: "oras-delete", does: "delete a manifest", client: oras, repositories: one(app), setup: pushed("repository"),
		do: command(func(r *run) []string {
			return r.oras("manifest", "delete", "--force", r.ref("repository")+"@"+r.image.Digest)
		}),
		check: gone(true)},
}

var craneJobs = []*job{
	{name: "crane-copy", does: "copy, by mounting blobs", client: crane, repositories: twoRepositories(), quick: true,
		setup: pushed("source"),
		do: command(func(r *run) []string {
			return []string{"crane", "copy", r.ref("source") + ":v1", r.ref("target") + ":v1"}
		}),
		check: arrived("target")},
	{name: "crane-push", does: "push an image from a file", client: crane, repositories: one(app), setup: withLayout,
		do: command(func(r *run) []string {
			return []string{"crane", "push", "layout", r.ref("repository") + ":v1"}
		}),
		check: arrived("repository")},
	{name: "crane-tag", does: "give an image another tag", client: crane, repositories: one(app),
		setup: pushed("repository"),
		do:    command(func(r *run) []string { return []string{"crane", "tag", r.ref("repository") + ":old", "new"} }),
		check: func(r *run) error { return r.repository("repository").has("new", r.image.Digest) }},
	{name: "crane-tags", does: "list tags", client: crane, repositories: one(app), quick: true,
		setup: pushed("repository"),
		do:    prints("v1", func(r *run) []string { return []string{"crane", "ls", r.ref("repository")} })},
	{name: "crane-catalog", does: "list the repositories of the registry", client: crane, setup: listed,
		do: prints(app, func(r *run) []string { return []string{"crane", "catalog", r.reg.Host()} })},
	{name: "crane-delete", does: "delete a manifest", client: crane, repositories: one(app), quick: true,
		setup: pushed("repository"),
		do: command(func(r *run) []string {
			return []string{"crane", "delete", r.ref("repository") + "@" + r.image.Digest}
		}),
		check: gone(true)},
}

var regctlJobs = []*job{
	{name: "regctl-copy", does: "copy, by mounting blobs", client: regctl, repositories: twoRepositories(),
		setup: pushed("source"),
		do: command(func(r *run) []string {
			return []string{"regctl", "image", "copy", r.ref("source") + ":v1", r.ref("target") + ":v1"}
		}),
		check: arrived("target")},
	{name: "regctl-tag-delete", does: "delete a tag, and leave its manifest", client: regctl, repositories: one(app),
		setup: pushed("repository"),
		do: command(func(r *run) []string {
			return []string{"regctl", "tag", "delete", r.ref("repository") + ":old"}
		}),
		check: gone(false)},
	{name: "regctl-repositories", does: "list the repositories of the registry: regctl repo ls", client: regctl,
		setup: listed,
		do:    prints(app, func(r *run) []string { return []string{"regctl", "repo", "ls", r.reg.Host()} })},
	{name: "regctl-tags", does: "list tags", client: regctl, repositories: one(app), setup: pushed("repository"),
		do: prints("v1", func(r *run) []string { return []string{"regctl", "tag", "ls", r.ref("repository")} })},
}

var skopeoJobs = []*job{
	{name: "skopeo-copy", does: "copy from one repository to another", client: skopeo, repositories: twoRepositories(),
		setup: pushed("source"),
		do: command(func(r *run) []string {
			return r.skopeo("copy", "--src-cert-dir", r.certDir(), "--dest-cert-dir", r.certDir(),
				"docker://"+r.ref("source")+":v1", "docker://"+r.ref("target")+":v1")
		}),
		check: arrived("target")},
	{name: "skopeo-sync", does: "copy all tags of a repository", client: skopeo,
		// sync makes the target's name of the source's.
		repositories: map[string]string{"source": source, "target": "mirror/source"}, setup: pushed("source"),
		do: command(func(r *run) []string {
			return r.skopeo("sync", "--src", "docker", "--dest", "docker", "--src-cert-dir", r.certDir(),
				"--dest-cert-dir", r.certDir(), r.ref("source"), r.reg.Host()+"/mirror")
		}),
		check: func(r *run) error {
			repo := r.repository("target")
			return errors.Join(repo.has("v1", r.image.Digest), repo.has("old", r.image.Digest))
		}},
	{name: "skopeo-inspect", does: "show an image with all tags of its repository", client: skopeo,
		repositories: one(app), setup: pushed("repository"),
		do: prints("RepoTags", func(r *run) []string {
			return r.skopeo("inspect", "--cert-dir", r.certDir(), "docker://"+r.ref("repository")+":v1")
		})},
	{name: "skopeo-delete", does: "delete an image with all its tags", client: skopeo, repositories: one(app),
		setup: pushed("repository"),
		do: command(func(r *run) []string {
			return r.skopeo("delete", "--cert-dir", r.certDir(), "docker://"+r.ref("repository")+":v1")
		}),
		check: gone(true)},
}

// chart makes a chart in the client's home and returns its folder.
func (r *run) chart(name, version, more string) string {
	return filepath.Dir(r.write(name+"/Chart.yaml", "apiVersion: v2\nname: "+name+"\nversion: "+version+"\n"+more))
}

// chartPushed pushes a chart as it is before the job.
func chartPushed(r *run) error {
	return r.all([]string{"helm", "package", r.chart("web", "1.2.0", "")},
		[]string{"helm", "push", "web-1.2.0.tgz", "oci://" + r.reg.Host() + "/charts"})
}

var helmJobs = []*job{
	{name: "helm-push", does: "push a chart", client: helm, repositories: one("charts/web"),
		do: func(r *run) error {
			return r.all([]string{"helm", "package", r.chart("web", "1.2.0", "")},
				[]string{"helm", "push", "web-1.2.0.tgz", "oci://" + r.reg.Host() + "/charts"})
		},
		check: func(r *run) error { return r.repository("repository").has("1.2.0", "") }},
	{name: "helm-pull", does: "pull a chart of a version that is named", client: helm, repositories: one("charts/web"),
		setup: chartPushed,
		do: command(func(r *run) []string {
			return []string{"helm", "pull", "oci://" + r.ref("repository"), "--version", "1.2.0"}
		}),
		check: fileThere("web-1.2.0.tgz")},
	{name: "helm-pull-newest", does: "show, pull or install a chart without naming its version", client: helm,
		repositories: one("charts/web"), setup: chartPushed,
		do: prints("name: web", func(r *run) []string {
			return []string{"helm", "show", "chart", "oci://" + r.ref("repository")}
		})},
	{name: "helm-dependency-update", does: "fetch dependencies by a range of versions", client: helm,
		repositories: one("charts/web"), setup: chartPushed,
		do: func(r *run) error {
			dir := r.chart("all", "1.0.0", "dependencies:\n- {name: web, version: ^1.0.0, repository: 'oci://"+
				r.reg.Host()+"/charts'}\n")
			_, err := r.out("helm", "dependency", "update", dir)
			return err
		},
		check: fileThere("all/charts/web-1.2.0.tgz")},
}

func fileThere(name string) func(r *run) error {
	return func(r *run) error {
		_, err := os.Stat(filepath.Join(r.home, name))
		return err
	}
}

// keyMade makes a key, without a password, and an image to sign.
func keyMade(r *run) error {
	r.image = r.reg.Push(r.name("repository"), "v1")
	r.env = append(r.env, "COSIGN_PASSWORD=")
	_, err := r.out("cosign", "generate-key-pair")
	return err
}

func (r *run) cosign(args ...string) []string {
	return append([]string{"env", "COSIGN_PASSWORD=", "cosign"}, args...)
}

// signed signs the image without the transparency log, which is a service of its own.
func signed(r *run) error {
	_, err := r.out(r.cosign("sign", "--key", "cosign.key", "--use-signing-config=false", "--tlog-upload=false",
		"--yes", r.ref("repository")+"@"+r.image.Digest)...)
	return err
}

var signatureJobs = []*job{
	{name: "cosign-sign", does: "sign an image with a key", client: cosign, repositories: one(app), setup: keyMade,
		do:    signed,
		check: func(r *run) error { return r.repository("repository").referred(r.image.Digest) }},
	{name: "cosign-attach-signature", does: "attach a signature that was made elsewhere", client: cosign,
		repositories: one(app),
		setup: func(r *run) error {
			if err := keyMade(r); err != nil {
				return err
			}
			payload, err := r.out(r.cosign("generate", r.ref("repository")+"@"+r.image.Digest)...)
			if err != nil {
				return err
			}
			r.write("payload.json", payload)
			signature, err := r.out(r.cosign("sign-blob", "--key", "cosign.key", "--use-signing-config=false",
				"--tlog-upload=false", "--new-bundle-format=false", "--yes", "payload.json")...)
			r.write("payload.sig", strings.TrimSpace(signature))
			return err
		},
		do: command(func(r *run) []string {
			return r.cosign("attach", "signature", "--payload", "payload.json", "--signature", "payload.sig",
				r.ref("repository")+"@"+r.image.Digest)
		}),
		check: func(r *run) error {
			return r.repository("repository").has(strings.Replace(r.image.Digest, ":", "-", 1)+".sig", "")
		}},
	{name: "cosign-verify", does: "verify a signature with a key", client: cosign, repositories: one(app),
		setup: func(r *run) error { return errors.Join(keyMade(r), signed(r)) },
		do: command(func(r *run) []string {
			return r.cosign("verify", "--key", "cosign.pub", "--insecure-ignore-tlog=true",
				r.ref("repository")+"@"+r.image.Digest)
		})},
	{name: "trivy-scan", does: "scan an image", client: trivy, repositories: one(app), setup: pushed("repository"),
		do: prints(`"ArtifactName"`, func(r *run) []string {
			return []string{"trivy", "image", "--image-src", "remote", "--scanners", "secret", "--offline-scan",
				"--skip-version-check", "--format", "json", "--cache-dir", "cache", r.ref("repository") + ":v1"}
		})},
}
