package principal

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
)

// RefuseChosen refuses, from now on, every password or client secret that can be
// used to log in and whose value was chosen, by a seed or a caller: others may know
// it. It checks the present state now, and each change before it is made. refusal
// makes the error from the secrets' names.
func (s *Store) RefuseChosen(refusal func(names []string) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.refusal = refusal
	return s.check(maps.Values(s.objects))
}

// check is called with the lock of writers.
func (s *Store) check(all iter.Seq[object]) error {
	//rule:chosen-secrets-check
	if s.refusal == nil {
		return nil
	}
	if names := chosenOf(all); len(names) > 0 {
		return s.refusal(names)
	}
	return nil
}

// after returns what there will be after a change.
func (s *Store) after(c *Change) iter.Seq[object] {
	return func(yield func(object) bool) {
		for k, o := range s.objects {
			//rule:chosen-secrets-after
			if c.put[k] == nil && !c.remove[k] && !yield(o) {
				return
			}
		}
		for _, o := range c.put {
			if !yield(o) {
				return
			}
		}
	}
}

// Chosen names the chosen passwords and client secrets that can be used to log in:
// of tokens by registry, slot and name, then of applications.
func (s *Store) Chosen() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return chosenOf(maps.Values(s.objects))
}

// ChosenIn is [Store.Chosen] of what is put into a change, as if nothing else were
// there.
func ChosenIn(put func(c *Change)) []string {
	c := newChange(nil)
	put(c)
	return chosenOf(maps.Values(c.put))
}

// chosenOf is the one place that says what a chosen secret is. Whether it has
// expired does not matter: the clock and the expiry can be set. A password of a
// disabled token does nothing until the token is enabled, which is a change.
func chosenOf(all iter.Seq[object]) []string {
	registries := map[int64]*RegistrySettings{}
	var tokens []*Token
	var applications []*Application
	for o := range all {
		switch x := o.(type) {
		case *RegistrySettings:
			registries[x.ID] = x
		case *Token:
			if x.Enabled {
				tokens = append(tokens, x)
			}
		case *Application:
			//rule:chosen-secrets-chosen-of
			if slices.ContainsFunc(x.Secrets, func(s Secret) bool { return !s.Private }) {
				applications = append(applications, x)
			}
		}
	}
	slices.SortFunc(tokens, func(a, b *Token) int {
		return cmp.Or(cmp.Compare(a.RegistryID, b.RegistryID), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(applications, func(a, b *Application) int { return cmp.Compare(a.ClientID, b.ClientID) })
	var names []string
	for _, t := range tokens {
		registry := "registry " + strconv.FormatInt(t.RegistryID, 10)
		if r := registries[t.RegistryID]; r != nil {
			registry = r.Name
		}
		for _, p := range t.Passwords {
			if p.chosen() {
				names = append(names, fmt.Sprintf("%s of the token %q of %s", p.Slot, t.Name, registry))
			}
		}
	}
	for _, a := range applications {
		names = append(names, "the secret of the application "+a.ClientID)
	}
	return names
}

// chosen reports whether others may know the value, or the one that works until it does.
func (p Password) chosen() bool {
	//rule:chosen-secrets-chosen
	return !p.Generated && !p.Private || p.Before != nil && p.Before.chosen()
}
