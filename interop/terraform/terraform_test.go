package terraform

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
	mirror = flag.String("terraform.mirror", "", "the folder of a mirror with azurerm; \"\" = only read the page")
	cycles = flag.Int("terraform.cycles", 5, "how often the example is applied, planned again and destroyed")
)

const (
	folder = "../../examples/terraform"
	// pageLimit bounds the page, and each cycle.
	pageLimit = 5 * time.Minute
	// roleWait is how long azurerm itself watches a new role assignment: five looks, five
	// seconds apart. Nothing shortens it.
	roleWait = 20 * time.Second
	// applyLimit is how long an apply may take: another resource that waits for ten seconds
	// breaks it.
	applyLimit = roleWait + 8*time.Second
	registry   = "terraformed.azurecr.localhost"
)

var shellBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// readPage returns the shell blocks of the page.
func readPage(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(folder, "README.md"))
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

// TestPage reads the page.
func TestPage(t *testing.T) {
	script := strings.Join(readPage(t), "")
	for _, want := range []string{"terraform apply", "-detailed-exitcode", "! crane pull", "terraform destroy"} {
		if !strings.Contains(script, want) {
			t.Errorf("no block has %q", want)
		}
	}
}

// scopeMapScript applies what "scope-map lint --fix --format terraform" writes, and compares
// the plan, the state and the written map.
const scopeMapScript = `
cat > map.json <<'EOF'
{"name": "written-map", "description": "of \"Jim\" ${x} %{if}",
  "actions": ["repositories/samples/*/content/read", "repositories/samples/*/metadata/read",
    "repositories/samples/app/content/read", "repositories/base/content/read", "gateway/edge/config/read"]}
EOF
acrkit scope-map lint map.json --fix --format terraform --registry myregistry > map.tf
terraform fmt -check map.tf
cat > main.tf <<'EOF'
provider "azurerm" {
  features {}
}
variable "resource_group_name" { default = "rg" }
EOF
terraform init
terraform plan -out plan
terraform show -json plan > plan.json
acrkit scope-map diff map.json plan.json
terraform apply -auto-approve plan
terraform show -json > state.json
acrkit scope-map diff map.json state.json#azurerm_container_registry_scope_map.written_map
acrkit scope-map lint state.json --json kind --jq length | grep -x 0
terraform plan -detailed-exitcode
sed -i s,base/content/read,base/content/write, map.tf
terraform plan -out plan
terraform show -json plan > plan.json
acrkit scope-map diff state.json plan.json > changed || [ $? = 8 ]
diff changed - <<'EOF'
gained	content/write	base
lost	content/read	base
EOF
terraform destroy -auto-approve
`

// TestScopeMap applies a scope map as acrkit writes it, and reads it in Terraform's JSON.
func TestScopeMap(t *testing.T) {
	p := prepare(t)
	work := filepath.Join(p.dir, "map")
	if err := os.Mkdir(work, 0o700); err != nil {
		t.Fatal(err)
	}
	run(t, work, p.env, p.script(readPage(t)[0], scopeMapScript)...)
}

// TestTerraform runs the page, then the cycles.
func TestTerraform(t *testing.T) {
	p := prepare(t)
	work := filepath.Join(p.dir, "work")
	if err := os.CopyFS(work, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	blocks := readPage(t)
	run(t, work, p.env, p.script(blocks...)...)

	cycle := []string{blocks[0], "date +%s.%N > started\nterraform apply -auto-approve\ndate +%s.%N > ended\n" +
		"terraform plan -detailed-exitcode\nterraform destroy -auto-approve\n"}
	for i := range *cycles {
		run(t, work, p.env, p.script(cycle...)...)
		took := since(t, work)
		t.Logf("cycle %d: apply %v", i+1, took.Round(time.Millisecond))
		if took > applyLimit {
			t.Errorf("cycle %d: apply took %v, more than %v", i+1, took, applyLimit)
		}
	}
}

// place is where Terraform runs: with acrkit, the provider, and names of its own.
type place struct {
	dir, hosts, port string
	env              []string
}

// script returns the command that runs blocks of the page. Its port may be taken on this
// machine; nothing else of the page is changed.
func (p place) script(blocks ...string) []string {
	text := strings.ReplaceAll(strings.Join(blocks, ""), "127.0.0.1:5443", "127.0.0.1:"+p.port)
	return []string{"unshare", "--mount", "bash", "-c", `mount --bind "$0" /etc/hosts && exec bash -c "$1"`, p.hosts,
		"set -eumo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n" + text}
}

func prepare(t *testing.T) place {
	t.Helper()
	if *mirror == "" {
		t.Skip("the provider was NOT run: .ci/nightly terraform builds and names it")
	}
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	run(t, "../..", nil, "go", "build", "-o", bin+string(filepath.Separator), "./cmd/acrkit")
	path, err := filepath.Abs(*mirror)
	if err != nil {
		t.Fatal(err)
	}
	rc := filepath.Join(dir, "terraformrc")
	hosts := filepath.Join(dir, "hosts")
	for name, text := range map[string]string{
		rc:    fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", path),
		hosts: "127.0.0.1 localhost " + registry + "\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + dir, "LANG=C", "TF_CLI_CONFIG_FILE=" + rc,
		"CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_CLI_ARGS=-no-color", "ACRKIT_KEYRING=off"}
	return place{dir, hosts, freePort(t), env}
}

// run runs a command, which must succeed.
func run(t *testing.T, dir string, env []string, command ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), pageLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.Env = dir, env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command[0], err, out)
	}
}

// since returns the time between the two stamps of a cycle.
func since(t *testing.T, dir string) time.Duration {
	t.Helper()
	read := func(name string) float64 {
		var seconds float64
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			_, err = fmt.Sscan(string(b), &seconds)
		}
		if err != nil {
			t.Fatal(err)
		}
		return seconds
	}
	return time.Duration((read("ended") - read("started")) * float64(time.Second))
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
