package principal

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/acrkit/acrkit/internal/condition"
)

// Provider is the resource provider of registries in Azure Resource Manager.
const Provider = "Microsoft.ContainerRegistry"

// Assignment gives an application's service principal a role on a resource and on all
// below it.
type Assignment struct {
	Name      string    `json:"name"`  // a GUID
	Scope     string    `json:"scope"` // the resource's id: of a subscription, a group or a registry
	ClientID  string    `json:"clientId"`
	Role      string    `json:"role"`                // its name
	Condition string    `json:"condition,omitempty"` // as package condition reads it; "" = none
	Created   time.Time `json:"created,omitzero"`
	Updated   time.Time `json:"updated,omitzero"` // zero = nothing has changed since it was created

	Description string `json:"description,omitempty"`
	CreatedBy   string `json:"createdBy,omitempty"` // an object id; "" = the emulator
	UpdatedBy   string `json:"updatedBy,omitempty"`
}

// UnmarshalJSON also reads what earlier versions stored: repositories in the place of a
// condition. Without it, their assignments would hold for all repositories.
func (a *Assignment) UnmarshalJSON(data []byte) error {
	type plain Assignment
	stored := struct {
		*plain
		Repositories []string `json:"repositories"`
	}{plain: (*plain)(a)}
	if err := json.Unmarshal(data, &stored); err != nil {
		return err
	}
	var names []string
	for _, r := range stored.Repositories {
		compare := "StringEquals '" + r + "'"
		if prefix, ok := strings.CutSuffix(r, "*"); ok {
			compare = "StringLike '" + prefix + "*'"
		}
		names = append(names, "@Request["+condition.Attribute+"] "+compare)
	}
	//rule:abac-condition-stored
	if len(names) > 0 {
		a.Condition = strings.Join(names, " OR ")
	}
	return nil
}

// Same reports whether two assignments give the same rights to the same application on
// the same resource.
func (a *Assignment) Same(b *Assignment) bool {
	return a.SameRole(b) && a.Condition == b.Condition
}

// SameRole reports whether two assignments give the same role to the same application on
// the same resource. Their conditions may differ.
func (a *Assignment) SameRole(b *Assignment) bool {
	return strings.EqualFold(a.Scope, b.Scope) && strings.EqualFold(a.ClientID, b.ClientID) &&
		strings.EqualFold(a.Role, b.Role)
}

// Within reports whether a resource id names what another one names, or what is below it.
// Case does not matter.
func Within(id, outer string) bool {
	return len(id) >= len(outer) && strings.EqualFold(id[:len(outer)], outer) &&
		(len(id) == len(outer) || id[len(outer)] == '/')
}

// SubscriptionID returns the resource id of a subscription.
func SubscriptionID(subscription string) string { return "/subscriptions/" + subscription }

// GroupID returns the resource id of a group.
func GroupID(subscription, group string) string {
	return SubscriptionID(subscription) + "/resourceGroups/" + group
}

// ResourceID returns the registry's resource id.
func (r *RegistrySettings) ResourceID() string {
	return GroupID(r.Subscription, r.Group) + "/providers/" + Provider + "/registries/" + r.Name
}

// Assignments returns all role assignments, the oldest first.
func (s *Store) Assignments() []*Assignment {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.roles)
}

// Assignment finds a role assignment by its name.
func (s *Store) Assignment(name string) (*Assignment, bool) {
	return get[*Assignment](s, (&Assignment{Name: name}).key())
}

// AssignmentsOf returns the role assignments of an application, the oldest first.
func (s *Store) AssignmentsOf(clientID string) (out []*Assignment) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, a := range s.roles {
		if strings.EqualFold(a.ClientID, clientID) {
			out = append(out, a)
		}
	}
	return out
}

// on returns the role assignments of an application that hold on a registry.
func (s *Store) on(r *RegistrySettings, clientID string) []*Assignment {
	id := r.ResourceID()
	return slices.DeleteFunc(s.AssignmentsOf(clientID), func(a *Assignment) bool { return !Within(id, a.Scope) })
}

// HasRole reports whether an application holds any role on a registry.
func (s *Store) HasRole(r *RegistrySettings, clientID string) bool { return len(s.on(r, clientID)) > 0 }

func byAge(a, b *Assignment) int {
	return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name))
}

// Assignments returns the role assignments that keep accepts, the oldest first.
func (c *Change) Assignments(keep func(*Assignment) bool) (out []*Assignment) {
	for o := range c.store.after(c) {
		if a, ok := o.(*Assignment); ok && keep(a) {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, byAge)
	return out
}

// Assignment finds a role assignment by its name.
func (c *Change) Assignment(name string) (*Assignment, bool) {
	return after[*Assignment](c, (&Assignment{Name: name}).key())
}

// RemoveAssignment removes a role assignment.
func (c *Change) RemoveAssignment(a *Assignment) { c.removeKey(a.key()) }
