package emulator

import (
	"cmp"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/content"
	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/service"
	"github.com/acrkit/acrkit/emulator/internal/write"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/imagegen"
	"github.com/acrkit/acrkit/scopemap"
)

// Export returns what the emulator holds as a seed, for [seed.Write]: all that was changed
// since the start included, and no secret. Passwords and client secrets have no value, so
// an emulator does not open with the seed itself, but with what [seed.Write] writes.
//
// Of content it has the names and tags of repositories: an image that a seed has generated
// is itself, in the place of any other one a generated image has its tags and platforms.
// What is locked against listing or reading is not in it, nor are locks.
//
// leftOut says what a seed cannot hold, one sentence each. What is changed during the call
// may be in the seed in part.
//
// Errors: [acrkit.CodeTooLarge] for more tags than a seed has room for.
func (e *Emulator) Export(ctx context.Context) (s *seed.Seed, leftOut []string, err error) {
	return e.export(ctx, seed.MaxSize)
}

// export is [Emulator.Export], which fails if the names of repositories and tags have more
// than most bytes.
func (e *Emulator) export(ctx context.Context, most int) (s *seed.Seed, leftOut []string, err error) {
	x := &export{e: e, most: most, seed: &seed.Seed{TokenLifetimes: e.Lifetimes(), RateLimits: e.RateLimits(),
		Subscriptions: []seed.Subscription{}, Registries: []seed.Registry{}}, roles: map[string][]seed.RoleAssignment{}}
	x.identities()
	x.subscriptions()
	for _, r := range e.ids.Registries() {
		if err := x.registry(ctx, r); err != nil {
			return nil, nil, err
		}
	}
	return x.seed, x.leftOut, nil
}

// export is one call of [Emulator.Export].
type export struct {
	e       *Emulator
	seed    *seed.Seed
	leftOut []string
	roles   map[string][]seed.RoleAssignment // by the scope, in lower case

	most, size int // of names of repositories and tags, in bytes
}

func (x *export) leave(format string, args ...any) {
	x.leftOut = append(x.leftOut, fmt.Sprintf(format, args...))
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func (x *export) identities() {
	known := map[string]bool{}
	for _, t := range x.e.ids.Tenants() {
		out := seed.Tenant{ID: t.ID}
		for _, a := range x.e.ids.Applications() {
			if !strings.EqualFold(a.TenantID, t.ID) {
				continue
			}
			known[strings.ToLower(a.ClientID)] = true
			app := seed.Application{ClientID: a.ClientID, ObjectID: a.ObjectID, DisplayName: a.DisplayName}
			for _, s := range a.Secrets {
				app.Secrets = append(app.Secrets, seed.ClientSecret{Expires: s.Expires})
			}
			for _, der := range a.Certificates {
				app.Certificates = append(app.Certificates, seed.Certificate{PEM: pemOf("CERTIFICATE", der)})
			}
			for _, f := range a.Federated {
				app.FederatedCredentials = append(app.FederatedCredentials, seed.FederatedCredential{Issuer: f.Issuer,
					Subject: f.Subject, Audience: f.Audience, PublicKey: pemOf("PUBLIC KEY", f.PublicKey)})
			}
			out.Applications = append(out.Applications, app)
		}
		x.seed.Tenants = append(x.seed.Tenants, out)
	}
	for _, a := range x.e.ids.Assignments() {
		if known[strings.ToLower(a.ClientID)] {
			scope := strings.ToLower(a.Scope)
			x.roles[scope] = append(x.roles[scope], seed.RoleAssignment{ClientID: a.ClientID, Role: a.Role,
				Condition: a.Condition, Description: a.Description})
		}
	}
	for _, all := range x.roles { // those of one seed have one age
		slices.SortFunc(all, func(a, b seed.RoleAssignment) int {
			return cmp.Or(cmp.Compare(a.ClientID, b.ClientID), cmp.Compare(a.Role, b.Role),
				cmp.Compare(a.Condition, b.Condition))
		})
	}
}

func (x *export) rolesOn(scope string) []seed.RoleAssignment { return x.roles[strings.ToLower(scope)] }

func (x *export) subscriptions() {
	for _, d := range x.e.ids.RoleDefinitions() {
		x.seed.RoleDefinitions = append(x.seed.RoleDefinitions, write.RoleDefinitionOf(d))
	}
	for _, s := range x.e.ids.Subscriptions() {
		out := seed.Subscription{ID: s.ID, ResourceGroups: []seed.ResourceGroup{},
			RoleAssignments: x.rolesOn(principal.SubscriptionID(s.ID))}
		if s.DisplayName != s.ID {
			out.DisplayName = s.DisplayName
		}
		if _, ok := x.e.ids.Tenant(s.TenantID); ok { // without tenants it has a made-up one
			out.TenantID = s.TenantID
		}
		for _, g := range s.Groups {
			out.ResourceGroups = append(out.ResourceGroups, seed.ResourceGroup{Name: g.Name, Location: g.Location,
				Tags: g.Tags, RoleAssignments: x.rolesOn(principal.GroupID(s.ID, g.Name))})
		}
		x.seed.Subscriptions = append(x.seed.Subscriptions, out)
	}
}

func (x *export) registry(ctx context.Context, r *principal.RegistrySettings) error {
	if !slices.ContainsFunc(x.seed.Subscriptions, func(s seed.Subscription) bool {
		return strings.EqualFold(s.ID, r.Subscription) && slices.ContainsFunc(s.ResourceGroups,
			func(g seed.ResourceGroup) bool { return strings.EqualFold(g.Name, r.Group) })
	}) {
		return nil // it was made meanwhile, with its group
	}
	out := seed.Registry{Name: r.Name, Subscription: r.Subscription, ResourceGroup: r.Group, Location: r.Location,
		SKU: service.OrPremium(r.SKU), AdminUserEnabled: r.Admin, AnonymousPullEnabled: r.Anonymous,
		Tags: r.Tags, OtherSettings: r.Kept, RoleAssignments: x.rolesOn(r.ResourceID())}
	s := write.SettingsOf(r)
	out.RoleAssignmentMode = s.RoleAssignmentMode
	if !s.ArmTokens {
		out.ArmTokenPolicy = "disabled"
	}
	if s.NoPublicAccess {
		out.PublicNetworkAccess = "Disabled"
	}
	if s.Deny {
		out.NetworkRuleSet.DefaultAction = "Deny"
		for _, p := range s.Allow {
			out.NetworkRuleSet.IPRules = append(out.NetworkRuleSet.IPRules, p.String())
		}
	}
	x.rights(r, &out)
	if err := x.repositories(ctx, r, &out); err != nil {
		return err
	}
	x.seed.Registries = append(x.seed.Registries, out)
	return nil
}

// rights adds the scope maps and tokens of a registry.
func (x *export) rights(r *principal.RegistrySettings, out *seed.Registry) {
	maps := map[string]bool{}
	for _, m := range scopemap.System() {
		maps[strings.ToLower(m.Name)] = true
	}
	for _, m := range x.e.ids.ScopeMaps(r.ID) {
		maps[strings.ToLower(m.Name)] = true
		out.ScopeMaps = append(out.ScopeMaps, seed.ScopeMap{Name: m.Name, Description: m.Description,
			Actions: m.Actions})
	}
	for _, t := range x.e.ids.Tokens(r.ID) {
		if !maps[strings.ToLower(t.ScopeMap)] {
			x.leave("The token %s of %s is not here: its scope map %s was deleted, so it had no rights.", t.Name,
				r.Name, t.ScopeMap)
			continue
		}
		token := seed.Token{Name: t.Name, ScopeMap: t.ScopeMap, Status: "enabled"}
		if !t.Enabled {
			token.Status = "disabled"
		}
		for _, p := range t.Passwords {
			token.Passwords = append(token.Passwords, seed.Password{Name: p.Slot, Expires: p.Expires})
		}
		out.Tokens = append(out.Tokens, token)
	}
}

// repositories adds the repositories of a registry.
func (x *export) repositories(ctx context.Context, r *principal.RegistrySettings, out *seed.Registry) error {
	others := 0
	for page := (content.Page{N: content.MaxPage}); ; {
		names, more, err := x.e.content.Repositories(ctx, r.ID, page)
		if err != nil {
			return err
		}
		for _, name := range names {
			page.Last = name
			images, n, err := x.images(ctx, r, name)
			if err != nil && !unknown(err) { // deleted meanwhile
				return err
			}
			others += n
			if len(images) > 0 {
				out.Repositories = append(out.Repositories, seed.Repository{Name: name, Images: images})
			}
		}
		if !more {
			break
		}
	}
	if others > 0 {
		x.leave("%d manifests of %s were pushed: generated images are in the place of those with tags.", others, r.Name)
	}
	return nil
}

// images returns the images of a repository, and how many manifests a seed does not
// generate.
func (x *export) images(ctx context.Context, r *principal.RegistrySettings, repository string) (images []seed.Image,
	others int, err error) {
	all, err := x.manifests(ctx, r, repository)
	if err != nil {
		return nil, 0, err
	}
	// What has tags first, because the parts of generated indexes have none, and then
	// indexes, whose parts have the names of untagged images.
	slices.SortStableFunc(all, func(a, b content.Manifest) int {
		return cmp.Or(cmp.Compare(len(b.Tags), len(a.Tags)), cmp.Compare(a.MediaType, b.MediaType))
	})
	made := map[string]bool{} // by digest
	var other []string        // platforms of the first that is not generated
	for _, m := range all {
		if made[m.Digest] {
			continue
		}
		image := seed.Image{Tags: m.Tags, Platforms: x.platforms(ctx, r, repository, m.Digest)}
		generated := x.generates(r, repository, m.Digest, &image, made)
		if generated || len(m.Tags) > 0 {
			images = append(images, image)
		}
		if !generated {
			if others++; others == 1 {
				other = image.Platforms
			}
		}
	}
	if len(images) == 0 && others > 0 { // so that there is the repository
		images = append(images, seed.Image{Platforms: other})
	}
	slices.SortStableFunc(images, func(a, b seed.Image) int { return slices.Compare(a.Tags, b.Tags) })
	return images, others, nil
}

// manifests returns all manifests of a repository.
func (x *export) manifests(ctx context.Context, r *principal.RegistrySettings,
	repository string) (all []content.Manifest, err error) {
	for page := (content.Page{N: content.MaxPage}); ; {
		part, more, err := x.e.content.Manifests(ctx, r.ID, repository, page)
		if err != nil {
			return nil, err
		}
		for i := range part {
			page.Last = part[i].Digest
			x.size += len(repository)
			for _, tag := range part[i].Tags {
				x.size += len(tag)
			}
		}
		//rule:emulator-limits-export
		if x.size > x.most {
			return nil, &acrkit.Error{Code: acrkit.CodeTooLarge, Op: "export the seed",
				Reason: fmt.Sprintf("the names of repositories and tags have more than %d bytes", x.most)}
		}
		if all = append(all, part...); !more {
			return all, nil
		}
	}
}

// maxFirstTags is how many of an image's tags are tried as the one that it was generated
// with.
const maxFirstTags = 32

// generates reports whether a seed's image is generated with a digest, puts the tag first
// that it is then named by, and notes what is generated with it.
func (x *export) generates(r *principal.RegistrySettings, repository, digest string, image *seed.Image,
	made map[string]bool) bool {
	for i := range max(1, min(len(image.Tags), maxFirstTags)) {
		try := *image
		if len(image.Tags) > 0 {
			try.Tags = append([]string{image.Tags[i]}, slices.Delete(slices.Clone(image.Tags), i, i+1)...)
		}
		m := generate(r.Name, repository, try)
		if m.Descriptor.Digest.String() != digest {
			continue
		}
		*image = try
		_ = m.Walk(func(part imagegen.Manifest) error { // nothing fails
			made[part.Descriptor.Digest.String()] = true
			return nil
		})
		return true
	}
	return false
}

// platforms returns the platforms of an image or index, as far as it says them and a seed
// can.
func (x *export) platforms(ctx context.Context, r *principal.RegistrySettings, repository,
	digest string) (all []string) {
	c, err := x.e.content.ManifestContent(ctx, r.ID, repository, digest)
	if err != nil {
		return nil // it is damaged, locked, or was deleted meanwhile
	}
	var m struct {
		Manifests []ocispec.Descriptor
		Config    ocispec.Descriptor
	}
	if json.Unmarshal(c.Body, &m) != nil {
		return nil
	}
	add := func(p ocispec.Platform) {
		text := imagegen.PlatformString(p)
		_, err := imagegen.ParsePlatform(text)
		if err == nil && !slices.Contains(all, text) && len(all) < imagegen.MaxPlatforms {
			all = append(all, text)
		}
	}
	for _, child := range m.Manifests {
		if child.Platform != nil {
			add(*child.Platform)
		}
	}
	if m.Config.Digest == "" {
		return all
	}
	b, err := x.e.content.OpenBlob(ctx, r.ID, repository, m.Config.Digest.String())
	if err != nil {
		return all
	}
	defer func() { _ = b.Close() }() // only read
	var platform ocispec.Platform
	if json.NewDecoder(io.LimitReader(b.Reader(), content.MaxManifest)).Decode(&platform) == nil {
		add(platform)
	}
	return all
}
