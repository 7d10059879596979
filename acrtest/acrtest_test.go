package acrtest_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
)

func names(t *testing.T, list func(func(string, error) bool)) []string {
	t.Helper()
	var out []string
	for name, err := range list {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, name)
	}
	return out
}

// TestNewRegistry_many runs registries side by side: each has its own port,
// content, tokens and logs.
func TestNewRegistry_many(t *testing.T) {
	t.Parallel()
	const n = 16
	var mu sync.Mutex
	hosts := map[string]bool{}
	for i := range n {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			r := acrtest.NewRegistry(t, nil)
			mu.Lock()
			if hosts[r.Host()] {
				t.Errorf("%s occurs twice", r.Host())
			}
			hosts[r.Host()] = true
			mu.Unlock()
			t.Cleanup(func() { // before the registry ends and the system gives its port to another
				mu.Lock()
				delete(hosts, r.Host())
				mu.Unlock()
			})
			repo := fmt.Sprintf("samples/app%d", i)
			img := r.Push(repo, "v1")
			token := r.TokenOf("browser", "_repositories_pull_metadata_read")
			if diff := cmp.Diff([]string{repo},
				names(t, r.Client(token.Credential()).Repositories(t.Context(), nil))); diff != "" {
				t.Errorf("repositories (-want +got):\n%s", diff)
			}
			d, err := r.OrasRepository(repo, token.Credential()).Resolve(t.Context(), "v1")
			if err != nil || d.Digest.String() != img.Digest {
				t.Errorf("v1 is %s, %v, want %s", d.Digest, err, img.Digest)
			}
			if denied := r.Denied(); len(denied) > 0 {
				t.Errorf("denied: %+v", denied)
			}
		})
	}
}

// TestNewRegistry_leaves_nothing starts and ends registries and counts goroutines.
// It does not run beside other tests, whose goroutines it would count.
func TestNewRegistry_leaves_nothing(t *testing.T) {
	settle := func() int {
		t.Helper()
		n := runtime.NumGoroutine()
		for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
			runtime.Gosched()
			runtime.GC()
			now := runtime.NumGoroutine()
			if now >= n {
				return now
			}
			n = now
		}
		return n
	}
	use := func(t *testing.T) {
		r := acrtest.NewRegistry(t, nil)
		r.Push("samples/app", "v1")
		token := r.Token("ci-app", "repositories/samples/app/metadata/read")
		if _, err := r.Client(token.Credential()).Repository(t.Context(), "samples/app"); err != nil {
			t.Error(err)
		}
		if _, err := r.AzureClient(token.Credential()).GetRepositoryProperties(t.Context(), "samples/app",
			nil); err != nil {
			t.Error(err)
		}
	}
	t.Run("first", use) // what starts once for the process
	before := settle()
	for i := range 3 {
		t.Run(fmt.Sprint(i), use)
	}
	// Connections end a moment after their server has.
	after := 0
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if after = settle(); after <= before {
			return
		}
	}
	buf := make([]byte, 1<<20)
	t.Errorf("%d goroutines before, %d after\n%s", before, after, buf[:runtime.Stack(buf, true)])
}

// TestHostnames: a client that tells ACR by its name finds the registry under it.
func TestHostnames(t *testing.T) {
	t.Parallel()
	const name = "myregistry.azurecr.io"
	r := acrtest.NewRegistry(t, &acrtest.Options{Hostnames: []string{name}})
	image := r.Push("samples/app", "v1")
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, r.Host())
	}
	base := &http.Transport{DialContext: dial,
		TLSClientConfig: &tls.Config{RootCAs: r.CAPool(), MinVersion: tls.VersionTLS12}}
	defer base.CloseIdleConnections()
	cred := r.Token("ci-pull", "repositories/samples/app/content/read").Credential()
	transport, err := auth.NewTransport(name, cred, &auth.Options{Base: base})
	if err != nil {
		t.Fatal(err)
	}
	defer transport.Close()
	blob := "https://" + name + "/v2/samples/app/blobs/" + image.Blobs[0]
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, blob, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Error(resp.Status)
	}
}

// failing is a testing.TB that records how it is failed instead of ending the test.
type failing struct {
	testing.TB
	mu      sync.Mutex
	helpers int
	fatal   string
}

func (f *failing) Helper() { f.mu.Lock(); defer f.mu.Unlock(); f.helpers++ }

func (f *failing) Fatalf(format string, a ...any) {
	f.mu.Lock()
	f.fatal = fmt.Sprintf(format, a...)
	f.mu.Unlock()
	runtime.Goexit()
}

func TestFailures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		do   func(*failing)
		want string
	}{
		{"seed", func(f *failing) {
			acrtest.NewRegistry(f, &acrtest.Options{Seed: &seed.Seed{Registries: []seed.Registry{{Name: "no"}}}})
		}, "acrtest: "},
		{"scope map", func(f *failing) {
			acrtest.NewRegistry(f, nil).ScopeMap("ci-map", "repositories/samples/*/teamA/content/read")
		}, `acrtest: scope map "ci-map": action 1: `},
		{"token", func(f *failing) {
			acrtest.NewRegistry(f, nil).TokenOf("ci-app", "no-such-map")
		}, `acrtest: token "ci-app": `},
		{"role", func(f *failing) {
			acrtest.NewRegistry(f, nil).ServicePrincipal("AcrJanitor")
		}, `acrtest: role "AcrJanitor": `},
		{"push", func(f *failing) {
			acrtest.NewRegistry(f, nil).Push("Samples/App", "v1")
		}, "acrtest: push Samples/App: "},
		{"platform", func(f *failing) {
			acrtest.NewRegistry(f, nil).PushIndex("samples/app", []string{"vax"}, "v1")
		}, "acrtest: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := &failing{TB: t}
			done := make(chan struct{})
			go func() { defer close(done); c.do(f) }()
			<-done
			if !strings.HasPrefix(f.fatal, c.want) || len(f.fatal) <= len(c.want) {
				t.Errorf("failed with %q, want it to begin with %q and say why", f.fatal, c.want)
			}
			if f.helpers == 0 {
				t.Error("Helper was not called")
			}
		})
	}
}

func TestRequestsAndDecisions(t *testing.T) {
	t.Parallel()
	r := acrtest.NewRegistry(t, nil)
	r.Push("samples/app", "v1")
	if log := r.Requests(); len(log) != 0 {
		t.Errorf("Push is in the request log: %v", log)
	}
	if log := r.Decisions(); len(log) != 0 {
		t.Errorf("Push is in the decision log: %+v", log)
	}
	token := r.Token("ci-pull", "repositories/samples/app/content/read")
	c := r.Client(token.Credential())
	_, err := c.Repository(t.Context(), "samples/app")
	if !errors.Is(err, acrkit.CodeInsufficientScope) {
		t.Fatalf("got %v", err)
	}
	want := []string{"POST /oauth2/token 200", "GET /acr/v1/samples%2Fapp 401"}
	got := r.Requests().Lines()
	for i := range got {
		got[i] = strings.Replace(got[i], "samples/app", "samples%2Fapp", 1) // either is right
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if n := r.Requests().Count("POST", "/oauth2/"); n != 1 {
		t.Errorf("%d token requests, want 1", n)
	}
	last := slices.IndexFunc(r.Denied(), func(d emulator.Decision) bool {
		return d.Principal == "ci-pull" && d.Kind == "scoped-token" && d.Method == http.MethodGet &&
			d.Missing == "repository:samples/app:metadata_read"
	})
	if last < 0 {
		t.Errorf("the refusal is not in the decision log: %+v", r.Denied())
	}
	r.ResetRequests()
	if log := r.Requests(); len(log) != 0 {
		t.Errorf("after a reset: %v", log)
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	r := acrtest.NewRegistry(t, nil)
	r.Push("samples/app", "v1")
	token := r.Token("ci-app", "repositories/samples/app/metadata/read")
	sp := r.ServicePrincipal("AcrPull")
	for name, cred := range map[string]auth.Credential{
		"first password":    token.Credential(),
		"second password":   auth.ScopedToken(token.Name, token.Password2),
		"service principal": sp.Credential(),
	} {
		if _, err := r.Client(cred).Repository(t.Context(), "samples/app"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.Client(auth.ScopedToken("ci-app", "wrong-password-0000")).Repository(t.Context(),
		"samples/app"); !errors.Is(err, acrkit.CodeCredentialRejected) {
		t.Errorf("a wrong password: %v", err)
	}
	if _, err := r.Client(nil).Repository(t.Context(), "samples/app"); err == nil {
		t.Error("an anonymous client was accepted")
	}
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s", token, token, token, token),
		fmt.Sprintf("%v %+v %#v %s", sp, sp, sp, sp)} {
		if strings.Contains(text, token.Password1) || strings.Contains(text, sp.ClientSecret) {
			t.Errorf("a secret is printed: %s", text)
		}
	}
}

func TestCAFile(t *testing.T) {
	t.Parallel()
	r := acrtest.NewRegistry(t, nil)
	name := r.CAFile()
	data, err := os.ReadFile(name)
	if err != nil || !strings.HasPrefix(string(data), "-----BEGIN CERTIFICATE-----") {
		t.Errorf("%s holds %q, %v", name, data, err)
	}
	if again := r.CAFile(); again != name {
		t.Errorf("a second file: %s", again)
	}
	// The names of the registry are all trusted and served.
	_, port, _ := strings.Cut(r.Host(), ":")
	for _, host := range []string{"localhost", "127.0.0.1", r.Name() + ".azurecr.localhost"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+host+":"+port+"/v2/", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := r.HTTPClient().Do(req)
		if err != nil {
			t.Errorf("%s: %v", host, err)
			continue
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %s", host, resp.Status)
		}
	}
}

func TestPush(t *testing.T) {
	t.Parallel()
	r := acrtest.NewRegistry(t, nil)
	token := r.TokenOf("browser", "_repositories_pull_metadata_read")
	c := r.Client(token.Credential())
	ctx := context.WithoutCancel(t.Context())
	index := r.PushIndex("samples/app", []string{"linux/amd64", "linux/arm64"}, "v1", "latest")
	if len(index.Manifests) != 2 || len(index.Blobs) != 4 {
		t.Errorf("index: %d manifests, %d blobs", len(index.Manifests), len(index.Blobs))
	}
	signature := r.PushArtifact(index, "application/vnd.example.signature")
	for _, digest := range append([]string{index.Digest, signature.Digest}, index.Manifests...) {
		if _, err := c.Manifest(ctx, "samples/app", digest); err != nil {
			t.Errorf("%s: %v", digest, err)
		}
	}
	var tags []string
	for tag, err := range c.Tags(ctx, "samples/app", nil) {
		if err != nil {
			t.Fatal(err)
		}
		tags = append(tags, tag.Name)
	}
	if diff := cmp.Diff([]string{"latest", "v1"}, tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if again := r.PushIndex("samples/app", []string{"linux/amd64", "linux/arm64"}, "v1",
		"latest"); again.Digest != index.Digest {
		t.Error("the same push made other bytes")
	}
}
