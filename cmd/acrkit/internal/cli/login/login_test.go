package login

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/internal/login/store"
)

func TestFlags(t *testing.T) {
	const id = "22222222-2222-2222-2222-222222222222"
	for line, want := range map[string][]string{
		"myregistry --token-name ci":              {"myregistry.azurecr.io", "", "scoped-token", "ci"},
		"-u ci":                                   {"env.azurecr.io", "", "scoped-token", "ci"},
		"myregistry --username ci -r team/*":      {"myregistry.azurecr.io", "team/*", "scoped-token", "ci"},
		"-u ci -r other.azurecr.io/team/app":      {"other.azurecr.io", "team/app", "scoped-token", "ci"},
		"-u ci -r localhost:5443/team/*":          {"localhost:5443", "team/*", "scoped-token", "ci"},
		"-u " + id:                                {"env.azurecr.io", "", "user-password", id},
		"-u 00000000-0000-0000-0000-000000000000": {"env.azurecr.io", "", "refresh-token", ""},
		"-u <token>":                              {"env.azurecr.io", "", "refresh-token", ""},
		"--refresh-token":                         {"env.azurecr.io", "", "refresh-token", ""},
		"--entra-token":                           {"env.azurecr.io", "", "entra-token", ""},
		"--admin":                                 {"env.azurecr.io", "", "admin-user", "env"},
		"--admin -u another":                      {"env.azurecr.io", "", "admin-user", "another"},
		"--service-principal --tenant t.example --client-id " +
			id: {"env.azurecr.io", "", "service-principal", id},
		"other --service-principal --tenant t.example -u " + id +
			" -r a": {"other.azurecr.io", "a", "service-principal", id},
	} {
		var got []string
		cmd := NewCmdLogin(clitest.Factory(map[string]string{"ACR_NAME": "env"}),
			func(_ context.Context, o *Options) error {
				got = []string{o.Registry.Host(), o.Repository, string(o.Kind), o.User}
				return nil
			})
		if err := clitest.Execute(t, cmd, line); err != nil {
			t.Errorf("%s: %v", line, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", line, diff)
		}
	}
	for line, words := range map[string]string{
		"a b":                                  "at most 1 argument",
		"--password-stdin=secret":              "invalid",
		"--password secret":                    "unknown flag",
		"-r /* -u a":                           "nothing before its wildcard",
		"-r team*/a -u a":                      "a wildcard is allowed only at the end",
		"-r team/app@sha256:" + zero + " -u a": "names a tag or a digest",
	} {
		clitest.WrongUsage(t, NewCmdLogin(clitest.Factory(map[string]string{"ACR_NAME": "env"}), nil), line, words)
	}
}

var zero = strings.Repeat("0", 64)

// options returns options whose store is a file in a folder of the test's.
func options(t *testing.T) (*Options, *cmdutil.Factory) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "acrkit")
	f := clitest.Factory(map[string]string{store.EnvDir: dir, store.EnvKeyring: "off"})
	s, _, _, _ := iostreams.Test()
	f.IO = s
	f.Now = func() time.Time { return time.Date(2030, 1, 2, 3, 0, 0, 0, time.UTC) }
	reg, err := acrkit.ParseRegistry("myregistry")
	if err != nil {
		t.Fatal(err)
	}
	return &Options{IO: s, Connect: f.ConnectAs, Store: f.Store, LookupEnv: f.LookupEnv, Now: f.Now, Registry: reg,
		NoVerify: true,
		Secret: func(context.Context, string) (string, error) {
			t.Error("asked for a secret")
			return "", errors.New("asked")
		}}, f
}

func stored(t *testing.T, f *cmdutil.Factory) []store.Login {
	t.Helper()
	s, err := f.Store()
	if err != nil {
		t.Fatal(err)
	}
	logins, err := s.Logins(t.Context(), "myregistry")
	if err != nil {
		t.Fatal(err)
	}
	return logins
}

func jwt(claims string) string {
	return "eyJhbGciOiJSUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}

// TestRecognize: a token that is pasted where a password belongs is what it is.
func TestRecognize(t *testing.T) {
	refresh := jwt(
		`{"iss":"Azure Container Registry","aud":"myregistry.azurecr.io","grant_type":"refresh_token","exp":1893562200}`)
	entra := jwt(`{"iss":"https://sts.windows.net/t/","aud":"https://containerregistry.azure.net","exp":1893562200}`)
	for name, tc := range map[string]struct {
		kind     auth.Kind
		user     string
		secret   string
		wantKind string // "" = refused
		wantUser string
		said     string
	}{
		"password": {auth.KindScopedToken, "ci", "pass-word", "scoped-token", "ci",
			"It lasts until its password"},
		"refresh token as password": {auth.KindScopedToken, "ci", refresh, "refresh-token", "",
			"is stored as one (refresh-token)"},
		"Entra token as password": {auth.KindUserPassword, "ci", entra, "entra-token", "",
			"is stored as one (entra-token)"},
		"refresh token": {auth.KindRefreshToken, "", refresh, "refresh-token", "",
			"this one ends at 2030-01-02T05:30:00Z (in 2h30m0s)"},
		"opaque refresh token": {auth.KindRefreshToken, "", "opaque-token", "refresh-token", "",
			"three hours after it was made"},
		"Entra token": {auth.KindEntraToken, "", entra, "entra-token", "",
			"this one ends at 2030-01-02T05:30:00Z"},
		"Entra token as refresh one": {auth.KindRefreshToken, "", entra, "entra-token", "",
			"is stored as one (entra-token)"},
		"token as client secret": {auth.KindServicePrincipal,
			"22222222-2222-2222-2222-222222222222", entra, "", "", ""},
		"id as client secret": {auth.KindServicePrincipal, "22222222-2222-2222-2222-222222222222",
			"33333333-3333-3333-3333-333333333333", "service-principal", "22222222-2222-2222-2222-222222222222",
			"looks like the id"},
		"line feed inside":   {auth.KindScopedToken, "ci", "pass\nword", "", "", ""},
		"white space before": {auth.KindScopedToken, "ci", " pa55-word", "", "", ""},
		"access token": {auth.KindRefreshToken, "",
			jwt(`{"iss":"Azure Container Registry","grant_type":"access_token"}`), "", "", ""},
		"access token as password": {auth.KindScopedToken, "ci",
			jwt(`{"iss":"Azure Container Registry","grant_type":"access_token"}`), "", "", "is an ACR access token"},
		"foreign token as password": {auth.KindScopedToken, "ci", jwt(`{"iss":"another issuer"}`), "scoped-token", "ci",
			"It lasts until its password"},
		"of another registry": {auth.KindRefreshToken, "",
			jwt(`{"iss":"Azure Container Registry","aud":"other.azurecr.io","grant_type":"refresh_token"}`), "",
			"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			opts, f := options(t)
			_, _, _, errOut := iostreams.Test()
			opts.IO.ErrOut = errOut
			opts.Kind, opts.User, opts.Tenant = tc.kind, tc.user, "t.example"
			opts.File = filepath.Join(t.TempDir(), "secret")
			if err := os.WriteFile(opts.File, []byte(tc.secret+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			err := run(t.Context(), opts)
			if strings.Contains(errOut.String()+fmt.Sprint(err), tc.secret) {
				t.Errorf("the secret is shown: %v %s", err, errOut)
			}
			logins := stored(t, f)
			if tc.wantKind == "" {
				if cmdutil.ExitCode(err) != cmdutil.ExitUsage || len(logins) > 0 ||
					!strings.Contains(err.Error(), tc.said) {
					t.Errorf("%v, stored %v", err, logins)
				}
				if strings.Contains(errOut.String(), "is stored") {
					t.Errorf("it says %s", errOut)
				}
				return
			}
			if err != nil || len(logins) != 1 || logins[0].Kind != tc.wantKind || logins[0].User != tc.wantUser ||
				logins[0].Secret.Reveal() != tc.secret {
				t.Errorf("%v, stored %+v", err, logins)
			}
			if !strings.Contains(errOut.String(), tc.said) {
				t.Errorf("%q is not said: %s", tc.said, errOut)
			}
		})
	}
}

// TestPrompt: the user is asked only where one can be.
func TestPrompt(t *testing.T) {
	for name, asks := range map[string]bool{"terminal": true, "pipe": false} {
		t.Run(name, func(t *testing.T) {
			opts, f := options(t)
			opts.CanPrompt, opts.Kind, opts.IO.In = asks, auth.KindScopedToken, strings.NewReader("ci-pull\r\n")
			asked := ""
			opts.Secret = func(_ context.Context, what string) (string, error) { asked = what; return "pass-word", nil }
			err := run(t.Context(), opts)
			if !asks {
				if cmdutil.ExitCode(err) != cmdutil.ExitUsage || asked != "" {
					t.Errorf("asked %q: %v", asked, err)
				}
				return
			}
			logins := stored(t, f)
			if err != nil || asked != `Password of token "ci-pull": ` || len(logins) != 1 ||
				logins[0].User != "ci-pull" {
				t.Errorf("asked %q, stored %v: %v", asked, logins, err)
			}
		})
	}
}

func TestLargeSecrets(t *testing.T) {
	for n, want := range map[int]int{store.MaxSecret: cmdutil.ExitOK, store.MaxSecret + 1: cmdutil.ExitFailed,
		store.MaxSecret + 100: cmdutil.ExitFailed} {
		for _, end := range []string{"", "\n", "\r\n"} {
			_, err := readAll(strings.NewReader(strings.Repeat("s", n)+end), "read")
			if cmdutil.ExitCode(err) != want {
				t.Errorf("%d bytes and %q: %v", n, end, err)
			}
		}
	}
}
