package emulator

import (
	"io"
	"net/http"
)

// observed reports a status before it is written.
type observed struct {
	http.ResponseWriter
	report   func(status int)
	reported bool
}

func (o *observed) once(status int) {
	if !o.reported && (status >= 200 || status == http.StatusSwitchingProtocols) {
		o.reported = true
		o.report(status)
	}
}

// WriteHeader reports the status, then writes it.
func (o *observed) WriteHeader(status int) {
	o.once(status)
	o.ResponseWriter.WriteHeader(status)
}

// Write writes a body, with the status 200 where there was none.
func (o *observed) Write(b []byte) (int, error) {
	o.once(http.StatusOK)
	return o.ResponseWriter.Write(b)
}

// ReadFrom lets the HTTP server send a file without copying it.
func (o *observed) ReadFrom(r io.Reader) (int64, error) {
	o.once(http.StatusOK)
	return io.Copy(o.ResponseWriter, r)
}

// Unwrap returns the writer beneath, for http.ResponseController.
func (o *observed) Unwrap() http.ResponseWriter { return o.ResponseWriter }
