// Package principal holds the identities and their rights: tenants and
// applications, registries with their settings and role assignments, scope maps,
// tokens with their passwords. All of it is held in memory and kept in the
// database; a change is durable before it is seen.
package principal

import (
	"strings"
	"time"

	"github.com/acrkit/acrkit/scopemap"
)

// Tenant is an Entra tenant.
type Tenant struct {
	ID string `json:"id"`
}

// Application is an application with its one service principal.
type Application struct {
	TenantID    string   `json:"tenantId"`
	ClientID    string   `json:"clientId"`
	ObjectID    string   `json:"objectId"` // of the service principal; a token's subject
	DisplayName string   `json:"displayName"`
	Secrets     []Secret `json:"secrets"`

	Certificates [][]byte    `json:"certificates,omitempty"` // DER; public
	Federated    []Federated `json:"federated,omitempty"`
}

// Federated is an issuer that an application trusts with a subject and audience.
// Entra asks the issuer for its keys; here one is stored (PKIX, DER).
type Federated struct {
	Issuer    string `json:"issuer"`
	Subject   string `json:"subject"`
	Audience  string `json:"audience"`
	PublicKey []byte `json:"publicKey"`
}

// Secret is the keyed hash of a client secret.
type Secret struct {
	Hash    []byte    `json:"hash"`
	Expires time.Time `json:"expires,omitzero"` // zero = never
	Private bool      `json:"private,omitzero"` // a seed gave the value by reference
}

// Usable reports whether the secret has not expired.
func (s Secret) Usable(now time.Time) bool { return s.Expires.IsZero() || now.Before(s.Expires) }

// Subscription is an Azure subscription with its resource groups.
type Subscription struct {
	ID          string  `json:"id"`
	DisplayName string  `json:"displayName"`
	TenantID    string  `json:"tenantId"`
	Order       int     `json:"order"` // its place among the others
	Groups      []Group `json:"groups"`
}

// Group is a resource group.
type Group struct {
	Name     string            `json:"name"`
	Location string            `json:"location"`
	Tags     map[string]string `json:"tags,omitempty"`
}

// SameName reports whether two groups of a subscription have one name.
func (g Group) SameName(other Group) bool { return strings.EqualFold(g.Name, other.Name) }

// RegistrySettings are a registry's settings. ID is the one its content is stored under.
type RegistrySettings struct {
	ID           int64             `json:"id"`
	Name         string            `json:"name"` // lower case
	RID          string            `json:"rid"`  // 32 hexadecimal digits, as in its tokens
	SKU          string            `json:"sku"`
	Admin        bool              `json:"admin"`
	Anonymous    bool              `json:"anonymous"`
	Mode         string            `json:"mode"`
	NoArmTokens  bool              `json:"noArmTokens"`
	Subscription string            `json:"subscription"`
	Group        string            `json:"group"`
	Location     string            `json:"location"`
	Created      time.Time         `json:"created"`
	Network      *Network          `json:"network,omitempty"` // nil = all addresses are allowed
	NoPublic     bool              `json:"noPublic,omitzero"` // no address is allowed; Network does not count
	Tags         map[string]string `json:"tags,omitempty"`
	// Renewed counts how often each of the admin user's passwords was renewed.
	Renewed map[string]int `json:"renewed,omitempty"`
	// Kept are settings that clients read back and that change nothing here, by their names
	// in Azure Resource Manager.
	Kept    map[string]string `json:"kept,omitempty"`
	Changed time.Time         `json:"changed,omitzero"` // zero = never
}

// Firewall returns the rules for the addresses of clients; nil = all are allowed.
func (r *RegistrySettings) Firewall() *Network {
	//rule:public-network-access
	if r.NoPublic {
		return &Network{}
	}
	return r.Network
}

// Network allows the addresses that it names, and no others.
type Network struct {
	Allow []string `json:"allow,omitempty"` // networks in CIDR notation
}

// ScopeMap is a scope map that a user made. The service's own are not stored.
type ScopeMap struct {
	RegistryID  int64     `json:"registryId"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Actions     []string  `json:"actions"`
	Created     time.Time `json:"created"`

	parsed scopemap.Map
}

// Map returns the scope map as a value.
func (m *ScopeMap) Map() scopemap.Map { return m.parsed }

// Token is a scope-mapped token.
type Token struct {
	RegistryID int64      `json:"registryId"`
	Name       string     `json:"name"`
	ScopeMap   string     `json:"scopeMap"`
	Enabled    bool       `json:"enabled"`
	Created    time.Time  `json:"created"`
	Passwords  []Password `json:"passwords"` // by slot
}

// Password is the keyed hash of a token's password.
type Password struct {
	Slot    string    `json:"slot"`
	Hash    []byte    `json:"hash"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"` // zero = never

	// From is when the value begins to work; zero = at once. Until then the value that
	// it replaces works: Before, nil if there is none.
	From   time.Time `json:"from,omitzero"`
	Before *Password `json:"before,omitempty"`

	// Generated is true where the emulator made the value itself. Of any other
	// one it counts as known that others may know it: a seed holds it in clear.
	Generated bool `json:"generated,omitzero"`
	// Private is true where a seed gave the value by reference.
	Private bool `json:"private,omitzero"`
}

// At returns the value that the slot has at a time, without those before it. If none
// works yet, ok is false.
func (p Password) At(now time.Time) (_ Password, ok bool) {
	//rule:late-password-at
	if p.Before == nil || !now.Before(p.From) {
		ok, p.Before = !now.Before(p.From), nil
		return p, ok
	}
	return p.Before.At(now)
}

// Usable reports whether the password has not expired.
func (p Password) Usable(now time.Time) bool { return p.Expires.IsZero() || now.Before(p.Expires) }

// Password returns the password in a slot.
func (t *Token) Password(slot string) (Password, bool) {
	for _, p := range t.Passwords {
		if p.Slot == slot {
			return p, true
		}
	}
	return Password{}, false
}

// key is where an object is stored.
type key struct {
	kind     string
	registry int64
	name     string
}

// object is what the store holds. Objects are never changed once stored; a
// change stores another.
type object interface{ key() key }

const (
	kindTenant       = "tenant"
	kindApplication  = "application"
	kindSubscription = "subscription"
	kindRegistry     = "registry"
	kindScopeMap     = "scopemap"
	kindToken        = "token"
	kindAssignment   = "assignment"
	kindMeta         = "meta"

	kindRoleDefinition = "roledefinition"
)

func (t *Tenant) key() key           { return key{kindTenant, 0, strings.ToLower(t.ID)} }
func (a *Application) key() key      { return key{kindApplication, 0, strings.ToLower(a.ClientID)} }
func (s *Subscription) key() key     { return key{kindSubscription, 0, strings.ToLower(s.ID)} }
func (r *RegistrySettings) key() key { return key{kindRegistry, r.ID, ""} }
func (m *ScopeMap) key() key         { return key{kindScopeMap, m.RegistryID, strings.ToLower(m.Name)} }
func (t *Token) key() key            { return key{kindToken, t.RegistryID, strings.ToLower(t.Name)} }
func (a *Assignment) key() key       { return key{kindAssignment, 0, strings.ToLower(a.Name)} }
func (m *Meta) key() key             { return key{kindMeta, 0, m.Name} }
func (d *RoleDefinition) key() key   { return key{kindRoleDefinition, 0, strings.ToLower(d.ID)} }

// Meta is a note of the emulator to itself.
type Meta struct {
	Name  string `json:"name"`
	Value []byte `json:"value"`
}

// Kind is a kind of principal.
type Kind string

// The kinds. Their order is part of token ids: add at the end.
const (
	KindToken            Kind = "scoped-token"
	KindServicePrincipal Kind = "service-principal"
	KindAdmin            Kind = "admin-user"
	KindAnonymous        Kind = "anonymous"
)

var kinds = [...]Kind{"", KindToken, KindServicePrincipal, KindAdmin, KindAnonymous}

// Principal is an authenticated identity.
type Principal struct {
	Kind Kind
	Name string // token name, client id, admin user name; "" for anonymous
}
