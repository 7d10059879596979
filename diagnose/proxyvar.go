package diagnose

import (
	"fmt"
	"net/http"
	"net/url"
	"os"

	"github.com/acrkit/acrkit/internal/cause"
)

// proxyVariables are read by programs in Go for a request by https, in this order.
// Source: golang.org/x/net/http/httpproxy.
var proxyVariables = []string{"HTTPS_PROXY", "https_proxy"}

// malformedProxy is a proxy variable that is set and no URL. net/http drops it without
// a word, and the request goes without a proxy.
func (x *examiner) malformedProxy() (Diagnosis, bool) {
	if x.proxyURL() != nil {
		return Diagnosis{}, false
	}
	for _, name := range proxyVariables {
		value := os.Getenv(name)
		if value == "" {
			continue
		}
		if isProxy(value) || isProxy("http://"+value) {
			return Diagnosis{}, false
		}
		// The value may hold a password.
		said := fmt.Sprintf("%s is set to something that is no URL, so no proxy is used", name)
		return verdict(cause.ProxyMalformed, Proved, said), true
	}
	return Diagnosis{}, false
}

// isProxy reads a value as httpproxy does.
func isProxy(value string) bool {
	u, err := url.Parse(value)
	return err == nil && u.Scheme != "" && u.Host != ""
}

// proxyURL returns the proxy that requests to the registry take; nil = none.
func (x *examiner) proxyURL() *url.URL {
	find := http.ProxyFromEnvironment
	if t, ok := x.o.Base.(*http.Transport); ok {
		find = t.Proxy
	}
	if find == nil || x.reg.IsZero() {
		return nil
	}
	req, err := http.NewRequest(http.MethodGet, x.scheme()+"://"+x.reg.Host()+"/v2/", nil) //nolint:noctx // never sent
	if err != nil {
		return nil
	}
	u, err := find(req)
	if err != nil {
		return nil
	}
	return u
}
