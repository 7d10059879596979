package proxy

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/child"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/mapfile"
	"github.com/acrkit/acrkit/internal/login/store"
	"github.com/acrkit/acrkit/internal/pki"
	"github.com/acrkit/acrkit/internal/redact"
)

func TestNewCmdProxy(t *testing.T) {
	for _, tc := range []struct {
		line, registry, addr string
		command              []string
	}{
		{"", "myregistry.azurecr.io", defaultAddr, nil},
		{"other", "other.azurecr.io", defaultAddr, nil},
		{"--addr 127.0.0.1:0", "myregistry.azurecr.io", "127.0.0.1:0", nil},
		{"--addr [::1]:1", "myregistry.azurecr.io", "[::1]:1", nil},
		{"--addr 0.0.0.0:1 --listen-beyond-loopback", "myregistry.azurecr.io", "0.0.0.0:1", nil},
		{"-- crane ls --all x", "myregistry.azurecr.io", "127.0.0.1:0", []string{"crane", "ls", "--all", "x"}},
		{"localhost:5443 -- make", "localhost:5443", "127.0.0.1:0", []string{"make"}},
		{"localhost:5443 --addr localhost:5 -- make", "localhost:5443", "localhost:5", []string{"make"}},
	} {
		var got *Options
		cmd := NewCmdProxy(clitest.Factory(map[string]string{"ACR_NAME": "myregistry"}),
			func(_ context.Context, opts *Options) error { got = opts; return nil })
		if err := clitest.Execute(t, cmd, tc.line); err != nil {
			t.Errorf("%q: %v", tc.line, err)
			continue
		}
		if got.Registry.Host() != tc.registry || got.Addr != tc.addr || !slices.Equal(got.Command, tc.command) {
			t.Errorf("%q: %+v", tc.line, got)
		}
	}
	for line, why := range map[string]string{
		"a b":                                   `"b" is another word`,
		"a --":                                  "no command follows --",
		"a --no-client-key --client-key-file x": "exclude each other",
		"a --no-client-key --listen-beyond-loopback --addr 0.0.0.0:1": "any client that reaches the proxy would " +
			"act as you",
		"a --http --listen-beyond-loopback --addr 0.0.0.0:1": "in clear",
		"a --managed-identity": "acrkit proxy --managed-identity " +
			"-- COMMAND",
		"a --managed-identity --no-client-key -- make":                           "exclude each other",
		"a --managed-identity --listen-beyond-loopback --addr 0.0.0.0:1 -- make": "the command on this machine",
		"a --json url -- make":          "the output is the command's",
		"a --scope-map - -- make":       "reads stdin",
		"a --addr 0.0.0.0:1":            "other machines may reach it",
		"a --addr example.com:1":        "other machines may reach it",
		"a --addr 5444":                 "is not HOST:PORT",
		"--json url,nothing myregistry": "nothing",
	} {
		clitest.WrongUsage(t, NewCmdProxy(clitest.Factory(nil), nil), line, why)
	}
}

func TestJSONFields(t *testing.T) {
	clitest.JSONFields(t, NewCmdProxy(clitest.Factory(nil), nil), readyFields...)
}

func scope(t *testing.T, text string) acrkit.Scope {
	t.Helper()
	s, err := acrkit.ParseScope(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func registryOf(t *testing.T) acrkit.Registry {
	t.Helper()
	reg, err := acrkit.ParseRegistry("myregistry")
	if err != nil {
		t.Fatal(err)
	}
	return reg
}

func TestRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "used.txt")
	if err := os.WriteFile(path, []byte("of an earlier run\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := newRecord(path, registryOf(t), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(path); string(data) != "of an earlier run\n" {
		t.Errorf("the file is changed before the end: %q", data)
	}
	for _, s := range []string{"repository:team/app:pull", "repository:team/app:pull,push", "repository:lib/base:pull",
		"repository:team/app:metadata_read", "repository:team/app:pull", "registry:catalog:*"} {
		r.add(scope(t, s))
	}
	var out bytes.Buffer
	if err := r.write(&out, false); err != nil {
		t.Fatal(err)
	}
	if want := "acrkit: recorded 5 rights in " + path + "\n"; out.String() != want {
		t.Errorf("said %q, want %q", out.String(), want)
	}
	want := []string{"repositories/*/metadata/read", "repositories/lib/base/content/read",
		"repositories/team/app/content/read", "repositories/team/app/content/write",
		"repositories/team/app/metadata/read"}
	m, err := mapfile.ReadOne(path, nil) // the recording is a scope map too
	if err != nil {
		t.Fatal(err)
	}
	got := m.Lines()
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if left, _ := filepath.Glob(path + ".tmp-*"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestRecord_twice: of two runs at once with one file, the second to end does not replace what the
// first has recorded.
func TestRecord_twice(t *testing.T) {
	for _, before := range []string{"", "of an earlier run\n"} {
		path := filepath.Join(t.TempDir(), "used.txt")
		if before != "" {
			if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var runs []*record
		for _, name := range []string{"a", "b"} {
			r, err := newRecord(path, registryOf(t), time.Now)
			if err != nil {
				t.Fatal(err)
			}
			r.add(scope(t, "repository:"+name+":pull"))
			runs = append(runs, r)
		}
		var out bytes.Buffer
		if err := runs[0].write(&out, false); err != nil || strings.Contains(out.String(), "repositories/") {
			t.Error(err, out.String())
		}
		err := runs[1].write(&out, false)
		if !strings.Contains(fmt.Sprint(err), "another run wrote it meanwhile") ||
			!strings.Contains(out.String(), "repositories/b/content/read") {
			t.Errorf("%v, %q", err, out.String())
		}
		if text, _ := os.ReadFile(path); !strings.Contains(string(text), "repositories/a/content/read") {
			t.Errorf("%q", text)
		}
	}
}

// TestRecord_nothing: a run that used no right replaces no file that has something.
func TestRecord_nothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "used.txt")
	const head = "# acrkit recording 1 of r.azurecr.io, from 2026-01-01T00:00:00Z to 2026-01-01T00:00:00Z\n"
	const none, kept = "has no line", "is kept as it was"
	for _, tt := range []struct{ before, says string }{
		{"", none},
		{"\n", none},
		{head, none},
		{head + "repositories/a/content/read\n", kept},
		{head + "repositories/a/content/read", kept},
		{"notes of someone", kept},
		{"# " + strings.Repeat("x", 10000) + "\n", kept},
	} {
		if err := os.WriteFile(path, []byte(tt.before), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := newRecord(path, registryOf(t), time.Now)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := r.write(&out, true); err != nil || !strings.Contains(out.String(), tt.says) {
			t.Errorf("%.50q: said %q, %v", tt.before, out.String(), err)
		}
		if after, err := os.ReadFile(path); err != nil || (string(after) == tt.before) != (tt.says == kept) {
			t.Errorf("%.50q: now %.50q, %v", tt.before, after, err)
		}
	}
}

// TestTraffic: each right that was refused is told once, with its number and up to a limit,
// and that nothing came only where the result depends on it.
func TestTraffic(t *testing.T) {
	report := func(traffic *traffic, counts, command bool) string {
		var out strings.Builder
		traffic.report(&out, counts, command)
		return out.String()
	}
	none := &traffic{}
	if said := report(none, false, true); said != "" {
		t.Errorf("said %q of nothing", said)
	}
	if said := report(none, true, true); !strings.Contains(said, "no request came through the proxy; the command must "+
		"use $ACRKIT_PROXY_HOST") {
		t.Errorf("said %q", said)
	}
	if said := report(none, true, false); said != "acrkit: no request came through the proxy\n" {
		t.Errorf("said %q", said)
	}
	some := &traffic{}
	some.requests.Add(1)
	if said := report(some, true, true); said != "" {
		t.Errorf("said %q of a request that was not refused", said)
	}
	some.refuse(scope(t, "repository:b:delete"))
	some.refuse(scope(t, "repository:b:delete,push registry:catalog:*"))
	want := "acrkit: the scope map refused the list of repositories (repositories/*/metadata/read) (1 request)\n" +
		"acrkit: the scope map refused content/delete on b (2 requests)\n" +
		"acrkit: the scope map refused content/write on b (1 request)\n"
	if diff := cmp.Diff(want, report(some, true, true)); diff != "" {
		t.Error(diff)
	}
	many := &traffic{}
	many.requests.Add(1)
	for i := range maxReported + 1 {
		many.refuse(scope(t, fmt.Sprintf("repository:r%04d:pull", i)))
	}
	said := report(many, true, true)
	if !strings.HasSuffix(said, "(1 request)\nacrkit: the scope map refused 1 more right\n") ||
		strings.Count(said, "\n") != maxReported+1 {
		t.Errorf("said %q", said)
	}
	for i := range 2 * maxRefused {
		many.refuse(scope(t, fmt.Sprintf("repository:r%04d:pull", i)))
	}
	said = report(many, true, true)
	if !strings.HasSuffix(said, fmt.Sprintf("\nacrkit: the scope map refused at least %d more rights\n",
		maxRefused-maxReported)) || len(many.refused) != maxRefused {
		t.Errorf("%d rights, said %q", len(many.refused), said)
	}
}

func TestRecord_nowhere(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "gone", "used.txt")} {
		if _, err := newRecord(path, registryOf(t), time.Now); acrkit.CodeOf(err) != acrkit.CodeUsage {
			t.Errorf("%s: %v", path, err)
		}
	}
	// The folder goes away while the proxy runs: what was learnt is not lost.
	gone := filepath.Join(dir, "soon-gone")
	if err := os.Mkdir(gone, 0o700); err != nil {
		t.Fatal(err)
	}
	r, err := newRecord(filepath.Join(gone, "used.txt"), registryOf(t), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	r.add(scope(t, "repository:a/b:pull"))
	if err := os.RemoveAll(gone); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := r.write(&out, false); err == nil || !strings.Contains(out.String(), "repositories/a/b/content/read") {
		t.Errorf("%v, %q", err, out.String())
	}
	silent, err := newRecord("", registryOf(t), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	silent.add(scope(t, "repository:a/b:pull"))
	if err := silent.write(&out, false); err != nil {
		t.Error(err)
	}
}

func TestClientKey(t *testing.T) {
	made := map[string]bool{}
	for range 3 {
		key, err := (&Options{}).clientKey()
		if err != nil || len(key.Reveal()) != 2*keyBytes || made[key.Reveal()] {
			t.Errorf("%d characters, %v", len(key.Reveal()), err)
		}
		made[key.Reveal()] = true
	}
	if key, err := (&Options{NoClientKey: true}).clientKey(); err != nil || !key.IsZero() {
		t.Errorf("%v", err)
	}
	for content, why := range map[string]string{
		"0123456789abcdef\n":       "",
		"0123456789abcdef\r\n":     "",
		"0123456789abcde\n":        "shorter than 16",
		"":                         "shorter than 16",
		"0123456789 abcdef":        "printable ASCII",
		"0123456789abcdef\nsecond": "printable ASCII",
		strings.Repeat("a", 1025):  "larger than the limit",
	} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		key, err := (&Options{ClientKeyFile: path}).clientKey()
		if why == "" {
			if err != nil || key.Reveal() != "0123456789abcdef" {
				t.Errorf("%q: %v", content, err)
			}
			continue
		}
		if acrkit.CodeOf(err) == "" || !strings.Contains(err.Error(), why) || content != "" &&
			strings.Contains(err.Error(), strings.TrimSpace(content)) {
			t.Errorf("%q: %v", content, err)
		}
	}
}

// TestEnvironment: the command has the proxy and what it trusts, and nothing of
// what acrkit itself is let in with.
func TestEnvironment(t *testing.T) {
	home := t.TempDir()
	system := filepath.Join(home, "system.pem")
	other, err := pki.Open("", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(system, other.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(home, "docker"), 0o700); err != nil {
		t.Fatal(err)
	}
	const upstreamSecret, otherLogin = "bXlyZWdpc3RyeQ==", "ZWxzZXdoZXJl"
	if err := os.WriteFile(filepath.Join(home, "docker", "config.json"),
		[]byte(`{"auths":{"myregistry.azurecr.io":{"auth":"`+upstreamSecret+`"},"ghcr.io":{"auth":"`+otherLogin+`"}}}`),
		0o600); err != nil {
		t.Fatal(err)
	}
	vars := map[string]string{"SSL_CERT_FILE": system, "NODE_EXTRA_CA_CERTS": system,
		"DOCKER_CONFIG": filepath.Join(home, "docker"), "NO_PROXY": "internal.example",
		"XDG_RUNTIME_DIR": home, "JAVA_TOOL_OPTIONS": "-Xmx1g", "ACR_TOKEN_PASSWORD": "upstream-password-1",
		"AZURE_CLIENT_SECRET": "upstream-secret-2", "AZURE_TENANT_ID": "t", "AZURE_TOKEN_CREDENTIALS": "dev",
		"PATH": "/bin"}
	lookup := func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
	opts := &Options{LookupEnv: lookup, Environ: func() []string {
		var env []string
		for name, value := range vars {
			env = append(env, name+"="+value)
		}
		return env
	}}
	if opts.Registry, err = acrkit.ParseRegistry("myregistry"); err != nil {
		t.Fatal(err)
	}
	dir, err := child.NewFolder(lookup)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dir.Remove() })
	ca, err := pki.Open("", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := dir.WriteFile("ca.pem", ca.PEM()); err != nil {
		t.Fatal(err)
	}
	r := ready{URL: "https://localhost:5444", Host: "localhost:5444", CAFile: filepath.Join(dir.Path, "ca.pem")}
	env, err := opts.environment(dir, r, redact.NewSecret("the-client-key-3"), auth.Secret{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		if _, twice := got[name]; twice {
			t.Errorf("%s is set twice", name)
		}
		got[name] = value
	}
	for name, want := range map[string]string{
		"ACRKIT_PROXY_URL": "https://localhost:5444", "ACRKIT_PROXY_HOST": "localhost:5444",
		"ACRKIT_PROXY_KEY": "the-client-key-3", "ACRKIT_PROXY_CA": r.CAFile,
		"ACR_NAME": "localhost:5444", "ACR_TOKEN_NAME": "acrkit", "ACR_TOKEN_PASSWORD": "the-client-key-3",
		"AZURE_TENANT_ID": "", "PATH": "/bin",
		"DOCKER_CONFIG": dir.Path, "NO_PROXY": "internal.example,localhost,127.0.0.1,::1",
		"no_proxy": "localhost,127.0.0.1,::1",
	} {
		if got[name] != want {
			t.Errorf("%s=%s, want %s", name, got[name], want)
		}
	}
	if all := strings.Join(env, "\n"); strings.Contains(all, "upstream-") {
		t.Error("a secret of acrkit's own credential is handed on")
	}
	config, err := os.ReadFile(filepath.Join(dir.Path, "config.json"))
	if err != nil || strings.Contains(string(config), upstreamSecret) ||
		!strings.Contains(string(config), otherLogin) || !strings.Contains(string(config), "localhost:5444") {
		t.Errorf("%v: %s", err, config)
	}
	for _, name := range []string{"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"} {
		data, err := os.ReadFile(got[name])
		if err != nil || !bytes.Contains(data, bytes.TrimSpace(ca.PEM())) ||
			!bytes.Contains(data, bytes.TrimSpace(other.PEM())) {
			t.Errorf("%s: %v, %d bytes", name, err, len(data))
		}
	}
	java := got["JAVA_TOOL_OPTIONS"]
	_, path, _ := strings.Cut(java, `"-Djavax.net.ssl.trustStore=`)
	path, _, _ = strings.Cut(path, `"`)
	data, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(java, "-Xmx1g ") {
		t.Fatalf("%s: %v", java, err)
	}
	if certs, err := pkcs12.DecodeTrustStore(data, trustPassword); err != nil || len(certs) != 2 {
		t.Errorf("the truststore holds %d certificates, %v", len(certs), err)
	}
	entries, err := os.ReadDir(dir.Path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().IsRegular() && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), info, err)
		}
	}
	if got["IDENTITY_ENDPOINT"] != "" || got["IDENTITY_HEADER"] != "" || got["AZURE_TOKEN_CREDENTIALS"] != "dev" {
		t.Errorf("without --managed-identity the command has one: %q", env)
	}
	opts.KeepEnv = true
	if env, err = opts.environment(dir, r, redact.NewSecret("the-client-key-3"), auth.Secret{}); err != nil ||
		!slices.Contains(env, "AZURE_CLIENT_SECRET=upstream-secret-2") {
		t.Errorf("--keep-env: %v", err)
	}
	// Even so, nothing leads past the managed identity.
	opts.ManagedIdentity = true
	vars["AZURE_FEDERATED_TOKEN_FILE"], vars["IDENTITY_ENDPOINT"] = "/upstream", "http://upstream"
	env, err = opts.environment(dir, r, redact.NewSecret("the-client-key-3"), redact.NewSecret("the-identity-header-4"))
	if err != nil || strings.Contains(strings.Join(env, "\n"), "AZURE_FEDERATED_TOKEN_FILE=") {
		t.Errorf("--managed-identity: %v, %q", err, env)
	}
	for _, want := range []string{"IDENTITY_ENDPOINT=https://localhost:5444/msi/token",
		"IDENTITY_HEADER=the-identity-header-4", "AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential"} {
		name, _, _ := strings.Cut(want, "=")
		if !slices.Contains(env, want) || len(without(env, name)) != len(env)-1 {
			t.Errorf("--managed-identity: want %s, once: %q", want, env)
		}
	}
}

// TestAuthority: one for this machine's names, another for each set of others, none
// of which replaces one of the rest.
func TestAuthority(t *testing.T) {
	dir := t.TempDir()
	s, _, _, errOut := iostreams.Test()
	opts := &Options{IO: s, LookupEnv: func(name string) (string, bool) { return dir, name == store.EnvDir }}
	seen := map[string]string{}
	for _, tt := range []struct {
		names     []string
		same, say string
	}{
		{[]string{"127.0.0.1", "::1", "localhost"}, "own", ""},
		{[]string{"127.0.0.9", "127.0.0.1", "localhost", "a.localhost"}, "own", ""},
		{[]string{"192.0.2.1", "localhost", "registry.test"}, "beyond",
			"was made for 192.0.2.1, registry.test. Programs"},
		{[]string{"localhost", "registry.test", "192.0.2.1"}, "beyond", ""},
		{[]string{"localhost", "registry.test"}, "less", "was made for registry.test. Programs"},
		{[]string{"127.0.0.1", "::1", "localhost"}, "own", ""},
		{[]string{"192.0.2.1", "localhost", "registry.test"}, "beyond", ""},
	} {
		errOut.Reset()
		ca, err := opts.authority(tt.names)
		if err != nil {
			t.Fatal(err)
		}
		if was, ok := seen[tt.same]; ok && was != string(ca.PEM()) {
			t.Errorf("%v: another authority", tt.names)
		}
		seen[tt.same] = string(ca.PEM())
		if said := errOut.String(); (said == "") != (tt.say == "") || !strings.Contains(said, tt.say) || said != "" &&
			!strings.Contains(said, filepath.Join(dir, "ca-")) {
			t.Errorf("%v: said %q", tt.names, said)
		}
	}
	if len(seen) != 3 || seen["own"] == seen["beyond"] || seen["less"] == seen["beyond"] {
		t.Error("one authority for several sets of names")
	}
	// What an earlier version made is replaced, and that is said.
	key := filepath.Join(dir, "ca", "ca-key.pem")
	data, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	data = data[:bytes.Index(data, []byte("-----BEGIN CERTIFICATE"))]
	if err := os.WriteFile(key, data, 0o600); err != nil {
		t.Fatal(err)
	}
	errOut.Reset()
	ca, err := opts.authority([]string{"localhost"})
	if err != nil || string(ca.PEM()) == seen["own"] {
		t.Errorf("not replaced: %v", err)
	}
	if said := errOut.String(); !strings.Contains(said, "an earlier version of acrkit made the old one") ||
		!strings.Contains(said, "configured to trust "+filepath.Join(dir, "ca", "ca.pem")) {
		t.Errorf("said %q", said)
	}
	for name, why := range map[string]string{"a b": "not a host name", "*.test": "not a host name"} {
		if _, err := opts.authority([]string{name}); acrkit.CodeOf(err) != acrkit.CodeUsage ||
			!strings.Contains(err.Error(),
				why) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
