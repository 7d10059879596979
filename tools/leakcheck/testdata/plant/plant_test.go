// Package plant leaks one secret in each way that the leak check must find. It
// is in testdata so that it does not run with the suite.
package plant

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/redact"
)

// value begins a secret of its own for each way, so that each must be found by
// itself. Ways have different lengths, because findings show no more of a secret.
func value(way string) string {
	return redact.NewSecret("plant/+" + way + "<&>\"0123456789=").Reveal()
}

func TestPlant(t *testing.T) {
	fmt.Println(value("stdout"))
	fmt.Fprintln(os.Stderr, value("stderr"))
	t.Log(value("testlog"))
	for i := range 3 {
		fmt.Println(base64.StdEncoding.EncodeToString([]byte("abc"[:i] + value("base64-"+strings.Repeat("x", i)) +
			"tail")))
		fmt.Println(base64.URLEncoding.EncodeToString([]byte("abc"[:i] + value("base64url-"+strings.Repeat("?>", i+3)) +
			"tail")))
	}
	fmt.Println("?password=" + url.QueryEscape(value("percent")))
	quoted, err := json.Marshal(map[string]string{"password": value("json")})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(string(quoted))
	fmt.Printf("%x\n", value("hex"))
	fmt.Println("eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2lnbmF0dXJl") // a token that was not reported
	fmt.Println("-----BEGIN PRIVATE KEY-----")

	slog.New(slog.NewJSONHandler(io.Discard, nil)).Info("x", "v", value("slog"))
	_ = (&acrkit.Error{Reason: value("error")}).Error()
	_ = (&acrkit.Error{Reason: "x", Hint: value("hint")}).Error()
	_ = (&acrkit.Error{Reason: "x", URL: value("url")}).Error()

	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("world-readable", value("file-0644"), 0o644)
	write("private", value("file-0600"), 0o600)
	write("opened-up", value("file-chmod"), 0o600)
	if err := os.Chmod(filepath.Join(dir, "opened-up"), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "halves"))
	if err != nil {
		t.Fatal(err)
	}
	halves := value("halves")
	for _, part := range []string{halves[:10], halves[10:]} {
		if _, err := f.WriteString(part); err != nil {
			t.Fatal(err)
		}
	}
	_ = f.Close()
	if err := exec.CommandContext(t.Context(), "true", "--password="+value("argv")).Run(); err != nil {
		t.Fatal(err)
	}
	if err := exec.CommandContext(t.Context(), "sh", "-c", `cat >"$0"`,
		filepath.Join(dir, "of-a-child")).Run(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `printf %s "$V"; printf %s "$V" >"$0"`,
		filepath.Join(dir, "of-a-child"))
	cmd.Env = append(os.Environ(), "V="+value("child"))
	if _, err := cmd.Output(); err != nil {
		t.Fatal(err)
	}
}

// TestEmulator leaks the secrets that the emulator makes or is given.
func TestEmulator(t *testing.T) {
	const chosen, clientSecret = "plant-chosen-password-0123", "plant-client-secret-0123"
	dir := t.TempDir()
	leak := func(name string, s seed.Secret) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	content, err := seed.Read(strings.NewReader(`
tenants:
  - id: 11111111-1111-1111-1111-111111111111
    applications:
      - clientId: 22222222-2222-2222-2222-222222222222
        secrets: [{value: ` + clientSecret + `}]
registries:
  - name: plant
    tokens:
      - name: chosen
        scopeMap: _repositories_pull
        passwords: [{name: password1, value: ` + chosen + `}]
`))
	if err != nil {
		t.Fatal(err)
	}
	e, err := emulator.Open(t.Context(), &emulator.Options{Seed: content})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	leak("chosen-password", chosen)
	leak("client-secret", clientSecret)
	leak("control-key", e.ControlKey())
	reg, err := e.Registry("plant")
	if err != nil {
		t.Fatal(err)
	}
	made, err := reg.GeneratePasswords(t.Context(), "chosen", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	leak("made-password", made[0].Value[:42])
	admin, err := reg.AdminPasswords()
	if err != nil {
		t.Fatal(err)
	}
	leak("admin-password", admin[0])
}
