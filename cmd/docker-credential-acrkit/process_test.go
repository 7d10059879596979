package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
)

// program builds the helper, once, as it is shipped.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "acrkit-helper-*")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "docker-credential-acrkit")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := program(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// node is what the helper's processes share.
type node struct {
	t    *testing.T
	path string
	env  []string
}

// newNode returns the environment of a machine that signs in to a registry with a
// service principal.
func newNode(t *testing.T, r *acrtest.Registry, more map[string]string) *node {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	sp := r.ServicePrincipal("AcrPull")
	env := map[string]string{
		"HOME": t.TempDir(), "ACRKIT_KEYRING": "off", "ACRKIT_REGISTRIES": r.Host(), "SSL_CERT_FILE": r.CAFile(),
		"ACR_NAME": r.Host(), "AZURE_TENANT_ID": sp.TenantID, "AZURE_CLIENT_ID": sp.ClientID,
		"AZURE_CLIENT_SECRET": sp.ClientSecret, "AZURE_AUTHORITY_HOST": r.AuthorityHost(),
	}
	maps.Copy(env, more)
	n := &node{t: t, path: path}
	for name, value := range env {
		n.env = append(n.env, name+"="+value)
	}
	return n
}

func (n *node) run(action, in string) (out, errOut string, err error) {
	cmd := exec.CommandContext(n.t.Context(), n.path, action)
	cmd.Env = n.env
	cmd.Stdin = strings.NewReader(in)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err = cmd.Run()
	return o.String(), e.String(), err
}

type login struct{ Username, Secret string }

func (n *node) get(host string) (login, error) {
	out, errOut, err := n.run("get", host)
	var l login
	if err == nil {
		err = json.Unmarshal([]byte(out), &l)
	}
	if err != nil {
		err = fmt.Errorf("%w: %q, %q", err, out, errOut)
	}
	return l, err
}

// crowd is how many processes a build tool may start at once.
const crowd = 50

// A build asks from many processes at once, and nothing is there yet: each asks
// Entra and the registry once at most, and each has an answer that is accepted.
func TestManyProcesses_get(t *testing.T) {
	r := acrtest.NewRegistry(t, nil)
	r.Push("samples/app", "v1")
	n := newNode(t, r, nil)
	var all sync.WaitGroup
	logins := make([]login, crowd)
	for i := range logins {
		all.Go(func() {
			var err error
			if logins[i], err = n.get(r.Host()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	requests := r.Requests()
	if exchanges := requests.Count("POST", "/oauth2/exchange"); exchanges < 1 || exchanges > crowd {
		t.Errorf("%d exchanges for %d processes", exchanges, crowd)
	}
	if tokens := requests.Count("POST", "/"+acrtest.TenantID+"/oauth2/v2.0/token"); tokens < 1 || tokens > crowd {
		t.Errorf("%d tokens of Entra for %d processes", tokens, crowd)
	}
	t.Logf("%d requests for %d processes", len(requests), crowd)
	for _, l := range logins {
		if l.Username != "00000000-0000-0000-0000-000000000000" || len(l.Secret) > 2560 {
			t.Fatalf("user %q, a secret of %d bytes", l.Username, len(l.Secret))
		}
	}
	scope := acrkit.RepositoryScope("samples/app", acrkit.ContentRead)
	token, err := r.Transport(auth.RefreshToken(logins[crowd-1].Secret)).Token(t.Context(), scope)
	if err != nil || token.Granted == nil || !token.Granted.Contains(scope) {
		t.Errorf("the last answer opens nothing: %v", err)
	}
}

// Many log in and out at once, with others reading: the store is whole at each
// moment, and at the end.
func TestManyProcesses_store(t *testing.T) {
	r := acrtest.NewRegistry(t, nil)
	n := newNode(t, r, map[string]string{"ACR_NAME": ""})
	var all sync.WaitGroup
	for i := range crowd {
		all.Go(func() {
			var out, errOut string
			var err error
			switch i % 5 {
			case 0:
				out, errOut, err = n.run("erase", r.Host())
			case 1:
				out, errOut, err = n.run("get", r.Host())
				if strings.TrimSpace(out) == "credentials not found in native keychain" {
					err = nil
				}
			case 2:
				out, errOut, err = n.run("list", "")
			default:
				out, errOut, err = n.run("store",
					fmt.Sprintf(`{"ServerURL":%q,"Username":"user-%d","Secret":"secret-of-user-%d"}`, r.Host(), i, i))
			}
			if err != nil {
				t.Errorf("%d: %v: %q, %q", i, err, out, errOut)
			}
		})
	}
	all.Wait()
	if _, errOut, err := n.run("store", fmt.Sprintf(`{"ServerURL":%q,"Username":"last","Secret":"secret-of-last"}`,
		r.Host())); err != nil {
		t.Fatalf("%v: %q", err, errOut)
	}
	if l, err := n.get(r.Host()); err != nil || l != (login{"last", "secret-of-last"}) {
		t.Errorf("%+v, %v", l, err)
	}
}

// The registry's clock and the machine's are hours apart: what the kubelet may
// keep is counted from the answer, by neither alone.
func TestClocksApart(t *testing.T) {
	for _, apart := range []time.Duration{2 * time.Hour, -2 * time.Hour} {
		t.Run(apart.String(), func(t *testing.T) {
			r := acrtest.NewRegistry(t, &acrtest.Options{Now: func() time.Time { return time.Now().Add(apart) }})
			n := newNode(t, r, nil)
			out, errOut, err := n.run("kubelet",
				fmt.Sprintf(
					`{"kind":"CredentialProviderRequest","apiVersion":"credentialprovider.kubelet.k8s.io/v1","image":"%s/samples/app:v1"}`, r.Host()))
			if err != nil {
				t.Fatalf("%v: %q, %q", err, out, errOut)
			}
			var resp struct {
				CacheDuration string
				Auth          map[string]login
			}
			if err := json.Unmarshal([]byte(out), &resp); err != nil {
				t.Fatal(err)
			}
			d, err := time.ParseDuration(resp.CacheDuration)
			if err != nil || d < 2*time.Hour+45*time.Minute || d > 2*time.Hour+50*time.Minute || len(resp.Auth) != 1 {
				t.Errorf("cacheDuration %s, %v", resp.CacheDuration, err)
			}
		})
	}
}
