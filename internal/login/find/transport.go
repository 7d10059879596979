package find

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/wire"
)

// BaseTransport is Go's own transport, with three differences: names under .localhost are
// this machine (RFC 6761 §6.3), which not every system resolves; SSL_CERT_FILE is used on
// every system; a proxy variable that is not a URL is an error of each request.
func (f *Finder) BaseTransport() (*http.Transport, error) {
	t := wire.NewTransport()
	dialer := wire.Dialer()
	t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if host, port, err := net.SplitHostPort(addr); err == nil && strings.HasSuffix(host, ".localhost") {
			addr = net.JoinHostPort("localhost", port)
		}
		return dialer.DialContext(ctx, network, addr)
	}
	malformed := wire.CheckProxy(f.LookupEnv)
	t.Proxy = func(req *http.Request) (*url.URL, error) {
		//rule:proxy-variables-base-transport
		if malformed != nil {
			return nil, malformed // also on loopback, because the environment is wrong
		}
		if reg, err := acrkit.ParseRegistry(req.URL.Host); err == nil && reg.IsLoopback() {
			return nil, nil
		}
		return http.ProxyFromEnvironment(req)
	}
	file := f.env("SSL_CERT_FILE")
	if file == "" {
		return t, nil
	}
	bad := func(why string, causes ...error) error {
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: "read SSL_CERT_FILE", Reason: why, Errs: causes}
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, bad("", err)
	}
	// Go itself reads the variable only on some systems, and once per process.
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, bad(fmt.Sprintf("%s holds no certificate (PEM)", file))
	}
	t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return t, nil
}
