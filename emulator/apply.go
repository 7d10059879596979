package emulator

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/refusal"
	"github.com/acrkit/acrkit/emulator/internal/service"
	"github.com/acrkit/acrkit/emulator/internal/write"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/imagegen"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/wording"
)

// SeedMode says what happens to a seed when the data folder holds state already.
type SeedMode string

// The modes. The zero value applies a seed to an empty folder; on one with state
// it is an error if the seed differs from what was applied and from what is
// there.
const (
	// add and change what the seed says; what else is there, pushed content first of all, stays
	SeedMerge SeedMode = "merge"
	SeedReset SeedMode = "reset" // remove all state, pushed content included, and apply the seed
)

func (m SeedMode) check() error {
	switch m {
	case "", SeedMerge, SeedReset:
		return nil
	}
	return &acrkit.Error{Code: acrkit.CodeUsage, Op: "use the seed mode", Reason: wording.Quote(string(m)) +
		" is neither merge nor reset"}
}

// A registry's default name, and where it is by default.
const (
	defaultSubscription = "33333333-3333-3333-3333-333333333333"
	defaultGroup        = "rg"
	defaultLocation     = "westeurope"
	defaultRegistry     = "myregistry"
)

// Keys of the emulator's own metadata in the database.
const (
	metaSeed      = "seed"      // a keyed hash of the seed that was applied last
	metaLifetimes = "lifetimes" // of that seed, or set since
	metaRates     = "rates"     // that it wants rate limits; empty = none
)

// maxDifferences is how many differences between a seed and the state an error lists; it
// counts the rest.
const maxDifferences = 20

// seed applies a seed to the state, or compares the two.
func (e *Emulator) seed(ctx context.Context, s *seed.Seed, mode SeedMode) error {
	_, used := e.ids.Meta(metaSeed) // not First: all registries may have been deleted since
	switch {
	case !used:
		if s == nil {
			s = &seed.Seed{Registries: []seed.Registry{{Name: defaultRegistry}}}
		}
		return e.applyAndKeep(ctx, s)
	case s == nil:
		return e.loadLifetimes()
	case mode == SeedMerge:
		return e.applyAndKeep(ctx, s)
	}
	applied, _ := e.ids.Meta(metaSeed)
	if bytes.Equal(applied, e.seedSum(s)) {
		return e.loadLifetimes()
	}
	differences, err := e.compare(ctx, s)
	if err != nil {
		return err
	}
	if len(differences) > 0 {
		more := ""
		if n := len(differences); n > maxDifferences {
			differences, more = differences[:maxDifferences], fmt.Sprintf("; and %d more", n-maxDifferences)
		}
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: "start with this seed",
			Reason: "the data folder holds another state: " + strings.Join(differences, "; ") + more,
			Hint:   sentence.Fix(sentence.ChooseSeedMode, nil)}
	}
	return e.note(ctx, s)
}

// applyAndKeep applies a seed and takes the snapshot that a reset goes back to.
func (e *Emulator) applyAndKeep(ctx context.Context, s *seed.Seed) error {
	if err := e.apply(ctx, s); err != nil {
		return err
	}
	return e.takeSeed(ctx)
}

// seedSum identifies a seed without storing it.
func (e *Emulator) seedSum(s *seed.Seed) []byte {
	var parts []string
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		switch x := v.Interface().(type) {
		case time.Time:
			parts = append(parts, x.UTC().Format(time.RFC3339Nano))
			return
		case time.Duration:
			parts = append(parts, x.String())
			return
		}
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				walk(v.Field(i))
			}
		case reflect.Slice:
			parts = append(parts, fmt.Sprint(v.Len()))
			for i := range v.Len() {
				walk(v.Index(i))
			}
		case reflect.String:
			parts = append(parts, v.String())
		default:
			parts = append(parts, fmt.Sprint(v.Interface()))
		}
	}
	walk(reflect.ValueOf(*s))
	return e.ids.Keys().Sum(parts...)
}

func (e *Emulator) loadLifetimes() error {
	data, ok := e.ids.Meta(metaLifetimes)
	if !ok {
		return nil
	}
	l := new(principal.Lifetimes)
	if err := json.Unmarshal(data, l); err != nil {
		return damaged(e.dir, fmt.Errorf("the token lifetimes: %w", err))
	}
	e.lifetimes.Store(l)
	return nil
}

// note remembers that the seed was applied.
func (e *Emulator) note(ctx context.Context, s *seed.Seed) error {
	err := e.write.Update(ctx, func(tx *write.Tx) error { return e.putNotes(tx, s) })
	if err != nil {
		return err
	}
	return e.loadLifetimes()
}

func (e *Emulator) putNotes(tx *write.Tx, s *seed.Seed) error {
	lifetimes, err := json.Marshal(principal.Lifetimes(s.TokenLifetimes))
	if err != nil {
		return err
	}
	tx.PutMeta(metaSeed, e.seedSum(s))
	tx.PutMeta(metaLifetimes, lifetimes)
	var rates []byte
	if s.RateLimits {
		rates = []byte("documented")
	}
	tx.PutMeta(metaRates, rates)
	return nil
}

// apply adds and changes what the seed says. Content comes first and the
// identities last, in one transaction: if it is cut short, the folder still
// counts as empty, and the next start applies the seed again.
func (e *Emulator) apply(ctx context.Context, s *seed.Seed) error {
	registries := make([]*principal.RegistrySettings, len(s.Registries))
	for i, r := range s.Registries {
		id, err := e.content.CreateRegistry(ctx, strings.ToLower(r.Name))
		if err != nil {
			return err
		}
		registries[i] = registryOf(s, &r, id)
		for _, repo := range r.Repositories {
			for _, image := range repo.Images {
				m := generate(registries[i].Name, repo.Name, image)
				if err := e.pushGenerated(ctx, id, repo.Name, m, image.Tags, true); err != nil {
					return err
				}
			}
		}
	}
	err := e.write.Update(ctx, func(tx *write.Tx) error {
		for _, t := range s.Tenants {
			tx.PutTenant(t.ID)
			for _, a := range t.Applications {
				if err := tx.PutApplication(t.ID, a); err != nil {
					return err
				}
			}
		}
		for _, sub := range subscriptionsOf(s) {
			tx.PutSubscription(sub)
		}
		for _, d := range definitionsOf(s) {
			if err := tx.PutRoleDefinition(d, ""); err != nil {
				return err
			}
		}
		for _, a := range groupRoles(s) {
			if err := tx.AssignRole(a.scope, a.RoleAssignment); err != nil {
				return err
			}
		}
		for i, r := range s.Registries {
			reg, err := tx.PutRegistry(*registries[i])
			if err == nil {
				err = putSettings(reg, &r)
			}
			if err == nil {
				err = putInRegistry(reg, &r)
			}
			if err != nil {
				return err
			}
		}
		return e.putNotes(tx, s)
	})
	if err != nil {
		return err
	}
	return e.loadLifetimes()
}

// definitionsOf returns the seed's custom roles, with the scopes that are not said.
func definitionsOf(s *seed.Seed) []seed.RoleDefinition {
	all := slices.Clone(s.RoleDefinitions)
	for i := range all {
		if len(all[i].AssignableScopes) == 0 {
			for _, sub := range subscriptionsOf(s) {
				all[i].AssignableScopes = append(all[i].AssignableScopes, principal.SubscriptionID(sub.ID))
			}
		}
	}
	return all
}

// scopedRole is a role on a subscription or a group.
type scopedRole struct {
	scope string
	seed.RoleAssignment
}

// groupRoles returns the roles that a seed gives on subscriptions and groups.
func groupRoles(s *seed.Seed) (out []scopedRole) {
	for _, sub := range s.Subscriptions {
		id := strings.ToLower(sub.ID)
		for _, a := range sub.RoleAssignments {
			out = append(out, scopedRole{principal.SubscriptionID(id), a})
		}
		for _, g := range sub.ResourceGroups {
			for _, a := range g.RoleAssignments {
				out = append(out, scopedRole{principal.GroupID(id, g.Name), a})
			}
		}
	}
	return out
}

// putSettings stores the settings that a seed says, beside those of [registryOf].
func putSettings(w *write.Registry, r *seed.Registry) error {
	next := settingsWith(w.Settings(), r)
	if reflect.DeepEqual(next, w.Settings()) {
		return nil
	}
	return w.PutSettings(next)
}

// settingsWith returns settings with what a registry of a seed says of them. The seed was
// checked.
func settingsWith(s write.Settings, r *seed.Registry) write.Settings {
	if r.PublicNetworkAccess != "" {
		s.NoPublicAccess = r.PublicNetworkAccess == "Disabled"
	}
	if r.NetworkRuleSet.DefaultAction != "" {
		s.Deny, s.Allow = r.NetworkRuleSet.DefaultAction == "Deny", nil
		for _, text := range r.NetworkRuleSet.IPRules {
			if p, err := service.ParseIPRule(text); err == nil {
				s.Allow = append(s.Allow, p.Masked())
			}
		}
	}
	if r.Tags != nil {
		s.Tags = r.Tags
	}
	if len(r.OtherSettings) > 0 {
		s.Kept = maps.Clone(s.Kept)
		if s.Kept == nil {
			s.Kept = map[string]string{}
		}
		maps.Copy(s.Kept, r.OtherSettings)
	}
	return s
}

func putInRegistry(w *write.Registry, r *seed.Registry) error {
	for _, a := range r.RoleAssignments {
		if err := w.AssignRole(a); err != nil {
			return err
		}
	}
	for _, m := range r.ScopeMaps {
		if err := w.PutScopeMap(m); err != nil {
			return err
		}
	}
	for _, t := range r.Tokens {
		if err := w.PutToken(write.Token{Name: t.Name, ScopeMap: t.ScopeMap,
			Disabled: t.Status == "disabled"}); err != nil {
			return err
		}
		for _, p := range t.Passwords {
			if err := w.SetPassword(t.Name, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// subscriptionsOf returns the seed's subscriptions, or the one there is without.
func subscriptionsOf(s *seed.Seed) []*principal.Subscription {
	tenant := service.RefreshTokenUser
	if len(s.Tenants) > 0 {
		tenant = strings.ToLower(s.Tenants[0].ID)
	}
	from := s.Subscriptions
	if len(from) == 0 {
		from = []seed.Subscription{
			{ID: defaultSubscription, ResourceGroups: []seed.ResourceGroup{{Name: defaultGroup}}}}
	}
	var out []*principal.Subscription
	for i, sub := range from {
		x := &principal.Subscription{ID: strings.ToLower(sub.ID), DisplayName: cmp.Or(sub.DisplayName, sub.ID),
			TenantID: cmp.Or(strings.ToLower(sub.TenantID), tenant), Order: i}
		for _, g := range sub.ResourceGroups {
			x.Groups = append(x.Groups, principal.Group{Name: g.Name, Location: cmp.Or(g.Location, defaultLocation),
				Tags: g.Tags})
		}
		out = append(out, x)
	}
	return out
}

// registryOf returns the settings of a registry of the seed, with what it does
// not say filled in. The seed was checked.
func registryOf(s *seed.Seed, r *seed.Registry, id int64) *principal.RegistrySettings {
	subs := subscriptionsOf(s)
	sub := subs[0]
	if i := slices.IndexFunc(subs, func(x *principal.Subscription) bool {
		return strings.EqualFold(x.ID, r.Subscription)
	}); i >= 0 {
		sub = subs[i]
	}
	group := sub.Groups[0]
	if i := slices.IndexFunc(sub.Groups, func(g principal.Group) bool {
		return strings.EqualFold(g.Name, r.ResourceGroup)
	}); i >= 0 {
		group = sub.Groups[i]
	}
	out := &principal.RegistrySettings{
		ID: id, Name: strings.ToLower(r.Name), SKU: service.OrPremium(r.SKU), Admin: r.AdminUserEnabled,
		Anonymous: r.AnonymousPullEnabled,
		Mode:      cmp.Or(r.RoleAssignmentMode, service.ModeLegacy), NoArmTokens: r.ArmTokenPolicy == "disabled",
		Subscription: sub.ID, Group: group.Name, Location: cmp.Or(r.Location, group.Location),
	}
	return out
}

// generate makes the image that a seed names. The seed was checked.
func generate(registry, repository string, image seed.Image) imagegen.Manifest {
	name := registry + "/" + repository
	if len(image.Tags) > 0 {
		name += ":" + image.Tags[0]
	}
	var platforms []ocispec.Platform
	for _, s := range image.Platforms {
		if p, err := imagegen.ParsePlatform(s); err == nil {
			platforms = append(platforms, p)
		}
	}
	switch len(platforms) {
	case 0:
		return imagegen.Image(name, ocispec.Platform{}, nil)
	case 1:
		return imagegen.Image(name, platforms[0], nil)
	}
	return imagegen.Index(name, platforms, nil)
}

// Push stores a generated image in a repository, as a seed does, and moves the
// image's tags to it. It returns the digest of the image or index.
func (r *Registry) Push(ctx context.Context, repository string, image seed.Image) (string, error) {
	if err := (&seed.Repository{Name: repository, Images: []seed.Image{image}}).Check(); err != nil {
		return "", refusal.Of("push the image", err)
	}
	m := generate(r.name, repository, image)
	return m.Descriptor.Digest.String(), r.e.pushGenerated(ctx, r.id, repository, m, image.Tags, false)
}
