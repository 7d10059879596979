package auth_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/cause"
)

func TestServicePrincipal_Authority(t *testing.T) {
	tests := []struct {
		registry, authority, tenant, want string
	}{
		{"myregistry.azurecr.io", "", "tenant-1", "https://login.microsoftonline.com/tenant-1/oauth2/v2.0/token"},
		{"myregistry.azurecr.us", "", "contoso.com", "https://login.microsoftonline.us/contoso.com/oauth2/v2.0/token"},
		{"myregistry.azurecr.cn", "", "tenant-1", "https://login.chinacloudapi.cn/tenant-1/oauth2/v2.0/token"},
		{"localhost:5443", "https://localhost:5443/", "tenant-1", "https://localhost:5443/tenant-1/oauth2/v2.0/token"},
		{"localhost:5443", "https://localhost:5443", "adfs", "https://localhost:5443/adfs/oauth2/v2.0/token"},
		{"registry.contoso.com", "", "tenant-1", "https://login.microsoftonline.com/tenant-1/oauth2/v2.0/token"},
	}
	for _, tt := range tests {
		t.Run(tt.registry, func(t *testing.T) {
			d := &direct{}
			rt, err := auth.NewTransport(tt.registry,
				auth.ServicePrincipal(tt.tenant, "c", "s", &auth.EntraOptions{AuthorityHost: tt.authority}),
				&auth.Options{Base: d, CustomLoginServer: true})
			if err != nil {
				t.Fatal(err)
			}
			defer rt.Close()
			if _, err := rt.Token(t.Context(), acrkit.Scope{}); !errors.Is(err, acrkit.CodeUnavailable) {
				t.Error(err)
			}
			if len(d.sent) != 1 || d.sent[0].URL.String() != tt.want {
				t.Errorf("asked %v", d.sent)
			}
		})
	}
}

func TestServicePrincipal_Usage(t *testing.T) {
	tests := []struct {
		name, registry         string
		tenant, client, secret string
		opts                   auth.EntraOptions
		want                   acrkit.Code
	}{
		{"no authority for loopback", "localhost:5443", "t", "c", "s", auth.EntraOptions{}, acrkit.CodeUsage},
		{"no tenant", testHost, "", "c", "s", auth.EntraOptions{}, acrkit.CodeUsage},
		{"tenant is a path", testHost, "../x", "c", "s", auth.EntraOptions{}, acrkit.CodeUsage},
		{"tenant is a URL", testHost, "t?x=", "c", "s", auth.EntraOptions{}, acrkit.CodeUsage},
		{"no client", testHost, "t", "", "s", auth.EntraOptions{}, acrkit.CodeUsage},
		{"no secret", testHost, "t", "c", "", auth.EntraOptions{}, acrkit.CodeUsage},
		{"secret with a line feed", testHost, "t", "c", "s\n", auth.EntraOptions{}, acrkit.CodeUsage},
		{"authority without scheme", testHost, "t", "c", "s",
			auth.EntraOptions{AuthorityHost: "login.microsoftonline.com"}, acrkit.CodeUsage},
		{"authority with user", testHost, "t", "c", "s",
			auth.EntraOptions{AuthorityHost: "https://u@login.microsoftonline.com"}, acrkit.CodeUsage},
		{"authority with query", testHost, "t", "c", "s",
			auth.EntraOptions{AuthorityHost: "https://login.microsoftonline.com/?x=y"}, acrkit.CodeUsage},
		{"authority on http", testHost, "t", "c", "s", auth.EntraOptions{AuthorityHost: "http://127.0.0.1:1/"},
			acrkit.CodeHostRefused},
		{"unknown audience", testHost, "t", "c", "s", auth.EntraOptions{Audience: "graph"}, acrkit.CodeUsage},
		{"arm audience to a custom host", "registry.contoso.com", "t", "c", "s",
			auth.EntraOptions{Audience: auth.AudienceARM}, acrkit.CodeHostRefused},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := auth.NewTransport(tt.registry, auth.ServicePrincipal(tt.tenant, tt.client, tt.secret, &tt.opts),
				&auth.Options{CustomLoginServer: true})
			if !errors.Is(err, tt.want) {
				t.Error(err)
			}
		})
	}
}

func TestServicePrincipal_Refused(t *testing.T) {
	tests := []struct {
		name, body string
		status     int
		want       acrkit.Code
		text       string
		final      bool
	}{
		{"wrong secret",
			`{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.","error_codes":[7000215],"correlation_id":"99999999-8888-7777-6666-555555555555"}`, 401,
			acrkit.CodeCredentialRejected,
			"cannot get an Entra token for service principal client-1: the client secret is wrong (is it the " +
				"secret's id, and not its value?) (AADSTS7000215) (401 credential_rejected, request " +
				"99999999-8888-7777-6666-555555555555)", true},
		{"expired secret", `{"error":"invalid_client","error_codes":[7000222]}`, 401, acrkit.CodeCredentialRejected,
			"the client secret has expired (AADSTS7000222)", true},
		{"unknown application", `{"error":"unauthorized_client","error_description":"AADSTS700016: x"}`, 400,
			acrkit.CodeCredentialRejected, "the application is not known in this tenant", true},
		{"unknown tenant", `{"error":"invalid_request","error_description":"AADSTS90002: x"}`, 400,
			acrkit.CodeCredentialRejected, "there is no such tenant", true},
		{"a number we do not know", `{"error":"invalid_grant","error_description":"AADSTS1234567: x"}`, 400,
			acrkit.CodeCredentialRejected, "Entra refused the sign-in (AADSTS1234567)", true},
		{"no number", `{"error":"invalid_grant"}`, 400, acrkit.CodeCredentialRejected,
			"Entra refused the sign-in (invalid_grant)", true},
		{"not Entra", `<html>`, 404, acrkit.CodeProtocol, "not as Entra does", true},
		{"throttled", ``, 429, acrkit.CodeThrottled, "too many requests; the service asks to wait 17s", false},
		{"down", ``, 503, acrkit.CodeUnavailable, "Entra failed", false},
		{"down for a moment", `{"error":"temporarily_unavailable","error_codes":[90033]}`, 400, acrkit.CodeUnavailable,
			"AADSTS90033", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, rt, d := setup(t, auth.ServicePrincipal("tenant-1", "client-1", "sp-secret", nil))
			f.intercept = func(w http.ResponseWriter, r *http.Request, _ url.Values) bool {
				w.Header().Del("X-Ms-Correlation-Request-Id")
				w.Header().Set("Retry-After", "17")
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
				return true
			}
			_, err := rt.Token(t.Context(), acrkit.Scope{})
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Error(err)
			}
			_, final := errors.AsType[interface {
				error
				NonRetriable()
			}](err)
			if final != tt.final {
				t.Errorf("final = %v", final)
			}
			if len(d.sent) != 1 {
				t.Errorf("%d requests", len(d.sent))
			}
		})
	}
}

func TestServicePrincipal_AudienceOfResourceManager(t *testing.T) {
	f, rt, _ := setup(t, auth.ServicePrincipal("tenant-1", "client-1", "sp-secret", nil))
	f.noACR = true
	token, err := rt.Token(t.Context(), mustScope("repository:team/app:pull"))
	if err != nil {
		t.Fatal(err)
	}
	if token.Audience != "https://management.azure.com" {
		t.Errorf("audience %q", token.Audience)
	}
	wantLog(t, f, "POST /tenant-1/oauth2/v2.0/token https://containerregistry.azure.net/.default",
		"POST /tenant-1/oauth2/v2.0/token https://management.azure.com/.default",
		"POST /oauth2/exchange access_token", "POST /oauth2/token refresh_token repository:team/app:pull")

	t.Run("by no option", func(t *testing.T) {
		f, rt, _ := setup(t, auth.ServicePrincipal("tenant-1", "client-1", "sp-secret",
			&auth.EntraOptions{Audience: auth.AudienceACR}))
		f.noACR = true
		_, err := rt.Token(t.Context(), acrkit.Scope{})
		refusal, ok := errors.AsType[auth.EntraRefusal](err)
		if !ok || refusal.Number != 500011 || len(f.took()) != 1 {
			t.Error(err)
		}
	})
	t.Run("not to other hosts", func(t *testing.T) {
		for _, reg := range []string{"localhost:5443", "registry.contoso.com"} {
			f := newFake()
			f.host, f.noACR = reg, true
			rt, err := auth.NewTransport(reg,
				auth.ServicePrincipal("t", "c", "sp-secret",
					&auth.EntraOptions{AuthorityHost: "https://entra.example"}),
				&auth.Options{Base: &direct{hosts: map[string]http.Handler{"https://" + reg: f,
					"https://entra.example": f}}, CustomLoginServer: true})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := rt.Token(t.Context(), acrkit.Scope{}); !errors.Is(err, acrkit.CodeCredentialRejected) ||
				len(f.took()) != 1 {
				t.Error(err)
			}
		}
	})
	t.Run("by option", func(t *testing.T) {
		f, rt, _ := setup(t, auth.ServicePrincipal("tenant-1", "client-1", "sp-secret",
			&auth.EntraOptions{Audience: auth.AudienceARM}))
		if _, err := rt.Token(t.Context(), acrkit.Scope{}); err != nil {
			t.Fatal(err)
		}
		if got := f.took(); len(got) != 3 || !strings.Contains(got[0], "management.azure.com") {
			t.Error(got)
		}
	})
	t.Run("one's own token", func(t *testing.T) {
		arm := jwt(map[string]any{"iss": "https://sts.windows.net/t/", "aud": "https://management.core.windows.net/"})
		_, err := auth.NewTransport("registry.contoso.com", auth.EntraToken(arm),
			&auth.Options{CustomLoginServer: true})
		if !errors.Is(err, acrkit.CodeHostRefused) {
			t.Error(err)
		}
	})
}

type source func(ctx context.Context, scope string) (string, time.Time, error)

func (s source) EntraToken(ctx context.Context, scope string) (string, time.Time, error) {
	return s(ctx, scope)
}

func TestEntra_Source(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want acrkit.Code
		text string
	}{
		{"an error of ours", &acrkit.Error{Code: acrkit.CodeCredentialMissing, Op: "find az",
			Reason: "az is not there"}, acrkit.CodeCredentialMissing, "cannot find az: az is not there"},
		{"a refusal", auth.EntraRefusal{Number: 7000222}, acrkit.CodeCredentialRejected,
			"the client secret has expired"},
		{"azidentity's text",
			errors.New(
				"ClientSecretCredential authentication failed. \nPOST https://login…\n{\n  \"error_description\": " +
					"\"AADSTS7000215: Invalid client secret.\",\n \"correlation_id\": " +
					"\"99999999-8888-7777-6666-555555555555\"}"),
			acrkit.CodeCredentialRejected, "(AADSTS7000215) (request 99999999-8888-7777-6666-555555555555)"},
		{"anything else", errors.New("the sky fell"), acrkit.CodeUnavailable, "the sky fell"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, rt, _ := setup(t, auth.Entra(source(func(context.Context, string) (string, time.Time, error) {
				return "", time.Time{}, tt.err
			})))
			_, err := rt.Token(t.Context(), acrkit.Scope{})
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Error(err)
			}
		})
	}
	t.Run("asked again for another audience", func(t *testing.T) {
		var asked []string
		var f *fake
		f, rt, _ := setup(t, auth.Entra(source(func(_ context.Context, scope string) (string, time.Time, error) {
			asked = append(asked, scope)
			if len(asked) == 1 {
				return "", time.Time{}, errors.New("AADSTS500011: no such resource")
			}
			return "entra-token", time.Time{}, nil
		})))
		f.issued["entra-token"] = issued{expires: time.Now().Add(time.Hour)}
		if _, err := rt.Token(t.Context(), acrkit.Scope{}); err != nil {
			t.Fatal(err)
		}
		if len(asked) != 2 || asked[1] != "https://management.azure.com/.default" {
			t.Error(asked)
		}
	})
	if _, err := auth.NewTransport(testHost, auth.Entra(nil), nil); !errors.Is(err, acrkit.CodeUsage) {
		t.Error(err)
	}
}

func TestRejected(t *testing.T) {
	other := jwt(map[string]any{"iss": "Azure Container Registry", "aud": "other.azurecr.io",
		"grant_type": "refresh_token"})
	access := jwt(map[string]any{"iss": "Azure Container Registry", "aud": testHost, "grant_type": "access_token"})
	for _, tt := range []struct {
		name  string
		cred  auth.Credential
		want  acrkit.Code
		text  string
		hint  string
		count int // requests; 0 = refused at NewTransport
	}{
		{"wrong password", auth.ScopedToken("ci", "wrong"), acrkit.CodeCredentialRejected,
			`the token "ci" and its password are not accepted: wrong, expired, disabled or not yet active (401 credential_rejected, request 00000000-1111-2222-3333-444444444444)`,
			"az acr token show --registry myregistry --name ci", 1},
		{"two wrong passwords", auth.ScopedTokenPair("ci", "wrong", "wrong2"), acrkit.CodeCredentialRejected,
			`its two passwords are not accepted`, "", 2},
		{"refresh token", auth.RefreshToken("opaque"), acrkit.CodeCredentialRejected,
			"the ACR refresh token is not accepted", "", 1},
		{"Entra token as refresh token", auth.RefreshToken(jwt(map[string]any{"iss": "https://sts.windows.net/t/"})),
			acrkit.CodeCredentialRejected,
			`it is a token of the issuer "https://sts.windows.net/t/", and not of Azure Container Registry`, "", 1},
		{"refresh token as Entra token", auth.EntraToken(other), acrkit.CodeCredentialRejected,
			`its issuer is "Azure Container Registry"`, "", 1},
		{"Entra token", auth.EntraToken("opaque"), acrkit.CodeCredentialRejected,
			"the registry does not accept the Entra access token (audience https://containerregistry.azure.net)",
			"", 1},
		{"line feed", auth.ScopedToken("ci", "correct-horse\n"), acrkit.CodeUsage, "white space", "", 0},
		{"byte order mark", auth.ScopedToken("ci", "\ufeffcorrect-horse"), acrkit.CodeUsage, "byte order mark", "", 0},
		{"line feed in the name", auth.ScopedToken("ci\n", "x"), acrkit.CodeUsage, "white space", "", 0},
		{"no password", auth.ScopedToken("ci", ""), acrkit.CodeUsage, "is empty", "", 0},
		{"no name", auth.ScopedToken("", "x"), acrkit.CodeUsage, "is empty", "", 0},
		{"control character", auth.UserPassword("ci", "a\x00b"), acrkit.CodeUsage, "control character", "", 0},
		{"refresh token of another registry", auth.RefreshToken(other), acrkit.CodeHostRefused,
			"other.azurecr.io", "", 0},
		{"access token for a refresh token", auth.UserPassword("x", access), acrkit.CodeUsage, "access token", "", 0},
		{"huge", auth.RefreshToken(strings.Repeat("x", 65<<10)), acrkit.CodeTooLarge, "longer", "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake()
			rt, err := auth.NewTransport(testHost, tt.cred,
				&auth.Options{Base: &direct{hosts: map[string]http.Handler{"https://" + testHost: f}}})
			if err == nil {
				_, err = rt.Token(t.Context(), mustScope("repository:team/app:pull"))
			}
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) || len(f.took()) != tt.count {
				t.Error(err)
			}
			e, _ := errors.AsType[*acrkit.Error](err)
			if !strings.Contains(e.Hint, tt.hint) || e.Registry.Host() != testHost {
				t.Errorf("hint %q, registry %q", e.Hint, e.Registry)
			}
		})
	}
}

func TestTokenService_Refusals(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		status     int
		want       acrkit.Code
		text       string
		final      bool
	}{
		{"firewall",
			`{"errors":[{"code":"DENIED","message":"client with IP '1.2.3.4' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."}]}`, 403, acrkit.CodeDenied, "client with IP '1.2.3.4'", true},
		{"no role", `{"errors":[{"code":"DENIED","message":"retrieving permissions failed"}]}`, 403, acrkit.CodeDenied,
			"retrieving permissions failed", true},
		{"throttled", `{"errors":[{"code":"TOOMANYREQUESTS","message":"Too many requests."}]}`, 429,
			acrkit.CodeThrottled, "wait 17s", false},
		{"down", ``, 500, acrkit.CodeUnavailable, "the token service failed", false},
		{"no registry", `404 page not found`, 404, acrkit.CodeProtocol, "no token service", true},
		{"bad request", ``, 400, acrkit.CodeProtocol, "does not accept the request", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, rt, _ := setup(t, ci())
			f.intercept = func(w http.ResponseWriter, _ *http.Request, _ url.Values) bool {
				w.Header().Set("Retry-After", "17")
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
				return true
			}
			_, err := rt.Token(t.Context(), acrkit.Scope{})
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Error(err)
			}
			_, final := errors.AsType[interface {
				error
				NonRetriable()
			}](err)
			if final != tt.final {
				t.Errorf("final = %v", final)
			}
		})
	}
}

// TestEntraToken_OtherCloud: the recorded answer to a token for another cloud's Azure
// Resource Manager is distinguished from that to a bad token.
func TestEntraToken_OtherCloud(t *testing.T) {
	for audience, want := range map[string]acrkit.Cause{
		"https://management.usgovcloudapi.net":      cause.OtherCloud,
		"https://management.core.chinacloudapi.cn/": cause.OtherCloud,
		"https://management.azure.com":              cause.ExchangeRefused,
		"https://containerregistry.azure.net":       cause.ExchangeRefused,
	} {
		f, rt, _ := setup(t,
			auth.EntraToken(jwt(map[string]any{"iss": "https://sts.windows.net/t/", "aud": audience,
				"exp": time.Now().Add(time.Hour).Unix()})))
		f.intercept = func(w http.ResponseWriter, _ *http.Request, _ url.Values) bool {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"errors":[{"code":"UNAUTHORIZED","message":"retrieving permissions failed"}]}`))
			return true
		}
		_, err := rt.Token(t.Context(), mustScope("registry:catalog:*"))
		e, ok := errors.AsType[*acrkit.Error](err)
		if !ok || e.Code != acrkit.CodeCredentialRejected || e.Cause != want {
			t.Fatalf("%s: %v, cause %v, want %s", audience, err, acrkit.CauseOf(err), want)
		}
		if named := strings.Contains(e.Reason, "of another cloud") &&
			strings.Contains(e.Hint, "https://containerregistry.azure.net"); named != (want == cause.OtherCloud) {
			t.Errorf("%s: %s\n%s", audience, e.Reason, e.Hint)
		}
	}
}

func TestUserPassword_Kinds(t *testing.T) {
	acr := jwt(map[string]any{"iss": "Azure Container Registry", "aud": testHost, "grant_type": "refresh_token"})
	entra := jwt(map[string]any{"iss": "https://sts.windows.net/72f988bf/",
		"aud": "https://containerregistry.azure.net"})
	v2 := jwt(map[string]any{"iss": "https://login.microsoftonline.com/t/v2.0", "aud": "c3bf1a3c"})
	foreign := jwt(map[string]any{"iss": "somebody", "aud": "something"})
	for _, tt := range []struct {
		user, password string
		want           auth.Kind
	}{
		{"ci", "correct-horse", auth.KindUserPassword},
		{"22222222-2222-2222-2222-222222222222", "secret", auth.KindUserPassword},
		{"00000000-0000-0000-0000-000000000000", "opaque", auth.KindRefreshToken},
		{"00000000-0000-0000-0000-000000000000", entra, auth.KindEntraToken},
		{"<token>", "opaque", auth.KindRefreshToken},
		{"<token>", foreign, auth.KindRefreshToken},
		{"<token>", acr, auth.KindRefreshToken},
		{"token", acr, auth.KindRefreshToken},
		{"token", entra, auth.KindEntraToken},
		{"token", v2, auth.KindEntraToken},
		{"token", foreign, auth.KindUserPassword},
		{"token", "a.b.c", auth.KindUserPassword},
	} {
		if got := auth.UserPassword(tt.user, tt.password).Kind(); got != tt.want {
			t.Errorf("%s / %.20s…: %s, want %s", tt.user, tt.password, got, tt.want)
		}
	}
}

func TestReadEntraRefusal(t *testing.T) {
	for _, tt := range []struct {
		text string
		want auth.EntraRefusal
		ok   bool
	}{
		{"AADSTS7000215: x Correlation ID: 99999999-8888-7777-6666-55555555555A",
			auth.EntraRefusal{Number: 7000215, CorrelationID: "99999999-8888-7777-6666-55555555555a"}, true},
		{`"correlation_id":"99999999-8888-7777-6666-555555555555","x":"AADSTS50001"`,
			auth.EntraRefusal{Number: 50001, CorrelationID: "99999999-8888-7777-6666-555555555555"}, true},
		{"AADSTS", auth.EntraRefusal{}, false},
		{"", auth.EntraRefusal{}, false},
	} {
		if got, ok := auth.ReadEntraRefusal(tt.text); got != tt.want || ok != tt.ok {
			t.Errorf("%q: %+v %v", tt.text, got, ok)
		}
	}
}

// TestEntra_unreachable: an error of the network names the host that the source has asked.
func TestEntra_unreachable(t *testing.T) {
	for want, err := range map[string]error{
		"entra.example refuses the connection": &url.Error{Op: "Post", URL: "https://entra.example/t/token",
			Err: syscall.ECONNREFUSED},
		"no host has the name entra.example": &net.DNSError{Name: "entra.example.", IsNotFound: true},
		"Entra refuses the connection":       syscall.ECONNREFUSED,
	} {
		_, rt, _ := setup(t, auth.Entra(source(func(context.Context, string) (string, time.Time, error) {
			return "", time.Time{}, err
		})))
		if _, err := rt.Token(t.Context(), acrkit.Scope{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
