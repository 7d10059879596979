package principal

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/acrkit/acrkit/emulator/internal/db"
	"github.com/acrkit/acrkit/emulator/internal/memo"
	"github.com/acrkit/acrkit/scopemap"
)

// Migrations are this package's tables.
func Migrations() []db.Migration {
	return []db.Migration{{Name: "identity-0001", SQL: `
		CREATE TABLE identity (
			kind     TEXT    NOT NULL,
			registry INTEGER NOT NULL,
			name     TEXT    NOT NULL,
			doc      TEXT    NOT NULL,
			PRIMARY KEY (kind, registry, name)
		) STRICT, WITHOUT ROWID`}, {Name: "identity-0002", SQL: assignmentsApart}, {Name: "identity-0003", SQL: `
		UPDATE OR REPLACE identity SET name = lower(name) WHERE kind = 'scopemap'`},
		// Nothing to change: versions without it cannot read custom roles.
		{Name: "identity-0004", SQL: "SELECT 1"}}
}

// assignmentsApart makes objects of the role assignments that registries held. Their names
// are random GUIDs, which each row has once: MATERIALIZED.
const assignmentsApart = `
	WITH named AS MATERIALIZED (
		SELECT lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) ||
				'-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))) AS name,
			'/subscriptions/' || json_extract(i.doc, '$.subscription') || '/resourceGroups/' ||
				json_extract(i.doc, '$.group') || '/providers/Microsoft.ContainerRegistry/registries/' ||
				json_extract(i.doc, '$.name') AS scope,
			json_extract(i.doc, '$.created') AS created, a.value AS doc
		FROM identity i, json_each(i.doc, '$.assignments') a WHERE i.kind = 'registry' AND a.type = 'object')
	INSERT INTO identity (kind, registry, name, doc)
	SELECT 'assignment', 0, name, json_set(doc, '$.name', name, '$.scope', scope, '$.created', created) FROM named;
	UPDATE identity SET doc = json_remove(doc, '$.assignments') WHERE kind = 'registry'`

// Store holds the identities. Its methods are safe for concurrent use; what they
// return must not be changed.
type Store struct {
	db   *db.DB
	keys *Keys

	writing sync.Mutex                 // one change at a time, so that a change may read first
	refusal func(names []string) error // of chosen secrets; nil = they are allowed; under writing
	answers *memo.Memo[question, Answer]

	mu      sync.RWMutex
	version uint64 // counts the changes of what follows
	objects map[key]object
	sorted  []*RegistrySettings        // by ID
	roles   []*Assignment              // the oldest first
	custom  map[string]*RoleDefinition // by the name in lower case
	byOID   map[string]*Application    // by the service principal's object id
}

// Open reads the identities of a database.
func Open(ctx context.Context, d *db.DB, keys *Keys) (*Store, error) {
	s := &Store{db: d, keys: keys, answers: memo.New[question, Answer](rememberedAnswers)}
	err := d.Read(ctx, func(tx *db.Tx) error {
		all, err := readAll(tx)
		s.take(all)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func readAll(tx *db.Tx) (map[key]object, error) {
	all := map[key]object{}
	err := tx.Query("SELECT kind, doc FROM identity", nil, func(scan func(...any) error) error {
		var kind, doc string
		if err := scan(&kind, &doc); err != nil {
			return err
		}
		o, err := parse(kind, doc)
		if err != nil {
			return &db.Incomplete{Reason: "what the database holds about identities is damaged", Err: err}
		}
		all[o.key()] = o
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the identities: %w", err)
	}
	return all, nil
}

// take holds these objects and no others.
func (s *Store) take(all map[key]object) {
	s.objects, s.byOID = all, map[string]*Application{}
	for _, o := range all {
		s.index(o)
	}
	s.sort()
}

func parse(kind, doc string) (object, error) {
	var o object
	switch kind {
	case kindTenant:
		o = new(Tenant)
	case kindApplication:
		o = new(Application)
	case kindSubscription:
		o = new(Subscription)
	case kindRegistry:
		o = new(RegistrySettings)
	case kindScopeMap:
		o = new(ScopeMap)
	case kindToken:
		o = new(Token)
	case kindAssignment:
		o = new(Assignment)
	case kindRoleDefinition:
		o = new(RoleDefinition)
	case kindMeta:
		o = new(Meta)
	default:
		return nil, fmt.Errorf("unknown kind %q", kind)
	}
	if err := json.Unmarshal([]byte(doc), o); err != nil {
		return nil, fmt.Errorf("a %s: %w", kind, err)
	}
	return o, prepare(o)
}

// prepare computes what is not stored.
func prepare(o object) error {
	if m, ok := o.(*ScopeMap); ok {
		parsed, err := scopemap.Parse(m.Actions)
		if err != nil {
			return err
		}
		parsed.Name, parsed.Description = m.Name, m.Description
		m.parsed = parsed
	}
	return nil
}

func (s *Store) index(o object) {
	if a, ok := o.(*Application); ok {
		s.byOID[a.ObjectID] = a
	}
}

// isSorted reports whether [Store.sort] concerns the object.
func (k key) isSorted() bool {
	return k.kind == kindRegistry || k.kind == kindAssignment || k.kind == kindRoleDefinition
}

func (s *Store) sort() {
	s.sorted, s.roles, s.custom = s.sorted[:0:0], s.roles[:0:0], map[string]*RoleDefinition{}
	for _, o := range s.objects {
		switch x := o.(type) {
		case *RegistrySettings:
			s.sorted = append(s.sorted, x)
		case *Assignment:
			s.roles = append(s.roles, x)
		case *RoleDefinition:
			s.custom[strings.ToLower(x.Name)] = x
		}
	}
	slices.SortFunc(s.roles, byAge)
	slices.SortFunc(s.sorted, func(a, b *RegistrySettings) int { return cmp.Compare(a.ID, b.ID) })
}

// Update makes a change: durable when it returns nil, undone otherwise. No other
// update runs beside it: what f reads by the methods of its [Change] holds until the
// change is made.
func (s *Store) Update(ctx context.Context, f func(c *Change) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	c := newChange(s)
	if err := f(c); err != nil {
		return err
	}
	//rule:chosen-secrets-update
	if err := s.check(s.after(c)); err != nil {
		return err
	}
	docs := make(map[key]string, len(c.put))
	for k, o := range c.put {
		if err := prepare(o); err != nil {
			return err
		}
		doc, err := json.Marshal(o)
		if err != nil {
			return err
		}
		docs[k] = string(doc)
	}
	err := s.db.Write(ctx, func(tx *db.Tx) error {
		for k := range c.remove {
			if _, err := tx.Exec("DELETE FROM identity WHERE kind=? AND registry=? AND name=?", k.kind, k.registry,
				k.name); err != nil {
				return err
			}
		}
		for k, doc := range docs {
			_, err := tx.Exec(`INSERT INTO identity (kind, registry, name, doc) VALUES (?, ?, ?, ?)
				ON CONFLICT (kind, registry, name) DO UPDATE SET doc=excluded.doc`, k.kind, k.registry, k.name, doc)
			if err != nil {
				return err
			}
		}
		for _, f := range c.also {
			if err := f(tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store the identities: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	sort := false
	for k := range c.remove {
		delete(s.objects, k)
		sort = sort || k.isSorted()
	}
	maps.Copy(s.objects, c.put)
	for k, o := range c.put {
		s.index(o)
		sort = sort || k.isSorted()
	}
	if sort {
		s.sort()
	}
	return nil
}

func get[T object](s *Store, k key) (T, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	o, ok := s.objects[k].(T)
	return o, ok
}

// list returns all objects of a type that keep accepts, in the order of cmp.
func list[T object](s *Store, keep func(T) bool, order func(a, b T) int) []T {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []T
	for _, o := range s.objects {
		if t, ok := o.(T); ok && keep(t) {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, order)
	return out
}

// Registries returns the registries, the first first.
func (s *Store) Registries() []*RegistrySettings {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.sorted)
}

// First returns the registry that answers on the address itself.
func (s *Store) First() (*RegistrySettings, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.sorted) == 0 {
		return nil, false
	}
	return s.sorted[0], true
}

// RegistryByName finds a registry; case does not matter.
func (s *Store) RegistryByName(name string) (*RegistrySettings, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, r := range s.sorted {
		if strings.EqualFold(r.Name, name) {
			return r, true
		}
	}
	return nil, false
}

// Registry returns a registry by its ID.
func (s *Store) Registry(id int64) (*RegistrySettings, bool) {
	return get[*RegistrySettings](s, key{kindRegistry, id, ""})
}

// Tenant finds a tenant.
func (s *Store) Tenant(id string) (*Tenant, bool) {
	return get[*Tenant](s, key{kindTenant, 0, strings.ToLower(id)})
}

// Tenants returns all tenants.
func (s *Store) Tenants() []*Tenant {
	return list(s, func(*Tenant) bool { return true }, func(a, b *Tenant) int { return cmp.Compare(a.ID, b.ID) })
}

// Application finds an application by its client id.
func (s *Store) Application(clientID string) (*Application, bool) {
	return get[*Application](s, key{kindApplication, 0, strings.ToLower(clientID)})
}

// Applications returns all applications by client id.
func (s *Store) Applications() []*Application {
	return list(s, func(*Application) bool {
		return true
	}, func(a, b *Application) int { return cmp.Compare(a.ClientID, b.ClientID) })
}

// Subscriptions returns all subscriptions in their order.
func (s *Store) Subscriptions() []*Subscription {
	return list(s, func(*Subscription) bool { return true }, func(a, b *Subscription) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.ID, b.ID))
	})
}

// Token finds a token of a registry; case does not matter, as in ARM.
func (s *Store) Token(registry int64, name string) (*Token, bool) {
	return get[*Token](s, key{kindToken, registry, strings.ToLower(name)})
}

// Tokens returns the tokens of a registry by name.
func (s *Store) Tokens(registry int64) []*Token {
	return list(s, func(t *Token) bool {
		return t.RegistryID == registry
	}, func(a, b *Token) int { return cmp.Compare(a.Name, b.Name) })
}

// StoredScopeMap finds a scope map that a user made; case does not matter, as in ARM.
func (s *Store) StoredScopeMap(registry int64, name string) (*ScopeMap, bool) {
	return get[*ScopeMap](s, key{kindScopeMap, registry, strings.ToLower(name)})
}

// ScopeMap finds a scope map of a registry, the service's own included.
func (s *Store) ScopeMap(registry int64, name string) (scopemap.Map, bool) {
	if m, ok := s.StoredScopeMap(registry, name); ok {
		return m.Map(), true
	}
	return systemScopeMap(name)
}

// systemScopeMap finds one of the service's own scope maps.
func systemScopeMap(name string) (scopemap.Map, bool) {
	for _, m := range scopemap.System() {
		if strings.EqualFold(m.Name, name) {
			return m, true
		}
	}
	return scopemap.Map{}, false
}

// IsSystemScopeMap reports whether a scope map of that name is one of the service's own.
func IsSystemScopeMap(name string) bool {
	_, ok := systemScopeMap(name)
	return ok
}

// ScopeMaps returns the scope maps of a registry that users made, by name.
func (s *Store) ScopeMaps(registry int64) []*ScopeMap {
	return list(s, func(m *ScopeMap) bool {
		return m.RegistryID == registry
	}, func(a, b *ScopeMap) int { return cmp.Compare(a.Name, b.Name) })
}

// Meta returns a note.
func (s *Store) Meta(name string) ([]byte, bool) {
	m, ok := get[*Meta](s, key{kindMeta, 0, name})
	if !ok {
		return nil, false
	}
	return m.Value, true
}

// Keys returns the keys that tokens are signed with.
func (s *Store) Keys() *Keys { return s.keys }
