package emulator

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/control"
)

// parts answers with parts of a check, one after another.
func parts(all ...control.CheckPart) partOf {
	return func(context.Context, string) (control.CheckPart, error) {
		p := all[0]
		all = all[1:]
		return p, nil
	}
}

// TestCheckRun: the exit code says whether something was found, and more than what
// can be told is an error, never a shortened list.
func TestCheckRun(t *testing.T) {
	many := func(n int) []control.Finding { return make([]control.Finding, n) }
	broken := func(context.Context, string) (control.CheckPart, error) {
		return control.CheckPart{}, &acrkit.Error{Code: acrkit.CodeUnavailable, Op: "x"}
	}
	for name, tc := range map[string]struct {
		part partOf
		code int
		says string
	}{
		"nothing": {parts(control.CheckPart{Next: "a", Manifests: 1},
			control.CheckPart{Manifests: 2, Contents: 1, Bytes: 2048}), 0,
			"checked 3 manifests and 1 contents of 2.0 KiB; findings: 0\n"},
		"unused": {parts(control.CheckPart{Unused: 2, UnusedBytes: 7}), 0,
			"nothing refers to 2 contents of 7 bytes; they are removed later\n"},
		"one": {parts(control.CheckPart{Next: "a"}, control.CheckPart{Findings: many(1)}), 8, "findings: 1\n"},
		"at the limit": {parts(control.CheckPart{Next: "a", Findings: many(maxFindings - 1)},
			control.CheckPart{Findings: many(1)}), 8, "findings: 10000\n"},
		"above": {parts(control.CheckPart{Next: "a", Findings: many(maxFindings)},
			control.CheckPart{Findings: many(1)}), 1, ""},
		"breaks off": {broken, 6, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, _, errOut := iostreams.Test()
			err := checkRun(t.Context(), s, nil, tc.part)
			if code := cmdutil.ExitCode(err); code != tc.code {
				t.Errorf("exit code %d, %v", code, err)
			}
			if !strings.HasSuffix(errOut.String(), tc.says) {
				t.Errorf("%q, want %q", errOut, tc.says)
			}
		})
	}
}

// TestCheckProgress: a person sees how far a long check is.
func TestCheckProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, _, errOut := iostreams.Test()
		s.SetTTY(true, true, true)
		n := 0
		if err := checkRun(t.Context(), s, nil, func(context.Context, string) (control.CheckPart, error) {
			time.Sleep(1100 * time.Millisecond)
			if n++; n == 3 {
				return control.CheckPart{}, nil
			}
			return control.CheckPart{Next: "x", Manifests: 1, Bytes: 1 << 20, Total: 10 << 20}, nil
		}); err != nil {
			t.Error(err)
		}
		for _, want := range []string{"Checking", "Checked 1 manifests and 1.0 MiB of 10.0 MiB",
			"Checked 2 manifests and 2.0 MiB of 10.0 MiB"} {
			if !strings.Contains(errOut.String(), want) {
				t.Errorf("%q lacks %q", errOut, want)
			}
		}
	})
}

// TestCheckInMemory: the folder that an emulator in memory names leads to it.
func TestCheckInMemory(t *testing.T) {
	e, err := emulator.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- e.Serve(ctx, l) }()
	defer func() { cancel(); <-served }()
	dir := t.TempDir()
	conn := connection{LoginServer: loginServer(l.Addr()), CAFile: filepath.Join(dir, "ca.pem")}
	if err := errors.Join(conn.save(dir), os.WriteFile(conn.CAFile, e.CACertificate(), 0o600),
		os.WriteFile(filepath.Join(dir, control.KeyFile), []byte(e.ControlKey()), 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := clitest.Execute(t, newCmdCheck(clitest.Factory(nil)), "--data "+dir); err != nil {
		t.Error(err)
	}
	// Without it there is nothing to check.
	if err := os.Remove(filepath.Join(dir, target.ConnectionFile)); err != nil {
		t.Fatal(err)
	}
	if err := clitest.Execute(t, newCmdCheck(clitest.Factory(nil)), "--data "+dir); cmdutil.ExitCode(err) != 5 {
		t.Errorf("without a connection: %v", err)
	}
}
