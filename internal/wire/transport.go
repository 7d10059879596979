package wire

import (
	"net"
	"net/http"
	"time"
)

const (
	// maxResponseHeader bounds an answer's header: a challenge with the longest
	// scope, and as much again for the rest. Passing it is an error of net/http.
	maxResponseHeader = 2 * MaxChallenge
	// dialTime is how long a connection may take, and handshakeTime its TLS. They end
	// a dial that no request waits for any more: net/http lets it go on.
	dialTime      = 30 * time.Second
	handshakeTime = 10 * time.Second
	// maxIdle is how many idle connections to one host are kept. Of net/http's two,
	// parallel work on one registry dials again and again.
	maxIdle = 32
)

// A connection of HTTP/2 that is in use is asked whether it is alive when nothing
// came over it for pingAfter, and given up when no answer comes within pingWait.
// After a night's sleep or a change of networks the other end is gone without a
// word, and HTTP/2 sends every request over the one connection: without the
// question each would wait for its own limit, the next ones over the same dead
// connection: so both together are less than [stall.HeaderTime]. An idle connection
// is not asked, and no transfer that moves is.
const (
	pingAfter = 15 * time.Second
	pingWait  = 10 * time.Second
)

// NewTransport returns a transport with the settings of [http.DefaultTransport], as
// the program has them, and the limits of this package. Where the program has put
// something else in its place, the settings are net/http's. The limits of an
// exchange are [stall.Wrap]'s. Where the environment names the proxy, a variable that
// is no URL is an error of each request: see [CheckProxy].
func NewTransport() *http.Transport {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: Dialer().DialContext, ForceAttemptHTTP2: true}
	if std, ok := http.DefaultTransport.(*http.Transport); ok {
		t = std.Clone()
	}
	if readsEnvironment(t.Proxy) {
		t.Proxy = proxyOfEnvironment
	}
	t.MaxIdleConnsPerHost = maxIdle
	t.MaxResponseHeaderBytes = maxResponseHeader
	t.TLSHandshakeTimeout = handshakeTime
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingWait}
	return t
}

// Dialer returns the dialer of a transport that dials by itself.
func Dialer() *net.Dialer { return &net.Dialer{Timeout: dialTime} }
