package jobs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/acrkit/acrkit"
)

var (
	docker = &client{name: "docker", install: "apt-get install docker.io",
		prepare: dockerd.need, version: []string{"dockerd", "--version"}}
	buildx = &client{name: "buildx", install: "see .ci/programs",
		prepare: buildkitd.need, version: byGoInstall("buildx").version}
	podman  = &client{name: "podman", install: "apt-get install podman", version: []string{"podman", "--version"}}
	buildah = &client{name: "buildah", install: "apt-get install buildah", version: []string{"buildah", "--version"}}
	kubelet = &client{name: "kubelet (containerd)", install: "apt-get install docker.io", prepare: func() error {
		return errors.Join(containerd.need(), install("../cri", "go", "build", "-o", filepath.Join(work, "cri"), "."))
	}, version: []string{"containerd", "--version"}}
)

func (r *run) docker(args ...string) []string {
	return append([]string{dockerProgram(), "--host", "unix://" + dockerd.socket()}, args...)
}

// forget has the daemon forget images, which it keeps for all jobs, when the job is over.
func (r *run) forget(images ...string) {
	r.t.Cleanup(func() {
		_, _ = r.out(r.docker(append([]string{"image", "rm", "--force"}, images...)...)...) // it may not be there
	})
}

// podman keeps everything below the client's home and needs no runtime.
func (r *run) podman(args ...string) []string {
	return r.isolated(append([]string{"podman", "--root", filepath.Join(r.home, "storage"), "--runroot",
		filepath.Join(r.home, "run"), "--storage-driver", "vfs", "--events-backend=none", "--cgroup-manager=cgroupfs"},
		args...))
}

func (r *run) buildah(args ...string) []string {
	return r.isolated(append([]string{"buildah", "--root", filepath.Join(r.home, "storage"), "--runroot",
		filepath.Join(r.home, "run"), "--storage-driver", "vfs"}, args...))
}

// isolated returns a command of podman, buildah or skopeo that does not see what they keep
// for all of root's runs: which registry has which blob.
func (r *run) isolated(command []string) []string {
	if os.Geteuid() != 0 {
		return command
	}
	return append([]string{"unshare", "--mount", "sh", "-c", `mkdir -p "$HOME/blobs" /var/lib/containers/cache &&
		mount --bind "$HOME/blobs" /var/lib/containers/cache && exec "$@"`, "sh"}, command...)
}

// there checks that a tag is in the repository of a role.
func there(role, tag string) func(r *run) error {
	return func(r *run) error { return r.repository(role).has(tag, "") }
}

// mounted is the right without which blobs are not mounted.
func mounted(log string) []optional {
	return []optional{{role: "source", action: acrkit.ContentRead, without: "it uploads the blobs",
		log: regexp.MustCompile(log)}}
}

// context makes the folder of a build whose result depends on the words, with a file that
// does not.
func (r *run) context(words string) string {
	r.write("context/base.txt", strings.Repeat("base ", 100))
	r.write("context/app.txt", words)
	return filepath.Dir(r.write("context/Dockerfile", "FROM scratch\nCOPY base.txt /\nCOPY app.txt /\n"))
}

func buildRepositories() map[string]string {
	return map[string]string{"cache": "team/cache", "target": app}
}

var engineJobs = []*job{
	{name: "docker-pull", does: "pull an image", client: docker, repositories: one(app), setup: pushed("repository"),
		do: func(r *run) error {
			ref := r.ref("repository") + ":v1"
			r.forget(ref)
			return r.all(r.docker("pull", ref))
		},
		check: func(r *run) error {
			ref := r.ref("repository") + ":v1"
			out, err := r.out(r.docker("image", "inspect", "--format", "{{.RepoDigests}}", ref)...)
			if err == nil && !strings.Contains(out, r.image.Digest) {
				err = errNothing
			}
			return err
		}},
	{name: "docker-push", does: "push an image", client: docker, repositories: one(app),
		setup: func(r *run) error {
			r.layout()
			ref := r.ref("repository") + ":v1"
			r.forget(ref)
			return r.all(r.docker("import", r.layer(), ref))
		},
		do:    command(func(r *run) []string { return r.docker("push", r.ref("repository")+":v1") }),
		check: there("repository", "v1")},
	{name: "docker-push-copy", does: "push an image that was pulled from another repository", client: docker,
		repositories: twoRepositories(),
		setup: func(r *run) error {
			from, to := r.ref("source")+":v1", r.ref("target")+":v1"
			r.reg.Push(source, "v1")
			r.forget(from, to)
			return r.all(r.docker("pull", from), r.docker("tag", from, to))
		},
		do:    command(func(r *run) []string { return r.docker("push", r.ref("target")+":v1") }),
		check: there("target", "v1"),
		// With the right it says "Mounted from team/source".
		optional: mounted(`: Pushed$`)},

	{name: "podman-pull", does: "pull an image", client: podman, repositories: one(app), setup: pushed("repository"),
		do: prints("", func(r *run) []string {
			return r.podman("pull", "--cert-dir", r.certDir(), r.ref("repository")+":v1")
		}),
		check: func(r *run) error {
			return r.all(r.podman("image", "exists", r.ref("repository")+":v1"))
		}},
	{name: "podman-push", does: "push an image", client: podman, repositories: one(app),
		setup: func(r *run) error {
			if err := withLayout(r); err != nil {
				return err
			}
			id, err := r.out(r.podman("pull", "--quiet", "oci:layout:v1")...)
			if err != nil {
				return err
			}
			return r.all(r.podman("tag", strings.TrimSpace(id), r.ref("repository")+":v1"))
		},
		do: command(func(r *run) []string {
			return r.podman("push", "--cert-dir", r.certDir(), r.ref("repository")+":v1")
		}),
		check: there("repository", "v1")},
	{name: "podman-push-copy", does: "push an image that was pulled from another repository", client: podman,
		repositories: twoRepositories(),
		setup: func(r *run) error {
			r.reg.Push(source, "v1")
			return r.all(r.podman("pull", "--cert-dir", r.certDir(), r.ref("source")+":v1"),
				r.podman("tag", r.ref("source")+":v1", r.ref("target")+":v1"))
		},
		do: command(func(r *run) []string {
			return r.podman("--log-level=debug", "push", "--cert-dir", r.certDir(), r.ref("target")+":v1")
		}),
		check: there("target", "v1"), optional: mounted(`Failed: checking whether a blob .* exists in`)},

	{name: "buildah-push", does: "build an image and push it", client: buildah, repositories: one(app),
		do: func(r *run) error {
			return r.all(r.buildah("build", "--tag", r.ref("repository")+":v1", r.context("words")),
				r.buildah("push", "--cert-dir", r.certDir(), r.ref("repository")+":v1"))
		},
		check: there("repository", "v1")},
	{name: "buildah-cache", does: "build with a cache in the registry, and push", client: buildah,
		repositories: buildRepositories(),
		setup: func(r *run) error {
			if err := r.all(buildahWithCache(r, "before")); err != nil {
				return err
			}
			return r.all(r.buildah("rmi", "--all", "--force"))
		},
		do: func(r *run) error {
			return r.all(buildahWithCache(r, "after"),
				r.buildah("push", "--cert-dir", r.certDir(), r.ref("target")+":v1"))
		},
		check: there("target", "v1")},

	{name: "buildx-cache", does: "build with a cache in the registry, and push", client: buildx,
		repositories: buildRepositories(),
		setup: func(r *run) error {
			if err := r.all([]string{"buildx", "create", "--name", "job", "--driver", "remote",
				"unix://" + buildkitd.socket()}); err != nil {
				return err
			}
			return r.all(buildxWithCache(r, "before"),
				[]string{"buildx", "prune", "--builder", "job", "--all", "--force"})
		},
		do:    func(r *run) error { return r.all(buildxWithCache(r, "after")) },
		check: func(r *run) error { return errors.Join(there("target", "v1")(r), there("cache", "cache")(r)) }},

	{name: "kubelet-pull", does: "pull the image of a pod", client: kubelet, repositories: one(app),
		setup: func(r *run) error {
			r.image = r.reg.Push(app, "v1")
			dir := filepath.Join(containerd.dir, "certs.d", r.reg.Host())
			// By its CA alone, on loopback too, where containerd would trust any.
			text := fmt.Sprintf("server = %[1]q\nca = %[2]q\n[host.%[1]q]\nca = %[2]q\n", r.reg.URL(), r.reg.CAFile())
			return errors.Join(os.MkdirAll(dir, 0o755),
				os.WriteFile(filepath.Join(dir, "hosts.toml"), []byte(text), 0o644))
		},
		do: func(r *run) error {
			_, err := r.outWith(r.token.Name+":"+r.token.Password1, filepath.Join(work, "cri"), containerd.socket(),
				r.ref("repository")+":v1")
			return err
		},
		check: func(r *run) error {
			out, err := r.out("ctr", "--address", containerd.socket(), "--namespace", "k8s.io", "images", "list")
			if err == nil && !strings.Contains(out, r.ref("repository")+":v1") {
				err = errNothing
			}
			return err
		}},
}

func buildahWithCache(r *run, words string) []string {
	return r.buildah("build", "--layers", "--cert-dir", r.certDir(), "--cache-to", r.ref("cache"), "--cache-from",
		r.ref("cache"), "--tag", r.ref("target")+":v1", r.context(words))
}

func buildxWithCache(r *run, words string) []string {
	cache := "type=registry,ref=" + r.ref("cache") + ":cache"
	return []string{"buildx", "build", "--builder", "job", "--progress", "plain", "--provenance=false", "--cache-to",
		cache + ",mode=max", "--cache-from", cache, "--push", "--tag", r.ref("target") + ":v1", r.context(words)}
}
