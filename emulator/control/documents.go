package control

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/emulator/rule"
)

// ErrorDocument is the body of an answer that is an error, except for 401 and 403, whose
// bodies are empty.
type ErrorDocument struct {
	Error ErrorText `json:"error"`
}

// ErrorText is what was wrong.
type ErrorText struct {
	Code    acrkit.Code `json:"code"`
	Hint    string      `json:"hint,omitempty"` // a command that helps
	Message string      `json:"message"`
}

// Status says whether something can be used.
type Status string

// The two states of a [Status].
const (
	Enabled  Status = "enabled"
	Disabled Status = "disabled"
)

// StatusOf returns [Enabled] or [Disabled].
func StatusOf(enabled bool) Status {
	if enabled {
		return Enabled
	}
	return Disabled
}

// UnmarshalText reads one of the two words.
func (s *Status) UnmarshalText(text []byte) error {
	switch x := Status(text); x {
	case Enabled, Disabled:
		*s = x
		return nil
	}
	return fmt.Errorf("a status is neither %s nor %s", Enabled, Disabled)
}

// Decision is a line of the decision log.
type Decision struct {
	ID        int64     `json:"id"` // grows with each decision
	Time      time.Time `json:"time"`
	Registry  string    `json:"registry"`
	Kind      string    `json:"kind,omitempty"` // of the principal; "" = not known
	Principal string    `json:"principal,omitempty"`
	Method    string    `json:"method"`
	Path      string    `json:"path"`
	Required  string    `json:"required"` // scope text
	Outcome   string    `json:"outcome"`
	Missing   string    `json:"missing,omitempty"` // scope text
	Rules     []string  `json:"rules,omitempty"`   // the rules that allowed it
	RuleID    rule.ID   `json:"ruleId,omitempty"`  // by which it was refused
	Reason    string    `json:"reason,omitempty"`  // a sentence
	RequestID string    `json:"requestId"`
}

// DecisionPage is a part of the decision log, oldest first.
type DecisionPage struct {
	Decisions []Decision `json:"decisions"`
	Last      int64      `json:"last"`    // how far the log was looked through; the next call is for what is after it
	More      bool       `json:"more"`    // there is more already
	Dropped   int64      `json:"dropped"` // how many after the one asked for are not kept any more
	Ending    bool       `json:"ending"`  // the emulator is about to end
}

// Clock is the state of the clock.
type Clock struct {
	Now    time.Time `json:"now"`
	Frozen bool      `json:"frozen"`
	Offset string    `json:"offset"` // from the machine's time, as a duration such as 1h30m0s
}

// ClockChange changes the clock. What is nil stays as it is.
type ClockChange struct {
	Now    *time.Time `json:"now,omitempty"`
	Frozen *bool      `json:"frozen,omitempty"`
}

// Advance moves the clock on, or back by a negative duration.
type Advance struct {
	By string `json:"by"` // a duration such as 90m
}

// Lifetimes are how long tokens can be used, as durations such as 1h30m. In a change ""
// is the documented lifetime.
type Lifetimes struct {
	Access  string `json:"access"`
	Refresh string `json:"refresh"`
	Entra   string `json:"entra"`
}

// RateLimits says whether the documented rate limits apply.
type RateLimits struct {
	Enabled bool `json:"enabled"`
}

// NewFault is a fault to be added. What is zero is as in [fault.Fault]: all
// routes, registries and principals, each request, until it is removed.
type NewFault struct {
	Kind           fault.Kind    `json:"kind"`
	Routes         []fault.Route `json:"routes"`
	Registry       string        `json:"registry"`
	Principal      string        `json:"principal"`
	Rate           float64       `json:"rate"` // from 0 to 1
	Seed           uint64        `json:"seed"`
	Count          int64         `json:"count"`
	Status         int           `json:"status"`
	RetryAfter     int64         `json:"retryAfter"` // seconds
	AfterBytes     int64         `json:"afterBytes"`
	BytesPerSecond int64         `json:"bytesPerSecond"`
	Delay          int64         `json:"delay"` // seconds
}

// Fault is a fault in force.
type Fault struct {
	ID int64 `json:"id"`
	NewFault

	Seen int64 `json:"seen"` // requests that matched
	Hits int64 `json:"hits"` // requests that were hit
}

// FaultList are the faults in force, in the order in which they were added.
type FaultList struct {
	Faults []Fault `json:"faults"`
}

// NewSnapshot names a snapshot to be taken.
type NewSnapshot struct {
	Name string `json:"name"`
}

// Snapshot is a copy of the emulator's state.
type Snapshot struct {
	Name         string    `json:"name"`
	Created      time.Time `json:"created"`
	Repositories int64     `json:"repositories"`
	Manifests    int64     `json:"manifests"`
	Tags         int64     `json:"tags"`
	Blobs        int64     `json:"blobs"`
}

// SnapshotList are the snapshots, the oldest first.
type SnapshotList struct {
	Snapshots []Snapshot `json:"snapshots"`
}

// Reset names the snapshot whose state replaces the emulator's; "" is the seed's.
type Reset struct {
	Snapshot string `json:"snapshot,omitempty"`
}

// CheckFrom says where a check goes on: at the Next of the part before; "" is the beginning.
type CheckFrom struct {
	From string `json:"from,omitempty"`
}

// Finding is something in the data folder that is not as it was written.
type Finding struct {
	Kind       string `json:"kind"` // database, manifest or blob
	Registry   string `json:"registry"`
	Repository string `json:"repository"`
	Digest     string `json:"digest"`
	Problem    string `json:"problem"`
	Fix        string `json:"fix"` // what to do
}

// CheckPart is what a part of a check found, and how much it checked.
type CheckPart struct {
	Findings    []Finding `json:"findings"`
	Next        string    `json:"next"` // "" at the end
	Manifests   int       `json:"manifests"`
	Contents    int       `json:"contents"`
	Bytes       int64     `json:"bytes"`
	Unused      int       `json:"unused"` // contents that nothing refers to
	UnusedBytes int64     `json:"unusedBytes"`
	Total       int64     `json:"total"` // bytes of content in all repositories; set in the first part
}

// Seed is what the emulator holds, as a seed file.
type Seed struct {
	Seed string `json:"seed"` // YAML, without secrets
}

// Network are a registry's network rules.
type Network struct {
	DefaultAction string   `json:"defaultAction"` // Allow or Deny
	IPRules       []string `json:"ipRules"`       // addresses and networks that are allowed
}

// Registry is a registry with its settings.
type Registry struct {
	Name               string  `json:"name"`
	SKU                string  `json:"sku"`
	AdminUser          bool    `json:"adminUserEnabled"`
	AnonymousPull      bool    `json:"anonymousPullEnabled"`
	RoleAssignmentMode string  `json:"roleAssignmentMode"`
	ArmTokenPolicy     Status  `json:"azureADAuthenticationAsArmPolicy"`
	Network            Network `json:"network"`
}

// RegistryList are the registries, the first first.
type RegistryList struct {
	Registries []Registry `json:"registries"`
}

// RegistryChange changes settings. What is nil stays as it is.
type RegistryChange struct {
	AdminUser          *bool    `json:"adminUserEnabled,omitempty"`
	AnonymousPull      *bool    `json:"anonymousPullEnabled,omitempty"`
	RoleAssignmentMode *string  `json:"roleAssignmentMode,omitempty"`
	ArmTokenPolicy     *Status  `json:"azureADAuthenticationAsArmPolicy,omitempty"`
	Network            *Network `json:"network,omitempty"`
}

// NewScopeMap is a scope map to be stored.
type NewScopeMap struct {
	Description string   `json:"description,omitempty"`
	Actions     []string `json:"actions"` // "repositories/samples/*/content/read"
}

// ScopeMap is a scope map.
type ScopeMap struct {
	Name          string   `json:"name"`
	Description   string   `json:"description"`
	Actions       []string `json:"actions"`
	SystemDefined bool     `json:"systemDefined"` // every registry has it
}

// ScopeMapList are the scope maps of a registry, those that every registry has last.
type ScopeMapList struct {
	ScopeMaps []ScopeMap `json:"scopeMaps"`
}

// NewToken is a token to be stored.
type NewToken struct {
	ScopeMap string `json:"scopeMap"`
	Status   Status `json:"status,omitempty"` // "" = enabled
}

// TokenChange changes a token. What is nil stays as it is.
type TokenChange struct {
	ScopeMap *string `json:"scopeMap,omitempty"`
	Status   *Status `json:"status,omitempty"`
}

// Token is a scope-mapped token.
type Token struct {
	Name      string     `json:"name"`
	ScopeMap  string     `json:"scopeMap"`
	Status    Status     `json:"status"`
	Created   time.Time  `json:"created"`
	Passwords []Password `json:"passwords"` // without values
}

// TokenList are the tokens of a registry, by name.
type TokenList struct {
	Tokens []Token `json:"tokens"`
}

// NewPasswords says which new passwords to make.
type NewPasswords struct {
	Names   []string  `json:"names,omitempty"`  // password1 or password2; none = both
	Expires time.Time `json:"expires,omitzero"` // zero = never
}

// Password is a password of a token. It prints without its value.
type Password struct {
	Name    string    `json:"name"`            // password1 or password2
	Value   string    `json:"value,omitempty"` // of one that was just made
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"` // zero = never
}

// Format prints the password's name, for every verb.
//
//rule:printing-format-4
func (p Password) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "control.Password(%s)", p.Name) }

// LogValue is what Format prints.
func (p Password) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(p)) }

// PasswordList are passwords that were just made.
type PasswordList struct {
	Passwords []Password `json:"passwords"`
}

// Expiry sets when a password expires; a zero time is now.
type Expiry struct {
	Expires time.Time `json:"expires,omitzero"`
}
