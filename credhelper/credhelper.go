package credhelper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/sentence"
)

// The values of [Options.Answer].
const (
	// AnswerPassword answers with a user name and a password for every credential: its
	// own if it has them, else 00000000-0000-0000-0000-000000000000 and an ACR refresh
	// token. Every client accepts it.
	AnswerPassword = "password"
	// AnswerToken answers with <token> and an ACR refresh token where the credential
	// has one. That is how Docker's protocol marks an identity token; some clients
	// send it as a password and are refused.
	AnswerToken = "token"
)

// Options are the settings of a [Helper].
type Options struct {
	// Name is the program's name in messages; "" is docker-credential-acrkit.
	Name string
	// Version is what the action "version" says; "" is devel.
	Version string
	// Registries are the registries to answer for beside Azure's own names: custom
	// login servers, and loopback with its port.
	Registries []acrkit.Registry
	// Answer is the form of what "get" answers; "" is AnswerPassword. Any other
	// value than the two is an error of "get".
	Answer string
	// Connect returns a transport for a registry, which the helper closes: with the
	// credential that is found for it or, where cred is not nil, with that one. Its
	// error is the answer; that there is no credential is no error, but a transport with
	// [auth.Anonymous]. Tokens made from cred must not be kept beyond the transport,
	// because only Entra can check cred. Required.
	Connect func(ctx context.Context, reg acrkit.Registry, cred auth.Credential) (*auth.Transport, error)
	// Logins stores the logins of clients; with nil they are refused.
	Logins Logins
	// Tenants are the Entra tenants whose identities the kubelet's service accounts
	// may name; none refuses every service account.
	Tenants []string
	// AuthorityHost is Entra's authority for service accounts; "" is that of the
	// registry's cloud.
	AuthorityHost string
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Logins stores logins. Registries are those that the helper answers for. A notice is
// shown to the user after a request that succeeded; "" is none.
type Logins interface {
	// Store keeps a user name and a secret, in place of what it stored before.
	Store(ctx context.Context, reg acrkit.Registry, user string, secret auth.Secret) (notice string, err error)
	// Erase removes what Store stored, and nothing else. Nothing to remove is no error:
	// Docker erases twice.
	Erase(ctx context.Context, reg acrkit.Registry) (notice string, err error)
	// List returns the user name for each registry that there is a credential for.
	List(ctx context.Context) (map[acrkit.Registry]string, error)
}

// Helper answers requests. It keeps nothing between them.
type Helper struct {
	opts     Options
	deadline time.Duration
}

// deadline is how long one answer may take, with Entra, the registry, a keychain that
// prompts, and a client that does not close its end. It is less than the minute that the
// kubelet gives its plugins and the half minute after which Docker seems to hang, and
// more than the 20 s of a keychain.
const deadline = 25 * time.Second

// grace is how long past the deadline the work may take to end.
const grace = time.Second

// New returns a helper.
func New(opts Options) *Helper {
	opts.Name = cmp.Or(opts.Name, "docker-credential-acrkit")
	opts.Version = cmp.Or(opts.Version, "devel")
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Helper{opts: opts, deadline: deadline}
}

// accepts reports whether the helper answers for a registry. It sends nothing.
func (h *Helper) accepts(reg acrkit.Registry) bool {
	//rule:helper-hosts-accepts
	return reg.IsACR() || slices.Contains(h.opts.Registries, reg)
}

// serverURL reads what clients call a server URL: a host with or without port,
// scheme and path. A path that is no version of the registry's API is the name of
// a repository. ok is false for what the helper does not answer for.
func (h *Helper) serverURL(s string) (reg acrkit.Registry, repository string, ok bool) {
	s = strings.TrimSpace(s)
	if i := strings.Index(s, "://"); i >= 0 {
		//rule:look-alikes-server-url
		if !strings.EqualFold(s[:i], "https") {
			return reg, "", false
		}
		s = s[i+len("://"):]
	}
	host, path, _ := strings.Cut(s, "/")
	// A bare name is a registry's short name on the command line; here it is a host.
	if !strings.ContainsAny(host, ".:") && !strings.EqualFold(host, "localhost") {
		return reg, "", false
	}
	reg, err := acrkit.ParseRegistry(host)
	if err != nil || !h.accepts(reg) {
		return reg, "", false
	}
	path = strings.Trim(path, "/")
	if path == "" || path == "v1" || path == "v2" {
		return reg, "", true
	}
	return reg, path, acrkit.CheckRepositoryName(path) == nil
}

// answer is the credential for a client.
type answer struct {
	auth.Login
	anonymous bool     // there is no credential
	differs   bool     // repositories of the registry have different ones
	parts     []string // the repository prefixes that have one, "" not among them
}

// login returns the user name and secret for a repository, "" being the registry
// as a whole.
func (h *Helper) login(ctx context.Context, reg acrkit.Registry, repository string,
	cred auth.Credential) (a answer, err error) {
	t, err := h.opts.Connect(ctx, reg, cred)
	if err != nil {
		return answer{}, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	statuses := t.Statuses()
	a.differs = len(statuses) > 1
	for _, s := range statuses {
		if s.Prefix != "" {
			a.parts = append(a.parts, s.Prefix)
		}
	}
	scope := acrkit.CatalogScope()
	if repository != "" {
		scope = acrkit.RepositoryScope(repository, acrkit.ContentRead)
	}
	if a.Login, err = t.Login(ctx, scope); err != nil {
		return answer{}, err
	}
	a.anonymous = a.User == ""
	return a, nil
}

// input bounds what a client sends: the longest secret with the other fields, in one line
// that the protocol's library can read (bufio.MaxScanTokenSize).
var input = limit.Limit{Name: "the request on standard input", Bytes: 60 << 10}

// reply is the result of a request.
type reply struct {
	out  []byte // for standard output
	said string // for standard error, after success
	err  error
}

// within runs one request for no longer than the deadline, and prints its result. failed
// prints an error; work that continues past the deadline prints nothing.
func (h *Helper) within(ctx context.Context, in io.Reader, out, errOut io.Writer,
	work func(context.Context, []byte) reply, failed func(error)) int {
	ctx, cancel := context.WithTimeout(ctx, h.deadline)
	defer cancel()
	done := make(chan reply, 1)
	go func() {
		var data []byte
		var err error
		if in != nil {
			data, err = input.ReadAll(in)
		}
		if err != nil {
			done <- reply{err: err}
			return
		}
		done <- work(ctx, data)
	}()
	var r reply
	select {
	case r = <-done:
	case <-ctx.Done():
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case r = <-done:
		case <-timer.C:
			r.err = ctx.Err()
		}
	}
	if errors.Is(r.err, context.DeadlineExceeded) && ctx.Err() != nil {
		r.err = &acrkit.Error{Code: acrkit.CodeUnavailable, Op: "answer", Errs: []error{r.err},
			Reason: fmt.Sprintf("it was not done within %s; Entra, the registry or the keychain does not answer",
				h.deadline), Hint: sentence.Fix(sentence.ShowWhichOne, nil)}
	}
	if r.said != "" {
		h.say(errOut, r.said)
	}
	if r.err != nil {
		failed(r.err)
		return 1
	}
	if _, err := out.Write(r.out); err != nil {
		h.say(errOut, "cannot write the answer: "+err.Error())
		return 1
	}
	return 0
}

// say prints one line for the user.
func (h *Helper) say(w io.Writer, text string) {
	//rule:terminal-say
	_, _ = fmt.Fprintf(w, "%s: %s\n", h.opts.Name, redact.Text(text))
}

// complain prints an error and its hint.
func (h *Helper) complain(w io.Writer, err error) {
	h.say(w, err.Error())
	if hint := acrkit.HintOf(err); hint != "" {
		_, _ = fmt.Fprintf(w, "\n%s\n", redact.Text(hint))
	}
}
