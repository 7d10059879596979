package diagnose

import (
	"errors"
	"net/http"
	"net/url"
	"os"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/wire"
)

// malformedProxy finds a proxy variable that is set and not a URL. acrkit then sends
// nothing; other programs in Go ignore the value silently and use no proxy.
func (x *examiner) malformedProxy() (Diagnosis, bool) {
	e, ok := errors.AsType[*acrkit.Error](wire.CheckProxy(os.LookupEnv))
	if !ok || x.proxyURL() != nil {
		return Diagnosis{}, false
	}
	return verdict(cause.ProxyMalformed, Proved, e.Reason+", so no proxy is used"), true
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
