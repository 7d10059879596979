package emulator

import (
	"cmp"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/answer"
	"github.com/acrkit/acrkit/emulator/internal/identity"
	"github.com/acrkit/acrkit/scopemap"
)

// The operations of the control API, each over the method of [Emulator] or
// [Registry] of the same name. Their JSON is described in openapi.yaml.

type controlClock struct {
	Now    time.Time `json:"now"`
	Frozen bool      `json:"frozen"`
	Offset string    `json:"offset"`
}

func (e *Emulator) controlClock(w http.ResponseWriter, _ *http.Request) error {
	s := e.clock.State()
	answer.JSON(w, http.StatusOK, controlClock{s.Now, s.Frozen, s.Offset.String()})
	return nil
}

func (e *Emulator) controlSetClock(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Now    *time.Time `json:"now"`
		Frozen *bool      `json:"frozen"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if in.Now != nil {
		if err := e.clock.Set(*in.Now); err != nil {
			return err
		}
	}
	if in.Frozen != nil && *in.Frozen {
		e.clock.Freeze()
	} else if in.Frozen != nil {
		e.clock.Resume()
	}
	return e.controlClock(w, r)
}

func (e *Emulator) controlAdvanceClock(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		By string `json:"by"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	d, err := readDuration("by", in.By)
	if err != nil {
		return err
	}
	if in.By == "" {
		return badControl("by is missing")
	}
	if err := e.clock.Advance(d); err != nil {
		return err
	}
	return e.controlClock(w, r)
}

func (e *Emulator) controlResetClock(w http.ResponseWriter, r *http.Request) error {
	e.clock.Reset()
	return e.controlClock(w, r)
}

type controlLifetimes struct {
	Access  string `json:"access"`
	Refresh string `json:"refresh"`
	Entra   string `json:"entra"`
}

func (e *Emulator) controlLifetimes(w http.ResponseWriter, _ *http.Request) error {
	l := e.Lifetimes()
	answer.JSON(w, http.StatusOK, controlLifetimes{cmp.Or(l.Access, identity.AccessLife).String(), cmp.Or(l.Refresh, identity.RefreshLife).String(), cmp.Or(l.Entra, time.Hour).String()})
	return nil
}

func (e *Emulator) controlSetLifetimes(w http.ResponseWriter, r *http.Request) error {
	var in controlLifetimes
	if err := readJSON(r, &in); err != nil {
		return err
	}
	var l SeedLifetimes
	for _, x := range []struct {
		name, text string
		to         *time.Duration
	}{{"access", in.Access, &l.Access}, {"refresh", in.Refresh, &l.Refresh}, {"entra", in.Entra, &l.Entra}} {
		var err error
		if *x.to, err = readDuration(x.name, x.text); err != nil {
			return err
		}
	}
	if err := e.SetLifetimes(r.Context(), l); err != nil {
		return err
	}
	return e.controlLifetimes(w, r)
}

type controlEnabled struct {
	Enabled bool `json:"enabled"`
}

func (e *Emulator) controlRateLimits(w http.ResponseWriter, _ *http.Request) error {
	answer.JSON(w, http.StatusOK, controlEnabled{e.RateLimits()})
	return nil
}

func (e *Emulator) controlSetRateLimits(w http.ResponseWriter, r *http.Request) error {
	var in controlEnabled
	if err := readJSON(r, &in); err != nil {
		return err
	}
	e.SetRateLimits(in.Enabled)
	return e.controlRateLimits(w, r)
}

// controlFault is a [Fault] as JSON; what is zero may be left out.
type controlFault struct {
	ID             int64     `json:"id"`
	Kind           FaultKind `json:"kind"`
	Routes         []Route   `json:"routes"`
	Registry       string    `json:"registry"`
	Principal      string    `json:"principal"`
	Rate           float64   `json:"rate"`
	Seed           uint64    `json:"seed"`
	Count          int64     `json:"count"`
	Status         int       `json:"status"`
	RetryAfter     int64     `json:"retryAfter"` // seconds
	AfterBytes     int64     `json:"afterBytes"`
	BytesPerSecond int64     `json:"bytesPerSecond"`
	Seen           int64     `json:"seen"`
	Hits           int64     `json:"hits"`
}

func faultJSON(f Fault) controlFault {
	if f.Routes == nil {
		f.Routes = []Route{}
	}
	return controlFault{f.ID, f.Kind, f.Routes, f.Registry, f.Principal, f.Rate, f.Seed, f.Count, f.Status, int64(f.RetryAfter / time.Second), f.AfterBytes, f.BytesPerSecond, f.Seen, f.Hits}
}

func (e *Emulator) controlFaults(w http.ResponseWriter, _ *http.Request) error {
	out := []controlFault{}
	for _, f := range e.Faults() {
		out = append(out, faultJSON(f))
	}
	answer.JSON(w, http.StatusOK, map[string]any{"faults": out})
	return nil
}

func (e *Emulator) controlAddFault(w http.ResponseWriter, r *http.Request) error {
	var in controlFault
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if in.ID != 0 || in.Seen != 0 || in.Hits != 0 {
		return badControl("id, seen and hits are the emulator's to set")
	}
	if most := int64(MaxRetryAfter / time.Second); in.RetryAfter < 0 || in.RetryAfter > most {
		return badControl("retryAfter is not between 0 and %d seconds", most)
	}
	f, err := e.AddFault(Fault{Kind: in.Kind, Routes: in.Routes, Registry: in.Registry, Principal: in.Principal, Rate: in.Rate, Seed: in.Seed, Count: in.Count,
		Status: in.Status, RetryAfter: time.Duration(in.RetryAfter) * time.Second, AfterBytes: in.AfterBytes, BytesPerSecond: in.BytesPerSecond})
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusCreated, faultJSON(f))
	return nil
}

func (e *Emulator) controlRemoveFaults(w http.ResponseWriter, _ *http.Request) error {
	e.RemoveFaults()
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (e *Emulator) controlRemoveFault(w http.ResponseWriter, r *http.Request) error {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return badControl("%s is no number of a fault", quote(r.PathValue("id")))
	}
	return noContent(w, e.RemoveFault(id))
}

// noContent answers 204 if nothing failed.
func noContent(w http.ResponseWriter, err error) error {
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

type controlSnapshot struct {
	Name         string    `json:"name"`
	Created      time.Time `json:"created"`
	Repositories int64     `json:"repositories"`
	Manifests    int64     `json:"manifests"`
	Tags         int64     `json:"tags"`
	Blobs        int64     `json:"blobs"`
}

func (e *Emulator) controlSnapshots(w http.ResponseWriter, r *http.Request) error {
	all, err := e.Snapshots(r.Context())
	if err != nil {
		return err
	}
	out := []controlSnapshot{}
	for _, s := range all {
		out = append(out, controlSnapshot(s))
	}
	answer.JSON(w, http.StatusOK, map[string]any{"snapshots": out})
	return nil
}

func (e *Emulator) controlTakeSnapshot(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Name string `json:"name"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	s, err := e.TakeSnapshot(r.Context(), in.Name)
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusCreated, controlSnapshot(s))
	return nil
}

func (e *Emulator) controlDeleteSnapshot(w http.ResponseWriter, r *http.Request) error {
	return noContent(w, e.DeleteSnapshot(r.Context(), r.PathValue("name")))
}

func (e *Emulator) controlReset(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Snapshot string `json:"snapshot"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	return noContent(w, e.Reset(r.Context(), in.Snapshot))
}

type controlNetwork struct {
	DefaultAction string   `json:"defaultAction"` // Allow or Deny
	IPRules       []string `json:"ipRules"`
}

type controlSettings struct {
	Name               string         `json:"name"`
	SKU                string         `json:"sku"`
	AdminUser          bool           `json:"adminUserEnabled"`
	AnonymousPull      bool           `json:"anonymousPullEnabled"`
	RoleAssignmentMode string         `json:"roleAssignmentMode"`
	ArmTokenPolicy     string         `json:"azureADAuthenticationAsArmPolicy"` // enabled or disabled
	Network            controlNetwork `json:"network"`
}

func settingsJSON(s RegistrySettings) controlSettings {
	out := controlSettings{s.Name, s.SKU, s.AdminUser, s.AnonymousPull, s.RoleAssignmentMode, "enabled", controlNetwork{"Allow", []string{}}}
	if !s.ArmTokens {
		out.ArmTokenPolicy = "disabled"
	}
	if s.Network.Deny {
		out.Network.DefaultAction = "Deny"
	}
	for _, p := range s.Network.Allow {
		out.Network.IPRules = append(out.Network.IPRules, p.String())
	}
	return out
}

func (e *Emulator) controlRegistries(w http.ResponseWriter, _ *http.Request) error {
	out := []controlSettings{}
	for _, name := range e.Registries() {
		r, err := e.Registry(name)
		if err != nil {
			return err
		}
		s, err := r.Settings()
		if err != nil {
			return err
		}
		out = append(out, settingsJSON(s))
	}
	answer.JSON(w, http.StatusOK, map[string]any{"registries": out})
	return nil
}

func (e *Emulator) controlRegistry(w http.ResponseWriter, r *http.Request) error {
	reg, err := e.Registry(r.PathValue("registry"))
	if err != nil {
		return err
	}
	s, err := reg.Settings()
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, settingsJSON(s))
	return nil
}

// parsePrefix reads an address or a network.
func parsePrefix(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.ParsePrefix(text)
}

func (e *Emulator) controlChangeRegistry(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		AdminUser          *bool           `json:"adminUserEnabled"`
		AnonymousPull      *bool           `json:"anonymousPullEnabled"`
		RoleAssignmentMode *string         `json:"roleAssignmentMode"`
		ArmTokenPolicy     *string         `json:"azureADAuthenticationAsArmPolicy"`
		Network            *controlNetwork `json:"network"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	var network NetworkRules
	if n := in.Network; n != nil {
		if n.DefaultAction != "Allow" && n.DefaultAction != "Deny" {
			return badControl("the defaultAction %s is neither Allow nor Deny", quote(n.DefaultAction))
		}
		network.Deny = n.DefaultAction == "Deny"
		for _, text := range n.IPRules {
			p, err := parsePrefix(text)
			if err != nil {
				return badControl("the IP rule %s is no address or network", quote(text))
			}
			network.Allow = append(network.Allow, p)
		}
	}
	if p := in.ArmTokenPolicy; p != nil && *p != "enabled" && *p != "disabled" {
		return badControl("azureADAuthenticationAsArmPolicy is neither enabled nor disabled")
	}
	reg, err := e.Registry(r.PathValue("registry"))
	if err != nil {
		return err
	}
	err = reg.ChangeSettings(r.Context(), func(s *RegistrySettings) {
		set(&s.AdminUser, in.AdminUser)
		set(&s.AnonymousPull, in.AnonymousPull)
		set(&s.RoleAssignmentMode, in.RoleAssignmentMode)
		if in.ArmTokenPolicy != nil {
			s.ArmTokens = *in.ArmTokenPolicy == "enabled"
		}
		if in.Network != nil {
			s.Network = network
		}
	})
	if err != nil {
		return err
	}
	return e.controlRegistry(w, r)
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

type controlScopeMap struct {
	Name          string   `json:"name"`
	Description   string   `json:"description"`
	Actions       []string `json:"actions"`
	SystemDefined bool     `json:"systemDefined"`
}

func (e *Emulator) controlScopeMaps(w http.ResponseWriter, r *http.Request) error {
	reg, err := e.Registry(r.PathValue("registry"))
	if err != nil {
		return err
	}
	out := []controlScopeMap{}
	all := reg.ScopeMaps()
	for i, m := range all {
		out = append(out, controlScopeMap{m.Name, m.Description, m.Lines(), i >= len(all)-len(scopemap.System())})
	}
	answer.JSON(w, http.StatusOK, map[string]any{"scopeMaps": out})
	return nil
}

func (e *Emulator) controlPutScopeMap(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Description string   `json:"description"`
		Actions     []string `json:"actions"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	reg, err := e.Registry(r.PathValue("registry"))
	if err != nil {
		return err
	}
	m, err := scopemap.Parse(in.Actions)
	if err != nil {
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: "read the scope map", Causes: []error{err}}
	}
	m.Name, m.Description = r.PathValue("name"), in.Description
	if err := reg.PutScopeMap(r.Context(), m); err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, controlScopeMap{m.Name, m.Description, m.Lines(), false})
	return nil
}

func (e *Emulator) controlDeleteScopeMap(w http.ResponseWriter, r *http.Request) error {
	reg, err := e.Registry(r.PathValue("registry"))
	if err != nil {
		return err
	}
	return noContent(w, reg.DeleteScopeMap(r.Context(), r.PathValue("name")))
}

// controlPassword is a [Password] as JSON: with its value only where that was
// just generated.
type controlPassword struct {
	Name    string    `json:"name"`
	Value   string    `json:"value,omitempty"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"`
}

type controlToken struct {
	Name      string            `json:"name"`
	ScopeMap  string            `json:"scopeMap"`
	Status    string            `json:"status"` // enabled or disabled
	Created   time.Time         `json:"created"`
	Passwords []controlPassword `json:"passwords"`
}

func tokenJSON(t TokenState) controlToken {
	out := controlToken{t.Name, t.ScopeMap, "enabled", t.Created, []controlPassword{}}
	if t.Disabled {
		out.Status = "disabled"
	}
	for _, p := range t.Passwords {
		out.Passwords = append(out.Passwords, controlPassword{p.Name, string(p.Value), p.Created, p.Expires})
	}
	return out
}

func (e *Emulator) controlTokens(w http.ResponseWriter, r *http.Request) error {
	reg, err := e.Registry(r.PathValue("registry"))
	if err != nil {
		return err
	}
	out := []controlToken{}
	for _, t := range reg.Tokens() {
		out = append(out, tokenJSON(t))
	}
	answer.JSON(w, http.StatusOK, map[string]any{"tokens": out})
	return nil
}

func (e *Emulator) controlToken(w http.ResponseWriter, r *http.Request) error {
	reg, err := e.Registry(r.PathValue("registry"))
	if err != nil {
		return err
	}
	t, err := reg.tokenState(r.PathValue("name"))
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, tokenJSON(t))
	return nil
}

// controlTokenChange is what can be said of a token.
type controlTokenChange struct {
	ScopeMap *string `json:"scopeMap"`
	Status   *string `json:"status"`
}

func (in *controlTokenChange) read(r *http.Request) error {
	if err := readJSON(r, in); err != nil {
		return err
	}
	if in.Status != nil && *in.Status != "enabled" && *in.Status != "disabled" {
		return badControl("the status %s is neither enabled nor disabled", quote(*in.Status))
	}
	return nil
}

func (e *Emulator) controlPutToken(w http.ResponseWriter, r *http.Request) error {
	var in controlTokenChange
	if err := in.read(r); err != nil {
		return err
	}
	reg, err := e.Registry(r.PathValue("registry"))
	if err != nil {
		return err
	}
	spec := TokenSpec{Name: r.PathValue("name"), Disabled: in.Status != nil && *in.Status == "disabled"}
	set(&spec.ScopeMap, in.ScopeMap)
	if err := reg.PutToken(r.Context(), spec); err != nil {
		return err
	}
	return e.controlToken(w, r)
}

func (e *Emulator) controlChangeToken(w http.ResponseWriter, r *http.Request) error {
	var in controlTokenChange
	if err := in.read(r); err != nil {
		return err
	}
	reg, err := e.Registry(r.PathValue("registry"))
	if err != nil {
		return err
	}
	if err := reg.patchToken(r.Context(), r.PathValue("name"), in.ScopeMap, in.Status); err != nil {
		return err
	}
	return e.controlToken(w, r)
}

func (e *Emulator) controlDeleteToken(w http.ResponseWriter, r *http.Request) error {
	reg, err := e.Registry(r.PathValue("registry"))
	if err != nil {
		return err
	}
	return noContent(w, reg.DeleteToken(r.Context(), r.PathValue("name")))
}

func (e *Emulator) controlGeneratePasswords(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Names   []string  `json:"names"`
		Expires time.Time `json:"expires"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	reg, err := e.Registry(r.PathValue("registry"))
	if err != nil {
		return err
	}
	all, err := reg.GeneratePasswords(r.Context(), r.PathValue("name"), in.Expires, in.Names...)
	if err != nil {
		return err
	}
	out := []controlPassword{}
	for _, p := range all {
		out = append(out, controlPassword{p.Name, string(p.Value), p.Created, p.Expires})
	}
	answer.JSON(w, http.StatusCreated, map[string]any{"passwords": out})
	return nil
}

func (e *Emulator) controlExpirePassword(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Expires time.Time `json:"expires"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	reg, err := e.Registry(r.PathValue("registry"))
	if err != nil {
		return err
	}
	if err := reg.ExpirePassword(r.Context(), r.PathValue("name"), r.PathValue("slot"), in.Expires); err != nil {
		return err
	}
	return e.controlToken(w, r)
}
