package diagnose

import (
	"context"
	"regexp"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
)

// wording is a text that stands for a cause: one of the service's own, or what
// clients say in its place. All of its words must be there.
type wording struct {
	words []string
	cause acrkit.Cause
	sure  Confidence
	from  string // whose words
}

// wordings are looked for in order. Source: acr-protocol texts that Microsoft
// documents or users have pasted, and the clients' own source and output.
func wordings() []wording {
	service, client := "the service", "the client"
	return []wording{
		{[]string{"arm aad token disallowed"}, cause.ARMAudienceDisabled, Proved, service},
		{[]string{"token validation failed"}, cause.ARMAudienceDisabled, Suspected, service},
		{[]string{"retrieving permissions failed"}, cause.NoRole, Proved, service},
		{[]string{"is not allowed access", "client with ip"}, cause.NetworkRule, Proved, service},
		{[]string{"Application not registered with AAD"}, cause.UserUnknown, Proved, service},
		{[]string{"client id must be guid"}, cause.UserUnknown, Proved, service},
		{[]string{"Invalid clientid or client secret"}, cause.EntraSecretWrong, Suspected, service},
		{[]string{"disallowed on this registry, repository or image"}, cause.Locked, Proved, service},
		{[]string{"InvalidAuthenticationInfo"}, cause.RedirectRefused, Proved, service},
		{[]string{"toomanyrequests"}, cause.Throttled, Proved, service},
		{[]string{"too many requests"}, cause.Throttled, Proved, service},
		{[]string{"CONNECTIVITY_TOOMANYREQUESTS_ERROR"}, cause.Throttled, Proved, client},
		{[]string{"Response code: 429"}, cause.Throttled, Proved, client},
		{[]string{"Request Header Or Cookie Too Large"}, cause.HeaderTooLarge, Proved, service},
		{[]string{"header too large"}, cause.HeaderTooLarge, Proved, service},
		{[]string{"Request Header Fields Too Large"}, cause.HeaderTooLarge, Proved, service},
		{[]string{"docker-credential-", "executable file not found"}, cause.HelperMissing, Proved, client},
		{[]string{"docker-credential-", "no such file or directory"}, cause.HelperMissing, Proved, client},
		{[]string{"docker-credential-", "resolves to executable in current directory"}, cause.HelperMissing, Proved, client},
		{[]string{"error getting credentials", "exit status"}, cause.HelperFailed, Proved, client},
		{[]string{"Error loading config file"}, cause.DockerConfigBroken, Proved, client},
		{[]string{"Failed to load docker creds"}, cause.DockerConfigBroken, Proved, client},
		{[]string{"failed to decode config file"}, cause.DockerConfigBroken, Proved, client},
		{[]string{"parsing config file", "unexpected EOF"}, cause.DockerConfigBroken, Proved, client},
		{[]string{"parsing config file", "invalid character"}, cause.DockerConfigBroken, Proved, client},
		{[]string{"reading JSON file", "auth.json"}, cause.DockerConfigBroken, Proved, client},
		{[]string{"/oauth2/exchange", "RESPONSE 401"}, cause.ExchangeRefused, Proved, client},
		{[]string{"exchange_aad_access_token_for_acr_refresh_token", "'Unauthorized'"}, cause.ExchangeRefused, Proved, client},
		{[]string{"AcrErrorsException: Status code 401, (empty body)"}, cause.ExchangeRefused, Suspected, client},
		{[]string{"RestError", "statusCode: 401", "details: {}"}, cause.ExchangeRefused, Suspected, client},
		{[]string{"No matching credentials were found"}, cause.NoCredential, Proved, client},
		{[]string{"Unable to get AAD authorization tokens with message: Please run 'az login'"}, cause.NoCredential, Proved, client},
		{[]string{"no such host"}, cause.NameUnknown, Proved, client},
		{[]string{"name or service not known"}, cause.NameUnknown, Proved, client},
		{[]string{"nodename nor servname"}, cause.NameUnknown, Proved, client},
		{[]string{"getaddrinfo ENOTFOUND"}, cause.NameUnknown, Proved, client},
		{[]string{"UnknownHostException"}, cause.NameUnknown, Proved, client},
		{[]string{"CONNECTIVITY_DNS_ERROR"}, cause.NameUnknown, Suspected, client},
		{[]string{"temporary failure in name resolution"}, cause.NameLookupFailed, Proved, client},
		{[]string{"server misbehaving"}, cause.NameLookupFailed, Proved, client},
		{[]string{"getaddrinfo EAI_AGAIN"}, cause.NameLookupFailed, Proved, client},
		{[]string{"proxyconnect"}, cause.ProxyUnreachable, Proved, client},
		{[]string{"Proxy Authentication Required"}, cause.ProxyUnreachable, Proved, client},
		{[]string{"Cannot connect to proxy"}, cause.ProxyUnreachable, Proved, client},
		{[]string{"server gave HTTP response to HTTPS client"}, cause.PlainHTTPServer, Proved, client},
		{[]string{"wrong version number"}, cause.PlainHTTPServer, Suspected, client},
		{[]string{"certificate has expired"}, cause.CertificateExpired, Proved, client},
		{[]string{"certificate is not yet valid"}, cause.CertificateExpired, Proved, client},
		{[]string{"certificate is valid for"}, cause.CertificateWrongName, Proved, client},
		{[]string{"Hostname mismatch, certificate"}, cause.CertificateWrongName, Proved, client},
		{[]string{"certificate signed by unknown authority"}, cause.CertificateUntrusted, Proved, client},
		{[]string{"certificate is not trusted"}, cause.CertificateUntrusted, Proved, client},
		{[]string{"unable to get local issuer certificate"}, cause.CertificateUntrusted, Proved, client},
		{[]string{"unable to verify the first certificate"}, cause.CertificateUntrusted, Proved, client},
		{[]string{"self-signed certificate"}, cause.CertificateUntrusted, Proved, client},
		{[]string{"self signed certificate"}, cause.CertificateUntrusted, Proved, client},
		{[]string{"PKIX path building failed"}, cause.CertificateUntrusted, Proved, client},
		{[]string{"connection refused"}, cause.ConnectionRefused, Proved, client},
		{[]string{"ECONNREFUSED"}, cause.ConnectionRefused, Proved, client},
		{[]string{"i/o timeout"}, cause.ConnectionTimeout, Proved, client},
		{[]string{"connection timed out"}, cause.ConnectionTimeout, Proved, client},
		{[]string{"ETIMEDOUT"}, cause.ConnectionTimeout, Proved, client},
		{[]string{"failed to fetch anonymous token", "403 Forbidden"}, cause.NetworkRule, Suspected, client},
		{[]string{"failed to fetch anonymous token"}, cause.SilentlyAnonymous, Proved, client},
		{[]string{"CONNECTIVITY_FORBIDDEN_ERROR"}, cause.NetworkRule, Suspected, client},
		{[]string{"did not issue a challenge"}, cause.NetworkRule, Suspected, client},
		{[]string{"failed with status code [", "]: 403 Forbidden"}, cause.NetworkRule, Suspected, client},
		{[]string{"unexpected status from HEAD request to", ": 403 Forbidden"}, cause.NetworkRule, Suspected, client},
		{[]string{"pinging container registry", "invalid status code from registry 403"}, cause.NetworkRule, Suspected, client},
	}
}

// repositoryNotFound is what the service says to reads of its metadata. Source: recorded.
var repositoryNotFound = regexp.MustCompile(`repository "[^"]{1,256}" is not found`)

// serverFailed is an answer of 5xx as clients quote it, with its number or its words.
var serverFailed = regexp.MustCompile(`(?i)\b50[0-4]:? (?:internal server error|bad gateway|service (?:temporarily )?unavailable|gateway time-?out)\b|\b(?:status(?: ?code)?|response code)[:= ]+"?50[0-4]\b|\bRESPONSE 50[0-4]\b|invalid status '(?:internal server error|bad gateway|service unavailable|gateway timeout)'`)

// number401 is the status by itself, and no part of a port or a digest.
var number401 = regexp.MustCompile(`\b401\b`)

// answers are wordings of what the service answers in a status and code, which
// clients quote without those.
func answers() []wording {
	return []wording{
		{[]string{"repository name not known"}, cause.RepositoryUnknown, Proved, "the service"},
		{[]string{"NAME_UNKNOWN"}, cause.RepositoryUnknown, Proved, "the service"},
		{[]string{"name unknown"}, cause.RepositoryUnknown, Proved, "the client"},
		{[]string{"TAG_UNKNOWN"}, cause.TagUnknown, Proved, "the service"},
		{[]string{"specified tag does not exist"}, cause.TagUnknown, Proved, "the service"},
		{[]string{"BLOB_UNKNOWN"}, cause.BlobUnknown, Proved, "the service"},
		{[]string{"404 page not found"}, cause.RepositoryNameWrong, Suspected, "the service"},
	}
}

// maybe is a wording of an answer that the service gives to several causes, or of
// which a client keeps only a part.
type maybe struct {
	words []string
	// class is what is known then; "" where the first of the causes is the likelier,
	// and suspected.
	class  acrkit.Cause
	causes []acrkit.Cause
}

// maybes are looked for in order. Source: the clients' own source and output; of az,
// its modules acr/_docker_utils.py and acr/_errors.py.
func maybes() []maybe {
	item := []acrkit.Cause{cause.TagUnknown, cause.RepositoryUnknown}
	denied := []acrkit.Cause{cause.NetworkRule, cause.NoRole}
	locks := []acrkit.Cause{cause.Locked, cause.TagLocked, cause.ManifestLocked, cause.RepositoryLocked}
	rejected := append(rejectedCandidates(), cause.TokenEnded)
	unreached := []acrkit.Cause{cause.NameUnknown, cause.NameLookupFailed, cause.ConnectionRefused, cause.ConnectionTimeout, cause.CertificateUntrusted, cause.TLSIntercepted, cause.ProxyUnreachable}
	return []maybe{
		{[]string{"MANIFEST_UNKNOWN"}, "", item},
		{[]string{"manifest unknown"}, "", item},
		{[]string{"manifest tagged by"}, "", item},
		{[]string{"FetchReference", ": not found"}, "", item},
		{[]string{"Error from source registry", ": not found"}, "", item},
		{[]string{"get_manifest", "invalid status 'Not Found'"}, "", item},
		{[]string{"fetching tags list: invalid status code from registry 404"}, "", []acrkit.Cause{cause.RepositoryUnknown, cause.RepositoryNameWrong}},
		// containerd, and a kubelet that asks it.
		{[]string{"failed to fetch oauth token", "401 Unauthorized"}, cause.CredentialRejected, rejected},
		{[]string{"failed to fetch oauth token", "403 Forbidden"}, cause.Denied, denied},
		{[]string{"failed commit on ref", "405 Method Not Allowed"}, "", locks},
		{[]string{"unexpected status from PUT request to", "405 Method Not Allowed"}, "", locks},
		{[]string{"failed to resolve reference", ": not found"}, "", item},
		// az looks up the name and reads the challenge,
		{[]string{"CONNECTIVITY_DNS_ERROR"}, "", []acrkit.Cause{cause.NameUnknown, cause.NameLookupFailed}},
		{[]string{"CONNECTIVITY_AAD_LOGIN_ERROR"}, "", []acrkit.Cause{cause.NotARegistry, cause.TLSIntercepted}},
		{[]string{"CONNECTIVITY_WWW_AUTHENTICATE_ERROR"}, "", []acrkit.Cause{cause.NotARegistry, cause.TLSIntercepted}},
		// exchanges its Entra token, asks for an access token, and then for what is wanted.
		{[]string{"CONNECTIVITY_REFRESH_TOKEN_ERROR", "Response code: 403"}, "", []acrkit.Cause{cause.NoRole, cause.NetworkRule}},
		{[]string{"CONNECTIVITY_REFRESH_TOKEN_ERROR", "Response code: 401"}, cause.ExchangeRefused, []acrkit.Cause{cause.ExchangeRefused, cause.ARMAudienceDisabled, cause.TokenEnded}},
		{[]string{"CONNECTIVITY_ACCESS_TOKEN_ERROR", "Response code: 401"}, cause.CredentialRejected, rejected},
		{[]string{"CONNECTIVITY_ACCESS_TOKEN_ERROR", "Response code: 403"}, cause.Denied, denied},
		{[]string{"Error: authentication required", "Correlation ID: "}, "", []acrkit.Cause{cause.MissingRight, cause.NoRightHere, cause.MetadataReadMissing, cause.CatalogScoped, cause.ABACMode}},
		{[]string{"Could not connect to the registry login server"}, cause.Unavailable, unreached},
		{[]string{"CONNECTIVITY_SSL_ERROR"}, cause.CertificateUntrusted, []acrkit.Cause{cause.CertificateUntrusted, cause.TLSIntercepted, cause.CertificateExpired, cause.CertificateWrongName}},
	}
}

// refusals are wordings of a missing right. Source: docker/distribution and
// containerd, which say it so where the challenge has insufficient_scope.
func refusals() []string {
	return []string{"insufficient_scope", "requested access to the resource is denied", "does not have required permissions"}
}

// texts looks for what is said in so many words.
func (x *examiner) texts(ctx context.Context) (Diagnosis, bool) {
	if x.said == "" {
		return Diagnosis{}, false
	}
	onlyText := x.a.Err == nil && x.a.Exchange == nil
	for _, w := range wordings() {
		if !x.has(w.words...) || x.status != 0 && !fits(w.cause, x.status) {
			continue
		}
		d := verdict(w.cause, w.sure, w.from+" says: "+strings.Join(w.words, " … "))
		switch w.cause {
		case cause.NetworkRule:
			if w.sure == Proved || !onlyText {
				d = x.networkRule(ctx)
			}
		case cause.Locked:
			d = x.locked(ctx)
		case cause.EntraSecretWrong:
			if w.sure != Proved { // the registry's text, where Entra's has a number for each
				d.Candidates = []acrkit.Cause{cause.EntraSecretWrong, cause.EntraSecretExpired}
			}
		case cause.SilentlyAnonymous:
			if onlyText && x.has("failed to fetch oauth token") {
				continue // the credential was refused before
			}
			d = x.anonymous(ctx, d.Evidence[0])
		case cause.NameUnknown:
			if d2, ok := x.hashOf(ctx); ok {
				d = d2
			}
		case cause.ConnectionRefused, cause.ConnectionTimeout, cause.NameLookupFailed:
			if host := blobHostIn(x.said); host != "" {
				d = verdict(cause.DataEndpointBlocked, Proved, d.Evidence[0], "the host is one of blobs")
			}
		}
		return d, true
	}
	if !onlyText {
		return Diagnosis{}, false
	}
	for _, words := range refusals() {
		if x.has(words) {
			return x.rights(ctx), true
		}
	}
	if m := repositoryNotFound.FindString(x.said); m != "" {
		return verdict(cause.RepositoryUnknown, Proved, "the service says: "+clip(m)), true
	}
	for _, w := range answers() {
		if x.has(w.words...) {
			if w.cause == cause.TagUnknown && x.repositoryMissing(ctx) {
				return verdict(cause.RepositoryUnknown, Proved, "the repository itself is answered NAME_UNKNOWN"), true
			}
			return verdict(w.cause, w.sure, w.from+" says: "+strings.Join(w.words, " … ")), true
		}
	}
	for _, m := range maybes() {
		if !x.has(m.words...) {
			continue
		}
		said := "the client says: " + strings.Join(m.words, " … ")
		if m.causes[0] == cause.TagUnknown && x.repositoryMissing(ctx) {
			return verdict(cause.RepositoryUnknown, Proved, said, "the repository itself is answered NAME_UNKNOWN"), true
		}
		if m.class != "" {
			return unsure(m.class, m.causes, said), true
		}
		d := verdict(m.causes[0], Suspected, said)
		d.Candidates = m.causes
		return d, true
	}
	if m, after := lastServerFailure(x.said); m != "" && !strings.Contains(after, "unauthorized") && !strings.Contains(after, "authentication required") {
		said := "the client says: " + clip(m)
		if strings.Contains(m, "500") || strings.Contains(strings.ToLower(m), "internal") {
			// Source: users' reports of a line feed behind the password.
			return unsure(cause.Unavailable, []acrkit.Cause{cause.Unavailable, cause.PasswordWhitespace}, said), true
		}
		return verdict(cause.Unavailable, Proved, said), true
	}
	if x.a.Named && !x.required.IsEmpty() {
		// A registry names what it wants to whoever asks. These clients do not tell of
		// the first refusal, which everybody gets, but of the one with a token.
		d := x.rights(ctx)
		if d.Confidence == Proved && len(x.probes) == 0 {
			d.Confidence = Suspected
		}
		d.Candidates = append(d.Candidates, cause.SilentlyAnonymous)
		return d, true
	}
	if x.has("logging into", "invalid username/password") || x.has("failed to ping registry", "unauthorized") {
		return unsure(cause.CredentialRejected, rejectedCandidates(), "the client says that the login is not accepted"), true
	}
	if x.has("unauthorized") || number401.MatchString(x.said) || x.has("authentication required") {
		if x.a.Transport != nil && !x.required.IsEmpty() {
			return x.tryHere(ctx), true // it does not say who refused what: the token service a password, or the registry a token
		}
		return x.unauthorized(ctx), true
	}
	return Diagnosis{}, false
}

// fits reports whether a cause can have a status: the same words may stand in an
// answer of another kind.
func fits(c acrkit.Cause, status int) bool {
	row, ok := Lookup(string(c))
	if !ok {
		return false
	}
	switch row.Class {
	case acrkit.CodeDenied:
		return status == 403 || status == 401
	case acrkit.CodeThrottled:
		return status == 429
	case acrkit.CodeLocked:
		return status == 405
	case acrkit.CodeCredentialRejected:
		return status == 401 || status == 400 || status == 403
	case acrkit.CodeUnavailable, acrkit.CodeTLS:
		return status == 407 || status >= 500
	}
	return true
}

func (x *examiner) hashOf(ctx context.Context) (Diagnosis, bool) {
	if x.o.ARM == nil || x.reg.IsZero() {
		return Diagnosis{}, false
	}
	return x.hash(ctx)
}

// lastServerFailure returns the last answer of 5xx in a text, and what follows it in
// lower case: a client that tries again may be answered something else then.
func lastServerFailure(text string) (failure, after string) {
	all := serverFailed.FindAllStringIndex(text, -1)
	if len(all) == 0 {
		return "", ""
	}
	last := all[len(all)-1]
	return text[last[0]:last[1]], strings.ToLower(text[last[1]:])
}

// blobHostIn returns a host of blobs that a text names, or "".
func blobHostIn(text string) string {
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune(" \t\"'/():,", r) }) {
		if isOfBlobs(word) {
			return word
		}
	}
	return ""
}
