package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// strangerLimit bounds each script; the one for Java fetches half of Maven.
const strangerLimit = 10 * time.Minute

// startEmulator is the beginning of a script that runs the emulator of the archive until
// the script ends. Then the environment names a token that lists tags, and trusts the
// emulator's certificate.
const startEmulator = `
stop() { kill "$emulator" 2>/dev/null || true; wait "$emulator" 2>/dev/null || true; }
./acrkit emulator start --data data --addr 127.0.0.1:0 >said 2>&1 &
emulator=$!
trap stop EXIT
n=0
until ./acrkit emulator env --data data >env 2>/dev/null; do
  kill -0 "$emulator" || { cat said; exit 1; }
  n=$((n + 1)); [ "$n" -lt 600 ] || { cat said; echo "the emulator is not ready"; exit 1; }
  sleep 0.1
done
. ./env
`

// stranger runs a shell script in a folder, with a home, and an environment that has
// neither Go nor anything of this account. Without network it has a loopback interface
// alone.
func stranger(t *testing.T, dir string, network bool, script string) string {
	t.Helper()
	bin := filepath.Join(dir, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	cosign, err := exec.LookPath("cosign")
	if err != nil {
		t.Fatal(err)
	}
	_ = os.Symlink(cosign, filepath.Join(bin, "cosign"))
	ctx, cancel := context.WithTimeout(t.Context(), strangerLimit)
	defer cancel()
	shell := "set -eu\nif command -v go; then echo 'there is a go'; exit 1; fi\n"
	args := []string{"sh", "-c"}
	if !network {
		args = append([]string{"unshare", "--net"}, args...)
		if os.Geteuid() != 0 {
			args = append([]string{"unshare", "--map-root-user"}, args[1:]...)
		}
		shell += "ip link set lo up\n"
	}
	cmd := exec.CommandContext(ctx, args[0], append(args[1:], shell+script)...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + bin + ":/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME=" +
		filepath.Join(dir, "home"), "LANG=C.UTF-8"}
	if network { // how this machine reaches the registries of packages
		for _, name := range []string{"PIP_INDEX_URL", "PIP_CONFIG_FILE", "NPM_CONFIG_REGISTRY", "HTTPS_PROXY",
			"HTTP_PROXY", "NO_PROXY", "SSL_CERT_FILE"} {
			if value, ok := os.LookupEnv(name); ok {
				cmd.Env = append(cmd.Env, name+"="+value)
			}
		}
	}
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// TestStranger does what a user of a download does, in an empty folder without Go and
// without a network: verify, unpack, the demo, the emulator, a login, and a pull by the
// credential helper.
func TestStranger(t *testing.T) {
	b := checkedBuild(t)
	dir := t.TempDir()
	archive := b.archiveOf("linux/" + runtime.GOARCH)
	sbom := filepath.Join(*distFlag, fmt.Sprintf("acrkit_%s_linux_%s.cdx.json", b.Version, runtime.GOARCH))
	for _, file := range []string{archive, sbom, b.checksums(), b.checksums() + ".sigstore.json", *keyFlag} {
		copyFile(t, file, filepath.Join(dir, filepath.Base(file)))
	}
	sums := filepath.Base(b.checksums())
	out := stranger(t, dir, false, `
cosign `+strings.Join(verifyArgs(filepath.Base(*keyFlag), sums+".sigstore.json", sums), " ")+`
sha256sum --check --ignore-missing `+sums+`
tar -xzf `+filepath.Base(archive)+`
./acrkit demo
`+startEmulator+`
./acrkit tag list "$ACR_NAME/samples/app"
printf %s "$ACR_TOKEN_PASSWORD" | ./acrkit login "$ACR_NAME" --token-name "$ACR_TOKEN_NAME" --password-stdin
name=$ACR_NAME
for variable in $(env | grep -o '^\(ACR\|AZURE\)_[A-Z_]*'); do unset "$variable"; done
export PATH="$PWD:$PATH" ACRKIT_REGISTRIES="$name"
printf '{"credHelpers": {"%s": "acrkit"}}' "$name" >auth.json
podman --root "$PWD/root" --runroot "$PWD/runroot" --storage-driver vfs pull --authfile auth.json "$name/samples/app:v1"
podman --root "$PWD/root" --runroot "$PWD/runroot" --storage-driver vfs images
`)
	for _, want := range []string{filepath.Base(archive) + ": OK", filepath.Base(sbom) + ": OK", "latest",
		"samples/app"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if !strings.Contains(read(t, filepath.Join(dir, filepath.Base(sbom))), modulePath) {
		t.Error("the SBOM does not name the module")
	}
}

// TestStrangersPackages installs the package of each language from its file into an empty
// project, and runs the first program of its README.
func TestStrangersPackages(t *testing.T) {
	b := checkedBuild(t)
	if !b.whole() {
		t.Skip("linux/amd64 alone was built")
	}
	for _, p := range []struct {
		language       string
		files          []string       // of packages, by the end of their names
		sdk            *regexp.Regexp // nil if the program's own files name it
		versions       string         // the file that pins the SDK
		blocks         []string       // files that the page shows
		install, start string
	}{
		{
			"python", []string{"-py3-none-any.whl"}, regexp.MustCompile(`(?m)^azure-containerregistry==[0-9.]+`),
			"sdk/python/requirements.in",
			[]string{"list_tags.py"},
			`python3 -m venv venv && venv/bin/pip install --quiet ./acrkit-*.whl "$SDK"`,
			`venv/bin/python list_tags.py samples/app`,
		},
		{
			"typescript", []string{".tgz"}, regexp.MustCompile(`@azure/container-registry": "[0-9.]+`),
			"sdk/typescript/package.json",
			[]string{"list-tags.mjs"},
			`npm install --silent --no-audit --no-fund ./acrkit-*.tgz "$(echo "$SDK" | sed 's/": "/@/')"`,
			`node list-tags.mjs samples/app`,
		},
		{
			"java", []string{".jar", ".pom"}, nil, "", // the page's pom.xml has the SDK
			[]string{"pom.xml", "ListTags.java"},
			`set -- -Dmaven.repo.local="$PWD/repository" --batch-mode --quiet
mkdir elsewhere && cd elsewhere # a folder without pom.xml
mvn "$@" org.apache.maven.plugins:maven-install-plugin:3.1.3:install-file -Dfile="$(ls ../acrkit-*.jar)" -DpomFile="$(ls ../acrkit-*.pom)"
cd ..
mvn "$@" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib
trust=$(java -XshowSettings:properties -version 2>&1 | sed -n 's/^ *java.home = //p')/lib/security/cacerts`,
			`install -m 600 "$trust" trust.p12
keytool -importcert -noprompt -alias acrkit -file data/ca.pem -keystore trust.p12 -storepass changeit
java -Djavax.net.ssl.trustStore=trust.p12 -Djavax.net.ssl.trustStorePassword=changeit -cp 'lib/*' ListTags.java samples/app`,
		},
	} {
		t.Run(p.language, func(t *testing.T) {
			t.Parallel() // they wait for the network
			dir := b.unpack(t)
			for _, end := range p.files {
				name := "acrkit-" + b.Version + end
				copyFile(t, filepath.Join(filepath.Dir(*distFlag), "build", "packages", name), filepath.Join(dir, name))
			}
			if p.language == "java" { // where this account says from where Maven fetches
				if settings, err := os.ReadFile(filepath.Join(os.Getenv("HOME"), ".m2", "settings.xml")); err == nil {
					writeFile(t, filepath.Join(dir, "home", ".m2", "settings.xml"), string(settings))
				}
			}
			page := read(t, filepath.Join(repository, "sdk", p.language, "README.md"))
			for _, file := range p.blocks {
				_, rest, found := strings.Cut(page, "<!-- file: "+file+" -->\n```")
				_, rest, _ = strings.Cut(rest, "\n")
				text, _, closed := strings.Cut(rest, "\n```")
				if !found || !closed {
					t.Fatalf("the page has no file %s", file)
				}
				writeFile(t, filepath.Join(dir, file), text+"\n")
			}
			sdk := ""
			if p.sdk != nil {
				if sdk = p.sdk.FindString(read(t, filepath.Join(repository, p.versions))); sdk == "" {
					t.Fatalf("%s pins no SDK", p.versions)
				}
			}
			out := stranger(t, dir, true, "SDK='"+sdk+"'\n"+p.install+"\n"+startEmulator+"echo the program:\n"+p.start)
			if _, printed, _ := strings.Cut(out, "the program:\n"); !strings.Contains(printed, "latest") ||
				!strings.Contains(printed, "v1") {
				t.Errorf("the program printed:\n%s", out)
			}
		})
	}
}

// TestImagesRun runs both images with podman: with a read-only root, as the user that
// they name, on the network of this machine. It needs root.
func TestImagesRun(t *testing.T) {
	b := checkedBuild(t)
	if os.Geteuid() != 0 {
		t.Skip("it needs root")
	}
	dir := t.TempDir()
	layouts, err := filepath.Abs(filepath.Join(*distFlag, "images"))
	if err != nil {
		t.Fatal(err)
	}
	// podman names an image after the path that it is given, which may have no upper case.
	if err := os.Symlink(layouts, filepath.Join(dir, "images")); err != nil {
		t.Fatal(err)
	}
	// Where control groups are mounted in both versions, podman starts nothing before the
	// second is hidden from it; and it may not raise limits in a container of its own.
	out := stranger(t, dir, true, `
exec unshare --mount --propagation private sh -eu -c '
if mountpoint -q /sys/fs/cgroup/unified; then umount -R /sys/fs/cgroup/unified; fi
pod() { podman --root "$PWD/root" --runroot "$PWD/runroot" --storage-driver vfs "$@"; }
start() { pod run --rm --cgroups=disabled --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --read-only --network host --cap-drop all "$@"; }
command=$(pod pull --quiet oci:images/acrkit)
emulator=$(pod pull --quiet oci:images/emulator)
echo "command: $(start "$command" --version)"
start "$command" demo
began=$(date +%s%N)
start --name acrkit-release-test "$emulator" --addr 127.0.0.1:0 >said 2>&1 &
n=0
until address=$(grep -o "https://localhost:[0-9]*" said | head -n 1) && [ -n "$address" ] && answer=$(curl --silent --insecure --output /dev/null --write-out "%{http_code}" "$address/v2/"); do
  n=$((n + 1)); [ "$n" -lt 600 ] || { cat said; exit 1; }
  sleep 0.05
done
echo "answers $answer after $((($(date +%s%N) - began) / 1000000)) ms"
echo "user $(pod inspect --format "{{.Config.User}}" acrkit-release-test)"
pod stop --time 10 acrkit-release-test >/dev/null
wait
cat said
'`)
	t.Log(out)
	for _, want := range []string{"command: acrkit " + b.Tag + " (" + b.Commit, "answers 401", "user 65532:65532"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}
