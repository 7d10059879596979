package cli_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/golang-jwt/jwt/v5"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/auth/azureauth"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/login/store"
	"github.com/acrkit/acrkit/internal/redact"
)

// people are who the cells sign in as.
type people struct {
	token      acrtest.Token
	admin      string
	principal  acrtest.ServicePrincipal // by secret
	client     string                   // of the application with a certificate and federated credentials
	cert, key  string                   // PEM
	otherCert  string                   // with its key; of no application
	entra, acr string                   // tokens
	assertion  func(subject string) string
}

const (
	wrong = "wrong-password-wrong-password"
	// Reasons why a cell cannot exist.
	isValue   = "the program gives the value itself, so it is there"
	isWhole   = "the constructor takes all of its parts"
	isFile    = "the file is all there is"
	isDocker  = "an entry that is not there is no credential: see *anonymous*"
	isAnyText = "any text can be one"
)

func newWorld(t *testing.T) (*world, *people) {
	t.Helper()
	reg := acrtest.NewRegistry(t, nil)
	reg.Push("samples/app", "v1")
	w := &world{reg: reg, dir: t.TempDir(), bin: t.TempDir()}
	p := &people{token: reg.Token("reader", "repositories/samples/app/content/read",
		"repositories/samples/app/metadata/read"), principal: reg.ServicePrincipal("AcrPull")}
	p.client = "22222222-2222-2222-2222-222222222222"
	if err := reg.Manage().SetAdminUser(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	admin, err := reg.Manage().AdminPasswords()
	if err != nil {
		t.Fatal(err)
	}
	p.admin = string(admin[0])
	pair := func() (certificate, key string, private *rsa.PrivateKey) {
		private, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "build"},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, c, c, &private.PublicKey, private)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
			string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY",
				Bytes: x509.MarshalPKCS1PrivateKey(private)})), private
	}
	var issuer *rsa.PrivateKey
	p.cert, p.key, issuer = pair()
	other, otherKey, _ := pair()
	p.otherCert = other + otherKey
	public, err := x509.MarshalPKIXPublicKey(&issuer.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	err = reg.Emulator().PutApplication(t.Context(), acrtest.TenantID,
		seed.Application{ClientID: p.client, DisplayName: "build",
			Certificates: []seed.Certificate{{PEM: p.cert}},
			FederatedCredentials: []seed.FederatedCredential{{Issuer: "https://issuer.example", Subject: "job:main",
				PublicKey: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := reg.Manage().AssignRole(t.Context(),
		seed.RoleAssignment{ClientID: p.client, Role: "AcrPull"}); err != nil {
		t.Fatal(err)
	}
	p.assertion = func(subject string) string {
		text, err := jwt.NewWithClaims(jwt.SigningMethodRS256,
			jwt.MapClaims{"iss": "https://issuer.example", "sub": subject, "aud": "api://AzureADTokenExchange",
				"nbf": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}).SignedString(issuer)
		if err != nil {
			t.Fatal(err)
		}
		return w.hide(text)
	}
	entra, err := p.principal.AzureCredential().GetToken(t.Context(),
		policy.TokenRequestOptions{Scopes: []string{"https://containerregistry.azure.net/.default"}})
	if err != nil {
		t.Fatal(err)
	}
	p.entra = entra.Token
	p.acr = exchange(t, reg, p.entra)
	for _, s := range []string{p.token.Password1, p.token.Password2, p.admin, p.principal.ClientSecret, p.entra, p.acr,
		wrong, "MII"} {
		w.hide(s)
	}
	_, port, err := net.SplitHostPort(reg.Host())
	if err != nil {
		t.Fatal(err)
	}
	w.clean = strings.NewReplacer(":"+port, ":5443", w.dir, "DIR", p.principal.ClientID,
		"22222222-2222-2222-2222-222222222222", acrtest.TenantID, "TENANT")
	return w, p
}

// caOf returns the certificate of the registry's authority.
func caOf(t *testing.T, w *world) string {
	t.Helper()
	return string(w.reg.Emulator().CACertificate())
}

// exchange gets an ACR refresh token for an Entra token.
func exchange(t *testing.T, reg *acrtest.Registry, entra string) string {
	t.Helper()
	resp, err := reg.HTTPClient().PostForm(reg.URL()+"/oauth2/exchange",
		map[string][]string{"grant_type": {"access_token"}, "service": {reg.Host()}, "access_token": {entra}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		RefreshToken string `json:"refresh_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.RefreshToken == "" {
		t.Fatalf("exchange: %v", err)
	}
	return answer.RefreshToken
}

func basicAuth(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
}

func credentialSections(t *testing.T) []*section {
	t.Helper()
	w, p := newWorld(t)
	w.caFile = w.file(t, "ca.pem", caOf(t, w))
	var sections []*section
	for _, f := range []struct {
		title string
		cells func(*section, *world, *people)
	}{
		{"Scope-mapped token", scopedTokenCells}, {"Admin user", adminCells},
		{"Service principal by secret", principalCells},
		{"Service principal by federated token", federatedCells},
		{"Service principal by certificate", certificateCells},
		{"Managed identity", managedIdentityCells}, {"Azure CLI", azureCLICells},
		{"Entra access token", entraTokenCells},
		{"ACR refresh token", refreshTokenCells}, {"Anonymous", anonymousCells},
	} {
		s := &section{t: t, title: f.title}
		f.cells(s, w, p)
		sections = append(sections, s)
	}
	return sections
}

// forOther makes what a run has in its environment be for another registry.
func forOther(w *world, c run) run {
	c.env = append(c.env, "ACR_NAME=other.azurecr.io")
	c.host = w.reg.Host() + "/"
	return c
}

func scopedTokenCells(s *section, w *world, p *people) {
	t := s.t
	env := func(values ...string) run { return run{env: values} }
	s.library(w, accepted, p.token.Credential())
	s.library(w, notAccepted, auth.ScopedToken("reader", wrong))
	s.no("library", isValue, notAvailable)
	s.library(w, halfSet, auth.ScopedToken("reader", ""))
	s.library(w, wrongShape, auth.ScopedToken("reader", wrong+"\n"))

	name := "ACR_TOKEN_NAME=reader"
	s.command(w, "environment", accepted, env(name, "ACR_TOKEN_PASSWORD="+p.token.Password1))
	s.command(w, "environment", notAccepted, env(name, "ACR_TOKEN_PASSWORD="+wrong))
	s.command(w, "environment", notAvailable, forOther(w, env(name, "ACR_TOKEN_PASSWORD="+p.token.Password1)))
	s.command(w, "environment", halfSet, env(name))
	s.command(w, "environment", wrongShape, env(name, "ACR_TOKEN_PASSWORD="+wrong+" "))

	file := func(name, text string) string { return "ACR_TOKEN_PASSWORD_FILE=" + w.file(t, name, text) }
	s.command(w, "file", accepted, env(name, file("password", p.token.Password1+"\n")))
	s.command(w, "file", notAccepted, env(name, file("wrong", wrong)))
	s.command(w, "file", notAvailable, env(name, "ACR_TOKEN_PASSWORD_FILE="+filepath.Join(w.dir, "none")))
	s.command(w, "file", halfSet, env(file("password", p.token.Password1)))
	s.command(w, "file", wrongShape, env(name, file("empty", "\n")))

	stored(s, w, store.Login{Kind: "scoped-token", User: "reader"}, p.token.Password1)
	login := func(secret string, flags ...string) run {
		return run{stdin: secret, flags: append([]string{"--token-name", "reader"}, flags...)}
	}
	s.login(w, accepted, login(p.token.Password1+"\n", "--password-stdin"))
	s.login(w, notAccepted, login(wrong, "--password-stdin"))
	s.login(w, notAvailable, login("", "--password-file", filepath.Join(w.dir, "none")))
	s.login(w, halfSet, login("", "--password-stdin"))
	s.login(w, wrongShape, login(wrong+" \n", "--password-stdin"))
	dockerCells(s, w, "reader", p.token.Password1)
}

// stored are the cells of acrkit's own store.
func stored(s *section, w *world, l store.Login, secret string) {
	put := func(l store.Login, secret string) run {
		home := s.t.TempDir()
		st, err := store.Open(&store.Options{Dir: filepath.Join(home, "acrkit"),
			LookupEnv: func(name string) (string, bool) { return "off", name == "ACRKIT_KEYRING" }})
		if err != nil {
			s.t.Fatal(err)
		}
		l.Registry, l.Secret, l.Saved = w.reg.Host(), redact.NewSecret(secret), time.Now()
		if _, err := st.Put(s.t.Context(), l); err != nil {
			s.t.Fatal(err)
		}
		return run{home: home}
	}
	s.command(w, "acrkit's store", accepted, put(l, secret))
	s.command(w, "acrkit's store", notAccepted, put(l, wrong))
	part := l
	part.Repository = "team/*"
	s.command(w, "acrkit's store", notAvailable, put(part, secret))
	s.no("acrkit's store", "a login is stored whole", halfSet)
	s.command(w, "acrkit's store", wrongShape, run{home: w.home(s.t, "acrkit/logins.json", "{")})
}

// dockerCells are a user name and password in the places of Docker and podman.
func dockerCells(s *section, w *world, user, password string) {
	t, host := s.t, w.reg.Host()
	config := func(format string, a ...any) run {
		return run{home: w.home(t, ".docker/config.json", fmt.Sprintf(format, a...))}
	}
	const auths = "Docker's `auths`"
	s.command(w, auths, accepted, config(`{"auths":{%q:{"auth":%q}}}`, host, basicAuth(user, password)))
	s.command(w, auths, notAccepted, config(`{"auths":{%q:{"auth":%q}}}`, host, basicAuth(user, wrong)))
	s.command(w, auths, notAvailable, config(`{"auths":{"other.azurecr.io":{"auth":%q}}}`, basicAuth(user, password)))
	s.command(w, auths, halfSet, config(`{"auths":{%q:{"username":%q}}}`, host, user))
	s.command(w, auths, wrongShape, config(`{"auths":{%q:{"auth":"%%%%%%"}}}`, host))

	helper := func(script string) string { return w.program(t, "docker-credential-stub", script) }
	good := fmt.Sprintf(`printf '%%s' '{"ServerURL":%q,"Username":%q,"Secret":%q}'`, host, user, password)
	bad := fmt.Sprintf(`printf '%%s' '{"ServerURL":%q,"Username":%q,"Secret":%q}'`, host, user, wrong)
	half := fmt.Sprintf(`printf '%%s' '{"ServerURL":%q,"Username":%q,"Secret":""}'`, host, user)
	for _, x := range []struct{ place, text string }{
		{"Docker's `credsStore`", `{"credsStore":"stub"}`},
		{"Docker's `credHelpers`", fmt.Sprintf(`{"credHelpers":{%q:"stub"}}`, host)},
	} {
		place, text := x.place, x.text
		with := func(script string) run {
			c := config("%s", text)
			c.env = []string{helper(script)}
			return c
		}
		s.command(w, place, accepted, with(good))
		s.command(w, place, notAccepted, with(bad))
		s.command(w, place, notAvailable, with("echo 'credentials not found in native keychain'; exit 1"))
		s.command(w, place, notAvailable, config("%s", text)) // the helper is not installed
		s.command(w, place, halfSet, with(half))
		s.command(w, place, wrongShape, with("echo hello"))
	}

	const podman = "podman's file, with a path"
	login := func(key, secret string) run {
		return run{home: w.home(t, "containers/auth.json",
			fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, key, basicAuth(user, secret)))}
	}
	s.command(w, podman, accepted, login(host+"/samples", password))
	s.command(w, podman, notAccepted, login(host+"/samples/app", wrong))
	s.command(w, podman, notAvailable, login(host+"/team", password))
	s.command(w, podman, halfSet,
		run{home: w.home(t, "containers/auth.json", fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host+"/samples",
			basicAuth(user, "")))})
	s.command(w, podman, wrongShape, run{home: w.home(t, "containers/auth.json", `{"auths":[]}`)})
}

func adminCells(s *section, w *world, p *people) {
	name := "myregistry"
	s.library(w, accepted, auth.AdminUser(name, p.admin))
	s.library(w, notAccepted, auth.AdminUser(name, wrong))
	s.no("library", isValue, notAvailable)
	s.library(w, halfSet, auth.AdminUser(name, ""))
	s.library(w, wrongShape, auth.AdminUser(name, wrong+"\n"))

	// Here the name of the host tells the registry's, which on an address alone it does not.
	named := "ACR_NAME=myregistry.azurecr.localhost" + strings.TrimPrefix(w.reg.Host(), "localhost")
	env := func(values ...string) run {
		return run{env: append([]string{named, "ACR_TOKEN_NAME=myregistry"}, values...)}
	}
	s.command(w, "environment", accepted, env("ACR_TOKEN_PASSWORD="+p.admin))
	s.command(w, "environment", notAccepted, env("ACR_TOKEN_PASSWORD="+wrong))
	s.no("environment", "as for a scope-mapped token, whose variables these are", notAvailable)
	s.command(w, "environment", halfSet, env())
	s.command(w, "environment", wrongShape, env("ACR_TOKEN_PASSWORD="+wrong+" "))
	stored(s, w, store.Login{Kind: "admin-user", User: name}, p.admin)
}

func principalCells(s *section, w *world, p *people) {
	opts := &auth.EntraOptions{AuthorityHost: w.reg.AuthorityHost()}
	s.library(w, accepted, p.principal.Credential())
	s.library(w, notAccepted, auth.ServicePrincipal(acrtest.TenantID, p.principal.ClientID, wrong, opts))
	s.no("library", isValue, notAvailable)
	s.library(w, halfSet, auth.ServicePrincipal(acrtest.TenantID, p.principal.ClientID, "", opts))
	s.library(w, wrongShape, auth.ServicePrincipal("not a tenant", p.principal.ClientID, wrong, opts))

	env := func(values ...string) run {
		return run{env: append([]string{"AZURE_TENANT_ID=" + acrtest.TenantID, "AZURE_CLIENT_ID=" +
			p.principal.ClientID}, values...)}
	}
	s.command(w, "environment", accepted, env("AZURE_CLIENT_SECRET="+p.principal.ClientSecret))
	s.command(w, "environment", notAccepted, env("AZURE_CLIENT_SECRET="+wrong))
	s.command(w, "environment", notAvailable, forOther(w, env("AZURE_CLIENT_SECRET="+p.principal.ClientSecret)))
	s.command(w, "environment", halfSet, env())
	s.command(w, "environment", wrongShape, env("AZURE_CLIENT_SECRET="+p.principal.ClientSecret,
		"AZURE_TENANT_ID=not a tenant"))
	login := func(secret string, flags ...string) run {
		return run{stdin: secret,
			flags: append([]string{"--service-principal", "--password-stdin", "--client-id", p.principal.ClientID},
				flags...)}
	}
	s.login(w, accepted, login(p.principal.ClientSecret, "--tenant", acrtest.TenantID))
	s.login(w, notAccepted, login(wrong, "--tenant", acrtest.TenantID))
	s.no("`acrkit login`", "as for a scope-mapped token", notAvailable)
	s.login(w, halfSet, login(p.principal.ClientSecret))
	s.login(w, wrongShape, login(p.principal.ClientSecret, "--tenant", "not a tenant"))
	stored(s, w, store.Login{Kind: "service-principal", User: p.principal.ClientID, Tenant: acrtest.TenantID,
		Authority: w.reg.AuthorityHost()}, p.principal.ClientSecret)

	host := w.reg.Host()
	config := func(text string) run { return run{home: w.home(s.t, ".docker/config.json", text)} }
	entry := func(secret string) run {
		return config(fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, basicAuth(p.principal.ClientID, secret)))
	}
	s.command(w, "Docker's `auths`", accepted, entry(p.principal.ClientSecret))
	s.command(w, "Docker's `auths`", notAccepted, entry(wrong))
	s.no("Docker's `auths`", "as for a scope-mapped token: a user name and a password", notAvailable,
		halfSet, wrongShape)
}

func federatedCells(s *section, w *world, p *people) {
	opts := &auth.EntraOptions{AuthorityHost: w.reg.AuthorityHost()}
	source := func(name, text string) auth.SecretSource { return auth.SecretFile(w.file(s.t, name, text)) }
	lib := func(outcome string, source auth.SecretSource) {
		s.library(w, outcome, auth.FederatedServicePrincipal(acrtest.TenantID, p.client, source, opts))
	}
	lib(accepted, source("assertion", p.assertion("job:main")))
	lib(notAccepted, source("assertion-other", p.assertion("job:other")))
	lib(notAvailable, auth.SecretFile(filepath.Join(w.dir, "none")))
	s.no("library", isWhole, halfSet)
	lib(wrongShape, source("no-assertion", "hello"))

	env := func(name, text string, values ...string) run {
		return run{env: append([]string{"AZURE_TENANT_ID=" + acrtest.TenantID, "AZURE_CLIENT_ID=" + p.client,
			"AZURE_FEDERATED_TOKEN_FILE=" + w.file(s.t, name, text)}, values...)}
	}
	s.command(w, "file", accepted, env("assertion", p.assertion("job:main")))
	s.command(w, "file", notAccepted, env("assertion-other", p.assertion("job:other")))
	s.command(w, "file", notAvailable,
		env("assertion", "x", "AZURE_FEDERATED_TOKEN_FILE="+filepath.Join(w.dir, "none")))
	s.command(w, "file", halfSet, env("assertion", "x", "AZURE_CLIENT_ID="))
	s.command(w, "file", wrongShape, env("no-assertion", "hello"))

	// GitHub gives the job's token by https alone.
	var subject atomic.Value // of the next token; "" = an answer that is none
	subject.Store("job:main")
	github := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer job-request-token" {
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		of := subject.Load().(string)
		if of == "" {
			_, _ = io.WriteString(rw, "<html>")
			return
		}
		_ = json.NewEncoder(rw).Encode(map[string]string{"value": p.assertion(of)})
	}))
	defer github.Close()
	trusted := w.file(s.t, "ca-github.pem",
		caOf(s.t, w)+string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: github.Certificate().Raw})))
	job := func(values ...string) run {
		return run{env: append([]string{"SSL_CERT_FILE=" + trusted, "AZURE_TENANT_ID=" + acrtest.TenantID,
			"AZURE_CLIENT_ID=" + p.client,
			"ACTIONS_ID_TOKEN_REQUEST_URL=" + github.URL + "/token?v=1", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=" +
				w.hide("job-request-token")}, values...)}
	}
	s.command(w, "GitHub OIDC", accepted, job())
	subject.Store("job:other")
	s.command(w, "GitHub OIDC", notAccepted, job())
	without := job("ACTIONS_ID_TOKEN_REQUEST_URL=", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=")
	without.flags = []string{"--auth", "github-oidc"}
	s.command(w, "GitHub OIDC", notAvailable, without)
	s.command(w, "GitHub OIDC", halfSet, job("ACTIONS_ID_TOKEN_REQUEST_TOKEN="))
	subject.Store("")
	s.command(w, "GitHub OIDC", wrongShape, job())
}

func certificateCells(s *section, w *world, p *people) {
	opts := &azidentity.ClientCertificateCredentialOptions{ClientOptions: w.reg.AzureOptions()}
	file := func(name, text string) string { return w.file(s.t, name, text) }
	lib := func(outcome, path string) {
		s.library(w, outcome, azureauth.Certificate(acrtest.TenantID, p.client, path, "", opts))
	}
	lib(accepted, file("client.pem", p.cert+p.key))
	lib(notAccepted, file("other.pem", p.otherCert))
	lib(notAvailable, filepath.Join(w.dir, "none"))
	lib(halfSet, file("half.pem", p.cert))
	lib(wrongShape, file("text.pem", "hello"))
	env := func(path string, values ...string) run {
		return run{env: append([]string{"AZURE_TENANT_ID=" + acrtest.TenantID, "AZURE_CLIENT_ID=" + p.client,
			"AZURE_CLIENT_CERTIFICATE_PATH=" + path}, values...)}
	}
	s.command(w, "environment and file", accepted, env(file("client.pem", p.cert+p.key)))
	s.command(w, "environment and file", notAccepted, env(file("other.pem", p.otherCert)))
	s.command(w, "environment and file", notAvailable, env(filepath.Join(w.dir, "none")))
	s.command(w, "environment and file", halfSet, env(file("client.pem", p.cert+p.key), "AZURE_CLIENT_ID="))
	s.command(w, "environment and file", halfSet, env(file("half.pem", p.cert)))
	s.command(w, "environment and file", wrongShape, env(file("text.pem", "hello")))
}

func managedIdentityCells(s *section, w *world, p *people) {
	answer := func(status int, body string) policy.Transporter {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if status == 0 {
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("network is unreachable")}
			}
			return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}},
				Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
		})
	}
	lib := func(outcome string, id azidentity.ManagedIDKind, status int, body string) {
		s.libraryAs(w, "library, metadata service", outcome,
			azureauth.ManagedIdentity(&azidentity.ManagedIdentityCredentialOptions{ID: id,
				ClientOptions: azcore.ClientOptions{Transport: answer(status, body),
					Retry: policy.RetryOptions{MaxRetries: -1}}}))
	}
	// Near its end: Microsoft's library keeps longer ones for the whole process, and a
	// second run of the test would get that of the first.
	token := fmt.Sprintf(
		`{"access_token":%q,"expires_in":"240","resource":"https://containerregistry.azure.net","token_type":"Bearer"}`,
		p.entra)
	lib(notAvailable, nil, 0, "")
	lib(notAvailable, nil, 400, `{"error":"invalid_request","error_description":"Identity not found"}`)
	lib(notAccepted, azidentity.ClientID("22222222-2222-2222-2222-222222222222"), 400,
		`{"error":"invalid_request","error_description":"Identity not found"}`)
	lib(wrongShape, nil, 200, "<html>")
	lib(accepted, azidentity.ClientID("22222222-2222-2222-2222-222222222222"), 200, token)
	s.no("library, metadata service", "an identity is named whole or not at all", halfSet)

	type reply struct {
		status int
		body   string
	}
	var next atomic.Value // a reply
	endpoint := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		r := next.Load().(reply)
		rw.WriteHeader(r.status)
		_, _ = io.WriteString(rw, r.body)
	}))
	defer endpoint.Close()
	const place = "`--auth managed-identity`"
	cmd := func(outcome string, answer int, text string, values ...string) {
		next.Store(reply{answer, text})
		s.command(w, place, outcome,
			run{env: append([]string{"IDENTITY_ENDPOINT=" + endpoint.URL, "IDENTITY_HEADER=" +
				w.hide("identity-header-value")}, values...), flags: []string{"--auth", "managed-identity"}})
	}
	cmd(accepted, 200, token)
	cmd(notAccepted, 400, `{"statusCode":400,"message":"No User Assigned or Delegated Managed Identity found"}`,
		"AZURE_CLIENT_ID=22222222-2222-2222-2222-222222222222")
	cmd(notAvailable, 400, `{"statusCode":400,"message":"No Managed Identity found"}`)
	cmd(wrongShape, 200, "<html>")
	s.no(place, "an identity is named whole or not at all", halfSet)
}

func azureCLICells(s *section, w *world, p *people) {
	const place = "`--auth azure-cli`"
	az := func(script string) run {
		return run{env: []string{w.program(s.t, "az", script)}, flags: []string{"--auth", "azure-cli"}}
	}
	s.command(w, place, accepted, az(`printf '{"accessToken":"`+p.entra+`","expires_on":4102444800}'`))
	s.command(w, place, notAccepted,
		az(`echo "ERROR: AADSTS700082: The refresh token has expired due to inactivity." >&2; exit 1`))
	s.command(w, place, notAvailable, az(`echo "ERROR: Please run 'az login' to setup account." >&2; exit 1`))
	s.command(w, place, notAvailable, run{flags: []string{"--auth", "azure-cli"}})
	s.no(place, "az has no parts", halfSet)
	s.command(w, place, wrongShape, az("echo hello"))
}

func entraTokenCells(s *section, w *world, p *people) {
	s.library(w, accepted, auth.EntraToken(p.entra))
	foreign := foreignToken(s.t, map[string]any{"iss": "https://sts.windows.net/x/",
		"aud": "https://containerregistry.azure.net"})
	w.hide(foreign)
	s.library(w, notAccepted, auth.EntraToken(foreign))
	s.no("library", isValue, notAvailable)
	s.library(w, halfSet, auth.EntraToken(""))
	s.library(w, wrongShape, auth.EntraToken("two\nlines"))
	env := func(password string) run {
		return run{env: []string{"ACR_TOKEN_NAME=token", "ACR_TOKEN_PASSWORD=" + password}}
	}
	s.command(w, "environment, as a password", accepted, env(p.entra))
	s.command(w, "environment, as a password", notAccepted, env(foreign))
	s.no("environment, as a password", "as for a scope-mapped token, whose variables these are",
		notAvailable, halfSet, wrongShape)
}

// foreignToken makes a token that the emulator did not sign.
func foreignToken(t *testing.T, claims map[string]any) string {
	t.Helper()
	claims["exp"] = time.Now().Add(time.Hour).Unix()
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims(claims)).SignedString([]byte("another key"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func refreshTokenCells(s *section, w *world, p *people) {
	foreign := foreignToken(s.t, map[string]any{"iss": "Azure Container Registry", "aud": w.reg.Host(),
		"grant_type": "refresh_token"})
	access := foreignToken(s.t, map[string]any{"iss": "Azure Container Registry", "aud": w.reg.Host(),
		"grant_type": "access_token"})
	w.hide(foreign)
	w.hide(access)
	s.library(w, accepted, auth.RefreshToken(p.acr))
	s.library(w, notAccepted, auth.RefreshToken(foreign))
	s.no("library", isValue, notAvailable)
	s.library(w, halfSet, auth.RefreshToken(""))
	s.library(w, wrongShape, auth.RefreshToken(access))
	env := func(token string) run { return run{env: []string{"ACR_REFRESH_TOKEN=" + token}} }
	s.command(w, "environment", accepted, env(p.acr))
	s.command(w, "environment", notAccepted, env(foreign))
	s.command(w, "environment", notAvailable, forOther(w, env(p.acr)))
	s.no("environment", "one variable is all there is", halfSet)
	s.command(w, "environment", wrongShape, env(access))
	stored(s, w, store.Login{Kind: "refresh-token"}, p.acr)
	login := func(token string) run {
		return run{home: w.home(s.t, ".docker/config.json", fmt.Sprintf(`{"auths":{%q:{"auth":%q,"identitytoken":%q}}}`,
			w.reg.Host(), basicAuth("00000000-0000-0000-0000-000000000000", ""), token))}
	}
	const place = "Docker's `identitytoken`"
	s.command(w, place, accepted, login(p.acr))
	s.command(w, place, notAccepted, login(foreign))
	s.no(place, isDocker, notAvailable)
	s.no(place, "the token is all there is", halfSet)
	s.command(w, place, wrongShape, login(access))
}

func anonymousCells(s *section, w *world, _ *people) {
	set := func(on bool) {
		if err := w.reg.Manage().SetAnonymousPull(s.t.Context(), on); err != nil {
			s.t.Fatal(err)
		}
	}
	const reason = "there is nothing that could be set"
	for _, place := range []string{"library", "nothing found", "`--auth anonymous`"} {
		for _, outcome := range []string{accepted, notAccepted} {
			set(outcome == accepted)
			switch place {
			case "library":
				s.library(w, outcome, auth.Anonymous())
			case "nothing found":
				s.command(w, place, outcome, run{})
			default:
				s.command(w, place, outcome, run{flags: []string{"--auth", "anonymous"}})
			}
		}
		s.no(place, reason, notAvailable, halfSet, wrongShape)
	}
}
