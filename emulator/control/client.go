package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/stall"
)

// FollowWait is how long a client waits for the next decision in one call.
//
//rule:command-limits-follow-wait
const FollowWait = 30 * time.Second

// answerTime is how long the control API may take to answer: it holds a question for the
// next decision for FollowWait, and a reset waits for requests under way.
//
//rule:stalls-answer-time
const answerTime = FollowWait + stall.HeaderTime

// answerLimit has room for the 50,000 tokens of the largest tier.
//
//rule:control-times-answer-limit
var answerLimit = limit.Limit{Name: "an answer of the control API", Bytes: 64 << 20}

// Options are the settings of [NewClient]. Nil means all zero.
type Options struct {
	// Base sends the requests; it must trust the emulator's certificate authority. Nil is
	// [http.DefaultTransport]. An exchange that stalls is ended.
	Base http.RoundTripper
	// Start is the command that starts the emulator, for the hints of errors; "" is
	// "acrkit emulator start".
	Start string
}

// Client is a client of the control API. Its methods are safe for concurrent use.
//
// Where a method takes the name of a registry, "" is the first. Errors are of type
// [*acrkit.Error]: [acrkit.CodeUnavailable] if there is no answer,
// [acrkit.CodeCredentialRejected] for a wrong key, [acrkit.CodeDenied] for a host that is not
// the emulator's own, [acrkit.CodeProtocol] for an answer that cannot be read, and the code that
// the emulator's answer has.
type Client struct {
	http  *http.Client
	base  string // with the scheme and the prefix
	host  string
	key   string
	start string
}

// NewClient returns a client of the emulator at a URL such as https://localhost:5443. It
// makes no request.
//
// Errors: [acrkit.CodeUsage] for another URL than that of a host, for HTTP without TLS to
// another machine, to which the key must not be sent, and for a key that is empty or has
// white space.
func NewClient(baseURL, key string, opts *Options) (*Client, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	bad := func(reason string) error {
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: "use the control API", Reason: reason}
	}
	u, err := url.Parse(baseURL)
	if err != nil || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.User != nil || u.RawQuery != "" ||
		u.Scheme != "https" && u.Scheme != "http" {
		return nil, bad("the address is not a URL such as https://localhost:5443")
	}
	//rule:plain-http-new-client
	if reg, err := acrkit.ParseRegistry(u.Host); u.Scheme == "http" && (err != nil || !reg.IsLoopback()) {
		return nil, bad(fmt.Sprintf("%q is not this machine: its address must be https", u.Host))
	}
	if key == "" || strings.ContainsAny(key, " \n\r\t") {
		return nil, bad("the key is empty or has white space")
	}
	if o.Start == "" {
		o.Start = sentence.Fix(sentence.StartEmulator, nil)
	}
	if o.Base == nil {
		o.Base = http.DefaultTransport
	}
	return &Client{
		//rule:stalls-http
		http: &http.Client{Transport: stall.WrapWith(o.Base, stall.Limits{Header: answerTime}),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		base: u.Scheme + "://" + u.Host + Prefix, host: u.Host, key: key, start: o.Start,
	}, nil
}

// Format prints where the emulator is, for every verb, and not the key.
//
//rule:printing-format-3
func (c Client) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "control.Client(%s)", c.host) }

// LogValue is what Format prints.
func (c Client) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(c)) }

const op = "ask the emulator"

// call makes one request; in and out are nil where there is no body.
func (c *Client) call(ctx context.Context, o Operation, path string, in, out any) error {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, o.Method(), c.base+path, &body)
	if err != nil {
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Errs: []error{err}}
	}
	req.Header.Set(Header, c.key)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err
		}
		return c.lost(ctx, err)
	}
	defer resp.Body.Close()
	data, err := answerLimit.ReadAll(resp.Body)
	if err != nil {
		return c.lost(ctx, err)
	}
	switch {
	case resp.StatusCode == http.StatusUnauthorized:
		return &acrkit.Error{Code: acrkit.CodeCredentialRejected, Op: op, Reason: "the key is another emulator's",
			Hint: sentence.Fix(sentence.ShowClockOf, map[string]string{"host": c.host})}
	case resp.StatusCode == http.StatusForbidden:
		return &acrkit.Error{Code: acrkit.CodeDenied, Op: op,
			Reason: fmt.Sprintf("%s is no name and port of its own", c.host)}
	case resp.StatusCode >= http.StatusMultipleChoices:
		return refusedBy(resp.StatusCode, data)
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return &acrkit.Error{Code: acrkit.CodeProtocol, Op: op,
			Reason: "its answer cannot be read: it may be of another version", Errs: []error{err}}
	}
	return nil
}

// lost returns the error of a request without an answer, or with an incomplete one.
func (c *Client) lost(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	e := &acrkit.Error{Code: acrkit.CodeUnavailable, Op: op + " at " + c.host, Errs: []error{err}, Hint: c.start}
	if _, ok := errors.AsType[*stall.Error](err); ok {
		e.Hint = sentence.Fix(sentence.WhenItHasEnded, map[string]string{"command": c.start})
	}
	return e
}

func refusedBy(status int, data []byte) error {
	var body ErrorDocument
	if json.Unmarshal(data, &body) != nil || body.Error.Message == "" {
		return &acrkit.Error{Code: acrkit.CodeProtocol, Op: op,
			Reason: fmt.Sprintf("it answered %d; it may be of another version", status)}
	}
	message := strings.TrimPrefix(body.Error.Message, "cannot ")
	return &acrkit.Error{Code: body.Error.Code, Op: op, Reason: "it cannot " + message, Hint: body.Error.Hint}
}

// do makes a request whose answer has a body.
func do[T any](ctx context.Context, c *Client, o Operation, in any, names ...string) (T, error) {
	var out T
	err := c.call(ctx, o, o.path(names...), in, &out)
	return out, err
}

// of is do about something of a registry.
func of[T any](ctx context.Context, c *Client, o Operation, registry string, in any, names ...string) (T, error) {
	var out T
	err := c.of(ctx, o, registry, in, &out, names...)
	return out, err
}

// of makes a request about something of a registry; "" is the first.
func (c *Client) of(ctx context.Context, o Operation, registry string, in, out any, names ...string) error {
	if registry == "" {
		all, err := c.Registries(ctx)
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return &acrkit.Error{Code: acrkit.CodeNotFound, Op: "find a registry", Reason: "the emulator has none"}
		}
		registry = all[0].Name
	}
	return c.call(ctx, o, o.path(append([]string{registry}, names...)...), in, out)
}

// DecisionQuery chooses decisions. Zero fields choose all.
type DecisionQuery struct {
	Registry   string
	Principal  string
	Repository string // one that the required scope names
	Outcome    string
	Since      time.Time
	After      int64         // only decisions with a greater ID
	Wait       time.Duration // how long to wait if there is none; at most FollowWait
}

func (q DecisionQuery) values() url.Values {
	v := url.Values{"after": {strconv.FormatInt(q.After, 10)}}
	for name, text := range map[string]string{
		"registry": q.Registry, "principal": q.Principal, "repository": q.Repository, "outcome": q.Outcome,
	} {
		if text != "" {
			v.Set(name, text)
		}
	}
	if !q.Since.IsZero() {
		v.Set("since", q.Since.Format(time.RFC3339))
	}
	if q.Wait > 0 {
		v.Set("wait", min(q.Wait, FollowWait).String())
	}
	return v
}

// Decisions returns a part of the decision log. If there is more, the next part is after
// Last, which is greater than After.
func (c *Client) Decisions(ctx context.Context, q DecisionQuery) (DecisionPage, error) {
	var p DecisionPage
	if err := c.call(ctx, GetDecisions, GetDecisions.path()+"?"+q.values().Encode(), nil, &p); err != nil {
		return DecisionPage{}, err
	}
	//rule:pages-decisions
	if !p.More || p.Last > q.After {
		return p, nil
	}
	return DecisionPage{}, &acrkit.Error{Code: acrkit.CodeProtocol, Op: "read the decision log",
		Reason: "its pages do not go on; the emulator may be of another version"}
}

// Clock returns the state of the clock.
func (c *Client) Clock(ctx context.Context) (Clock, error) {
	return do[Clock](ctx, c, GetClock, nil)
}

// ChangeClock sets, freezes or resumes the clock.
func (c *Client) ChangeClock(ctx context.Context, change ClockChange) (Clock, error) {
	return do[Clock](ctx, c, PutClock, change)
}

// AdvanceClock moves the clock on, or back by a negative duration.
func (c *Client) AdvanceClock(ctx context.Context, by time.Duration) (Clock, error) {
	return do[Clock](ctx, c, PostClockAdvance, Advance{by.String()})
}

// ResetClock gives the clock the machine's time again.
func (c *Client) ResetClock(ctx context.Context) (Clock, error) {
	return do[Clock](ctx, c, DeleteClock, nil)
}

// Lifetimes returns how long tokens can be used.
func (c *Client) Lifetimes(ctx context.Context) (Lifetimes, error) {
	return do[Lifetimes](ctx, c, GetLifetimes, nil)
}

// SetLifetimes sets how long the tokens issued from now on can be used.
func (c *Client) SetLifetimes(ctx context.Context, l Lifetimes) (Lifetimes, error) {
	return do[Lifetimes](ctx, c, PutLifetimes, l)
}

// RateLimits reports whether the documented rate limits apply.
func (c *Client) RateLimits(ctx context.Context) (bool, error) {
	out, err := do[RateLimits](ctx, c, GetRateLimits, nil)
	return out.Enabled, err
}

// SetRateLimits switches the documented rate limits.
func (c *Client) SetRateLimits(ctx context.Context, enabled bool) error {
	return c.call(ctx, PutRateLimits, PutRateLimits.path(), RateLimits{enabled}, nil)
}

// Faults returns the faults in force, in the order in which they were added.
func (c *Client) Faults(ctx context.Context) ([]Fault, error) {
	out, err := do[FaultList](ctx, c, GetFaults, nil)
	return out.Faults, err
}

// AddFault adds a fault and returns it with its ID and seed.
func (c *Client) AddFault(ctx context.Context, f NewFault) (Fault, error) {
	if f.Routes == nil {
		f.Routes = []fault.Route{}
	}
	return do[Fault](ctx, c, PostFault, f)
}

// RemoveFault ends a fault.
func (c *Client) RemoveFault(ctx context.Context, id int64) error {
	return c.call(ctx, DeleteFault, DeleteFault.path(strconv.FormatInt(id, 10)), nil, nil)
}

// RemoveFaults ends all faults.
func (c *Client) RemoveFaults(ctx context.Context) error {
	return c.call(ctx, DeleteFaults, DeleteFaults.path(), nil, nil)
}

// Snapshots returns the snapshots, the oldest first.
func (c *Client) Snapshots(ctx context.Context) ([]Snapshot, error) {
	out, err := do[SnapshotList](ctx, c, GetSnapshots, nil)
	return out.Snapshots, err
}

// TakeSnapshot copies the state under a name.
func (c *Client) TakeSnapshot(ctx context.Context, name string) (Snapshot, error) {
	return do[Snapshot](ctx, c, PostSnapshot, NewSnapshot{name})
}

// DeleteSnapshot removes a snapshot.
func (c *Client) DeleteSnapshot(ctx context.Context, name string) error {
	return c.call(ctx, DeleteSnapshot, DeleteSnapshot.path(name), nil, nil)
}

// Reset replaces the state by a snapshot's; "" is the seed's.
func (c *Client) Reset(ctx context.Context, snapshot string) error {
	return c.call(ctx, PostReset, PostReset.path(), Reset{snapshot}, nil)
}

// Check checks a second's worth of what is stored, from the Next of the part before on; "" is
// the beginning.
func (c *Client) Check(ctx context.Context, from string) (CheckPart, error) {
	return do[CheckPart](ctx, c, PostCheck, CheckFrom{from})
}

// Seed returns what the emulator holds as a seed file, without secrets.
func (c *Client) Seed(ctx context.Context) (string, error) {
	out, err := do[Seed](ctx, c, GetSeed, nil)
	return out.Seed, err
}

// Registries returns the registries with their settings, the first first.
func (c *Client) Registries(ctx context.Context) ([]Registry, error) {
	out, err := do[RegistryList](ctx, c, GetRegistries, nil)
	return out.Registries, err
}

// Registry returns a registry with its settings.
func (c *Client) Registry(ctx context.Context, registry string) (Registry, error) {
	return of[Registry](ctx, c, GetRegistry, registry, nil)
}

// ChangeRegistry changes settings of a registry.
func (c *Client) ChangeRegistry(ctx context.Context, registry string, change RegistryChange) (Registry, error) {
	if n := change.Network; n != nil && n.IPRules == nil {
		change.Network = &Network{DefaultAction: n.DefaultAction, IPRules: []string{}}
	}
	return of[Registry](ctx, c, PatchRegistry, registry, change)
}

// ScopeMaps returns the scope maps of a registry, those that every registry has last.
func (c *Client) ScopeMaps(ctx context.Context, registry string) ([]ScopeMap, error) {
	out, err := of[ScopeMapList](ctx, c, GetScopeMaps, registry, nil)
	return out.ScopeMaps, err
}

// PutScopeMap makes or replaces a scope map.
func (c *Client) PutScopeMap(ctx context.Context, registry, name string, m NewScopeMap) (ScopeMap, error) {
	return of[ScopeMap](ctx, c, PutScopeMap, registry, m, name)
}

// DeleteScopeMap removes a scope map.
func (c *Client) DeleteScopeMap(ctx context.Context, registry, name string) error {
	return c.of(ctx, DeleteScopeMap, registry, nil, nil, name)
}

// Tokens returns the tokens of a registry, by name.
func (c *Client) Tokens(ctx context.Context, registry string) ([]Token, error) {
	out, err := of[TokenList](ctx, c, GetTokens, registry, nil)
	return out.Tokens, err
}

// Token returns a token.
func (c *Client) Token(ctx context.Context, registry, name string) (Token, error) {
	return of[Token](ctx, c, GetToken, registry, nil, name)
}

// PutToken makes or replaces a token. A new one has no passwords; one that is there keeps
// its own.
func (c *Client) PutToken(ctx context.Context, registry, name string, t NewToken) (Token, error) {
	return of[Token](ctx, c, PutToken, registry, t, name)
}

// ChangeToken changes a token.
func (c *Client) ChangeToken(ctx context.Context, registry, name string, change TokenChange) (Token, error) {
	return of[Token](ctx, c, PatchToken, registry, change, name)
}

// DeleteToken removes a token with its passwords.
func (c *Client) DeleteToken(ctx context.Context, registry, name string) error {
	return c.of(ctx, DeleteToken, registry, nil, nil, name)
}

// GeneratePasswords makes new passwords of a token. Only this answer has their values.
func (c *Client) GeneratePasswords(ctx context.Context, registry, token string, p NewPasswords) ([]Password, error) {
	out, err := of[PasswordList](ctx, c, PostPasswords, registry, p, token)
	return out.Passwords, err
}

// ExpirePassword sets when a token's password, password1 or password2, expires; a zero time
// is now.
func (c *Client) ExpirePassword(ctx context.Context, registry, token, password string, at time.Time) (Token, error) {
	return of[Token](ctx, c, PatchPassword, registry, Expiry{at}, token, password)
}
