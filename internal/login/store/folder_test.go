//go:build unix

package store

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/shell"
)

// TestMain lets the test binary run as another process that uses the store.
func TestMain(m *testing.M) {
	if role := os.Getenv("STORE_TEST_ROLE"); role != "" {
		if err := play(role, os.Getenv("STORE_TEST_DIR")); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// big is a secret that does not fit into one page.
func big(letter string) string { return strings.Repeat(letter, 60000) }

// play is what the other process does.
func play(role, dir string) error {
	s, err := Open(&Options{Dir: dir, LookupEnv: func(name string) (string, bool) { return "off", name == EnvKeyring }})
	if err != nil {
		return err
	}
	put := func(repository, secret string) error {
		_, err := s.Put(contextOfRole, login(repository, secret))
		return err
	}
	name, arg, _ := strings.Cut(role, " ")
	switch name {
	case "many": // stores logins of its own, and a common one
		for i := range 8 {
			if err := errors.Join(put(fmt.Sprintf("p%s/r%d", arg, i), "secret-of-"+arg),
				put("common", "common-of-"+arg)); err != nil {
				return err
			}
		}
		return nil
	case "forever": // until it is killed
		for i := 0; ; i++ {
			if err := put("", big(string("ab"[i%2]))); err != nil {
				return err
			}
			fmt.Println("stored", i)
		}
	case "umask":
		mask, err := strconv.ParseInt(arg, 8, 32)
		if err != nil {
			return err
		}
		syscall.Umask(int(mask))
		return put("", "secret-1")
	case "full": // no file may grow beyond what the first login takes
		signal.Ignore(syscall.SIGXFSZ)
		limit := syscall.Rlimit{Cur: 8192, Max: 8192}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			return err
		}
		err := put("", big("b"))
		if e, ok := errors.AsType[*acrkit.Error](err); !ok || !strings.Contains(e.Error(), "the disk is full") ||
			e.Hint == "" {
			return fmt.Errorf("got %w", err)
		}
		return nil
	}
	return errors.New("no such role")
}

func process(t *testing.T, dir, role string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "STORE_TEST_ROLE="+role, "STORE_TEST_DIR="+dir)
	return cmd
}

func TestManyProcesses(t *testing.T) {
	s := open(t, nil)
	dir := filepath.Dir(s.Path())
	const processes = 8
	ended := make(chan error, processes)
	for i := range processes {
		cmd := process(t, dir, "many "+strconv.Itoa(i))
		go func() {
			out, err := cmd.CombinedOutput()
			if err != nil {
				err = fmt.Errorf("%w: %s", err, out)
			}
			ended <- err
		}()
	}
	for left := processes; left > 0; {
		select {
		case err := <-ended:
			left--
			if err != nil {
				t.Error(err)
			}
		default: // a reader finds something whole at any moment
			for repository, secret := range secrets(t, s) {
				if who, _, ok := strings.Cut(repository, "/"); ok && secret != "secret-of-"+who[1:] {
					t.Fatalf("%q has the secret %q", repository, secret)
				}
			}
		}
	}
	got := secrets(t, s)
	if len(got) != processes*8+1 || !strings.HasPrefix(got["common"], "common-of-") {
		t.Errorf("%d logins, want %d", len(got), processes*8+1)
	}
}

// TestKilledWhileWriting ends a process at moments of its writing.
func TestKilledWhileWriting(t *testing.T) {
	s := open(t, nil)
	mustPut(t, s, login("other", "other"))
	dir := filepath.Dir(s.Path())
	for round := range 12 {
		cmd := process(t, dir, "forever")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for range round%4 + 1 {
			if !lines.Scan() || !strings.HasPrefix(lines.Text(), "stored") {
				t.Fatalf("the other process ended: %q", lines.Text())
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		got := secrets(t, s)
		if v := got[""]; v != big("a") && v != big("b") || got["other"] != "other" {
			t.Fatalf("round %d: %d bytes", round, len(v))
		}
	}
	// Its lock died with it, and what it left is cleared away.
	mustPut(t, s, login("", "secret-1"))
	want(t, "files", []string{fileName, lockName}, names(t, dir))
}

func TestFullDisk(t *testing.T) {
	s := open(t, nil)
	mustPut(t, s, login("", "before"))
	if out, err := process(t, filepath.Dir(s.Path()), "full").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	want(t, "logins", map[string]string{"": "before"}, secrets(t, s))
	want(t, "files", []string{fileName, lockName}, names(t, filepath.Dir(s.Path())))
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestModes(t *testing.T) {
	for _, umask := range []string{"000", "022", "077", "377"} {
		t.Run(umask, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "acrkit")
			if out, err := process(t, dir, "umask "+umask).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			for name, mode := range map[string]fs.FileMode{".": fs.ModeDir | 0o700, fileName: 0o600} {
				info, err := os.Stat(filepath.Join(dir, name))
				if err != nil || info.Mode() != mode {
					t.Errorf("%s: %v %v", name, info.Mode(), err)
				}
			}
			if info, err := os.Stat(filepath.Join(dir, lockName)); err != nil || info.Mode()&0o077 != 0 {
				t.Errorf("%s: %v %v", lockName, info.Mode(), err)
			}
		})
	}
}

// TestWhatIsRefused: each of these is an error for readers and writers, names a
// command that fixes it, and leaves the file as it was.
func TestWhatIsRefused(t *testing.T) {
	elsewhere := func(s *Store) error { // a file of the attacker's, or of a backup
		path := filepath.Join(filepath.Dir(filepath.Dir(s.Path())), "elsewhere")
		return errors.Join(os.Rename(s.Path(), path), os.Symlink(path, s.Path()))
	}
	mode := func(mode fs.FileMode, folder bool) func(*Store) error {
		return func(s *Store) error {
			path := s.Path()
			if folder {
				path = filepath.Dir(path)
			}
			return os.Chmod(path, mode)
		}
	}
	write := func(text string) func(*Store) error {
		return func(s *Store) error { return os.WriteFile(s.Path(), []byte(text), 0o600) }
	}
	for name, tc := range map[string]struct {
		spoil func(*Store) error
		words string
		hint  string // begins so; FILE and DIR are the paths
	}{
		"others read the file": {mode(0o644, false), "can be read or written by others (mode 0644)",
			"chmod 600 FILE"},
		"a group reads the file": {mode(0o640, false),
			"can be read or written by others (mode 0640)", "chmod 600 FILE"},
		"others write the file": {mode(0o602, false), "can be read or written by others (mode 0602)",
			"chmod 600 FILE"},
		"others look into the folder": {mode(0o755, true),
			"can be read or written by others (mode 0755)", "chmod 700 DIR"},
		"a group writes in the folder": {mode(0o720, true),
			"can be read or written by others (mode 0720)", "chmod 700 DIR"},
		"the file is a link": {elsewhere, "is a symbolic link", "ls -l FILE"},
		"the folder is a link": {func(s *Store) error {
			dir := filepath.Dir(s.Path())
			return errors.Join(os.Rename(dir, dir+"-real"), os.Symlink(dir+"-real", dir))
		}, "is a symbolic link", "export ACRKIT_CONFIG_DIR=DIR-real"},
		"the folder is a file": {func(s *Store) error {
			dir := filepath.Dir(s.Path())
			return errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600))
		}, "is no folder", "export ACRKIT_CONFIG_DIR=DIR"},
		"the file is a folder": {func(s *Store) error {
			return errors.Join(os.Remove(s.Path()), os.Mkdir(s.Path(), 0o700))
		},
			"is no regular file", "ls -l FILE"},
		"the file is a pipe": {func(s *Store) error {
			return errors.Join(os.Remove(s.Path()), syscall.Mkfifo(s.Path(), 0o600))
		},
			"is no regular file", "ls -l FILE"},
		"empty": {write(""), "is damaged: line 1", "mv FILE FILE.damaged"},
		"cut off": {write("{\n \"version\": 1,\n \"logins\": [{\"secret\": \"hidden-1\""),
			"is damaged: line 3", "mv FILE FILE.damaged"},
		"something else": {write(`["hidden-1"]`), "is damaged", "mv FILE FILE.damaged"},
		"no version":     {write(`{"logins": []}`), "it has no version", "mv FILE FILE.damaged"},
		"a secret of no text": {write(`{"version": 1, "logins": [{"secret": 123456789}]}`), "is damaged",
			"mv FILE FILE.damaged"},
		"more than we know": {write(`{"version": 1, "logins": [], "hidden-1": 1}`), "is damaged",
			"mv FILE FILE.damaged"},
		"a newer version": {write(`{"version": 2, "logins": {"hidden-1": "in another form"}}`),
			"a newer acrkit wrote", "acrkit version"},
		"larger than its size": {write(strings.Repeat(" ", maxFile+1)), "is damaged: it is larger",
			"mv FILE FILE.damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, nil)
			mustPut(t, s, login("", "hidden-1"))
			if err := tc.spoil(s); err != nil {
				t.Fatal(err)
			}
			var before []byte
			if info, err := os.Stat(s.Path()); err == nil && info.Mode().IsRegular() {
				if before, err = os.ReadFile(s.Path()); err != nil {
					t.Fatal(err)
				}
			}
			dir := filepath.Dir(s.Path())
			hint := strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(tc.hint, "FILE.damaged",
				shell.Quote(s.Path()+".damaged")), "FILE", shell.Quote(s.Path())), "DIR-real", shell.Quote(dir+"-real"))
			if !strings.HasPrefix(hint, "export") {
				hint = strings.ReplaceAll(hint, "DIR", shell.Quote(dir))
			}
			check := func(what string, err error) {
				t.Helper()
				e, ok := errors.AsType[*acrkit.Error](err)
				switch {
				case !ok || !strings.Contains(e.Error(), tc.words) || !strings.HasPrefix(e.Hint, hint):
					t.Errorf("%s: %v\nhint %+v, want %q", what, err, e, hint)
				case strings.Contains(e.Error(), "hidden") || strings.Contains(e.Error(), "123456789"):
					t.Errorf("%s shows what the file holds: %v", what, err)
				}
			}
			_, err := s.Logins(t.Context(), "myregistry")
			check("Logins", err)
			_, err = s.List(t.Context())
			check("List", err)
			_, err = s.Put(t.Context(), login("", "secret-2"))
			check("Put", err)
			check("Delete", s.Delete(t.Context(), "myregistry", ""))
			_, err = s.DeleteAll(t.Context(), "")
			check("DeleteAll", err)
			if before != nil {
				if after, err := os.ReadFile(s.Path()); err != nil || string(after) != string(before) {
					t.Errorf("the file was changed: %v", err)
				}
			}
		})
	}
}

func TestForeignOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		return // only root can make such a file; internal/private asks without one
	}
	s := open(t, nil)
	mustPut(t, s, login("", "secret-1"))
	if err := os.Chown(s.Path(), 12345, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Logins(t.Context(), "myregistry"); err == nil ||
		!strings.Contains(err.Error(), "belongs to another user (12345)") {
		t.Errorf("got %v", err)
	}
}
