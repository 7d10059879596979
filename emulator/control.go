package emulator

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/control"
	"github.com/acrkit/acrkit/emulator/internal/answer"
	"github.com/acrkit/acrkit/emulator/internal/decisions"
	"github.com/acrkit/acrkit/emulator/internal/jsonbody"
	"github.com/acrkit/acrkit/emulator/internal/rehearsal"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/idle"
	"github.com/acrkit/acrkit/internal/private"
	"github.com/acrkit/acrkit/internal/wording"
)

// The control API has the operations of a rehearsal, which no registry has. It has
// a prefix of its own, and requires a key that a web page cannot know.
const (
	minControlKey = 26 // characters: what rand.Text makes
	//rule:emulator-limits-max-control-page
	maxControlPage = 1000      // decisions in one answer
	maxControlBody = 512 << 10 // bytes: the largest scope map has 500 actions
	//rule:emulator-limits-max-wait
	maxWait = time.Minute // for a decision, in one call
	//rule:emulator-limits-max-followers
	maxFollowers = 64                    // calls that wait for decisions at a time: each holds a connection
	gatherTime   = 20 * time.Millisecond // how long a decision waits for others, to be sent with them
)

// openControlKey reads the control API's key from the data folder, or makes it
// where there is none that is whole: its readers read the file each time.
// The file is for its owner alone: one that others can read or write, or own, is
// refused.
func openControlKey(dir string) (string, error) {
	if dir == "" {
		return rand.Text(), nil
	}
	path := filepath.Join(dir, control.KeyFile)
	//rule:secret-files-open-control-key
	data, ok, err := private.ReadSecret(path)
	if err != nil {
		return "", damaged(dir, err)
	}
	if key := strings.TrimSpace(string(data)); ok && len(key) >= minControlKey {
		return key, nil // a shorter one was not written whole
	}
	key := rand.Text()
	//rule:file-modes-open-control-key
	if err := private.WriteFile(path, []byte(key+"\n"), 0o600); err != nil {
		return "", damaged(dir, err)
	}
	return key, nil
}

// checkControlKey refuses the folder's key as [openControlKey] does, and makes none.
func checkControlKey(dir string) error {
	if dir == "" {
		return nil
	}
	if _, _, err := private.ReadSecret(filepath.Join(dir, control.KeyFile)); err != nil {
		return damaged(dir, err)
	}
	return nil
}

// ControlKey returns the key of the control API, which goes into the header
// [control.Header]. It is also in the file [control.KeyFile] of DataDir.
//
//tap:secret e.controlKey
func (e *Emulator) ControlKey() seed.Secret { return seed.Secret(e.controlKey) }

// ownPort reports whether the Host header names the port that the request came to,
// or names none and it is the scheme's default: a forwarded port is another origin.
func ownPort(r *http.Request) bool {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return true // there was no connection: a handler was called
	}
	_, own, err := net.SplitHostPort(addr.String())
	if err != nil {
		return false
	}
	_, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		port = "80"
		if r.TLS != nil {
			port = "443"
		}
	}
	return port == own
}

// control answers requests below the prefix. Registries' names are not accepted
// here, and a browser's request, which names its origin, is refused. From another
// machine every request must come by TLS ([Emulator.ServeHTTP]).
func (e *Emulator) control(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Server", control.Server)
	key := r.Header.Values(control.Header)
	switch {
	case !e.isOwn(hostname(r.Host)) || !ownPort(r) || r.Header.Get("Origin") != "" ||
		r.Header.Get("Sec-Fetch-Site") != "":
		answer.Empty(w, http.StatusForbidden)
	case len(key) != 1 || subtle.ConstantTimeCompare([]byte(key[0]), []byte(e.controlKey)) != 1:
		answer.Empty(w, http.StatusUnauthorized)
	default:
		r.Body = http.MaxBytesReader(w, r.Body, maxControlBody)
		e.controlMux.ServeHTTP(w, r)
	}
}

// fromHere reports whether a request comes from this machine, or from no
// connection at all. The connection's addresses decide, never a header. A request
// that a forwarder on this machine passes on looks local if it connects from
// loopback.
func fromHere(r *http.Request) bool {
	addr, connected := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !connected && r.RemoteAddr == "" || connected && addr.Network() != "tcp" {
		return true
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	//rule:plain-http-peers-from-here
	return err == nil && from.Addr().Unmap().IsLoopback()
}

// controlRoute is one operation of the control API.
type controlRoute struct {
	op    control.Operation
	serve func(*Emulator, http.ResponseWriter, *http.Request) error
}

// ofRegistry serves what belongs to the registry that the path names.
func ofRegistry(serve func(*Registry, http.ResponseWriter, *http.Request) error) func(*Emulator, http.ResponseWriter,
	*http.Request) error {
	return func(e *Emulator, w http.ResponseWriter, r *http.Request) error {
		reg, err := e.Registry(r.PathValue("registry"))
		if err != nil {
			return err
		}
		return serve(reg, w, r)
	}
}

// controlAPI are all operations; openapi.yaml describes them.
func controlAPI() []controlRoute {
	return []controlRoute{
		{control.GetOpenAPI, (*Emulator).controlDocument},
		{control.GetDecisions, (*Emulator).controlDecisions},
		{control.GetClock, (*Emulator).controlClock},
		{control.PutClock, (*Emulator).controlSetClock},
		{control.DeleteClock, (*Emulator).controlResetClock},
		{control.PostClockAdvance, (*Emulator).controlAdvanceClock},
		{control.GetLifetimes, (*Emulator).controlLifetimes},
		{control.PutLifetimes, (*Emulator).controlSetLifetimes},
		{control.GetRateLimits, (*Emulator).controlRateLimits},
		{control.PutRateLimits, (*Emulator).controlSetRateLimits},
		{control.GetFaults, (*Emulator).controlFaults},
		{control.PostFault, (*Emulator).controlAddFault},
		{control.DeleteFaults, (*Emulator).controlRemoveFaults},
		{control.DeleteFault, (*Emulator).controlRemoveFault},
		{control.GetSnapshots, (*Emulator).controlSnapshots},
		{control.PostSnapshot, (*Emulator).controlTakeSnapshot},
		{control.DeleteSnapshot, (*Emulator).controlDeleteSnapshot},
		{control.PostReset, (*Emulator).controlReset},
		{control.PostCheck, (*Emulator).controlCheck},
		{control.GetSeed, (*Emulator).controlSeed},
		{control.GetRegistries, (*Emulator).controlRegistries},
		{control.GetRegistry, ofRegistry((*Registry).controlRegistry)},
		{control.PatchRegistry, ofRegistry((*Registry).controlChangeRegistry)},
		{control.GetScopeMaps, ofRegistry((*Registry).controlScopeMaps)},
		{control.PutScopeMap, ofRegistry((*Registry).controlPutScopeMap)},
		{control.DeleteScopeMap, ofRegistry((*Registry).controlDeleteScopeMap)},
		{control.GetTokens, ofRegistry((*Registry).controlTokens)},
		{control.GetToken, ofRegistry((*Registry).controlToken)},
		{control.PutToken, ofRegistry((*Registry).controlPutToken)},
		{control.PatchToken, ofRegistry((*Registry).controlChangeToken)},
		{control.DeleteToken, ofRegistry((*Registry).controlDeleteToken)},
		{control.PostPasswords, ofRegistry((*Registry).controlGeneratePasswords)},
		{control.PatchPassword, ofRegistry((*Registry).controlExpirePassword)},
	}
}

func (e *Emulator) controlRoutes() *http.ServeMux {
	mux := http.NewServeMux()
	for _, route := range controlAPI() {
		mux.HandleFunc(route.op.Method()+" "+control.Prefix+route.op.Path(),
			func(w http.ResponseWriter, r *http.Request) {
				if err := route.serve(e, w, r); err != nil {
					e.controlError(w, r, err)
				}
			})
	}
	return mux
}

func (e *Emulator) controlDocument(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/yaml")
	_, err := io.WriteString(w, control.OpenAPI())
	if err != nil {
		return nil //nolint:nilerr // the client has gone
	}
	return nil
}

// controlError answers with the error of an operation.
func (e *Emulator) controlError(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusInternalServerError
	said := control.ErrorText{Code: "internal", Message: "the emulator failed; its log says why"}
	if x, ok := errors.AsType[*acrkit.Error](err); ok {
		said = control.ErrorText{Code: x.Code, Message: err.Error(), Hint: x.Hint}
		switch x.Code {
		case acrkit.CodeUsage:
			status = http.StatusBadRequest
		case acrkit.CodeNotFound:
			status = http.StatusNotFound
		case acrkit.CodeUnavailable:
			status = http.StatusServiceUnavailable
		case acrkit.CodeTooLarge:
			status = http.StatusRequestEntityTooLarge
		}
	} else {
		e.logger.ErrorContext(r.Context(), "a call of the control API failed", "path", r.URL.Path, "error", err)
	}
	answer.JSON(w, status, control.ErrorDocument{Error: said})
}

func badControl(format string, args ...any) error {
	return &acrkit.Error{Code: acrkit.CodeUsage, Op: "read the request", Reason: fmt.Sprintf(format, args...)}
}

// readJSON reads a request's body: one JSON object, in which every key is known,
// spelled as it is described, and there once.
func readJSON(r *http.Request, into any) error {
	if ct, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || ct != "application/json" {
		return badControl("the Content-Type is not application/json")
	}
	data, err := io.ReadAll(r.Body)
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &acrkit.Error{Code: acrkit.CodeTooLarge, Op: "read the request",
			Reason: fmt.Sprintf("it is larger than %d bytes", maxControlBody)}
	}
	if errors.Is(err, idle.ErrStalled) {
		return &acrkit.Error{Code: acrkit.CodeUnavailable, Op: "read the request", Errs: []error{err}}
	}
	if err == nil {
		err = jsonbody.DecodeExactly(data, into)
	}
	if err == nil {
		return nil
	}
	return badControl("the body is not as openapi.yaml says: %v", err)
}

// readDuration reads a duration; "" is none.
func readDuration(name, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, badControl("%s is no duration such as 90s or 1h30m", name)
	}
	return d, nil
}

// readFilter reads the query of GET decisions; a parameter that is not known is
// an error.
func readFilter(q url.Values) (f DecisionFilter, limit int, wait time.Duration, err error) {
	limit = maxControlPage
	for name, values := range q {
		if len(values) != 1 {
			return f, 0, 0, badControl("the parameter %s occurs twice", wording.Quote(name))
		}
		v := values[0]
		switch name {
		case "registry":
			f.Registry = v
		case "principal":
			f.Principal = v
		case "repository":
			f.Repository = v
		case "outcome":
			if f.Outcome = v; !slices.Contains([]string{"", OutcomeAllowed, OutcomeDenied,
				OutcomeChallenged, OutcomeFaulted}, v) {
				err = badControl("the outcome %s is not known", wording.Quote(v))
			}
		case "after":
			if f.After, err = strconv.ParseInt(v, 10, 64); err != nil || f.After < 0 {
				err = badControl("after is not the ID of a decision")
			}
		case "since":
			if f.Since, err = time.Parse(time.RFC3339, v); err != nil || f.Since.Before(rehearsal.MinTime) ||
				f.Since.After(rehearsal.MaxTime) {
				err = badControl("since is no time in RFC 3339's form")
			}
		case "limit":
			if limit, err = strconv.Atoi(v); err != nil || limit < 1 || limit > maxControlPage {
				err = badControl("limit is not between 1 and %d", maxControlPage)
			}
		case "wait":
			if wait, err = readDuration(name, v); err == nil && (wait < 0 || wait > maxWait) {
				err = badControl("wait is not between 0s and %v", maxWait)
			}
		default:
			err = badControl("there is no parameter %s", wording.Quote(name))
		}
		if err != nil {
			return f, 0, 0, err
		}
	}
	return f, limit, wait, nil
}

// controlDecisions answers with a part of the decision log. With wait it answers
// when there is a decision.
func (e *Emulator) controlDecisions(w http.ResponseWriter, r *http.Request) error {
	f, limit, wait, err := readFilter(r.URL.Query())
	if err != nil {
		return err
	}
	ctx := r.Context()
	var timeout <-chan time.Time
	if wait > 0 {
		select {
		case e.followers <- struct{}{}:
			defer func() { <-e.followers }()
		default:
			return &acrkit.Error{Code: acrkit.CodeUnavailable, Op: "wait for decisions",
				Reason: fmt.Sprintf("%d callers wait already", maxFollowers)}
		}
		timer := time.NewTimer(wait)
		defer timer.Stop()
		timeout = timer.C
	}
	out := control.DecisionPage{Decisions: []control.Decision{}}
	for {
		p, err := e.log.Page(ctx, decisions.Filter(f), limit)
		if err != nil {
			return err
		}
		for _, d := range p.Decisions {
			out.Decisions = append(out.Decisions, control.Decision(d))
		}
		out.Last, out.More, out.Dropped = p.Last, p.More, out.Dropped+p.Dropped
		f.After = p.Last
		// A page in which the filter chose nothing is no reason to answer.
		if len(out.Decisions) > 0 || !p.More && !e.awaitDecision(ctx, f.After, timeout) {
			select {
			case <-rehearsal.Ending(ctx):
				out.Ending = true
			default:
			}
			answer.JSON(w, http.StatusOK, out)
			return nil
		}
	}
}

// awaitDecision waits for a decision after one, and reports whether there is
// one: not when the time is over, the client has gone, or the emulator ends.
func (e *Emulator) awaitDecision(ctx context.Context, after int64, timeout <-chan time.Time) bool {
	if timeout == nil {
		return false
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	came := make(chan error, 1)
	go func() { came <- e.log.Wait(ctx, after) }()
	select {
	case err := <-came:
		if err != nil {
			return false
		}
	case <-timeout:
		return false
	case <-rehearsal.Ending(ctx):
		return false
	}
	// Decisions in quick succession are sent together, and written together.
	gather := time.NewTimer(gatherTime)
	defer gather.Stop()
	select {
	case <-gather.C:
	case <-ctx.Done():
	}
	return true
}
