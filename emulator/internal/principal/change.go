package principal

import (
	"strings"

	"github.com/acrkit/acrkit/emulator/internal/db"
)

// Change collects what an update stores and removes. Its other methods read the state
// as the change makes it.
type Change struct {
	store  *Store // nil = there is nothing else
	also   []func(tx *db.Tx) error
	put    map[key]object
	remove map[key]bool
	counts map[class]int // of the classes that were counted
}

// class is what limits count: the objects of a kind in a registry.
type class struct {
	kind     string
	registry int64
}

func newChange(s *Store) *Change {
	return &Change{store: s, put: map[key]object{}, remove: map[key]bool{}, counts: map[class]int{}}
}

// Put stores an object, in the place of one with the same name.
func (c *Change) Put(o object) {
	k := o.key()
	if _, there := c.find(k); !there {
		c.add(k, 1)
	}
	delete(c.remove, k)
	c.put[k] = o
}

// Also makes a change of other tables in the same transaction.
func (c *Change) Also(f func(tx *db.Tx) error) { c.also = append(c.also, f) }

// RemoveRegistry removes a registry with its scope maps and tokens, and the role
// assignments on it.
func (c *Change) RemoveRegistry(r *RegistrySettings) {
	id := r.ResourceID()
	var keys []key
	for o := range c.store.after(c) {
		k := o.key()
		a, isRole := o.(*Assignment)
		if k.registry == r.ID || isRole && Within(a.Scope, id) {
			keys = append(keys, k)
		}
	}
	for _, k := range keys {
		c.removeKey(k)
	}
}

// RegistryByName finds a registry; case does not matter.
func (c *Change) RegistryByName(name string) (*RegistrySettings, bool) {
	for o := range c.store.after(c) {
		if r, ok := o.(*RegistrySettings); ok && strings.EqualFold(r.Name, name) {
			return r, true
		}
	}
	return nil, false
}

// Registries counts the registries.
func (c *Change) Registries() int {
	n := 0
	for o := range c.store.after(c) {
		if _, ok := o.(*RegistrySettings); ok {
			n++
		}
	}
	return n
}

// RegistriesIn returns the registries of a resource group.
func (c *Change) RegistriesIn(subscription, group string) (out []*RegistrySettings) {
	for o := range c.store.after(c) {
		if r, ok := o.(*RegistrySettings); ok && strings.EqualFold(r.Subscription, subscription) &&
			strings.EqualFold(r.Group, group) {
			out = append(out, r)
		}
	}
	return out
}

// RemoveToken removes a token.
func (c *Change) RemoveToken(t *Token) { c.removeKey(t.key()) }

// RemoveScopeMap removes a scope map.
func (c *Change) RemoveScopeMap(m *ScopeMap) { c.removeKey(m.key()) }

func (c *Change) removeKey(k key) {
	if _, there := c.find(k); there {
		c.add(k, -1)
	}
	delete(c.put, k)
	c.remove[k] = true
}

// find returns what a key holds after the change.
func (c *Change) find(k key) (object, bool) {
	if o, ok := c.put[k]; ok {
		return o, true
	}
	if c.remove[k] || c.store == nil {
		return nil, false
	}
	return get[object](c.store, k)
}

func after[T object](c *Change, k key) (T, bool) {
	o, _ := c.find(k)
	t, ok := o.(T)
	return t, ok
}

func (c *Change) add(k key, n int) {
	x := class{k.kind, k.registry}
	if _, counted := c.counts[x]; counted {
		c.counts[x] += n
	}
}

// count counts a class once; Put and the methods that remove keep the number.
func (c *Change) count(kind string, registry int64) int {
	x := class{kind, registry}
	if _, counted := c.counts[x]; !counted {
		n := 0
		for o := range c.store.after(c) {
			if k := o.key(); k.kind == kind && k.registry == registry {
				n++
			}
		}
		c.counts[x] = n
	}
	return c.counts[x]
}

// Registry returns a registry.
func (c *Change) Registry(id int64) (*RegistrySettings, bool) {
	return after[*RegistrySettings](c, (&RegistrySettings{ID: id}).key())
}

// ApplicationByObjectID finds an application by the object id of its service principal.
func (c *Change) ApplicationByObjectID(id string) (*Application, bool) {
	for o := range c.store.after(c) {
		if a, ok := o.(*Application); ok && strings.EqualFold(a.ObjectID, id) {
			return a, true
		}
	}
	return nil, false
}

// Tenant finds a tenant.
func (c *Change) Tenant(id string) (*Tenant, bool) { return after[*Tenant](c, (&Tenant{ID: id}).key()) }

// Subscription finds a subscription.
func (c *Change) Subscription(id string) (*Subscription, bool) {
	return after[*Subscription](c, (&Subscription{ID: id}).key())
}

// Application finds an application by its client id.
func (c *Change) Application(clientID string) (*Application, bool) {
	return after[*Application](c, (&Application{ClientID: clientID}).key())
}

// ApplicationByObject finds an application by the object id of its service principal.
func (c *Change) ApplicationByObject(id string) (*Application, bool) {
	for o := range c.store.after(c) {
		if a, ok := o.(*Application); ok && a.ObjectID == id {
			return a, true
		}
	}
	return nil, false
}

// StoredScopeMap finds a scope map that a user made.
func (c *Change) StoredScopeMap(registry int64, name string) (*ScopeMap, bool) {
	return after[*ScopeMap](c, (&ScopeMap{RegistryID: registry, Name: name}).key())
}

// ScopeMapName returns the name of a registry's scope map as it is written, and whether
// there is that map, the service's own included. Case does not matter.
func (c *Change) ScopeMapName(registry int64, name string) (string, bool) {
	if m, ok := c.StoredScopeMap(registry, name); ok {
		return m.Name, true
	}
	m, ok := systemScopeMap(name)
	return m.Name, ok
}

// Token finds a token of a registry; case does not matter.
func (c *Change) Token(registry int64, name string) (*Token, bool) {
	return after[*Token](c, (&Token{RegistryID: registry, Name: name}).key())
}

// Tokens counts the tokens of a registry.
func (c *Change) Tokens(registry int64) int { return c.count(kindToken, registry) }

// ScopeMaps counts the scope maps of a registry that users made.
func (c *Change) ScopeMaps(registry int64) int { return c.count(kindScopeMap, registry) }
