package emulator

import (
	"net/http"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/control"
	"github.com/acrkit/acrkit/emulator/internal/answer"
	"github.com/acrkit/acrkit/emulator/internal/service"
	"github.com/acrkit/acrkit/emulator/internal/write"
	"github.com/acrkit/acrkit/internal/wording"
	"github.com/acrkit/acrkit/scopemap"
)

func settingsJSON(s RegistrySettings) control.Registry {
	out := control.Registry{Name: s.Name, SKU: s.SKU, AdminUser: s.AdminUser, AnonymousPull: s.AnonymousPull,
		RoleAssignmentMode: s.RoleAssignmentMode, ArmTokenPolicy: control.StatusOf(s.ArmTokens),
		Network: control.Network{DefaultAction: "Allow", IPRules: []string{}}}
	if s.Network.Deny {
		out.Network.DefaultAction = "Deny"
	}
	for _, p := range s.Network.Allow {
		out.Network.IPRules = append(out.Network.IPRules, p.String())
	}
	return out
}

func (e *Emulator) controlRegistries(w http.ResponseWriter, _ *http.Request) error {
	out := control.RegistryList{Registries: []control.Registry{}}
	for _, name := range e.Registries() {
		r, err := e.Registry(name)
		if err != nil {
			return err
		}
		s, err := r.Settings()
		if err != nil {
			return err
		}
		out.Registries = append(out.Registries, settingsJSON(s))
	}
	answer.JSON(w, http.StatusOK, out)
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

func (r *Registry) controlChangeRegistry(w http.ResponseWriter, req *http.Request) error {
	var in control.RegistryChange
	if err := readJSON(req, &in); err != nil {
		return err
	}
	var network NetworkRules
	if n := in.Network; n != nil {
		if n.DefaultAction != "Allow" && n.DefaultAction != "Deny" {
			return badControl("the defaultAction %s is neither Allow nor Deny", wording.Quote(n.DefaultAction))
		}
		network.Deny = n.DefaultAction == "Deny"
		for _, text := range n.IPRules {
			p, err := service.ParseIPRule(text)
			if err != nil {
				return badControl("the IP rule %s is no address or network", wording.Quote(text))
			}
			network.Allow = append(network.Allow, p)
		}
	}
	err := r.ChangeSettings(req.Context(), func(s *RegistrySettings) {
		set(&s.AdminUser, in.AdminUser)
		set(&s.AnonymousPull, in.AnonymousPull)
		set(&s.RoleAssignmentMode, in.RoleAssignmentMode)
		if in.ArmTokenPolicy != nil {
			s.ArmTokens = *in.ArmTokenPolicy == control.Enabled
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

func scopeMapJSON(m scopemap.Map, systemDefined bool) control.ScopeMap {
	return control.ScopeMap{Name: m.Name, Description: m.Description, Actions: m.Lines(), SystemDefined: systemDefined}
}

func (r *Registry) controlScopeMaps(w http.ResponseWriter, _ *http.Request) error {
	out := control.ScopeMapList{ScopeMaps: []control.ScopeMap{}}
	all := r.ScopeMaps()
	for i, m := range all {
		out.ScopeMaps = append(out.ScopeMaps, scopeMapJSON(m, i >= len(all)-len(scopemap.System())))
	}
	answer.JSON(w, http.StatusOK, out)
	return nil
}

func (r *Registry) controlPutScopeMap(w http.ResponseWriter, req *http.Request) error {
	var in control.NewScopeMap
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
	answer.JSON(w, http.StatusOK, scopeMapJSON(m, false))
	return nil
}

func (r *Registry) controlDeleteScopeMap(w http.ResponseWriter, req *http.Request) error {
	return noContent(w, r.DeleteScopeMap(req.Context(), req.PathValue("name")))
}

func passwordsJSON(all []Password) []control.Password {
	out := []control.Password{}
	for _, p := range all {
		out = append(out, control.Password{Name: p.Name, Value: string(p.Value),
			Created: p.Created, Expires: p.Expires})
	}
	return out
}

func tokenJSON(t TokenState) control.Token {
	return control.Token{Name: t.Name, ScopeMap: t.ScopeMap, Status: control.StatusOf(!t.Disabled), Created: t.Created,
		Passwords: passwordsJSON(t.Passwords)}
}

func (r *Registry) controlTokens(w http.ResponseWriter, _ *http.Request) error {
	out := control.TokenList{Tokens: []control.Token{}}
	for _, t := range r.Tokens() {
		out.Tokens = append(out.Tokens, tokenJSON(t))
	}
	answer.JSON(w, http.StatusOK, out)
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

func (r *Registry) controlPutToken(w http.ResponseWriter, req *http.Request) error {
	var in control.NewToken
	if err := readJSON(req, &in); err != nil {
		return err
	}
	spec := TokenSpec{Name: req.PathValue("name"), ScopeMap: in.ScopeMap, Disabled: in.Status == control.Disabled}
	if err := r.PutToken(req.Context(), spec); err != nil {
		return err
	}
	return r.controlToken(w, req)
}

func (r *Registry) controlChangeToken(w http.ResponseWriter, req *http.Request) error {
	var in control.TokenChange
	if err := readJSON(req, &in); err != nil {
		return err
	}
	change := write.TokenChange{ScopeMap: in.ScopeMap}
	if in.Status != nil {
		enabled := *in.Status == control.Enabled
		change.Enabled = &enabled
	}
	if err := r.changeToken(req.Context(), req.PathValue("name"), change); err != nil {
		return err
	}
	return r.controlToken(w, req)
}

func (r *Registry) controlDeleteToken(w http.ResponseWriter, req *http.Request) error {
	return noContent(w, r.DeleteToken(req.Context(), req.PathValue("name")))
}

func (r *Registry) controlGeneratePasswords(w http.ResponseWriter, req *http.Request) error {
	var in control.NewPasswords
	if err := readJSON(req, &in); err != nil {
		return err
	}
	all, err := r.GeneratePasswords(req.Context(), req.PathValue("name"), in.Expires, in.Names...)
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusCreated, control.PasswordList{Passwords: passwordsJSON(all)})
	return nil
}

func (r *Registry) controlExpirePassword(w http.ResponseWriter, req *http.Request) error {
	var in control.Expiry
	if err := readJSON(req, &in); err != nil {
		return err
	}
	if err := r.ExpirePassword(req.Context(), req.PathValue("name"), req.PathValue("slot"), in.Expires); err != nil {
		return err
	}
	return r.controlToken(w, req)
}
