package emulator

import (
	"io"
	"net/http"

	"github.com/acrkit/acrkit/emulator/internal/route"
)

// servePublic answers what holds no secret and takes no credential: the certificate that
// clients trust, and whether the emulator lives and is ready. It answers over plain HTTP
// from other machines, and on every host name: a client has no certificate yet, and a
// probe names an address.
func (e *Emulator) servePublic(w http.ResponseWriter, r *http.Request, to route.Route) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	if to.Operation == route.CACertificate {
		w.Header().Set("Content-Type", "application/x-pem-file")
		//rule:public-paths-ca-pem
		certificate := e.ca.PEM()
		_, _ = w.Write(certificate) // a client that has gone
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if to.Operation == route.Ready && e.closed.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "closed\n")
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}
