package emulator

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/service"
	"github.com/acrkit/acrkit/emulator/internal/write"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/wording"
)

// compare lists what the seed has and the state has not, or has otherwise. What the
// state has beyond the seed is no difference. No secret is quoted.
func (e *Emulator) compare(ctx context.Context, s *seed.Seed) ([]string, error) {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if l := principal.Lifetimes(s.TokenLifetimes); l != *e.lifetimesOf() {
		add("the token lifetimes are others")
	}
	if rates, _ := e.ids.Meta(metaRates); s.RateLimits != (len(rates) > 0) {
		add("the rate limits are others")
	}
	for _, t := range s.Tenants {
		if _, ok := e.ids.Tenant(t.ID); !ok {
			add("there is no tenant %s", t.ID)
			continue
		}
		for _, a := range t.Applications {
			if d := e.compareApplication(t.ID, a); d != "" {
				add("the application %s %s", a.ClientID, d)
			}
		}
	}
	known := e.ids.Subscriptions()
	for _, sub := range subscriptionsOf(s) {
		i := slices.IndexFunc(known, func(x *principal.Subscription) bool { return x.ID == sub.ID })
		if i < 0 {
			add("there is no subscription %s", sub.ID)
		} else if known[i].DisplayName != sub.DisplayName || known[i].TenantID != sub.TenantID ||
			!containsAll(known[i].Groups, sub.Groups) {
			add("the subscription %s is another", sub.ID)
		}
	}
	for _, d := range definitionsOf(s) {
		if !e.defined(d) {
			add("the role %s is not there, or another one", wording.Quote(d.Name))
		}
	}
	for _, a := range groupRoles(s) {
		if !e.assigned(a.scope, a.RoleAssignment) {
			add("%s does not have the role %s on %s", a.ClientID, a.Role, a.scope)
		}
	}
	for i, r := range s.Registries {
		reg, ok := e.ids.RegistryByName(r.Name)
		if !ok {
			add("there is no registry %s", wording.Quote(r.Name))
			continue
		}
		if first, _ := e.ids.First(); i == 0 && first.ID != reg.ID {
			add("the first registry is %s", wording.Quote(first.Name))
		}
		differences, err := e.compareRegistry(ctx, reg, registryOf(s, &r, reg.ID), &r)
		if err != nil {
			return nil, err
		}
		for _, d := range differences {
			add("registry %s: %s", wording.Quote(r.Name), d)
		}
	}
	return out, nil
}

// assigned reports whether an application has a role on a resource itself.
func (e *Emulator) assigned(scope string, a seed.RoleAssignment) bool {
	want := principal.Assignment{Scope: scope, ClientID: a.ClientID, Role: a.Role, Condition: a.Condition}
	return slices.ContainsFunc(e.ids.AssignmentsOf(a.ClientID), want.Same)
}

// defined reports whether there is a custom role.
func (e *Emulator) defined(want seed.RoleDefinition) bool {
	return slices.ContainsFunc(e.ids.RoleDefinitions(), func(d *principal.RoleDefinition) bool {
		have := write.RoleDefinitionOf(d)
		return strings.EqualFold(have.Name, want.Name) && (want.ID == "" || strings.EqualFold(have.ID, want.ID)) &&
			have.Description == want.Description && slices.Equal(have.Actions, want.Actions) &&
			slices.Equal(have.NotActions, want.NotActions) && slices.Equal(have.DataActions, want.DataActions) &&
			slices.Equal(have.NotDataActions, want.NotDataActions) &&
			slices.Equal(have.AssignableScopes, want.AssignableScopes)
	})
}

func containsAll(have, want []principal.Group) bool {
	return !slices.ContainsFunc(want, func(g principal.Group) bool {
		return !slices.ContainsFunc(have, func(x principal.Group) bool {
			return x.Name == g.Name && x.Location == g.Location && (g.Tags == nil || maps.Equal(x.Tags, g.Tags))
		})
	})
}

// lifetimesOf returns the lifetimes of the seed that was applied.
func (e *Emulator) lifetimesOf() *principal.Lifetimes {
	if e.loadLifetimes() != nil {
		return new(principal.Lifetimes)
	}
	return e.lifetimes.Load()
}

func (e *Emulator) compareApplication(tenant string, a seed.Application) string {
	have, ok := e.ids.Application(a.ClientID)
	switch {
	case !ok:
		return "is not there"
	case !strings.EqualFold(have.TenantID, tenant):
		return "is in another tenant"
	case have.DisplayName != a.DisplayName:
		return "has another name"
	case a.ObjectID != "" && !strings.EqualFold(have.ObjectID, a.ObjectID):
		return "has another object id"
	}
	for _, x := range a.Secrets {
		want := e.ids.Keys().NewSecret(have.ClientID, string(x.Value), x.Expires)
		if !slices.ContainsFunc(have.Secrets, func(h principal.Secret) bool {
			//rule:value-from-compare
			return string(h.Hash) == string(want.Hash) && h.Expires.Equal(want.Expires) && h.Private == x.IsPrivate()
		}) {
			return "has other secrets"
		}
	}
	if len(have.Secrets) != len(a.Secrets) {
		return "has other secrets"
	}
	return compareKeys(have, a)
}

func (e *Emulator) compareRegistry(ctx context.Context, have, want *principal.RegistrySettings,
	r *seed.Registry) ([]string, error) {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, x := range []struct {
		name       string
		have, want any
	}{
		{"sku", have.SKU, want.SKU}, {"adminUserEnabled", have.Admin, want.Admin},
		{"anonymousPullEnabled", have.Anonymous, want.Anonymous},
		{"roleAssignmentMode", have.Mode, want.Mode},
		{"azureADAuthenticationAsArmPolicy", !have.NoArmTokens, !want.NoArmTokens},
		{"subscription", have.Subscription, want.Subscription}, {"resourceGroup", have.Group, want.Group},
		{"location", have.Location, want.Location},
	} {
		if x.have != x.want {
			add("%s is %v, not %v", x.name, x.have, x.want)
		}
	}
	is := write.SettingsOf(have)
	said := settingsWith(is, r)
	if is.Deny != said.Deny || !slices.Equal(is.Allow, said.Allow) || is.NoPublicAccess != said.NoPublicAccess {
		add("the network rules are others")
	}
	if !maps.Equal(is.Tags, said.Tags) {
		add("the tags are others")
	}
	for _, name := range slices.Sorted(maps.Keys(r.OtherSettings)) {
		setting, _ := service.FindSetting(name)
		if value := cmp.Or(have.Kept[name], setting.Default()); value != r.OtherSettings[name] {
			add("%s is %s, not %s", name, value, r.OtherSettings[name])
		}
	}
	for _, a := range r.RoleAssignments {
		if !e.assigned(want.ResourceID(), a) {
			with := ""
			if a.Condition != "" {
				with = " with the condition of the seed"
			}
			add("%s does not have the role %s%s", a.ClientID, a.Role, with)
		}
	}
	for _, m := range r.ScopeMaps {
		stored, ok := e.ids.StoredScopeMap(have.ID, m.Name)
		if !ok {
			add("there is no scope map %s", wording.Quote(m.Name))
		} else if stored.Description != m.Description || !slices.Equal(stored.Actions, m.Actions) {
			add("the scope map %s is another", wording.Quote(m.Name))
		}
	}
	for _, t := range r.Tokens {
		if d := e.compareToken(have, &t); d != "" {
			add("the token %s %s", wording.Quote(t.Name), d)
		}
	}
	for _, repo := range r.Repositories {
		for _, image := range repo.Images {
			digest := generate(have.Name, repo.Name, image).Descriptor.Digest.String()
			missing, err := e.missingImage(ctx, have.ID, repo.Name, digest, image.Tags)
			if err != nil {
				return nil, err
			}
			if missing != "" {
				add("there is no %s in the repository %s", missing, wording.Quote(repo.Name))
			}
		}
	}
	return out, nil
}

func (e *Emulator) compareToken(reg *principal.RegistrySettings, t *seed.Token) string {
	have, ok := e.ids.Token(reg.ID, t.Name)
	switch {
	case !ok:
		return "is not there"
	case !strings.EqualFold(have.ScopeMap, t.ScopeMap):
		return "has the scope map " + wording.Quote(have.ScopeMap)
	case have.Enabled != (t.Status != "disabled"):
		return "has another status"
	}
	for _, p := range t.Passwords {
		want := e.ids.Keys().NewPasswordOf(reg, have.Name, p.Name, string(p.Value), have.Created, p.Expires)
		got, ok := have.Password(p.Name)
		//rule:value-from-compare-2
		if !ok || string(got.Hash) != string(want.Hash) || !got.Expires.Equal(want.Expires) ||
			got.Private != p.IsPrivate() {
			return "has another " + p.Name
		}
	}
	return ""
}

// compareKeys says how an application's keys differ from the seed's, or "".
func compareKeys(have *principal.Application, a seed.Application) string {
	certificates, federated := write.PublicKeys(a)
	switch {
	case !slices.EqualFunc(have.Certificates, certificates, bytes.Equal):
		return "has other certificates"
	case !slices.EqualFunc(have.Federated, federated, func(x, y principal.Federated) bool {
		return x.Issuer == y.Issuer && x.Subject == y.Subject && x.Audience == y.Audience &&
			bytes.Equal(x.PublicKey, y.PublicKey)
	}):
		return "has other federatedCredentials"
	}
	return ""
}
