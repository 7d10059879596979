package adapter_test

import (
	"context"
	"errors"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/adapters/internal/adapter"
	"github.com/acrkit/acrkit/auth"
)

func TestLogins(t *testing.T) {
	asked := map[string]int{}
	source := func(_ context.Context, reg acrkit.Registry) (auth.Credential, error) {
		asked[reg.Host()]++
		switch reg.Name() {
		case "empty":
			return nil, nil
		case "broken":
			return nil, errors.New("failed on purpose")
		}
		return auth.ScopedToken("ci", "made-up-password"), nil
	}
	for _, tc := range []struct {
		host, user string
		custom     bool
		fails      bool
		asked      string // the registry that the source is asked for; "" is none
	}{
		{host: "myregistry.azurecr.io", user: "ci", asked: "myregistry.azurecr.io"},
		{host: "myregistry.azurecr.io:443", user: "ci", asked: "myregistry.azurecr.io"},
		{host: "myregistry.azurecr.cn", user: "ci", asked: "myregistry.azurecr.cn"},
		{host: "localhost:5000", user: "ci", asked: "localhost:5000"},
		{host: "empty.azurecr.io", asked: "empty.azurecr.io"},
		{host: "broken.azurecr.io", fails: true, asked: "broken.azurecr.io"},
		{host: "registry.example.com", user: "ci", custom: true, asked: "registry.example.com"},
		// The source is not called for these.
		{host: "registry.example.com"},
		{host: "index.docker.io"},
		{host: "myregistry"},
		{host: "myregistry:443"},
		{host: "localhost"},
		{host: "azurecr.io"},
		{host: "xazurecr.io"},
		{host: "myregistry.azurecr.io.evil.example"},
		{host: "myregistry.azurecr.io@evil.example"},
		{host: "myregistry.azurecr.io/evil"},
		{host: ""},
	} {
		t.Run(tc.host, func(t *testing.T) {
			clear(asked)
			logins := adapter.NewLogins(source, &auth.Options{CustomLoginServer: tc.custom})
			for range 2 {
				login, err := logins.At(t.Context(), tc.host, acrkit.Scope{})
				if login.User != tc.user || (err != nil) != tc.fails || login.Password.IsZero() != (tc.user == "") {
					t.Errorf("%v, %v", login, err)
				}
			}
			want := map[bool]int{false: 1, true: 2}[tc.fails] // a failure is not kept
			if tc.asked == "" && len(asked) != 0 || tc.asked != "" && asked[tc.asked] != want {
				t.Errorf("the source was asked for %v", asked)
			}
		})
	}
}

func TestFromEnvironment(t *testing.T) {
	env := map[string]string{"ACR_NAME": "myregistry", "ACR_TOKEN_NAME": "ci", "ACR_TOKEN_PASSWORD": "made-up-password"}
	for _, tc := range []struct {
		name, host  string
		env         map[string]string
		found, fail bool
	}{
		{"named", "myregistry.azurecr.io", env, true, false},
		{"regional", "myregistry.westeurope.geo.azurecr.io", env, true, false},
		{"regional_of_another", "other.westeurope.geo.azurecr.io", env, false, false},
		{"another_cloud", "myregistry.westeurope.geo.azurecr.cn", env, false, false},
		{"another", "other.azurecr.io", env, false, false},
		{"empty", "myregistry.azurecr.io", nil, false, false},
		{"half", "myregistry.azurecr.io",
			map[string]string{"ACR_NAME": "myregistry", "ACR_TOKEN_NAME": "ci"}, false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			reg, ok := adapter.ParseHost(tc.host)
			if !ok {
				t.Fatal("no registry")
			}
			source := adapter.FromEnvironment(func() (auth.Environment, error) {
				return auth.FromEnvironment(func(name string) (string, bool) { v, ok := tc.env[name]; return v, ok })
			})
			cred, err := source(t.Context(), reg)
			if (cred != nil) != tc.found || (err != nil) != tc.fail {
				t.Errorf("%v, %v", cred, err)
			}
		})
	}
}
