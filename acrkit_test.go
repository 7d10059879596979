package acrkit_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/difftest"
)

const (
	sha256Digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	zero64       = "0000000000000000000000000000000000000000000000000000000000000000"
	sha512Digest = "sha512:" + zero64 + zero64
)

// TestVocabularyStaysSmall holds the promise that this package is small enough
// to be read in one sitting.
func TestVocabularyStaysSmall(t *testing.T) {
	const limit = 60
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	add := func(id *ast.Ident) {
		if id.IsExported() {
			names = append(names, id.Name)
		}
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					add(d.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					switch s := spec.(type) {
					case *ast.TypeSpec:
						add(s.Name)
					case *ast.ValueSpec:
						for _, id := range s.Names {
							add(id)
						}
					}
				}
			}
		}
	}
	slices.Sort(names)
	if len(names) < 20 {
		t.Fatalf("found only %d exported names, so this test does not look where it should: %v", len(names), names)
	}
	if len(names) > limit {
		t.Errorf("%d exported names, at most %d: %v", len(names), limit, names)
	}
}

func TestAction(t *testing.T) {
	want := map[string]string{"content/read": "pull", "content/write": "push", "content/delete": "delete",
		"metadata/read": "metadata_read", "metadata/write": "metadata_write"}
	got := map[string]string{}
	for _, a := range acrkit.Actions() {
		got[a.String()] = a.Wire()
		for _, s := range []string{a.String(), a.Wire()} {
			if back, err := acrkit.ParseAction(s); err != nil || back != a {
				t.Errorf("ParseAction(%q) = %v, %v, want %v", s, back, err, a)
			}
		}
	}
	if diff := difftest.Diff(want, got); diff != "" {
		t.Errorf("scope map names to wire words (-want +got):\n%s", diff)
	}
	for _, s := range []string{"", "Pull", "content", "content/read ", "metadataRead", "*", "deleted_read"} {
		if a, err := acrkit.ParseAction(s); !errors.Is(err, acrkit.CodeUsage) || a != 0 {
			t.Errorf("ParseAction(%q) = %v, %v, want a usage error", s, a, err)
		}
	}
	for _, a := range []acrkit.Action{0, 6, 255} {
		if a.Wire() != "" || a.String() != fmt.Sprintf("Action(%d)", uint8(a)) {
			t.Errorf("Action(%d) is %q, %q", uint8(a), a.String(), a.Wire())
		}
	}
}

func TestParseRegistry(t *testing.T) {
	for _, tc := range []struct {
		in, host, hostname, name string
		acr, loopback            bool
	}{
		{"myregistry", "myregistry.azurecr.io", "myregistry.azurecr.io", "myregistry", true, false},
		{"MyRegistry.AzureCR.IO", "myregistry.azurecr.io", "myregistry.azurecr.io", "myregistry", true, false},
		{"https://myregistry.azurecr.io/", "myregistry.azurecr.io", "myregistry.azurecr.io", "myregistry", true, false},
		{"HTTPS://myregistry.azurecr.io", "myregistry.azurecr.io", "myregistry.azurecr.io", "myregistry", true, false},
		{"myregistry.azurecr.io:443", "myregistry.azurecr.io", "myregistry.azurecr.io", "myregistry", true, false},
		{"myregistry-d4e5f6.azurecr.cn", "myregistry-d4e5f6.azurecr.cn", "myregistry-d4e5f6.azurecr.cn",
			"myregistry-d4e5f6", true, false},
		{"myregistry.azurecr.us", "myregistry.azurecr.us", "myregistry.azurecr.us", "myregistry", true, false},
		{"myregistry.westeurope.geo.azurecr.io", "myregistry.westeurope.geo.azurecr.io",
			"myregistry.westeurope.geo.azurecr.io", "myregistry", true, false},
		{"myregistry.azurecr.io:8443", "myregistry.azurecr.io:8443", "myregistry.azurecr.io",
			"myregistry", false, false},
		{"registry.example.com", "registry.example.com", "registry.example.com", "registry", false, false},
		{"localhost", "localhost", "localhost", "localhost", false, true},
		{"localhost:443", "localhost", "localhost", "localhost", false, true},
		{"LOCALHOST:5443", "localhost:5443", "localhost", "localhost", false, true},
		{"myregistry.azurecr.localhost:5443", "myregistry.azurecr.localhost:5443", "myregistry.azurecr.localhost",
			"myregistry", false, true},
		{"127.0.0.1:5443", "127.0.0.1:5443", "127.0.0.1", "127", false, true},
		{"127.1.2.3", "127.1.2.3", "127.1.2.3", "127", false, true},
		{"[::1]:5443", "[::1]:5443", "::1", "::1", false, true},
		{"[0:0::1]", "[::1]", "::1", "::1", false, true},
		{"[::ffff:127.0.0.1]:1", "[::ffff:127.0.0.1]:1", "::ffff:127.0.0.1", "::ffff:127", false, true},
		{"10.0.0.1:5000", "10.0.0.1:5000", "10.0.0.1", "10", false, false},
		{"registry:5000", "registry:5000", "registry", "registry", false, false},
		// A bare host keeps its port even if it is 443: without it, its text
		// would name another machine.
		{"registry:443", "registry:443", "registry", "registry", false, false},
	} {
		t.Run(tc.in, func(t *testing.T) {
			r, err := acrkit.ParseRegistry(tc.in)
			if err != nil {
				t.Fatal(err)
			}
			type facts struct {
				Host, Hostname, Name string
				ACR, Loopback        bool
			}
			want := facts{tc.host, tc.hostname, tc.name, tc.acr, tc.loopback}
			got := facts{r.Host(), r.Hostname(), r.Name(), r.IsACR(), r.IsLoopback()}
			if diff := difftest.Diff(want, got); diff != "" {
				t.Errorf("ParseRegistry(%q) (-want +got):\n%s", tc.in, diff)
			}
		})
	}
}

func TestParseRegistry_lookAlikes(t *testing.T) {
	for _, s := range []string{
		"myregistry.azurecr.io.evil.example",
		"myregistry.azurecr.io-evil.example",
		"azurecr.io", // no name before the suffix
		"evil.example",
		"myregistryazurecr.io",
		"my.registry.azurecr.io",
		"x.geo.azurecr.io",
		"a.b.c.geo.azurecr.io",
		"a.b.geo.c.azurecr.io",
		"myregistry.azurecr.io:8443",
		"myregistry.azurecr.com",
		"myregistry.azurecr.de",
		"xn--zurecr-2ve.io",
		"localhost.evil.example",
		"127.0.0.1.evil.example",
		"notlocalhost",
		"mylocalhost:5443",
		"0.0.0.0:5443",
		"[::]:5443",
		"[fe80::1]:5443",
		"169.254.169.254",
	} {
		r, err := acrkit.ParseRegistry(s)
		if err != nil {
			t.Errorf("ParseRegistry(%q): %v; it is a well-formed host", s, err)
			continue
		}
		if s != "notlocalhost" && r.IsACR() {
			t.Errorf("%q is taken for a login server of ACR", s)
		}
		if r.IsLoopback() {
			t.Errorf("%q is taken for loopback", s)
		}
	}
	var zero acrkit.Registry
	if zero.IsACR() || zero.IsLoopback() || !zero.IsZero() || zero.Name() != "" || zero.Hostname() != "" {
		t.Error("the zero registry is something")
	}
}

func TestRegistry_LoginServer(t *testing.T) {
	for host, want := range map[string]string{
		"myregistry.westeurope.geo.azurecr.io":              "myregistry.azurecr.io",
		"MyRegistry.WestEurope.geo.azurecr.io:443":          "myregistry.azurecr.io",
		"myregistry-d7ezgzevdwfvc8ht.eastus.geo.azurecr.io": "myregistry-d7ezgzevdwfvc8ht.azurecr.io",
		"myregistry.chinaeast2.geo.azurecr.cn":              "myregistry.azurecr.cn",
		"myregistry.usgovvirginia.geo.azurecr.us":           "myregistry.azurecr.us",
		"myregistry.westeurope.geo.azurecr.localhost:5443":  "myregistry.azurecr.localhost:5443",
		"myregistry.westeurope.geo.azurecr.localhost":       "myregistry.azurecr.localhost",
		"myregistry":                                           "myregistry.azurecr.io",
		"myregistry.azurecr.io":                                "myregistry.azurecr.io",
		"myregistry-d7ezgzevdwfvc8ht.azurecr.io":               "myregistry-d7ezgzevdwfvc8ht.azurecr.io",
		"localhost:5443":                                       "localhost:5443",
		"[::1]:5443":                                           "[::1]:5443",
		"registry.contoso.com":                                 "registry.contoso.com",
		"myregistry.westeurope.data.azurecr.io":                "myregistry.westeurope.data.azurecr.io",
		"myregistry.westeurope.notgeo.azurecr.io":              "myregistry.westeurope.notgeo.azurecr.io",
		"myregistry.geo.azurecr.io":                            "myregistry.geo.azurecr.io",
		"a.b.c.geo.azurecr.io":                                 "a.b.c.geo.azurecr.io",
		"a.b.geo.c.azurecr.io":                                 "a.b.geo.c.azurecr.io",
		"myregistry.westeurope.geo.azurecr.de":                 "myregistry.westeurope.geo.azurecr.de",
		"myregistry.westeurope.geo.azurecr.io:8443":            "myregistry.westeurope.geo.azurecr.io:8443",
		"myregistry.westeurope.geo.azurecr.io.evil.example":    "myregistry.westeurope.geo.azurecr.io.evil.example",
		"myregistry.westeurope.geo.evilazurecr.io":             "myregistry.westeurope.geo.evilazurecr.io",
		"myregistry.westeurope.geo.azurecr.localhost.evil.com": "myregistry.westeurope.geo.azurecr.localhost.evil.com",
	} {
		r, err := acrkit.ParseRegistry(host)
		if err != nil {
			t.Fatal(err)
		}
		of := r.LoginServer()
		if of.Host() != want || of.IsACR() != r.IsACR() || of.IsLoopback() != r.IsLoopback() || of.LoginServer() != of {
			t.Errorf("%s belongs to %s, want %s", host, of, want)
		}
	}
	if !(acrkit.Registry{}).LoginServer().IsZero() {
		t.Error("the zero registry belongs to one")
	}
}

func TestParseRegistry_refuses(t *testing.T) {
	for _, tc := range []struct{ name, in, message string }{
		{"empty", "", "is empty"},
		{"space", " myregistry", "white space"},
		{"line feed", "myregistry\n", "white space"},
		{"plain HTTP", "http://myregistry.azurecr.io", "plain-HTTP"},
		{"plain HTTP in capitals", "HTTP://myregistry.azurecr.io", "plain-HTTP"},
		{"another scheme", "ftp://myregistry.azurecr.io", ""},
		{"scheme twice", "https://https://myregistry.azurecr.io", ""},
		{"path", "myregistry.azurecr.io/samples", "without a path"},
		{"encoded path", "myregistry.azurecr.io/%2e", "without a path"},
		{"query", "myregistry.azurecr.io?a=b", "host name alone"},
		{"empty query", "myregistry.azurecr.io?", "host name alone"},
		{"fragment", "myregistry.azurecr.io#x", "host name alone"},
		{"fragment hides the host", "evil.example#.azurecr.io", "host name alone"},
		{"user", "myregistry.azurecr.io@evil.example", "user name"},
		{"user and password", "https://u:p@myregistry.azurecr.io", "user name"},
		{"backslash", `evil.example\.azurecr.io`, ""},
		{"trailing dot", "myregistry.azurecr.io.", "not a host name"},
		{"two dots", "myregistry..azurecr.io", "not a host name"},
		{"leading hyphen", "-o.azurecr.io", "not a host name"},
		{"wildcard", "*.azurecr.io", "not a host name"},
		{"long label", strings.Repeat("a", 64) + ".azurecr.io", "not a host name"},
		{"long host", strings.Repeat("a.", 130) + "io", "not a host name"},
		{"empty port", "myregistry.azurecr.io:", "empty port"},
		{"port zero", "myregistry.azurecr.io:0", "bad port"},
		{"port with zeros", "localhost:05443", "bad port"},
		{"port too large", "localhost:65536", "bad port"},
		{"port by name", "localhost:https", ""},
		{"IPv6 zone", "[fe80::1%25eth0]:5443", "zone"},
		{"IPv6 without brackets", "::1", ""},
		{"brackets around a name", "[myregistry]", ""},
		{"not ASCII", "myrégistry.azurecr.io", "not a host name"},
		// U+212A KELVIN SIGN: its lower case is the ASCII letter k.
		{"letter whose lower case is ASCII", "\u212aontoso.azurecr.io", "not a host name"},
		{"encoded letter", "my%72egistry.azurecr.io", ""},
		{"control character", "my\x00registry", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, err := acrkit.ParseRegistry(tc.in)
			if !errors.Is(err, acrkit.CodeUsage) || !strings.Contains(err.Error(), tc.message) {
				t.Errorf("ParseRegistry(%q) = %q, %v, want a usage error with %q", tc.in, r, err, tc.message)
			}
			if !r.IsZero() {
				t.Errorf("ParseRegistry(%q) returned %q beside its error", tc.in, r)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("the message has more than one line: %q", err)
			}
		})
	}
}

// TestMessagesHideSecrets: a URL that was pasted with a password in it is refused
// without showing the password.
func TestMessagesHideSecrets(t *testing.T) {
	for _, s := range []string{
		"https://u:hunter2@myregistry.azurecr.io", "u:hunter2@myregistry.azurecr.io",
		"u:hunt@hunter2@myregistry.azurecr.io",
		"u:hunter2@myregistry.azurecr.io/app:v1", "https://u:hunter2@myregistry.azurecr.io/app@" + sha256Digest,
		"myregistry.azurecr.io?sig=hunter2", "myregistry.azurecr.io/app?sig=hunter2", "myregistry.azurecr.io#hunter2",
		"http://u:hunter2@myregistry.azurecr.io", " https://u:hunter2@myregistry.azurecr.io",
	} {
		for what, parse := range map[string]func(string) error{
			"ParseRegistry": func(s string) error { _, err := acrkit.ParseRegistry(s); return err },
			"ParseReference": func(s string) error {
				_, err := acrkit.ParseReference(s, acrkit.Registry{})
				return err
			},
			"CheckRepositoryName": acrkit.CheckRepositoryName,
		} {
			if err := parse(s); err == nil || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s(%q): %v", what, s, err)
			}
		}
	}
}

func FuzzParseRegistry(f *testing.F) {
	for _, s := range []string{"myregistry", "https://myregistry.azurecr.io/", "myregistry.azurecr.io.evil.example",
		"localhost:5443",
		"[::1]:5443", "foo:443", "[::ffff:1.2.3.4%25x]", "a@b", "\u212a.azurecr.io", "x.y.geo.azurecr.cn", "127.1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := acrkit.ParseRegistry(s)
		if err != nil {
			if !r.IsZero() || !errors.Is(err, acrkit.CodeUsage) {
				t.Errorf("ParseRegistry(%q) = %q, %v", s, r, err)
			}
			return
		}
		host := r.Host()
		if back, err := acrkit.ParseRegistry(host); err != nil || back != r {
			t.Fatalf("ParseRegistry(%q) = %q, which reads as %q, %v", s, r, back, err)
		}
		for i := range len(host) {
			c := host[i]
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("-_.:[]", rune(c)) {
				t.Errorf("ParseRegistry(%q) = %q holds %q", s, host, c)
			}
		}
		if of := r.LoginServer(); of.IsACR() != r.IsACR() || of.IsLoopback() != r.IsLoopback() ||
			of.Name() != r.Name() {
			t.Errorf("%q belongs to %q, which is another sort of host", host, of)
		}
		for _, suffix := range []string{".azurecr.io", ".azurecr.us", ".azurecr.cn"} {
			if strings.HasSuffix(host, suffix) && strings.Count(host, ".") == 2 && !r.IsACR() {
				t.Errorf("%q is not taken for ACR", host)
			}
			if strings.HasSuffix(host, ":443") && r.Hostname() != "localhost" && strings.Contains(host, ".") {
				t.Errorf("%q keeps the default port", host)
			}
		}
		if r.IsACR() && (strings.Contains(host, ":") || r.IsLoopback()) {
			t.Errorf("%q is taken for ACR", host)
		}
		if ref, err := acrkit.ParseReference(host+"/a:v1", acrkit.Registry{}); strings.ContainsAny(host, ".:") &&
			(err != nil || ref.Registry != r) {
			t.Errorf("a reference on %q reads as %+v, %v", host, ref, err)
		}
	})
}

func TestParseReference(t *testing.T) {
	fallback := mustRegistry(t, "myregistry")
	for _, tc := range []struct{ in, registry, name, tag, digest, target string }{
		{"samples/app", "myregistry.azurecr.io", "samples/app", "", "", ""},
		{"samples/app:v1", "myregistry.azurecr.io", "samples/app", "v1", "", "v1"},
		{"app@" + sha256Digest, "myregistry.azurecr.io", "app", "", sha256Digest, sha256Digest},
		{"app:v1@" + sha512Digest, "myregistry.azurecr.io", "app", "v1", sha512Digest, sha512Digest},
		{"other.azurecr.cn/samples/app:v1", "other.azurecr.cn", "samples/app", "v1", "", "v1"},
		{"localhost/app", "localhost", "app", "", "", ""},
		{"localhost:5443/samples/app", "localhost:5443", "samples/app", "", "", ""},
		{"[::1]:5443/app:v1", "[::1]:5443", "app", "v1", "", "v1"},
		{"registry:443/app:v1", "registry:443", "app", "v1", "", "v1"},
		{"a/b/c/d", "myregistry.azurecr.io", "a/b/c/d", "", "", ""},
	} {
		t.Run(tc.in, func(t *testing.T) {
			ref, err := acrkit.ParseReference(tc.in, fallback)
			if err != nil {
				t.Fatal(err)
			}
			want := []string{tc.registry, tc.name, tc.tag, tc.digest, tc.target}
			got := []string{ref.Registry.Host(), ref.Name, ref.Tag, ref.Digest, ref.Target()}
			if diff := difftest.Diff(want, got); diff != "" {
				t.Errorf("ParseReference(%q) (-want +got):\n%s", tc.in, diff)
			}
			back, err := acrkit.ParseReference(ref.String(), acrkit.Registry{})
			if err != nil || back != ref {
				t.Errorf("%q reads as %+v, %v", ref, back, err)
			}
		})
	}
	if ref, err := acrkit.ParseReference("app:v1", acrkit.Registry{}); err != nil || ref.String() != "app:v1" ||
		!ref.Registry.IsZero() {
		t.Errorf("without a registry: %+v, %v", ref, err)
	}
}

func TestParseReference_refuses(t *testing.T) {
	for _, tc := range []struct{ name, in, message string }{
		{"empty", "", "is empty"},
		{"registry alone", "myregistry.azurecr.io/", "is empty"},
		{"URL", "https://myregistry.azurecr.io/app", "is a URL"},
		{"URL in capitals", "HTTPS://myregistry.azurecr.io/app", "is a URL"},
		{"upper case", "Samples/app", "upper-case"},
		{"not ASCII", "sämples/app", "is not a repository name"},
		{"not UTF-8", "samples/\xff", "is not a repository name"},
		{"two slashes", "samples//app", "is not a repository name"},
		{"dots", "samples/..", "is not a repository name"},
		{"leading dot is a registry", "./app", "not a host name"},
		{"empty tag", "app:", "malformed tag"},
		{"tag with a hyphen first", "app:-v", "malformed tag"},
		{"long tag", "app:" + strings.Repeat("a", 129), "malformed tag"},
		{"two tags", "app:v1:v2", "is not a repository name"},
		{"empty digest", "app@", "malformed digest"},
		{"short digest", "app@sha256:abc", "malformed digest"},
		{"digest in capitals", "app@" + strings.ToUpper(sha256Digest), "malformed digest"},
		{"unknown algorithm", "app@md5:" + strings.Repeat("0", 32), "malformed digest"},
		{"two digests", "app@" + sha256Digest + "@" + sha256Digest, "malformed digest"},
		{"long name", strings.Repeat("a", acrkit.MaxRepositoryName+1), "longer than"},
		{"line feed", "app\n", "is not a repository name"},
		{"line feed after a tag", "app:v1\n", "malformed tag"},
		{"line feed after a digest", "app@" + sha256Digest + "\n", "malformed digest"},
		{"wildcard", "samples/*", "is not a repository name"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ref, err := acrkit.ParseReference(tc.in, acrkit.Registry{})
			if !errors.Is(err, acrkit.CodeUsage) || !strings.Contains(err.Error(), tc.message) {
				t.Errorf("ParseReference(%q) = %+v, %v, want a usage error with %q", tc.in, ref, err, tc.message)
			}
			if ref != (acrkit.Reference{}) {
				t.Errorf("ParseReference(%q) returned %+v beside its error", tc.in, ref)
			}
		})
	}
}

func TestCheckRepositoryName(t *testing.T) {
	for _, name := range []string{"a", "samples/app", "a.b", "a_b", "a__b", "a-b", "a---b", "0/1",
		strings.Repeat("a", acrkit.MaxRepositoryName)} {
		if err := acrkit.CheckRepositoryName(name); err != nil {
			t.Errorf("CheckRepositoryName(%q) = %v", name, err)
		}
	}
	for _, name := range []string{"", "/", "a/", "/a", "a..b", "a___b", "a._b", "-a", "a-", "_a", "a/_catalog", "a b",
		"a%2fb", "a:b", "a@b", "*", "a\x00", "a\n"} {
		if err := acrkit.CheckRepositoryName(name); !errors.Is(err, acrkit.CodeUsage) {
			t.Errorf("CheckRepositoryName(%q) = %v, want a usage error", name, err)
		}
	}
}

func FuzzParseReference(f *testing.F) {
	for _, s := range []string{"samples/app:v1", "myregistry.azurecr.io/a@" + sha256Digest, "localhost:5443/a",
		"foo:443/x", "a.b/c", "[::1]:1/a:b",
		"http://a/b", "a:v1@" + sha512Digest} {
		f.Add(s, "myregistry")
		f.Add(s, "")
	}
	f.Fuzz(func(t *testing.T, s, fb string) {
		fallback, err := acrkit.ParseRegistry(fb)
		if err != nil && fb != "" {
			return
		}
		ref, err := acrkit.ParseReference(s, fallback)
		if err != nil {
			if ref != (acrkit.Reference{}) || !errors.Is(err, acrkit.CodeUsage) {
				t.Errorf("ParseReference(%q) = %+v, %v", s, ref, err)
			}
			return
		}
		if err := acrkit.CheckRepositoryName(ref.Name); err != nil {
			t.Errorf("ParseReference(%q) has a bad name: %v", s, err)
		}
		if ref.Tag != "" && !acrkit.IsTag(ref.Tag) || ref.Digest != "" && !acrkit.IsDigest(ref.Digest) {
			t.Errorf("ParseReference(%q) = %+v", s, ref)
		}
		back, err := acrkit.ParseReference(ref.String(), acrkit.Registry{})
		if err != nil || back != ref {
			t.Errorf("ParseReference(%q) = %q, which reads as %+v, %v", s, ref, back, err)
		}
	})
}

func mustRegistry(tb testing.TB, s string) acrkit.Registry {
	tb.Helper()
	r, err := acrkit.ParseRegistry(s)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func TestError(t *testing.T) {
	reg := mustRegistry(t, "myregistry")
	service := acrkit.ServiceError{Code: "UNAUTHORIZED", Message: "authentication required",
		Detail: json.RawMessage(`null`)}
	cause := errors.New("connection reset")
	for _, tc := range []struct {
		name string
		err  *acrkit.Error
		want string
	}{
		{"all", &acrkit.Error{Code: acrkit.CodeInsufficientScope, Op: `list tags of "team/app"`, Registry: reg,
			Reason: `the token "ci-pull" has content/read but not metadata/read`, Status: 401, RequestID: "6f1c",
			Errs: []error{service}},
			`cannot list tags of "team/app" on myregistry.azurecr.io: the token "ci-pull" has content/read but not metadata/read (401 insufficient_scope, request 6f1c)`},
		{"causes speak where no reason is given", &acrkit.Error{Code: acrkit.CodeUnavailable, Op: "reach it",
			Errs: []error{service, cause}},
			"cannot reach it: UNAUTHORIZED: authentication required; connection reset"},
		{"status without a code", &acrkit.Error{Reason: "odd", Status: 418}, "odd (418)"},
		{"request id alone", &acrkit.Error{Reason: "odd", RequestID: "1"}, "odd (request 1)"},
		{"code alone", &acrkit.Error{Code: acrkit.CodeLocked}, "locked"},
		{"a nil cause", &acrkit.Error{Code: acrkit.CodeLocked, Errs: []error{nil}}, "locked"},
		{"registry without an operation", &acrkit.Error{Code: acrkit.CodeLocked, Registry: reg}, "locked"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := difftest.Diff(tc.want, tc.err.Error()); diff != "" {
				t.Errorf("Error() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestError_tree(t *testing.T) {
	service := acrkit.ServiceError{Code: "TOOMANYREQUESTS"}
	inner := &acrkit.Error{Code: acrkit.CodeThrottled, Errs: []error{service}}
	outer := fmt.Errorf("while copying: %w",
		&acrkit.Error{Code: acrkit.CodeIncomplete, Errs: []error{nil, errors.New("x"), inner}})
	if got := acrkit.CodeOf(outer); got != acrkit.CodeIncomplete {
		t.Errorf("CodeOf = %q, want the outermost", got)
	}
	for _, code := range []acrkit.Code{acrkit.CodeIncomplete, acrkit.CodeThrottled} {
		if !errors.Is(outer, code) {
			t.Errorf("errors.Is(err, %s) = false", code)
		}
	}
	if errors.Is(outer, acrkit.CodeDenied) {
		t.Error("errors.Is(err, denied) = true")
	}
	got, ok := errors.AsType[acrkit.ServiceError](outer)
	if !ok || got.Error() != "TOOMANYREQUESTS" {
		t.Errorf("the service's own error is %v, %v", got, ok)
	}
	if got := acrkit.CodeOf(errors.New("x")); got != "" || acrkit.CodeOf(nil) != "" {
		t.Errorf("CodeOf a foreign error = %q", got)
	}
}

func TestHintOf(t *testing.T) {
	hinted := &acrkit.Error{Code: acrkit.CodeUsage, Hint: "acrkit login"}
	for want, errs := range map[string][]error{
		"acrkit login": {hinted, fmt.Errorf("wrapped: %w", hinted), errors.Join(errors.New("plain"), hinted)},
		"": {nil, errors.New("plain"), &acrkit.Error{Code: acrkit.CodeUsage},
			&acrkit.Error{Errs: []error{hinted}}},
	} {
		for _, err := range errs {
			if got := acrkit.HintOf(err); got != want {
				t.Errorf("HintOf(%v) = %q, want %q", err, got, want)
			}
		}
	}
}
