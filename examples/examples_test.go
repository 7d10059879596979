// Package examples_test runs the example programs against the emulator.
package examples_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/acrkit/acrkit/acrtest"
)

// build compiles the examples into a folder.
func build(t *testing.T) string {
	t.Helper()
	// The test's result is cached by what this process reads: let it read what
	// the compiler does. All else that the examples need is linked in here.
	sources, err := filepath.Glob("*/*.go")
	if err != nil || len(sources) < 3 {
		t.Fatalf("sources: %v, %v", sources, err)
	}
	for _, name := range sources {
		if _, err := os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", dir+string(filepath.Separator),
		"./service-principal", "./scoped-token", "./oras")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

func TestExamples(t *testing.T) {
	t.Parallel()
	bin := build(t)
	r := acrtest.NewRegistry(t, nil)
	r.Push("samples/app", "v1", "latest")
	r.Push("samples/other", "v1")
	reads := r.Token("ci-read", "repositories/samples/app/content/read", "repositories/samples/app/metadata/read")
	pulls := r.Token("ci-pull", "repositories/samples/app/content/read")
	sp := r.ServicePrincipal("AcrPull")
	noRole := r.ServicePrincipal()

	principal := func(p acrtest.ServicePrincipal, secret string) []string {
		return []string{"AZURE_TENANT_ID=" + p.TenantID, "AZURE_CLIENT_ID=" + p.ClientID, "AZURE_CLIENT_SECRET=" +
			secret, "AZURE_AUTHORITY_HOST=" + r.AuthorityHost()}
	}
	token := func(name, password string) []string {
		return []string{"ACR_TOKEN_NAME=" + name, "ACR_TOKEN_PASSWORD=" + password}
	}
	const wrong = "not-the-password-0000"
	for _, c := range []struct {
		name    string
		program string
		args    []string
		env     []string
		code    int
		stdout  string
		stderr  []string // each of them is in the one line
	}{
		{"service principal", "service-principal", nil, principal(sp, sp.ClientSecret), 0,
			"samples/app\nsamples/other\n", nil},
		{"service principal, wrong secret", "service-principal", nil, principal(sp, wrong), 1, "",
			[]string{"AADSTS7000215"}},
		{"service principal without a role", "service-principal", nil, principal(noRole, noRole.ClientSecret), 1, "",
			[]string{"service-principal: cannot ", "403"}},
		{"service principal, half an environment", "service-principal", nil, principal(sp, "")[:2], 2, "",
			[]string{"AZURE_CLIENT_SECRET"}},

		{"token", "scoped-token", []string{"samples/app"}, token("ci-read", reads.Password1), 0, "latest\nv1\n", nil},
		{"token, second password", "scoped-token", []string{"samples/app"}, token("ci-read", reads.Password2),
			0, "latest\nv1\n", nil},
		{"token, wrong password", "scoped-token", []string{"samples/app"}, token("ci-read", wrong), 1, "",
			[]string{"not accept"}},
		{"token without metadata/read", "scoped-token", []string{"samples/app"}, token("ci-pull", pulls.Password1), 1,
			"", []string{`cannot list the tags of "samples/app"`, "metadata/read"}},
		{"token without an argument", "scoped-token", nil, token("ci-read", reads.Password1), 2,
			"", []string{"usage:"}},

		{"oras", "oras", []string{"samples/app"}, token("ci-read", reads.Password1), 0, "latest\nv1\n", nil},
		{"oras, wrong password", "oras", []string{"samples/app"}, token("ci-read", wrong), 1, "",
			[]string{"not accept"}},
		{"oras without metadata/read", "oras", []string{"samples/app"}, token("ci-pull", pulls.Password1),
			1, "", []string{"401"}},
		{"oras without an argument", "oras", nil, token("ci-read", reads.Password1), 2, "", []string{"usage:"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			cmd := exec.CommandContext(t.Context(), filepath.Join(bin, c.program), c.args...)
			// Only what is meant: no credential of the machine's own.
			cmd.Env = append([]string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "SSL_CERT_FILE=" + r.CAFile(),
				"ACR_NAME=" + r.Host()}, c.env...)
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			code := 0
			if err := cmd.Run(); err != nil {
				exit, ok := errors.AsType[*exec.ExitError](err)
				if !ok {
					t.Fatal(err)
				}
				code = exit.ExitCode()
			}
			if code != c.code || stdout.String() != c.stdout {
				t.Errorf("exit code %d, output %q; want %d, %q\n%s", code, &stdout, c.code, c.stdout, &stderr)
			}
			line := stderr.String()
			if (line != "") != (len(c.stderr) > 0) || strings.Count(strings.TrimSpace(line), "\n") > 0 {
				t.Errorf("standard error is %q, want one line for a failure and none for success", line)
			}
			for _, want := range c.stderr {
				if !strings.Contains(line, want) {
					t.Errorf("standard error is %q, want it to say %q", line, want)
				}
			}
			if strings.Contains(line, wrong) || strings.Contains(line, reads.Password1) ||
				strings.Contains(line, sp.ClientSecret) {
				t.Errorf("standard error shows a secret: %q", line)
			}
		})
	}
}
