package diagnose

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/errtext"
	"github.com/acrkit/acrkit/internal/sentence"
)

// text judges what a client printed by the event that ended it.
func (x *examiner) text(ctx context.Context) (Diagnosis, bool) {
	if !x.onlyText || x.reading.Ended < 0 {
		return Diagnosis{}, false
	}
	e := x.reading.Events[x.reading.Ended]
	d, ok := x.event(ctx, e)
	if e.Phase == errtext.Answer && (e.Class == errtext.Unnamed || e.Class == errtext.OfARM) {
		// A status alone, beside which stands a code of Azure Resource Manager.
		if said, known := x.manager(ctx); known {
			return said, true
		}
	}
	if !ok {
		d = unknown()
	}
	d.Evidence = append([]string{"the client says: " + clip(e.Line)}, d.Evidence...)
	switch e.Class {
	case errtext.Unnamed:
		// The text does not say whose host it was: the cause that it would have at a
		// registry of ACR is only a candidate.
		blobs := d.Code == cause.DataEndpointBlocked && e.Phase != errtext.Answer // at any registry
		if blobs {
			d.Confidence = Suspected
		} else if !e.OfMachine() && d.Confidence != CannotTell {
			d = unsure(d.Code, append([]acrkit.Cause{d.Code}, without(d.Candidates, d.Code)...),
				append(d.Evidence, "nothing in the text says that a registry of ACR was asked")...)
		}
	case errtext.OtherRegistry:
		//rule:strangers-words-text
		d = x.otherRegistryOf(e)
	case errtext.OfRegistry:
		if e.Meant != "" {
			said := fmt.Sprintf("%s is no login server of ACR: did you mean %s?", clip(e.Host), e.Meant)
			d.Evidence = append(d.Evidence, said)
			d.Fix = sentence.Draft(sentence.Examine, map[string]string{"host": plain(e.Meant)})
		}
	}
	return d, true
}

func without(all []acrkit.Cause, c acrkit.Cause) []acrkit.Cause {
	return slices.DeleteFunc(slices.Clone(all), func(other acrkit.Cause) bool { return other == c })
}

// otherRegistryOf is a failure at another registry. It is the cause where a registry
// of ACR was meant: the text names one before, or the reference names no host.
func (x *examiner) otherRegistryOf(e errtext.Event) Diagnosis {
	said := fmt.Sprintf("the request that failed went to %s, which is no registry of ACR", clip(e.Host))
	line := "the client says: " + clip(e.Line)
	statuses := []int{0, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}
	refused := e.Phase == errtext.Answer && slices.Contains(statuses, e.Status)
	switch {
	case refused && e.TookHostForImage():
		return verdict(cause.OtherRegistry, Proved, line, said,
			"the repository is a login server's name: the client took it for an image of Docker Hub")
	case refused && e.Bare:
		return verdict(cause.OtherRegistry, Suspected, line, said,
			"the reference names no host, so Docker Hub was asked")
	}
	return unsure(cause.OtherRegistry, nil, line, said)
}

// suspect is a cause that the evidence fits, with what else it fits.
func suspect(c acrkit.Cause, others ...acrkit.Cause) Diagnosis {
	return Diagnosis{Code: c, Confidence: Suspected, Candidates: append([]acrkit.Cause{c}, others...)}
}

// event judges one event as if it were about a registry of ACR.
func (x *examiner) event(ctx context.Context, e errtext.Event) (Diagnosis, bool) {
	if x.method == "" {
		x.method = e.Method
	}
	if x.method == "" && e.Place == errtext.AtUpload {
		x.method = http.MethodPost
	}
	switch e.Phase {
	case errtext.Lookup, errtext.Connect, errtext.TLS, errtext.Proxy:
		return x.eventOfNetwork(ctx, e)
	case errtext.Helper, errtext.Local:
		return eventOfMachine(e)
	case errtext.Entra:
		return x.entra(ctx)
	case errtext.ARM:
		if e.Kind == errtext.ImportRefused {
			return suspect(cause.ImportSourceRefused), true
		}
		if d, ok := armRefused(x.said); ok {
			return d, true
		}
		return suspect(cause.Denied, cause.NoRole, cause.NetworkRule), true
	case errtext.Answer:
		return x.eventOfAnswer(ctx, e)
	}
	return Diagnosis{}, false
}

// networks are the causes of kinds before there was an answer.
var networks = map[errtext.Kind]acrkit.Cause{
	errtext.NameUnknown: cause.NameUnknown, errtext.LookupFailed: cause.NameLookupFailed,
	errtext.ProxyFailed: cause.ProxyUnreachable, errtext.ProxyMalformed: cause.ProxyMalformed,
	errtext.Refused: cause.ConnectionRefused, errtext.NoAnswer: cause.ConnectionTimeout,
	errtext.Untrusted: cause.CertificateUntrusted, errtext.CertExpired: cause.CertificateExpired,
	errtext.CertName: cause.CertificateWrongName, errtext.PlainHTTP: cause.PlainHTTPServer,
}

func (x *examiner) eventOfNetwork(ctx context.Context, e errtext.Event) (Diagnosis, bool) {
	switch {
	case e.Phase == errtext.Proxy:
	case e.Class == errtext.OfData, e.Blob && e.Place == errtext.Elsewhere:
		return verdict(cause.DataEndpointBlocked, Proved, "the host is a storage host"), true
	case e.Class == errtext.OfEntra:
		return verdict(cause.EntraUnreachable, Proved, "the host is an authority of Entra"), true
	case e.Class == errtext.OfARM:
		return unsure(cause.Unavailable, nil, "the host is Azure Resource Manager"), true
	}
	switch e.Kind {
	case errtext.Deadline:
		return suspect(cause.ClientDeadline, cause.ConnectionTimeout, cause.Unavailable), true
	case errtext.Closed, errtext.Handshake:
		return suspect(cause.Unavailable, cause.TLSIntercepted, cause.ProxyUnreachable, cause.ConnectionTimeout), true
	case errtext.Unreached:
		return unsure(cause.Unavailable, []acrkit.Cause{cause.NameUnknown, cause.NameLookupFailed,
			cause.ConnectionRefused,
			cause.ConnectionTimeout, cause.CertificateUntrusted, cause.TLSIntercepted, cause.ProxyUnreachable}), true
	case errtext.NameUnknown:
		if x.o.ARM != nil && !x.reg.IsZero() {
			if d, ok := x.hash(ctx); ok {
				return d, true
			}
		}
	}
	c, ok := networks[e.Kind]
	if !ok {
		return Diagnosis{}, false
	}
	d := verdict(c, Proved)
	if e.Host == "" || e.Registry.IsZero() {
		d.Confidence = Suspected
	}
	if e.Kind == errtext.Untrusted {
		// Who signed it is rarely said.
		d.Candidates = []acrkit.Cause{cause.CertificateUntrusted, cause.TLSIntercepted}
	}
	return d, true
}

func eventOfMachine(e errtext.Event) (Diagnosis, bool) {
	c, ok := map[errtext.Kind]acrkit.Cause{
		errtext.HelperMissing: cause.HelperMissing, errtext.HelperFailed: cause.HelperFailed,
		errtext.SecretTooLong: cause.SecretTooLong, errtext.ConfigBroken: cause.DockerConfigBroken,
		errtext.NoCredential: cause.NoCredential, errtext.ReferenceWrong: cause.WrongUsage,
		errtext.PlatformMissing: cause.PlatformMissing, errtext.DaemonMissing: cause.LocalFailure,
	}[e.Kind]
	d := verdict(c, Proved)
	if e.Kind == errtext.DaemonMissing {
		d.Fix = sentence.Draft(sentence.StartDocker, nil)
	}
	return d, ok
}

// eventOfAnswer judges an answer of the registry or of the storage behind it.
func (x *examiner) eventOfAnswer(ctx context.Context, e errtext.Event) (Diagnosis, bool) {
	if e.Class == errtext.OfEntra {
		return suspect(cause.EntraRefused), true
	}
	if d, ok := x.sentence(ctx, e.Says, e.Status); ok {
		return d, true
	}
	switch {
	case e.Kind == errtext.Inaccessible:
		return suspect(cause.SilentlyAnonymous, cause.NoCredential, cause.CredentialRejected, cause.TagUnknown,
			cause.RepositoryUnknown), true
	case e.Kind == errtext.PullDenied && e.Status == 0 && !e.Coded("UNAUTHORIZED"):
		// The client says "or" itself.
		return suspect(cause.SilentlyAnonymous, cause.NoCredential, cause.CredentialRejected, cause.RepositoryUnknown,
			cause.MissingRight), true
	case e.Status == http.StatusBadRequest && e.Place == errtext.AtToken:
		return suspect(cause.EmptyScope, cause.WrongUsage), true
	case e.Coded("CONNECTIVITY_DNS"):
		return suspect(cause.NameUnknown, cause.NameLookupFailed), true
	case e.Coded("CONNECTIVITY_SSL"):
		return unsure(cause.CertificateUntrusted, []acrkit.Cause{cause.CertificateUntrusted, cause.TLSIntercepted,
			cause.CertificateExpired, cause.CertificateWrongName}), true
	case e.Kind == errtext.NoChallenge, e.Coded("CONNECTIVITY_CHALLENGE", "CONNECTIVITY_FORBIDDEN"):
		return suspect(cause.NetworkRule, cause.NotARegistry), true
	case e.Coded("CONNECTIVITY_AAD_LOGIN", "CONNECTIVITY_WWW_AUTHENTICATE"):
		return suspect(cause.NotARegistry, cause.TLSIntercepted), true
	case e.Kind == errtext.ItemNotFound, e.Coded("MANIFEST_UNKNOWN"):
		if x.repositoryMissing(ctx) {
			return verdict(cause.RepositoryUnknown, Proved, "the repository itself is answered NAME_UNKNOWN"), true
		}
		return suspect(cause.TagUnknown, cause.RepositoryUnknown), true
	case e.Coded("NAME_UNKNOWN"):
		return verdict(cause.RepositoryUnknown, Proved), true
	case e.Coded("TAG_UNKNOWN"):
		return x.tagUnknown(ctx), true
	case e.Coded("BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN"):
		return verdict(cause.BlobUnknown, Proved), true
	case e.Coded("NAME_INVALID"):
		return verdict(cause.RepositoryNameWrong, Proved), true
	case e.Coded("BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID"):
		return verdict(cause.UploadLost, Proved), true
	case e.Coded("CONTENT_LENGTH_INVALID", "SIZE_INVALID", "RANGE_INVALID", "BLOB_UPLOAD_RANGE_INVALID"),
		e.Status == http.StatusRequestEntityTooLarge, e.Status == http.StatusRequestedRangeNotSatisfiable:
		return suspect(cause.UploadPartRefused, cause.TooLarge), true
	case e.Coded("TOOMANYREQUESTS", "CONNECTIVITY_TOOMANYREQUESTS"), e.Status == http.StatusTooManyRequests:
		return verdict(cause.Throttled, Proved), true
	case e.Coded("REGISTRY_DISALLOWED_OPERATION"), e.Status == http.StatusMethodNotAllowed:
		return x.lockedByText(ctx), true
	case e.Status == http.StatusProxyAuthRequired:
		return verdict(cause.ProxyUnreachable, Proved), true
	case e.Status >= 500:
		if e.Status == http.StatusInternalServerError && (e.Place == errtext.AtToken || e.Login) {
			// Source: users' reports of a line feed after the password.
			return unsure(cause.Unavailable, []acrkit.Cause{cause.Unavailable, cause.PasswordWhitespace}), true
		}
		return verdict(cause.Unavailable, Proved), true
	case e.Status == http.StatusNotFound && (e.Place == errtext.AtItem || e.Place == errtext.Elsewhere):
		return suspect(cause.TagUnknown, cause.RepositoryUnknown), true
	case e.Status == http.StatusNotFound && e.Place == errtext.AtTags:
		return suspect(cause.RepositoryUnknown, cause.RepositoryNameWrong), true
	case e.Status == http.StatusNotFound && e.Place == errtext.AtUpload:
		return suspect(cause.UploadLost, cause.RepositoryUnknown), true
	case e.Status == http.StatusNotFound:
		return suspect(cause.NotARegistry, cause.NetworkRule), true
	case e.Status == http.StatusForbidden, e.Coded("DENIED") && e.Status == 0 && !e.Coded("UNAUTHORIZED"):
		return x.forbiddenByText(ctx, e), true
	}
	return x.unauthorizedByText(ctx, e)
}

// sentence judges a literal message of a service.
func (x *examiner) sentence(ctx context.Context, says []errtext.Says, status int) (Diagnosis, bool) {
	for _, s := range says {
		said := "the service says: " + string(s)
		switch s {
		case errtext.SaysNetworkRule:
			return x.networkRule(ctx), true
		case errtext.SaysNoPermissions:
			if x.sentForOtherCloud() {
				return x.otherCloud(), true
			}
			if status == http.StatusUnauthorized {
				// Recorded of a token for another cloud's Azure Resource Manager.
				return suspect(cause.ExchangeRefused, cause.OtherCloud, cause.NoRole, cause.Unavailable), true
			}
			return verdict(cause.NoRole, Proved, said), true
		case errtext.SaysARMDisallowed:
			return verdict(cause.ARMAudienceDisabled, Proved, said), true
		case errtext.SaysTokenInvalid:
			return suspect(cause.ARMAudienceDisabled, cause.ExchangeRefused), true
		case errtext.SaysUserUnknown:
			return verdict(cause.UserUnknown, Proved, said), true
		case errtext.SaysSecretInvalid:
			// The registry's text, where Entra has a number for each.
			return suspect(cause.EntraSecretWrong, cause.EntraSecretExpired), true
		case errtext.SaysDisallowed:
			return x.lockedByText(ctx), true
		case errtext.SaysRightMissing:
			return x.rights(ctx), true
		case errtext.SaysAcceptLacks:
			return verdict(cause.AcceptLacksType, Proved, said), true
		case errtext.SaysHeaderTooLarge:
			return verdict(cause.HeaderTooLarge, Proved, said), true
		case errtext.SaysNoRepository:
			return verdict(cause.RepositoryUnknown, Proved, said), true
		case errtext.SaysNoTag:
			return x.tagUnknown(ctx), true
		case errtext.SaysThrottled:
			return verdict(cause.Throttled, Proved, said), true
		case errtext.SaysStorageRefuses:
			return verdict(cause.DataEndpointBlocked, Proved, said), true
		case errtext.SaysStorageWantsNone:
			return verdict(cause.RedirectRefused, Proved, said), true
		case errtext.SaysNoPath:
			return suspect(cause.RepositoryNameWrong, cause.NotARegistry), true
		case errtext.SaysHostRefused:
			return verdict(cause.HostRefused, Proved, said), true
		}
	}
	// After the service's own message, which acrkit repeats after its own.
	switch {
	case slices.Contains(says, errtext.SaysNotAccepted):
		return verdict(cause.CredentialRejected, Proved), true
	case slices.Contains(says, errtext.SaysTokenRefused):
		return suspect(cause.TokenEnded, cause.CredentialRejected, cause.WrongRegistryToken), true
	}
	return Diagnosis{}, false
}

// spoken explains a message in an answer that is known to be the service's. The same words
// may occur in an answer of another kind.
func (x *examiner) spoken(ctx context.Context) (Diagnosis, bool) {
	for _, s := range x.says {
		switch s {
		case errtext.SaysRightMissing, errtext.SaysNoPath, errtext.SaysNoRepository, errtext.SaysNoTag:
			continue // answer and notFound look closer
		}
		d, ok := x.sentence(ctx, []errtext.Says{s}, x.status)
		if ok && (x.status == 0 || fits(d.Code, x.status)) {
			return d, true
		}
	}
	return Diagnosis{}, false
}

// fits reports whether a cause can have a status.
func fits(c acrkit.Cause, status int) bool {
	row, ok := Lookup(string(c))
	if !ok {
		return false
	}
	switch row.Class {
	case acrkit.CodeDenied:
		return status == http.StatusForbidden || status == http.StatusUnauthorized
	case acrkit.CodeThrottled:
		return status == http.StatusTooManyRequests
	case acrkit.CodeLocked:
		return status == http.StatusMethodNotAllowed
	case acrkit.CodeCredentialRejected:
		return status == http.StatusUnauthorized || status == http.StatusBadRequest || status == http.StatusForbidden
	case acrkit.CodeUnavailable, acrkit.CodeTLS:
		return status == http.StatusProxyAuthRequired || status >= 500
	}
	return true
}

func (x *examiner) tagUnknown(ctx context.Context) Diagnosis {
	if x.repositoryMissing(ctx) {
		return verdict(cause.RepositoryUnknown, Proved, "the repository itself is answered NAME_UNKNOWN")
	}
	return verdict(cause.TagUnknown, Proved)
}

// lockedByText is a 405: a lock, or the limit of the registry's storage, which is
// answered alike to a push.
func (x *examiner) lockedByText(ctx context.Context) Diagnosis {
	d := x.locked(ctx)
	if x.onlyText && d.Confidence == CannotTell {
		d.Confidence = Suspected
		d.Candidates = append([]acrkit.Cause{cause.Locked}, d.Candidates...)
	}
	return d
}

func (x *examiner) forbiddenByText(ctx context.Context, e errtext.Event) Diagnosis {
	switch {
	case e.Class == errtext.OfData, e.Blob:
		return verdict(cause.DataEndpointBlocked, Proved, "the host of blobs answers 403")
	case e.Place == errtext.AtExchange:
		return suspect(cause.NoRole, cause.NetworkRule)
	case e.Sent:
		return unsure(cause.Denied, []acrkit.Cause{cause.NetworkRule, cause.NoRole})
	case e.Anonymous, e.Login, e.Place != errtext.Elsewhere:
		d := x.networkRule(ctx)
		if d.Confidence == Proved && x.answered == 0 {
			d.Confidence = Suspected
		}
		return d
	}
	return suspect(cause.Denied, cause.NetworkRule, cause.NoRole, cause.MissingRight)
}

// unauthorizedByText is a 401 that says no more.
func (x *examiner) unauthorizedByText(ctx context.Context, e errtext.Event) (Diagnosis, bool) {
	if e.Status != 0 && e.Status != http.StatusUnauthorized {
		return Diagnosis{}, false
	}
	everything := slices.Concat([]acrkit.Cause{cause.NoCredential, cause.SilentlyAnonymous, cause.HelperMissing,
		cause.MissingRight, cause.TokenEnded, cause.TagUnknown}, rejectedCandidates())
	d := unsure(cause.CredentialRejected, everything,
		"the answer says that authentication is required, which it says for every cause")
	switch {
	case x.reading.Named && !x.required.IsEmpty() && e.Place != errtext.AtToken:
		// A registry names the scope that it wants to every client. These clients do not
		// report the first refusal, which all clients get, but the one with a token.
		d = x.rights(ctx)
		if d.Confidence == Proved && x.answered == 0 {
			d.Confidence = Suspected
		}
		d.Candidates = append(d.Candidates, cause.SilentlyAnonymous)
		return d, true
	case e.Place == errtext.AtExchange, e.NoBody && e.Place == errtext.Elsewhere:
		return suspect(cause.ExchangeRefused, cause.ARMAudienceDisabled, cause.NoRole, cause.TokenEnded), true
	case e.Anonymous && !e.Sent:
		return x.anonymous(ctx, "the request carried no credential"), true
	case e.Held:
		return suspect(cause.MissingRight, cause.NoRightHere, cause.MetadataReadMissing,
			cause.CatalogScoped, cause.ABACMode), true
	case e.Coded("CREDENTIAL_MISSING"):
		return suspect(cause.NoCredential), true
	case e.Coded("INSUFFICIENT_SCOPE"):
		return x.rights(ctx), true
	case e.Sent, e.Login, e.Coded("CREDENTIAL_REJECTED"), e.Said(errtext.SaysAuthRequired) && x.repository == "":
		d = suspect(cause.CredentialRejected, append(rejectedCandidates(), cause.TokenEnded, cause.AdminDisabled)...)
	case e.Place == errtext.AtToken, e.Said(errtext.SaysAuthRequired) && x.repository != "":
		// The token service refused, and not the registry, which names the right that
		// is missing: either nothing was sent, or what was sent is not accepted.
		others := append([]acrkit.Cause{cause.NoCredential, cause.CredentialRejected, cause.StoreIgnored},
			rejectedCandidates()...)
		d = suspect(cause.SilentlyAnonymous, others...)
	}
	if x.a.Transport != nil && !x.required.IsEmpty() {
		return x.tryHere(ctx, d), true
	}
	return d, true
}
