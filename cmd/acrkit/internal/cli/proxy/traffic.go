package proxy

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
)

const (
	// maxRefused bounds the different rights that are counted: a client chooses the names.
	maxRefused = 1000
	// maxReported bounds the lines about them.
	maxReported = 20
)

// right is one action on one repository; on none, the catalog or what no scope map gives.
type right struct{ repository, action string }

func (r right) String() string {
	if r.repository == "" {
		return r.action
	}
	return r.action + " on " + r.repository
}

// traffic is what came to the proxy, as far as its user is told at the end. It is safe for
// several goroutines.
type traffic struct {
	requests atomic.Int64

	mu      sync.Mutex
	refused map[right]int
	more    bool // rights were refused that are not counted
}

// count counts the requests.
func (t *traffic) count(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.requests.Add(1)
		h.ServeHTTP(w, r)
	})
}

// refuse counts the rights for which the scope map refused a request.
func (t *traffic) refuse(missing acrkit.Scope) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refused == nil {
		t.refused = map[right]int{}
	}
	for access := range missing.All() {
		for _, word := range access.Actions {
			r := right{access.Name, word}
			a, err := acrkit.ParseAction(word)
			switch {
			case access.Type == "repository" && err == nil:
				r.action = a.String()
			case access.Type == "registry" && access.Name == "catalog":
				r = right{"", "the list of repositories (repositories/*/metadata/read)"}
			}
			if _, known := t.refused[r]; !known && len(t.refused) >= maxRefused {
				t.more = true
				continue
			}
			t.refused[r]++
		}
	}
}

// report says on w what was refused, and where it matters for the result (counts), that
// nothing came. command says that a command was to send it.
func (t *traffic) report(w io.Writer, counts, command bool) {
	if counts && t.requests.Load() == 0 {
		line := "acrkit: no request came through the proxy"
		if command {
			line += "; the command must use $" + envHost + " or $" + envURL + " as the registry"
		}
		cmdutil.Say(w, "%s", line)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	all := slices.SortedFunc(maps.Keys(t.refused), func(a, b right) int {
		return cmp.Or(cmp.Compare(a.repository, b.repository), cmp.Compare(a.action, b.action))
	})
	for _, r := range all[:min(len(all), maxReported)] {
		cmdutil.Say(w, "acrkit: the scope map refused %s (%s)", r, counted(t.refused[r], "request"))
	}
	if n := len(all) - maxReported; n > 0 {
		most := ""
		if t.more {
			most = "at least "
		}
		cmdutil.Say(w, "acrkit: the scope map refused %s%s", most, counted(n, "more right"))
	}
}

// counted is a number with its noun.
func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
