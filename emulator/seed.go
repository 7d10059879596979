package emulator

import (
	_ "embed"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/acrkit/acrkit"
)

// MaxSeed is the largest seed file, in bytes. It has room for the 50,000 tokens
// that the largest tier allows.
const MaxSeed = 16 << 20

// Secret is a password or client secret in a seed. It prints as a placeholder
// in every format; convert it to a string to use it.
type Secret string

const redacted = "[secret]"

// String returns a placeholder.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString returns a placeholder.
func (s Secret) GoString() string { return s.String() }

// Format writes a placeholder, for every verb.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) } // fmt.State has no way to fail

// LogValue returns a placeholder.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns a placeholder, so that a seed written as JSON or YAML
// gives nothing away.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Seed says what an emulator holds when it starts: the content of a seed file,
// or the same written in Go. Its fields have the names of the file's keys.
type Seed struct {
	TokenLifetimes SeedLifetimes      `yaml:"tokenLifetimes"`
	RateLimits     bool               `yaml:"rateLimits"` // the documented rate limits of each tier; see [Options.RateLimits]
	Tenants        []SeedTenant       `yaml:"tenants"`
	Subscriptions  []SeedSubscription `yaml:"subscriptions"` // none means one with one resource group
	Registries     []SeedRegistry     `yaml:"registries"`    // at least one; the first answers on the address itself
}

// SeedLifetimes are how long tokens can be used. Zero means the documented
// lifetimes: 1 h and 3 h of the registry's, 1 h of Entra's.
type SeedLifetimes struct {
	Access  time.Duration `yaml:"access"`
	Refresh time.Duration `yaml:"refresh"`
	Entra   time.Duration `yaml:"entra"`
}

// SeedTenant is an Entra tenant.
type SeedTenant struct {
	ID           string            `yaml:"id"` // a GUID
	Applications []SeedApplication `yaml:"applications"`
}

// SeedApplication is an application with its service principal.
type SeedApplication struct {
	ClientID    string       `yaml:"clientId"` // a GUID, unique in the whole seed
	DisplayName string       `yaml:"displayName"`
	Secrets     []SeedSecret `yaml:"secrets"`

	Certificates         []SeedCertificate         `yaml:"certificates"`
	FederatedCredentials []SeedFederatedCredential `yaml:"federatedCredentials"`
}

// SeedCertificate is a certificate that an application may sign in with. Only its
// public part belongs here.
type SeedCertificate struct {
	PEM string `yaml:"pem"` // one CERTIFICATE block with an RSA key
}

// SeedFederatedCredential lets a subject of another issuer sign in as the
// application. Entra asks the issuer for its keys; the emulator makes no request
// and takes the key from the seed.
type SeedFederatedCredential struct {
	Issuer    string `yaml:"issuer"`
	Subject   string `yaml:"subject"`
	Audience  string `yaml:"audience"`  // "" means api://AzureADTokenExchange
	PublicKey string `yaml:"publicKey"` // PEM: one PUBLIC KEY block with an RSA key
}

// SeedSecret is a client secret. A zero Expires never expires.
type SeedSecret struct {
	Value   Secret    `yaml:"value"`
	Expires time.Time `yaml:"expires"`
}

// SeedSubscription is an Azure subscription.
type SeedSubscription struct {
	ID             string              `yaml:"id"`          // a GUID
	DisplayName    string              `yaml:"displayName"` // "" takes the id
	TenantID       string              `yaml:"tenantId"`    // "" means the first tenant
	ResourceGroups []SeedResourceGroup `yaml:"resourceGroups"`
}

// SeedResourceGroup is a resource group. Its location is the default of its
// registries; "" means westeurope.
type SeedResourceGroup struct {
	Name     string `yaml:"name"`
	Location string `yaml:"location"`
}

// SeedRegistry is a registry: its settings, who may use it, and what it holds.
type SeedRegistry struct {
	Name                 string               `yaml:"name"`          // 5 to 50 letters and digits
	Subscription         string               `yaml:"subscription"`  // "" means the first
	ResourceGroup        string               `yaml:"resourceGroup"` // "" means the subscription's first
	Location             string               `yaml:"location"`      // "" means the resource group's
	SKU                  string               `yaml:"sku"`           // Basic, Standard or Premium; "" means Premium
	AdminUserEnabled     bool                 `yaml:"adminUserEnabled"`
	AnonymousPullEnabled bool                 `yaml:"anonymousPullEnabled"`             // not in Basic
	RoleAssignmentMode   string               `yaml:"roleAssignmentMode"`               // LegacyRegistryPermissions ("" too) or AbacRepositoryPermissions
	ArmTokenPolicy       string               `yaml:"azureADAuthenticationAsArmPolicy"` // enabled ("" too) or disabled: whether Entra tokens for ARM are taken
	RoleAssignments      []SeedRoleAssignment `yaml:"roleAssignments"`
	Repositories         []SeedRepository     `yaml:"repositories"`
	ScopeMaps            []SeedScopeMap       `yaml:"scopeMaps"`
	Tokens               []SeedToken          `yaml:"tokens"`
}

// SeedRoleAssignment gives an application a role on a registry. Repositories
// limits an ABAC role to some names ("samples/app", "samples/*"), as a condition
// on the repository's name does; none means all.
type SeedRoleAssignment struct {
	ClientID     string   `yaml:"clientId"`
	Role         string   `yaml:"role"`
	Repositories []string `yaml:"repositories"`
}

// SeedRepository is a repository with generated images.
type SeedRepository struct {
	Name   string      `yaml:"name"`
	Images []SeedImage `yaml:"images"`
}

// SeedImage is an image that is generated from its registry's, repository's and
// first tag's names, the same bytes every time. No platform means linux/amd64,
// one makes an image manifest, several make an index.
type SeedImage struct {
	Tags      []string `yaml:"tags"`
	Platforms []string `yaml:"platforms"`
}

// SeedScopeMap is a scope map.
type SeedScopeMap struct {
	Name        string   `yaml:"name"`
	Description string   `yaml:"description"`
	Actions     []string `yaml:"actions"` // "repositories/samples/*/content/read"
}

// SeedToken is a scope-mapped token.
type SeedToken struct {
	Name      string         `yaml:"name"`
	ScopeMap  string         `yaml:"scopeMap"` // one of the registry's, or a system-defined one
	Status    string         `yaml:"status"`   // enabled ("" too) or disabled
	Passwords []SeedPassword `yaml:"passwords"`
}

// SeedPassword is one of a token's two passwords. A zero Expires never expires.
type SeedPassword struct {
	Name    string    `yaml:"name"` // password1 or password2
	Value   Secret    `yaml:"value"`
	Expires time.Time `yaml:"expires"`
}

//go:embed seed.schema.json
var seedSchema string

// SeedSchema returns the JSON schema (draft 2020-12) of seed files.
func SeedSchema() string { return seedSchema }

//go:embed seed.example.yaml
var exampleSeed string

// ExampleSeed returns a commented seed file to start from. [ParseSeed] reads it.
func ExampleSeed() string { return exampleSeed }

// ParseSeed reads a seed file (YAML). Unknown keys, keys that occur twice,
// values of the wrong kind and what could not exist in ACR are errors, all
// reported at once with their lines. No error quotes a value that could be a
// secret.
//
// Errors: [acrkit.CodeUsage] for a bad file, [acrkit.CodeTooLarge] for one over
// [MaxSeed].
func ParseSeed(r io.Reader) (*Seed, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxSeed+1))
	if err != nil {
		return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "read the seed", Errs: []error{err}}
	}
	if len(data) > MaxSeed {
		return nil, &acrkit.Error{Code: acrkit.CodeTooLarge, Op: "read the seed", Reason: fmt.Sprintf("it is larger than %d bytes", MaxSeed)}
	}
	seed := new(Seed)
	problems := decodeYAML(data, seed)
	if !problems.any() {
		seed.check(problems)
	}
	if err := problems.err("read the seed"); err != nil {
		return nil, err
	}
	return seed, nil
}

// Check reports what in the seed could not exist in ACR, as [ParseSeed] does for
// a file. [Open] does it too.
func (s *Seed) Check() error {
	p := &seedProblems{}
	s.check(p)
	return p.err("use the seed")
}
