package emulator

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/acrkit/acrkit/internal/wording"
)

// observe returns what writes the access log, nil without one. The log goes to standard
// output, or to standard error under a command, whose output that is.
func (opts *StartOptions) observe() func(*http.Request, int) {
	if !opts.AccessLog {
		return nil
	}
	out := opts.IO.Out
	if len(opts.Command) > 0 {
		out = opts.IO.ErrOut
	}
	log := slog.New(slog.NewTextHandler(out, nil)) // it quotes what is not plain text
	return func(r *http.Request, status int) {
		log.Info("request", "from", r.RemoteAddr, "method", r.Method, "host", wording.Clip(hostOf(r), maxLogged),
			"path", wording.Clip(pathOf(r), maxLogged), "status", status)
	}
}

// maxLogged bounds a path or host in the access log, in bytes: the longest name of a
// repository with a digest fits.
//
//rule:access-log-max-logged
const maxLogged = 512

// pathOf is the path as the client wrote it. Its query is not shown: links to blobs have
// their signature in it, and clients put secrets there by mistake.
func pathOf(r *http.Request) string {
	path := r.URL.EscapedPath()
	if r.URL.RawQuery != "" {
		//rule:access-log-path-of
		path += "?[redacted]"
	}
	return path
}

// hostOf is the host as the client wrote it. Clients that put a user name and a password
// before it send them in the clear, and the log does not repeat them.
func hostOf(r *http.Request) string {
	if i := strings.LastIndexByte(r.Host, '@'); i >= 0 {
		//rule:access-log-host-of
		return "[redacted]" + r.Host[i:]
	}
	return r.Host
}
