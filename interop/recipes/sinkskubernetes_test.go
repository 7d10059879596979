package recipes

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
	"time"
)

// externalSecrets has the schema of its manifests.
const externalSecrets = "github.com/external-secrets/external-secrets@v1.3.2"

// The users of the API server.
const (
	kubeAdmin = "kubernetes-admin-of-the-tests-00001"
	kubeUser  = "kubernetes-user-of-the-tests-000001"
)

// The rights of the user: those that kubernetes-put.sh says it needs, or to read alone.
const (
	kubeWrites = kubeReads + `  - {apiGroups: [""], resources: [secrets], resourceNames: [acr], verbs: [patch]}
  - {apiGroups: [""], resources: [secrets], verbs: [create]}
`
	kubeReads = `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: acr, namespace: default}
rules:
  - {apiGroups: [""], resources: [secrets], resourceNames: [acr], verbs: [get]}
`
)

const kubeBinding = `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: acr, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: acr}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: rotator}]
`

// startKubernetes starts etcd and the API server, behind the cloud's proxy.
func startKubernetes(t *testing.T, w *world) *store {
	t.Helper()
	dir := t.TempDir()
	etcd, peer := "http://"+freeAddr(t), "http://"+freeAddr(t)
	background(t, "etcd", "--data-dir", filepath.Join(dir, "etcd"), "--listen-client-urls", etcd,
		"--advertise-client-urls", etcd, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
		"--initial-cluster", "default="+peer, "--unsafe-no-fsync", "--log-level", "error")
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, data []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	keyFile := write("key.pem", pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY",
		Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	users := write("users.csv", []byte(kubeAdmin+",admin,1,system:masters\n"+kubeUser+",rotator,2\n"))
	addr := freeAddr(t)
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	background(t, "kube-apiserver", "--etcd-servers", etcd, "--bind-address", "127.0.0.1", "--secure-port", port,
		"--advertise-address", "127.0.0.1", "--cert-dir", dir, "--service-account-issuer",
		"https://kubernetes.example", "--service-account-key-file", keyFile, "--service-account-signing-key-file",
		keyFile, "--token-auth-file", users, "--authorization-mode", "RBAC", "--service-cluster-ip-range",
		"10.0.0.0/24", "--endpoint-reconciler-type", "none", "--disable-admission-plugins", "ServiceAccount")
	to := &url.URL{Scheme: "https", Host: addr}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	// The API server made its own certificate in a folder of the test.
	proxy.Transport = insecure()
	w.cloud.put("kubernetes.example", proxy)

	config := func(name, token string) []string {
		text, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "Config", "current-context": "c",
			"clusters": []any{map[string]any{"name": "c", "cluster": map[string]any{
				"server": "https://kubernetes.example", "certificate-authority": filepath.Join(w.dir, "ca.pem")}}},
			"users":    []any{map[string]any{"name": "u", "user": map[string]any{"token": token}}},
			"contexts": []any{map[string]any{"name": "c", "context": map[string]any{"cluster": "c", "user": "u"}}}})
		if err != nil {
			t.Fatal(err)
		}
		return []string{"KUBECONFIG=" + write(name, text)}
	}
	admin, user := config("admin.json", kubeAdmin), config("user.json", kubeUser)
	await(t, func() (string, bool) {
		out, err := w.try(t, admin, "", "kubectl", "get", "--raw", "/readyz")
		return out, err == nil
	})
	w.must(t, admin, kubeBinding, "kubectl", "apply", "-f", "-")
	st := &store{env: user, says: `Error from server \(Forbidden\)`,
		more: func(t *testing.T) { w.externalSecret(t, admin) },
		held: func(t *testing.T) string { return w.pullSecret(t, admin) },
		deny: func(t *testing.T, on bool) {
			role, want := kubeWrites, "yes"
			if on {
				role, want = kubeReads, "no"
			}
			w.must(t, admin, role, "kubectl", "apply", "-f", "-")
			await(t, func() (string, bool) {
				out, _ := w.try(t, user, "", "kubectl", "auth", "can-i", "patch", "secrets/acr") // "no" fails
				return out, strings.HasPrefix(out, want)
			})
		}}
	st.deny(t, false)
	return st
}

// pullSecret pulls with the secret, as a container runtime does, and returns the password.
func (w *world) pullSecret(t *testing.T, admin []string) string {
	t.Helper()
	var secret struct {
		Type     string
		Metadata struct{ Annotations map[string]string }
		Data     map[string][]byte
	}
	text := w.must(t, admin, "", "kubectl", "get", "secret", "acr", "-o", "json")
	if err := json.Unmarshal([]byte(text), &secret); err != nil {
		t.Fatal(err)
	}
	if secret.Type != "kubernetes.io/dockerconfigjson" || len(secret.Metadata.Annotations) > 0 {
		t.Errorf("the secret has the type %s and %d annotations", secret.Type, len(secret.Metadata.Annotations))
	}
	return w.pullWith(t, secret.Data[".dockerconfigjson"])
}

// pullWith pulls with a configuration of Docker's, and returns its password.
func (w *world) pullWith(t *testing.T, config []byte) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	w.must(t, []string{"DOCKER_CONFIG=" + dir}, "", "crane", "manifest", w.reg.Host()+"/samples/app:v1")
	var docker struct {
		Auths map[string]struct {
			Auth               []byte
			Username, Password string
		}
	}
	if err := json.Unmarshal(config, &docker); err != nil {
		t.Fatal(err)
	}
	login := docker.Auths[w.reg.Host()]
	name, password, _ := strings.Cut(string(login.Auth), ":")
	if name != tokenName && login.Username != tokenName {
		t.Errorf("it is the login of %q", name+login.Username)
	}
	return password + login.Password
}

// externalSecret has the API server read the manifest by the schema that External Secrets
// publishes, and pulls with what its template makes.
func (w *world) externalSecret(t *testing.T, admin []string) {
	var module struct{ Dir string }
	if err := json.Unmarshal([]byte(run(t, t.TempDir(), nil, "go", "mod", "download", "-json", externalSecrets)),
		&module); err != nil {
		t.Fatal(err)
	}
	w.must(t, admin, "", "kubectl", "apply", "--server-side", "-f",
		filepath.Join(module.Dir, "config", "crds", "bases", "external-secrets.io_externalsecrets.yaml"))
	w.must(t, admin, "", "kubectl", "wait", "--for", "condition=established", "--timeout", "60s",
		"crd/externalsecrets.external-secrets.io")
	manifest := string(readFile(t, "external-secret.yaml"))
	w.must(t, admin, manifest, "kubectl", "apply", "--dry-run=server", "--validate=strict", "-f", "-")
	for _, wrong := range []string{"remoteRef: {key", "secretStoreRef: {kind"} {
		with := strings.Replace(manifest, wrong, strings.Replace(wrong, "{k", "{no: 1, k", 1), 1)
		out, err := w.try(t, admin, with, "kubectl", "apply", "--dry-run=server", "--validate=strict", "-f", "-")
		if err == nil || !strings.Contains(out, `unknown field`) {
			t.Errorf("a field that there is not: %v\n%s", err, out)
		}
	}
	type document struct {
		Spec struct {
			Target struct {
				Template struct{ Data map[string]string }
			}
		}
	}
	text := readYAML[document](t, "external-secret.yaml").Spec.Target.Template.Data[".dockerconfigjson"]
	made, err := template.New("").Option("missingkey=error").Parse(strings.ReplaceAll(text, "myregistry.azurecr.io",
		w.reg.Host()))
	if err != nil {
		t.Fatal(err)
	}
	token := w.reg.Token(tokenName, "repositories/samples/app/content/read")
	var config bytes.Buffer
	if err := made.Execute(&config, map[string]string{"password": token.Password1}); err != nil {
		t.Fatal(err)
	}
	if got := w.pullWith(t, config.Bytes()); got != token.Password1 {
		t.Errorf("the template makes %q of the password", got)
	}
}

func insecure() *http.Transport {
	return &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
}

// freeAddr returns a loopback address that was free a moment ago.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// background runs a program until the test ends; its output is shown if the test fails.
func background(t *testing.T, words ...string) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if text := out.String(); t.Failed() {
			t.Logf("%s:\n%s", words[0], text[max(0, len(text)-8000):])
		}
	})
}

// await asks until it is so.
func await(t *testing.T, so func() (string, bool)) {
	t.Helper()
	for end := time.Now().Add(stepTime); ; time.Sleep(200 * time.Millisecond) {
		said, ok := so()
		if ok {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("it has not come to it: %s", said)
		}
	}
}
