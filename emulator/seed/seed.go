package seed

import (
	_ "embed"
	"fmt"
	"io"
	"time"

	"github.com/acrkit/acrkit"
)

// Seed is what an emulator holds when it starts. Its fields have the names of the file's
// keys.
//
// The field tag schema says what [Schema] says of a key, besides the field's comment,
// which is its description. It lists, separated by commas: "required"; "min=N", the
// least number of items; "default=TEXT"; and the name of a form of text (formsOfText in
// the tests).
type Seed struct {
	// How long tokens can be used, from 1s to 24h.
	TokenLifetimes Lifetimes `yaml:"tokenLifetimes"`
	// Whether the documented rate limits of each registry's tier apply.
	RateLimits bool `yaml:"rateLimits" schema:"default=false"`
	// Entra tenants.
	Tenants []Tenant `yaml:"tenants"`
	// Azure subscriptions. None means one with one resource group.
	Subscriptions []Subscription `yaml:"subscriptions"`
	// Custom roles, beside the built-in ones.
	RoleDefinitions []RoleDefinition `yaml:"roleDefinitions"`
	// The registries; the first answers on the address itself. [] for none.
	Registries []Registry `yaml:"registries" schema:"required"`
}

// Lifetimes are how long tokens can be used. Zero means the documented lifetime.
type Lifetimes struct {
	Access  time.Duration `yaml:"access" schema:"default=1h"`  // Of the registry's access tokens.
	Refresh time.Duration `yaml:"refresh" schema:"default=3h"` // Of the registry's refresh tokens.
	Entra   time.Duration `yaml:"entra" schema:"default=1h"`   // Of Entra's tokens.
}

// Tenant is an Entra tenant.
type Tenant struct {
	ID           string        `yaml:"id" schema:"required,guid"` // A GUID.
	Applications []Application `yaml:"applications"`              // Applications with their service principals.
}

// Application is an application with its service principal.
type Application struct {
	ClientID    string `yaml:"clientId" schema:"required,guid"` // A GUID, unique in the whole seed.
	DisplayName string `yaml:"displayName" schema:"text"`       // What Azure shows.
	// The object id of its service principal, a GUID, unique likewise; a random one if absent.
	ObjectID string `yaml:"objectId" schema:"guid"`

	// Client secrets.
	Secrets []ClientSecret `yaml:"secrets"`
	// Certificates that it may sign in with.
	Certificates []Certificate `yaml:"certificates"`
	// Subjects of other issuers that may sign in as the application.
	FederatedCredentials []FederatedCredential `yaml:"federatedCredentials"`
}

// ClientSecret is a client secret of an application.
type ClientSecret struct {
	Value     Secret    `yaml:"value"`     // From 8 to 256 printable ASCII characters; or valueFrom.
	ValueFrom ValueFrom `yaml:"valueFrom"` // Where the value is, instead of it.
	Expires   time.Time `yaml:"expires"`   // When it expires; never if absent.
}

// ValueFrom says where the value of a secret is, so that the seed does not hold it.
type ValueFrom struct {
	Env  string `yaml:"env" schema:"word"`  // The name of an environment variable; or file.
	File string `yaml:"file" schema:"word"` // The path of a file; a newline at its end is no part of the value.
}

// Certificate is a certificate that an application may sign in with: only its public
// part.
type Certificate struct {
	PEM string `yaml:"pem" schema:"required,pem"` // One CERTIFICATE block with an RSA key.
}

// FederatedCredential lets a subject of another issuer sign in as the application. Entra
// asks the issuer for its keys; the emulator makes no request and takes the key from the
// seed.
type FederatedCredential struct {
	Issuer  string `yaml:"issuer" schema:"required,claim"`  // The iss claim of its assertions.
	Subject string `yaml:"subject" schema:"required,claim"` // Their sub claim.
	// Their aud claim.
	Audience string `yaml:"audience" schema:"optionalClaim,default=api://AzureADTokenExchange"`
	// One PUBLIC KEY block with the issuer's RSA key.
	PublicKey string `yaml:"publicKey" schema:"required,pem"`
}

// Subscription is an Azure subscription.
type Subscription struct {
	ID             string          `yaml:"id" schema:"required,guid"`        // A GUID.
	DisplayName    string          `yaml:"displayName" schema:"text"`        // The id if absent.
	TenantID       string          `yaml:"tenantId" schema:"guid"`           // The first tenant if absent.
	ResourceGroups []ResourceGroup `yaml:"resourceGroups" schema:"required"` // [] for none.
	// Roles of applications on all of the subscription.
	RoleAssignments []RoleAssignment `yaml:"roleAssignments"`
}

// ResourceGroup is a resource group.
type ResourceGroup struct {
	Name string `yaml:"name" schema:"required,groupName"` // Unique in its subscription.
	// The default of its registries.
	Location string            `yaml:"location" schema:"location,default=westeurope"`
	Tags     map[string]string `yaml:"tags" schema:"tags"` // Names and values.
	// Roles of applications on the group and its registries.
	RoleAssignments []RoleAssignment `yaml:"roleAssignments"`
}

// Registry is a registry: its settings, who may use it, and what it holds.
type Registry struct {
	Name          string `yaml:"name" schema:"required,registryName"` // From 5 to 50 letters and digits.
	Subscription  string `yaml:"subscription" schema:"guid"`          // The first subscription if absent.
	ResourceGroup string `yaml:"resourceGroup" schema:"groupName"`    // The subscription's first if absent.
	Location      string `yaml:"location" schema:"location"`          // The resource group's if absent.
	SKU           string `yaml:"sku" schema:"sku,default=Premium"`    // The service tier.

	AdminUserEnabled     bool `yaml:"adminUserEnabled" schema:"default=false"`     // Whether the admin user can log in.
	AnonymousPullEnabled bool `yaml:"anonymousPullEnabled" schema:"default=false"` // Not in Basic.

	// Whether any address reaches the registry.
	PublicNetworkAccess string `yaml:"publicNetworkAccess" schema:"access,default=Enabled"`
	// Which addresses reach it.
	NetworkRuleSet NetworkRuleSet `yaml:"networkRuleSet"`

	// How role assignments are read.
	RoleAssignmentMode string `yaml:"roleAssignmentMode" schema:"mode,default=LegacyRegistryPermissions"`
	// Whether Entra tokens for Azure Resource Manager are accepted.
	ArmTokenPolicy string `yaml:"azureADAuthenticationAsArmPolicy" schema:"status,default=enabled"`

	Tags map[string]string `yaml:"tags" schema:"tags"` // Names and values, of the Azure resource.
	// Settings that change nothing here and are read back, by their names in Azure Resource
	// Manager.
	OtherSettings map[string]string `yaml:"otherSettings" schema:"settings"`

	RoleAssignments []RoleAssignment `yaml:"roleAssignments"` // Roles of applications on the registry.
	Repositories    []Repository     `yaml:"repositories"`    // Repositories with generated images.
	ScopeMaps       []ScopeMap       `yaml:"scopeMaps"`       // Scope maps beside ACR's own.
	Tokens          []Token          `yaml:"tokens"`          // Scope-mapped tokens.
}

// NetworkRuleSet says which addresses reach a registry.
type NetworkRuleSet struct {
	// Whether the other addresses do.
	DefaultAction string   `yaml:"defaultAction" schema:"networkAction,default=Allow"`
	IPRules       []string `yaml:"ipRules" schema:"ipRule"` // Addresses and networks, with Deny only.
}

// RoleAssignment gives an application a role, and with it rights on registries and on
// Azure Resource Manager.
type RoleAssignment struct {
	ClientID string `yaml:"clientId" schema:"required,guid"` // Of an application of this seed.
	Role     string `yaml:"role" schema:"required,role"`     // A built-in or custom role; case does not matter.
	// Limits a role with data actions on repositories: an Azure role assignment condition of
	// version 2.0 on the repository's name; none means all repositories.
	Condition string `yaml:"condition" schema:"condition"`
	// What it is for.
	Description string `yaml:"description" schema:"longText"`
}

// RoleDefinition is a custom role. "*" in an action stands for any text.
type RoleDefinition struct {
	Name string `yaml:"name" schema:"required,roleName"` // Unique; no built-in role's.
	// A GUID; a random one if absent.
	ID          string   `yaml:"id" schema:"guid"`
	Description string   `yaml:"description" schema:"roleText"`  // What it is for.
	Actions     []string `yaml:"actions" schema:"roleAction"`    // Of Azure Resource Manager.
	NotActions  []string `yaml:"notActions" schema:"roleAction"` // Those of them that it has not.
	// On the content of registries.
	DataActions    []string `yaml:"dataActions" schema:"roleAction"`
	NotDataActions []string `yaml:"notDataActions" schema:"roleAction"` // Those of them that it has not.
	// Resource ids of subscriptions, groups and registries that it can be assigned on, and on
	// what is in them; all subscriptions if absent.
	AssignableScopes []string `yaml:"assignableScopes" schema:"roleScope"`
}

// Repository is a repository with generated images.
type Repository struct {
	Name   string  `yaml:"name" schema:"required,repositoryName"` // Unique in its registry.
	Images []Image `yaml:"images"`                                // Generated images, the same bytes every time.
}

// Image is an image that is generated from its registry's, repository's and first tag's
// names, the same bytes every time.
type Image struct {
	Tags []string `yaml:"tags" schema:"tag"` // None means that it is known by its digest alone.
	// None means linux/amd64; one makes an image manifest; several make an index.
	Platforms []string `yaml:"platforms" schema:"platform"`
}

// ScopeMap is a scope map.
type ScopeMap struct {
	Name        string   `yaml:"name" schema:"required,scopeMapName"`    // From 5 to 50 letters, digits, - and _.
	Description string   `yaml:"description" schema:"text"`              // What it is for.
	Actions     []string `yaml:"actions" schema:"required,min=1,action"` // What a token with it may do.
}

// Token is a scope-mapped token.
type Token struct {
	Name string `yaml:"name" schema:"required,tokenName"` // From 5 to 50 letters, digits and -.
	// One of the registry's scope maps, or one of ACR's own, such as _repositories_pull.
	ScopeMap  string     `yaml:"scopeMap" schema:"required,word"`
	Status    string     `yaml:"status" schema:"status,default=enabled"` // Whether it can log in.
	Passwords []Password `yaml:"passwords" schema:"max=2"`               // One or two, or none yet.
}

// Password is one of a token's two passwords.
type Password struct {
	Name      string    `yaml:"name" schema:"required,slot"` // Which of the two.
	Value     Secret    `yaml:"value"`                       // From 8 to 256 printable ASCII characters; or valueFrom.
	ValueFrom ValueFrom `yaml:"valueFrom"`                   // Where the value is, instead of it.
	Expires   time.Time `yaml:"expires"`                     // When it expires; never if absent.
}

//go:embed seed.schema.json
var schema string

// Schema returns the JSON schema (draft 2020-12) of seed files. A test makes it from the
// types of this package.
func Schema() string { return schema }

//go:embed seed.example.yaml
var example string

// Example returns a commented seed file to start from. [Read] reads it. Its passwords are
// public.
func Example() string { return example }

// MaxSize is the largest seed file, in bytes. It has room for the 50,000 tokens that the
// largest tier allows.
//
//rule:emulator-limits-max-size
const MaxSize = 16 << 20

// Read reads a seed file (YAML) and checks it. Unknown keys, keys that occur twice, values
// of the wrong kind and what could not exist in ACR are errors, all reported at once with
// their lines. No error quotes a value that could be a secret.
//
// Values that [ValueFrom] names are not read: the seed is for inspection, and an emulator
// does not open with it. [ReadFrom] reads them.
//
// Errors: [acrkit.CodeUsage] for a bad file, [acrkit.CodeTooLarge] for one over [MaxSize].
func Read(r io.Reader) (*Seed, error) { return ReadFrom(r, nil) }

// ReadFrom is [Read], and sets each value that a [ValueFrom] names. With nil it reads none.
func ReadFrom(r io.Reader, from *Sources) (*Seed, error) {
	const op = "read the seed"
	data, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Errs: []error{err}}
	}
	if len(data) > MaxSize {
		return nil, &acrkit.Error{Code: acrkit.CodeTooLarge, Op: op,
			Reason: fmt.Sprintf("it is larger than %d bytes", MaxSize)}
	}
	s := new(Seed)
	p := decodeYAML(data, s)
	if !p.any() {
		p.unread = true // resolve has said what could not be read
		s.resolve(p, from)
		s.check(p)
	}
	if err := p.ofSeed(op); err != nil {
		return nil, err
	}
	return s, nil
}

// Format prints how much is in the seed, for every verb: some verbs would print the
// passwords in it without calling their own Format.
func (s Seed) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "seed.Seed(%d tenants, %d registries)", len(s.Tenants), len(s.Registries))
}
