package emulator

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
)

// TestStartVariables: a variable holds where its flag is not given.
func TestStartVariables(t *testing.T) {
	all := map[string]string{"HOME": "/home/u", envSeed: "registries: [{name: myregistry}]", envAddr: "127.0.0.1:1",
		envHostnames: "a, b",
		envCACert:    "c", envCAKey: "k", envAccessLog: "true"}
	for _, x := range []struct {
		env  map[string]string
		line string
		want StartOptions
	}{
		{all, "--data d", StartOptions{Addr: "127.0.0.1:1", DataDir: "d", SeedText: all[envSeed],
			Hostnames: []string{"a", "b"},
			CACert:    "c", CAKey: "k", AccessLog: true}},
		{all, "--data d --seed s --addr 127.0.0.1:2 --hostname e --ca-cert f --ca-key g --access-log=false",
			StartOptions{Addr: "127.0.0.1:2", DataDir: "d", SeedFile: "s", Hostnames: []string{"e"},
				CACert: "f", CAKey: "g"}},
		{map[string]string{envSeed: "/run/seed.yaml"}, "--data d --seed-mode merge",
			StartOptions{Addr: defaultAddr, DataDir: "d", SeedFile: "/run/seed.yaml", SeedMode: "merge"}},
		{all, "--data d -- env -i", StartOptions{Addr: "127.0.0.1:0", DataDir: "d", SeedText: all[envSeed],
			Hostnames: []string{"a", "b"},
			CACert:    "c", CAKey: "k", AccessLog: true, Command: []string{"env", "-i"}}},
	} {
		var got StartOptions
		cmd := NewCmdStart(clitest.Factory(x.env), func(_ context.Context, opts *StartOptions) error {
			got = *opts
			return nil
		})
		if err := clitest.Execute(t, cmd, x.line); err != nil {
			t.Errorf("%s: %v", x.line, err)
		}
		got.IO, got.Now, got.Environ, got.Given = nil, nil, nil, ""
		if diff := cmp.Diff(x.want, got); diff != "" {
			t.Errorf("%s: %s", x.line, diff)
		}
	}
	for words, env := range map[string]map[string]string{
		"other machines":   {envAddr: "0.0.0.0:5443"},
		"need each other":  {envCACert: "c"},
		"neither true nor": {envAccessLog: "yes please"},
		"cannot be read": {
			envSeed: "registries: [{name: myregistry, tokens: [{name: ci-pull, scopeMap: _repositories_pull, " +
				"passwords: [{name: password1, valueFrom: {file: /not/there}}]}]}]"},
		"read the seed in ACRK": {envSeed: "registries: {}"},
		"no such file":          {envSeed: "/not/there.yaml"},
	} {
		clitest.WrongUsage(t, NewCmdStart(clitest.Factory(env), nil), "--memory", words)
	}
}

func TestIsSeedText(t *testing.T) {
	for value, want := range map[string]bool{
		"registries: []": true, "{registries: []}": true, "# seed\nregistries:": true, "---": true, "a\nb": true,
		"registries:": true,
		"seed.yaml":   false, "/run/seed": false, `C:\seed.yaml`: false, "": false,
	} {
		if got := isSeedText(value); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
}

// TestAccessLog: a line for each request, without its query, and bounded.
func TestAccessLog(t *testing.T) {
	s, _, out, errOut := iostreams.Test()
	opts := &StartOptions{IO: s}
	if opts.observe() != nil {
		t.Error("it is on by itself")
	}
	opts.AccessLog = true
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://acr:5443/v2/a/blobs/x?sig=top-secret",
		nil)
	r.Header.Set("Authorization", "Basic top-secret")
	opts.observe()(r, 401)
	if got := out.String(); strings.Contains(got, "top-secret") ||
		!strings.Contains(got, `method=GET host=acr:5443 path=/v2/a/blobs/x?[redacted] status=401`) {
		t.Error(got)
	}
	out.Reset()
	r.Host = "ci-pull:top-secret@acr:5443" // net/http takes it
	opts.observe()(r, 404)
	if got := out.String(); strings.Contains(got, "top-secret") || !strings.Contains(got, "host=[redacted]@acr:5443 ") {
		t.Error(got)
	}
	for n, cut := range map[int]bool{512: false, 513: true} {
		out.Reset()
		r.URL.Path, r.URL.RawQuery = "/"+strings.Repeat("a", n-1), ""
		opts.observe()(r, 200)
		if strings.Contains(out.String(), "…") != cut {
			t.Errorf("%d: %s", n, out)
		}
	}
	opts.Command = []string{"x"}
	opts.observe()(r, 200)
	if errOut.Len() == 0 {
		t.Error("under a command, the log is not on standard error")
	}
}
