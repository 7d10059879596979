package recipes

import (
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/acrkit/acrkit/auth"
)

// TestSinksCommand has the command deliver a password to all places at once: when it makes the
// token, in a rotation in which one place refuses it, and in the one that completes that. No
// program gets a password in an argument or a variable.
func TestSinksCommand(t *testing.T) {
	if !*runSinks {
		t.Skip("without -sinks; .ci/nightly sinks installs the programs")
	}
	acrkit := filepath.Join(t.TempDir(), "acrkit")
	build(t, acrkit)
	all, w := rows(t), newWorld(t)
	t.Chdir(w.dir)
	who := w.reg.ServicePrincipal("Owner")
	env := []string{"ACR_NAME=" + w.reg.Host(), "AZURE_AUTHORITY_HOST=" + w.reg.AuthorityHost(),
		"AZURE_TENANT_ID=" + who.TenantID, "AZURE_CLIENT_ID=" + who.ClientID,
		"AZURE_CLIENT_SECRET=" + who.ClientSecret, "ACRKIT_KEYRING=off",
		"ACRKIT_CONFIG_DIR=" + filepath.Join(w.dir, "acrkit"), "GH_REPO=myorg/myapp",
		"PATH=" + filepath.Dir(acrkit) + ":" + os.Getenv("PATH")}
	stores := map[string]*store{}
	create := []string{"token", "create", tokenName, "--allow", "samples/app:content/read", "--expires", "90d"}
	rotation := []string{"token", "rotate", tokenName, "--grace", "24h"}
	for _, p := range places {
		st := p.start(t, w)
		stores[p.row], env = st, append(env, st.env...)
		create = append(create, "--to", p.created(all[p.row][0]))
		rotation = append(rotation, "--to", all[p.row][0])
	}
	programs := filepath.Join(w.dir, "programs")
	command := func(words ...string) (string, error) {
		t.Helper()
		return w.try(t, env, "", append([]string{"strace", "-f", "--seccomp-bpf", "-e", "trace=execve", "-v",
			"-s", "100000", "-A", "-o", programs, acrkit}, words...)...)
	}
	var secrets []string
	held := func() map[string]string {
		t.Helper()
		out := map[string]string{}
		for row, st := range stores {
			out[row] = st.held(t)
			if !w.pulls(t, out[row]) {
				t.Errorf("what %s holds does not work", row)
			}
			secrets = append(secrets, out[row], base64.StdEncoding.EncodeToString([]byte(tokenName+":"+out[row])))
		}
		return out
	}

	if out, err := command(create...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	before := held()
	stores["GitLab"].deny(t, true)
	out, err := command(rotation...)
	stores["GitLab"].deny(t, false)
	if err == nil || !strings.Contains(out, stores["GitLab"].says) || strings.Contains(out, "removed\tpassword") {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(out)
	half := held()
	for row := range stores {
		if changed := half[row] != before[row]; changed != (row != "GitLab") {
			t.Errorf("%s got the new password: %t", row, changed)
		}
	}
	if out, err = command(rotation...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(out)
	for row, after := range held() {
		if after == before[row] || after != half["Kubernetes"] || !w.pulls(t, before[row]) {
			t.Errorf("%s: it is the old password, or the old one works no longer", row)
		}
	}

	// The line of "acrkit token create --help".
	w.must(t, env, "", "bash", "-c", "set -o pipefail; acrkit token create ci-push --allow samples/app:content/write,"+
		"content/read --expires 30d --to - | gh secret set ACR_PASSWORD")
	push := auth.ScopedToken("ci-push", stores["GitHub"].held(t))
	resp, err := (&http.Client{Transport: w.reg.Transport(push)}).Post(
		w.reg.URL()+"/v2/samples/app/blobs/uploads/", "", nil)
	if err != nil || resp.StatusCode != http.StatusAccepted {
		t.Errorf("%v, %v", resp, err)
	} else {
		resp.Body.Close()
	}

	said := string(readFile(t, programs))
	for _, program := range []string{"kubectl", "az", "gh", "glab", "jq"} {
		if !strings.Contains(said, "/"+program+`", ["`) {
			t.Errorf("%s was not seen", program)
		}
	}
	for _, secret := range secrets {
		if strings.Contains(said, secret) {
			t.Fatal("a password is in an argument or a variable of a program")
		}
	}
}
