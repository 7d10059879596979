package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zalando/go-keyring"

	"github.com/acrkit/acrkit/internal/login/store"
	"github.com/acrkit/acrkit/internal/redact"
)

const (
	host     = "myregistry.azurecr.io"
	notFound = "credentials not found in native keychain\n"
)

// machine is an environment with a store of its own.
type machine map[string]string

func newMachine(t *testing.T) machine {
	t.Helper()
	return machine{store.EnvDir: filepath.Join(t.TempDir(), "acrkit"), store.EnvKeyring: "off"}
}

func (m machine) lookup(name string) (string, bool) { v, ok := m[name]; return v, ok }

func (m machine) run(name, action, in string) (code int, out, errOut string) {
	var o, e bytes.Buffer
	code = run([]string{name, action}, m.lookup, strings.NewReader(in), &o, &e)
	return code, o.String(), e.String()
}

func (m machine) do(t *testing.T, action, in string) (out, errOut string) {
	t.Helper()
	code, out, errOut := m.run("/usr/bin/docker-credential-acrkit", action, in)
	if code != 0 {
		t.Fatalf("%s %q: exit %d, %q, %q", action, in, code, out, errOut)
	}
	return out, errOut
}

// get returns "user secret", or what is printed instead.
func (m machine) get(t *testing.T) string {
	t.Helper()
	code, out, errOut := m.run("docker-credential-acrkit", "get", host)
	var doc struct{ Username, Secret string }
	if code != 0 || json.Unmarshal([]byte(out), &doc) != nil {
		return strings.TrimSpace(out + errOut)
	}
	return doc.Username + " " + doc.Secret
}

func payload(user, secret string) string {
	data, _ := json.Marshal(map[string]string{"ServerURL": host, "Username": user, "Secret": secret})
	return string(data)
}

// put stores a login as acrkit login does.
func (m machine) put(t *testing.T, l store.Login) {
	t.Helper()
	s, err := store.Open(&store.Options{LookupEnv: m.lookup})
	if err != nil {
		t.Fatal(err)
	}
	l.Registry = host
	if _, err := s.Put(t.Context(), l); err != nil {
		t.Fatal(err)
	}
}

// stored returns "kind user via" of each login.
func (m machine) stored(t *testing.T) []string {
	t.Helper()
	s, err := store.Open(&store.Options{LookupEnv: m.lookup})
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, l := range all {
		out = append(out, strings.TrimSpace(l.Kind+" "+l.User+" "+l.Via))
	}
	return out
}

func token(claims string) string {
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"RS256"}`)) + "." + enc([]byte(claims)) + "." + enc([]byte("no signature"))
}

// The life of a login as Docker lives it: get, store, get, list, erase twice.
func TestLogin(t *testing.T) {
	refresh := token(
		`{"iss":"Azure Container Registry","grant_type":"refresh_token","aud":"myregistry.azurecr.io","exp":4102444800}`)
	const zero = "00000000-0000-0000-0000-000000000000"
	for _, tt := range []struct {
		name, user, secret string
		stored             string
		get                string
	}{
		{"scoped_token", "ci", "pw-of-ci", "scoped-token ci helper", "ci pw-of-ci"},
		{"admin", "MyRegistry", "pw-of-admin", "admin-user MyRegistry helper", "MyRegistry pw-of-admin"},
		{"client_id", "22222222-2222-2222-2222-222222222222", "client-secret",
			"user-password 22222222-2222-2222-2222-222222222222 helper",
			"22222222-2222-2222-2222-222222222222 client-secret"},
		{"identity_token", "<token>", "opaque-refresh", "refresh-token  helper", zero + " opaque-refresh"},
		{"zero_guid", zero, refresh, "refresh-token  helper", zero + " " + refresh},
		{"refresh_token_as_password", "token", refresh, "refresh-token  helper", zero + " " + refresh},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			if got := m.get(t); got != strings.TrimSpace(notFound) {
				t.Errorf("before: %q", got)
			}
			for range 2 {
				if _, errOut := m.do(t, "store", payload(tt.user, tt.secret)); strings.Contains(errOut, tt.secret) {
					t.Errorf("the secret is shown: %q", errOut)
				}
				if diff := cmp.Diff([]string{tt.stored}, m.stored(t)); diff != "" {
					t.Fatal(diff)
				}
			}
			if got := m.get(t); got != tt.get {
				t.Errorf("got %q, want %q", got, tt.get)
			}
			user, _, _ := strings.Cut(tt.get, " ")
			if out, _ := m.do(t, "list", "unused"); out != fmt.Sprintf("{%q:%q}\n", host, user) {
				t.Errorf("list: %q", out)
			}
			m.do(t, "erase", host)
			m.do(t, "erase", "https://"+host)
			if got := m.stored(t); got != nil {
				t.Errorf("after: %q", got)
			}
		})
	}
}

// Docker logs in by what get answered and stores that again: nothing that is there
// must be replaced by what was made of it.
func TestStore_what_was_got(t *testing.T) {
	m := newMachine(t)
	m.put(t, store.Login{Kind: "service-principal", User: "22222222-2222-2222-2222-222222222222", Tenant: "t",
		Secret: redact.NewSecret("client-secret")})
	if _, errOut := m.do(t, "store", payload("<token>", "opaque-refresh")); !strings.Contains(errOut,
		"the service principal 22222222-2222-2222-2222-222222222222 stays") {
		t.Errorf("%q", errOut)
	}
	want := []string{"service-principal 22222222-2222-2222-2222-222222222222"}
	if diff := cmp.Diff(want, m.stored(t)); diff != "" {
		t.Error(diff)
	}
	m.do(t, "store", payload("ci", "pw-of-ci")) // another user logs in
	if diff := cmp.Diff([]string{"scoped-token ci helper"}, m.stored(t)); diff != "" {
		t.Error(diff)
	}

	m = newMachine(t)
	m["ACR_NAME"], m["ACR_TOKEN_NAME"], m["ACR_TOKEN_PASSWORD"] = "myregistry", "env", "pw-of-env"
	m.do(t, "store", payload("env", "pw-of-env"))
	if got := m.stored(t); got != nil {
		t.Errorf("the environment's secret was stored: %q", got)
	}
	if _, errOut := m.do(t, "store", payload("ci", "pw-of-ci")); !strings.Contains(errOut,
		"ACR_TOKEN_NAME and ACR_TOKEN_PASSWORD goes before it") {
		t.Errorf("%q", errOut)
	}
	if got := m.get(t); got != "env pw-of-env" {
		t.Errorf("%q", got)
	}
	if out, _ := m.do(t, "list", ""); out != fmt.Sprintf("{%q:\"env\"}\n", host) {
		t.Errorf("list: %q", out)
	}

	m = newMachine(t)
	m.put(t, store.Login{Kind: "scoped-token", User: "team", Repository: "team/*",
		Secret: redact.NewSecret("pw-of-team")})
	m.do(t, "store", payload("ci", "pw-of-ci"))
	if diff := cmp.Diff([]string{"scoped-token ci helper", "scoped-token team"}, m.stored(t)); diff != "" {
		t.Error(diff)
	}
	m.do(t, "erase", host)
	if diff := cmp.Diff([]string{"scoped-token team"}, m.stored(t)); diff != "" {
		t.Error(diff)
	}
}

// A secret that the system's keychain does not take, as Windows' none of more than
// 2,560 bytes, is kept in the file, and that is said; get answers it whole and says
// nothing.
func TestStore_longer_than_the_keychain_takes(t *testing.T) {
	keyring.MockInitWithError(keyring.ErrSetDataTooBig)
	t.Cleanup(keyring.MockInit)
	m := newMachine(t)
	m[store.EnvKeyring], m["DBUS_SESSION_BUS_ADDRESS"] = "on", "unix:path=/nowhere"
	long := token(
		`{"iss":"Azure Container Registry","grant_type":"refresh_token","aud":"myregistry.azurecr.io","exp":4102444800,"pad":"` + strings.Repeat("x", 2560) + `"}`)
	_, errOut := m.do(t, "store", payload("<token>", long))
	want := "docker-credential-acrkit: the secret is in " + filepath.Join(m[store.EnvDir], "logins.json") +
		", which you alone can read, and not in the keychain: the secret is longer than the keychain takes\n"
	if errOut != want {
		t.Errorf("said %q, want %q", errOut, want)
	}
	code, out, errOut := m.run("docker-credential-acrkit", "get", host)
	var got struct{ Secret string }
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 || got.Secret != long || errOut != "" {
		t.Errorf("exit %d, %d of %d bytes, said %q (%v)", code, len(got.Secret), len(long), errOut, err)
	}
}

// What acrkit login stored is erased by acrkit logout.
func TestErase_of_acrkit_login(t *testing.T) {
	m := newMachine(t)
	m.put(t, store.Login{Kind: "scoped-token", User: "ci", Secret: redact.NewSecret("pw-of-ci")})
	for range 2 {
		if _, errOut := m.do(t, "erase", host); !strings.Contains(errOut, "acrkit logout "+host) {
			t.Errorf("%q", errOut)
		}
	}
	if got := m.get(t); got != "ci pw-of-ci" {
		t.Errorf("%q", got)
	}
}

func TestGet_kinds(t *testing.T) {
	m := newMachine(t)
	m.put(t, store.Login{Kind: "scoped-token", User: "stored", Secret: redact.NewSecret("pw-of-stored")})
	m["ACR_NAME"], m["ACR_REFRESH_TOKEN"] = "myregistry", "opaque-refresh"
	for _, tt := range []struct {
		kind, answer string
		want         string
	}{
		{"", "", "00000000-0000-0000-0000-000000000000 opaque-refresh"},
		{"", "token", "<token> opaque-refresh"},
		{"store", "", "stored pw-of-stored"},
		{"scoped-token", "token", "stored pw-of-stored"},
		{"anonymous", "", strings.TrimSpace(notFound)},
		{"service-principal", "",
			"ACRKIT_AUTH=service-principal, and neither the environment nor acrkit's store holds"},
		{"docker-config", "", "ACRKIT_AUTH=docker-config, and neither"}, // it would ask itself
		{"", "nonsense", "neither"},
	} {
		m["ACRKIT_AUTH"], m["ACRKIT_HELPER_ANSWER"] = tt.kind, tt.answer
		if got := m.get(t); !strings.Contains(got, tt.want) {
			t.Errorf("%s %s: %q, want %q", tt.kind, tt.answer, got, tt.want)
		}
	}
}

// A login is for the registry, whichever of its hosts a client names.
func TestRegionalEndpoint(t *testing.T) {
	const regional = "myregistry.westeurope.geo.azurecr.io"
	at := func(m machine, at string) string {
		_, out, errOut := m.run("docker-credential-acrkit", "get", at)
		var doc struct{ ServerURL, Username, Secret string }
		if err := json.Unmarshal([]byte(out), &doc); err != nil || doc.ServerURL != at {
			return strings.TrimSpace(out + errOut)
		}
		return doc.Username + " " + doc.Secret
	}
	m := newMachine(t)
	m.do(t, "store", strings.ReplaceAll(payload("ci", "pw-of-ci"), host, regional))
	for _, h := range []string{host, regional, "myregistry.northeurope.geo.azurecr.io"} {
		if got := at(m, h); got != "ci pw-of-ci" {
			t.Errorf("%s: %q", h, got)
		}
	}
	for _, h := range []string{"other.westeurope.geo.azurecr.io", "myregistry.westeurope.geo.azurecr.cn",
		"myregistry.westeurope.data.azurecr.io"} {
		if got := at(m, h); got != strings.TrimSpace(notFound) {
			t.Errorf("%s: %q", h, got)
		}
	}
	const request = `{"kind":"CredentialProviderRequest","apiVersion":"credentialprovider.kubelet.k8s.io/v1","image":"` + regional + `/a:v1"}`
	if _, out, errOut := m.run("acrkit-credential-provider", "", request); !strings.Contains(out, `{"`+regional+
		`":{"username":"ci","password":"pw-of-ci"}}`) {
		t.Errorf("the kubelet: %q, %q", out, errOut)
	}
	m.do(t, "erase", regional)
	if got := m.get(t); got != strings.TrimSpace(notFound) {
		t.Errorf("after erase: %q", got)
	}
	m["ACR_NAME"], m["ACR_TOKEN_NAME"], m["ACR_TOKEN_PASSWORD"] = "myregistry", "env", "pw-of-env"
	if got := at(m, regional); got != "env pw-of-env" {
		t.Errorf("from the environment: %q", got)
	}
}

// What cannot be read or written is said, and stays as it is.
func TestBroken(t *testing.T) {
	m := newMachine(t)
	file := filepath.Join(m[store.EnvDir], "logins.json")
	if err := os.Mkdir(m[store.EnvDir], 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for action, in := range map[string]string{"get": host, "store": payload("ci", "pw-of-ci"),
		"erase": host, "list": ""} {
		code, out, errOut := m.run("docker-credential-acrkit", action, in)
		if code != 1 || strings.Count(out+errOut, "is damaged") != 1 || !strings.Contains(errOut, "is damaged") ||
			!strings.Contains(errOut, "\nmv ") || strings.Contains(out+errOut, "pw-of-ci") {
			t.Errorf("%s: exit %d, %q, %q", action, code, out, errOut)
		}
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != "{" {
		t.Errorf("%q, %v", data, err)
	}
	// The environment comes first, and needs no store.
	m["ACR_NAME"], m["ACR_TOKEN_NAME"], m["ACR_TOKEN_PASSWORD"] = "myregistry", "env", "pw-of-env"
	if got := m.get(t); got != "env pw-of-env" {
		t.Errorf("%q", got)
	}

	m = newMachine(t)
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	m[store.EnvDir] = filepath.Join(blocked, "acrkit") // no user can write there, root included
	code, out, errOut := m.run("docker-credential-acrkit", "store", payload("ci", "pw-of-ci"))
	if code != 1 || strings.Count(out+errOut, "cannot ") != 1 || !strings.Contains(errOut, "cannot ") ||
		strings.Contains(out+errOut, "pw-of-ci") {
		t.Errorf("a store that cannot be written: exit %d, %q, %q", code, out, errOut)
	}
}

// The kubelet calls the same program by another name.
func TestKubelet(t *testing.T) {
	const request = `{"kind":"CredentialProviderRequest","apiVersion":"credentialprovider.kubelet.k8s.io/v1","image":"myregistry.azurecr.io/a:v1"}`
	m := newMachine(t)
	m["ACR_NAME"], m["ACR_TOKEN_NAME"], m["ACR_TOKEN_PASSWORD"] = "myregistry", "node", "pw-of-node"
	for _, name := range []string{"acrkit-credential-provider", "/usr/bin/acr-credential-provider",
		"acr-credential-provider.exe"} {
		var out, errOut bytes.Buffer
		// The kubelet's own arguments are the configuration's.
		if code := run([]string{name, "/etc/kubernetes/azure.json"}, m.lookup, strings.NewReader(request), &out,
			&errOut); code != 0 || !strings.Contains(out.String(), `"username":"node"`) {
			t.Errorf("%s: exit %d, %q, %q", name, code, &out, &errOut)
		}
	}
	code, out, _ := m.run("docker-credential-acrkit", "kubelet", request)
	if code != 0 || !strings.Contains(out, `"cacheKeyType":"Registry"`) {
		t.Errorf("exit %d, %q", code, out)
	}
	if code, out, errOut := m.run("docker-credential-acrkit", "kubelet",
		strings.Replace(request, `"}`, `","serviceAccountToken":"made-up-assertion"}`, 1)); code != 1 || out != "" ||
		!strings.Contains(errOut, "ACRKIT_KUBELET_TENANTS") {
		t.Errorf("a service account by default: exit %d, %q, %q", code, out, errOut)
	}
}
