package wire

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
)

func TestCheckProxy(t *testing.T) {
	const bad, good = "http://user:p%ss-canary@proxy.example:8080", "http://user:p%25@proxy.example:8080"
	for _, tt := range []struct {
		env  map[string]string
		want string // the variable; "" = none
	}{
		{nil, ""},
		{map[string]string{"HTTPS_PROXY": good, "HTTP_PROXY": "proxy.example:8080"}, ""},
		{map[string]string{"HTTPS_PROXY": bad}, "HTTPS_PROXY"},
		{map[string]string{"https_proxy": bad}, "https_proxy"},
		{map[string]string{"HTTP_PROXY": bad}, "HTTP_PROXY"},
		{map[string]string{"http_proxy": "http://[::1"}, "http_proxy"},
		{map[string]string{"HTTPS_PROXY": good, "https_proxy": bad}, ""}, // which is not read
		{map[string]string{"HTTPS_PROXY": "socks5://proxy.example:1080"}, ""},
		{map[string]string{"HTTPS_PROXY": "http://pro xy.example:8080"}, "HTTPS_PROXY"},
	} {
		err := CheckProxy(func(name string) (string, bool) { v, ok := tt.env[name]; return v, ok })
		if tt.want == "" {
			if err != nil {
				t.Errorf("%v: %v", tt.env, err)
			}
			continue
		}
		e, ok := errors.AsType[*acrkit.Error](err)
		if !ok || e.Code != acrkit.CodeUsage || e.Cause != cause.ProxyMalformed ||
			!strings.HasPrefix(e.Reason, tt.want+" is set") ||
			!strings.HasPrefix(e.Hint, "export "+tt.want+"=") || strings.Contains(e.Error()+e.Hint, "canary") {
			t.Errorf("%v: %v", tt.env, err)
		}
	}
}

// A transport of ours sends nothing past a proxy that the environment means to name;
// one whose program has chosen its proxy itself does not read the environment.
func TestNewTransport_malformedProxy(t *testing.T) {
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests++ }))
	defer server.Close()
	t.Setenv("HTTPS_PROXY", "http://user:p%ss-canary@proxy.example:8080")
	send := func(tr *http.Transport) error {
		defer tr.CloseIdleConnections()
		resp, err := (&http.Client{Transport: tr}).Get(server.URL)
		if err == nil {
			err = resp.Body.Close()
		}
		return err
	}
	err := send(NewTransport())
	if !errors.Is(err, acrkit.CodeUsage) ||
		!strings.Contains(err.Error(), "HTTPS_PROXY is set to something that is not a URL") ||
		strings.Contains(err.Error(), "canary") || requests != 0 {
		t.Errorf("%v after %d requests", err, requests)
	}
	e := NetworkError(err, "list tags", acrkit.Registry{}, "myregistry.azurecr.io")
	if e.Op != "list tags" || e.Code != acrkit.CodeUsage || e.Cause != cause.ProxyMalformed {
		t.Errorf("%v", e)
	}
	std := http.DefaultTransport.(*http.Transport)
	before := std.Proxy
	defer func() { std.Proxy = before }()
	std.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	if err := send(NewTransport()); err != nil || requests != 1 {
		t.Errorf("%v after %d requests", err, requests)
	}
	std.Proxy = nil
	if err := send(NewTransport()); err != nil || requests != 2 {
		t.Errorf("%v after %d requests", err, requests)
	}
}
