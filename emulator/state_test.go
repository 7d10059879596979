package emulator_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
)

const appManifest = "/v2/samples/app/manifests/v1"

func (f *fixture) digest() string {
	f.t.Helper()
	token := f.access("ci-pull", pullPw, "repository:samples/app:pull")
	a := f.do("GET", appManifest, http.Header{"Authorization": {"Bearer " + token},
		"Accept": {"application/vnd.oci.image.index.v1+json"}}, "")
	if a.status != 200 {
		f.t.Fatalf("%d %s", a.status, a.body)
	}
	return a.header.Get("Docker-Content-Digest")
}

func TestRestartKeepsState(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	f := start(t, &emulator.Options{DataDir: dir})
	ca, digest := string(f.CACertificate()), f.digest()
	refresh := f.refreshToken()
	access := f.access("ci-pull", pullPw, appRead)
	made, err := f.registry().GeneratePasswords(t.Context(), "ci-push", time.Time{}, "password2")
	must(t, err)
	must(t, f.registry().SetTokenStatus(t.Context(), "catalog", false))
	admin, err := f.registry().AdminPasswords()
	must(t, err)
	f.stop()

	for name, s := range map[string]*seed.Seed{"same_seed": parse(t, seed.Example()), "no_seed": nil} {
		t.Run(name, func(t *testing.T) {
			o := &emulator.Options{DataDir: dir, Seed: s}
			var f2 *fixture
			if s == nil {
				// start would take the example seed.
				e, err := emulator.Open(t.Context(), o)
				must(t, err)
				must(t, e.Close())
				return
			}
			f2 = start(t, o)
			f2.host = f.host // service and audience are those of the first run
			if string(f2.CACertificate()) != ca {
				t.Error("another certificate authority")
			}
			onDisk, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
			must(t, err)
			if string(onDisk) != ca {
				t.Error("ca.pem is another")
			}
			if got := f2.digest(); got != digest {
				t.Errorf("digest %s, was %s", got, digest)
			}
			if a := f2.get(appTags, bearer(access)); a.status != 200 {
				t.Errorf("the access token: %d", a.status)
			}
			if a := f2.post("/oauth2/token", "grant_type", "refresh_token", "service", f.host, "refresh_token",
				refresh); a.status != 200 {
				t.Errorf("the refresh token: %d", a.status)
			}
			if a := f2.password("ci-push", string(made[0].Value), ""); a.status != 200 {
				t.Errorf("the generated password: %d", a.status)
			}
			if a := f2.password("catalog", "correct-horse-battery-staple-0003", ""); a.status != 401 {
				t.Errorf("the disabled token: %d", a.status)
			}
			again, err := f2.registry().AdminPasswords()
			must(t, err)
			if again != admin {
				t.Error("the admin passwords are others")
			}
			denied := 0
			for _, err := range f2.Decisions(t.Context(),
				emulator.DecisionFilter{After: 0, Outcome: emulator.OutcomeAllowed}) {
				must(t, err)
				denied++
			}
			if denied < 3 {
				t.Errorf("%d decisions survived", denied)
			}
			f2.stop()
		})
	}
}

func TestFileModes(t *testing.T) {
	dir := t.TempDir()
	f := start(t, &emulator.Options{DataDir: dir})
	f.refreshToken()
	f.stop()
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Base(path) == "ca.pem" {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		data, err := os.ReadFile(path)
		for _, s := range []string{pullPw, secret} {
			if strings.Contains(string(data), s) {
				t.Errorf("%s holds a password", path)
			}
		}
		return err
	}))
	info, err := os.Stat(filepath.Join(dir, "ca.pem"))
	must(t, err)
	if info.Mode().Perm() != 0o644 {
		t.Errorf("ca.pem has mode %v", info.Mode())
	}
}

func TestFolderInUse(t *testing.T) {
	dir := t.TempDir()
	f := start(t, &emulator.Options{DataDir: dir})
	_, err := emulator.Open(t.Context(), &emulator.Options{DataDir: dir})
	if acrkit.CodeOf(err) != acrkit.CodeUnavailable || !strings.Contains(err.Error(), "another emulator is using it") {
		t.Errorf("got %v", err)
	}
	f.stop()
	e, err := emulator.Open(t.Context(), &emulator.Options{DataDir: dir})
	must(t, err)
	must(t, e.Close())
}

func TestSeedModes(t *testing.T) {
	dir := t.TempDir()
	changed := func() *seed.Seed {
		s := parse(t, seed.Example())
		r := &s.Registries[0]
		r.Tokens[0].Passwords[0].Value = "another-password-0001"
		r.Tokens = append(r.Tokens, seed.Token{Name: "added", ScopeMap: "ci-pull"})
		r.ScopeMaps[1].Actions = r.ScopeMaps[1].Actions[:1]
		r.SKU = "Standard"
		r.Repositories = append(r.Repositories,
			seed.Repository{Name: "added/app", Images: []seed.Image{{Tags: []string{"v1"}}}})
		s.Tenants[0].Applications[0].Secrets[0].Value = "another-secret"
		return s
	}
	f := start(t, &emulator.Options{DataDir: dir})
	pushed, err := f.registry().Push(t.Context(), "pushed/app", seed.Image{Tags: []string{"mine"}})
	must(t, err)
	f.stop()

	_, err = emulator.Open(t.Context(), &emulator.Options{DataDir: dir, Seed: changed()})
	if acrkit.CodeOf(err) != acrkit.CodeUsage {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{`sku is Premium, not Standard`, `the scope map "ci-push" is another`,
		`the token "ci-pull" has another password1`, `the token "added" is not there`,
		`there is no tag "v1" in the repository "added/app"`, "the application " + clientID + " has other secrets"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
	e, _ := errors.AsType[*acrkit.Error](err)
	if !strings.Contains(e.Hint, "--seed-mode merge") || !strings.Contains(e.Hint, "reset") ||
		strings.Contains(err.Error(), "another-") {
		t.Errorf("error %v, hint %s", err, e.Hint)
	}

	pullMine := func(f *fixture) int {
		a := f.do("HEAD", "/v2/pushed/app/manifests/mine",
			bearer(f.access("catalog", "correct-horse-battery-staple-0003", "repository:pushed/app:pull")), "")
		if a.status == 200 && a.header.Get("Docker-Content-Digest") != pushed {
			t.Errorf("digest %s", a.header.Get("Docker-Content-Digest"))
		}
		return a.status
	}
	f = start(t, &emulator.Options{DataDir: dir, Seed: changed(), SeedMode: emulator.SeedMerge})
	if got := f.password("ci-pull", "another-password-0001", "").status; got != 200 {
		t.Errorf("merged password: %d", got)
	}
	if got := f.password("ci-pull", pullPw, "").status; got != 401 {
		t.Errorf("replaced password: %d", got)
	}
	if got := pullMine(f); got != 200 {
		t.Errorf("pushed content after a merge: %d", got)
	}
	f.stop()
	f = start(t, &emulator.Options{DataDir: dir, Seed: changed()}) // now the same
	f.stop()
	f = start(t, &emulator.Options{DataDir: dir, Seed: changed(), SeedMode: emulator.SeedReset})
	if got := pullMine(f); got != 404 {
		t.Errorf("pushed content after a reset: %d", got)
	}
	if got := f.password("ci-pull", "another-password-0001", "").status; got != 200 {
		t.Errorf("password after a reset: %d", got)
	}
	f.stop()
	left, err := filepath.Glob(filepath.Join(dir, "state.*"))
	must(t, err)
	if len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := emulator.Open(t.Context(), &emulator.Options{SeedMode: "other"}); acrkit.CodeOf(
		err) != acrkit.CodeUsage {
		t.Errorf("an unknown mode: %v", err)
	}
}

// TestSeedThatAgrees: another seed which says nothing that is not so is no error.
func TestSeedThatAgrees(t *testing.T) {
	dir := t.TempDir()
	start(t, &emulator.Options{DataDir: dir}).stop()
	s := parse(t, seed.Example())
	s.Registries[0].Tokens = s.Registries[0].Tokens[:1]
	s.Registries[0].Repositories = nil
	f := start(t, &emulator.Options{DataDir: dir, Seed: s})
	if got := f.password("catalog", "correct-horse-battery-staple-0003", "").status; got != 200 {
		t.Errorf("a token that the second seed lacks: %d", got)
	}
}

func TestDamagedFolder(t *testing.T) {
	for name, damage := range map[string]func(dir string) error{
		"ca_key_gone": func(dir string) error { return os.Remove(filepath.Join(dir, "ca-key.pem")) },
		"ca_damaged": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "ca-key.pem"), []byte("x"), 0o600)
		},
		"keys_damaged": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "state", "keys.json"), []byte("{"), 0o600)
		},
		"base_damaged": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "state", "registry.db"),
				[]byte(strings.Repeat("no database ", 1000)), 0o600)
		},
		"lock_no_file": func(dir string) error { return inTheWay(filepath.Join(dir, "lock")) },
		"keys_no_file": func(dir string) error { return inTheWay(filepath.Join(dir, "state", "keys.json")) },
		"key_no_file":  func(dir string) error { return inTheWay(filepath.Join(dir, "control-api.key")) },
		"not_a_folder": func(dir string) error { must(t, os.RemoveAll(dir)); return os.WriteFile(dir, nil, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			start(t, &emulator.Options{DataDir: dir}).stop()
			must(t, damage(dir))
			e, err := emulator.Open(t.Context(), &emulator.Options{DataDir: dir})
			if acrkit.CodeOf(err) != acrkit.CodeUsage || !strings.HasPrefix(err.Error(), "cannot ") {
				t.Errorf("got %v", err)
				if e != nil {
					must(t, e.Close())
				}
			}
		})
	}
}

// inTheWay puts a folder where a file belongs.
func inTheWay(path string) error {
	if err := os.Remove(path); err != nil {
		return err
	}
	return os.Mkdir(path, 0o700)
}

func TestNoSeed(t *testing.T) {
	e, err := emulator.Open(t.Context(), nil)
	must(t, err)
	defer e.Close()
	r, err := e.Registry("")
	must(t, err)
	if r.Name() != "myregistry" {
		t.Errorf("%q", r.Name())
	}
	if _, err := e.Registry("other"); acrkit.CodeOf(err) != acrkit.CodeNotFound {
		t.Errorf("got %v", err)
	}
}

func TestOpenIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if e, err := emulator.Open(ctx, nil); err == nil {
		t.Error("opened")
		e.Close()
	}
}

func TestAfterClose(t *testing.T) {
	f := start(t, nil)
	must(t, f.Close())
	if a := f.get("/v2/", nil); a.status != 503 {
		t.Errorf("%d", a.status)
	}
	must(t, f.Close())
}

func TestTLSNames(t *testing.T) {
	f := start(t, &emulator.Options{Hostnames: []string{"registry.test"}})
	pool := f.CAPool()
	for name, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "myregistry.azurecr.localhost": true, "other.azurecr.localhost": true,
		"registry.test": true,
		"evil.example":  false, "a.b.azurecr.localhost": false, "registry.test.evil.example": false,
	} {
		conn, err := tls.Dial("tcp", f.host, &tls.Config{RootCAs: pool, ServerName: name})
		if (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			leaf := conn.ConnectionState().PeerCertificates[0]
			if len(leaf.AuthorityKeyId) == 0 || time.Until(leaf.NotAfter) > 398*24*time.Hour {
				t.Errorf("%s: certificate %+v", name, leaf.Subject)
			}
			must(t, conn.Close())
		}
	}
}

// TestGracefulStop: a request under way ends well after the context has ended.
func TestGracefulStop(t *testing.T) {
	e, err := emulator.Open(t.Context(), &emulator.Options{Seed: parse(t, seed.Example())})
	must(t, err)
	defer e.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Serve(ctx, l) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	must(t, err)
	defer conn.Close()
	head := "POST /oauth2/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: " +
		"application/x-www-form-urlencoded\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n"
	_, err = conn.Write([]byte(head))
	must(t, err)
	buf := make([]byte, 4096)
	n, err := conn.Read(buf) // "100 Continue": the handler has begun
	must(t, err)
	if !strings.Contains(string(buf[:n]), "100 Continue") {
		t.Fatalf("%q", buf[:n])
	}
	cancel()
	_, err = conn.Write([]byte("grant_type"))
	must(t, err)
	n, err = conn.Read(buf)
	must(t, err)
	if !strings.HasPrefix(string(buf[:n]), "HTTP/1.1 400") {
		t.Errorf("%q", buf[:n])
	}
	must(t, <-done)
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("still listening")
	}
}

func TestServeOnClosedListener(t *testing.T) {
	e, err := emulator.Open(t.Context(), nil)
	must(t, err)
	defer e.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	if err := e.Serve(t.Context(), l); acrkit.CodeOf(err) != acrkit.CodeUnavailable {
		t.Errorf("got %v", err)
	}
}
