package interop

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var (
	terraformMirror = flag.String("terraform.mirror", "",
		"the folder of a mirror with azurerm and azapi; \"\" = only read the page")
	terraformCycles = flag.Int("terraform.cycles", 5, "how often the page of examples/terraform is run")
)

const (
	terraformFolder = "../examples/terraform"
	// terraformLimit bounds each run of the page.
	terraformLimit = 5 * time.Minute
	// createLimit is how long a resource may take: one that waits ten seconds for an operation
	// breaks it. A whole apply depends on the machine, so its time is only logged.
	createLimit = 8 * time.Second
	// roleAssignment is watched by azurerm for 20 seconds more: five looks, five seconds
	// apart. Nothing shortens it (docs/control-plane.md).
	roleAssignment    = "azurerm_role_assignment."
	roleWait          = 20 * time.Second
	terraformRegistry = "terraformed.azurecr.localhost"
)

var shellBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// terraformPage returns the shell blocks of the page.
func terraformPage(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(terraformFolder, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if fences := strings.Count(string(page), "\n```sh"); fences != strings.Count(string(page), "\n```")/2 {
		t.Error("a block of the page is not of the language sh, so it is not run")
	}
	var blocks []string
	for _, m := range shellBlock.FindAllStringSubmatch(string(page), -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// TestTerraform_page reads the page.
func TestTerraform_page(t *testing.T) {
	script := strings.Join(terraformPage(t), "")
	for _, want := range []string{"terraform apply", "-detailed-exitcode", "! crane pull", "terraform destroy",
		"azapi apply", "azapi plan -detailed-exitcode", "azapi destroy"} {
		if !strings.Contains(script, want) {
			t.Errorf("no block has %q", want)
		}
	}
}

// TestTerraform runs every block of examples/terraform/README.md, word for word and in order,
// a few times: the real Terraform with the real azurerm and azapi apply, see nothing to change,
// are refused a pull, and destroy. Then it applies without a role assignment, and as an
// application that may not.
//
// It needs root, for an /etc/hosts of its own, and the mirror that .ci/nightly builds.
func TestTerraform(t *testing.T) {
	if *terraformMirror == "" {
		t.Skip("Terraform was NOT run: .ci/nightly terraform builds its providers and names them")
	}
	program(t, "crane")
	terraform := need(t, "terraform", "go install github.com/hashicorp/terraform@v1.8.5",
		[]string{"terraform", "version"})
	w := newTerraform(t)
	blocks := terraformPage(t)
	for i := range *terraformCycles {
		took := w.run(t, 12, blocks...)
		t.Logf("cycle %d: apply with azurerm %v, with azapi %v", i+1, took["apply -auto-approve"],
			took["-chdir=azapi apply -auto-approve"])
	}
	only := " -target=azurerm_container_registry_token_password.ci"
	took := w.run(t, 5, blocks[0], "terraform apply -auto-approve"+only+"\nterraform plan -detailed-exitcode"+only+
		"\nterraform destroy -auto-approve\n")
	t.Logf("without a role assignment: apply with azurerm %v", took["apply -auto-approve"+only])

	// build-agent, of the example seed, may read one registry and change nothing.
	w.run(t, 0, blocks[0], `
		eval "$(acrkit emulator env --for azapi --data ./acr --client-id 22222222-2222-2222-2222-222222222222)"
		export ARM_CLIENT_SECRET=app-secret
		! terraform apply -auto-approve > azurerm.log 2>&1
		! terraform -chdir=azapi apply -auto-approve > azapi.log 2>&1
	`)
	for _, p := range []struct{ name, folder string }{{"azurerm", ""}, {"azapi", "azapi"}} {
		client, version := "Terraform "+p.name, w.version(t, p.folder, p.name)+", Terraform "+
			strings.Trim(strings.TrimSuffix(terraform, "-dev"), "v") // what "go install" builds calls itself so
		results.add(result{client, version, "apply, second plan is empty, destroy", "ok", ""})
		said, err := os.ReadFile(filepath.Join(w.work, p.name+".log"))
		if err != nil {
			t.Fatal(err)
		}
		words := regexp.MustCompile(`(?s)Error: .*AuthorizationFailed.*authorization to perform`).Find(said)
		if words == nil {
			t.Fatalf("%s without a role: no AuthorizationFailed in\n%s", p.name, said)
		}
		results.add(result{client, version, "refused: apply without a role", "403 AuthorizationFailed, exit 1",
			neutral(strings.NewReplacer("│", "", "╵", "").Replace(string(words)))})
	}
}

// terraformWork is a copy of examples/terraform, where its page is run.
type terraformWork struct {
	work, hosts, port string
	env               []string
}

func newTerraform(t *testing.T) *terraformWork {
	t.Helper()
	mirror, err := filepath.Abs(*terraformMirror)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	w := &terraformWork{work: filepath.Join(dir, "work"), hosts: filepath.Join(dir, "hosts"), port: freePort(t)}
	if err := os.CopyFS(w.work, os.DirFS(terraformFolder)); err != nil {
		t.Fatal(err)
	}
	rc := filepath.Join(dir, "terraformrc")
	for name, text := range map[string]string{
		rc:      fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror),
		w.hosts: "127.0.0.1 localhost " + terraformRegistry + "\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.env = []string{"PATH=" + filepath.Dir(acrkitBinary) + ":" + os.Getenv("PATH"), "HOME=" + dir, "LANG=C",
		"TF_CLI_CONFIG_FILE=" + rc, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_CLI_ARGS=-no-color",
		"ACRKIT_KEYRING=off"}
	return w
}

// terraformTimed runs Terraform, and writes how long it took.
const terraformTimed = `
set -eumo pipefail
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
terraform() {
	local began=$EPOCHREALTIME status=0
	command terraform "$@" || status=$?
	echo "$began $EPOCHREALTIME $*" >> "$TIMES"
	return $status
}
`

var terraformCreated = regexp.MustCompile(`(\S+): Creation complete after (\S+)`)

// run runs blocks of the page, which must succeed, and returns how long each command of
// Terraform took, by its arguments. They make so many resources, and none may wait. The
// page's port may be taken on this machine, so it is another; nothing else is changed.
func (w *terraformWork) run(t *testing.T, resources int, blocks ...string) map[string]time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), terraformLimit)
	defer cancel()
	script := terraformTimed + strings.ReplaceAll(strings.Join(blocks, ""), "127.0.0.1:5443", "127.0.0.1:"+w.port)
	times := filepath.Join(t.TempDir(), "times")
	cmd := exec.CommandContext(ctx, "unshare", "--mount", "bash", "-c",
		`mount --bind "$0" /etc/hosts && exec bash -c "$1"`, w.hosts, script)
	cmd.Dir, cmd.Env = w.work, append([]string{"TIMES=" + times}, w.env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	made := terraformCreated.FindAllStringSubmatch(string(out), -1)
	if len(made) != resources {
		t.Errorf("%d resources were made, want %d:\n%s", len(made), resources, out)
	}
	for _, m := range made {
		limit := createLimit
		if strings.HasPrefix(m[1], roleAssignment) {
			limit += roleWait
		}
		if took, err := time.ParseDuration(m[2]); err != nil || took > limit {
			t.Errorf("%s was made in %s, want at most %v (%v)", m[1], m[2], limit, err)
		}
	}
	text, err := os.ReadFile(times)
	if err != nil {
		t.Fatal(err)
	}
	took := map[string]time.Duration{}
	for line := range strings.Lines(string(text)) {
		var began, ended float64
		if _, err := fmt.Sscan(line, &began, &ended); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		command := strings.SplitN(strings.TrimSpace(line), " ", 3)[2]
		took[command] = time.Duration((ended - began) * float64(time.Second)).Round(10 * time.Millisecond)
	}
	return took
}

// version returns the version of a provider that was installed in a folder.
func (w *terraformWork) version(t *testing.T, folder, provider string) string {
	t.Helper()
	lock, err := os.ReadFile(filepath.Join(w.work, folder, ".terraform.lock.hcl"))
	m := regexp.MustCompile(`(?s)/` + provider + `" \{\s+version\s+= "([^"]+)"`).FindSubmatch(lock)
	if err != nil || m == nil {
		t.Fatalf("the version of %s: %v in\n%s", provider, err, lock)
	}
	return string(m[1])
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
