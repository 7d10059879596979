package wire

import (
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/sentence"
)

// proxyVariables are those that net/http reads, each pair in its order; of a pair the
// first that is not empty counts. Source: golang.org/x/net/http/httpproxy.
var proxyVariables = [][]string{{"HTTPS_PROXY", "https_proxy"}, {"HTTP_PROXY", "http_proxy"}}

// CheckProxy returns an error that names the first proxy variable with a value that is
// not a URL. net/http ignores such a value, and requests then bypass the proxy. The error
// has [acrkit.CodeUsage] and [cause.ProxyMalformed]; the value, which may hold a password,
// is not in it. lookup is as os.LookupEnv.
func CheckProxy(lookup func(string) (string, bool)) error {
	for _, pair := range proxyVariables {
		for _, name := range pair {
			value, _ := lookup(name)
			if value == "" {
				continue
			}
			if !isProxy(value) {
				return Final(&acrkit.Error{Code: acrkit.CodeUsage, Cause: cause.ProxyMalformed, Op: "read " + name,
					//rule:proxy-variables-check-proxy
					Reason: name + " is set to something that is not a URL",
					Hint:   sentence.Fix(sentence.WriteProxyIn, map[string]string{"variable": name})})
			}
			break
		}
	}
	return nil
}

// isProxy reports whether a value is a URL, or a host with or without a port, which
// httpproxy reads as a URL of http. httpproxy reads "http://[::1" as a proxy with the name
// "http"; here it is refused.
func isProxy(value string) bool {
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	u, err := url.Parse(value)
	return err == nil && u.Scheme != "" && u.Host != ""
}

// proxyOfEnvironment is [http.ProxyFromEnvironment], except that a variable that is no
// URL is an error, so that no request is sent.
func proxyOfEnvironment(req *http.Request) (*url.URL, error) {
	if err := CheckProxy(os.LookupEnv); err != nil {
		return nil, err
	}
	return http.ProxyFromEnvironment(req)
}

// readsEnvironment reports whether a transport's Proxy is [http.ProxyFromEnvironment].
// A program may have set another function, which does not use the variables.
func readsEnvironment(proxy func(*http.Request) (*url.URL, error)) bool {
	return proxy != nil && reflect.ValueOf(proxy).Pointer() == reflect.ValueOf(http.ProxyFromEnvironment).Pointer()
}
