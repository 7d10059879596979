package auth_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/cause"
)

// A byte order mark is named wherever a secret is read, before anything is sent, and so
// is the text that PowerShell's > writes.
func TestByteOrderMark(t *testing.T) {
	inFile := func(t *testing.T, secret string) string {
		file := filepath.Join(t.TempDir(), "secret")
		write(t, file, secret)
		return file
	}
	fromEnvironment := func(t *testing.T, pairs ...string) error {
		env := map[string]string{"ACR_NAME": "myregistry"}
		for i := 0; i < len(pairs); i += 2 {
			env[pairs[i]] = pairs[i+1]
		}
		_, err := auth.FromEnvironment(func(name string) (string, bool) { v, ok := env[name]; return v, ok })
		return err
	}
	token := func(t *testing.T, cred auth.Credential) error {
		d := &direct{hosts: nil}
		rt, err := auth.NewTransport(testHost, cred, &auth.Options{Base: d})
		if err != nil {
			return err
		}
		defer rt.Close()
		_, err = rt.Token(t.Context(), acrkit.CatalogScope())
		if len(d.sent) > 0 { // to the registry or to Entra
			t.Errorf("%d requests were sent", len(d.sent))
		}
		return err
	}
	var utf16 strings.Builder
	utf16.WriteString("\xff\xfe")
	for _, c := range "correct-horse\r\n" {
		utf16.WriteRune(c)
		utf16.WriteByte(0)
	}
	for _, secret := range []string{"\ufeffcorrect-horse", "correct-horse\ufeff", "\ufeffcorrect-horse\n",
		utf16.String()} {
		for name, read := range map[string]func(t *testing.T) error{
			"given": func(t *testing.T) error { return token(t, auth.ScopedToken("ci", secret)) },
			"the second password": func(t *testing.T) error {
				return token(t, auth.ScopedTokenPair("ci", "x", secret))
			},
			"file": func(t *testing.T) error {
				return token(t, auth.ScopedTokenSource("ci", auth.SecretFile(inFile(t, secret))))
			},
			"refresh token": func(t *testing.T) error { return token(t, auth.RefreshToken(secret)) },
			"Entra token":   func(t *testing.T) error { return token(t, auth.EntraToken(secret)) },
			"client secret": func(t *testing.T) error { return token(t, auth.ServicePrincipal("t", "c", secret, nil)) },
			"federated token": func(t *testing.T) error {
				return token(t, auth.FederatedServicePrincipal("t", "c", auth.SecretFile(inFile(t, secret)), nil))
			},
			"Docker's file": func(t *testing.T) error {
				data, _ := json.Marshal(
					map[string]any{"auths": map[string]any{
						testHost: map[string]string{"username": "ci", "password": secret}}})
				return token(t, auth.DockerConfig(inFile(t, string(data))))
			},
			"ACR_TOKEN_PASSWORD": func(t *testing.T) error {
				return fromEnvironment(t, "ACR_TOKEN_NAME", "ci", "ACR_TOKEN_PASSWORD", secret)
			},
			"ACR_TOKEN_PASSWORD2": func(t *testing.T) error {
				return fromEnvironment(t, "ACR_TOKEN_NAME", "ci", "ACR_TOKEN_PASSWORD", "x",
					"ACR_TOKEN_PASSWORD2", secret)
			},
			"ACR_TOKEN_PASSWORD_FILE": func(t *testing.T) error {
				return fromEnvironment(t, "ACR_TOKEN_NAME", "ci", "ACR_TOKEN_PASSWORD_FILE", inFile(t, secret))
			},
			"ACR_REFRESH_TOKEN": func(t *testing.T) error { return fromEnvironment(t, "ACR_REFRESH_TOKEN", secret) },
			"AZURE_CLIENT_SECRET": func(t *testing.T) error {
				return fromEnvironment(t, "AZURE_TENANT_ID", "t", "AZURE_CLIENT_ID", "c", "AZURE_CLIENT_SECRET", secret)
			},
			"AZURE_FEDERATED_TOKEN_FILE": func(t *testing.T) error {
				return fromEnvironment(t, "AZURE_TENANT_ID", "t", "AZURE_CLIENT_ID", "c",
					"AZURE_FEDERATED_TOKEN_FILE", inFile(t, secret))
			},
		} {
			err := read(t)
			if !errors.Is(err, acrkit.CodeUsage) || acrkit.CauseOf(err) != cause.PasswordByteOrderMark ||
				!strings.Contains(err.Error(), "byte order mark") {
				t.Errorf("%s, %q: %v (cause %q)", name, secret, err, acrkit.CauseOf(err))
			}
			if err != nil && strings.Contains(err.Error(), "horse") {
				t.Errorf("%s: a secret is shown: %v", name, err)
			}
		}
	}
}

// A file whose secret is replaced by one with a mark while a client runs: the last good
// one is used, and the reason is logged.
func TestByteOrderMark_whileRunning(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	write(t, file, "correct-horse")
	var log bytes.Buffer
	d := &direct{hosts: map[string]http.Handler{"https://" + testHost: newFake()}}
	rt, err := auth.NewTransport(testHost, auth.ScopedTokenSource("ci", auth.SecretFile(file)),
		&auth.Options{Base: d, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	if _, err := rt.Token(t.Context(), mustScope("repository:team:pull")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("\ufeffcorrect-horse"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := rt.Token(t.Context(), mustScope("repository:team/app:pull")); err != nil {
		t.Errorf("the last good secret is not used: %v", err)
	}
	if !strings.Contains(log.String(), "byte order mark") || strings.Contains(log.String(), "horse") {
		t.Errorf("the log is %q", log.String())
	}
}
