package emulator

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/answer"
	"github.com/acrkit/acrkit/scopemap"
)

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

func (r *Registry) controlRegistry(w http.ResponseWriter, _ *http.Request) error {
	s, err := r.Settings()
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

func (r *Registry) controlChangeRegistry(w http.ResponseWriter, req *http.Request) error {
	var in struct {
		AdminUser          *bool           `json:"adminUserEnabled"`
		AnonymousPull      *bool           `json:"anonymousPullEnabled"`
		RoleAssignmentMode *string         `json:"roleAssignmentMode"`
		ArmTokenPolicy     *string         `json:"azureADAuthenticationAsArmPolicy"`
		Network            *controlNetwork `json:"network"`
	}
	if err := readJSON(req, &in); err != nil {
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
	err := r.ChangeSettings(req.Context(), func(s *RegistrySettings) {
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
	return r.controlRegistry(w, req)
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

func (r *Registry) controlScopeMaps(w http.ResponseWriter, _ *http.Request) error {
	out := []controlScopeMap{}
	all := r.ScopeMaps()
	for i, m := range all {
		out = append(out, controlScopeMap{m.Name, m.Description, m.Lines(), i >= len(all)-len(scopemap.System())})
	}
	answer.JSON(w, http.StatusOK, map[string]any{"scopeMaps": out})
	return nil
}

func (r *Registry) controlPutScopeMap(w http.ResponseWriter, req *http.Request) error {
	var in struct {
		Description string   `json:"description"`
		Actions     []string `json:"actions"`
	}
	if err := readJSON(req, &in); err != nil {
		return err
	}
	m, err := scopemap.Parse(in.Actions)
	if err != nil {
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: "read the scope map", Errs: []error{err}}
	}
	m.Name, m.Description = req.PathValue("name"), in.Description
	if err := r.PutScopeMap(req.Context(), m); err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, controlScopeMap{m.Name, m.Description, m.Lines(), false})
	return nil
}

func (r *Registry) controlDeleteScopeMap(w http.ResponseWriter, req *http.Request) error {
	return noContent(w, r.DeleteScopeMap(req.Context(), req.PathValue("name")))
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

func (r *Registry) controlTokens(w http.ResponseWriter, _ *http.Request) error {
	out := []controlToken{}
	for _, t := range r.Tokens() {
		out = append(out, tokenJSON(t))
	}
	answer.JSON(w, http.StatusOK, map[string]any{"tokens": out})
	return nil
}

func (r *Registry) controlToken(w http.ResponseWriter, req *http.Request) error {
	t, err := r.tokenState(req.PathValue("name"))
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, tokenJSON(t))
	return nil
}

// controlTokenChange is what can be set of a token.
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

func (r *Registry) controlPutToken(w http.ResponseWriter, req *http.Request) error {
	var in controlTokenChange
	if err := in.read(req); err != nil {
		return err
	}
	spec := TokenSpec{Name: req.PathValue("name"), Disabled: in.Status != nil && *in.Status == "disabled"}
	set(&spec.ScopeMap, in.ScopeMap)
	if err := r.PutToken(req.Context(), spec); err != nil {
		return err
	}
	return r.controlToken(w, req)
}

func (r *Registry) controlChangeToken(w http.ResponseWriter, req *http.Request) error {
	var in controlTokenChange
	if err := in.read(req); err != nil {
		return err
	}
	if err := r.patchToken(req.Context(), req.PathValue("name"), in.ScopeMap, in.Status); err != nil {
		return err
	}
	return r.controlToken(w, req)
}

func (r *Registry) controlDeleteToken(w http.ResponseWriter, req *http.Request) error {
	return noContent(w, r.DeleteToken(req.Context(), req.PathValue("name")))
}

func (r *Registry) controlGeneratePasswords(w http.ResponseWriter, req *http.Request) error {
	var in struct {
		Names   []string  `json:"names"`
		Expires time.Time `json:"expires"`
	}
	if err := readJSON(req, &in); err != nil {
		return err
	}
	all, err := r.GeneratePasswords(req.Context(), req.PathValue("name"), in.Expires, in.Names...)
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

func (r *Registry) controlExpirePassword(w http.ResponseWriter, req *http.Request) error {
	var in struct {
		Expires time.Time `json:"expires"`
	}
	if err := readJSON(req, &in); err != nil {
		return err
	}
	if err := r.ExpirePassword(req.Context(), req.PathValue("name"), req.PathValue("slot"), in.Expires); err != nil {
		return err
	}
	return r.controlToken(w, req)
}
