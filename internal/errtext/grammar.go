package errtext

import (
	"regexp"
	"strings"
)

// Phase is a part of the way to a registry, in the order of the way.
type Phase string

// The phases.
const (
	Local   Phase = "local"  // this machine: a configuration, a reference
	Helper  Phase = "helper" // a credential helper
	Entra   Phase = "entra"
	ARM     Phase = "arm" // Azure Resource Manager
	Proxy   Phase = "proxy"
	Lookup  Phase = "lookup"  // of a name
	Connect Phase = "connect" // until the answer begins
	TLS     Phase = "tls"
	Answer  Phase = "answer" // an HTTP status, with what the body says
)

// Kind is what happened in a phase.
type Kind string

// The kinds.
const (
	NameUnknown     Kind = "name unknown"
	LookupFailed    Kind = "look-up failed"
	ProxyFailed     Kind = "proxy failed"
	ProxyMalformed  Kind = "proxy variable is no URL"
	Refused         Kind = "connection refused"
	NoAnswer        Kind = "no answer in time"
	Closed          Kind = "connection closed"
	Deadline        Kind = "the client's own deadline"
	Unreached       Kind = "not reached"
	Untrusted       Kind = "certificate not trusted"
	CertExpired     Kind = "certificate out of its time"
	CertName        Kind = "certificate of another name"
	PlainHTTP       Kind = "no TLS"
	Handshake       Kind = "handshake failed"
	Answered        Kind = "answered"
	ItemNotFound    Kind = "item not found"
	NoChallenge     Kind = "no challenge"
	HelperMissing   Kind = "helper missing"
	HelperFailed    Kind = "helper failed"
	SecretTooLong   Kind = "secret too long for the store"
	ConfigBroken    Kind = "configuration broken"
	NoCredential    Kind = "no credential" //nolint:gosec // no secret
	ReferenceWrong  Kind = "reference wrong"
	PlatformMissing Kind = "no manifest for the platform"
	DaemonMissing   Kind = "no docker daemon"
	Inaccessible    Kind = "image not accessible"
	SignInRefused   Kind = "sign-in refused"
	ActionDenied    Kind = "action denied"
	ImportRefused   Kind = "source of an import refused"
	PullDenied      Kind = "pull denied"
)

// reach says how far the host may be from words that name none.
type reach int

const (
	line reach = iota // on the same line
	near              // a few lines before
	far               // anywhere: only a registry or its client prints the words
	none              // it does not matter
)

// nearLines is how many lines a stack trace has between a host and an error.
//
//rule:strangers-words-near-lines
const nearLines = 8

// A grammar is a family of messages for one kind of failure. They come from one
// mechanism: an errno, a library's own error, a specification's code.
type grammar struct {
	phase Phase
	kind  Kind
	reach reach
	words pattern // a group named host holds the host, one named status a status
}

// grammars are all tried on a text. Comments name the programs that print the words.
var grammars = []grammar{
	// Go's resolver: all text after "lookup HOST on SERVER:" is about the name.
	{Lookup, NameUnknown, line, words(`\blookup (?P<host>[^\s:]+)(?: on [^\s]+)?: no such host`)},
	{Lookup, LookupFailed, line, words(
		`\blookup (?P<host>[^\s:]+)(?: on [^\s]+:\d+)?: (?:server misbehaving|[^\n]{0,80}(?:i/o timeout|`,
		`connection refused|unreachable|try again|canceled|deadline exceeded))`)},
	// getaddrinfo(3): EAI_NONAME and EAI_AGAIN in the words of glibc, macOS, Windows, Node, Java, .NET, curl.
	{Lookup, NameUnknown, near, words(
		`(?i)\b(?:name or service not known|nodename nor servname|getaddrinfo failed|getaddrinfo ENOTFOUND|`,
		`no such host is known|no address associated with hostname|remote name could not be resolved|`,
		`could(?: not|n't) resolve host|UnknownHostException)(?:(?: \(|:\s*'?|`,
		` )(?P<host>[a-z0-9-]+(?:\.[a-z0-9-]+)+))?`)},
	{Lookup, LookupFailed, near, words(
		`(?i)\b(?:temporary failure in name resolution|getaddrinfo EAI_AGAIN|`,
		`resource temporarily unavailable \(\S+:\d+\))(?: (?P<host>[a-z0-9-]+(?:\.[a-z0-9-]+)+))?`)},
	{Proxy, ProxyFailed, near, words(
		`(?i)\b(?:proxyconnect|(?:cannot|unable to) connect to proxy|proxy authentication required|`,
		`tunnel connection failed|unable to tunnel through proxy|tunneling socket could not be established|`,
		`from proxy after CONNECT)`)},
	{Proxy, ProxyMalformed, none, words(
		`(?i)\binvalid proxy (?:address|url)|\bproxy[^\n]{0,40}(?:invalid URL escape|invalid userinfo|`,
		`failed to parse)|InvalidProxyURL`)},
	// errno: ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, ECONNRESET and a connection that ends.
	{Connect, Refused, near, words(`(?i)\bconnection refused|actively refused it|\bECONNREFUSED\b`)},
	{Connect, NoAnswer, near, words(
		`(?i)\bi/o timeout|\bconnection timed out|\bconnect timeout|\bETIMEDOUT\b|did not properly respond|`,
		`\bConnectTimeout|\bread time(?:d |-)?out|\bTLS handshake timeout|\bClient\.Timeout\b[^\n)]{0,40}exceeded|`,
		`\brequest canceled while waiting for connection|\bSocketTimeoutException|\boperation timed out|`,
		`\bnetwork is unreachable|\bno route to host|\bE(?:NET|HOST)UNREACH\b`)},
	{Connect, Closed, near, words(
		`(?i)\bconnection reset|\bECONNRESET\b|\bconnection aborted|\bsocket hang up|\bbroken pipe|`,
		`forcibly closed|\bunexpected EOF(?: while reading)?|: EOF\b|closed connection|\bRemoteDisconnected|`,
		`(?:Pushing[^\n]*|Pushed|Layer already exists|Waiting|Preparing)\nEOF\b|`,
		`\bNoHttpResponseException`)},
	{Connect, Deadline, near, words(`\bcontext deadline exceeded|\bDeadlineExceeded\b`)},
	// az, of a request to the login server that was not answered.
	{Connect, Unreached, far, words(`Could not connect to the registry login server`)},
	// X.509 (RFC 5280 §6) in the words of Go, OpenSSL, Node, Java, .NET, macOS.
	{TLS, Untrusted, near, words(
		`(?i)\bunknown authority|certificate is not trusted|\bunable to get (?:local )?issuer|`,
		`verify the first certificate|self[- ]signed certificate|\bPKIX path|valid certification path|`,
		`certificate[_ ]verify[_ ]failed|\bUntrustedRoot|remote certificate is invalid|`,
		`not standards compliant|SSL certificate problem`)},
	{TLS, CertExpired, near, words(
		`(?i)\bcertificate has expired|\bcertificate is not yet valid|\bCERT_HAS_EXPIRED|\bNotTimeValid|`,
		`\bCertificateExpired`)},
	{TLS, CertName, near, words(
		`(?i)\bcertificate is valid for|hostname mismatch|ALTNAME_INVALID|RemoteCertificateNameMismatch|`,
		`cannot validate certificate for|No subject alternative`)},
	{TLS, PlainHTTP, near, words(
		`(?i)\bHTTP response to HTTPS client|\bwrong version number|unrecognized SSL message|`,
		`not look like a TLS handshake`)},
	{TLS, Handshake, near, words(
		`(?i)\bhandshake[_ ]fail|\bSSLHandshakeException|\bSSL_ERROR_SYSCALL|\bremote error: tls|`,
		`\bSSL_connect\b`)},
	// A status as clients print it: with a word for it before, or with its phrase behind (RFC 9110 §15).
	{Answer, Answered, far, words(
		`(?i)(?:\bstatus(?:[\s_-]{0,2}code)?|\bresponse code|\bresponse|\bfrom registry|`,
		`\bhttp(?:/[0-9.]+)?)(?: \[[^\]\n]{0,60}\])?[\s=":(\[]{1,3}(?P<status>[45]\d\d)\b`)},
	{Answer, Answered, line, words(
		`(?P<status>\b[45]\d\d):? \(?(?:Bad Request|Unauthorized|Forbidden|Not Found|Method Not Allowed|`,
		`Request Entity Too Large|Payload Too Large|Content Too Large|Requested Range Not Satisfiable|`,
		`Range Not Satisfiable|Too Many Requests|Request Header|Internal Server Error|Bad Gateway|`,
		`Service (?:Temporarily )?Unavailable|Gateway Time-?[oO]ut)`)},
	// The SDKs of Python, of a status without its number.
	{Answer, Answered, far, words(`invalid status '(?P<phrase>[A-Z][A-Za-z ]+)'`)},
	// The codes of the distribution specification and ACR's, as they are sent, and as Docker's libraries print
	// them: in lower case, followed by a colon.
	{Answer, Answered, far, words(
		`\b(?P<code>UNAUTHORIZED|DENIED|NAME_UNKNOWN|NAME_INVALID|MANIFEST_UNKNOWN|MANIFEST_BLOB_UNKNOWN|`,
		`MANIFEST_INVALID|TAG_UNKNOWN|BLOB_UNKNOWN|BLOB_UPLOAD_UNKNOWN|BLOB_UPLOAD_INVALID|BLOB_UPLOAD_RANGE_INVALID|SIZE_INVALID|`,
		`CONTENT_LENGTH_INVALID|RANGE_INVALID|UNSUPPORTED|TOOMANYREQUESTS|REGISTRY_DISALLOWED_OPERATION)\b`)},
	{Answer, Answered, far, words(
		`\b(?P<code>unauthorized|denied|name unknown|manifest unknown|tag unknown|blob unknown|`,
		`blob upload unknown|blob upload invalid|size invalid|content length invalid|range invalid|`,
		`toomanyrequests|registry disallowed operation)(?:: |:?$|:?\n|:?")`)},
	{Answer, Answered, line, words(`(?i)\bunauthorized\b|\binvalid username/password`)},
	// containerd and ORAS name a reference and say ": not found"; docker, "manifest for REFERENCE not found".
	{Answer, ItemNotFound, line, words(
		`[\w./-]+(?::[0-9]+)?/[\w./-]+[:@][\w.:-]+: not found\b|\bmanifest for \S+ not found\b`)},
	// containerd, of a refusal with or without a credential.
	{Answer, PullDenied, line, words(`\bpull access denied, repository does not exist or may require authorization`)},
	// az names the step, and then perhaps a status. Source: its module acr/_errors.py.
	{Answer, Answered, far, words(`\bCONNECTIVITY_(?P<step>[A-Z_]+?)_ERROR\b`)},
	{Answer, NoChallenge, far, words(`did not issue a challenge|Looks like you don't have access to registry`)},
	// acrkit's own, as its proxy sends them on.
	{Answer, Answered, far, words(
		`\((?P<status>[45]\d\d) (?P<code>credential_rejected|credential_missing|insufficient_scope)\b`)},
	// The protocol of credential helpers, of docker-credential-helpers and its users.
	{Helper, HelperMissing, none, words(
		`\bdocker-credential-[\w.-]+["']?:? (?:executable file not found|no such file|not found|`,
		`resolves to executable in current)|(?i)\b(?:cannot|can't|could not) (?:find|`,
		`run)[^\n]{0,20}docker-credential-`)},
	{Helper, HelperFailed, none, words(
		`(?i)\berror (?:getting|storing|erasing) credentials|\bfailed retrieving credentials|`,
		`\bdocker-credential-[\w.-]+[^\n]{0,40}exit(?: status|ed with)`)},
	// RPC_X_BAD_STUB_DATA: Windows' store takes 2560 bytes (CRED_MAX_CREDENTIAL_BLOB_SIZE).
	{Helper, SecretTooLong, none, words(`(?i)\bstub received bad data`)},
	{Local, ConfigBroken, none, words(
		`(?i)\berror loading config file|\bfailed to load docker creds|\bfailed to decode config file|`,
		`\bparsing config file[^\n]{0,80}(?:EOF|invalid character)|\breading JSON file "[^"\n]*auth\.json`)},
	// What a client looked for before it asked, of a registry or of Entra.
	{Local, NoCredential, far, words(
		`\bNo matching credentials were found|\bno basic auth credentials|\bPlease run 'az login'|`,
		`(?i)\bno default identity is assigned|\bidentity not found\b|\bno managed identity|`,
		`\brequested identity has not been assigned|\bManagedIdentityCredential authentication unavailable`)},
	{Local, ReferenceWrong, none, words(
		`(?i)\binvalid[_ ]reference\b|\brepository name must be (?:canonical|lowercase)|\blookup (?:docker|`,
		`https?|oci)(?: on \S+)?: no such host`)},
	{Local, PlatformMissing, near, words(
		`(?i)\bno match(?:ing manifest)? for (?:platform|[a-z0-9]+/[a-z0-9])|`,
		`\bno image found in (?:manifest list|image index)|\bno child with platform|`,
		`\bno (?:matching )?image (?:found )?for platform|\bunsupported platform\b`)},
	// docker, and az, which runs it.
	{Local, DaemonMissing, none, words(`(?i)\bcannot connect to the docker daemon|\brequires running the docker daemon`,
		`|\bDOCKER_DAEMON_ERROR\b`)},
	// Azure Container Instances, by code or in words.
	{Answer, Inaccessible, far, words(`\bInaccessibleImage\b|\bis not accessible\. Please check the image\b`)},
	{Entra, SignInRefused, none, words(`\bAADSTS\d{4,7}\b`)},
	{ARM, ActionDenied, far, words(
		`does not have authorization to perform action '(?:Microsoft\.ContainerRegistry/|`,
		`[^'\n]{1,200}' over scope '[^'\n]{1,400}/Microsoft\.ContainerRegistry/)|`,
		`\bAccess to \S+\.azurecr\.\w+ denied\b`)},
	{ARM, ImportRefused, far, words(
		`(?i)(?:operation registries-|importImage|acr import)[^\n]{0,400}\bsource (?:registry|`,
		`image)\b[^\n]{0,200}(?:401|403|unauthorized|denied|forbidden|authenticat)`)},
}

// Says is one of the services' messages that say more than the status.
type Says string

// The sentences.
const (
	SaysNetworkRule      Says = "the network rules leave this address out"
	SaysNoPermissions    Says = "retrieving permissions failed"
	SaysARMDisallowed    Says = "no Entra tokens for Azure Resource Manager"
	SaysTokenInvalid     Says = "token validation failed"
	SaysUserUnknown      Says = "no such user"
	SaysSecretInvalid    Says = "client id or secret invalid" //nolint:gosec // no secret
	SaysDisallowed       Says = "a lock or a limit forbids it"
	SaysRightMissing     Says = "a right is missing"
	SaysAcceptLacks      Says = "the Accept header lacks the type"
	SaysHeaderTooLarge   Says = "header too large"
	SaysNoRepository     Says = "no such repository"
	SaysNoTag            Says = "no such tag"
	SaysNoManifest       Says = "no such manifest"
	SaysNoPath           Says = "no such path"
	SaysAuthRequired     Says = "authentication required"
	SaysThrottled        Says = "too many requests"
	SaysStorageRefuses   Says = "the storage refuses this network"
	SaysStorageWantsNone Says = "the storage takes no Authorization"

	// Of acrkit and its packages: see own.go.
	SaysNotAccepted  Says = "the name and password are not accepted"
	SaysTokenRefused Says = "the token is not accepted"
	SaysHostRefused  Says = "no credential goes to that host"
)

// sentences are messages of ACR and of its storage. Source: Microsoft's documents,
// recorded answers, and texts that users have published.
var sentences = []struct {
	says  Says
	reach reach
	words pattern
}{
	{SaysNetworkRule, far, words(`(?i)client with IP '[^']*' is not allowed access`)},
	{SaysNoPermissions, far, words(`(?i)retrieving permissions failed`)},
	{SaysARMDisallowed, far, words(`(?i)arm aad token disallowed`)},
	{SaysTokenInvalid, far, words(`(?i)token validation failed`)},
	{SaysUserUnknown, far, words(`(?i)Application not registered with AAD|client id must be guid`)},
	{SaysSecretInvalid, far, words(`(?i)Invalid clientid or client secret`)},
	{SaysDisallowed, far, words(`(?i)operation is disallowed on this registry`)},
	{SaysRightMissing, far, words(
		`(?i)\binsufficient_scope\b|requested access to the resource is denied|`,
		`does not have required permissions`)},
	{SaysAcceptLacks, far, words(`(?i)accept header does not support OCI`)},
	{SaysHeaderTooLarge, near, words(
		`(?i)Request Header Or Cookie Too Large|header too large|Request Header Fields Too Large`)},
	{SaysNoRepository, far, words(`(?i)repository "[^"\n]{1,256}" is not found|repository name not known`)},
	{SaysNoTag, far, words(`(?i)the specified tag does not exist`)},
	{SaysNoManifest, far, words(`(?i)manifest tagged by "[^"\n]{1,128}" is not found`)},
	{SaysAuthRequired, far, words(`(?i)\bauthentication required\b`)},
	{SaysNoPath, line, words(`404 page not found`)},
	{SaysThrottled, line, words(`(?i)\btoo many requests\b|CONNECTIVITY_TOOMANYREQUESTS_ERROR`)},
	{SaysStorageRefuses, far, words(
		`(?i)<Code>(?:AuthorizationFailure|AuthorizationPermissionMismatch|AuthenticationFailed)|`,
		`\bAuthorizationFailure\b`)},
	{SaysStorageWantsNone, far, words(`(?i)\bInvalidAuthenticationInfo\b`)},
}

// Sentences returns the messages of services that are in a text, in no order.
func Sentences(text string) []Says {
	var all []Says
	lower := strings.ToLower(text)
	for _, s := range sentences {
		if s.words.in(lower) && s.words.re().MatchString(text) {
			all = append(all, s.says)
		}
	}
	return all
}

var (
	clientAddress = regexp.MustCompile(`client with IP '([0-9A-Fa-f.:]+)'`)
	loginServer   = regexp.MustCompile(`(?i)https://[^\s"']{0,80}\.azurecr\.(?:io|us|cn)`)
)

// ClientAddress returns the address of the client that a refusal by network rule names,
// "" if there is none.
func ClientAddress(text string) string {
	if m := clientAddress.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// ARMRefusal is what Azure Resource Manager says of a caller that may not do something
// (its code AuthorizationFailed).
type ARMRefusal struct {
	ObjectID string // of the caller, "" = it is not named
	Action   string // as "Microsoft.ContainerRegistry/registries/tokens/write"
	Scope    string // the resource's id
}

var armRefusal = regexp.MustCompile(`(?i)(?:with object id '([^'\n]{1,64})' )?does not have authorization to perform ` +
	`action '([A-Z0-9./*]{1,200})' over scope '([^'\n]{1,400})'`)

// ReadARMRefusal reads the last such refusal of a text.
func ReadARMRefusal(text string) (r ARMRefusal, ok bool) {
	all := armRefusal.FindAllStringSubmatch(text, -1)
	if len(all) == 0 {
		return r, false
	}
	m := all[len(all)-1]
	return ARMRefusal{ObjectID: m[1], Action: m[2], Scope: m[3]}, true
}

var armCode = regexp.MustCompile(
	`(?m)(?:"code"\s*:\s*"|^(?:ERROR: )?\(|\b[Cc]ode: |ERROR CODE: |Code="|with error: )([A-Za-z]{6,60})\b`)

// ReadARMCodes returns what stands in a text where clients of Azure Resource Manager print
// the code of its error, the last first: (AlreadyInUse), Code: AlreadyInUse.
func ReadARMCodes(text string) (codes []string) {
	for _, m := range armCode.FindAllStringSubmatch(text, -1) {
		codes = append([]string{m[1]}, codes...)
	}
	return codes
}

// NamesLoginServer reports whether a text names a login server of ACR by a URL.
func NamesLoginServer(text string) bool { return loginServer.MatchString(text) }

// mark is a word of a client about the step that failed.
type mark struct {
	words pattern
	set   func(*Event)
	lines int // how many lines later the failure may be
}

var marks = []mark{
	// containerd asks in two ways: with a secret, and without.
	{words(`failed to fetch anonymous token`), func(e *Event) { e.Anonymous, e.Place = true, AtToken }, 0},
	{words(`failed to fetch oauth token`), func(e *Event) { e.Sent, e.Place = true, AtToken }, 0},
	// The SDK of Python picks this class where it was given no credential.
	{words(`_anonymous_exchange_client`), func(e *Event) { e.Anonymous, e.Place = true, AtToken }, 40},
	// A token request, though its host is not shown.
	{words(`[?&]scope=repository%3A\S*service=`), func(e *Event) { e.Place = AtToken }, 0},
	{words(`unable to retrieve auth token`), func(e *Event) { e.Place = AtToken }, 2},
	{words(`invalid username/password`), func(e *Event) { e.Place = AtToken }, 2},
	{words(
		`exchange_aad_access_token_for_acr_refresh_token|CONNECTIVITY_REFRESH_TOKEN_ERROR`),
		func(e *Event) { e.Place = AtExchange }, 12},
	{words(`pulling from host`), func(e *Event) { e.Place = AtItem }, 0},
	// az already has its access token here.
	{words(`\bError: authentication required[^\n]*Correlation ID: `), func(e *Event) { e.Held = true }, 0},
	{words(`CONNECTIVITY_ACCESS_TOKEN_ERROR`), func(e *Event) { e.Place, e.Sent = AtToken, true }, 2},
	{words(
		`(?i)\b(?:logging into|login attempt|ping(?:ing)? (?:container )?registry|`,
		`authenticating to)\b|(?m:^|[\s$>#;&|])docker login\b`), func(e *Event) { e.Login = true }, 0},
	// docker fetches the configuration of an image as a blob.
	{words(`error pulling image configuration|download failed after attempts`), func(e *Event) { e.Blob = true }, 0},
	{words(`get_manifest\b`), func(e *Event) { e.Place = AtItem }, 12},
	{words(`fetching tags list`), func(e *Event) { e.Place = AtTags }, 1},
}

// noBody matches messages that an answer had no body.
var noBody = words(`\(empty body\)|details: \{\}|contained no body`)

// pullDenied are docker's words for DENIED, up to what the registry said itself.
var pullDenied = words(`\bpull access denied for \S+, repository does not exist or may require 'docker login'`)
