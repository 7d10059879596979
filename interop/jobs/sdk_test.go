package jobs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"
)

// installLimit bounds the installation of a client.
const installLimit = 10 * time.Minute

// work is a folder for what is made for all jobs of a run.
var work string

// install runs a command with the environment of the tests: where packages come from is the
// machine's business.
func install(dir string, command ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), installLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, out)
	}
	return nil
}

// installed returns a folder in which a command was run, beside the lock files of a folder of
// interop/sdk if there are any, once for each command and content of them. It is made under
// another name first, so that it is whole or not there.
func installed(name string, locks []string, command ...string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	cache = filepath.Join(cache, "acrkit-ci", "sdk")
	hash := sha256.New()
	fmt.Fprint(hash, command)
	contents := map[string][]byte{}
	for _, lock := range locks {
		b, err := os.ReadFile(filepath.Join("../sdk", name, lock))
		if err != nil {
			return "", err
		}
		hash.Write(b)
		contents[lock] = b
	}
	final := filepath.Join(cache, "jobs-"+name+"-"+hex.EncodeToString(hash.Sum(nil))[:16])
	if _, err := os.Stat(final); err == nil {
		return final, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(cache, ".new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	for name, b := range contents {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			return "", err
		}
	}
	if err := install(dir, command...); err != nil {
		return "", err
	}
	return final, os.Rename(dir, final)
}

// absolute returns the path of a file of the repository.
func absolute(name string) string {
	path, err := filepath.Abs(filepath.Join("../..", name))
	if err != nil {
		panic(err)
	}
	return path
}

// An sdk is Microsoft's client library of one language, with the package of acrkit that lets
// a token's name and password in.
type sdk struct {
	client
	folder string // what prepare made
	run    func(r *run, args ...string) (string, error)
}

var python = &sdk{}

func init() {
	python.client = client{name: "azure-containerregistry (Python)", install: "apt-get install python3-pip",
		version: []string{"sed", "-n", "s/^azure-containerregistry==//p",
			absolute("interop/sdk/python/requirements.txt")},
		prepare: func() (err error) {
			python.folder, err = installed("python", []string{"requirements.txt"}, "python3", "-m", "pip", "install",
				"--quiet", "--disable-pip-version-check", "--target", "lib", "--require-hashes", "-r",
				"requirements.txt")
			return err
		}}
	python.run = func(r *run, args ...string) (string, error) {
		return r.out(append([]string{"env", "PYTHONPATH=" + python.folder + "/lib:" + absolute("sdk/python/src"),
			"PYTHONDONTWRITEBYTECODE=1", "python3", absolute("interop/jobs/programs/job.py")}, args...)...)
	}
}

var typescript = &sdk{}

func init() {
	typescript.client = client{name: "@azure/container-registry (JavaScript)", install: "apt-get install npm",
		version: []string{"sed", "-n", `s/.*"@azure.container-registry": "\(.*\)".*/\1/p`,
			absolute("interop/sdk/typescript/package.json")},
		prepare: func() error {
			packages, err := installed("typescript", []string{"package.json", "package-lock.json"}, "npm", "ci",
				"--no-audit", "--no-fund", "--loglevel=error")
			if err != nil {
				return err
			}
			typescript.folder = filepath.Join(work, "typescript")
			return errors.Join(
				os.CopyFS(filepath.Join(typescript.folder, "acrkit"), os.DirFS(absolute("sdk/typescript/src"))),
				os.Symlink(filepath.Join(packages, "node_modules"), filepath.Join(typescript.folder, "node_modules")),
				install(".", "cp", absolute("interop/jobs/programs/job.ts"), filepath.Join(packages, "package.json"),
					typescript.folder))
		}}
	typescript.run = func(r *run, args ...string) (string, error) {
		return r.out(append([]string{filepath.Join(typescript.folder, "node_modules/.bin/tsx"),
			filepath.Join(typescript.folder, "job.ts")}, args...)...)
	}
}

var java = &sdk{}

func init() {
	java.client = client{name: "azure-containers-containerregistry (Java)", install: "apt-get install maven",
		version: []string{"sh", "-c",
			`grep -A1 'azure-containers-containerregistry<' "$0" | sed -n 's/.*<version>\(.*\)<.*/\1/p'`,
			absolute("interop/sdk/java/pom.xml")},
		prepare: func() error {
			packages, err := installed("java", []string{"pom.xml"}, "mvn", "--batch-mode", "--quiet",
				"dependency:copy-dependencies", "-DoutputDirectory=lib")
			if err != nil {
				return err
			}
			java.folder = filepath.Join(work, "java") + ":" + filepath.Join(packages, "lib", "*")
			sources, err := filepath.Glob(absolute("sdk/java/src/main/java/io/github/acrkit/*.java"))
			if err != nil {
				return err
			}
			return errors.Join(
				install(".", append([]string{"javac", "-proc:none", "-d", filepath.Join(work, "java"), "-cp",
					java.folder, absolute("interop/jobs/programs/Job.java")}, sources...)...),
				install(".", "cp", "-r", absolute("sdk/java/src/main/resources/io"), filepath.Join(work, "java")))
		}}
	java.run = func(r *run, args ...string) (string, error) {
		store := filepath.Join(r.home, "trust.p12")
		if _, err := os.Stat(store); err != nil {
			if err := install(".", "keytool", "-importcert", "-noprompt", "-storetype", "PKCS12", "-keystore", store,
				"-storepass", "changeit", "-file", r.reg.CAFile()); err != nil {
				return "", err
			}
		}
		return r.out(append([]string{"java", "-XX:TieredStopAtLevel=1", "-Djavax.net.ssl.trustStore=" + store,
			"-Djavax.net.ssl.trustStorePassword=changeit", "-cp", java.folder, "Job"}, args...)...)
	}
}

// golang is Microsoft's client of Go, in this process.
var golang = &sdk{
	client: client{name: "azcontainerregistry (Go)", install: "in go.mod",
		version: []string{"go", "list", "-m", "-f", "{{.Version}}",
			"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"}},
	run: func(r *run, args ...string) (string, error) {
		out, err := runGo(r, args)
		if err != nil {
			fmt.Fprintln(&r.log, err)
		}
		return out, err
	},
}

func runGo(r *run, args []string) (string, error) {
	ctx := r.t.Context()
	client := r.reg.AzureClient(r.token.Credential())
	if args[0] == "repositories" {
		var out strings.Builder
		for pager := client.NewListRepositoriesPager(nil); pager.More(); {
			page, err := pager.NextPage(ctx)
			if err != nil {
				return "", err
			}
			for _, name := range page.Names {
				fmt.Fprintln(&out, *name)
			}
		}
		return out.String(), nil
	}
	repository := args[1]
	switch args[0] {
	case "tags":
		var out strings.Builder
		for pager := client.NewListTagsPager(repository, nil); pager.More(); {
			page, err := pager.NextPage(ctx)
			if err != nil {
				return "", err
			}
			for _, tag := range page.Tags {
				fmt.Fprintln(&out, *tag.Name)
			}
		}
		return out.String(), nil
	case "delete-tag":
		_, err := client.DeleteTag(ctx, repository, args[2], nil)
		return "", err
	}
	blobs := r.reg.AzureBlobClient(r.token.Credential())
	report := make([]byte, 100_000)
	start, err := blobs.StartUpload(ctx, repository, nil)
	if err != nil {
		return "", err
	}
	calculator := azcontainerregistry.NewBlobDigestCalculator()
	chunk, err := blobs.UploadChunk(ctx, *start.Location, bytes.NewReader(report), calculator, nil)
	if err != nil {
		return "", err
	}
	done, err := blobs.CompleteUpload(ctx, *chunk.Location, calculator, nil)
	if err != nil {
		return "", err
	}
	got, err := blobs.GetBlob(ctx, repository, *done.DockerContentDigest, nil)
	if err != nil {
		return "", err
	}
	defer got.BlobData.Close()
	if b, err := io.ReadAll(got.BlobData); err != nil || !bytes.Equal(b, report) {
		return "", fmt.Errorf("the blob came back changed: %w", err)
	}
	return "the same", nil
}

// sdkJobs are those of one language.
func sdkJobs(language string, s *sdk) []*job {
	part := func(want string, args ...string) func(r *run) error {
		return func(r *run) error {
			out, err := s.run(r, args...)
			if err == nil && !strings.Contains(out, want) {
				err = fmt.Errorf("it does not print %q: %s", want, out)
			}
			return err
		}
	}
	return []*job{
		{name: language + "-list-repositories", does: "list the repositories of the registry with the Azure SDK",
			client: &s.client, setup: listed, do: part(app, "repositories"), quick: s == golang},
		{name: language + "-list-tags", does: "list tags with the Azure SDK", client: &s.client, repositories: one(app),
			setup: pushed("repository"), do: part("v1", "tags", app), quick: s == golang},
		{name: language + "-delete-tag", does: "delete a tag with the Azure SDK", client: &s.client,
			repositories: one(app), setup: pushed("repository"), do: part("", "delete-tag", app, "old"),
			check: gone(false), quick: s == golang},
		{name: language + "-blob", does: "upload and download a blob with the Azure SDK", client: &s.client,
			repositories: one(app), do: part("the same", "blob", app), quick: s == golang},
	}
}
