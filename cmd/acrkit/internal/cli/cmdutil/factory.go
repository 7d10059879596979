// Package cmdutil holds what every command shares: the factory that hands out
// streams and connections, flags for JSON output, argument checks, and the one
// switch from an error to an exit code.
package cmdutil

import (
	"context"
	"time"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
)

// Factory hands a command what it needs. Its functions are lazy: a command that
// only prints help touches neither network nor environment.
type Factory struct {
	IO        *iostreams.IOStreams
	LookupEnv func(string) (string, bool) // as os.LookupEnv
	Now       func() time.Time            // as time.Now
	// Sleep waits in a command that changes tokens or scope maps; nil = by the machine's clock.
	Sleep  func(context.Context, time.Duration) error
	Global Global
	Settle time.Duration // of [manage.Options], for tests; 0 = its default

	running string        // the path of the command that runs
	limit   chan *timeout // that --timeout set, of the command that runs; nil = it may not
}

// Global holds the values of the flags that every command inherits.
type Global struct {
	Registry  string // --registry: where a reference names none; over ACR_NAME
	Auth      string // --auth: the kind of credential, "" = the first found
	PlainHTTP bool   // --plain-http: HTTP without TLS, to loopback only
	Debug     bool   // --debug: requests and answers on stderr, redacted
	NoCache   bool   // --no-cache: no token of another run; also of commands that try a credential

	Timeout time.Duration // --timeout: how long the command may take; 0 = as long as it needs
}

// Env returns the value of an environment variable, "" where it is not set.
func (f *Factory) Env(name string) string {
	v, _ := f.LookupEnv(name)
	return v
}
