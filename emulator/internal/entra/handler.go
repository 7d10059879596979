package entra

import (
	"encoding/base64"
	"errors"
	"log/slog"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/acrkit/acrkit/emulator/internal/answer"
	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/route"
	"github.com/acrkit/acrkit/emulator/rule"
)

// MaxBody is the largest token request. Real ones have a few kilobytes.
//
//rule:emulator-limits-entra-max-body
const MaxBody = 64 << 10

// adfs is the tenant under which clients skip instance discovery. It means all
// tenants.
const adfs = "adfs"

// Handler answers as the authority.
type Handler struct {
	Tokens *Tokens
	Serves func(host string) bool // whether the emulator answers on a host
	// Refused writes a refusal to the decision log, before the answer.
	Refused func(r *http.Request, who principal.Principal, id rule.ID, reason string)
	Logger  *slog.Logger
}

// Serve answers a request to the authority.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request, to route.Route) {
	serve, method := h.instance, http.MethodGet
	switch to.Operation {
	case route.EntraToken:
		serve, method = h.token(false), http.MethodPost
	case route.EntraTokenV1:
		// ADFS has one endpoint; Entra's old one names a resource, not a scope.
		serve, method = h.token(to.Tenant != adfs), http.MethodPost
	case route.OpenIDConfig:
		serve = h.configuration
	case route.EntraKeys:
		serve = h.keys
	}
	w.Header().Set("Cache-Control", "no-store, no-cache")
	w.Header().Set("Pragma", "no-cache")
	if r.Method != method && (method != http.MethodGet || r.Method != http.MethodHead) {
		w.Header().Set("Allow", method)
		answer.Empty(w, http.StatusMethodNotAllowed)
		return
	}
	serve(w, r, to.Tenant)
}

// known reports whether the authority has the tenant. The words for "any tenant"
// are good for metadata only.
func (h *Handler) known(tenant string) bool {
	_, ok := h.Tokens.Store.Tenant(tenant)
	return ok
}

func anyTenant(tenant string) bool {
	return tenant == "common" || tenant == "organizations" || tenant == adfs
}

func (h *Handler) configuration(w http.ResponseWriter, r *http.Request, tenant string) {
	if !h.known(tenant) && !anyTenant(tenant) {
		h.fail(w, r, nil, unknownTenant(tenant))
		return
	}
	at := base(r) + "/" + tenant
	issuer := at + "/v2.0"
	switch tenant {
	case adfs:
		issuer = at
	case "common", "organizations":
		issuer = base(r) + "/{tenantid}/v2.0"
	}
	answer.JSON(w, http.StatusOK, map[string]any{
		"token_endpoint": at + "/oauth2/v2.0/token",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt",
			"client_secret_basic"},
		"jwks_uri":                              at + "/discovery/v2.0/keys",
		"response_modes_supported":              []string{"query", "fragment", "form_post"},
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"response_types_supported":              []string{"code", "id_token", "token"},
		"scopes_supported":                      []string{"openid", "profile", "email", "offline_access"},
		"issuer":                                issuer,
		"authorization_endpoint":                at + "/oauth2/v2.0/authorize",
		"device_authorization_endpoint":         at + "/oauth2/v2.0/devicecode",
		"end_session_endpoint":                  at + "/oauth2/v2.0/logout",
		"claims_supported":                      []string{"sub", "iss", "aud", "exp", "iat", "nonce", "tid", "ver"},
		"tenant_region_scope":                   nil,
		"cloud_instance_name":                   r.Host,
	})
}

func (h *Handler) keys(w http.ResponseWriter, r *http.Request, tenant string) {
	if !h.known(tenant) && !anyTenant(tenant) {
		h.fail(w, r, nil, unknownTenant(tenant))
		return
	}
	key, err := h.Tokens.Store.Keys().Entra()
	if err != nil {
		h.broken(w, err)
		return
	}
	pub := key.Key.PublicKey
	answer.JSON(w, http.StatusOK, map[string]any{"keys": []map[string]string{{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": key.ID, "x5t": key.ID,
		"n": base64.RawURLEncoding.EncodeToString(pub.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(pub.E)).Bytes()),
	}}})
}

// instance answers instance discovery: this host is an authority, with itself as
// its only alias.
func (h *Handler) instance(w http.ResponseWriter, r *http.Request, _ string) {
	tenant := "common"
	if u, err := url.Parse(r.URL.Query().Get("authorization_endpoint")); err == nil {
		if first, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/"); h.known(first) || anyTenant(first) {
			tenant = first
		}
	}
	answer.JSON(w, http.StatusOK, map[string]any{
		"tenant_discovery_endpoint": base(r) + "/" + tenant + "/v2.0/.well-known/openid-configuration",
		"api-version":               "1.1",
		"metadata": []map[string]any{{"preferred_network": r.Host, "preferred_cache": r.Host,
			"aliases": []string{r.Host}}},
	})
}

func (h *Handler) broken(w http.ResponseWriter, err error) {
	h.Logger.Error("the authority could not answer", "error", err)
	answer.Empty(w, http.StatusInternalServerError)
}

// token returns the token endpoint; old is the one of version 1, which takes a
// resource and answers numbers as texts.
func (h *Handler) token(old bool) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, r *http.Request, tenant string) {
		a, resource, f := h.grant(w, r, tenant, old)
		if f != nil {
			h.fail(w, r, a, f)
			return
		}
		proof := BySecret
		if _, _, basic := r.BasicAuth(); !basic && r.PostForm.Get("client_secret") == "" {
			proof = ByAssertion
		}
		token, err := h.Tokens.Issue(a, resource, proof)
		if err != nil {
			h.broken(w, err)
			return
		}
		if old {
			now := h.Tokens.Now().Unix()
			answer.JSON(w, http.StatusOK, map[string]string{
				"token_type": "Bearer", "expires_in": strconv.FormatInt(h.Tokens.expiresIn(), 10),
				"ext_expires_in": strconv.FormatInt(h.Tokens.expiresIn(), 10),
				"expires_on":     strconv.FormatInt(now+h.Tokens.expiresIn(), 10),
				"not_before":     strconv.FormatInt(now-int64(backdate.Seconds()), 10),
				"resource":       resource, "access_token": token,
			})
			return
		}
		answer.JSON(w, http.StatusOK, struct {
			Type        string `json:"token_type"`
			Expires     int64  `json:"expires_in"`
			ExtExpires  int64  `json:"ext_expires_in"`
			AccessToken string `json:"access_token"`
		}{"Bearer", h.Tokens.expiresIn(), h.Tokens.expiresIn(), token})
	}
}

// grant checks a token request in the order in which Entra is believed to:
// parameters, tenant, application, secret, resource. The application is also returned
// with a failure, where it is known.
func (h *Handler) grant(w http.ResponseWriter, r *http.Request, tenant string,
	old bool) (*principal.Application, string, *failure) {
	r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
	if err := r.ParseForm(); err != nil {
		if tooMuch, ok := errors.AsType[*http.MaxBytesError](err); ok && tooMuch != nil {
			return nil, "", tooLarge()
		}
	}
	form := r.PostForm
	grant := form.Get("grant_type")
	if grant == "" {
		return nil, "", missing("grant_type")
	}
	clientID, secret := form.Get("client_id"), form.Get("client_secret")
	if user, password, ok := r.BasicAuth(); ok {
		// RFC 6749 §2.3.1: both parts are form-encoded first.
		id, err1 := url.QueryUnescape(user)
		value, err2 := url.QueryUnescape(password)
		if err := errors.Join(err1, err2); err == nil {
			clientID, secret = id, value
		}
	}
	if clientID == "" {
		return nil, "", missing("client_id")
	}
	if grant != "client_credentials" {
		return nil, "", unsupportedGrant(grant)
	}
	scope := form.Get("scope")
	if old {
		scope = form.Get("resource")
		if scope == "" {
			return nil, "", missing("resource")
		}
		scope += "/.default"
	}
	if scope == "" {
		return nil, "", missing("scope")
	}
	if tenant != adfs && !h.known(tenant) {
		return nil, "", unknownTenant(tenant)
	}
	a, ok := h.Tokens.Store.Application(clientID)
	if !ok || tenant != adfs && !strings.EqualFold(a.TenantID, tenant) {
		return nil, "", unknownApplication(clientID, tenant)
	}
	if f := h.proves(r, tenant, a, secret); f != nil {
		return a, "", f
	}
	resource, f := resourceOf(scope)
	if f != nil {
		return a, "", f
	}
	if AudienceOf(resource, h.Serves) == ForNothing {
		return a, "", unknownResource(resource, a.TenantID)
	}
	return a, resource, nil
}

// proves checks the secret, or else the assertion, of an application.
func (h *Handler) proves(r *http.Request, tenant string, a *principal.Application, secret string) *failure {
	if secret == "" {
		if token := r.PostForm.Get("client_assertion"); token != "" {
			return h.checkAssertion(r, tenant, a, r.PostForm.Get("client_assertion_type"), token)
		}
		return noSecret()
	}
	switch h.Tokens.Store.CheckSecret(a, secret, h.Tokens.Now()) {
	case principal.SecretGood:
		return nil
	case principal.SecretExpired:
		return expiredSecret(a.ClientID)
	}
	return wrongSecret(a.ClientID)
}

// resourceOf reads the one resource of a client-credentials scope. A resource
// that ends in a slash keeps it: "https://host//.default".
func resourceOf(scope string) (string, *failure) {
	// MSAL for Go adds OpenID Connect's own scopes to every request.
	words := slices.DeleteFunc(strings.Fields(scope), func(w string) bool {
		return w == "openid" || w == "profile" || w == "offline_access" || w == "email"
	})
	if len(words) != 1 {
		return "", badScope(scope)
	}
	resource, ok := strings.CutSuffix(words[0], "/.default")
	if !ok {
		return "", notDefaultScope(words[0])
	}
	if resource == "" {
		return "", badScope(scope)
	}
	return resource, nil
}
