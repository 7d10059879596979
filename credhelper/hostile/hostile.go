package hostile

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Ask returns the secret that the helper under test gives for a server, "" for none. The
// helper sends all requests through network, which answers as Entra, as a machine's
// metadata service and as any registry. Of a helper that cannot use network, only the
// result is checked.
type Ask func(ctx context.Context, server string, network http.RoundTripper) (secret string, err error)

// Host is a server that is not a registry of Azure's, or is written in a way that may send
// secrets to another host.
type Host struct {
	Server string
	Trick  string // in words, for messages
}

// Answer is an answer of a genuine registry, or of an attacker in its place.
type Answer struct {
	Server string // genuine
	Trick  string

	status    int
	location  string // of the answer to a token request
	challenge string // of the answer to every other one
}

// Test asks the helper for each of [Hosts] and fails if it returns or sends a secret. It
// then asks for genuine registries with the answers of [Answers]. secrets are what the
// helper was given: passwords, client secrets, assertions.
//
// A helper that has nothing for a genuine registry fails too, because the test would
// prove nothing. Errors of the helper are ignored.
func Test(t testing.TB, secrets []string, ask Ask) {
	t.Helper()
	if slices.Contains(secrets, "") {
		t.Fatal("hostile: an empty secret is in everything")
	}
	for _, server := range []string{home, regional} {
		n := &network{allowed: homesOf(server), secrets: secrets}
		if secret, err := ask(t.Context(), server, n); secret == "" {
			t.Errorf("%s is a registry of Azure's and gets nothing (%v): the battery proves nothing", server, err)
		}
		n.report(t, server, "genuine")
	}
	for _, h := range Hosts() {
		n := &network{secrets: secrets}
		//rule:look-alikes-test
		if secret, _ := ask(t.Context(), h.Server, n); secret != "" {
			t.Errorf("%q gets a secret: %s", h.Server, h.Trick)
		}
		n.report(t, h.Server, h.Trick)
	}
	for _, a := range Answers() {
		n := &network{allowed: homesOf(a.Server), secrets: secrets, answer: a}
		_, _ = ask(t.Context(), a.Server, n) // the result may be a secret: the server is genuine
		n.report(t, a.Server, a.Trick)
	}
}

const (
	home     = "myregistry.azurecr.io"
	regional = "myregistry.westeurope.geo.azurecr.io"
)

// homesOf returns the hosts to which the credential of a genuine server may be sent.
func homesOf(server string) []string {
	if server == regional {
		return []string{regional, home}
	}
	return []string{server}
}

// The tokens that network issues, which are secrets too.
var (
	entraToken   = token(`"iss":"https://sts.windows.net/t/","aud":"https://containerregistry.azure.net"`)
	refreshToken = token(`"iss":"Azure Container Registry","grant_type":"refresh_token","aud":"myregistry.azurecr.io"`)
	accessToken  = token(`"iss":"Azure Container Registry","grant_type":"access_token","aud":"myregistry.azurecr.io"`)
)

// token returns a token with claims, which ends in the year 2100.
func token(claims string) string {
	enc := base64.RawURLEncoding.EncodeToString
	payload := enc([]byte("{" + claims + `,"exp":4102444800}`))
	return enc([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + payload + "." + enc([]byte("no signature"))
}

// authorities are the hosts of Entra, by https.
var authorities = []string{
	"login.microsoftonline.com", "login.microsoftonline.us",
	"login.chinacloudapi.cn", "login.partner.microsoftonline.cn",
}

// imds is the metadata service of a machine, by http; it gets no secrets.
const imds = "169.254.169.254"

// network answers the requests of one call of Ask.
type network struct {
	allowed []string // hosts of a genuine registry, by https at its port
	secrets []string
	answer  Answer

	mu    sync.Mutex
	leaks []string
}

// maxBody bounds what is read of a request's body, in bytes.
const maxBody = 1 << 20

// RoundTrip implements [http.RoundTripper].
func (n *network) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		body, err = io.ReadAll(io.LimitReader(req.Body, maxBody))
		_ = req.Body.Close()
		if err != nil {
			return nil, err
		}
	}
	host := strings.ToLower(req.URL.Host)
	authority := slices.Contains(authorities, host) && req.URL.Scheme == "https"
	genuine := req.URL.Scheme == "https" && slices.Contains(n.allowed, strings.TrimSuffix(host, ":443"))
	//rule:look-alikes-round-trip
	if !authority && !genuine {
		n.look(req, string(body))
	}
	header, status, text := http.Header{"Content-Type": {"application/json"}}, http.StatusOK, ""
	path := req.URL.Path
	switch {
	case authority && strings.Contains(path, "/.well-known/"):
		tenant := "https://" + host + "/t"
		const document = `{"issuer":"%s/v2.0","authorization_endpoint":"%s/oauth2/v2.0/authorize",` +
			`"token_endpoint":"%s/oauth2/v2.0/token"}`
		text = fmt.Sprintf(document, tenant, tenant, tenant)
	case host == imds && req.Header.Get("Metadata") == "":
		status, text = http.StatusBadRequest, `{"error":"invalid_request"}`
	case authority || host == imds:
		text = `{"token_type":"Bearer","expires_in":"3600","access_token":"` + entraToken + `"}`
	case n.answer.status != 0 && strings.Contains(path, "/oauth2/"):
		header.Set("Location", n.answer.location)
		status = n.answer.status
	case n.answer.challenge != "" && genuine && !strings.Contains(path, "/oauth2/"):
		header.Set("Www-Authenticate", n.answer.challenge)
		status = http.StatusUnauthorized
	case strings.HasSuffix(path, "/oauth2/exchange"):
		text = `{"refresh_token":"` + refreshToken + `"}`
	case strings.HasSuffix(path, "/oauth2/token"):
		text = `{"access_token":"` + accessToken + `"}`
	default:
		header.Set("Www-Authenticate", fmt.Sprintf(`Bearer realm="%s://%s/oauth2/token",service="%s"`,
			req.URL.Scheme, req.URL.Host, req.URL.Host))
		status = http.StatusUnauthorized
	}
	return &http.Response{StatusCode: status, Status: fmt.Sprintf("%d %s", status, http.StatusText(status)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(strings.NewReader(text)), ContentLength: int64(len(text)), Request: req}, nil
}

// look records the secrets in a request to a foreign host.
func (n *network) look(req *http.Request, body string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	to := req.Method + " " + req.URL.Scheme + "://" + req.URL.Host + req.URL.Path
	if req.Header.Get("Authorization") != "" {
		n.leaks = append(n.leaks, to+" has an Authorization header")
	}
	var sent strings.Builder
	sent.WriteString(req.URL.String() + "\n" + body + "\n")
	for name, values := range req.Header {
		sent.WriteString(name + ": " + strings.Join(values, ",") + "\n")
	}
	text := sent.String()
	plain, _ := url.QueryUnescape(text)
	for _, secret := range append(slices.Clone(n.secrets), entraToken, refreshToken, accessToken) {
		if strings.Contains(text, secret) || strings.Contains(plain, secret) {
			n.leaks = append(n.leaks, to+" carries a secret")
			return
		}
	}
}

func (n *network) report(t testing.TB, server, trick string) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, leak := range n.leaks {
		t.Errorf("%q: %s: %s", server, leak, trick)
	}
}
