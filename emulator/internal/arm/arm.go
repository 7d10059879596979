// Package arm is the part of Azure Resource Manager that manages registries:
// subscriptions, resource groups, providers, registries and what belongs to them, and
// roles.
//
// Each resource type has a file with its endpoints ([endpoint]): a method, a path, the
// action that the caller's roles must allow, and the function that answers. router.go
// finds the endpoint, checks the caller and loads what the path names; changes are made by
// package write.
package arm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/entra"
	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/route"
	"github.com/acrkit/acrkit/emulator/internal/write"
	"github.com/acrkit/acrkit/emulator/rule"
)

// Handler answers as ARM.
type Handler struct {
	Store  *principal.Store
	Write  *write.Writer
	Entra  *entra.Tokens
	Now    func() time.Time
	Serves func(host string) bool
	// LoginServer is the address of a registry for a client that has asked at a host.
	LoginServer func(host string, reg *principal.RegistrySettings) string
	// Size returns how many bytes a registry's content has.
	Size func(ctx context.Context, registry int64) (int64, error)
	// PasswordDelay returns how late the renewed passwords of a request work; 0 = at once.
	PasswordDelay func(context.Context) time.Duration
	// Refused writes a refusal to the decision log, before the answer.
	Refused    func(r *http.Request, who principal.Principal, id rule.ID, reason string)
	Operations Operations // how they are reported
	Logger     *slog.Logger

	running operations
	once    sync.Once
	all     []endpoint
}

// timeForm is how ARM writes times: up to seven digits, without zeros at their end, and an
// offset (recorded).
const timeForm = "2006-01-02T15:04:05.9999999-07:00"

func stamp(t time.Time) string { return t.UTC().Format(timeForm) }

// Serve answers a request.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request, to route.Route) {
	setHeaders(w, r)
	caller, ok := h.authenticate(w, r)
	if !ok || h.missingVersion(w, r) {
		return
	}
	c := &call{h: h, w: w, r: r, caller: caller}
	if err := c.serve(to.Segments); err != nil {
		c.fail(err)
	}
}

// authenticate checks the Entra token: for ARM, and good. What the caller may do, its
// roles decide.
func (h *Handler) authenticate(w http.ResponseWriter, r *http.Request) (*principal.Application, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	v, err := h.Entra.Verify(strings.TrimSpace(token))
	code, message := "", ""
	var who principal.Principal
	if err == nil {
		who = principalOf(v.Application)
	}
	id := rule.ARMToken
	switch {
	case !strings.EqualFold(scheme, "Bearer"):
		id = rule.ARMAuthorizationMissing
		code, message = "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."
	case errors.Is(err, rule.EntraTokenExpired): // reported; its text has the times
		id = rule.ARMTokenExpired
		code, message = "ExpiredAuthenticationToken", "The access token has expired."
	case err != nil:
		code, message = "InvalidAuthenticationToken", "The access token is invalid."
	case entra.AudienceOf(v.Audience, h.Serves) != entra.ForARM:
		id = rule.ARMTokenAudience
		code, message = "InvalidAuthenticationTokenAudience",
			"The access token has been obtained for wrong audience or resource."
	default:
		return v.Application, true
	}
	reason := id.Text()
	if id == rule.ARMToken {
		_, reason = rule.Of(err)
	}
	h.Refused(r, who, id, reason)
	w.Header().Set("WWW-Authenticate",
		fmt.Sprintf(`Bearer authorization_uri="%s/", error="invalid_token", error_description="%s"`, origin(r), message))
	(&failure{http.StatusUnauthorized, code, message}).write(w)
	return nil, false
}

func principalOf(a *principal.Application) principal.Principal {
	return principal.Principal{Kind: principal.KindServicePrincipal, Name: a.ClientID}
}

func (h *Handler) missingVersion(w http.ResponseWriter, r *http.Request) bool {
	if version(r) != "" {
		return false
	}
	h.Refused(r, principal.Principal{}, rule.ARMVersionMissing, rule.ARMVersionMissing.Text())
	(&failure{http.StatusBadRequest, "MissingApiVersionParameter",
		"The api-version query parameter (?api-version=) is required for all requests."}).write(w)
	return true
}

// version returns the api-version that a request names. All are answered alike.
func version(r *http.Request) string { return r.URL.Query().Get("api-version") }

// origin returns scheme and host of a request, which addresses in answers begin with.
func origin(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}
