package rotate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
)

type counter = atomic.Int64

// puller is a client that pulls one image without a pause.
type puller struct {
	kind string
	// cred is called for each login.
	cred func(ahead time.Duration) (auth.Credential, error)
	// each says that every pull logs in, as a container runtime does for a kubelet.
	each           bool
	pulls, retries counter
}

// pullOn pulls until the test ends.
func (p *puller) pullOn(l *load) {
	url := l.reg.URL() + "/v2/samples/app/manifests/v1"
	var client *http.Client
	for login := int64(-1); l.ctx.Err() == nil; p.pulls.Add(1) {
		now := l.logins.Load()
		if p.each || now != login {
			cred, err := p.cred(time.Until(l.reg.Clock().Now()))
			if err != nil {
				l.lost(p, err)
				return
			}
			login, client = now, &http.Client{Transport: l.reg.Transport(cred)}
		}
		if err := p.pull(l.ctx, client, url); err != nil {
			l.lost(p, err)
			return
		}
	}
}

// lost fails the test for a pull that failed.
func (l *load) lost(p *puller, err error) {
	if l.ctx.Err() != nil {
		return
	}
	l.t.Errorf("a client with %s: pull %d failed: %v", p.kind, p.pulls.Load(), err)
	l.fail(err)
}

// pull reads a manifest. Only what a client tries again is tried again.
func (p *puller) pull(ctx context.Context, client *http.Client, url string) error {
	for try := 1; ; try++ {
		err := pullOnce(ctx, client, url)
		again := errors.Is(err, acrkit.CodeUnavailable) || errors.Is(err, acrkit.CodeThrottled)
		if err == nil || !again || try == 100 {
			return err
		}
		p.retries.Add(1)
		time.Sleep(20 * time.Millisecond) // it does not wait for something
	}
}

func pullOnce(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/vnd.oci.image.manifest.v1+json")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		return acrkit.CodeThrottled
	case resp.StatusCode >= http.StatusInternalServerError:
		return acrkit.CodeUnavailable
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return err
}

// fixedClient has the current password and the one before as fixed values.
func (tm *team) fixedClient() *puller {
	return &puller{kind: "two fixed passwords", cred: func(time.Duration) (auth.Credential, error) {
		return *tm.fixed.Load(), nil
	}}
}

// watchingClient reads the sink's file when it logs in, and when its password is refused.
func (tm *team) watchingClient() *puller {
	return &puller{kind: "a watched file", cred: func(time.Duration) (auth.Credential, error) {
		return auth.ScopedTokenSource(tm.token.Name, auth.SecretFile(tm.path)), nil
	}}
}

// deploy gives the clients with fixed passwords the current one, and keeps the one before.
func (tm *team) deploy() error {
	data, err := os.ReadFile(tm.path)
	if err != nil {
		return err
	}
	if text := string(data); tm.fixed.Load() == nil {
		tm.set(text, tm.token.Password2)
	} else if text != tm.deployed {
		tm.set(text, tm.deployed)
	}
	return nil
}

func (tm *team) set(now, before string) {
	cred := auth.ScopedTokenPair(tm.token.Name, now, before)
	tm.deployed = now
	tm.fixed.Store(&cred)
}

// node is a process with the kubelet's code, which runs acrkit's credential provider.
type node struct {
	image string
	rpc   *rpc.Client
}

// buildProvider builds acrkit's credential provider as it is shipped.
func buildProvider(t *testing.T) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "acrkit-credential-provider")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../cmd/docker-credential-acrkit")
	build.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// startNode starts a kubelet whose credential provider reads the team's file.
func startNode(t *testing.T, reg *acrtest.Registry, tm *team, program string) *node {
	t.Helper()
	dir, errOut := t.TempDir(), &bytes.Buffer{}
	config := filepath.Join(dir, "credential-provider.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, `
apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
  - name: %s
    apiVersion: credentialprovider.kubelet.k8s.io/v1
    matchImages: [%q]
    defaultCacheDuration: "0s"
    env:
      - {name: ACR_NAME, value: %q}
      - {name: ACRKIT_REGISTRIES, value: %q}
      - {name: ACR_TOKEN_NAME, value: %q}
      - {name: ACR_TOKEN_PASSWORD_FILE, value: %q}
      - {name: ACRKIT_KEYRING, value: "off"}
      - {name: HOME, value: %q}
`, filepath.Base(program), reg.Host(), reg.Host(), reg.Host(), tm.token.Name, tm.path, dir), 0o600); err != nil {
		t.Fatal(err)
	}
	// It ends when its input does, after the test.
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), *kubelet, config, filepath.Dir(program))
	cmd.Stderr = errOut
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n := &node{image: reg.Host() + "/samples/app", rpc: jsonrpc.NewClient(pipes{out, in})}
	t.Cleanup(func() {
		_ = n.rpc.Close()
		defer time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() }).Stop()
		if err := cmd.Wait(); err != nil || errOut.Len() > 0 {
			t.Errorf("the kubelet of %s: %v: %s", tm.token.Name, err, errOut)
		}
	})
	return n
}

// pipes are the standard output and input of a program.
type pipes struct {
	io.Reader
	io.WriteCloser
}

// client is a pod of the node.
func (n *node) client() *puller {
	return &puller{kind: "a kubelet", each: true, cred: func(ahead time.Duration) (auth.Credential, error) {
		var logins []struct{ Username, Password string }
		err := n.rpc.Call("Node.Lookup", struct {
			Image string
			Ahead time.Duration
		}{n.image, ahead}, &logins)
		if err != nil || len(logins) != 1 {
			return nil, fmt.Errorf("the kubelet has %d logins: %w", len(logins), err)
		}
		return auth.ScopedToken(logins[0].Username, logins[0].Password), nil
	}}
}
