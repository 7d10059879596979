package write

import (
	"slices"
	"strings"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/refusal"
	"github.com/acrkit/acrkit/emulator/internal/service"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/wording"
)

// Token is a token to be made.
type Token struct {
	Name     string
	ScopeMap string
	Disabled bool
}

// PutToken makes or changes a token. A new one has no passwords; one that is changed
// keeps its own, and its age.
func (r *Registry) PutToken(t Token) error {
	const op = "store the token"
	if err := (&seed.Token{Name: t.Name, ScopeMap: t.ScopeMap}).Check(); err != nil {
		return refusal.Of(op, err)
	}
	scopeMap, ok := r.tx.c.ScopeMapName(r.set.ID, t.ScopeMap)
	if !ok {
		return refusal.Usage(op, "scopeMap: there is no scope map %s in this registry", wording.Quote(t.ScopeMap))
	}
	if strings.EqualFold(t.Name, r.set.Name) {
		return refusal.Usage(op, "name: is the name of the registry, which is its admin user's")
	}
	next := principal.Token{RegistryID: r.set.ID, Name: t.Name, Created: r.tx.now}
	if old, ok := r.tx.c.Token(r.set.ID, t.Name); ok {
		next = *old
	} else if err := r.room(op, "tokens", r.tx.c.Tokens(r.set.ID)); err != nil {
		return err
	}
	next.ScopeMap, next.Enabled = scopeMap, !t.Disabled
	r.tx.c.Put(&next)
	return nil
}

// TokenChange says what of a token changes.
type TokenChange struct {
	ScopeMap *string // nil = it stays
	Enabled  *bool   // nil = it stays
	// Passwords are the slots whose passwords stay; the others are removed. nil = all stay.
	Passwords []string
}

// ChangeToken changes a token.
//
// Errors: [acrkit.CodeNotFound] for an unknown token or scope map; [acrkit.CodeUsage] for a
// slot without a password, which cannot stay.
func (r *Registry) ChangeToken(name string, change TokenChange) error {
	next, err := r.copyToken(name)
	if err != nil {
		return err
	}
	if m := change.ScopeMap; m != nil {
		found, ok := r.tx.c.ScopeMapName(r.set.ID, *m)
		if !ok {
			return refusal.NotFound("scope map", *m)
		}
		next.ScopeMap = found
	}
	if change.Enabled != nil {
		next.Enabled = *change.Enabled
	}
	if change.Passwords != nil {
		for _, slot := range change.Passwords {
			if _, ok := next.Password(slot); !ok {
				return refusal.Usage("change the token", "credentials.passwords: the token %s has no %s",
					wording.Quote(next.Name), wording.Quote(slot))
			}
		}
		//rule:removed-password-change-token
		next.Passwords = slices.DeleteFunc(next.Passwords, func(p principal.Password) bool {
			return !slices.Contains(change.Passwords, p.Slot)
		})
	}
	r.tx.c.Put(next)
	return nil
}

// DeleteToken removes a token with its passwords.
func (r *Registry) DeleteToken(name string) error {
	t, ok := r.tx.c.Token(r.set.ID, name)
	if !ok {
		return refusal.NotFound("token", name)
	}
	r.tx.c.RemoveToken(t)
	return nil
}

// copyToken returns a copy of a token, to be changed and put.
func (r *Registry) copyToken(name string) (*principal.Token, error) {
	t, ok := r.tx.c.Token(r.set.ID, name)
	if !ok {
		return nil, refusal.NotFound("token", name)
	}
	next := *t
	next.Passwords = slices.Clone(t.Passwords)
	return &next, nil
}

// Password is a password that was just set: its value is not stored.
type Password struct {
	Name    string
	Value   seed.Secret
	Created time.Time
	Expires time.Time // zero = never
}

// NewPasswords says which passwords are made.
type NewPasswords struct {
	Slots   []string  // in their order; none = both
	Expires time.Time // zero = never
	// Delay is how long it takes until a value works that replaces another one, which works
	// until then. The first value of a slot works at once. 0 = at once. Source: Microsoft's
	// page on tokens, which says 60 seconds; that the old value works until then is believed.
	Delay time.Duration
}

// GeneratePasswords makes new passwords for a token. The old ones stop to work.
func (r *Registry) GeneratePasswords(token string, n NewPasswords) ([]Password, error) {
	slots := n.Slots
	if len(slots) == 0 {
		slots = service.Slots()
	}
	var out []Password
	for i, slot := range slots {
		if !service.IsSlot(slot) || slices.Contains(slots[:i], slot) {
			return nil, refusal.Usage("generate passwords", "%s is neither %s nor %s, or occurs twice",
				wording.Quote(slot), service.Password1, service.Password2)
		}
		out = append(out, Password{slot, seed.Secret(principal.NewPassword()), r.tx.now, n.Expires})
	}
	return out, r.setPasswords(token, out, setting{generated: true, delay: n.Delay})
}

// SetPassword gives a token a password of the caller's choice, which the service does
// not allow.
func (r *Registry) SetPassword(token string, p seed.Password) error {
	if err := p.Check(); err != nil {
		return refusal.Of("set the password", err)
	}
	//rule:value-from-token
	private := p.IsPrivate()
	return r.setPasswords(token, []Password{{p.Name, p.Value, r.tx.now, p.Expires}}, setting{private: private})
}

// setting says how passwords are set.
type setting struct {
	generated, private bool // as [principal.Password] has them
	delay              time.Duration
}

func (r *Registry) setPasswords(token string, passwords []Password, how setting) error {
	next, err := r.copyToken(token)
	if err != nil {
		return err
	}
	for _, p := range passwords {
		old, replaces := next.Password(p.Name)
		next.Passwords = slices.DeleteFunc(next.Passwords, func(x principal.Password) bool { return x.Slot == p.Name })
		stored := r.tx.keys.NewPasswordOf(r.set, next.Name, p.Name, string(p.Value), p.Created, p.Expires)
		stored.Generated, stored.Private = how.generated, how.private
		if old, works := old.At(r.tx.now); replaces && works && how.delay > 0 {
			stored.From, stored.Before = r.tx.now.Add(how.delay), &old
		}
		next.Passwords = append(next.Passwords, stored)
	}
	slices.SortFunc(next.Passwords, func(a, b principal.Password) int { return strings.Compare(a.Slot, b.Slot) })
	r.tx.c.Put(next)
	return nil
}

// ExpirePassword sets when a token's password expires; a zero time is now. It may be in
// the future.
//
// Errors: [acrkit.CodeNotFound] for an unknown token and a password that it does not
// have.
func (r *Registry) ExpirePassword(token, slot string, at time.Time) error {
	if at.IsZero() {
		at = r.tx.now
	}
	next, err := r.copyToken(token)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(next.Passwords, func(p principal.Password) bool { return p.Slot == slot })
	if i < 0 {
		return refusal.NotFound("password", slot)
	}
	p := &next.Passwords[i]
	p.Expires = at.UTC()
	if p.Before != nil {
		before := *p.Before
		before.Expires = p.Expires
		p.Before = &before
	}
	r.tx.c.Put(next)
	return nil
}
