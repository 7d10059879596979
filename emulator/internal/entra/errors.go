package entra

import (
	"fmt"
	"net/http"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/answer"
	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/rule"
	"github.com/acrkit/acrkit/internal/guid"
	"github.com/acrkit/acrkit/internal/wording"
)

// failure is one of Entra's errors: the rule, its number, its OAuth word, its text.
// The numbers and words are documented; the texts are the documented ones where
// there are any.
type failure struct {
	rule   rule.ID
	status int
	word   string
	number int
	text   string
}

func missing(parameter string) *failure {
	return &failure{rule.EntraParameterMissing, http.StatusBadRequest, "invalid_request", 900144,
		fmt.Sprintf("The request body must contain the following parameter: '%s'.", parameter)}
}

func unknownTenant(tenant string) *failure {
	return &failure{rule.EntraTenantUnknown, http.StatusBadRequest, "invalid_request", 90002,
		fmt.Sprintf(
			"Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the "+
				"correct cloud. "+
				"Check with your subscription administrator, this may happen if there are no active subscriptions "+
				"for the tenant.", clip(tenant))}
}

func unknownApplication(clientID, tenant string) *failure {
	return &failure{rule.EntraApplicationUnknown, http.StatusBadRequest, "unauthorized_client", 700016,
		fmt.Sprintf("Application with identifier '%s' was not found in the directory '%s'. "+
			"This can happen if the application has not been installed by the administrator of the tenant or "+
			"consented to by any user in the tenant. "+
			"You may have sent your authentication request to the wrong tenant.", clip(clientID), clip(tenant))}
}

func wrongSecret(clientID string) *failure {
	return &failure{rule.EntraSecretWrong, http.StatusUnauthorized, "invalid_client", 7000215,
		fmt.Sprintf(
			"Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, "+
				"not the client secret ID, for a secret added to app '%s'.", clip(clientID))}
}

func expiredSecret(clientID string) *failure {
	return &failure{rule.EntraSecretExpired, http.StatusUnauthorized, "invalid_client", 7000222,
		fmt.Sprintf(
			"The provided client secret keys for app '%s' are expired. Visit the Azure portal to create new keys for "+
				"your app: "+
				"https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: "+
				"https://aka.ms/certCreds.", clip(clientID))}
}

func noSecret() *failure {
	return &failure{rule.EntraSecretMissing, http.StatusUnauthorized, "invalid_client", 7000216,
		"'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type."}
}

func unknownResource(resource, tenant string) *failure {
	return &failure{rule.EntraResourceUnknown, http.StatusBadRequest, "invalid_resource", 500011,
		fmt.Sprintf("The resource principal named %s was not found in the tenant named %s. "+
			"This can happen if the application has not been installed by the administrator of the tenant or "+
			"consented to by any user in the tenant. "+
			"You might have sent your authentication request to the wrong tenant.", clip(resource), clip(tenant))}
}

func badScope(scope string) *failure {
	return &failure{rule.EntraScopeMalformed, http.StatusBadRequest, "invalid_scope", 70011,
		fmt.Sprintf("The provided request must include a 'scope' input parameter. "+
			"The provided value for the input parameter 'scope' is not valid. The scope %s is not valid.", clip(scope))}
}

func notDefaultScope(scope string) *failure {
	return &failure{rule.EntraScopeNotDefault, http.StatusBadRequest, "invalid_scope", 1002012,
		fmt.Sprintf("The provided value for scope %s is not valid. "+
			"Client credential flows must have a scope value with /.default suffixed to the resource identifier "+
			"(application ID URI).", clip(scope))}
}

func unsupportedGrant(grant string) *failure {
	return &failure{rule.EntraGrantUnsupported, http.StatusBadRequest, "unsupported_grant_type", 70003,
		fmt.Sprintf("The app requested an unsupported grant type '%s'.", clip(grant))}
}

func tooLarge() *failure {
	return &failure{rule.EntraRequestTooLarge, http.StatusRequestEntityTooLarge, "invalid_request", 90006,
		"The request body is too large."}
}

// maxQuoted is how many bytes an error quotes of the request.
const maxQuoted = 200

// clip bounds what an error quotes of the request. Client secrets are never
// quoted.
func clip(s string) string { return wording.Clip(s, maxQuoted) }

// fail answers with an error and records it. app is nil if it is not known.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, app *principal.Application, f *failure) {
	var who principal.Principal
	if app != nil {
		who = principal.Principal{Kind: principal.KindServicePrincipal, Name: app.ClientID}
	}
	h.Refused(r, who, f.rule, fmt.Sprintf("AADSTS%d: %s", f.number, f.rule.Text()))
	trace, correlation := guid.New(), r.Header.Get("Client-Request-Id")
	if !guid.Is(correlation) {
		correlation = guid.New()
	}
	stamp := h.Tokens.Now().UTC().Format("2006-01-02 15:04:05Z")
	w.Header().Set("X-Ms-Request-Id", trace)
	answer.JSON(w, f.status, struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Codes       []int  `json:"error_codes"`
		Timestamp   string `json:"timestamp"`
		Trace       string `json:"trace_id"`
		Correlation string `json:"correlation_id"`
		URI         string `json:"error_uri,omitempty"`
	}{f.word, fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s", f.number, f.text,
		trace, correlation, stamp),
		[]int{f.number}, stamp, trace, correlation, fmt.Sprintf("%s/error?code=%d", base(r), f.number)})
}

// base is the authority's own address as the client knows it.
func base(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func (t *Tokens) expiresIn() int64 { return max(1, int64(t.life()/time.Second)-1) }
