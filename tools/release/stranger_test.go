package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// strangerLimit bounds each script; the one for Java fetches half of Maven.
const strangerLimit = 10 * time.Minute

// withEmulator is the end of a script: the emulator of the archive runs as long as the
// commands do. Their environment names a token that lists tags, and trusts the emulator's
// certificate.
func withEmulator(t *testing.T, dir, commands string) string {
	t.Helper()
	writeFile(t, filepath.Join(dir, "use.sh"), "set -eu\n"+commands)
	return "\n./acrkit emulator start --data data -- sh use.sh\n"
}

// stranger runs a shell script in a folder, with a home, and an environment that has
// neither Go nor anything of this account. Without network it has a loopback interface
// alone.
func stranger(t *testing.T, dir string, network bool, script string) string {
	t.Helper()
	bin := filepath.Join(dir, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	// Some machines have a go in /usr/bin: this one comes first, and must not be called.
	calls := filepath.Join(dir, "calls-of-go")
	writeFile(t, filepath.Join(bin, "go"), "#!/bin/sh\necho \"go $*\" >>'"+calls+"'\nexit 127\n")
	if err := os.Chmod(filepath.Join(bin, "go"), 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), strangerLimit)
	defer cancel()
	shell := "set -eu\n"
	args := []string{"sh", "-c"}
	if !network {
		args = append([]string{"unshare", "--net", "--mount"}, args...)
		if os.Geteuid() != 0 {
			args = append([]string{"unshare", "--map-root-user"}, args[1:]...)
		}
		// Where this user is root in a namespace alone, podman still looks into the folder of the real one.
		shell += `ip link set lo up
[ ! -d /var/lib/containers ] || mount -t tmpfs none /var/lib/containers
if ip -oneline link show up | grep -v ": lo: "; then echo "there is a network"; exit 1; fi
`
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
	if _, err := os.Stat(calls); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Go was called: %v, %s", err, read(t, calls))
	}
	return string(out)
}

// podman is a part of a script: a podman with storage, locks and events of its own. Some of
// its folders must have a short name.
const podman = `
short=$(mktemp -d)
trap "rm -rf \"$short\"" EXIT
printf "[engine]\nlock_type = \"file\"\nevents_logger = \"none\"\n" >"$short/containers.conf"
pod() { CONTAINERS_CONF=$short/containers.conf podman --root "$PWD/root" --runroot "$short" --tmpdir "$short" --storage-driver vfs "$@"; }
`

// compareSBOM is a Python program that compares an SBOM with what Go recorded in a
// program: arguments are both files.
const compareSBOM = `
import json, re, sys
with open(sys.argv[1]) as f:
    listed = {(c["name"], c["version"]) for c in json.load(f)["components"]}
with open(sys.argv[2], "rb") as f:
    recorded = {(n.decode(), v.decode()) for n, v in re.findall(rb"\ndep\t([^\t\n]+)\t([^\t\n]+)", f.read())}
listed = {c for c in listed if c[0] != "std"}
if listed != recorded or len(recorded) < 10:
    sys.exit(f"SBOM and program differ: {sorted(listed ^ recorded)}")
print(f"{len(recorded)} modules are those of the SBOM")
`

// TestStranger does what a user of a download does, in an empty folder without Go and
// without a network: verify, unpack, the demo, the emulator, a login by the credential
// helper with podman, and a pull with it.
func TestStranger(t *testing.T) {
	b := checkedBuild(t)
	dir := t.TempDir()
	archive := b.archiveOf("linux/" + runtime.GOARCH)
	sbom := b.sbomOf(binary{Name: "acrkit", OS: "linux", Arch: runtime.GOARCH})
	files, sums, verify := []string{archive, sbom, b.checksums()}, filepath.Base(b.checksums()), ""
	if b.whole() {
		files = append(files, b.checksums()+".sigstore.json", *keyFlag)
		cosign, err := exec.LookPath("cosign")
		if err != nil {
			t.Fatal(err)
		}
		verify = cosign + " " + strings.Join(verifyArgs(filepath.Base(*keyFlag), sums+".sigstore.json", sums), " ")
	}
	for _, file := range files {
		copyFile(t, file, filepath.Join(dir, filepath.Base(file)))
	}
	writeFile(t, filepath.Join(dir, "compare.py"), compareSBOM)
	out := stranger(t, dir, false, `
`+verify+`
sha256sum --check --ignore-missing `+sums+`
tar -xzf `+filepath.Base(archive)+`
python3 compare.py `+filepath.Base(sbom)+` acrkit
./acrkit --version
./acrkit demo >demo
tail -n 3 demo`+withEmulator(t, dir, `
./acrkit tag list "$ACR_NAME/samples/app"
name=$ACR_NAME user=$ACR_TOKEN_NAME password=$ACR_TOKEN_PASSWORD
for variable in $(env | grep -o '^\(ACR\|AZURE\)_[A-Z_]*'); do unset "$variable"; done
export PATH="$PWD:$PATH" ACRKIT_REGISTRIES="$name"
`+podman+`
printf '{"credHelpers": {"%s": "acrkit"}}' "$name" >auth.json
if pod pull --quiet --authfile auth.json "$name/samples/app:v1" 2>refused; then echo "pulled without a login"; exit 1; fi
cat refused
grep --quiet "unauthorized: authentication required" refused
printf %s "$password" | pod login --authfile auth.json --username "$user" --password-stdin "$name"
if grep "$password" auth.json; then echo "podman kept the password itself"; exit 1; fi
./acrkit whoami "$name"
pod pull --quiet --authfile auth.json "$name/samples/app:v1"
pod images
pod rmi --all >/dev/null # its folders are read-only
`))
	for _, want := range []string{filepath.Base(archive) + ": OK", filepath.Base(sbom) + ": OK", "latest",
		"modules are those of the SBOM", "Login Succeeded!", "localhost:"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	t.Log(out)
}

// TestStrangersPackages installs the package of each language from its file into an empty
// project, and runs the first program of its README. Only the first needs a network: it
// fetches what the package depends on.
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
mvn "$@" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib`,
			`trust=$(java -XshowSettings:properties -version 2>&1 | sed -n 's/^ *java.home = //p')/lib/security/cacerts
install -m 600 "$trust" trust.p12
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
			stranger(t, dir, true, "SDK='"+sdk+"'\n"+p.install)
			out := stranger(t, dir, false, withEmulator(t, dir, "echo the program:\n"+p.start))
			if _, printed, _ := strings.Cut(out, "the program:\n"); !strings.Contains(printed, "latest") ||
				!strings.Contains(printed, "v1") {
				t.Errorf("the program printed:\n%s", out)
			}
		})
	}
}

// seedOfImage is a seed whose only secret is in another variable, as the emulator's image
// requires.
const seedOfImage = `registries: [{name: myregistry, tokens: [{name: ci-pull, scopeMap: _repositories_pull, ` +
	`passwords: [{name: password1, valueFrom: {env: CI_PULL}}]}]}]`

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
export SEED='`+seedOfImage+`'
exec unshare --mount --propagation private sh -eu -c '
if mountpoint -q /sys/fs/cgroup/unified; then umount -R /sys/fs/cgroup/unified; fi
`+podman+`
start() { pod run --rm --cgroups=disabled --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --read-only --network host --cap-drop all "$@"; }
command=$(pod pull --quiet oci:images/acrkit)
emulator=$(pod pull --quiet oci:images/emulator)
echo "command: $(start "$command" --version)"
start "$command" demo >demo
tail -n 3 demo
if start "$emulator" >refused 2>&1; then echo "it served the example seed"; exit 1; fi
echo "without a seed: $(head -n 1 refused)"
name=acrkit-release-test
began=$(date +%s%N)
start --name "$name" --env ACRKIT_SEED="$SEED" --env CI_PULL=only-in-a-variable --env ACRKIT_ADDR=127.0.0.1:0 "$emulator" >said 2>&1 &
n=0
until address=$(grep -o "https://localhost:[0-9]*" said | head -n 1) && [ -n "$address" ] && pod exec "$name" acrkit emulator health --addr "${address#https://}" >health 2>&1; do
  n=$((n + 1)); [ "$n" -lt 600 ] || { cat said health; exit 1; }
  sleep 0.05
done
echo "health: $(cat health) after $((($(date +%s%N) - began) / 1000000)) ms"
curl --silent --insecure --output ca.pem "$address/ca.pem"
answer=$(curl --silent --cacert ca.pem --user ci-pull:only-in-a-variable --output token --write-out "%{http_code}" "$address/oauth2/token?service=${address#https://}&scope=repository:samples/app:pull")
echo "the token of the seed: $answer"
pid=$(pod inspect --format "{{.State.Pid}}" "$name")
echo "process" $(grep "^[UG]id:" "/proc/$pid/status")
pod stop --time 10 "$name" >/dev/null
wait
cat said
'`)
	t.Log(out)
	for _, want := range []string{"command: acrkit " + b.Tag + " (" + b.Commit, "without a seed: acrkit: cannot listen",
		"health: ready", "the token of the seed: 200",
		"process Uid: 65532 65532 65532 65532 Gid: 65532 65532 65532 65532"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}

// TestImagesPush pushes both images to the emulator and signs them, by the script that
// publishes them. The digests are those of the build.
func TestImagesPush(t *testing.T) {
	b := checkedBuild(t)
	if !b.whole() {
		t.Skip("linux/amd64 alone was built, and is not signed")
	}
	dir := b.unpack(t)
	tools, err := exec.LookPath("cosign")
	if err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("push")
	if err != nil {
		t.Fatal(err)
	}
	want := ""
	for _, i := range images {
		index, err := layout.ImageIndexFromPath(filepath.Join(*distFlag, "images", i.name))
		if err != nil {
			t.Fatal(err)
		}
		top, err := index.IndexManifest()
		if err != nil {
			t.Fatal(err)
		}
		digest := top.Manifests[0].Digest.String()
		want += i.name + "@" + digest + "\nlatest " + digest + "\n" + b.Version + " " + digest + "\n"
	}
	out := stranger(t, dir, false, `export ACRKIT_SEED='registries: [{name: myregistry, tokens: [{name: pusher, `+
		`scopeMap: _repositories_admin, passwords: [{name: password1, value: of-this-test-alone}]}]}]'`+
		withEmulator(t, dir, `
export PATH="$PATH:`+filepath.Dir(tools)+`" DOCKER_CONFIG="$PWD/docker" COSIGN_PASSWORD=
echo of-this-test-alone | cosign login "$ACR_NAME" --username pusher --password-stdin
ACRKIT_SIGNING_KEY=`+strings.TrimSuffix(*keyFlag, ".pub")+`.key `+script+` `+*distFlag+`/images "$ACR_NAME/tools" `+b.Version+` >pushed
echo "pushed:"
while read -r image; do
  cosign verify --key `+*keyFlag+` --insecure-ignore-tlog=true "$image" >verified 2>&1 || { cat verified; exit 1; }
  name=${image%@*}
  echo "${image##*/}"
  for tag in latest `+b.Version+`; do echo "$tag $(crane digest "$name:$tag")"; done
done <pushed
`))
	if _, got, _ := strings.Cut(out, "pushed:\n"); !strings.Contains(got, want) {
		t.Errorf("%s\nwant %s", out, want)
	}
}
