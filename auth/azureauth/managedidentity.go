package azureauth

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/stall"
	"github.com/acrkit/acrkit/internal/wire"
)

// imdsHost is the address of a virtual machine's metadata service. Source: Azure
// Instance Metadata Service.
const imdsHost = "169.254.169.254"

// How long a metadata service may take. It is on the machine's host and answers in
// milliseconds; where there is none, packets to its address are often dropped.
// azidentity's own defaults, a minute for each of seven tries, are for an application
// with no other credential.
const (
	//rule:client-limits-imds-connect
	imdsConnect = 2 * time.Second
	//rule:client-limits-imds-try
	imdsTry = 5 * time.Second
	//rule:client-limits-imds-retries
	imdsRetries = 3
	//rule:client-limits-imds-pause
	imdsPause = time.Second
	//rule:client-limits-imds-max-pause
	imdsMaxPause = 4 * time.Second
)

// ManagedIdentity is a managed identity of the machine that the program runs on: the
// system-assigned one, or with opts.ID the user-assigned one of that client, object
// or resource id. opts may be nil.
//
// Nothing is sent before a token is needed: neither this function nor a chain of
// credentials asks the metadata service whether it is there. Its requests never go
// through a proxy, unless opts.Transport does that.
//
// Where there is no metadata service, or the machine has no system-assigned identity,
// the error has [acrkit.CodeCredentialMissing], so that an [auth.Chain] tries its next
// credential. A user-assigned identity that the machine does not have is an error with
// [acrkit.CodeCredentialRejected].
func ManagedIdentity(opts *azidentity.ManagedIdentityCredentialOptions) auth.Credential {
	return auth.Entra(ManagedIdentitySource(opts))
}

// ManagedIdentitySource is the same identity as a source of Entra tokens for other
// audiences than the registry's.
func ManagedIdentitySource(opts *azidentity.ManagedIdentityCredentialOptions) auth.EntraTokenSource {
	m := &managedIdentity{}
	if opts != nil {
		m.opts = *opts
	}
	return m
}

type managedIdentity struct {
	opts azidentity.ManagedIdentityCredentialOptions

	mu   sync.Mutex
	cred *azidentity.ManagedIdentityCredential
}

func (m *managedIdentity) Kind() auth.Kind { return auth.KindManagedIdentity }

func (m *managedIdentity) String() string {
	switch id := m.opts.ID.(type) {
	case nil:
		return "system-assigned managed identity"
	case azidentity.ClientID:
		return "managed identity " + plain(string(id))
	case azidentity.ObjectID:
		return "managed identity with the object id " + plain(string(id))
	default:
		return "managed identity " + id.String()
	}
}

// load makes azidentity's credential, which reads the environment and sends nothing.
func (m *managedIdentity) load() (*azidentity.ManagedIdentityCredential, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cred != nil {
		return m.cred, nil
	}
	opts := m.opts
	opts.PerRetryPolicies = append(append([]policy.Policy(nil), opts.PerRetryPolicies...), answerPolicy{})
	if opts.Transport == nil {
		opts.Transport = metadataClient(new(net.Dialer).DialContext)
	}
	retry := &opts.Retry
	if retry.MaxRetries == 0 {
		//rule:client-limits-load
		retry.MaxRetries = imdsRetries
	}
	if retry.TryTimeout == 0 {
		retry.TryTimeout = imdsTry
	}
	if retry.RetryDelay == 0 {
		retry.RetryDelay = imdsPause
	}
	if retry.MaxRetryDelay == 0 {
		retry.MaxRetryDelay = imdsMaxPause
	}
	cred, err := azidentity.NewManagedIdentityCredential(&opts)
	if err != nil {
		return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "use the " + m.String(), Reason: firstLine(err.Error())}
	}
	m.cred = cred
	return cred, nil
}

// metadataClient returns a client for metadata services, whose connections are made
// by dial within imdsConnect and never through a proxy.
func metadataClient(dial func(ctx context.Context, network, address string) (net.Conn, error)) *http.Client {
	t := wire.NewTransport()
	t.Proxy = nil
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, imdsConnect)
		defer cancel()
		return dial(ctx, network, address)
	}
	return &http.Client{Transport: stall.Wrap(t)}
}

// EntraToken implements [auth.EntraTokenSource].
func (m *managedIdentity) EntraToken(ctx context.Context, scope string) (string, time.Time, error) {
	cred, err := m.load()
	if err != nil {
		return "", time.Time{}, err
	}
	seen := &answer{}
	token, expires, err := source{tc: cred}.EntraToken(context.WithValue(ctx, answerKey{}, seen), scope)
	if err != nil && ctx.Err() == nil {
		err = m.explain(err, seen)
	}
	return token, expires, err
}

// explain returns the error for the last answer of the metadata service; azidentity
// reports part of it as text only.
func (m *managedIdentity) explain(err error, seen *answer) error {
	e, ok := errors.AsType[*acrkit.Error](err)
	if !ok {
		return err
	}
	out := *e
	out.Op = "get an Entra token for the " + m.String()
	host, status, dialed := seen.get()
	if refusal, ok := auth.ReadEntraRefusal(e.Reason); ok && len(e.Errs) == 0 {
		out.Code, out.Reason, out.Errs = acrkit.CodeCredentialRejected, refusal.Error(), []error{refusal}
	}
	if _, refused := errors.AsType[auth.EntraRefusal](&out); refused && out.Code == acrkit.CodeCredentialRejected &&
		hasNumber(&out) {
		return &out
	}
	switch {
	case host == "":
		return &out // nothing was sent: azidentity's own words
	case status == 0 && !dialed && host == imdsHost:
		out.Code, out.Reason = acrkit.CodeCredentialMissing, "there is no metadata service at "+imdsHost+
			": this is not a machine of Azure's, or it may not reach it"
	case status == 0:
		out.Code, out.Reason = acrkit.CodeUnavailable, "the metadata service at "+host+" does not answer"
	case status == http.StatusBadRequest && m.opts.ID == nil:
		out.Code, out.Reason = acrkit.CodeCredentialMissing, "this machine has no system-assigned managed identity"
		out.Hint = sentence.Fix(sentence.AssignIdentity, nil)
	case status == http.StatusBadRequest:
		out.Code, out.Reason = acrkit.CodeCredentialRejected, "this machine does not have it"
		out.Hint = sentence.Fix(sentence.ListIdentities, nil)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		out.Code, out.Reason = acrkit.CodeCredentialRejected, "the metadata service at "+host+
			" does not answer this program"
	case status == http.StatusNotFound || status == http.StatusGone || status >= 500:
		out.Code, out.Reason = acrkit.CodeUnavailable, "the metadata service at "+host+" is not ready"
	case status == http.StatusTooManyRequests:
		out.Code, out.Reason = acrkit.CodeThrottled, "the metadata service at "+host+" asks to slow down"
	case status == http.StatusOK:
		out.Code, out.Reason = acrkit.CodeProtocol, "the server at "+host+" is not a metadata service"
	}
	out.Status = status
	return &out
}

func hasNumber(err error) bool {
	refusal, ok := errors.AsType[auth.EntraRefusal](err)
	return ok && refusal.Number != 0
}

type answerKey struct{}

// answer is the result of the last try of one token request.
type answer struct {
	mu     sync.Mutex
	host   string // "" = nothing was sent
	status int    // 0 = no answer
	dialed bool   // there was a connection
}

func (a *answer) get() (host string, status int, dialed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.host, a.status, a.dialed
}

// answerPolicy is a policy that records the result of a try. azidentity's errors keep
// only the text of a try that had no answer.
type answerPolicy struct{}

func (answerPolicy) Do(req *policy.Request) (*http.Response, error) {
	seen, _ := req.Raw().Context().Value(answerKey{}).(*answer)
	host := req.Raw().URL.Hostname()
	resp, err := req.Next()
	failed, isNet := errors.AsType[*net.OpError](err)
	dialing := isNet && failed.Op == "dial"
	if seen != nil {
		seen.mu.Lock()
		seen.host, seen.status, seen.dialed = host, 0, !dialing
		if err == nil {
			seen.status = resp.StatusCode
		}
		seen.mu.Unlock()
	}
	if dialing && host == imdsHost {
		return nil, nonRetriable{err} // no host has this address, so another try fails too
	}
	return resp, err
}
