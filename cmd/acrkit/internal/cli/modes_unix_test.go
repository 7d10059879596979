//go:build unix

package cli_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Under any umask, other users can read no file that acrkit writes except the certificate
// of its CA.
func TestFileModes(t *testing.T) {
	s := startServer(t)
	for _, umask := range []string{"000", "022"} {
		t.Run(umask, func(t *testing.T) {
			home := t.TempDir()
			data, config, tmp := filepath.Join(home, "data"), filepath.Join(home, "config"), filepath.Join(home, "tmp")
			if err := os.Mkdir(tmp, 0o700); err != nil {
				t.Fatal(err)
			}
			env := append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + tmp, "ACRKIT_CONFIG_DIR=" + config,
				"ACRKIT_KEYRING=off"}, s.environment(home)...)
			sh := func(ctx context.Context, script string) *exec.Cmd {
				cmd := exec.CommandContext(ctx, "sh", "-c", "umask "+umask+"; "+script)
				cmd.Dir, cmd.Env = home, env
				return cmd
			}
			for _, script := range []string{
				"acrkit emulator seed init seed.yaml",
				"echo reader-password-0001 | acrkit login $ACR --token-name reader --password-stdin",
				// The folder that run makes is gone after it: it is copied with its modes.
				`acrkit run --registry $ACR --repository samples/app -- sh -c 'cp -pR "$DOCKER_CONFIG" ran'`,
			} {
				if out, err := sh(t.Context(), script).CombinedOutput(); err != nil {
					t.Errorf("%s: %v\n%s", script, err, out)
				}
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			start := sh(ctx, "exec acrkit emulator start --addr 127.0.0.1:0 --data data --seed seed.yaml")
			start.Cancel = func() error { return start.Process.Signal(syscall.SIGTERM) }
			var said bytes.Buffer
			start.Stdout, start.Stderr = &said, &said
			if err := start.Start(); err != nil {
				t.Fatal(err)
			}
			deadline := time.Now().Add(30 * time.Second)
			for {
				if _, err := os.Stat(filepath.Join(data, "connection.json")); err == nil {
					break
				}
				if time.Now().After(deadline) {
					stop()
					_ = start.Wait()
					t.Fatalf("the emulator does not start: %s", &said)
				}
				time.Sleep(10 * time.Millisecond)
			}
			check := func() map[string]bool {
				seen := map[string]bool{}
				err := filepath.WalkDir(home, func(path string, d fs.DirEntry, err error) error {
					if err != nil || path == home {
						return err
					}
					info, err := d.Info()
					if err != nil {
						return nil //nolint:nilerr // a journal that came and went
					}
					seen[d.Name()] = true
					public := d.Name() == "ca.pem" || path == data
					if mode := info.Mode().Perm(); mode&0o022 != 0 || mode&0o044 != 0 && !public {
						t.Errorf("%s has mode %04o", path, mode)
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
				return seen
			}
			seen := check()
			stop()
			_ = start.Wait()
			check()
			for _, name := range []string{"seed.yaml", "logins.json", "ran", "config.json", "ca-key.pem",
				"control-api.key", "keys.json", "registry.db", "connection.json"} {
				if !seen[name] {
					t.Errorf("%s was not written", name)
				}
			}
		})
	}
}
