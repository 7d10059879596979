package emulator

import (
	"crypto/rand"
	"crypto/subtle"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/answer"
	"github.com/acrkit/acrkit/emulator/internal/private"
)

// The control API: what a rehearsal asks of the emulator and no registry has. It
// has a prefix of its own, and wants a key that a web page cannot know.
const (
	controlPrefix = "/_acrkit/v1/"
	controlHeader = "Acrkit-Control-Key"
	controlFile   = "control-api.key"

	maxControlPage = 1000 // decisions in one answer
)

// openControlKey reads the control API's key from the data folder, or makes it.
// The file is readable by its owner alone.
func openControlKey(dir string) (string, error) {
	if dir == "" {
		return rand.Text(), nil
	}
	path := filepath.Join(dir, controlFile)
	data, ok, err := private.ReadFile(path)
	if err != nil {
		return "", damaged(dir, err)
	}
	if key := strings.TrimSpace(string(data)); ok && key != "" {
		return key, nil
	}
	key := rand.Text()
	if err := private.WriteFile(path, []byte(key+"\n"), 0o600); err != nil {
		return "", damaged(dir, err)
	}
	return key, nil
}

// ControlKey returns the key of the control API, which goes into the header
// Acrkit-Control-Key. It also stands in DataDir/control-api.key.
func (e *Emulator) ControlKey() Secret { return Secret(e.controlKey) }

// ownPort reports whether the Host names the port that the request came to, left
// out where it is the scheme's own: a forwarded port is another origin.
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

// control answers requests below the prefix. Registries' names are no good
// here, and a browser's request says where it comes from and is refused.
func (e *Emulator) control(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	key := r.Header.Values(controlHeader)
	switch {
	case !e.isOwn(hostname(r.Host)) || !ownPort(r) || r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "":
		answer.Empty(w, http.StatusForbidden)
	case len(key) != 1 || subtle.ConstantTimeCompare([]byte(key[0]), []byte(e.controlKey)) != 1:
		answer.Empty(w, http.StatusUnauthorized)
	case r.URL.Path != controlPrefix+"decisions":
		answer.Empty(w, http.StatusNotFound)
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		answer.Empty(w, http.StatusMethodNotAllowed)
	default:
		e.controlDecisions(w, r)
	}
}

// controlDecision is a [Decision] as JSON.
type controlDecision struct {
	ID        int64     `json:"id"`
	Time      time.Time `json:"time"`
	Registry  string    `json:"registry"`
	Kind      string    `json:"kind,omitempty"`
	Principal string    `json:"principal,omitempty"`
	Method    string    `json:"method"`
	Path      string    `json:"path"`
	Required  string    `json:"required"`
	Outcome   string    `json:"outcome"`
	Missing   string    `json:"missing,omitempty"`
	Rules     []string  `json:"rules,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	RequestID string    `json:"requestId"`
}

// controlDecisions answers GET decisions?after=ID&registry=&principal=&outcome=:
// up to 1000, oldest first, and whether there are more.
func (e *Emulator) controlDecisions(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f := DecisionFilter{Registry: q.Get("registry"), Principal: q.Get("principal"), Outcome: q.Get("outcome")}
	if s := q.Get("after"); s != "" {
		after, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			answer.Empty(w, http.StatusBadRequest)
			return
		}
		f.After = after
	}
	out := struct {
		Decisions []controlDecision `json:"decisions"`
		More      bool              `json:"more"`
	}{Decisions: []controlDecision{}}
	for d, err := range e.Decisions(r.Context(), f) {
		if err != nil {
			e.logger.Error("the decision log could not be read", "error", err)
			answer.Empty(w, http.StatusInternalServerError)
			return
		}
		if len(out.Decisions) == maxControlPage {
			out.More = true
			break
		}
		out.Decisions = append(out.Decisions, controlDecision(d))
	}
	answer.JSON(w, http.StatusOK, out)
}
