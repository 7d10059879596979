package sink_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/manage/sink"
)

const (
	host = "myregistry.azurecr.io"
	// The new one has characters that encoders escape.
	oldPassword = "old+pass/word=0000000000000000000001+ACRA"
	newPassword = "new+pass/word=0000000000000000000002+ACRB"
)

// secretStore is the name of the user's command.
const secretStore = "secret-store"

// TestMain makes the test binary the programs that sinks run.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "docker-credential-fake":
		helper()
	case secretStore:
		prog(os.Getenv("SINK_TEST_PROGRAM"), os.Args[1])
	}
	os.Exit(m.Run())
}

// helper is a credential helper that keeps one login in a file beside itself.
func helper() {
	file := filepath.Join(os.Getenv("SINK_TEST_PROGRAM"), "login")
	in, _ := io.ReadAll(os.Stdin)
	switch os.Args[1] {
	case "store":
		if err := os.WriteFile(file, in, 0o600); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case "get":
		data, err := os.ReadFile(file)
		if err != nil {
			fmt.Println("credentials not found in native keychain")
			os.Exit(1)
		}
		os.Stdout.Write(data)
	}
	os.Exit(0)
}

// prog is a user's command.
func prog(dir, what string) {
	in, _ := io.ReadAll(os.Stdin)
	file := filepath.Join(dir, "value")
	for _, text := range append(os.Environ(), os.Args...) {
		if strings.Contains(text, "pass/word") {
			fmt.Fprintln(os.Stderr, "an argument or a variable has the secret")
			os.Exit(9)
		}
	}
	switch what {
	case "put":
		if err := os.WriteFile(file, in, 0o600); err != nil {
			os.Exit(1)
		}
	case "get":
		data, _ := os.ReadFile(file)
		os.Stdout.Write(data)
	case "check":
		if data, _ := os.ReadFile(file); string(data) != string(in) {
			os.Exit(3)
		}
	case "fail":
		old, _ := os.ReadFile(file)
		fmt.Fprintf(os.Stderr, "\x1b[31mcannot put %s over %s: no such\nspace %s\n", in, old, strings.Repeat("x", 1000))
		os.Exit(7)
	case "print":
		var n int
		_, _ = fmt.Sscan(os.Args[2], &n)
		fmt.Print(strings.Repeat("x", n))
	}
	os.Exit(0)
}

func value(t *testing.T, password string, n int) sink.Value {
	t.Helper()
	reg, err := acrkit.ParseRegistry(host)
	if err != nil {
		t.Fatal(err)
	}
	return sink.Value{Registry: reg, Token: "ci-pull", Password: auth.NewSecret(password),
		Created: time.Date(2026, 1, 2, 3, 4, n, 123_456_700, time.UTC)}
}

// place is one kind of sink, in a folder of its own.
type place struct {
	text string // of the sink
	file string // that holds the value; "" = none whose time counts
	// overwrite puts another text where the value is; others is a text of something else.
	target, others string
}

func places(t *testing.T) (map[string]place, *sink.Options) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config, bin := filepath.Join(dir, "docker"), filepath.Join(dir, "bin")
	for _, d := range []string{config, bin} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"docker-credential-fake", secretStore} {
		if err := os.Symlink(self, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	opts := &sink.Options{LookupEnv: func(name string) (string, bool) {
		return config, name == "DOCKER_CONFIG"
	}, Environ: func() []string { return []string{"SINK_TEST_PROGRAM=" + dir, "PATH=" + os.Getenv("PATH")} }}
	other := `{"auths":{"` + host + `":{"auth":"b3RoZXI6cGFzcw=="}}}`
	plain, login := filepath.Join(dir, "pass word"), filepath.Join(dir, "config")
	docker := filepath.Join(config, "config.json")
	return map[string]place{
		"file":                  {"file:'" + plain + "'", plain, plain, "two words"},
		"file dockerconfigjson": {"file:" + login + " format:dockerconfigjson", login, login, other},
		"docker":                {"docker", docker, docker, other},
		"helper": {"docker", "", filepath.Join(dir, "login"),
			`{"Username":"other","Secret":"pass"}`},
		"command": {"exec:secret-store put read:secret-store get verify:secret-store check", "",
			filepath.Join(dir, "value"), "two words"},
		"command dockerconfigjson": {"exec:secret-store put format:dockerconfigjson read:secret-store get", "",
			filepath.Join(dir, "value"), other},
	}, opts
}

func open(t *testing.T, text string, opts *sink.Options) sink.Sink {
	t.Helper()
	s, err := sink.Parse(text, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The suite for every kind of sink that can be read back.
func TestSinks(t *testing.T) {
	for _, name := range []string{"file", "file dockerconfigjson", "docker", "helper", "command",
		"command dockerconfigjson"} {
		t.Run(name, func(t *testing.T) {
			all, opts := places(t)
			p := all[name]
			if name == "helper" {
				config, _ := opts.LookupEnv("DOCKER_CONFIG")
				if err := os.WriteFile(filepath.Join(config, "config.json"),
					[]byte(`{"credHelpers":{"`+host+`":"fake"}}`), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			ctx := t.Context()
			first, second := value(t, oldPassword, 1), value(t, newPassword, 2)
			s := open(t, p.text, opts)
			if held, err := s.Holds(ctx, second); err != nil || !held.Password.IsZero() || !held.Written.IsZero() ||
				held.Silent != strings.HasPrefix(name, "command") {
				t.Errorf("at first: %+v, %v", held, err)
			}
			for _, v := range []sink.Value{first, second, second} {
				if err := s.Deliver(ctx, v); err != nil {
					t.Fatal(err)
				}
				again := open(t, p.text, opts) // as in another process
				held, err := again.Holds(ctx, sink.Value{Registry: v.Registry, Token: v.Token})
				if err != nil || !held.Password.Equal(v.Password) || held.Silent {
					t.Errorf("read back: %+v, %v", held, err)
				}
				if (p.file != "") != held.Written.Equal(v.Created) {
					t.Errorf("written %s, created %s", held.Written, v.Created)
				}
				if err := s.Verify(ctx, v); err != nil {
					t.Errorf("verify: %v", err)
				}
			}
			if dump := fmt.Sprintf("%v %+v %#v", s, s, s); strings.Contains(dump, "pass/word") {
				t.Errorf("a secret is shown: %s", dump)
			}
			if err := s.Verify(ctx, first); acrkit.CodeOf(err) != acrkit.CodeIncomplete {
				t.Errorf("verify of another value: %v", err)
			}
			if info, err := os.Stat(p.target); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", info.Mode(), err)
			}
			// What another program writes after Holds is not overwritten.
			if p.file != "" || name == "helper" {
				if err := open(t, p.text, opts).Deliver(ctx, first); err != nil {
					t.Fatal(err)
				}
				if err := s.Deliver(ctx, second); acrkit.CodeOf(err) != acrkit.CodeIncomplete ||
					!strings.Contains(err.Error(), "meanwhile") {
					t.Errorf("changed meanwhile: %v", err)
				}
			}
			if err := os.WriteFile(p.target, []byte(p.others), 0o600); err != nil {
				t.Fatal(err)
			}
			s = open(t, p.text, opts)
			if _, err := s.Holds(ctx, second); acrkit.CodeOf(err) != acrkit.CodeUsage ||
				!strings.Contains(err.Error(), "not overwritten") {
				t.Errorf("another's content: %v", err)
			}
			if !strings.HasPrefix(name, "command") { // only the command knows what it overwrites
				if err := s.Deliver(ctx, second); acrkit.CodeOf(err) != acrkit.CodeUsage {
					t.Errorf("another's content: %v", err)
				}
				if data, err := os.ReadFile(p.target); err != nil || string(data) != p.others {
					t.Errorf("it was overwritten: %s, %v", data, err)
				}
			}
		})
	}
}

// A file with a password is its owner's, and a file that is not is not used.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "password"), filepath.Join(dir, "link")
	if err := os.Symlink("password", link); err != nil {
		t.Fatal(err)
	}
	v := value(t, newPassword, 1)
	for text, want := range map[string]string{
		"file:" + link:                   "symbolic link",
		"file:" + dir:                    "no regular file",
		"file:" + dir + "/none/password": "folder does not exist",
	} {
		s := open(t, text, nil)
		_, err := s.Holds(t.Context(), v)
		if derr := s.Deliver(t.Context(), v); acrkit.CodeOf(err) != acrkit.CodeUsage || derr == nil ||
			!strings.Contains(err.Error(), want) || acrkit.HintOf(err) == "" {
			t.Errorf("%s: %v, %v", text, err, derr)
		}
	}
	s := open(t, "file:"+path, nil)
	if err := s.Deliver(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := s.Deliver(t.Context(), v); acrkit.CodeOf(err) != acrkit.CodeUsage ||
		!strings.Contains(err.Error(), "by others") {
		t.Errorf("a file that others can read: %v", err)
	}
	// The longest password, and what is longer.
	for n, ok := range map[int]bool{512: true, 513: false} {
		if err := os.WriteFile(path, []byte(strings.Repeat("x", n)+"\r\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
		if held, err := open(t, "file:"+path, nil).Holds(t.Context(), v); (err == nil) != ok ||
			ok && len(held.Password.Reveal()) != n {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	for _, text := range []string{"pass word", "pass\nword", "pässword", "pass\x00word"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := open(t, "file:"+path, nil).Holds(t.Context(), v); acrkit.CodeOf(err) != acrkit.CodeUsage ||
			strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A config.json that others can read gets no password.
func TestDocker_mode(t *testing.T) {
	_, opts := places(t)
	config, _ := opts.LookupEnv("DOCKER_CONFIG")
	path := filepath.Join(config, "config.json")
	if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	err := open(t, "docker", opts).Deliver(t.Context(), value(t, newPassword, 1))
	if data, rerr := os.ReadFile(path); acrkit.CodeOf(err) != acrkit.CodeUsage || rerr != nil || string(data) != "{}" {
		t.Errorf("%v; it is now %s", err, data)
	}
	none := &sink.Options{LookupEnv: func(string) (string, bool) { return "", false }}
	if _, err := open(t, "docker", none).Holds(t.Context(), value(t, "", 1)); acrkit.CodeOf(err) != acrkit.CodeUsage {
		t.Errorf("no home: %v", err)
	}
	for helper, want := range map[string]string{"../x": "not a program name", "none-such": "no such program"} {
		text := []byte(`{"credsStore":"` + helper + `"}`)
		if err := errors.Join(os.WriteFile(path, text, 0o600), os.Chmod(path, 0o600)); err != nil {
			t.Fatal(err)
		}
		if _, err := open(t, "docker", opts).Holds(t.Context(), value(t, "", 1)); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", helper, err)
		}
	}
}

func TestCommand(t *testing.T) {
	_, opts := places(t)
	ctx := t.Context()
	v := value(t, newPassword, 1)

	s := open(t, "exec:secret-store put", opts)
	if _, err := s.Holds(ctx, v); !errors.Is(err, sink.ErrUnreadable) {
		t.Errorf("holds: %v", err)
	}
	if err := s.Deliver(ctx, value(t, oldPassword, 1)); err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(ctx, v); !errors.Is(err, sink.ErrUnverifiable) {
		t.Errorf("verify: %v", err)
	}
	s = open(t, "exec:secret-store put verify:secret-store check", opts)
	if err := s.Verify(ctx, v); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("verify of another value: %v", err)
	}
	if err := s.Verify(ctx, value(t, oldPassword, 1)); err != nil {
		t.Errorf("verify: %v", err)
	}

	// What a program says is shown without the secrets, as one line, and is cut.
	s = open(t, "exec:secret-store fail read:secret-store get", opts)
	if _, err := s.Holds(ctx, v); err != nil {
		t.Fatal(err)
	}
	err := s.Deliver(ctx, v)
	if err == nil || !strings.Contains(err.Error(), "exit status 7 and says: ") ||
		!strings.Contains(err.Error(), "cannot put [redacted] over [redacted]: no such space") ||
		strings.Contains(err.Error(), "\x1b") || len(err.Error()) > 900 {
		t.Errorf("%v", err)
	}
	if dump := fmt.Sprintf("%v %+v %#v %+v", err, err, v, s); strings.Contains(dump, "pass/word") {
		t.Errorf("a secret is shown: %s", dump)
	}
	if data, err := json.Marshal(v); err != nil || strings.Contains(string(data), "pass/word") {
		t.Errorf("%s, %v", data, err)
	}
	// A password that is read for the first time is not known: nothing is shown, but how to see why.
	_, err = open(t, "exec:x read:secret-store fail 'a b'", opts).Holds(ctx, value(t, "", 1))
	if e, ok := errors.AsType[*acrkit.Error](err); !ok || strings.Contains(err.Error(), "says") ||
		e.Hint != "secret-store fail 'a b' > /dev/null" {
		t.Errorf("%v", err)
	}

	for n, ok := range map[int]bool{64 << 10: true, 64<<10 + 1: false} {
		err := open(t, fmt.Sprintf("exec:secret-store print %d", n), opts).Deliver(ctx, v)
		if (err == nil) != ok || !ok && acrkit.CodeOf(err) != acrkit.CodeTooLarge {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if err := open(t, "exec:/none/such", opts).Deliver(ctx, v); acrkit.CodeOf(err) != acrkit.CodeUsage {
		t.Errorf("no program: %v", err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := open(t, "exec:secret-store put", opts).Deliver(ended, v); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

func TestParse(t *testing.T) {
	for text, cache := range map[string]time.Duration{
		"file:/run/acr/password":                               0,
		"file:'/run/a b' cache:10m":                            10 * time.Minute,
		`file:"it's" format:dockerconfigjson`:                  0,
		`file:C:\acr\password cache:744h`:                      744 * time.Hour,
		"docker":                                               0,
		" docker  cache:1m ":                                   time.Minute,
		"exec:put a:b 'c d' verify:check -x read:get cache:1s": time.Second,
		"exec:sh -c 'kubectl create secret generic acr | kubectl apply -f -' format:dockerconfigjson": 0,
	} {
		s, err := sink.Parse(text, nil)
		if err != nil || s.Cache() != cache || s.String() != text {
			t.Errorf("%s: %v, %v", text, s, err)
		}
	}
	for text, want := range map[string]string{
		"":                               "empty",
		"  ":                             "empty",
		"/run/acr":                       "begins with none of",
		"vault:secret-word":              "begins with none of",
		"file:":                          "nothing follows file:",
		"file:a b":                       "is not an option",
		"file:a verify:b":                "is not an option",
		"file:a format:json":             "the only format",
		"file:a cache:1":                 "cache is a duration",
		"file:a cache:-1s":               "cache is a duration",
		"file:a cache:744h1ns":           "cache is a duration",
		"file:a cache:1s cache:2s":       "cache: twice",
		"file:'a":                        "not closed",
		"docker:/etc":                    "DOCKER_CONFIG",
		"docker format:dockerconfigjson": "is not an option",
		"exec:":                          "nothing follows exec:",
		"exec:a verify:":                 "nothing follows verify:",
		"exec:a cache:1s b":              "is not an option",
	} {
		_, err := sink.Parse(text, nil)
		if acrkit.CodeOf(err) != acrkit.CodeUsage || !strings.Contains(err.Error(), want) ||
			strings.Contains(err.Error(), "secret-word") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A text that is read is one of a sink, and no error repeats it.
func FuzzParse(f *testing.F) {
	f.Add("file:/run/acr cache:1m")
	f.Add("exec:sh -c 'a b' verify:\"c\" read:d")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := sink.Parse(text, nil)
		if err != nil {
			if acrkit.CodeOf(err) != acrkit.CodeUsage {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if s.Cache() < 0 || strings.ContainsAny(s.String(), "\n\x1b") {
			t.Fatalf("%q: %q %s", text, s, s.Cache())
		}
		kind, _, _ := strings.Cut(strings.TrimLeft(s.String(), " '\""), ":")
		if fields := strings.Fields(kind); len(fields) == 0 {
			t.Fatalf("%q", text)
		}
	})
}
