package demo

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
)

// out is a writer that a test may read while the command writes.
type out struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *out) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *out) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

func TestDemo(t *testing.T) {
	// An unreachable proxy, as many environments name.
	for _, name := range []string{"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"} {
		t.Setenv(name, "http://127.0.0.1:1")
	}
	// Credentials of the machine's own, which are none of the demonstration's.
	t.Setenv("AZURE_CLIENT_SECRET", "not-for-the-demo")
	t.Setenv("AZURE_AUTHORITY_HOST", "https://login.example/")
	io, _, stdout, stderr := iostreams.Test()
	if err := run(t.Context(), &Options{IO: io}); err != nil {
		t.Fatalf("%v\n%s", err, stdout)
	}
	text := stdout.String()
	for _, want := range []string{
		"POST   /oauth2/token               → 200  asked and granted repository:samples/web:metadata_read\n" +
			"     GET    /acr/v1/samples%2Fweb/_tags → 200\n   tags: latest, v1\n",
		"GET    /acr/v1/_catalog → 401  insufficient_scope, required registry:catalog:*\n",
		"   missing:     metadata/read on the root pattern *",
		"PUT    /v2/samples%2Fweb/manifests/v2 → 401  insufficient_scope, required repository:samples/web:pull,push\n",
		"   missing:     content/write on samples/web\n",
		"asked repository:samples/web:pull,push, granted repository:samples/web:pull\n",
		"/.well-known/openid-configuration",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the output lacks %q", want)
		}
	}
	if n := strings.Count(text, "repositories: samples/web, samples/worker\n"); n != 2 {
		t.Errorf("the repositories are listed %d times, want 2", n)
	}
	if strings.Contains(text, "\x1b") || stderr.Len() > 0 {
		t.Errorf("colour in a pipe, or something on standard error: %q", stderr)
	}
	for line := range strings.Lines(text) {
		if strings.TrimRight(line, " \n") != strings.TrimSuffix(line, "\n") {
			t.Errorf("white space at the end of %q", line)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestDemo_keep(t *testing.T) {
	t.Parallel()
	stdout := &out{}
	io := &iostreams.IOStreams{Out: stdout, ErrOut: stdout}
	ctx, interrupt := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() { done <- run(ctx, &Options{IO: io, Keep: true}) }()
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(stdout.String(), "Ctrl-C"); {
		select {
		case err := <-done:
			t.Fatalf("ended by itself: %v\n%s", err, stdout)
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("not ready:\n%s", stdout)
		}
	}
	env := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^   export (\w+)=(.*)$`).FindAllStringSubmatch(stdout.String(), -1) {
		env[m[1]] = strings.Join(clitest.Split(m[2]), "")
	}
	for _, name := range []string{"SSL_CERT_FILE", "ACR_NAME", "ACR_TOKEN_NAME", "ACR_TOKEN_PASSWORD"} {
		if env[name] == "" {
			t.Errorf("%s is not printed", name)
		}
	}
	if _, err := os.Stat(env["SSL_CERT_FILE"]); err != nil {
		t.Error(err)
	}
	// HTTP and TLS share the port, so that this needs no certificate.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+
		strings.Replace(env["ACR_NAME"], "localhost", "127.0.0.1", 1)+"/v2/", nil)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("the registry answers %s", resp.Status)
	}
	tr.CloseIdleConnections()

	interrupt(cmdutil.ErrInterrupted)
	if err := <-done; err != nil {
		t.Errorf("ended with %v; being interrupted is how it ends", err)
	}
	if _, err := os.Stat(env["SSL_CERT_FILE"]); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the certificate is left behind: %v", err)
	}
}

func TestDemo_interrupted(t *testing.T) {
	t.Parallel()
	io, _, _, _ := iostreams.Test()
	ctx, interrupt := context.WithCancelCause(t.Context())
	interrupt(cmdutil.ErrInterrupted)
	if err := run(ctx, &Options{IO: io}); err == nil {
		t.Error("an interrupted run is no success")
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestDemo_output_fails(t *testing.T) {
	t.Parallel()
	err := run(t.Context(), &Options{IO: &iostreams.IOStreams{Out: brokenPipe{}, ErrOut: brokenPipe{}}})
	if err == nil || !strings.Contains(err.Error(), "broken pipe") {
		t.Errorf("got %v", err)
	}
}

// TestSteps_must turns each step's registry into one that answers otherwise than it
// must, and sees the run fail.
func TestSteps_must(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		prepare func(context.Context, *stage) error
		step    int
	}{
		{"no role to push", func(ctx context.Context, s *stage) error {
			return s.registry.RemoveRoles(ctx, clientID)
		}, 0},
		{"catalog not refused", func(ctx context.Context, s *stage) error {
			return s.exchangeScopeMap(ctx, "_repositories_pull_metadata_read")
		}, 4},
		{"push not refused for a missing right", func(ctx context.Context, s *stage) error {
			return s.registry.SetTokenStatus(ctx, pullToken, false)
		}, 5},
		{"no right to list", func(ctx context.Context, s *stage) error {
			_, err := s.token(ctx, browseToken, "_repositories_push")
			return err
		}, 6},
		{"principal without a role", func(ctx context.Context, s *stage) error {
			return s.registry.RemoveRoles(ctx, clientID)
		}, 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			io, _, _, _ := iostreams.Test()
			s, err := newStage(t.Context(), io)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := s.close(); err != nil {
					t.Error(err)
				}
			}()
			for i, step := range s.steps() {
				if i == c.step {
					if err := c.prepare(t.Context(), s); err != nil {
						t.Fatal(err)
					}
				}
				_, err := step.do(t.Context())
				if i == c.step {
					if err == nil {
						t.Errorf("step %d, %s, went well", i+1, step.title)
					}
					return
				}
				if err != nil {
					t.Fatalf("step %d: %v", i+1, err)
				}
			}
		})
	}
}

// exchangeScopeMap gives the token of step 3 another scope map.
func (s *stage) exchangeScopeMap(ctx context.Context, scopeMap string) error {
	_, err := s.token(ctx, pullToken, scopeMap)
	return err
}

func TestExchanges(t *testing.T) {
	t.Parallel()
	io, _, stdout, _ := iostreams.Test()
	p := &printer{io: io}
	digest := "sha256:" + strings.Repeat("0a", 32)
	p.exchanges([]exchange{
		{method: "HEAD", path: "/v2/a/blobs/" + digest, status: 404, times: 1},
		{method: "HEAD", path: "/v2/a/blobs/" + strings.Replace(digest, "0a", "0b", 1), status: 404, times: 1},
		{method: "DELETE", path: "/v2/a/blobs/uploads/0d5a9d35-0c36", status: 202, times: 1},
		{method: "GET", path: "/v2/", times: 1},
		{method: "GET", path: "/v2/\x1b[31m", status: 401, note: "required x", refused: true, times: 1},
	})
	want := "     HEAD   /v2/a/blobs/sha256:… → 404  ×2\n" +
		"     DELETE /v2/a/blobs/uploads/… → 202\n" +
		"     GET    /v2/                  → no answer\n" +
		"     GET    /v2/\uFFFD[31m             → 401  required x\n"
	want = strings.Replace(want, "sha256:… →", "sha256:…  →", 1)
	if diff := cmp.Diff(want, stdout.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestGrantNote(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ asked, claims, want string }{
		{"registry:catalog:*", `{"access":[]}`, "asked registry:catalog:*, granted nothing"},
		{"registry:catalog:*", `{}`, "asked registry:catalog:*"},
		{"repository:a:pull", `{"access":[{"type":"repository","name":"a","actions":["pull"]}]}`,
			"asked and granted repository:a:pull"},
		{"repository:a:pull,push", `{"access":[{"type":"repository","name":"a","actions":["pull"]}]}`,
			"asked repository:a:pull,push, granted repository:a:pull"},
		// The order of the actions says nothing.
		{"repository:a:push,pull", `{"access":[{"type":"repository","name":"a","actions":["pull","push"]}]}`,
			"asked and granted repository:a:pull,push"},
	} {
		got, _ := grantNote(c.asked, fmt.Appendf(nil, `{"access_token":"e30.%s.c2ln"}`, b64(c.claims)))
		if got != c.want {
			t.Errorf("asked %q, claims %s: %q, want %q", c.asked, c.claims, got, c.want)
		}
	}
	if got, _ := grantNote("x", []byte("no JSON")); got != "" {
		t.Errorf("no JSON: %q", got)
	}
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func TestNewCmdDemo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args string
		keep bool
		ok   bool
	}{{"", false, true}, {"--keep", true, true}, {"extra", false, false}} {
		io, _, _, _ := iostreams.Test()
		ran := false
		cmd := NewCmdDemo(&cmdutil.Factory{IO: io}, func(_ context.Context, o *Options) error {
			ran = true
			c.keep = c.keep == o.Keep
			return nil
		})
		cmd.SetArgs(strings.Fields(c.args))
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		if err := cmd.ExecuteContext(t.Context()); (err == nil) != c.ok || ran != c.ok || c.ok && !c.keep {
			t.Errorf("%q: ran %v, %v", c.args, ran, err)
		}
	}
}
