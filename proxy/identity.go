package proxy

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/acrkit/acrkit/internal/redact"
)

// IdentityPath is the path where a [Handler] with an IdentityHeader answers App Service's
// managed-identity protocol. A registry has no such path.
const IdentityPath = "/msi/token"

// The managed-identity protocol of App Service, as Microsoft describes it ("How to
// use managed identities for App Service", REST endpoint reference) and as its clients
// for Python, TypeScript, Java, Go and .NET use it.
const (
	identityVersion  = "2019-08-01"
	identityHeader   = "X-Identity-Header"
	identityResource = "https://containerregistry.azure.net" // what Microsoft's registry clients ask for
	// identityLife is how long clients may keep the client key, which ends with the
	// proxy: App Service's longest. Clients ask again after half of it, and do not use a
	// token with less than five minutes left.
	//rule:managed-identity-identity-life
	identityLife = 24 * time.Hour
	// maxShownResource is the longest resource that a refusal repeats.
	//rule:managed-identity-max-shown-resource
	maxShownResource = 200
)

// identity answers a request for a managed identity's token: the client key, for the
// registry's resource. Which identity is asked for does not matter: there is one.
//
// No other resource is answered: the program would send the key to another service.
func (c *call) identity() {
	//rule:managed-identity-identity
	if c.r.Method != http.MethodGet {
		c.w.Header().Set("Allow", http.MethodGet)
		c.failIdentity(http.StatusMethodNotAllowed, "invalid_request", "a managed identity's token is asked for by GET")
		return
	}
	// First, so that no other error is shown without the header.
	shown := c.r.Header.Values(identityHeader)
	//rule:managed-identity-identity-2
	if len(shown) != 1 || !c.h.isIdentityHeader(shown[0]) {
		c.failIdentity(http.StatusUnauthorized, "unauthorized",
			"the header X-IDENTITY-HEADER must have the value of the variable IDENTITY_HEADER, once")
		return
	}
	query, err := url.ParseQuery(c.r.URL.RawQuery)
	//rule:managed-identity-identity-4
	if err != nil {
		c.failIdentity(http.StatusBadRequest, "invalid_request", "the query is malformed")
		return
	}
	//rule:managed-identity-identity-3
	if v := query["api-version"]; len(v) != 1 || v[0] != identityVersion {
		c.failIdentity(http.StatusBadRequest, "invalid_request", "the api-version must be "+identityVersion)
		return
	}
	resource := query["resource"]
	//rule:managed-identity-identity-5
	if len(resource) != 1 || resource[0] != identityResource && resource[0] != identityResource+"/" {
		c.failIdentity(http.StatusBadRequest, "invalid_resource", c.otherResource(resource))
		return
	}
	c.json(http.StatusOK, struct {
		AccessToken string `json:"access_token"`
		ExpiresOn   string `json:"expires_on"` // seconds since 1970, as a text
		Resource    string `json:"resource"`   // as it was asked for: clients keep the token under it
		TokenType   string `json:"token_type"`
	}{c.h.key.Reveal(), strconv.FormatInt(c.h.tokens.now().Add(identityLife).Unix(), 10), resource[0], "Bearer"})
}

// otherResource returns why another resource is refused. SDKs print it to the user.
func (c *call) otherResource(asked []string) string {
	message := "acrkit proxy --managed-identity gives a token for " + identityResource +
		" only: the program's other Azure clients cannot sign in under --managed-identity"
	if len(asked) == 1 && len(asked[0]) <= maxShownResource {
		//rule:managed-identity-other-resource
		message += fmt.Sprintf(" (a token for %q was asked for)", redact.Text(asked[0], c.h.redact...))
	}
	return message
}

// failIdentity answers as App Service does. Python's client prints statusCode and
// message, TypeScript's and Java's message (before error), Go's the whole body.
func (c *call) failIdentity(status int, code, message string) {
	c.json(status, struct {
		StatusCode int    `json:"statusCode"`
		Message    string `json:"message"`
		Error      string `json:"error"`
	}{status, message, code})
}

// isIdentityHeader reports whether a client sent the header's value; it compares as isKey
// does.
func (h *Handler) isIdentityHeader(shown string) bool {
	hash := sha256.Sum256([]byte(shown))
	return subtle.ConstantTimeCompare(hash[:], h.identityHash[:]) == 1
}
