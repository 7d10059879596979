package rehearsal

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"
)

// lateWrite holds a change back for a time of the emulator's clock. Nothing of it is read
// or made meanwhile.
func lateWrite(h *Rehearsal, w http.ResponseWriter, r *http.Request, x hit) (
	next http.ResponseWriter, finish func(), done bool,
) {
	// Only at the end of a body does the HTTP server notice that a client has gone.
	data, err := io.ReadAll(io.LimitReader(r.Body, MaxForm))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(data), r.Body), r.Body}
	// Not counted as under way: a reset need not wait for it.
	h.Gate.Leave()
	if !h.Clock.wait(r.Context(), x.at.Add(x.Delay)) || !h.Gate.Enter(r.Context()) {
		h.Gate.underWay.Add(1)
		panic(http.ErrAbortHandler)
	}
	return w, func() {}, false
}

// delayKey is where a request carries how late the passwords that it makes work.
type delayKey struct{}

// latePassword marks a request that makes passwords.
func latePassword(_ *Rehearsal, w http.ResponseWriter, r *http.Request, x hit) (
	next http.ResponseWriter, finish func(), done bool,
) {
	*r = *r.WithContext(context.WithValue(r.Context(), delayKey{}, x.Delay))
	return w, func() {}, false
}

// PasswordDelay returns how late the passwords that a request makes work, 0 where no fault
// of the kind late-password has hit it.
func PasswordDelay(ctx context.Context) time.Duration {
	d, _ := ctx.Value(delayKey{}).(time.Duration)
	return d
}
