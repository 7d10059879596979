package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/stall"
)

// NetworkError turns the failure of a request that got no answer from host into an error
// that distinguishes what a user can act on: the name, the port, the certificate, time.
func NetworkError(err error, op string, reg acrkit.Registry, host string) *acrkit.Error {
	// url.Error repeats the whole URL, with upload states and signatures.
	if ue, ok := errors.AsType[*url.Error](err); ok {
		err = ue.Err
	}
	//rule:proxy-variables-network-error
	if own, ok := errors.AsType[*acrkit.Error](err); ok && own.Cause == cause.ProxyMalformed {
		with := *own // nothing was sent
		with.Op, with.Registry = op, reg
		return &with
	}
	e := &acrkit.Error{Code: acrkit.CodeUnavailable, Op: op, Registry: reg, Errs: []error{err}}
	if oe, ok := errors.AsType[*net.OpError](err); ok && oe.Op == "proxyconnect" {
		e.Reason = "the proxy that the environment names for " + host + " cannot be reached"
		e.Hint = sentence.Fix(sentence.CheckProxy, nil)
		e.Cause = cause.ProxyUnreachable
		return e
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		e.Reason, e.Cause = fmt.Sprintf("the name %s cannot be looked up now", host), cause.NameLookupFailed
		if dns.IsNotFound {
			e.Reason, e.Cause = fmt.Sprintf("no host has the name %s", host), cause.NameUnknown
			e.Hint = sentence.Fix(sentence.CheckName, nil)
		}
		return e
	}
	if why, c := untrusted(err); why != "" {
		e.Code, e.Cause = acrkit.CodeTLS, c
		e.Reason = fmt.Sprintf("the certificate of %s is not trusted: %s", host, why)
		e.Hint = sentence.Fix(sentence.TrustServer, nil)
		return e
	}
	if s, ok := errors.AsType[*stall.Error](err); ok {
		e.Reason, e.Cause = s.Error(), cause.ConnectionTimeout
		if s.Phase == stall.Lookup {
			e.Cause = cause.NameLookupFailed
		}
		return e
	}
	ne, isNet := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, http.ErrSchemeMismatch), isPlainHTTP(err):
		e.Reason, e.Cause = host+" answers in plain HTTP instead of HTTPS", cause.PlainHTTPServer
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Reason, e.Cause = host+" refuses the connection; nothing listens there", cause.ConnectionRefused
	case errors.Is(err, context.DeadlineExceeded), isNet && ne.Timeout():
		e.Reason, e.Cause = host+" did not answer in time", cause.ConnectionTimeout
	default:
		e.Reason = fmt.Sprintf("the connection to %s failed: %s", host, clip(redact.Text(err.Error()), maxMessage))
	}
	return e
}

// EntraError is [NetworkError] for a request to Entra, which no registry's name explains.
func EntraError(err error, op, host string) *acrkit.Error {
	e := NetworkError(err, op, acrkit.Registry{}, host)
	switch e.Cause {
	case cause.ProxyUnreachable, cause.ProxyMalformed:
		return e
	case cause.NameUnknown:
		e.Hint = sentence.Fix(sentence.CheckAuthority, nil)
	}
	e.Cause = cause.EntraUnreachable
	return e
}

// TimedOut reports whether an error in the tree of err is a timeout. Checking the first
// [net.Error] is not enough: it may be an [*url.Error] that does not report the timeout
// inside it.
func TimedOut(err error) bool {
	if _, ok := errors.AsType[*stall.Error](err); ok {
		return true
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsTimeout {
		return true
	}
	if oe, ok := errors.AsType[*net.OpError](err); ok && oe.Timeout() {
		return true
	}
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}

// isPlainHTTP reports whether an HTTP answer came instead of a TLS record; net/http
// reports that for an http.Client's error, but not for a transport's.
func isPlainHTTP(err error) bool {
	e, ok := errors.AsType[tls.RecordHeaderError](err)
	return ok && string(e.RecordHeader[:]) == "HTTP/"
}

// untrusted says why a certificate was not trusted, or "".
func untrusted(err error) (string, acrkit.Cause) {
	if he, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Sprintf("it is for another name than %s", he.Host), cause.CertificateWrongName
	}
	if ie, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if ie.Reason == x509.Expired {
			return "it has expired or is not yet valid", cause.CertificateExpired
		}
		return "it is invalid", cause.CertificateUntrusted
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "it is signed by an unknown authority", cause.CertificateUntrusted
	}
	if _, ok := errors.AsType[x509.SystemRootsError](err); ok {
		return "this machine's certificates cannot be read", cause.CertificateUntrusted
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "it could not be verified", cause.CertificateUntrusted
	}
	return "", ""
}

// WithOp returns a copy of the [*acrkit.Error] in err's tree with op and reg, so that a
// message names the user's operation and not the token request that failed for it. An
// error that must not be retried stays so. If there is no [*acrkit.Error], it returns
// [NetworkError].
func WithOp(err error, op string, reg acrkit.Registry) error {
	if ctxErr := contextError(err); ctxErr != nil {
		return ctxErr
	}
	inner, ok := errors.AsType[*acrkit.Error](err)
	if !ok {
		return NetworkError(err, op, reg, reg.Host())
	}
	e := *inner
	e.Reason = Within(inner)
	e.Op, e.Registry = op, reg
	return Final(&e)
}

// Within returns the reason of an error for a message about another operation on the
// registry. For a failure in a file, a helper or at Entra it also says where; for a token
// request to the registry itself it does not.
func Within(e *acrkit.Error) string {
	reason := e.Reason
	if reason == "" {
		texts := make([]string, 0, len(e.Errs))
		for _, cause := range e.Errs {
			texts = append(texts, cause.Error())
		}
		reason = strings.Join(texts, "; ")
	}
	if !e.Registry.IsZero() || e.Op == "" || e.Op == UseCredential {
		return reason
	}
	if reason == "" {
		return "cannot " + e.Op
	}
	return "cannot " + e.Op + ": " + reason
}

// UseCredential is the operation of an error about a given credential.
const UseCredential = "use a credential" //nolint:gosec // words

// contextError returns err if its tree has the error of a context and no *acrkit.Error,
// which would say more.
func contextError(err error) error {
	if _, ours := errors.AsType[*acrkit.Error](err); ours {
		return nil
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// Final returns e as an error. If another try cannot succeed, the error has a method
// NonRetriable, which Microsoft's retry policy respects.
func Final(e *acrkit.Error) error {
	switch e.Code {
	case acrkit.CodeCredentialRejected, acrkit.CodeCredentialMissing, acrkit.CodeInsufficientScope, acrkit.CodeDenied,
		acrkit.CodeProtocol, acrkit.CodeHostRefused, acrkit.CodeUsage:
		return final{e}
	}
	return e
}

type final struct{ err *acrkit.Error }

func (f final) Error() string { return f.err.Error() }
func (f final) Unwrap() error { return f.err }
func (final) NonRetriable()   {}
