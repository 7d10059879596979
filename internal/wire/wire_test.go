package wire_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/difftest"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/wire"
)

func TestParseChallenges(t *testing.T) {
	tests := []struct {
		name string
		in   []string
		want []wire.Challenge // nil = an error
	}{
		{"recorded", []string{
			`Bearer realm="https://r.azurecr.io/oauth2/token",service="r.azurecr.io",scope="repository:a:pull,push",error="insufficient_scope"`},
			[]wire.Challenge{{Scheme: "bearer", Params: map[string]string{"realm": "https://r.azurecr.io/oauth2/token",
				"service": "r.azurecr.io", "scope": "repository:a:pull,push", "error": "insufficient_scope"}}}},
		{"two in one", []string{`Basic realm="a, b", Bearer realm="c"`},
			[]wire.Challenge{{Scheme: "basic", Params: map[string]string{"realm": "a, b"}},
				{Scheme: "bearer", Params: map[string]string{"realm": "c"}}}},
		{"two values", []string{`Basic realm=a`, `BEARER Realm = "c" , Service=d`},
			[]wire.Challenge{{Scheme: "basic", Params: map[string]string{"realm": "a"}},
				{Scheme: "bearer", Params: map[string]string{"realm": "c", "service": "d"}}}},
		{"token68", []string{`Negotiate YWJj==, Bearer realm="c"`},
			[]wire.Challenge{{Scheme: "negotiate", Token68: "YWJj==", Params: map[string]string{}},
				{Scheme: "bearer", Params: map[string]string{"realm": "c"}}}},
		{"no parameters", []string{`Negotiate, Bearer realm="c"`},
			[]wire.Challenge{{Scheme: "negotiate", Params: map[string]string{}},
				{Scheme: "bearer", Params: map[string]string{"realm": "c"}}}},
		{"escapes", []string{`Bearer realm="a\"b\\c"`},
			[]wire.Challenge{{Scheme: "bearer", Params: map[string]string{"realm": `a"b\c`}}}},
		{"empty list elements", []string{`, Bearer realm="a",, service="b",`},
			[]wire.Challenge{{Scheme: "bearer", Params: map[string]string{"realm": "a", "service": "b"}}}},
		{"empty", []string{""}, []wire.Challenge{}},
		{"no header", nil, []wire.Challenge{}},
		{"twice", []string{`Bearer realm="a",realm="b"`}, nil},
		{"open quote", []string{`Bearer realm="a`}, nil},
		{"open escape", []string{`Bearer realm="a\`}, nil},
		{"no value", []string{`Bearer realm=a,service=`}, nil},
		{"no comma", []string{`Bearer realm="a" service="b"`}, nil},
		{"control character", []string{"Bearer realm=\"a\x00\""}, nil},
		{"no scheme", []string{`="a"`}, nil},
		{"long", []string{`Bearer realm="` + strings.Repeat("a", wire.MaxChallenge) + `"`}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := wire.ParseChallenges(tt.in)
			if (err != nil) != (tt.want == nil) {
				t.Fatalf("error %v", err)
			}
			if diff := difftest.Diff(tt.want, append(got, []wire.Challenge{}...)); diff != "" && tt.want != nil &&
				len(tt.want)+len(got) > 0 {
				t.Error(diff)
			}
		})
	}
}

// What is read is read again as the same from its own text.
func FuzzParseChallenges(f *testing.F) {
	for _, s := range []string{`Bearer realm="https://r/oauth2/token",service="r",scope="repository:a:pull"`,
		`Basic realm="x"`, `Negotiate a==, Bearer a=b`, `Bearer realm="a\"b"`, `a b c`, `,`, `A a=b,C`,
		"0 0=\"\\\x00\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		all, err := wire.ParseChallenges([]string{s})
		if err != nil {
			return
		}
		var texts []string
		for _, c := range all {
			if c.Scheme == "" || c.Scheme != strings.ToLower(c.Scheme) {
				t.Fatalf("scheme %q", c.Scheme)
			}
			for name := range maps.Keys(c.Params) {
				if name == "" || name != strings.ToLower(name) {
					t.Fatalf("parameter %q", name)
				}
			}
			texts = append(texts, c.String())
		}
		again, err := wire.ParseChallenges(texts)
		if err != nil {
			t.Fatalf("%q: %v", texts, err)
		}
		if diff := difftest.Diff(all, again); diff != "" {
			t.Fatal(diff)
		}
	})
}

func token(payload string) string {
	return "h." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".s"
}

// TestDamage: a token is damaged where a part is missing or cannot be read, or where the
// signature is shorter than its key.
func TestDamage(t *testing.T) {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	header, claims := part(`{"alg":"RS256"}`), part(`{"iss":"Azure Container Registry"}`)
	signature := part(strings.Repeat("s", 256))
	for token, damaged := range map[string]bool{
		header + "." + claims + "." + signature:                          false,
		header + "." + claims + "." + part(strings.Repeat("s", 384)):     false,
		part(`{"alg":"ES256"}`) + "." + claims + "." + part("signature"): false,
		"": false, "password": false, "a.b.c": false,
		header: true, header + "." + claims: true, header + "." + claims + "." + signature + ".": true,
		header + "." + claims + ".":                                  true,
		header + "." + claims + "." + part(strings.Repeat("s", 255)): true,
		header + "." + claims + "." + part(strings.Repeat("s", 128)): true,
		header + "." + claims + "." + signature[:300]:                true,
		header[:7] + "." + claims + "." + signature:                  true,
		header + "." + claims[:9] + "." + signature:                  true,
		header + "." + claims + "\n" + "." + signature:               true,
	} {
		if got := wire.Damage(token); (got != "") != damaged {
			t.Errorf("%q: %q", token, got)
		}
	}
}

func TestReadClaims(t *testing.T) {
	scope := acrkit.RepositoryScope("a", acrkit.ContentRead)
	empty := acrkit.Scope{}
	tests := []struct {
		name, token string
		want        wire.Claims
		ok          bool
	}{
		{"recorded", token(
			`{"sub":"x","exp":1616691157,"iss":"Azure Container Registry","aud":"r.azurecr.io","grant_type":"access_token","access":[{"type":"repository","name":"a","actions":["pull"]}]}`),
			wire.Claims{Issuer: "Azure Container Registry", Audience: []string{"r.azurecr.io"}, Subject: "x",
				GrantType: "access_token", Expires: time.Unix(1616691157, 0), Access: &scope}, true},
		{"keys in capitals",
			token(`{"sub":"acr_anon_pull","access":[{"Type":"repository","Name":"a","Actions":["pull"]}]}`),
			wire.Claims{Subject: "acr_anon_pull", Access: &scope}, true},
		{"audiences", token(`{"aud":["a","b",3],"exp":"soon"}`), wire.Claims{Audience: []string{"a", "b"}}, true},
		{"access null", token(`{"access":null}`), wire.Claims{Access: &empty}, true},
		{"access of another form", token(`{"access":"all"}`), wire.Claims{}, true},
		{"fraction", token(`{"exp":1616691157.9}`), wire.Claims{Expires: time.Unix(1616691157, 0)}, true},
		{"no date", token(`{"exp":1e300}`), wire.Claims{}, true},
		{"negative", token(`{"exp":-5}`), wire.Claims{}, true},
		{"padded", "h." + base64.URLEncoding.EncodeToString([]byte(`{"sub":"xy"}`)) + ".s",
			wire.Claims{Subject: "xy"}, true},
		{"opaque", "opaque", wire.Claims{}, false},
		{"four parts", "a.b.c.d", wire.Claims{}, false},
		{"no object", token(`["a"]`), wire.Claims{}, false},
		{"null", token(`null`), wire.Claims{}, false},
		{"not base64", "h.$$$.s", wire.Claims{}, false},
		{"trailing", token(`{} {}`), wire.Claims{}, false},
		{"long", token(`{"sub":"` + strings.Repeat("a", wire.MaxToken) + `"}`), wire.Claims{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := wire.ReadClaims(tt.token)
			if (err == nil) != tt.ok {
				t.Fatal(err)
			}
			if diff := difftest.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestClaims_IsOfOtherCloud(t *testing.T) {
	for _, tt := range []struct {
		audience, registry string
		manager, other     bool
	}{
		{"https://management.usgovcloudapi.net", "a.azurecr.io", true, true},
		{"https://management.core.usgovcloudapi.net/", "a.azurecr.us", true, false},
		{"https://management.azure.com/", "a.azurecr.us", true, true},
		{"https://management.core.windows.net", "a.azurecr.io", true, false},
		{"https://MANAGEMENT.chinacloudapi.cn", "localhost:5443", true, true},
		{"https://management.azure.com", "localhost:5443", true, false},
		{"https://containerregistry.azure.net", "a.azurecr.us", false, false},
		{"https://graph.microsoft.com", "a.azurecr.io", false, false},
		{"", "a.azurecr.io", false, false},
	} {
		reg, err := acrkit.ParseRegistry(tt.registry)
		if err != nil {
			t.Fatal(err)
		}
		c := wire.Claims{Audience: []string{tt.audience}}
		if got := c.IsOfOtherCloud(reg); got != tt.other || c.IsResourceManager() != tt.manager {
			t.Errorf("%s at %s: other cloud %v, Resource Manager %v", tt.audience, tt.registry,
				got, c.IsResourceManager())
		}
	}
}

func TestClaims_Granted(t *testing.T) {
	const anonymous = `"sub":"acr_anon_pull",`
	for _, tt := range []struct{ name, claims, asked, want string }{
		{"no claim", `"sub":"x"`, "repository:a:pull", "unknown"},
		{"names", `"access":[{"type":"repository","name":"a","actions":["pull"]}]`,
			"repository:a:pull,push repository:b:pull", "repository:a:pull"},
		{"all repositories", `"access":[{"type":"repository","name":"*","actions":["pull","push"]}]`,
			"repository:a:pull repository:b:delete",
			"repository:a:pull,push repository:b:pull,push"},
		{"all repositories and a name",
			`"access":[{"type":"repository","name":"*","actions":["pull"]},{"type":"repository","name":"a","actions":["push"]}]`,
			"repository:a:pull", "repository:a:pull,push"},
		{"all actions", `"access":[{"type":"repository","name":"*","actions":["*"]}]`, "repository:a:pull",
			"repository:a:*,delete,metadata_read,metadata_write,pull,push"},
		{"all repositories were asked for", `"access":[{"type":"repository","name":"*","actions":["pull"]}]`,
			"repository:*:*", "repository:*:pull"},
		{"the catalog", `"access":[{"type":"registry","name":"catalog","actions":["*"]}]`, "registry:catalog:*",
			"registry:catalog:*"},
		{"all repositories are not the catalog", `"access":[{"type":"repository","name":"*","actions":["*"]}]`,
			"registry:catalog:*", "repository:*:*"},
		{"anonymous", anonymous + `"access":[{"Type":"repository","Name":"*","Actions":["pull"]}]`,
			"repository:a:metadata_read", "repository:a:metadata_read,pull"},
		{"pull of another", `"sub":"x","access":[{"type":"repository","name":"*","actions":["pull"]}]`,
			"repository:a:metadata_read", "repository:a:pull"},
		{"anonymous, the catalog alone", anonymous + `"access":[{"Type":"registry","Name":"catalog","Actions":["*"]}]`,
			"repository:a:pull", "registry:catalog:*"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			claims, err := wire.ReadClaims(token("{" + tt.claims + "}"))
			if err != nil {
				t.Fatal(err)
			}
			asked, err := acrkit.ParseScope(tt.asked)
			if err != nil {
				t.Fatal(err)
			}
			got := "unknown"
			if g := claims.Granted(asked); g != nil {
				got = g.String()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// For any token, its claims are of the named forms, and what encoding/json
// would read of a string claim is what is read here.
func FuzzReadClaims(f *testing.F) {
	for _, s := range []string{
		`{"iss":"Azure Container Registry","exp":1616691157,"access":[{"type":"repository","name":"a","actions":["pull"]}]}`, `{"aud":[]}`, `null`, `{`, "\xff\xfe", `{"exp":1e400}`, `{} }`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, err := wire.ReadClaims("h." + base64.RawURLEncoding.EncodeToString(payload) + ".s")
		var plain struct {
			Iss any `json:"iss"`
		}
		if jsonErr := json.Unmarshal(payload, &plain); (jsonErr != nil) && err == nil {
			t.Fatalf("read %q: %v", payload, jsonErr)
		}
		if err != nil {
			return
		}
		if s, _ := plain.Iss.(string); s != c.Issuer {
			t.Fatalf("issuer %q, want %q", c.Issuer, s)
		}
		if !c.Expires.IsZero() && (c.Expires.Unix() < 0 || c.Expires.Year() > 10000) {
			t.Fatalf("expires %v", c.Expires)
		}
		if c.IsACR() && c.IsEntra() {
			t.Fatal("both ACR's and Entra's")
		}
	})
}

type witness struct {
	http.RoundTripper
	granted   *acrkit.Scope
	anonymous bool
}

func (w witness) Granted(acrkit.Scope) *acrkit.Scope { return w.granted }
func (w witness) Describe() string                   { return `token "ci"` }
func (w witness) Anonymous() bool                    { return w.anonymous }

func TestAttempt_Refused(t *testing.T) {
	pull := acrkit.RepositoryScope("team/app", acrkit.ContentRead)
	challenge := func(scope, word string) string {
		c := `Bearer realm="https://r.azurecr.io/oauth2/token",service="r.azurecr.io"`
		if scope != "" {
			c += `,scope="` + scope + `"`
		}
		if word != "" {
			c += `,error="` + word + `"`
		}
		return c
	}
	tests := []struct {
		name      string
		status    int
		challenge string
		body      string
		rt        http.RoundTripper
		want      acrkit.Code
		text      string
		required  string
	}{
		{"missing right", 401, challenge("repository:team/app:metadata_read", "insufficient_scope"), ``,
			witness{granted: &pull}, acrkit.CodeInsufficientScope,
			`the token "ci" has content/read but not metadata/read`, "repository:team/app:metadata_read"},
		{"missing right, nothing granted", 401, challenge("repository:team/app:metadata_read", "insufficient_scope"),
			``, witness{granted: &acrkit.Scope{}}, acrkit.CodeInsufficientScope,
			`the token "ci" does not have metadata/read`, "repository:team/app:metadata_read"},
		{"missing right, unknown", 401, challenge("repository:team/app:pull,push", "insufficient_scope"), ``, witness{},
			acrkit.CodeInsufficientScope,
			`the token "ci" does not have all of content/read, content/write`, "repository:team/app:pull,push"},
		{"missing right, anonymous", 401, challenge("repository:team/app:pull", "insufficient_scope"), ``,
			witness{anonymous: true},
			acrkit.CodeInsufficientScope, `the request without a credential does not have content/read`,
			"repository:team/app:pull"},
		{"granted and yet refused", 401, challenge("repository:team/app:pull", "insufficient_scope"), ``,
			witness{granted: &pull}, acrkit.CodeInsufficientScope,
			`the registry refuses content/read although the access token of the token "ci" holds it`,
			"repository:team/app:pull"},
		{"mount", 401, challenge("repository:team/app:pull,push repository:base:pull", "insufficient_scope"), ``,
			witness{granted: &pull}, acrkit.CodeInsufficientScope,
			`the token "ci" has content/read but not content/read on "base" and content/write`,
			"repository:base:pull repository:team/app:pull,push"},
		{"as 403", 403, challenge("repository:team/app:push", "insufficient_scope"), ``, nil,
			acrkit.CodeInsufficientScope, "the credential does not have content/write", "repository:team/app:push"},
		{"catalog", 401, challenge("registry:catalog:*", "insufficient_scope"), ``, witness{granted: &acrkit.Scope{}},
			acrkit.CodeInsufficientScope, "may not list the repositories", "registry:catalog:*"},
		{"invalid token", 401, challenge("repository:team/app:pull", "invalid_token"), ``, witness{},
			acrkit.CodeCredentialRejected, "did not accept the access token", "repository:team/app:pull"},
		{"no header", 401, "",
			`{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":[{"Type":"repository","Name":"team/app","Action":"pull"},{"Type":"repository","Name":"team/app","Action":"push"}]}]}`,
			nil, acrkit.CodeCredentialRejected, "the registry requires a credential", "repository:team/app:pull,push"},
		{"firewall", 403, "",
			`{"errors":[{"code":"DENIED","message":"client with IP '1.2.3.4' is not allowed access."}]}`, nil,
			acrkit.CodeDenied,
			"the registry forbids it; the registry answered: client with IP '1.2.3.4' is not allowed access.", ""},
		{"not found", 404, "", `{"errors":[{"code":"NAME_UNKNOWN","message":"repository \"x\" is not found"}]}`, nil,
			acrkit.CodeNotFound, `the registry has no repository "team/app"`, ""},
		{"no route", 404, "", "404 page not found\n", nil, acrkit.CodeNotFound,
			"the registry has nothing at /v2/team/app/blobs/uploads/x (404", ""},
		{"locked", 405, "",
			`{"errors":[{"code":"REGISTRY_DISALLOWED_OPERATION","message":"The operation is disallowed","detail":{}}]}`,
			nil, acrkit.CodeLocked, "a lock", ""},
		{"by tag", 405, "", `{"errors":[{"code":"UNSUPPORTED","message":"A manifest can only be deleted by digest."}]}`,
			nil, acrkit.CodeUsage, "only be deleted by digest", ""},
		{"invalid", 400, "",
			`{"errors":[{"code":"MANIFEST_INVALID","message":"manifest invalid","detail":{"Reason":{}}}]}`, nil,
			acrkit.CodeUsage, "manifest invalid", ""},
		{"throttled", 429, "", ``, nil, acrkit.CodeThrottled, "too many requests; the service asks to wait 9s", ""},
		{"down", 502, "", `<html>`, nil, acrkit.CodeUnavailable, "the registry failed", ""},
		{"too large", 413, "", ``, nil, acrkit.CodeTooLarge, "too large for the registry", ""},
		{"odd", 418, "", ``, nil, acrkit.CodeProtocol, "unexpected answer 418", ""},
		{"huge body", 500, "", strings.Repeat("x", 65<<10), nil, acrkit.CodeUnavailable, "the registry failed", ""},
		{"bad challenge", 401, `Bearer realm="`, ``, nil, acrkit.CodeCredentialRejected, "", ""},
		{"terminal escapes", 404, "",
			`{"errors":[{"code":"X","message":"\u001b[31mred\u0007\u202e\u2066\u2028\u200b"}]}`, nil,
			acrkit.CodeNotFound, "[31mred", ""},
	}
	reg, _ := acrkit.ParseRegistry("r")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := &closer{Reader: strings.NewReader(tt.body)}
			u, _ := url.Parse(
				"https://user:pass@r.azurecr.io/v2/team/app/blobs/uploads/x?_state=secret&digest=sha256:00")
			resp := &http.Response{StatusCode: tt.status,
				Header: http.Header{"Retry-After": {"9"}, wire.CorrelationHeader: {"6f1c"}}, Body: body,
				Request: &http.Request{Method: "GET", URL: u}}
			if tt.challenge != "" {
				resp.Header.Set("Www-Authenticate", tt.challenge)
			}
			e := wire.Attempt{Op: `list tags of "team/app"`, Registry: reg, Transport: tt.rt}.Refused(resp)
			if e.Code != tt.want || !strings.Contains(e.Error(), tt.text) || e.Required.String() != tt.required {
				t.Errorf("%s %q: %v", e.Code, e.Required, e)
			}
			if e.Status != tt.status || e.RequestID != "6f1c" || e.Method != "GET" ||
				e.URL != "https://r.azurecr.io/v2/team/app/blobs/uploads/x?_state=[redacted]&digest=sha256:00" {
				t.Errorf("evidence: %#v", e)
			}
			if body.closed != 1 {
				t.Errorf("the body was closed %d times", body.closed)
			}
			if strings.ContainsAny(e.Error(), "\x1b\x07\n\u202e\u2066\u2028\u200b") {
				t.Errorf("control characters: %q", e.Error())
			}
		})
	}
}

type closer struct {
	io.Reader
	closed int
}

func (c *closer) Close() error { c.closed++; return nil }

// Every element that is read has a code or a message, and reading it again from
// its own JSON gives the same.
func FuzzReadServiceErrors(f *testing.F) {
	for _, s := range []string{`{"errors":[{"code":"A","message":"b","detail":[1]}]}`, `{"errors":null}`,
		`{"errors":[null,3,{"code":1}]}`, `[]`, `{"errors":{}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		all := wire.ReadServiceErrors(body)
		for _, e := range all {
			if e.Code == "" && e.Message == "" {
				t.Fatal("an error without words")
			}
		}
		data, err := json.Marshal(map[string]any{"errors": all})
		if err != nil {
			t.Fatal(err)
		}
		again := wire.ReadServiceErrors(data)
		if len(again) != len(all) {
			t.Fatalf("%d errors, then %d", len(all), len(again))
		}
		for i := range all {
			if again[i].Code != strings.ToValidUTF8(all[i].Code, "\ufffd") ||
				again[i].Message != strings.ToValidUTF8(all[i].Message, "\ufffd") {
				t.Fatalf("%#v, then %#v", all[i], again[i])
			}
		}
	})
}

func TestNetworkError(t *testing.T) {
	reg, _ := acrkit.ParseRegistry("r")
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	tests := []struct {
		name string
		err  error
		want acrkit.Code
		text string
	}{
		{"no such host", dial(&net.DNSError{Err: "no such host", Name: "r.azurecr.io", IsNotFound: true}),
			acrkit.CodeUnavailable, "no host has the name r.azurecr.io"},
		{"resolver down", dial(&net.DNSError{Err: "server misbehaving", Name: "r.azurecr.io"}), acrkit.CodeUnavailable,
			"cannot be looked up now"},
		{"refused", dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), acrkit.CodeUnavailable,
			"refuses the connection"},
		{"reset", &net.OpError{Op: "read", Err: syscall.ECONNRESET}, acrkit.CodeUnavailable, "connection reset"},
		{"timeout", dial(os.ErrDeadlineExceeded), acrkit.CodeUnavailable, "did not answer in time"},
		{"context", context.DeadlineExceeded, acrkit.CodeUnavailable, "did not answer in time"},
		{"unknown authority", x509.UnknownAuthorityError{}, acrkit.CodeTLS, "unknown authority"},
		{"other name", x509.HostnameError{Certificate: &x509.Certificate{}, Host: "r.azurecr.io"},
			acrkit.CodeTLS, "another name"},
		{"expired", x509.CertificateInvalidError{Reason: x509.Expired}, acrkit.CodeTLS, "expired"},
		{"plain http", fmt.Errorf("x: %w", http.ErrSchemeMismatch), acrkit.CodeUnavailable, "plain HTTP"},
		{"proxy", &net.OpError{Op: "proxyconnect", Err: errors.New("x")}, acrkit.CodeUnavailable, "proxy"},
		{"url error", &url.Error{Op: "Get", URL: "https://r/?sig=secret", Err: io.ErrUnexpectedEOF},
			acrkit.CodeUnavailable, "unexpected EOF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := wire.NetworkError(tt.err, "try", reg, "r.azurecr.io")
			if e.Code != tt.want || !strings.Contains(e.Error(), tt.text) ||
				strings.Contains(fmt.Sprintf("%#v %v", e, e), "secret") {
				t.Error(e)
			}
		})
	}
}

func TestWithOp(t *testing.T) {
	reg, _ := acrkit.ParseRegistry("r")
	final := wire.Final(&acrkit.Error{Code: acrkit.CodeDenied, Op: "get an access token", Registry: reg, Reason: "no"})
	got := wire.WithOp(&url.Error{Op: "Get", URL: "https://r/", Err: final}, "list tags", reg)
	if got.Error() != "cannot list tags on r.azurecr.io: no" || !errors.Is(got, acrkit.CodeDenied) {
		t.Error(got)
	}
	if _, ok := errors.AsType[interface {
		error
		NonRetriable()
	}](got); !ok {
		t.Error("the mark is lost")
	}
	// What failed elsewhere on the way says where.
	for _, tt := range []struct {
		inner *acrkit.Error
		want  string
	}{
		{&acrkit.Error{Op: `read the secret in file "x"`, Reason: "there is no such file"},
			`cannot list tags on r.azurecr.io: cannot read the secret in file "x": there is no such file`},
		{&acrkit.Error{Op: "read a file", Errs: []error{io.EOF}},
			"cannot list tags on r.azurecr.io: cannot read a file: EOF"},
		{&acrkit.Error{Op: wire.UseCredential, Reason: "the password is empty"},
			"cannot list tags on r.azurecr.io: the password is empty"},
		{&acrkit.Error{Reason: "no"}, "cannot list tags on r.azurecr.io: no"},
	} {
		if got := wire.WithOp(tt.inner, "list tags", reg); got.Error() != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
	if got := wire.WithOp(io.EOF, "list tags", reg); !errors.Is(got, acrkit.CodeUnavailable) ||
		!errors.Is(got, io.EOF) {
		t.Error(got)
	}
	if got := wire.WithOp(&url.Error{Op: "Get", Err: context.Canceled}, "list tags", reg); !errors.Is(got,
		context.Canceled) || acrkit.CodeOf(got) != "" {
		t.Error(got)
	}
}

func TestRetryAfter(t *testing.T) {
	for v, want := range map[string]time.Duration{"": 0, "30": 30 * time.Second, "-1": 0, "x": 0,
		"99999999999999999999":          0,
		"Wed, 21 Oct 2015 07:28:30 GMT": 30 * time.Second, "Wed, 21 Oct 2015 07:00:00 GMT": 0} {
		h := http.Header{"Retry-After": {v}, "Date": {"Wed, 21 Oct 2015 07:28:00 GMT"}}
		if got := wire.RetryAfter(h); got != want {
			t.Errorf("%q: %v, want %v", v, got, want)
		}
	}
}

func TestEvidence_RetryAfter(t *testing.T) {
	for v, want := range map[string]time.Duration{"": 0, "30": 30 * time.Second,
		"Wed, 21 Oct 2015 07:28:30 GMT": 30 * time.Second,
		"3599":                          time.Hour - time.Second, "3601": time.Hour, "2000000000": time.Hour,
		"Wed, 21 Oct 2099 07:28:30 GMT": time.Hour} {
		for _, status := range []int{429, 503} {
			resp := &http.Response{StatusCode: status, Body: http.NoBody,
				Header: http.Header{"Retry-After": {v}, "Date": {"Wed, 21 Oct 2015 07:28:00 GMT"}}}
			if e := (wire.Attempt{}).Refused(resp); e.RetryAfter != want {
				t.Errorf("%d, %q: %v, want %v", status, v, e.RetryAfter, want)
			}
		}
	}
}

func TestRequestID(t *testing.T) {
	const id = "00000000-1111-2222-3333-444444444444"
	secret := redact.NewSecret("correct-horse")
	for in, want := range map[string]string{
		id: id, "6f1c": "6f1c", strings.Repeat("a", 64): strings.Repeat("a", 64), strings.Repeat("a", 65): "", "": "",
		"correct-horse": "", "id-correct-horse-1": "", "Y2k6Y29ycmVjdC1ob3JzZQ": "", // base64 of ci:correct-horse
		"Bearer eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2ln": "", "eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2ln": "",
		id + "\n": "", id + " ": "", "a b": "", "a_b": "", "ä": "",
	} {
		h := http.Header{wire.CorrelationHeader: {in}}
		if got := wire.RequestID(h, secret); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
		resp := &http.Response{StatusCode: 500, Header: h, Body: http.NoBody}
		e := wire.Attempt{Secrets: []redact.Secret{secret}}.Refused(resp)
		if got := e.RequestID; got != want || strings.Contains(e.Error(), "horse") {
			t.Errorf("Refused: %q, want %q: %v", got, want, e)
		}
	}
}

func TestTokenServiceSaid_HidesSecrets(t *testing.T) {
	jwt := "eyJhbGciOiJSUzI1NiJ9." + strings.Repeat("a", 40) + ".sig"
	body := `{"errors":[{"code":"X","message":"` + jwt + ` and p@ss word and p%40ss+word","detail":"` + jwt + `"}]}`
	e := &acrkit.Error{}
	said := wire.TokenServiceSaid(&http.Response{Body: io.NopCloser(bytes.NewReader([]byte(body)))}, e,
		[]redact.Secret{redact.NewSecret("p@ss word")})
	if shown := fmt.Sprintf("%s %#v", said, e.Errs); strings.Contains(shown, "eyJ") ||
		strings.Contains(shown, "ss word") || strings.Contains(shown, "ss+word") {
		t.Error(shown)
	}
}
