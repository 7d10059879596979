package emulator_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
)

const (
	chosenCatalog = `password1 of the token "catalog" of myregistry`
	chosenApprove = `password1 of the token "ci-approve" of myregistry`
	chosenPull    = `password1 of the token "ci-pull" of myregistry`
	chosenPush    = `password1 of the token "ci-push" of myregistry`
	chosenApp     = "the secret of the application " + clientID

	chosenPlatform = "the secret of the application " + platformID
)

// TestChosenSecrets: secrets that others may know are listed, after a restart too,
// until they are replaced or disabled; expired ones are listed as well.
func TestChosenSecrets(t *testing.T) {
	c := &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	opts := &emulator.Options{DataDir: t.TempDir(), Seed: parse(t, seed.Example()), Now: c.Now}
	e, err := emulator.Open(t.Context(), opts)
	must(t, err)
	want := []string{chosenCatalog, chosenApprove, chosenPull, chosenPush, chosenApp, chosenPlatform}
	check := func() {
		t.Helper()
		if diff := cmp.Diff(want, e.ChosenSecrets()); diff != "" {
			t.Error(diff)
		}
	}
	check()
	r, err := e.Registry("")
	must(t, err)
	_, err = r.GeneratePasswords(t.Context(), "catalog", time.Time{})
	must(t, err)
	must(t, r.SetTokenStatus(t.Context(), "ci-push", false))
	want = []string{chosenApprove, chosenPull, chosenApp, chosenPlatform}
	check()
	must(t, e.Close())

	opts.Seed = nil
	e, err = emulator.Open(t.Context(), opts)
	must(t, err)
	check()
	r, err = e.Registry("")
	must(t, err)
	must(t, r.SetPassword(t.Context(), "catalog", seed.Password{Name: "password2", Value: "chosen-by-hand-0001"}))
	want = []string{`password2 of the token "catalog" of myregistry`, chosenApprove, chosenPull, chosenApp, chosenPlatform}
	check()
	must(t, r.SetTokenStatus(t.Context(), "ci-push", true))
	must(t, r.DeleteToken(t.Context(), "catalog"))
	c.now = time.Date(2041, 1, 1, 0, 0, 0, 0, time.UTC) // all but one have expired
	want = []string{chosenApprove, chosenPull, chosenPush, chosenApp, chosenPlatform}
	check()
	must(t, e.Close())
}

// quietSeed is the example with nothing in it that others may know.
func quietSeed(t *testing.T) *seed.Seed {
	s := parse(t, seed.Example())
	for i := range s.Registries[0].Tokens {
		s.Registries[0].Tokens[i].Status = "disabled"
	}
	for i := range s.Tenants[0].Applications {
		s.Tenants[0].Applications[i].Secrets = nil
	}
	return s
}

// TestBeyondLoopback: where other machines reach it, no way leads to a state in
// which a chosen password or secret is good: a start, a seed that is merged, each
// change of a token or application, by the Go handle and the control API, a clock
// that is set back, a reset. What is refused changes nothing.
func TestBeyondLoopback(t *testing.T) {
	dir := t.TempDir()
	refused := func(what string, err error, names ...string) {
		t.Helper()
		if acrkit.CodeOf(err) != acrkit.CodeUsage || !errors.Is(err, emulator.ErrChosenSecrets) {
			t.Fatalf("%s: %v", what, err)
		}
		for _, name := range names {
			if !strings.Contains(err.Error(), name) {
				t.Errorf("%s: no %s in %v", what, name, err)
			}
		}
		if e, ok := errors.AsType[*acrkit.Error](err); !ok || e.Hint == "" || strings.Contains(err.Error(), pullPw) {
			t.Errorf("%s: %+v", what, e)
		}
	}
	open := func(s *seed.Seed, mode emulator.SeedMode, beyond bool) (*emulator.Emulator, error) {
		return emulator.Open(t.Context(), &emulator.Options{DataDir: dir, Seed: s, SeedMode: mode,
			BeyondLoopback: beyond})
	}
	// The start: with a seed, on a folder, and with a seed merged into one.
	_, err := open(parse(t, seed.Example()), "", true)
	refused("a seed", err, chosenCatalog, chosenPull, chosenPush, chosenApp, chosenPlatform)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Fatalf("the folder got state: %v, %v", entries, err)
	}
	e, err := open(parse(t, seed.Example()), "", false)
	must(t, err)
	_, err = e.TakeSnapshot(t.Context(), "open")
	must(t, err)
	must(t, e.Close())
	_, err = open(nil, "", true)
	refused("a folder", err, chosenApp)
	part := quietSeed(t)
	part.Registries[0].Tokens = part.Registries[0].Tokens[:1]
	_, err = open(part, emulator.SeedMerge, true)
	refused("half a merge", err)
	_, err = open(parse(t, seed.Example()), emulator.SeedMerge, true)
	refused("a merge", err, chosenPull)

	f := start(t, &emulator.Options{DataDir: dir, Seed: quietSeed(t), SeedMode: emulator.SeedMerge,
		BeyondLoopback: true})
	if names := f.ChosenSecrets(); len(names) > 0 {
		t.Fatal(names)
	}
	_, err = f.TakeSnapshot(t.Context(), "closed")
	must(t, err)
	ctx, r := t.Context(), f.registry()
	_, err = r.GeneratePasswords(ctx, "catalog", time.Time{})
	must(t, err)
	must(t, r.SetTokenStatus(ctx, "catalog", true)) // what was generated is good
	refused("SetTokenStatus", r.SetTokenStatus(ctx, "ci-pull", true), chosenPull)
	refused("PutToken",
		r.PutToken(ctx, emulator.TokenSpec{Name: "ci-pull", ScopeMap: "_repositories_pull"}), chosenPull)
	refused("SetPassword",
		r.SetPassword(ctx, "catalog", seed.Password{Name: "password2", Value: "chosen-by-hand-0001"}),
		`password2 of the token "catalog"`)
	expired := seed.Password{Name: "password2", Value: "chosen-by-hand-0001", Expires: f.clock.Now().Add(-time.Hour)}
	refused("an expired one, for a clock that is set back", r.SetPassword(ctx, "catalog", expired))
	refused("PutApplication",
		f.PutApplication(ctx, tenantID,
			seed.Application{ClientID: clientID, Secrets: []seed.ClientSecret{{Value: secret}}}), chosenApp)
	must(t, f.PutApplication(ctx, tenantID, seed.Application{ClientID: clientID}))
	refused("Reset", f.Reset(ctx, "open"), chosenPull, chosenApp)
	must(t, f.Reset(ctx, "closed"))
	must(t, f.Reset(ctx, "")) // the seed's snapshot is of the seed that was merged
	if names := f.ChosenSecrets(); len(names) > 0 {
		t.Error(names)
	}
	made, err := r.GeneratePasswords(ctx, "ci-push", time.Time{})
	must(t, err)
	must(t, r.SetTokenStatus(ctx, "ci-push", true))
	if a := f.password("ci-push", string(made[0].Value), "repository:samples/app:pull"); a.status != 200 {
		t.Errorf("a generated password: %d", a.status)
	}

	key := http.Header{"Acrkit-Control-Key": {string(f.ControlKey())}, "Content-Type": {"application/json"}}
	for _, x := range [][3]string{
		{"PATCH", "registries/myregistry/tokens/ci-pull", `{"status":"enabled"}`},
		{"PUT", "registries/myregistry/tokens/ci-pull", `{"scopeMap":"_repositories_pull"}`},
		{"POST", "reset", `{"snapshot":"open"}`},
	} {
		a := f.do(x[0], "/_acrkit/v1/"+x[1], key, x[2])
		if a.status != 400 || !strings.Contains(a.body, `others may know`) ||
			!strings.Contains(a.body, `"hint":"acrkit emulator `) || !strings.Contains(a.body, `ci-pull`) {
			t.Errorf("%s %s: %d %s", x[0], x[1], a.status, a.body)
		}
	}
	if a := f.password("ci-pull", pullPw, "repository:samples/app:pull"); a.status != 401 {
		t.Errorf("the published password: %d", a.status)
	}
	f.stop()
	e, err = open(nil, "", true)
	must(t, err)
	must(t, e.Close())
}

// TestBeyondLoopback_by_reference: secrets that a seed gives by reference are served where
// other machines reach the emulator, after a restart too. One secret in the seed's text is
// refused, and so is one of the example by reference. A folder does not change sides.
func TestBeyondLoopback_by_reference(t *testing.T) {
	const text = `
tenants:
  - id: 11111111-1111-1111-1111-111111111111
    applications: [{clientId: 22222222-2222-2222-2222-222222222222, secrets: [{SECRET}]}]
registries:
  - name: myregistry
    tokens: [{name: ci-pull, scopeMap: _repositories_pull, passwords: [{name: password1, PASSWORD}]}]
`
	values := map[string]string{"A": "by-reference-0001", "B": "by-reference-0002", "PUBLIC": string(pullPw)}
	sources := &seed.Sources{LookupEnv: func(name string) (string, bool) { v, ok := values[name]; return v, ok }}
	const a, b = "valueFrom: {env: A}", "valueFrom: {env: B}"
	read := func(secret, password string) *seed.Seed {
		t.Helper()
		s, err := seed.ReadFrom(strings.NewReader(strings.NewReplacer("SECRET", secret, "PASSWORD",
			password).Replace(text)), sources)
		must(t, err)
		return s
	}
	open := func(dir string, s *seed.Seed, beyond bool) error {
		e, err := emulator.Open(t.Context(), &emulator.Options{DataDir: dir, Seed: s, BeyondLoopback: beyond})
		if err == nil {
			err = errors.Join(wantNoChosen(e, beyond), e.Close())
		}
		return err
	}
	dir := t.TempDir()
	for range 2 {
		must(t, open(dir, read(a, b), true))
	}
	must(t, open(dir, nil, true))
	for name, s := range map[string]*seed.Seed{
		"secret": read("value: by-reference-0001", b), "password": read(a, "value: by-reference-0002"),
		"public": read(a, "valueFrom: {env: PUBLIC}"), "public secret": read("valueFrom: {env: PUBLIC}", b),
	} {
		if err := open("", s, true); !errors.Is(err, emulator.ErrChosenSecrets) {
			t.Errorf("%s: %v", name, err)
		}
		if err := open(dir, s, false); acrkit.CodeOf(err) != acrkit.CodeUsage ||
			!strings.Contains(err.Error(), "another state") {
			t.Errorf("%s, on the folder: %v", name, err)
		}
	}
	other := t.TempDir()
	must(t, open(other, read("value: by-reference-0001", "value: by-reference-0002"), false))
	if err := open(other, read(a, b), true); err == nil {
		t.Error("a folder with chosen secrets is served")
	}
	if err := open(other, nil, true); !strings.Contains(fmt.Sprint(err), chosenPull) ||
		!strings.Contains(err.Error(), chosenApp) {
		t.Errorf("the folder with chosen secrets, without a seed: %v", err)
	}
	unread, err := seed.Read(strings.NewReader(strings.NewReplacer("SECRET", a, "PASSWORD", b).Replace(text)))
	must(t, err)
	if err := open("", unread, true); !strings.Contains(fmt.Sprint(err), "was not read") {
		t.Errorf("values that were not read: %v", err)
	}
}

func wantNoChosen(e *emulator.Emulator, beyond bool) error {
	if names := e.ChosenSecrets(); beyond && len(names) > 0 {
		return fmt.Errorf("chosen: %v", names)
	}
	return nil
}

// TestServeBeyondLoopback: a listener that other machines reach is taken only by an
// emulator that was opened for them.
func TestServeBeyondLoopback(t *testing.T) {
	for _, beyond := range []bool{false, true} {
		e, err := emulator.Open(t.Context(), &emulator.Options{BeyondLoopback: beyond})
		must(t, err)
		inner, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err = e.Serve(ctx, &elsewhere{Listener: inner, local: &net.TCPAddr{IP: net.IPv4zero, Port: 5443}})
		if beyond && err != nil || !beyond && acrkit.CodeOf(err) != acrkit.CodeUsage {
			t.Errorf("%t: %v", beyond, err)
		}
		if _, err := inner.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%t: the listener is open: %v", beyond, err)
		}
		must(t, e.Close())
	}
}

// elsewhere is a listener whose clients seem to be at another address.
type elsewhere struct {
	net.Listener
	local, remote net.Addr
}

func (l *elsewhere) Addr() net.Addr {
	if l.local == nil {
		return l.Listener.Addr()
	}
	return l.local
}

func (l *elsewhere) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &elsewhereConn{c, l.remote}, err
}

type elsewhereConn struct {
	net.Conn
	remote net.Addr
}

func (c *elsewhereConn) RemoteAddr() net.Addr { return c.remote }

// TestPlainHTTP: from another machine nothing is taken over plain HTTP, and no
// answer invites a client to send a credential so. TLS is as ever; so is loopback.
func TestPlainHTTP(t *testing.T) {
	f := start(t, nil)
	for name, remote := range map[string]string{"loopback": "127.0.0.9:1234", "mapped": "[::ffff:127.0.0.1]:1234",
		"six":       "[::1]:1234",
		"neighbour": "192.0.2.7:1234", "bridge": "172.17.0.1:1234", "own_address": "10.0.0.1:80",
		"link": "[fe80::1]:1234"} {
		t.Run(name, func(t *testing.T) {
			local := slices.Contains([]string{"loopback", "mapped", "six"}, name)
			inner, err := net.Listen("tcp", "127.0.0.1:0")
			must(t, err)
			addr, err := net.ResolveTCPAddr("tcp", remote)
			must(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			served := make(chan error, 1)
			go func() { served <- f.Serve(ctx, &elsewhere{Listener: inner, remote: addr}) }()
			host := inner.Addr().String()
			for _, x := range []struct {
				method, path string
				header       http.Header
				form         string
			}{
				{"GET", "/v2/", nil, ""},
				{"GET", "/v2/", basic("ci-pull", pullPw), ""},
				{"GET", "/v2/samples/app/manifests/v1", bearer("x"), ""},
				{"GET", "/acr/v1/_catalog", nil, ""},
				{"GET", "/oauth2/token?service=" + host, basic("ci-pull", pullPw), ""},
				{"POST", "/oauth2/token", nil, "grant_type=password&username=ci-pull&password=" + pullPw + "&service=" +
					host},
				{"POST", "/oauth2/exchange", nil, "grant_type=access_token&access_token=x&service=" + host},
				{"POST", "/" + tenantID + "/oauth2/v2.0/token", nil, "grant_type=client_credentials&client_id=" +
					clientID + "&client_secret=" + secret},
				{"GET", "/subscriptions?api-version=2021-01-01", bearer("x"), ""},
				{"GET", "/metadata/endpoints?api-version=2021-01-01", nil, ""},
				{"GET", "/_acrkit/v1/clock", http.Header{"Acrkit-Control-Key": {string(f.ControlKey())}}, ""},
				{"GET", "/nothing", nil, ""},
			} {
				for _, scheme := range []string{"http", "https"} {
					client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: f.CAPool()},
						DisableKeepAlives: true}}
					req, err := http.NewRequestWithContext(t.Context(), x.method, scheme+"://"+host+x.path,
						strings.NewReader(x.form))
					must(t, err)
					for k, v := range x.header {
						req.Header[k] = v
					}
					req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
					resp, err := client.Do(req)
					must(t, err)
					body, err := io.ReadAll(resp.Body)
					must(t, err)
					resp.Body.Close()
					refused := resp.StatusCode == 403 && strings.Contains(string(body), "plain HTTP") &&
						strings.Contains(string(body), "https://"+host+" ")
					if want := scheme == "http" && !local; refused != want {
						t.Errorf("%s %s %s: %s %s", scheme, x.method, x.path, resp.Status, body)
					}
					if refused && (resp.Header.Get("Www-Authenticate") != "" ||
						strings.Contains(string(body), pullPw)) {
						t.Errorf("%s %s: %v", x.method, x.path, resp.Header)
					}
				}
			}
			if d := f.last(); !local && name == "neighbour" &&
				!strings.Contains(fmt.Sprint(f.denied()), "plain HTTP from another machine") {
				t.Errorf("%+v", d)
			}
			cancel()
			must(t, <-served)
		})
	}
}

// denied returns the reasons of denials.
func (f *fixture) denied() (all []string) {
	f.t.Helper()
	for d, err := range f.Decisions(f.t.Context(), emulator.DecisionFilter{Outcome: emulator.OutcomeDenied}) {
		must(f.t, err)
		all = append(all, d.Reason)
	}
	return all
}
