package diagnose

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/scopemap"
)

// Basis says how a cause's signs on the wire are known.
type Basis string

// The bases, the surest first.
const (
	Recorded   Basis = "recorded"   // seen in recorded traffic of the service
	Documented Basis = "documented" // by Microsoft, a specification, or users' reports with the raw answer
	Believed   Basis = "believed"   // inferred: the wire alone never makes it more than suspected
)

// Confidence says how sure a diagnosis is.
type Confidence string

// The confidences.
const (
	Proved     Confidence = "proved"      // the evidence admits no other cause of the table
	Suspected  Confidence = "suspected"   // the evidence fits, and something else is possible
	CannotTell Confidence = "cannot tell" // the candidates are all that is known
)

// Cause is one row of the table of causes.
type Cause struct {
	Code  acrkit.Cause // "ACRK032"; stable, never used again
	Name  string       // its slug: "password-wrong"
	Title string       // one clause
	Class acrkit.Code  // what a program can do about it
	Basis Basis

	Symptom    string // status, header, body, claims, timing
	Difference string // from similar causes
	Proof      string // the evidence that proves it
	// Fix is a command to paste, with words in capitals (REGISTRY, TOKEN) where a
	// diagnosis has the names.
	Fix string
}

// Exchange is one request of any client with its answer. Its secrets are never shown.
type Exchange struct {
	Method, URL string
	Status      int
	Header      http.Header // of the answer
	Body        []byte      // of the answer

	// RequestHeader and RequestBody are what was sent, where that is known: they
	// distinguish a client that sent no credential from one whose credential was refused.
	RequestHeader http.Header
	RequestBody   []byte
}

// Attempt is what failed. Any field may be zero; each one that is set makes the
// diagnosis more certain.
type Attempt struct {
	Registry acrkit.Registry // zero = the Transport's, or the one that Err or Text names
	Err      error           // an error of this module, or of a connection
	Exchange *Exchange       // what a client sent and got
	Required acrkit.Scope    // what the attempt needs, where that is known
	Target   string          // the tag or digest that it is about; "" = none
	// Text is the unchanged output of a client; it is used where Err and Exchange do not
	// decide. Only its last 64 KiB are read.
	Text    string
	Lookups []auth.Lookup // where a credential was looked for, in order

	// Transport has the credential of the attempt and is used for probes; nil = only
	// probes without a credential are made.
	Transport *auth.Transport
	// Other has the same token with its other password, where there is one; nil = it
	// is not known.
	Other *auth.Transport
	// Written is the host as a person wrote it, "myregistry.azurecr.io:443"; "" = not known.
	Written string
}

// Probe is one further request or look-up that a diagnosis made.
type Probe struct {
	What   string // "look up the name myregistry.azurecr.io"
	Method string // of an HTTP request; "" for others
	URL    string // redacted
	Status int    // HTTP status; 0 = none
	Result string // in words
}

// Diagnosis is what is known of a failure.
type Diagnosis struct {
	Code       acrkit.Cause // the cause; of [CannotTell] the wire class it is in, "" if that is not known either
	Confidence Confidence
	Evidence   []string       // each one clause
	Candidates []acrkit.Cause // what it may be, where that is not decided; likeliest first
	// Missing are the rights that the request needs and that the credential does not
	// have, or is not known to have; empty where no right is missing.
	Missing []Missing
	Probes  []Probe
	Fix     string // one command
}

// Missing is a right as a scope map names it.
type Missing struct {
	Repository string
	Action     acrkit.Action
}

// String returns "content/delete on samples/app".
func (m Missing) String() string { return m.Action.String() + " on " + m.Repository }

// Title returns the title of the diagnosis's cause, "" if the code is unknown.
func (d Diagnosis) Title() string {
	c, _ := Lookup(string(d.Code))
	return c.Title
}

// Options are the settings of [Explain] and [Doctor]. Nil means all zero.
type Options struct {
	NoProbes bool             // make no request and no look-up of a name
	Now      func() time.Time // the clock; nil = time.Now
	// Base sends the probes that carry no credential; nil = the Base of the attempt's
	// Transport, or a client of its own. The dialer, certificates and proxy of an
	// *http.Transport are also used to look at the connection.
	Base http.RoundTripper
	// Resolver looks up names; nil = the system's.
	Resolver Resolver
	// ARM is asked for what the registry's answers do not show; nil = it is not asked.
	ARM ARM
	// PlainHTTP speaks http to a registry on loopback, as a Transport with it does anyway.
	PlainHTTP bool
}

// Resolver looks up names. [*net.Resolver] is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupCNAME(ctx context.Context, host string) (string, error)
}

var _ Resolver = (*net.Resolver)(nil)

// ARM reads the state of a registry from Azure Resource Manager. An error with
// [acrkit.CodeNotFound] says that the item does not exist; any other error, that its
// state is unknown.
type ARM interface {
	Registry(ctx context.Context, reg acrkit.Registry) (RegistryState, error)
	Token(ctx context.Context, reg acrkit.Registry, name string) (TokenState, error)
	// Roles lists the roles that are assigned on the registry, or above it, to an identity of
	// Entra, by its object id, or to a group that it is in.
	Roles(ctx context.Context, reg acrkit.Registry, objectID string) ([]RoleState, error)
}

// RegistryState is what Azure Resource Manager says of a registry.
type RegistryState struct {
	LoginServer   string
	AdminUser     bool
	AnonymousPull bool
	ABAC          bool // roleAssignmentMode is AbacRepositoryPermissions
	NoARMTokens   bool // Entra tokens for Azure Resource Manager are refused
}

// TokenState is what Azure Resource Manager says of a scope-mapped token.
type TokenState struct {
	Name      string
	Enabled   bool
	Passwords []PasswordState
	ScopeMap  scopemap.Map
	Lines     []string // the scope map's actions as they are written, bad ones too
}

// RoleState is what Azure Resource Manager says of a role that is assigned to an identity.
type RoleState struct {
	Name      string // "AcrPull"; "" = its definition is not known, and neither is what it gives
	Scope     string // the resource id that it is assigned on
	Condition string // of the assignment; "" = none
	// Legacy are the rights that the role gives on repositories, apart from the condition:
	// "content/read", as in a scope map, and "catalog". ABAC are those in a registry in ABAC mode.
	Legacy, ABAC []string
}

// PasswordState is what is known of a password. The password itself cannot be read back.
type PasswordState struct {
	Name    string // "password1"
	Created time.Time
	Expires time.Time // zero = never
}
