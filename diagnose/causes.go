package diagnose

import (
	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
)

// causesOfCodes are the causes that say no more than a code does, one for each.
func causesOfCodes() []Cause {
	return []Cause{
		{
			Code: cause.WrongUsage, Name: "wrong-usage", Class: acrkit.CodeUsage, Basis: Documented,
			Title:  "the input is wrong, or half of it is missing",
			Shows:  "an error before anything is sent, or 400",
			Tells:  "the message names the option, variable or field",
			Proves: "the check that refused it",
			Mend:   "acrkit doctor REGISTRY",
		},
		{
			Code: cause.HostRefused, Name: "host-refused", Class: acrkit.CodeHostRefused, Basis: Documented,
			Title:  "the host is not one that a credential may go to",
			Shows:  "an error before anything is sent: a look-alike such as x.azurecr.io.evil.example, or plain HTTP off loopback",
			Tells:  "nothing was sent at all",
			Proves: "the host's name",
			Mend:   "export ACR_NAME=REGISTRY",
		},
		{
			Code: cause.NoCredential, Name: "no-credential", Class: acrkit.CodeCredentialMissing, Basis: Recorded,
			Title:  "no credential was found, and the registry lets nobody in without one",
			Shows:  "401 from the token service to a request without a user",
			Tells:  "the token request carried nothing; a refused credential is ACRK004",
			Proves: "every place that was looked at had none",
			Mend:   "acrkit login REGISTRY",
		},
		{
			Code: cause.CredentialRejected, Name: "credential-rejected", Class: acrkit.CodeCredentialRejected, Basis: Documented,
			Title:  "the user and its password are not accepted: wrong, expired, disabled, not yet active or unknown",
			Shows:  "401 from the token service, with UNAUTHORIZED or an empty body",
			Tells:  "the service answers all of these alike; only a token's own exp, the other password or Azure Resource Manager can tell them apart",
			Proves: "401 to a token request that carried a user name",
			Mend:   "acrkit login REGISTRY",
		},
		{
			Code: cause.MissingRight, Name: "missing-right", Class: acrkit.CodeInsufficientScope, Basis: Recorded,
			Title:  "the credential is good, and lacks a right that the request needs",
			Shows:  `401 with error="insufficient_scope" and the scope that was needed`,
			Tells:  "the same token is accepted for other requests; the access claim lacks the action",
			Proves: "the scope of the challenge against the access claim of a token that asked for it",
			Mend:   "az acr scope-map update --registry REGISTRY --name SCOPE_MAP --add-repository REPOSITORY ACTIONS",
		},
		{
			Code: cause.Denied, Name: "denied", Class: acrkit.CodeDenied, Basis: Documented,
			Title:  "the registry or Entra forbids it by a rule of its own",
			Shows:  "403",
			Tells:  "a missing right is 401 at ACR; a 403 names its rule in the message",
			Proves: "the status, and the message's own words",
			Mend:   "az acr show --name REGISTRY --query '{access: publicNetworkAccess, rules: networkRuleSet}'",
		},
		{
			Code: cause.Locked, Name: "locked", Class: acrkit.CodeLocked, Basis: Recorded,
			Title:  "a lock on a repository, tag or manifest forbids it",
			Shows:  "405 REGISTRY_DISALLOWED_OPERATION",
			Tells:  "a missing right is 401, a method that does not exist is 405 UNSUPPORTED; a push to a registry at its storage limit is answered alike",
			Proves: "the changeable attributes of the item",
			Mend:   "az acr repository show --name REGISTRY --image REPOSITORY:TAG --query changeableAttributes",
		},
		{
			Code: cause.NotFound, Name: "not-found", Class: acrkit.CodeNotFound, Basis: Recorded,
			Title:  "what was asked for does not exist",
			Shows:  "404 with the registry's own code",
			Tells:  "the answer came after authorization: the right was there",
			Proves: "404 to a request that was authorized",
			Mend:   "acrkit repo list REGISTRY",
		},
		{
			Code: cause.Unavailable, Name: "unavailable", Class: acrkit.CodeUnavailable, Basis: Documented,
			Title:  "the network or the service failed",
			Shows:  "no answer, or 5xx",
			Tells:  "another request a moment later may succeed; names, ports and certificates have causes of their own",
			Proves: "the answer's status, or the connection's own error",
			Mend:   "acrkit doctor REGISTRY",
		},
		{
			Code: cause.CertificateUntrusted, Name: "certificate-untrusted", Class: acrkit.CodeTLS, Basis: Documented,
			Title:  "the server's certificate is not trusted",
			Shows:  "the TLS handshake ends with an unknown authority",
			Tells:  "a login server of ACR has a certificate of a public authority; another issuer there is ACRK020",
			Proves: "the handshake's own error, with the issuer",
			Mend:   "export SSL_CERT_FILE=ca.pem",
		},
		{
			Code: cause.Throttled, Name: "throttled", Class: acrkit.CodeThrottled, Basis: Documented,
			Title:  "too many requests: the service asks to wait",
			Shows:  `429 TOOMANYREQUESTS, with Retry-After; az reports it as "Please try running 'az login' again"`,
			Tells:  "the status; signing in again does not help",
			Proves: "the status 429",
			Mend:   "sleep 60",
		},
		{
			Code: cause.Incomplete, Name: "incomplete", Class: acrkit.CodeIncomplete, Basis: Documented,
			Title:  "the answer could not be completed",
			Shows:  "a list that ends early, or a wildcard that cannot be enumerated",
			Tells:  "what came is true, and not all",
			Proves: "the error's own report",
			Mend:   "acrkit doctor REGISTRY",
		},
		{
			Code: cause.Protocol, Name: "protocol", Class: acrkit.CodeProtocol, Basis: Documented,
			Title:  "the answer is not what a registry gives",
			Shows:  "a redirect, a foreign realm, or an answer in another form",
			Tells:  "a registry that fails answers in its own form",
			Proves: "the answer itself",
			Mend:   "acrkit doctor REGISTRY",
		},
		{
			Code: cause.TooLarge, Name: "too-large", Class: acrkit.CodeTooLarge, Basis: Documented,
			Title:  "a limit on size was passed",
			Shows:  "an error that names the limit, or 413",
			Tells:  "the message names what was too large",
			Proves: "the limit that the message names",
			Mend:   "acrkit doctor REGISTRY",
		},
	}
}
