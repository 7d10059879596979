// Package tokensvc is the registry's token service: POST /oauth2/exchange and
// GET and POST /oauth2/token, with ACR's answers.
package tokensvc

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/answer"
	"github.com/acrkit/acrkit/emulator/internal/decisions"
	"github.com/acrkit/acrkit/emulator/internal/entra"
	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/route"
	"github.com/acrkit/acrkit/emulator/internal/service"
	"github.com/acrkit/acrkit/emulator/rule"
	"github.com/acrkit/acrkit/internal/guid"
)

// MaxBody is the largest token request: the longest scope, form-encoded, with a
// refresh token beside it.
//
//rule:emulator-limits-max-body
const MaxBody = 512 << 10

// Handler answers as the token service of all registries.
type Handler struct {
	Store     *principal.Store
	Entra     *entra.Tokens
	Lifetimes func() principal.Lifetimes
	Now       func() time.Time
	Serves    func(host string) bool                                // whether the emulator answers on a host
	Resolve   func(host string) (*principal.RegistrySettings, bool) // the registry of a login server
	Record    func(ctx context.Context, d decisions.Entry) error    // writes the decision log
	Logger    *slog.Logger
}

// Request is a request with what its Host was resolved to.
type request struct {
	*http.Request
	registry    *principal.RegistrySettings
	loginServer string // as the client wrote it or, of a regional endpoint, the registry's: the audience
	form        url.Values
	requestID   string
}

// unauthorized is the text of a refusal, as users have pasted it. It is the same
// for every fault of a token's or the admin user's password.
const unauthorized = "authentication required, visit https://aka.ms/acr/authorization for more information."

// noPermissions is the text of a refusal of an identity whose roles could not be read.
const noPermissions = "retrieving permissions failed"

// Serve answers a request to a registry's token service.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request, to route.Route, reg *principal.RegistrySettings,
	loginServer string) {
	serve, allow := h.post, "GET, POST"
	switch {
	case to.Operation == route.Exchange:
		serve, allow = h.exchange, "POST"
	case r.Method == http.MethodGet:
		serve = h.get
	}
	answer.Token(w)
	if r.Method != http.MethodPost && (r.Method != http.MethodGet || allow == "POST") {
		w.Header().Set("Allow", allow)
		answer.Empty(w, http.StatusMethodNotAllowed)
		return
	}
	req := &request{Request: r, registry: reg, loginServer: loginServer,
		requestID: w.Header().Get(answer.CorrelationHeader)}
	if r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
		if err := r.ParseForm(); err != nil {
			if _, tooMuch := errors.AsType[*http.MaxBytesError](err); tooMuch {
				h.bad(w, req, http.StatusRequestEntityTooLarge, rule.FormTooLarge)
				return
			}
			h.bad(w, req, http.StatusBadRequest, rule.FormMalformed)
			return
		}
		req.form = r.PostForm // never the query, where a secret does not belong
	} else {
		req.form = r.URL.Query()
	}
	serve(w, req)
}

// checkService refuses requests without a service, which Microsoft's description
// of the API requires, and those for another registry's; both are believed.
func (h *Handler) checkService(w http.ResponseWriter, r *request) bool {
	service := r.form.Get("service")
	if service == "" {
		h.bad(w, r, http.StatusBadRequest, rule.ServiceMissing)
		return false
	}
	if reg, ok := h.Resolve(service); service != r.loginServer && (!ok || reg.ID != r.registry.ID) {
		h.refuse(w, r, principal.Principal{}, rule.ServiceOtherRegistry, "")
		return false
	}
	return true
}

// exchange takes an Entra token and gives a refresh token.
func (h *Handler) exchange(w http.ResponseWriter, r *request) {
	if !h.checkService(w, r) {
		return
	}
	empty := func(who principal.Principal, why error) {
		h.deny(r, who, acrkit.Scope{}, "exchange: ", why)
		answer.Empty(w, http.StatusUnauthorized)
	}
	switch r.form.Get("grant_type") {
	case "access_token", "access_token_refresh_token":
	case "refresh_token":
		empty(principal.Principal{}, rule.ExchangeOfRefresh)
		return
	default:
		h.bad(w, r, http.StatusBadRequest, rule.GrantTypeUnsupported)
		return
	}
	v, err := h.Entra.Verify(r.form.Get("access_token"))
	if id, refused := errors.AsType[rule.ID](err); refused {
		empty(principal.Principal{}, id)
		return
	}
	if err != nil {
		h.broken(w, err)
		return
	}
	who := principal.Principal{Kind: principal.KindServicePrincipal, Name: v.Application.ClientID}
	if tenant := r.form.Get("tenant"); tenant != "" && !strings.EqualFold(tenant, v.Application.TenantID) {
		empty(who, rule.EntraTokenTenant)
		return
	}
	switch entra.AudienceOf(v.Audience, h.Serves) {
	case entra.ForACR:
	case entra.ForARM:
		if r.registry.NoArmTokens {
			h.deny(r, who, acrkit.Scope{}, "exchange: ", rule.ARMAudienceOff)
			answer.Errors(w, http.StatusUnauthorized, "UNAUTHORIZED", "arm aad token disallowed")
			return
		}
	case entra.ForOtherARM: // recorded
		h.deny(r, who, acrkit.Scope{}, "exchange: ", rule.EntraTokenCloud)
		answer.ErrorsNoCharset(w, http.StatusUnauthorized, "UNAUTHORIZED", noPermissions)
		return
	default:
		empty(who, rule.EntraTokenAudience)
		return
	}
	if !h.Store.HasRole(r.registry, v.Application.ClientID) {
		h.noRole(w, r, who)
		return
	}
	token, err := h.Store.RefreshToken(r.registry, v.Application, r.loginServer, h.Now(), h.Lifetimes())
	if err != nil {
		h.broken(w, err)
		return
	}
	h.record(r, decisions.Entry{Outcome: decisions.Allowed, Reason: "exchange: a refresh token was issued"}, who)
	answer.Chunked(w, http.StatusOK, struct {
		RefreshToken string `json:"refresh_token"`
	}{token})
}

// noRole is the documented answer to an identity without a role.
func (h *Handler) noRole(w http.ResponseWriter, r *request, who principal.Principal) {
	h.deny(r, who, acrkit.Scope{}, "", rule.NoRole)
	answer.Errors(w, http.StatusForbidden, "DENIED", noPermissions)
}

// checkScope refuses a scope that is present and empty, as users report of the
// service: 400 with an empty body, where no scope at all is taken.
func (h *Handler) checkScope(w http.ResponseWriter, r *request) bool {
	values, present := r.form["scope"]
	if !present || strings.TrimSpace(strings.Join(values, "")) != "" {
		return true
	}
	h.deny(r, principal.Principal{}, acrkit.Scope{}, "", rule.ScopeEmpty)
	answer.Empty(w, http.StatusBadRequest)
	return false
}

// post is POST /oauth2/token.
func (h *Handler) post(w http.ResponseWriter, r *request) {
	if !h.checkService(w, r) || !h.checkScope(w, r) {
		return
	}
	switch r.form.Get("grant_type") {
	case "refresh_token":
		h.refresh(w, r, r.form.Get("refresh_token"), func(who principal.Principal, why error) {
			h.deny(r, who, acrkit.Scope{}, "refresh token: ", why)
			answer.Empty(w, http.StatusUnauthorized) // recorded
		})
	case "password":
		user, password := r.form.Get("username"), r.form.Get("password")
		if user == "" && password == "" {
			h.anonymous(w, r)
			return
		}
		h.password(w, r, user, password)
	default:
		h.bad(w, r, http.StatusBadRequest, rule.GrantTypeUnsupported)
	}
}

// get is GET /oauth2/token, Docker's form.
func (h *Handler) get(w http.ResponseWriter, r *request) {
	if !h.checkService(w, r) || !h.checkScope(w, r) {
		return
	}
	header := r.Header.Get("Authorization")
	if header == "" {
		h.anonymous(w, r)
		return
	}
	user, password, ok := BasicAuth(header)
	if !ok {
		h.refuse(w, r, principal.Principal{}, rule.AuthorizationMangled, "")
		return
	}
	h.password(w, r, user, password)
}

// BasicAuth reads a Basic Authorization header. Unlike [http.Request.BasicAuth] it allows
// several spaces after the scheme (RFC 9110, section 11.4).
func BasicAuth(header string) (user, password string, ok bool) {
	scheme, rest, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", "", false
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest))
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(raw), ":")
}

func (h *Handler) password(w http.ResponseWriter, r *request, user, password string) {
	if user == service.RefreshTokenUser {
		h.refresh(w, r, password, func(who principal.Principal, why error) { h.refuse(w, r, who, why, user) })
		return
	}
	who, err := h.Store.CheckPassword(r.registry, user, password, h.Now())
	if err != nil {
		h.refuse(w, r, who, err, user)
		return
	}
	if who.Kind == principal.KindServicePrincipal && !h.Store.HasRole(r.registry, who.Name) {
		h.noRole(w, r, who)
		return
	}
	h.grant(w, r, who)
}

func (h *Handler) refresh(w http.ResponseWriter, r *request, token string, refuse func(principal.Principal, error)) {
	who, err := h.Store.CheckRefresh(r.registry, token, h.Now())
	if err == nil {
		_, err = h.Store.RightsOf(r.registry, who)
	}
	if err != nil {
		refuse(who, err)
		return
	}
	h.grant(w, r, who)
}

func (h *Handler) anonymous(w http.ResponseWriter, r *request) {
	who := principal.Principal{Kind: principal.KindAnonymous}
	if !r.registry.Anonymous {
		h.refuse(w, r, who, rule.AnonymousPullOff, "")
		return
	}
	h.grant(w, r, who)
}

// refuse answers a credential that is not good. A user name with the form of a
// client id is answered as a service principal's, known or not.
func (h *Handler) refuse(w http.ResponseWriter, r *request, who principal.Principal, why error, user string) {
	asked, _ := scopeOf(r.form)
	h.deny(r, who, asked, "", why)
	text := unauthorized
	if guid.Is(user) && user != service.RefreshTokenUser {
		text = "Invalid clientid or client secret. CorrelationId: " + r.requestID
	}
	answer.Errors(w, http.StatusUnauthorized, "UNAUTHORIZED", text)
}

// grant issues an access token for what was asked and is allowed. Asking for
// more is no error: the token simply lacks it (recorded).
func (h *Handler) grant(w http.ResponseWriter, r *request, who principal.Principal) {
	rights, err := h.Store.RightsOf(r.registry, who)
	if err != nil {
		h.refuse(w, r, who, err, "")
		return
	}
	asked, ok := scopeOf(r.form)
	if !ok {
		h.bad(w, r, http.StatusBadRequest, rule.ScopeTooLarge)
		return
	}
	d := rights.Grant(asked)
	token, err := h.Store.AccessToken(r.registry, who, r.loginServer, d.Granted, h.Now(), h.Lifetimes())
	if err != nil {
		h.broken(w, err)
		return
	}
	reason := "an access token was issued"
	if !d.Missing.IsEmpty() {
		reason += " without what " + rights.Source + " lacks"
	}
	h.record(r, decisions.Entry{Outcome: decisions.Allowed, Required: asked.String(), Missing: d.Missing.String(),
		Rules: d.Rules, Reason: reason}, who)
	answer.Chunked(w, http.StatusOK, struct {
		AccessToken string `json:"access_token"`
	}{token})
}

// maxScopeWords bounds the scopes of one request: each is looked up in a scope
// map. The largest batch that fits a token's header is smaller.
//
//rule:emulator-limits-max-scope-words
const maxScopeWords = 1000

// scopeOf reads the scope parameters. What is not a scope is ignored: the service is
// not known to answer it with an error. ok is false if there are too many.
func scopeOf(form url.Values) (scope acrkit.Scope, ok bool) {
	var items []acrkit.Access
	words := 0
	for _, value := range form["scope"] {
		if len(value) > acrkit.MaxScope {
			return acrkit.Scope{}, false
		}
		for word := range strings.FieldsSeq(value) {
			//rule:emulator-limits-scope-of
			if words++; words > maxScopeWords {
				return acrkit.Scope{}, false
			}
			if s, err := acrkit.ParseScope(word); err == nil {
				for a := range s.All() {
					items = append(items, a)
				}
			}
		}
	}
	scope = acrkit.NewScope(items...)
	//rule:emulator-limits-scope-of-2
	return scope, scope.Len() <= maxScopeWords
}

func (h *Handler) broken(w http.ResponseWriter, err error) {
	h.Logger.Error("the token service could not answer", "error", err)
	answer.Empty(w, http.StatusInternalServerError)
}

// bad answers a request that would be refused with every credential. The texts of
// the answers are ours.
func (h *Handler) bad(w http.ResponseWriter, r *request, status int, id rule.ID) {
	h.deny(r, principal.Principal{}, acrkit.Scope{}, "", id)
	answer.Errors(w, status, "UNSUPPORTED", id.Text())
}

// deny records a refusal. at is the text before its sentence.
func (h *Handler) deny(r *request, who principal.Principal, asked acrkit.Scope, at string, why error) {
	id, text := rule.Of(why)
	h.record(r, decisions.Entry{Outcome: decisions.Denied, Required: asked.String(), RuleID: id, Reason: at + text},
		who)
}

// record completes a decision and writes it.
func (h *Handler) record(r *request, d decisions.Entry, who principal.Principal) {
	d.Registry, d.Kind, d.Principal = r.registry.Name, string(who.Kind), who.Name
	d.Method, d.Path, d.RequestID = r.Method, r.URL.Path, r.requestID
	// The decision is recorded even if the client is gone.
	if err := h.Record(context.WithoutCancel(r.Context()), d); err != nil {
		h.Logger.Error("a decision was not recorded", "error", err, "outcome", d.Outcome, "principal", who.Name,
			"request", r.requestID)
	}
}
