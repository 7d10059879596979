package sentence

import "cmp"

// Cause describes a cause, in one clause for each field, and names its fix.
type Cause struct {
	Title      string
	Symptom    string // status, header, body, claims, timing
	Difference string // from similar causes
	Proof      string // the evidence that proves it
	Fix        FixKey
}

// OfCause returns the description of a cause by its code, "ACRK032"; zero if the code is
// unknown.
func OfCause(code string) Cause {
	return cmp.Or(generalCauses[code], credentialCauses[code], requestCauses[code])
}

// generalCauses are the classes of causes, and those between a client and the registry.
var generalCauses = map[string]Cause{
	"ACRK001": {
		Title:      "the input is wrong or incomplete",
		Symptom:    "an error before anything is sent, or 400",
		Difference: "the message names the option, variable or field",
		Proof:      "the check that refused it",
		Fix:        Examine,
	},
	"ACRK002": {
		Title: "the host is not one that a credential may go to",
		Symptom: "an error before anything is sent: a look-alike such as x.azurecr.io.evil.example, or plain HTTP " +
			"off loopback",
		Difference: "nothing was sent at all",
		Proof:      "the host's name",
		Fix:        TrustHost,
	},
	"ACRK003": {
		Title:      "no credential was found, and the registry requires one",
		Symptom:    "401 from the token service to a request without a user",
		Difference: "the token request carried nothing; a refused credential is ACRK004",
		Proof:      "every place that was looked at had none",
		Fix:        Login,
	},
	"ACRK004": {
		Title:   "the user and its password are not accepted: wrong, expired, disabled, not yet active or unknown",
		Symptom: "401 from the token service, with UNAUTHORIZED or an empty body",
		Difference: "the service answers all of these alike; only a token's own exp, the other password or Azure " +
			"Resource Manager can tell them apart",
		Proof: "401 to a token request that carried a user name",
		Fix:   Login,
	},
	"ACRK005": {
		Title:      "the credential is good, and lacks a right that the request needs",
		Symptom:    `401 with error="insufficient_scope" and the scope that was needed`,
		Difference: "the same token is accepted for other requests; the access claim lacks the action",
		Proof:      "the scope of the challenge against the access claim of a token that asked for it",
		Fix:        AddRights,
	},
	"ACRK006": {
		Title:      "the registry or Entra forbids it by a rule of its own",
		Symptom:    "403",
		Difference: "a missing right is 401 at ACR; a 403 names its rule in the message",
		Proof:      "the status, and the message's own words",
		Fix:        ShowNetwork,
	},
	"ACRK007": {
		Title:   "a lock on a repository, tag or manifest forbids it",
		Symptom: "405 REGISTRY_DISALLOWED_OPERATION",
		Difference: "a missing right is 401, a method that does not exist is 405 UNSUPPORTED; a push to a registry " +
			"at its storage limit is answered alike",
		Proof: "the changeable attributes of the item",
		Fix:   ShowLocks,
	},
	"ACRK008": {
		Title:      "what was asked for does not exist",
		Symptom:    "404 with the registry's own code",
		Difference: "the answer came after authorization: the right was there",
		Proof:      "404 to a request that was authorized",
		Fix:        ListRepositories,
	},
	"ACRK009": {
		Title:   "the network or the service failed",
		Symptom: "no answer, or 5xx",
		Difference: "another request a moment later may succeed; names, ports and certificates have causes of " +
			"their own",
		Proof: "the answer's status, or the connection's own error",
		Fix:   Examine,
	},
	"ACRK010": {
		Title:      "the server's certificate is not trusted",
		Symptom:    "the TLS handshake ends with an unknown authority",
		Difference: "a login server of ACR has a certificate of a public authority; another issuer there is ACRK020",
		Proof:      "the handshake's own error, with the issuer",
		Fix:        TrustCertificate,
	},
	"ACRK011": {
		Title:      "too many requests: the service asks to wait",
		Symptom:    `429 TOOMANYREQUESTS, with Retry-After; az reports it as "Please try running 'az login' again"`,
		Difference: "the status; signing in again does not help",
		Proof:      "the status 429",
		Fix:        Wait,
	},
	"ACRK012": {
		Title:      "the answer could not be completed",
		Symptom:    "a list that ends early, or a wildcard that cannot be enumerated",
		Difference: "what came is correct but incomplete",
		Proof:      "the error's own report",
		Fix:        Examine,
	},
	"ACRK013": {
		Title:      "the answer is not what a registry gives",
		Symptom:    "a redirect, a foreign realm, or an answer in another form",
		Difference: "a registry that fails answers in its own form",
		Proof:      "the answer itself",
		Fix:        Examine,
	},
	"ACRK014": {
		Title:      "a size limit was exceeded",
		Symptom:    "an error that names the limit, or 413",
		Difference: "the message names what was too large",
		Proof:      "the limit that the message names",
		Fix:        Examine,
	},
	"ACRK015": {
		Title:      "no host has the registry's name",
		Symptom:    "the look-up of the name ends with NXDOMAIN",
		Difference: "the resolver answered; one that does not is ACRK016",
		Proof:      "the resolver's answer",
		Fix:        ShowLoginServer,
	},
	"ACRK016": {
		Title:      "the resolver did not answer",
		Symptom:    "the look-up of the name fails or takes too long",
		Difference: "the name may exist; no resolver has answered",
		Proof:      "the resolver's error",
		Fix:        LookUpName,
	},
	"ACRK017": {
		Title: "the registry has a private endpoint, and its name resolves to a public address here",
		Symptom: "403 by network rule, while the name's alias is under privatelink.azurecr.io and its address " +
			"is public",
		Difference: "a network rule alone has no alias under privatelink",
		Proof:      "the alias and the address of the name, together with the refusal",
		Fix:        LookUpPrivateName,
	},
	"ACRK018": {
		Title:      "nothing listens at the registry's address",
		Symptom:    "the connection is refused at once",
		Difference: "silence is ACRK019",
		Proof:      "the operating system's error",
		Fix:        Reach,
	},
	"ACRK019": {
		Title:      "the registry's address does not answer",
		Symptom:    "no answer within the time limit: a firewall that drops, or no route",
		Difference: "a refused connection is ACRK018; a network rule of the registry answers 403",
		Proof:      "the time limit of the connection",
		Fix:        ReachInTime,
	},
	"ACRK020": {
		Title: "a proxy between here and the registry intercepts TLS",
		Symptom: "the certificate of a login server of ACR comes from an issuer that is no public authority: a " +
			"company's proxy",
		Difference: "another server's unknown authority is ACRK010",
		Proof:      "the issuer of the certificate that came for *.azurecr.io",
		Fix:        TrustIssuer,
	},
	"ACRK021": {
		Title:      "the server's certificate is for another name",
		Symptom:    "the TLS handshake ends with another name",
		Difference: "an unknown issuer is ACRK010",
		Proof:      "the names in the certificate",
		Fix:        ShowLoginServer,
	},
	"ACRK022": {
		Title:      "the server's certificate has expired or is not valid yet, or this machine's clock is wrong",
		Symptom:    "the TLS handshake ends with a certificate outside its validity period",
		Difference: "with a wrong clock every server's certificate fails",
		Proof:      "the dates in the certificate against the clock",
		Fix:        CompareClocks,
	},
	"ACRK023": {
		Title:      "the port answers in plain HTTP",
		Symptom:    "the TLS handshake is answered with text",
		Difference: "a certificate that is not trusted is ACRK010",
		Proof:      "the bytes that came",
		Fix:        ReachPlain,
	},
	"ACRK024": {
		Title:      "the proxy that the environment names cannot be reached or refuses",
		Symptom:    "the connection fails before the registry is reached (proxyconnect), or 407",
		Difference: "the error names the proxy, not the registry",
		Proof:      "the error's own operation",
		Fix:        PassProxyBy,
	},
	"ACRK025": {
		Title:      "the registry's network rules do not allow this address",
		Symptom:    `403 "client with IP '…' is not allowed access", already to GET /v2/ without a credential; clients say that the registry did not issue a challenge`,
		Difference: "no role is another 403 (ACRK065), after authentication",
		Proof:      "the message of the 403, or a 403 to GET /v2/ without a credential",
		Fix:        AllowAddress,
	},
	"ACRK026": {
		Title:      "the host answers but is not a registry",
		Symptom:    "GET /v2/ gives no Bearer challenge and no 200",
		Difference: "a network rule answers 403",
		Proof:      "the answer to GET /v2/",
		Fix:        ShowLoginServer,
	},
	"ACRK027": {
		Title:      "the login server carries a hash that the name lacks",
		Symptom:    "NAME.azurecr.io does not resolve, and the registry's login server is NAME-HASH.azurecr.io",
		Difference: "a name that no registry has is ACRK015",
		Proof:      "Azure Resource Manager's loginServer",
		Fix:        ShowLoginServer,
	},
	"ACRK028": {
		Title:      "the host of blobs cannot be reached",
		Symptom:    "manifests come, and blobs hang or fail after a 307 to another host",
		Difference: "the registry itself answers; the redirect's host does not resolve or connect",
		Proof:      "a look-up of and a connection to the host of the 307",
		Fix:        ShowEndpoints,
	},
	"ACRK029": {
		Title:      "the storage behind the registry refuses a request that carries Authorization",
		Symptom:    "400 InvalidAuthenticationInfo in XML after a 307",
		Difference: "the registry never answers in XML",
		Proof:      "the answer's body, and the Authorization header that was sent to another host",
		Fix:        RunProxy,
	},
}
