package archtest

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// machineFacts identify this machine and account. An empty field is not looked for.
type machineFacts struct {
	kernel string // release of the kernel, as "uname -r" prints it
	host   string // host name, without its domain
	user   string // name of the account
	home   string // absolute path of its home
	folder string // absolute path of the checkout
}

// readMachine returns the facts of this machine. A fact that cannot be read stays empty.
func readMachine(folder string) machineFacts {
	f := machineFacts{folder: folder}
	if out, err := exec.Command("uname", "-r").Output(); err == nil {
		f.kernel = strings.TrimSpace(string(out))
	}
	if name, err := os.Hostname(); err == nil {
		f.host, _, _ = strings.Cut(name, ".")
	}
	if u, err := user.Current(); err == nil {
		f.user = u.Username[strings.LastIndexByte(u.Username, '\\')+1:] // without a Windows domain
	}
	if home, err := os.UserHomeDir(); err == nil {
		f.home = home
	}
	return f
}

// neutralHomes are the homes that documents and captures show in place of one.
var neutralHomes = []string{"/home/user", "/home/me", "/home/u"}

// ordinary are names of hosts and accounts that are also common words. They are looked
// for only in the form user@host.
var ordinary = []string{
	"root", "user", "me", "you", "admin", "administrator", "runner", "build", "builder", "docker",
	"podman", "ci", "test",
	"dev", "developer", "localhost", "host", "machine", "server", "registry", "vm", "debian", "ubuntu",
	"linux", "mac", "node",
	"go", "python", "java", "app", "work", "acrkit",
}

// find returns what of the machine a text holds, for a message; "" is nothing.
// A letter, digit or hyphen may not follow a name or path.
func (f machineFacts) find(text string) string {
	if f.kernel != "" && strings.Contains(text, f.kernel) {
		return fmt.Sprintf("the kernel's release %q", f.kernel)
	}
	for _, p := range []struct{ what, value string }{{"home", f.home}, {"checkout", f.folder}} {
		value := strings.TrimRight(p.value, `/\`)
		if value != "" && !slices.Contains(neutralHomes, value) && wordMatcher(value).MatchString(text) {
			return fmt.Sprintf("the path of the %s, %q", p.what, value)
		}
	}
	if login := f.user + "@" + f.host; len(login) > 1 && wordMatcher(login).MatchString(text) {
		return fmt.Sprintf("%q", login)
	}
	for _, n := range []struct{ what, value string }{{"host", f.host}, {"account", f.user}} {
		if n.value != "" && !slices.Contains(ordinary, strings.ToLower(n.value)) &&
			wordMatcher(n.value).MatchString(text) {
			return fmt.Sprintf("the name of the %s, %q", n.what, n.value)
		}
	}
	return ""
}

func wordMatcher(text string) *regexp.Regexp {
	return regexp.MustCompile(`(^|[^\pL\pN_-])` + regexp.QuoteMeta(text) + `($|[^\pL\pN_-])`)
}

// someMachine matches output that names the machine that printed it.
var someMachine = []struct {
	what    string
	pattern *regexp.Regexp
}{
	{"a kernel's release", regexp.MustCompile(`(?i)\bLinux[ -]v?\d+\.\d+(\.\d+)?-[\w.-]+`)},
	{"a kernel's release",
		regexp.MustCompile(`\b\d+\.\d+\.\d+(-\d+-(generic|amd64|cloud|azure|aws|gcp)|(\.\d+)?-(microsoft|WSL2|fc-v))`)},
	{"a temporary folder", regexp.MustCompile(`(/tmp|/var/folders|/var/tmp|\\Temp)[/\\][^\s"':]*\d{5,}`)},
	{"a home", regexp.MustCompile(`(?m)(?:^|[^\w.$}])(/root/|/home/\w[\w.-]*|/Users/\w[\w.-]*)`)},
}

// findSomeMachine returns what of some machine a text holds, for a message; "" is
// nothing.
func findSomeMachine(text string) string {
	for _, s := range someMachine {
		for _, m := range s.pattern.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(neutralHomes, m[len(m)-1]) {
				return fmt.Sprintf("%s, %q", s.what, m[0])
			}
		}
	}
	return ""
}

// isPage reports whether a file is a document, a capture or test data, which quote
// what programs print. Source code does not.
func isPage(path string) bool {
	return strings.HasSuffix(path, ".md") || strings.HasPrefix(path, "docs/") ||
		strings.HasPrefix(path, "interop/captures/") ||
		strings.Contains(path, "testdata/") || strings.HasSuffix(path, ".txtar")
}

// TestNoMachineInPages checks that no committed document, capture or test data names the
// machine on which it was written: it would be wrong on every other.
func TestNoMachineInPages(t *testing.T) {
	root, err := filepath.Abs(moduleRoot)
	if err != nil {
		t.Fatal(err)
	}
	facts, pages := readMachine(root), 0
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch d.Name() {
			case ".git", "node_modules", "results": // interop/results is not committed
				return fs.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil || !isPage(filepath.ToSlash(rel)) || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		pages++
		if what := cmp.Or(facts.find(string(text)), findSomeMachine(string(text))); what != "" {
			t.Errorf("%s holds %s", rel, what)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if pages < 100 {
		t.Errorf("only %d pages were read", pages)
	}
}

func TestMachineFacts(t *testing.T) {
	zoe := machineFacts{kernel: "6.1.0-51-x", host: "buildbox7", user: "zoe", home: "/data/people/zoe",
		folder: "/src/acr kit"}
	plain := machineFacts{host: "vm", user: "root", home: "/home/user"}
	for _, tc := range []struct {
		facts      machineFacts
		text, want string
	}{
		{zoe, "Node.js v20 (Linux 6.1.0-51-x; x64)", "kernel"},
		{zoe, "dial tcp: lookup x on buildbox7: no", "host"},
		{zoe, "connected as zoe", "account"},
		{zoe, "zoe@buildbox7:~$", "zoe@buildbox7"},
		{zoe, "open /data/people/zoe/.docker/config.json", "home"},
		{zoe, "open /data/people/zoe", "home"},
		{zoe, "/src/acr kit/proxy/proxy.go:12", "checkout"},
		{zoe, "buildbox77, zoeken, x-zoe, zoe_1", ""},
		{zoe, "open /data/people/zoeken/.docker", ""},
		{zoe, "Linux 6.1.0-51", ""},
		{plain, "a root map on a vm, in /home/user/x", ""},
		{plain, "root@vm:/# uname", "root@vm"},
		{machineFacts{home: "/"}, "a/b /c", ""},
		{machineFacts{}, "@ and /", ""},
	} {
		if got := tc.facts.find(tc.text); (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%q: %q, want %q", tc.text, got, tc.want)
		}
	}
	for text, want := range map[string]string{
		"(Linux 6.99.0-fc-v1; x64)":                        "kernel",
		"Linux-5.15.0-1073-azure-x86_64":                   "kernel",
		"kernel 6.1.0-31-amd64":                            "kernel",
		"--ca-file /tmp/acrkit-interop-394209263/ca.pem":   "temporary",
		"/var/folders/xy/T/TestX123456/001":                "temporary",
		"open /root/.docker/config.json":                   "home",
		"open /home/zoe/.docker/config.json":               "home",
		"open /Users/zoe/.docker":                          "home",
		"open /home/user/.docker, /home/me/x":              "",
		"$HOME/root/x, linux-amd64, Linux, /tmp/x, v1.2.3": "",
		"docker 20.10.24+dfsg1, Linux, 2 processors":       "",
	} {
		if got := findSomeMachine(text); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if f := readMachine("/checkout"); f.host == "" || f.folder != "/checkout" {
		t.Errorf("%+v", f)
	}
}
