package write

import (
	"context"
	"regexp"
	"strings"

	"github.com/acrkit/acrkit/emulator/internal/db"
	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/refusal"
	"github.com/acrkit/acrkit/emulator/internal/service"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/wording"
)

// Limits of what is managed over Azure Resource Manager. Documented, but for those that say
// otherwise.
const (
	//rule:emulator-limits-groups
	MaxGroups = 980 // resource groups of a subscription
	//rule:emulator-limits-registries
	MaxRegistries = 1000 // registries of all subscriptions; ours
)

// NewRegistry is a registry to be made. Its group exists.
type NewRegistry struct {
	Name, Subscription, Group, Location, SKU string
}

// FindRegistry finds a registry of any group; case does not matter.
func (tx *Tx) FindRegistry(name string) (*Registry, bool) {
	set, ok := tx.c.RegistryByName(name)
	if !ok {
		return nil, false
	}
	return &Registry{tx, set}, true
}

// IsIn reports whether the registry is in a resource group.
func (r *Registry) IsIn(subscription, group string) bool {
	return strings.EqualFold(r.set.Subscription, subscription) && strings.EqualFold(r.set.Group, group)
}

// Location returns the registry's region.
func (r *Registry) Location() string { return r.set.Location }

// CreateRegistry makes an empty registry. The caller knows that there is none of that name
// ([Tx.FindRegistry]).
func (tx *Tx) CreateRegistry(ctx context.Context, n NewRegistry) (*Registry, error) {
	const op = "make the registry"
	if !seed.IsRegistryName(n.Name) {
		return nil, refusal.Usage(op, "%s is not a registry's name (5 to 50 letters and digits)", wording.Quote(n.Name))
	}
	if err := checkLocation(op, n.Location); err != nil {
		return nil, err
	}
	if _, known := service.TierLimit(n.SKU); !known || n.SKU == "" {
		return nil, refusal.Usage(op, "%s is none of %s, %s, %s", wording.Quote(n.SKU),
			service.Basic, service.Standard, service.Premium)
	}
	if tx.c.Registries() >= MaxRegistries {
		return nil, tooManyOf(op, "registries", MaxRegistries)
	}
	id, err := tx.contents.CreateRegistry(ctx, strings.ToLower(n.Name))
	if err != nil {
		return nil, err
	}
	return tx.PutRegistry(principal.RegistrySettings{ID: id, Name: strings.ToLower(n.Name), SKU: n.SKU,
		Mode: service.ModeLegacy, Subscription: n.Subscription, Group: n.Group, Location: n.Location})
}

// Delete removes the registry with all it holds.
func (r *Registry) Delete() {
	id := r.set.ID
	r.tx.c.RemoveRegistry(r.set)
	r.tx.c.Also(func(tx *db.Tx) error { return r.tx.contents.DeleteRegistry(tx, id) })
}

// RenewAdminPassword makes a new value for one of the admin user's passwords.
func (r *Registry) RenewAdminPassword(name string) error {
	if name != service.AdminPassword1 && name != service.AdminPassword2 {
		return refusal.Usage("renew the password", "%s is neither %s nor %s", wording.Quote(name),
			service.AdminPassword1, service.AdminPassword2)
	}
	next := *r.set
	next.Renewed = map[string]int{name: 1}
	for k, n := range r.set.Renewed {
		next.Renewed[k] += n
	}
	r.put(&next)
	return nil
}

var locationRE = regexp.MustCompile(`^[a-z0-9]{2,40}$`)

func checkLocation(op, location string) error {
	if !locationRE.MatchString(location) {
		return refusal.Usage(op, "%s is not a location such as westeurope", wording.Quote(location))
	}
	return nil
}

func checkTags(op string, tags map[string]string) error {
	if problem := service.CheckTags(tags); problem != "" {
		return refusal.Usage(op, "%s", problem)
	}
	return nil
}
