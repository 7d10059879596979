//go:build unix

package sink

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/redact"
)

// A command that does not end is ended in time, with the programs that it started.
func TestProgram_time(t *testing.T) {
	if commandTime != 2*time.Minute || helperTime != 20*time.Second {
		t.Errorf("the times are %s and %s", commandTime, helperTime)
	}
	pid := filepath.Join(t.TempDir(), "pid")
	p := program{op: "deliver", words: []string{"sh", "-c", `sleep 600 & echo $! >"$0"; wait`, pid},
		environ: os.Environ, time: 500 * time.Millisecond, secrets: []redact.Secret{redact.NewSecret("secret")}}
	begin := time.Now()
	_, err := p.run(context.Background(), "secret")
	if acrkit.CodeOf(err) != acrkit.CodeUnavailable || !strings.Contains(err.Error(), "within 500ms") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
	text, err := os.ReadFile(pid)
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		// A zombie, which its parent has not read yet, has ended.
		if err := syscall.Kill(child, 0); err != nil || isZombie(child) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the program that the shell started goes on")
		}
	}
}

func isZombie(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && strings.Contains(string(stat), ") Z ")
}
