package manage

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerregistry/armcontainerregistry"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/redact"
)

// Slot is one of a token's two passwords.
type Slot string

// The slots.
const (
	Slot1 Slot = "password1"
	Slot2 Slot = "password2"
)

// Other returns the other slot.
func (s Slot) Other() Slot {
	if s == Slot1 {
		return Slot2
	}
	return Slot1
}

// Token is a scope-mapped token: a name with up to two passwords, and the scope map that
// says what they may do.
type Token struct {
	Name      string
	ScopeMap  string // its name
	Enabled   bool
	Created   time.Time
	Passwords []Password // those that exist, by slot
}

// Password returns the password of a slot; false if there is none.
func (t Token) Password(s Slot) (Password, bool) {
	for _, p := range t.Passwords {
		if p.Slot == s {
			return p, true
		}
	}
	return Password{}, false
}

// Password is a password of a token.
type Password struct {
	Slot    Slot
	Created time.Time
	Expires time.Time   // zero if it does not expire
	Value   auth.Secret // of a password that was just generated; it cannot be read later
}

// Live reports whether the password has not expired.
func (p Password) Live(now time.Time) bool { return p.Expires.IsZero() || now.Before(p.Expires) }

// Tokens lists the tokens.
func (r *Registry) Tokens(ctx context.Context) iter.Seq2[Token, error] {
	return pages(ctx, r, "list the tokens", r.tokens.NewListPager(r.id.ResourceGroupName, r.id.Name, nil),
		func(p armcontainerregistry.TokensClientListResponse) []*armcontainerregistry.Token { return p.Value }, tokenOf)
}

// Token reads one token; [acrkit.CodeNotFound] if there is none.
func (r *Registry) Token(ctx context.Context, name string) (Token, error) {
	t, err := r.tokens.Get(ctx, r.id.ResourceGroupName, r.id.Name, name, nil)
	if err != nil {
		return Token{}, r.failed(ctx, "read the token "+quote(name), err)
	}
	return tokenOf(&t.Token), nil
}

func tokenOf(t *armcontainerregistry.Token) Token {
	out := Token{Name: deref(t.Name), Enabled: true}
	p := t.Properties
	if p == nil {
		return out
	}
	out.Created = deref(p.CreationDate)
	out.Enabled = !strings.EqualFold(string(deref(p.Status)), "disabled")
	id := deref(p.ScopeMapID)
	out.ScopeMap = id[strings.LastIndexByte(id, '/')+1:]
	if p.Credentials != nil {
		out.Passwords = passwordsOf(p.Credentials.Passwords)
	}
	return out
}

func passwordsOf(in []*armcontainerregistry.TokenPassword) (out []Password) {
	for _, p := range in {
		if p != nil {
			out = append(out, Password{Slot: Slot(deref(p.Name)), Created: deref(p.CreationTime),
				Expires: deref(p.Expiry), Value: redact.NewSecret(deref(p.Value))})
		}
	}
	slices.SortFunc(out, func(a, b Password) int { return strings.Compare(string(a.Slot), string(b.Slot)) })
	return out
}

// CreateToken makes a token of a scope map, without a password; [acrkit.CodeConflict] if
// there is one of this name, which stays as it is.
func (r *Registry) CreateToken(ctx context.Context, name, scopeMap string) error {
	op := "create the token " + quote(name)
	return r.change(ctx, Change{Action: ActionCreate, Kind: KindToken, Name: name,
		After: &Rights{ScopeMap: scopeMap, Enabled: true}}, func(ctx context.Context) error {
		if _, err := r.Token(ctx, name); err == nil {
			return r.conflict(op, "there is a token of this name already")
		} else if !isNotFound(err) {
			return err
		}
		status := armcontainerregistry.TokenStatusEnabled
		properties := &armcontainerregistry.TokenProperties{ScopeMapID: r.scopeMapID(scopeMap), Status: &status}
		poller, err := r.tokens.BeginCreate(ctx, r.id.ResourceGroupName, r.id.Name, name,
			armcontainerregistry.Token{Properties: properties}, nil)
		_, err = finish(ctx, r, op, poller, err)
		return err
	})
}

// TokenChange is what [Registry.UpdateToken] changes; nil leaves it.
type TokenChange struct {
	ScopeMap *string // the name of another scope map
	Enabled  *bool
}

// UpdateToken changes a token. from is the token as it was read: if its scope map or status is
// another one now, the error has [acrkit.CodeConflict] and says which; nothing is written.
func (r *Registry) UpdateToken(ctx context.Context, from Token, change TokenChange) error {
	op := "change the token " + quote(from.Name)
	to, properties := from, &armcontainerregistry.TokenUpdateProperties{}
	if change.ScopeMap != nil {
		to.ScopeMap, properties.ScopeMapID = *change.ScopeMap, r.scopeMapID(*change.ScopeMap)
	}
	if change.Enabled != nil {
		to.Enabled = *change.Enabled
		status := armcontainerregistry.TokenStatusDisabled
		if to.Enabled {
			status = armcontainerregistry.TokenStatusEnabled
		}
		properties.Status = &status
	}
	return r.change(ctx, Change{Action: ActionUpdate, Kind: KindToken, Name: from.Name, Before: from.rights(),
		After: to.rights()}, func(ctx context.Context) error {
		now, err := r.Token(ctx, from.Name)
		if err != nil {
			return err
		}
		if changes := settingChanges(from, now); len(changes) > 0 {
			return r.conflict(op, "it was changed since it was read ("+strings.Join(changes, "; ")+
				"); nothing was written")
		}
		return r.patchToken(ctx, op, from.Name, properties)
	})
}

func (r *Registry) patchToken(ctx context.Context, op, name string,
	properties *armcontainerregistry.TokenUpdateProperties) error {
	poller, err := r.tokens.BeginUpdate(ctx, r.id.ResourceGroupName, r.id.Name, name,
		armcontainerregistry.TokenUpdateParameters{Properties: properties}, nil)
	_, err = finish(ctx, r, op, poller, err)
	return err
}

// DeleteToken deletes a token with its passwords; [acrkit.CodeNotFound] if there is none. from
// is the token as it was read: if its scope map, status or passwords are others now, the error
// has [acrkit.CodeConflict] and says which; nothing is deleted. Its scope map stays. Access
// tokens that were issued to it live on, about an hour at most.
func (r *Registry) DeleteToken(ctx context.Context, from Token) error {
	op := "delete the token " + quote(from.Name)
	now, err := r.Token(ctx, from.Name)
	if err != nil {
		return err
	}
	return r.change(ctx, Change{Action: ActionDelete, Kind: KindToken, Name: from.Name, Before: now.rights()},
		func(ctx context.Context) error {
			//rule:manage-delete-token
			if changes := tokenChanges(from, now); len(changes) > 0 {
				return r.conflict(op, "it was changed since it was read ("+strings.Join(changes, "; ")+
					"); nothing was deleted")
			}
			poller, err := r.tokens.BeginDelete(ctx, r.id.ResourceGroupName, r.id.Name, from.Name, nil)
			_, err = finish(ctx, r, op, poller, err)
			return err
		})
}

// settingChanges says how the settings of a token have changed, a clause each.
func settingChanges(from, now Token) (changes []string) {
	if !strings.EqualFold(now.ScopeMap, from.ScopeMap) {
		changes = append(changes, "its scope map is now "+quote(now.ScopeMap))
	}
	switch {
	case now.Enabled && !from.Enabled:
		changes = append(changes, "it is enabled now")
	case from.Enabled && !now.Enabled:
		changes = append(changes, "it is disabled now")
	}
	return changes
}

// tokenChanges says how a token has changed, its passwords included, a clause each.
func tokenChanges(from, now Token) []string {
	if !now.Created.Equal(from.Created) {
		return []string{"it was deleted and made again"}
	}
	changes := settingChanges(from, now)
	for _, slot := range []Slot{Slot1, Slot2} {
		was, had := from.Password(slot)
		is, has := now.Password(slot)
		switch {
		case had && !has:
			changes = append(changes, string(slot)+" was removed")
		case has && (!had || !is.Created.Equal(was.Created)):
			changes = append(changes, string(slot)+" is a new one")
		}
	}
	return changes
}

// GeneratePassword makes a new password in a slot of a token; the one that was there no
// longer works. expires zero means that it does not expire. The value is in the answer
// only. It is accepted within about a minute (Microsoft's documentation), not at once.
//
// An answer that is lost loses the value: the slot then has an unknown password,
// and may be generated again.
func (r *Registry) GeneratePassword(ctx context.Context, token string, slot Slot, expires time.Time) (Password, error) {
	op := "generate " + string(slot) + " of the token " + quote(token)
	out := Password{Slot: slot}
	c := Change{Action: ActionGenerate, Kind: KindPassword, Name: token, Slot: slot}
	if !expires.IsZero() {
		c.Expires = &expires
	}
	err := r.change(ctx, c, func(ctx context.Context) error {
		if slot != Slot1 && slot != Slot2 {
			return &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Reason: "a token has password1 and password2"}
		}
		id, name := r.ID()+"/tokens/"+token, armcontainerregistry.TokenPasswordName(slot)
		parameters := armcontainerregistry.GenerateCredentialsParameters{TokenID: &id, Name: &name}
		if !expires.IsZero() {
			utc := expires.UTC()
			parameters.Expiry = &utc
		}
		poller, err := r.registries.BeginGenerateCredentials(ctx, r.id.ResourceGroupName, r.id.Name, parameters, nil)
		made, err := finish(ctx, r, op, poller, err)
		if err != nil {
			return err
		}
		for _, p := range passwordsOf(made.Passwords) { // the other slot's has no value
			if p.Slot == slot && !p.Value.IsZero() {
				out = p
				return nil
			}
		}
		return &acrkit.Error{Code: acrkit.CodeProtocol, Op: op, Registry: r.registry,
			Reason: "the answer holds no password of this slot"}
	})
	return out, err
}

// RemovePassword removes the password of a slot; nothing happens if there is none. The
// other slot keeps its password. created is the time of the password that is meant, and
// zero means any: if the slot holds another one, the error has [acrkit.CodeConflict].
func (r *Registry) RemovePassword(ctx context.Context, token string, slot Slot, created time.Time) error {
	op := "remove " + string(slot) + " of the token " + quote(token)
	t, err := r.Token(ctx, token)
	if err != nil {
		return err
	}
	p, ok := t.Password(slot)
	if !ok {
		return nil
	}
	return r.change(ctx, Change{Action: ActionRemove, Kind: KindPassword, Name: token, Slot: slot},
		func(ctx context.Context) error {
			//rule:manage-remove-created
			if !created.IsZero() && !p.Created.Equal(created) {
				return r.conflict(op, "it is another password now; nothing was removed")
			}
			// A PATCH keeps the slots that it names, as az's credential delete relies on.
			keep := []*armcontainerregistry.TokenPassword{}
			for _, other := range t.Passwords {
				if other.Slot != slot {
					name := armcontainerregistry.TokenPasswordName(other.Slot)
					kept := &armcontainerregistry.TokenPassword{Name: &name}
					if !other.Expires.IsZero() {
						kept.Expiry = &other.Expires
					}
					keep = append(keep, kept)
				}
			}
			return r.patchToken(ctx, op, token, &armcontainerregistry.TokenUpdateProperties{
				Credentials: &armcontainerregistry.TokenCredentialsProperties{Passwords: keep}})
		})
}

func (t Token) rights() *Rights { return &Rights{ScopeMap: t.ScopeMap, Enabled: t.Enabled} }

func (r *Registry) scopeMapID(name string) *string {
	id := r.ID() + "/scopeMaps/" + name
	return &id
}

// finish waits until a change is made. poller and err are what Begin… of the SDK returned.
func finish[T any](ctx context.Context, r *Registry, op string, poller *runtime.Poller[T], err error) (T, error) {
	var made T
	if err == nil {
		made, err = await(ctx, r, poller)
	}
	return made, r.failed(ctx, op, err)
}

func isNotFound(err error) bool { return errors.Is(err, acrkit.CodeNotFound) }

func pointers(all []string) []*string {
	out := make([]*string, len(all))
	for i := range all {
		out[i] = &all[i]
	}
	return out
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
