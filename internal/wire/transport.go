package wire

import (
	"net"
	"net/http"
	"time"
)

const (
	// maxResponseHeader bounds an answer's header: a challenge with the longest scope,
	// and as much again for the rest. A longer one is an error of net/http.
	maxResponseHeader = 2 * MaxChallenge
	// dialTime is how long a connection may take, and handshakeTime its TLS. They end a
	// dial that no request waits for any more, which net/http would continue.
	dialTime      = 30 * time.Second
	handshakeTime = 10 * time.Second
	// maxIdle is how many idle connections to one host are kept. With net/http's two,
	// parallel work on one registry makes new connections all the time.
	maxIdle = 32
)

// An HTTP/2 connection in use gets a ping when nothing was received for pingAfter, and
// is closed when no answer comes within pingWait. After a suspend or a change of
// networks the other end may be gone without notice, and HTTP/2 sends every request
// over the one connection: without pings each request would wait for its own limit. So
// both times together are less than [stall.HeaderTime]. An idle connection gets no
// ping, and neither does a transfer that makes progress.
const (
	//rule:stalls-ping-after
	pingAfter = 15 * time.Second
	//rule:stalls-ping-wait
	pingWait = 10 * time.Second
)

// NewTransport returns a transport with the program's settings of [http.DefaultTransport],
// and the limits of this package. If the program has replaced DefaultTransport with
// another type, the settings are net/http's. [stall.Wrap] has the limits of an exchange.
// If the environment names the proxy, a variable that is not a URL is an error of each
// request: see [CheckProxy].
func NewTransport() *http.Transport {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: Dialer().DialContext, ForceAttemptHTTP2: true}
	if std, ok := http.DefaultTransport.(*http.Transport); ok {
		t = std.Clone()
	}
	//rule:proxy-variables-new-transport
	if readsEnvironment(t.Proxy) {
		t.Proxy = proxyOfEnvironment
	}
	t.MaxIdleConnsPerHost = maxIdle
	//rule:limits-new-transport
	t.MaxResponseHeaderBytes = maxResponseHeader
	t.TLSHandshakeTimeout = handshakeTime
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingWait}
	return t
}

// Base returns what sends the requests of a client: given, or if that is nil, a transport
// of its own as [NewTransport] makes it, whose idle connections the client closes. If the
// program has replaced [http.DefaultTransport] with another type, it is that one, and own is
// nil.
func Base(given http.RoundTripper) (base http.RoundTripper, own *http.Transport) {
	if given != nil {
		return given, nil
	}
	if _, std := http.DefaultTransport.(*http.Transport); !std {
		return http.DefaultTransport, nil
	}
	own = NewTransport()
	return own, own
}

// Dialer returns the dialer for a transport with its own DialContext.
func Dialer() *net.Dialer { return &net.Dialer{Timeout: dialTime} }
