package cmdutil

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/login/store"
)

func TestExitCode(t *testing.T) {
	for code, want := range map[acrkit.Code]int{
		acrkit.CodeUsage: 2, acrkit.CodeHostRefused: 2,
		acrkit.CodeCredentialMissing: 3, acrkit.CodeCredentialRejected: 3,
		acrkit.CodeInsufficientScope: 4, acrkit.CodeDenied: 4, acrkit.CodeLocked: 4,
		acrkit.CodeNotFound:    5,
		acrkit.CodeUnavailable: 6, acrkit.CodeTLS: 6, acrkit.CodeThrottled: 6,
		acrkit.CodeIncomplete: 7,
		acrkit.CodeProtocol:   1, acrkit.CodeTooLarge: 1, "": 1, "another": 1,
	} {
		if got := ExitCode(fmt.Errorf("wrapped: %w", &acrkit.Error{Code: code})); got != want {
			t.Errorf("%q: %d, want %d", code, got, want)
		}
	}
	for _, tc := range []struct {
		err  error
		want int
	}{
		{nil, 0}, {errors.New("x"), 1}, {ErrInterrupted, 130}, {context.Canceled, 130},
		{&acrkit.Error{Code: acrkit.CodeUnavailable, Errs: []error{ErrInterrupted}}, 130},
	} {
		if got := ExitCode(tc.err); got != tc.want {
			t.Errorf("%v: %d, want %d", tc.err, got, tc.want)
		}
	}
}

func TestPrintError(t *testing.T) {
	s, _, out, errOut := iostreams.Test()
	for _, tc := range []struct {
		err  error
		want string
	}{
		{&acrkit.Error{Op: "do it", Reason: "a\nb\x1b[31m", Hint: "acrkit help"},
			"acrkit: cannot do it: a; b\uFFFD[31m [ACRK092]\n\ntry: acrkit help\n"},
		{&acrkit.Error{Code: acrkit.CodeLocked, Op: "do it"},
			"acrkit: cannot do it: locked [ACRK007]\n\ntry: acrkit explain ACRK007\n"},
		{&acrkit.Error{Code: acrkit.CodeLocked, Cause: "ACRK083", Op: "do it"},
			"acrkit: cannot do it: locked [ACRK083]\n\ntry: acrkit explain ACRK083\n"},
		{Usage("no"), "acrkit: no [ACRK001]\n\ntry: acrkit tag list --help\n"},
		{errors.New("plain"), "acrkit: plain [ACRK092]\n\ntry: acrkit explain ACRK092\n"},
		{Exit(3), ""},
	} {
		PrintError(s, "acrkit tag list", tc.err)
		if errOut.String() != tc.want || out.Len() != 0 {
			t.Errorf("got %q, want %q", errOut, tc.want)
		}
		errOut.Reset()
	}
}

type thing struct {
	Name string `json:"name"`
	N    int    `json:"n"`
	Hide string `json:"hide"`
}

func TestExporter(t *testing.T) {
	things := []thing{{"a", 1, "x"}, {"b", 2, "<y>"}}
	for _, tc := range []struct {
		name string
		args []string
		data any
		want string
	}{
		{"list", []string{"--json", "name,n"}, things, `[{"n":1,"name":"a"},{"n":2,"name":"b"}]` + "\n"},
		{"object", []string{"--json", "hide"}, things[1], `{"hide":"<y>"}` + "\n"},
		{"empty_list", []string{"--json", "name"}, []thing(nil), "[]\n"},
		{"jq_text", []string{"--json", "name", "--jq", ".[].name"}, things, "a\nb\n"},
		{"jq_value", []string{"--json", "n", "-q", "map(.n)"}, things, "[1,2]\n"},
		{"jq_sees_no_environment", []string{"--json", "n", "-q", "$ENV|length"}, things, "0\n"},
		{"template", []string{"--json", "name", "-t", `{{range .}}{{.name}};{{end}}`}, things, "a;b;"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, _, out, _ := iostreams.Test()
			if err := runExport(t, s, tc.args, tc.data); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, out.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestExporter_wrong_usage(t *testing.T) {
	for _, tc := range []struct{ args, want string }{
		{"--json", "there are name, n, hide"},
		{"--json nope", `unknown JSON field "nope"; there are name, n, hide`},
		{"--jq .", "--jq needs --json"},
		{"--template x", "--template needs --json"},
		{"--json n --jq . --template x", "exclude each other"},
		{"--json n --jq .[", "--jq: "},
		{"--json n --jq .n.n", "--jq: "},
		{"--json n --template {{", "--template: "},
		{"--json n --template {{(index_.).n}}", "--template: "},
	} {
		s, _, out, _ := iostreams.Test()
		err := runExport(t, s, strings.Fields(tc.args), []thing{{}})
		if ExitCode(err) != ExitUsage || !strings.Contains(err.Error(), tc.want) || out.Len() > 0 {
			t.Errorf("%s: %v, want %q; stdout %q", tc.args, err, tc.want, out)
		}
	}
}

func runExport(t *testing.T, s *iostreams.IOStreams, args []string, data any) error {
	t.Helper()
	var e *Exporter
	cmd := &cobra.Command{Use: "x", SilenceErrors: true, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.Write(cmd.Context(), s, data)
		}}
	AddJSONFlags(cmd, &e, []string{"name", "n", "hide"})
	cmd.SetFlagErrorFunc(FlagError)
	cmd.SetArgs(args)
	return cmd.ExecuteContext(t.Context())
}

// factory has an environment of its own, and a store without logins.
func factory(env map[string]string) *Factory {
	s, _, _, _ := iostreams.Test()
	return &Factory{IO: s, Now: time.Now, LookupEnv: func(name string) (string, bool) {
		v, ok := env[name]
		if !ok && name == store.EnvDir {
			return "/does/not/exist", true
		}
		return v, ok
	}}
}

func TestFactory_Reference(t *testing.T) {
	for _, tc := range []struct {
		arg, flag, env string
		want           string
		code           acrkit.Code
	}{
		{"a/b:v1", "", "myregistry", "myregistry.azurecr.io/a/b:v1", ""},
		{"a/b:v1", "other.azurecr.io", "myregistry", "other.azurecr.io/a/b:v1", ""},
		{"localhost:5443/a/b", "other", "myregistry", "localhost:5443/a/b", ""},
		{"a/b", "", "", "", acrkit.CodeUsage},
		{"A/b", "", "myregistry", "", acrkit.CodeUsage},
		{"a/b", "", "http://x", "", acrkit.CodeUsage},
	} {
		f := factory(map[string]string{"ACR_NAME": tc.env})
		f.Global.Registry = tc.flag
		got, err := f.Reference(tc.arg)
		if acrkit.CodeOf(err) != tc.code || err == nil && got.String() != tc.want {
			t.Errorf("%+v: %s, %v", tc, got, err)
		}
	}
}

func TestFactory_Connect_refuses_hosts(t *testing.T) {
	for _, tc := range []struct {
		host  string
		plain bool
		allow string
		code  acrkit.Code
	}{
		{"myregistry.azurecr.io", false, "", ""},
		{"localhost:5443", true, "", ""},
		{"myregistry.azurecr.localhost:5443", false, "", ""},
		{"myregistry.azurecr.io.evil.example", false, "", acrkit.CodeHostRefused},
		{"registry.corp.example", false, "x.example, registry.corp.example", ""},
		{"registry.corp.example", false, "corp.example", acrkit.CodeHostRefused},
		{"myregistry.azurecr.io", true, "", acrkit.CodeHostRefused},
	} {
		f := factory(map[string]string{"ACRKIT_REGISTRIES": tc.allow})
		f.Global.PlainHTTP = tc.plain
		c, err := f.Connect(t.Context(), mustRegistry(t, tc.host))
		if acrkit.CodeOf(err) != tc.code {
			t.Errorf("%+v: %v", tc, err)
		}
		if err == nil {
			c.Close()
		}
	}
}

// A hint is pasted: it must lead away from a look-alike, and not past the check.
func TestFactory_Connect_hints_at_the_real_login_server(t *testing.T) {
	token := func(name string) map[string]string {
		return map[string]string{"ACR_NAME": name, "ACR_TOKEN_NAME": "ci", "ACR_TOKEN_PASSWORD": "pw"}
	}
	for _, tc := range []struct {
		host, hint string
		env        map[string]string
		plain      bool
	}{
		{"myregistry.azurecr.io.evil.example", "export ACR_NAME=myregistry.azurecr.io ", nil, false},
		{"myregistry.azurecr.io.evil.example", "export ACR_NAME=myregistry.azurecr.io ",
			token("myregistry.azurecr.io.evil.example"), false},
		{"myregistry.azurecr.io.evil.example", "export ACR_NAME=myregistry.azurecr.io",
			map[string]string{"ACR_TOKEN_NAME": "ci", "ACR_TOKEN_PASSWORD": "pw"}, false},
		{"myregistry.azurecr.io.evil.example", "export ACR_NAME=myregistry.azurecr.io ", nil, true},
		{"myregistry.azurecr.cn-login.example", "export ACR_NAME=myregistry.azurecr.io ", nil, false},
		{"myregistry.azurecr.us.evil.example:8443", "export ACR_NAME=myregistry.azurecr.us ", nil, false},
		{"myregistry.azurecr.com", "export ACR_NAME=myregistry.azurecr.io ", nil, false},
		{"myregistry-azurecr.io", "export ACR_NAME=myregistry.azurecr.io ", nil, false},
		{"azurecr.io.evil.example", "export ACR_NAME=NAME.azurecr.io ", nil, false},
		{"myregistry.privatelink.azurecr.io", "export ACR_NAME=myregistry.azurecr.io ", nil, false},
		{"registry.corp.example", "export ACRKIT_REGISTRIES=registry.corp.example ", nil, false},
	} {
		f := factory(tc.env)
		f.Global.PlainHTTP = tc.plain
		_, err := f.Connect(t.Context(), mustRegistry(t, tc.host))
		e, ok := errors.AsType[*acrkit.Error](err)
		if !ok || !strings.HasPrefix(e.Hint, tc.hint) || strings.Contains(e.Hint, "evil") {
			t.Errorf("%s: %v\nhint %q, want %q", tc.host, err, e.Hint, tc.hint)
		}
	}
}

func TestFactory_bounds_the_header_of_an_answer(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Filler", strings.Repeat("x", 1<<20))
	}))
	defer srv.Close()
	rt, err := factory(nil).finder().BaseTransport()
	if err != nil {
		t.Fatal(err)
	}
	defer rt.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := rt.RoundTrip(req)
	if err == nil {
		resp.Body.Close()
		t.Error("a header of 1 MiB was taken")
	} else if !strings.Contains(err.Error(), "exceeded") {
		t.Error(err)
	}
}

func mustRegistry(t *testing.T, s string) acrkit.Registry {
	t.Helper()
	reg, err := acrkit.ParseRegistry(s)
	if err != nil {
		t.Fatal(err)
	}
	return reg
}

func TestExplain(t *testing.T) {
	required := acrkit.RepositoryScope("team/app", acrkit.MetadataRead)
	acr, local := mustRegistry(t, "myregistry"), mustRegistry(t, "localhost:5443")
	token, sp := auth.ScopedToken("ci-pull", "pw"), auth.ServicePrincipal("t", "c", "s", nil)
	for _, tc := range []struct {
		name         string
		reg          acrkit.Registry
		cred         auth.Credential
		note         string
		err          *acrkit.Error
		code         acrkit.Code
		reason, hint string
	}{
		{"right_of_token", acr, token, "", &acrkit.Error{Code: acrkit.CodeInsufficientScope, Required: required}, "",
			`the token "ci-pull" does not have metadata/read on "team/app"`,
			"az acr scope-map update --registry myregistry --name SCOPE_MAP --add-repository team/app metadata/read"},
		{"right_of_token_on_emulator", local, token, "", &acrkit.Error{Code: acrkit.CodeInsufficientScope,
			Required: required}, "",
			"does not have", "acrkit whoami --registry localhost:5443 --repository team/app"},
		{"catalog_of_token", acr, token, "", &acrkit.Error{Code: acrkit.CodeInsufficientScope,
			Required: acrkit.CatalogScope()}, "",
			`only with a scope map on "*"`, "acrkit whoami"},
		{"rejected_token", acr, token, "", &acrkit.Error{Code: acrkit.CodeCredentialRejected, Reason: "not accepted"},
			"", "not accepted", "az acr token show --registry myregistry --name ci-pull"},
		{"rejected_token_with_an_odd_name", acr, auth.ScopedToken("a;rm -rf x", "pw"), "",
			&acrkit.Error{Code: acrkit.CodeCredentialRejected, Reason: "not accepted"}, "", "not accepted",
			"acrkit whoami --registry myregistry.azurecr.io"},
		{"rejected_service_principal", acr, sp, "", &acrkit.Error{Code: acrkit.CodeCredentialRejected,
			Reason: "not accepted"}, "", "not accepted", "az ad app credential list"},
		{"anonymous_refused", acr, auth.Anonymous(), "", &acrkit.Error{Code: acrkit.CodeCredentialRejected},
			acrkit.CodeCredentialMissing, "no credential was found", "acrkit login myregistry.azurecr.io"},
		{"anonymous_refused_with_note", acr, auth.Anonymous(), "it is for another",
			&acrkit.Error{Code: acrkit.CodeCredentialRejected}, acrkit.CodeCredentialMissing, "it is for another",
			"export ACR_NAME="},
		{"unreachable", acr, token, "",
			&acrkit.Error{Code: acrkit.CodeUnavailable, Reason: "gone"}, "", "gone", "curl "},
		{"proxy", acr, token, "", &acrkit.Error{Code: acrkit.CodeUnavailable, Cause: cause.ProxyUnreachable,
			Reason: "gone", Hint: "check HTTPS_PROXY and NO_PROXY"}, "", "gone", "check HTTPS_PROXY"},
		{"certificate_of_emulator", local, token, "", &acrkit.Error{Code: acrkit.CodeTLS, Reason: "bad"}, "", "bad",
			"export SSL_CERT_FILE="},
		{"firewall", acr, token, "", &acrkit.Error{Code: acrkit.CodeDenied, Reason: "no"}, "", "no", "az acr show"},
		{"not_found", acr, token, "", &acrkit.Error{Code: acrkit.CodeNotFound, Reason: "no"}, "", "no",
			"acrkit repo list myregistry.azurecr.io"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := &Connection{Identity: IdentityOf(tc.reg, tc.cred)}
			c.Note = tc.note
			got, ok := errors.AsType[*acrkit.Error](Explain(t.Context(), c, tc.err))
			if !ok {
				t.Fatal("not an *acrkit.Error")
			}
			want := tc.code
			if want == "" {
				want = tc.err.Code
			}
			if got.Code != want || !strings.Contains(got.Reason, tc.reason) || !strings.HasPrefix(got.Hint, tc.hint) {
				t.Errorf("%s: %q\nhint %q", got.Code, got.Reason, got.Hint)
			}
		})
	}
}

func TestIsDiskFull(t *testing.T) {
	for err, want := range map[error]bool{
		fmt.Errorf("write: %w", syscall.ENOSPC): true, syscall.EDQUOT: true, syscall.EFBIG: true, syscall.EIO: false,
		errors.New("no space"): false,
	} {
		if got := IsDiskFull(err); got != want {
			t.Errorf("%v: %t", err, got)
		}
	}
}
