package rehearsal

import (
	"bytes"
	"github.com/acrkit/acrkit/emulator/internal/service"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/route"
	"github.com/acrkit/acrkit/emulator/internal/tokensvc"
)

// MaxForm is how much of a token request is read before it is parsed: more than the
// token service or the authority accepts.
//
//rule:emulator-limits-max-form
const MaxForm = tokensvc.MaxBody + 1

// claimed returns the principal that a request claims, without checking the
// claim: the token, client id or admin user. It is empty for anonymous clients and
// for credentials that cannot be read.
func (h *Rehearsal) claimed(r *http.Request, reg *principal.RegistrySettings, to route.Route) principal.Principal {
	header := r.Header.Get("Authorization")
	if user, _, ok := tokensvc.BasicAuth(header); ok && user != service.RefreshTokenUser {
		return principal.Principal{Name: user}
	}
	_, bearer, _ := strings.Cut(header, " ")
	switch to.Service {
	case route.Tokens, route.Entra:
	case route.ARM, route.Metadata:
		return h.applicationOf(bearer)
	default:
		a, err := h.Verifier.Verify(reg, strings.TrimSpace(bearer), h.Clock.Now())
		if err != nil {
			return principal.Principal{}
		}
		return a.Principal
	}
	form := peekForm(r)
	if token := form.Get("access_token"); to.Operation == route.Exchange {
		return h.applicationOf(token)
	}
	if id := form.Get("client_id"); to.Service == route.Entra {
		return principal.Principal{Name: id}
	}
	refresh := form.Get("refresh_token")
	switch user := form.Get("username"); user {
	case "":
	case service.RefreshTokenUser:
		refresh = form.Get("password")
	default:
		return principal.Principal{Name: user}
	}
	if _, password, ok := tokensvc.BasicAuth(header); ok {
		refresh = password
	}
	who, err := h.Store.CheckRefresh(reg, refresh, h.Clock.Now())
	if err != nil {
		return principal.Principal{}
	}
	return who
}

func (h *Rehearsal) applicationOf(token string) principal.Principal {
	v, err := h.Entra.Verify(strings.TrimSpace(token))
	if err != nil {
		return principal.Principal{}
	}
	return principal.Principal{Kind: principal.KindServicePrincipal, Name: v.Application.ClientID}
}

// peekForm reads a form and leaves it to be read again. It does not wait for the
// client: the body of a token request is in memory (readForm).
func peekForm(r *http.Request) url.Values {
	if r.Body == nil || r.Method != http.MethodPost {
		return url.Values{}
	}
	data, _ := io.ReadAll(io.LimitReader(r.Body, MaxForm)) // an error comes again
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(data), r.Body), r.Body}
	form, err := url.ParseQuery(string(data))
	if err != nil {
		return url.Values{}
	}
	return form
}
