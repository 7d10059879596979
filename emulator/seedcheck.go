package emulator

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/guid"
	"github.com/acrkit/acrkit/emulator/internal/identity"
	"github.com/acrkit/acrkit/internal/imagegen"
	"github.com/acrkit/acrkit/scopemap"
)

// Limits on what a seed holds. The shortest password is ours: a rehearsal with
// "x" shows nothing. The longest keeps a Basic header small.
const (
	MinPassword = 8
	MaxPassword = 256
)

// MinLifetime is the shortest token lifetime that a seed may set; below it a
// token expires on its way.
const MinLifetime = time.Second

// MaxLifetime is the longest token lifetime that a seed may set.
const MaxLifetime = 24 * time.Hour

var (
	// Source of the three: the patterns of the ARM API's description.
	registryNameRE = regexp.MustCompile(`^[a-zA-Z0-9]{5,50}$`)
	tokenNameRE    = regexp.MustCompile(`^[a-zA-Z0-9-]{5,50}$`)
	scopeMapNameRE = regexp.MustCompile(`^[a-zA-Z0-9_-]{5,50}$`)
	groupNameRE    = regexp.MustCompile(`^[a-zA-Z0-9._()-]{1,90}$`)
	locationRE     = regexp.MustCompile(`^[a-z0-9]{2,40}$`)
)

// tierLimit is the number of tokens, and of scope maps, a tier allows.
// Source: Microsoft, "Azure Container Registry service tiers".
var tierLimit = map[string]int{"Basic": 100, "Standard": 500, "Premium": 50_000}

const maxDescription = 256 // documented for scope maps

// unique reports a name that was there before.
type unique map[string]bool

func (u unique) add(p *seedProblems, path, name, what string) {
	if u[name] {
		p.add(path, "%s %s occurs twice", what, quote(name))
	}
	u[name] = true
}

func (l SeedLifetimes) check(p *seedProblems) {
	for _, x := range []struct {
		name string
		d    time.Duration
	}{{"access", l.Access}, {"refresh", l.Refresh}, {"entra", l.Entra}} {
		if x.d != 0 && (x.d < MinLifetime || x.d > MaxLifetime) {
			p.add("tokenLifetimes."+x.name, "is not between %v and %v", MinLifetime, MaxLifetime)
		}
	}
}

func (s *Seed) check(p *seedProblems) {
	s.TokenLifetimes.check(p)
	applications := s.checkTenants(p)
	s.checkSubscriptions(p)
	if len(s.Registries) == 0 {
		p.add("registries", "there is no registry")
	}
	names := unique{}
	for i := range s.Registries {
		r, path := &s.Registries[i], fmt.Sprintf("registries[%d]", i)
		names.add(p, path+".name", strings.ToLower(r.Name), "registry")
		r.check(p, path, applications)
		s.checkPlace(p, path, r)
	}
}

func (s *Seed) checkTenants(p *seedProblems) unique {
	tenants, applications := unique{}, unique{}
	for i, t := range s.Tenants {
		path := fmt.Sprintf("tenants[%d]", i)
		if !guid.Is(t.ID) {
			p.add(path+".id", "is not a GUID")
		}
		tenants.add(p, path+".id", strings.ToLower(t.ID), "tenant")
		for j, a := range t.Applications {
			path := fmt.Sprintf("%s.applications[%d]", path, j)
			if !guid.Is(a.ClientID) {
				p.add(path+".clientId", "is not a GUID")
			}
			applications.add(p, path+".clientId", strings.ToLower(a.ClientID), "client id")
			checkText(p, path+".displayName", a.DisplayName, maxDescription)
			for k, x := range a.Secrets {
				checkPassword(p, fmt.Sprintf("%s.secrets[%d]", path, k), x.Value)
			}
			a.checkKeys(p, path)
		}
	}
	return applications
}

func (s *Seed) checkSubscriptions(p *seedProblems) {
	ids := unique{}
	for i, sub := range s.Subscriptions {
		path := fmt.Sprintf("subscriptions[%d]", i)
		if !guid.Is(sub.ID) {
			p.add(path+".id", "is not a GUID")
		}
		ids.add(p, path+".id", strings.ToLower(sub.ID), "subscription")
		checkText(p, path+".displayName", sub.DisplayName, maxDescription)
		if sub.TenantID != "" && !slices.ContainsFunc(s.Tenants, func(t SeedTenant) bool { return strings.EqualFold(t.ID, sub.TenantID) }) {
			p.add(path+".tenantId", "names no tenant of this seed")
		}
		if len(sub.ResourceGroups) == 0 {
			p.add(path, "has no resourceGroups")
		}
		groups := unique{}
		for j, g := range sub.ResourceGroups {
			path := fmt.Sprintf("%s.resourceGroups[%d]", path, j)
			if !groupNameRE.MatchString(g.Name) {
				p.add(path+".name", "is not a resource group's name (letters, digits and . _ - ( ), at most 90)")
			}
			groups.add(p, path+".name", strings.ToLower(g.Name), "resource group")
			checkLocation(p, path+".location", g.Location)
		}
	}
}

// checkPlace checks that the registry's subscription and group exist.
func (s *Seed) checkPlace(p *seedProblems, path string, r *SeedRegistry) {
	if r.Subscription == "" && r.ResourceGroup == "" {
		return
	}
	if len(s.Subscriptions) == 0 {
		p.add(path, "names a subscription or resource group, but the seed has no subscriptions")
		return
	}
	sub := s.Subscriptions[0]
	if r.Subscription != "" {
		i := slices.IndexFunc(s.Subscriptions, func(x SeedSubscription) bool { return strings.EqualFold(x.ID, r.Subscription) })
		if i < 0 {
			p.add(path+".subscription", "names no subscription of this seed")
			return
		}
		sub = s.Subscriptions[i]
	}
	if r.ResourceGroup != "" && !slices.ContainsFunc(sub.ResourceGroups, func(g SeedResourceGroup) bool { return strings.EqualFold(g.Name, r.ResourceGroup) }) {
		p.add(path+".resourceGroup", "%s is no resource group of its subscription", quote(r.ResourceGroup))
	}
}

func checkLocation(p *seedProblems, path, location string) {
	if location != "" && !locationRE.MatchString(location) {
		p.add(path, "is not a location such as westeurope")
	}
}

// checkText keeps control characters out of what is shown and logged.
func checkText(p *seedProblems, path, s string, most int) {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		p.add(path, "has control characters")
	}
	if utf8.RuneCountInString(s) > most {
		p.add(path, "is longer than %d characters", most)
	}
}

func checkPassword(p *seedProblems, path string, value Secret) {
	if value == "" {
		p.add(path, "has no value")
		return
	}
	path += ".value"
	switch n := len(value); {
	case n < MinPassword:
		p.add(path, "is shorter than %d bytes", MinPassword)
	case n > MaxPassword:
		p.add(path, "is longer than %d bytes", MaxPassword)
	}
	for _, c := range []byte(value) {
		if c < ' ' || c > '~' {
			p.add(path, "has a character that is not printable ASCII")
			return
		}
	}
}

func (r *SeedRegistry) check(p *seedProblems, path string, applications unique) {
	if !registryNameRE.MatchString(r.Name) {
		p.add(path+".name", "%s is not a registry's name (5 to 50 letters and digits)", quote(r.Name))
	}
	checkLocation(p, path+".location", r.Location)
	limit, ok := tierLimit[identity.OrPremium(r.SKU)]
	if !ok {
		p.add(path+".sku", "%s is none of Basic, Standard, Premium", quote(r.SKU))
		limit = tierLimit["Premium"]
	}
	if r.AnonymousPullEnabled && r.SKU == "Basic" {
		p.add(path+".anonymousPullEnabled", "the Basic tier has no anonymous pull")
	}
	switch r.RoleAssignmentMode {
	case "", identity.ModeLegacy, identity.ModeABAC:
	default:
		p.add(path+".roleAssignmentMode", "%s is neither %s nor %s", quote(r.RoleAssignmentMode), identity.ModeLegacy, identity.ModeABAC)
	}
	switch r.ArmTokenPolicy {
	case "", "enabled", "disabled":
	default:
		p.add(path+".azureADAuthenticationAsArmPolicy", "%s is neither enabled nor disabled", quote(r.ArmTokenPolicy))
	}
	for i, a := range r.RoleAssignments {
		a.check(p, fmt.Sprintf("%s.roleAssignments[%d]", path, i), applications)
	}
	repositories := unique{}
	for i, repo := range r.Repositories {
		path := fmt.Sprintf("%s.repositories[%d]", path, i)
		repositories.add(p, path+".name", repo.Name, "repository")
		repo.check(p, path)
	}
	maps := unique{}
	for _, m := range scopemap.System() {
		maps[m.Name] = true
	}
	for i, m := range r.ScopeMaps {
		path := fmt.Sprintf("%s.scopeMaps[%d]", path, i)
		maps.add(p, path+".name", m.Name, "scope map")
		m.check(p, path)
	}
	if n := len(r.ScopeMaps); n > limit {
		p.add(path+".scopeMaps", "has %d scope maps; the tier allows %d", n, limit)
	}
	tokens := unique{}
	for i, t := range r.Tokens {
		path := fmt.Sprintf("%s.tokens[%d]", path, i)
		tokens.add(p, path+".name", strings.ToLower(t.Name), "token")
		t.check(p, path, maps)
		if strings.EqualFold(t.Name, r.Name) {
			p.add(path+".name", "is the name of the registry, which is its admin user's")
		}
	}
	if n := len(r.Tokens); n > limit {
		p.add(path+".tokens", "has %d tokens; the tier allows %d", n, limit)
	}
}

func (a *SeedRoleAssignment) check(p *seedProblems, path string, applications unique) {
	if !applications[strings.ToLower(a.ClientID)] {
		p.add(path+".clientId", "names no application of this seed")
	}
	role, ok := identity.RoleByName(a.Role)
	if !ok {
		p.add(path+".role", "%s is none of %s", quote(a.Role), strings.Join(identity.RoleNames(), ", "))
		return
	}
	if len(a.Repositories) > 0 && !role.Conditions {
		p.add(path+".repositories", "the role %s cannot be limited to repositories", a.Role)
	}
	for i, pattern := range a.Repositories {
		if _, err := scopemap.ParsePattern(pattern); err != nil {
			p.add(fmt.Sprintf("%s.repositories[%d]", path, i), "%s", reasonOf(err))
		}
	}
}

func (r *SeedRepository) check(p *seedProblems, path string) {
	if err := acrkit.CheckRepositoryName(r.Name); err != nil {
		p.add(path+".name", "%s", reasonOf(err))
	}
	tags := unique{}
	for i, image := range r.Images {
		path := fmt.Sprintf("%s.images[%d]", path, i)
		for j, tag := range image.Tags {
			path := fmt.Sprintf("%s.tags[%d]", path, j)
			if !acrkit.IsTag(tag) {
				p.add(path, "%s is not a tag", quote(tag))
			}
			tags.add(p, path, tag, "tag")
		}
		if len(image.Platforms) > imagegen.MaxPlatforms {
			p.add(path+".platforms", "has more than %d platforms", imagegen.MaxPlatforms)
		}
		platforms := unique{}
		for j, platform := range image.Platforms {
			path := fmt.Sprintf("%s.platforms[%d]", path, j)
			if _, err := imagegen.ParsePlatform(platform); err != nil {
				p.add(path, "%s", reasonOf(err))
			}
			platforms.add(p, path, platform, "platform")
		}
	}
}

func (m *SeedScopeMap) check(p *seedProblems, path string) {
	if !scopeMapNameRE.MatchString(m.Name) {
		p.add(path+".name", "%s is not a scope map's name (5 to 50 letters, digits, - and _)", quote(m.Name))
	}
	checkText(p, path+".description", m.Description, maxDescription)
	if len(m.Actions) == 0 {
		p.add(path, "has no actions")
	}
	if len(m.Actions) > scopemap.MaxActions {
		p.add(path+".actions", "has %d actions; the service allows %d", len(m.Actions), scopemap.MaxActions)
	}
	for i, line := range m.Actions {
		if _, err := scopemap.ParseRule(line); err != nil {
			p.add(fmt.Sprintf("%s.actions[%d]", path, i), "%s", reasonOf(err))
		}
	}
}

func (t *SeedToken) check(p *seedProblems, path string, maps unique) {
	if !tokenNameRE.MatchString(t.Name) {
		p.add(path+".name", "%s is not a token's name (5 to 50 letters, digits and -)", quote(t.Name))
	}
	if t.Name == identity.ZeroGUID {
		p.add(path+".name", "is the user name that goes with refresh tokens; a token of that name could not log in")
	}
	switch {
	case t.ScopeMap == "":
		p.add(path, "has no scopeMap")
	case !maps[t.ScopeMap]:
		p.add(path+".scopeMap", "there is no scope map %s in this registry", quote(t.ScopeMap))
	}
	switch t.Status {
	case "", "enabled", "disabled":
	default:
		p.add(path+".status", "%s is neither enabled nor disabled", quote(t.Status))
	}
	slots := unique{}
	for i, pw := range t.Passwords {
		path := fmt.Sprintf("%s.passwords[%d]", path, i)
		if !identity.IsSlot(pw.Name) {
			p.add(path+".name", "is neither password1 nor password2")
		} else {
			slots.add(p, path+".name", pw.Name, "password")
		}
		checkPassword(p, path, pw.Value)
	}
}

// reasonOf returns the reason alone of an error of ours.
func reasonOf(err error) string {
	if e, ok := errors.AsType[*acrkit.Error](err); ok && e.Reason != "" {
		return e.Reason
	}
	return err.Error()
}
