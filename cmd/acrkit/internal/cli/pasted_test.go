package cli_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestPastedLines runs what "emulator start" says to paste, in a shell that has
// the passwords in variables of its own and exports none.
func TestPastedLines(t *testing.T) {
	anonymous := writeFile(t, "anonymous.yaml", `
tenants: [{id: 11111111-1111-1111-1111-111111111111, applications: [{clientId: 22222222-2222-2222-2222-222222222222, secrets: [{value: app-secret}]}]}]
registries: [{name: myregistry, anonymousPullEnabled: true, roleAssignments: [{clientId: 22222222-2222-2222-2222-222222222222, role: AcrPull}]}]
`)
	for name, args := range map[string][]string{
		"memory":    {"--memory"},
		"folder":    {"--data", filepath.Join(t.TempDir(), "it's a folder")},
		"anonymous": {"--data", filepath.Join(t.TempDir(), "data"), "--seed", anonymous},
	} {
		t.Run(name, func(t *testing.T) {
			env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TMPDIR=" + t.TempDir()}
			blocks := startAndRead(t, env, args)
			want := map[string]string{"Use it from a shell (": "token \"ci-pull\"",
				"As the service principal": "service principal 22222222-2222-2222-2222-222222222222"}
			password := "ACR_TOKEN_PASSWORD=correct-horse-battery-staple-0001\n"
			if name == "folder" { // which exports it
				want["Use it from a shell, as the token ci-pull of the example seed:"] = want["Use it from a shell ("]
				delete(want, "Use it from a shell (")
				password = ""
			}
			if name == "anonymous" {
				want = map[string]string{"Use it from a shell,": "anonymous",
					"As the service principal": "service principal"}
			}
			for head, lines := range blocks {
				for start, credential := range want {
					if !strings.HasPrefix(head, start) {
						continue
					}
					delete(want, start)
					ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
					defer cancel()
					cmd := exec.CommandContext(ctx, "sh", "-ec", password+"AZURE_CLIENT_SECRET=app-secret\n"+lines)
					cmd.Env = env
					out, err := cmd.CombinedOutput()
					if err != nil || !strings.Contains(string(out), "credential\t"+credential) {
						t.Errorf("%s\n%s\n%v\n%s", head, lines, err, out)
					}
				}
			}
			for start := range want {
				t.Errorf("no block %q in %v", start, blocks)
			}
		})
	}
}

// startAndRead starts the emulator, ends it with the test, and returns the
// indented lines under each heading it prints.
func startAndRead(t *testing.T, env, args []string) map[string]string {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	cmd := exec.CommandContext(ctx, "acrkit",
		append([]string{"emulator", "start", "--addr", "127.0.0.1:0"}, args...)...)
	cmd.Env = env
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		if err := cmd.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	// It is printed in one piece.
	text, buf := "", make([]byte, 64<<10)
	for !strings.Contains(text, "acrkit whoami") {
		n, err := out.Read(buf)
		if err != nil {
			t.Fatalf("%v after\n%s", err, text)
		}
		text += string(buf[:n])
	}
	blocks, head := map[string]string{}, ""
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "  "); ok {
			blocks[head] += rest
		} else if strings.TrimSpace(line) != "" {
			head = strings.TrimSpace(line)
		}
	}
	return blocks
}
