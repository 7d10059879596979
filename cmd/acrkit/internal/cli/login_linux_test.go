package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// loginCommand is "acrkit login" with a store of the test's.
func loginCommand(t *testing.T, s server, args ...string) (cmd *exec.Cmd, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "acrkit")
	cmd = exec.CommandContext(t.Context(), "acrkit", append([]string{"login", s.host}, args...)...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "ACRKIT_KEYRING=off", "ACRKIT_CONFIG_DIR=" + dir},
		s.environment(t.TempDir())...)
	return cmd, dir
}

// shownOf is what other users, and the same one, see of a process.
func shownOf(pid int) string {
	var all strings.Builder
	for _, name := range []string{"cmdline", "environ", "comm"} {
		data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name)) // it may have ended
		all.Write(data)
	}
	return all.String()
}

func TestLoginHidesTheSecretFromTheProcessList(t *testing.T) {
	s := startServer(t)
	const secret = "reader-password-0001"
	cmd, dir := loginCommand(t, s, "--token-name", "reader", "--password-stdin")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// A process that has just begun has no arguments yet.
	for deadline := time.Now().Add(30 * time.Second); ; {
		seen := shownOf(cmd.Process.Pid)
		if strings.Contains(seen, "--password-stdin") && strings.Contains(seen, dir) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("this test does not see the process: %q", seen)
		}
	}
	if _, err := io.WriteString(stdin, secret+"\n"); err != nil {
		t.Fatal(err)
	}
	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for running := true; running; {
		select {
		case err := <-ended:
			running = false
			if err != nil {
				t.Errorf("%v: %s", err, &out)
			}
		default:
			if seen := shownOf(cmd.Process.Pid); strings.Contains(seen, secret) {
				t.Fatalf("the secret is visible: %q", seen)
			}
		}
	}
	if strings.Contains(out.String(), secret) {
		t.Errorf("the secret is printed: %s", &out)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "logins.json")); err != nil ||
		!bytes.Contains(data, []byte(secret)) {
		t.Errorf("the secret was not stored: %v", err)
	}
}

// terminal is a pseudo-terminal: what a person sees of it, and types into it.
type terminal struct {
	t      *testing.T
	person *os.File
	seen   []byte
}

func openTerminal(t *testing.T) (*terminal, *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // so that reads have a deadline
		t.Fatal(err)
	}
	person := os.NewFile(uintptr(fd), "ptmx")
	t.Cleanup(func() { person.Close() })
	program, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return &terminal{t: t, person: person}, program
}

// waitFor reads until text was seen, or "" for the end.
func (term *terminal) waitFor(text string) {
	term.t.Helper()
	if err := term.person.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		term.t.Fatal(err)
	}
	var b [1024]byte
	for text == "" || !bytes.Contains(term.seen, []byte(text)) {
		n, err := term.person.Read(b[:])
		term.seen = append(term.seen, b[:n]...)
		if text == "" && errors.Is(err, syscall.EIO) {
			return // the other side is closed
		}
		if err != nil {
			term.t.Fatalf("waiting for %q: %v; seen %q", text, err, term.seen)
		}
	}
}

func (term *terminal) typeIn(text string) {
	term.t.Helper()
	if _, err := io.WriteString(term.person, text); err != nil {
		term.t.Fatal(err)
	}
}

// echo reports whether what is typed is shown.
func (term *terminal) echo() bool {
	state, err := unix.IoctlGetTermios(int(term.person.Fd()), unix.TCGETS)
	return err == nil && state.Lflag&unix.ECHO != 0
}

func (term *terminal) waitForEcho(want bool) {
	term.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); term.echo() != want; {
		if time.Now().After(deadline) {
			term.t.Fatalf("the echo is still %v", !want)
		}
	}
}

// TestLoginAtATerminal types name and password at a real terminal.
func TestLoginAtATerminal(t *testing.T) {
	s := startServer(t)
	start := func(t *testing.T) (*terminal, *exec.Cmd, *os.File) {
		t.Helper()
		term, program := openTerminal(t)
		cmd, _ := loginCommand(t, s)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		term.waitFor("Token name: ")
		term.typeIn("reader\n")
		term.waitFor(`Password of token "reader": `)
		term.waitForEcho(false)
		return term, cmd, program
	}
	t.Run("done", func(t *testing.T) {
		term, cmd, program := start(t)
		term.typeIn("reader-password-0001\n")
		term.waitFor("Logged in to " + s.host)
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		if !term.echo() {
			t.Error("the echo is left off")
		}
		if err := program.Close(); err != nil {
			t.Fatal(err)
		}
		term.waitFor("")
		if bytes.Contains(term.seen, []byte("password-0001")) {
			t.Errorf("the password is on the screen: %q", term.seen)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		term, cmd, _ := start(t)
		term.typeIn("half-a-pass\x03")
		term.waitFor("interrupted")
		err := cmd.Wait()
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 130 {
			t.Errorf("got %v", err)
		}
		if !term.echo() {
			t.Error("the echo is left off")
		}
		if bytes.Contains(term.seen, []byte("half")) {
			t.Errorf("the password is on the screen: %q", term.seen)
		}
	})
}
