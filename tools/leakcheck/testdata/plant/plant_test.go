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
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/internal/redact"
)

// value begins a secret of its own for each way, so that each must be found by
// itself.
func value(way string) string {
	return redact.NewSecret("plant/+" + way + "<&>\"0123456789=").Reveal()
}

func TestPlant(t *testing.T) {
	fmt.Println(value("stdout"))
	fmt.Fprintln(os.Stderr, value("stderr"))
	t.Log(value("testlog"))
	for i := range 3 {
		fmt.Println(base64.StdEncoding.EncodeToString([]byte("abc"[:i] + value(fmt.Sprint("base64-", i)) + "tail")))
		fmt.Println(base64.URLEncoding.EncodeToString([]byte("abc"[:i] + value(fmt.Sprint("base64url-", i, "???>>>")) + "tail")))
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
	streams, _, _, _ := iostreams.Test()
	_, _ = io.WriteString(streams.Out, value("output"))

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
	if err := exec.CommandContext(t.Context(), "sh", "-c", `cat >"$0"`, filepath.Join(dir, "of-a-child")).Run(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `printf %s "$V"; printf %s "$V" >"$0"`, filepath.Join(dir, "of-a-child"))
	cmd.Env = append(os.Environ(), "V="+value("child"))
	if _, err := cmd.Output(); err != nil {
		t.Fatal(err)
	}
}
