package seed

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/service"
	"github.com/acrkit/acrkit/internal/condition"
	"github.com/acrkit/acrkit/internal/guid"
	"github.com/acrkit/acrkit/internal/imagegen"
	"github.com/acrkit/acrkit/internal/wording"
	"github.com/acrkit/acrkit/scopemap"
)

// Limits on what a seed holds.
const (
	// The shortest password is ours: a rehearsal with "x" shows nothing. The longest keeps
	// a Basic header small. Both are in bytes.
	minPassword = 8
	maxPassword = 256
	// A token of a shorter life expires on its way.
	minLifetime    = time.Second
	maxLifetime    = 24 * time.Hour
	maxDescription = 256 // characters; documented for scope maps
	// In characters; ours: the service's limit is not known.
	maxRoleDescription = 1024
)

var (
	// Source of the three: the patterns of the ARM API's description.
	registryNameRE = regexp.MustCompile(`^[a-zA-Z0-9]{5,50}$`)
	tokenNameRE    = regexp.MustCompile(`^[a-zA-Z0-9-]{5,50}$`)
	scopeMapNameRE = regexp.MustCompile(`^[a-zA-Z0-9_-]{5,50}$`)
	groupNameRE    = regexp.MustCompile(`^[a-zA-Z0-9._()-]{1,90}$`)
	locationRE     = regexp.MustCompile(`^[a-z0-9]{2,40}$`)
)

// IsRegistryName reports whether s can be the name of a registry: 5 to 50 letters and digits.
func IsRegistryName(s string) bool { return registryNameRE.MatchString(s) }

// unique reports a name that was there before.
type unique map[string]bool

func (u unique) add(p *problems, path, name, what string) {
	if u[name] {
		p.add(path, "%s %s occurs twice", what, wording.Quote(name))
	}
	u[name] = true
}

// Check reports what in the seed could not exist in ACR, as [Read] does for a file. A
// seed is checked again before an emulator uses it.
//
// Errors: [acrkit.CodeUsage].
func (s *Seed) Check() error {
	p := &problems{}
	s.check(p)
	return p.ofSeed("use the seed")
}

// checked returns what check finds, as an error.
func checked(what string, check func(*problems)) error {
	p := &problems{whole: "the " + what}
	check(p)
	if err := p.err("use the " + what); err != nil {
		return err
	}
	return nil
}

// Check reports lifetimes below a second and above a day; zero is none.
func (l Lifetimes) Check() error {
	return checked("token lifetimes", func(p *problems) { l.check(p, "") })
}

// Check reports what in the tenant could not exist.
func (t *Tenant) Check() error {
	return checked("tenant", func(p *problems) { t.check(p, "", unique{}) })
}

// Check reports an unknown role, and a condition that is not understood or that the role
// cannot have. Roles are the built-in ones and custom. It does not know whether there is the
// application.
func (a *RoleAssignment) Check(custom ...RoleDefinition) error {
	return checked("role assignment", func(p *problems) { a.check(p, "", rolesWith(custom)) })
}

// Check reports what in the repository could not exist.
func (r *Repository) Check() error {
	return checked("repository", func(p *problems) { r.check(p, "") })
}

// Check reports what in the scope map could not exist.
func (m *ScopeMap) Check() error {
	return checked("scope map", func(p *problems) { m.check(p, "") })
}

// Check reports what in the token could not exist. It does not know whether there is the
// scope map.
func (t *Token) Check() error {
	return checked("token", func(p *problems) { t.check(p, "") })
}

// Check reports another name than password1 or password2, and a value that is not from 8
// to 256 printable ASCII characters.
func (w *Password) Check() error {
	return checked("password", func(p *problems) {
		if !service.IsSlot(w.Name) {
			p.add("name", "is neither password1 nor password2")
		}
		checkSecret(p, "", w.Value, w.ValueFrom)
	})
}

func (l Lifetimes) check(p *problems, path string) {
	for _, x := range []struct {
		name string
		d    time.Duration
	}{{"access", l.Access}, {"refresh", l.Refresh}, {"entra", l.Entra}} {
		if x.d != 0 && (x.d < minLifetime || x.d > maxLifetime) {
			p.add(join(path, x.name), "is not between %v and %v", minLifetime, maxLifetime)
		}
	}
}

func (s *Seed) check(p *problems) {
	s.TokenLifetimes.check(p, "tokenLifetimes")
	s.checkRoleDefinitions(p)
	known := known{s.checkTenants(p), rolesWith(s.RoleDefinitions), s.assignable}
	s.checkSubscriptions(p, known)
	if s.Registries == nil {
		p.add("registries", "there is no registry; [] says that there shall be none")
	}
	names := unique{}
	for i := range s.Registries {
		r, path := &s.Registries[i], fmt.Sprintf("registries[%d]", i)
		names.add(p, path+".name", strings.ToLower(r.Name), "registry")
		r.check(p, path)
		checkRoles(p, path, s.idOf(r), r.RoleAssignments, known)
		s.checkPlace(p, path, r)
	}
}

// known is what role assignments can refer to.
type known struct {
	applications unique
	roles        roles
	assignable   func(role, scope string) bool
}

func (s *Seed) checkTenants(p *problems) unique {
	tenants, applications := unique{}, unique{}
	for i := range s.Tenants {
		t, path := &s.Tenants[i], fmt.Sprintf("tenants[%d]", i)
		t.check(p, path, applications)
		tenants.add(p, path+".id", strings.ToLower(t.ID), "tenant")
	}
	return applications
}

func (t *Tenant) check(p *problems, path string, applications unique) {
	if !guid.Is(t.ID) {
		p.add(join(path, "id"), "is not a GUID")
	}
	for i, a := range t.Applications {
		path := item(path, "applications", i)
		if !guid.Is(a.ClientID) {
			p.add(path+".clientId", "is not a GUID")
		}
		applications.add(p, path+".clientId", strings.ToLower(a.ClientID), "client id")
		if a.ObjectID != "" {
			if !guid.Is(a.ObjectID) {
				p.add(path+".objectId", "is not a GUID")
			}
			applications.add(p, path+".objectId", "object "+strings.ToLower(a.ObjectID), "object id")
		}
		checkText(p, path+".displayName", a.DisplayName, maxDescription)
		for k, x := range a.Secrets {
			checkSecret(p, fmt.Sprintf("%s.secrets[%d]", path, k), x.Value, x.ValueFrom)
		}
		a.checkKeys(p, path)
	}
}

func (s *Seed) checkSubscriptions(p *problems, known known) {
	ids := unique{}
	for i, sub := range s.Subscriptions {
		path := fmt.Sprintf("subscriptions[%d]", i)
		if !guid.Is(sub.ID) {
			p.add(path+".id", "is not a GUID")
		}
		ids.add(p, path+".id", strings.ToLower(sub.ID), "subscription")
		checkText(p, path+".displayName", sub.DisplayName, maxDescription)
		isTenant := func(t Tenant) bool { return strings.EqualFold(t.ID, sub.TenantID) }
		if sub.TenantID != "" && !slices.ContainsFunc(s.Tenants, isTenant) {
			p.add(path+".tenantId", "names no tenant of this seed")
		}
		if sub.ResourceGroups == nil {
			p.add(path, "has no resourceGroups; [] says that there shall be none")
		}
		groups := unique{}
		for j, g := range sub.ResourceGroups {
			path := fmt.Sprintf("%s.resourceGroups[%d]", path, j)
			if !groupNameRE.MatchString(g.Name) {
				p.add(path+".name", "is not a resource group's name (letters, digits and . _ - ( ), at most 90)")
			}
			groups.add(p, path+".name", strings.ToLower(g.Name), "resource group")
			checkLocation(p, path+".location", g.Location)
			checkTags(p, path+".tags", g.Tags)
			checkRoles(p, path, "/subscriptions/"+sub.ID+"/resourceGroups/"+g.Name, g.RoleAssignments, known)
		}
		checkRoles(p, path, "/subscriptions/"+sub.ID, sub.RoleAssignments, known)
	}
}

// checkPlace checks that the registry's subscription and group exist.
func (s *Seed) checkPlace(p *problems, path string, r *Registry) {
	if len(s.Subscriptions) == 0 {
		if r.Subscription != "" || r.ResourceGroup != "" {
			p.add(path, "names a subscription or resource group, but the seed has no subscriptions")
		}
		return
	}
	sub := s.Subscriptions[0]
	if r.Subscription != "" {
		i := slices.IndexFunc(s.Subscriptions, func(x Subscription) bool {
			return strings.EqualFold(x.ID, r.Subscription)
		})
		if i < 0 {
			p.add(path+".subscription", "names no subscription of this seed")
			return
		}
		sub = s.Subscriptions[i]
	}
	if len(sub.ResourceGroups) == 0 {
		p.add(path, "is in a subscription without resourceGroups")
		return
	}
	isGroup := func(g ResourceGroup) bool { return strings.EqualFold(g.Name, r.ResourceGroup) }
	if r.ResourceGroup != "" && !slices.ContainsFunc(sub.ResourceGroups, isGroup) {
		p.add(path+".resourceGroup", "%s is no resource group of its subscription", wording.Quote(r.ResourceGroup))
	}
}

func checkLocation(p *problems, path, location string) {
	if location != "" && !locationRE.MatchString(location) {
		p.add(path, "is not a location such as westeurope")
	}
}

// checkText keeps control characters out of what is shown and logged.
func checkText(p *problems, path, s string, most int) {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		p.add(path, "has control characters")
	}
	if utf8.RuneCountInString(s) > most {
		p.add(path, "is longer than %d characters", most)
	}
}

// checkLines is checkText for a text of several lines.
func checkLines(p *problems, path, s string, most int) {
	checkText(p, path, strings.NewReplacer("\n", " ", "\r", " ", "\t", " ").Replace(s), most)
}

func checkSecret(p *problems, path string, value Secret, from ValueFrom) {
	if value == "" && from != (ValueFrom{}) {
		if !p.unread {
			p.add(join(path, "valueFrom"), "its value was not read")
		}
		return
	}
	if value == "" {
		p.add(path, "has no value")
		return
	}
	if path = join(path, "value"); from != (ValueFrom{}) {
		path += "From"
	}
	switch n := len(value); {
	case n < minPassword:
		p.add(path, "is shorter than %d bytes", minPassword)
	case n > maxPassword:
		p.add(path, "is longer than %d bytes", maxPassword)
	}
	for _, c := range []byte(value) {
		if c < ' ' || c > '~' {
			p.add(path, "has a character that is not printable ASCII")
			return
		}
	}
}

func checkTags(p *problems, path string, tags map[string]string) {
	if problem := service.CheckTags(tags); problem != "" {
		p.add(path, "%s", problem)
	}
}

func (r *Registry) check(p *problems, path string) {
	if !registryNameRE.MatchString(r.Name) {
		p.add(path+".name", "%s is not a registry's name (5 to 50 letters and digits)", wording.Quote(r.Name))
	}
	checkLocation(p, path+".location", r.Location)
	limit, ok := service.TierLimit(r.SKU)
	if !ok {
		p.add(path+".sku", "%s is none of Basic, Standard, Premium", wording.Quote(r.SKU))
		limit, _ = service.TierLimit(service.Premium)
	}
	if r.AnonymousPullEnabled && !service.HasAnonymousPull(r.SKU) {
		p.add(path+".anonymousPullEnabled", "the Basic tier has no anonymous pull")
	}
	switch r.RoleAssignmentMode {
	case "", service.ModeLegacy, service.ModeABAC:
	default:
		p.add(path+".roleAssignmentMode", "%s is neither %s nor %s",
			wording.Quote(r.RoleAssignmentMode), service.ModeLegacy, service.ModeABAC)
	}
	switch r.ArmTokenPolicy {
	case "", "enabled", "disabled":
	default:
		p.add(path+".azureADAuthenticationAsArmPolicy", "%s is neither enabled nor disabled",
			wording.Quote(r.ArmTokenPolicy))
	}
	r.checkSettings(p, path)
	repositories := unique{}
	for i, repo := range r.Repositories {
		path := fmt.Sprintf("%s.repositories[%d]", path, i)
		repositories.add(p, path+".name", repo.Name, "repository")
		repo.check(p, path)
	}
	maps := unique{}
	for _, m := range scopemap.System() {
		maps[strings.ToLower(m.Name)] = true
	}
	for i, m := range r.ScopeMaps {
		path := fmt.Sprintf("%s.scopeMaps[%d]", path, i)
		maps.add(p, path+".name", strings.ToLower(m.Name), "scope map")
		m.check(p, path)
	}
	if n := len(r.ScopeMaps); n > limit {
		p.add(path+".scopeMaps", "has %d scope maps; the tier allows %d", n, limit)
	}
	tokens := unique{}
	for i, t := range r.Tokens {
		path := fmt.Sprintf("%s.tokens[%d]", path, i)
		tokens.add(p, path+".name", strings.ToLower(t.Name), "token")
		t.check(p, path)
		if t.ScopeMap != "" && !maps[strings.ToLower(t.ScopeMap)] {
			p.add(path+".scopeMap", "there is no scope map %s in this registry", wording.Quote(t.ScopeMap))
		}
		if strings.EqualFold(t.Name, r.Name) {
			p.add(path+".name", "is the name of the registry, which is its admin user's")
		}
	}
	if n := len(r.Tokens); n > limit {
		p.add(path+".tokens", "has %d tokens; the tier allows %d", n, limit)
	}
}

// idOf returns the resource id of a registry; "" if the seed does not say where it is.
func (s *Seed) idOf(r *Registry) string {
	for _, sub := range s.Subscriptions {
		if r.Subscription != "" && !strings.EqualFold(sub.ID, r.Subscription) {
			continue
		}
		group := r.ResourceGroup
		if group == "" && len(sub.ResourceGroups) > 0 {
			group = sub.ResourceGroups[0].Name
		}
		return "/subscriptions/" + sub.ID + "/resourceGroups/" + group +
			"/providers/Microsoft.ContainerRegistry/registries/" +
			r.Name
	}
	return ""
}

func checkRoles(p *problems, path, scope string, all []RoleAssignment, known known) {
	for i, a := range all {
		path := item(path, "roleAssignments", i)
		if !known.applications[strings.ToLower(a.ClientID)] {
			p.add(path+".clientId", "names no application of this seed")
		}
		a.check(p, path, known.roles)
		if !known.assignable(a.Role, scope) {
			p.add(path+".role", "%s is not assignable here", wording.Quote(a.Role))
		}
	}
}

func (a *RoleAssignment) check(p *problems, path string, roles roles) {
	role, ok := roles(a.Role)
	if !ok {
		p.add(join(path, "role"), "%s is no custom role, and none of %s", wording.Quote(a.Role),
			strings.Join(service.RoleNames(), ", "))
		return
	}
	checkLines(p, join(path, "description"), a.Description, maxRoleDescription)
	if a.Condition == "" {
		return
	}
	//rule:abac-condition-seed
	if _, err := condition.Parse(a.Condition); err != nil {
		p.add(join(path, "condition"), "%s", wording.Reason(err))
	}
	//rule:abac-condition-role
	if !role.TakesCondition() {
		p.add(join(path, "condition"), "an assignment of the role %s cannot have one", a.Role)
	}
}

func (r *Repository) check(p *problems, path string) {
	if err := acrkit.CheckRepositoryName(r.Name); err != nil {
		p.add(join(path, "name"), "%s", wording.Reason(err))
	}
	tags := unique{}
	for i, image := range r.Images {
		path := item(path, "images", i)
		for j, tag := range image.Tags {
			path := item(path, "tags", j)
			if !acrkit.IsTag(tag) {
				p.add(path, "%s is not a tag", wording.Quote(tag))
			}
			tags.add(p, path, tag, "tag")
		}
		if len(image.Platforms) > imagegen.MaxPlatforms {
			p.add(join(path, "platforms"), "has more than %d platforms", imagegen.MaxPlatforms)
		}
		platforms := unique{}
		for j, platform := range image.Platforms {
			path := item(path, "platforms", j)
			if _, err := imagegen.ParsePlatform(platform); err != nil {
				p.add(path, "%s", wording.Reason(err))
			}
			platforms.add(p, path, platform, "platform")
		}
	}
}

func (m *ScopeMap) check(p *problems, path string) {
	if !scopeMapNameRE.MatchString(m.Name) {
		p.add(join(path, "name"),
			"%s is not a scope map's name (5 to 50 letters, digits, - and _)", wording.Quote(m.Name))
	}
	checkText(p, join(path, "description"), m.Description, maxDescription)
	if len(m.Actions) == 0 {
		p.add(path, "has no actions")
	}
	if len(m.Actions) > scopemap.MaxActions {
		p.add(join(path, "actions"), "has %d actions; the service allows %d", len(m.Actions), scopemap.MaxActions)
	}
	for i, line := range m.Actions {
		if _, err := scopemap.ParseRule(line); err != nil {
			p.add(item(path, "actions", i), "%s", wording.Reason(err))
		}
	}
}

func (t *Token) check(p *problems, path string) {
	if !tokenNameRE.MatchString(t.Name) {
		p.add(join(path, "name"), "%s is not a token's name (5 to 50 letters, digits and -)", wording.Quote(t.Name))
	}
	if t.Name == service.RefreshTokenUser {
		p.add(join(path, "name"),
			"is the user name that goes with refresh tokens; a token of that name could not log in")
	}
	if t.ScopeMap == "" {
		p.add(path, "has no scopeMap")
	}
	switch t.Status {
	case "", "enabled", "disabled":
	default:
		p.add(join(path, "status"), "%s is neither enabled nor disabled", wording.Quote(t.Status))
	}
	slots := unique{}
	for i, pw := range t.Passwords {
		path := item(path, "passwords", i)
		if !service.IsSlot(pw.Name) {
			p.add(join(path, "name"), "is neither password1 nor password2")
		} else {
			slots.add(p, join(path, "name"), pw.Name, "password")
		}
		checkSecret(p, path, pw.Value, pw.ValueFrom)
	}
}
