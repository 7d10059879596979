package entra

import (
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // the thumbprint in a client assertion
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/rule"
	"github.com/acrkit/acrkit/internal/exactjson"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// The refusals of assertions. Numbers are documented, texts shortened.

func badAssertion() *failure {
	return &failure{rule.EntraAssertionMalformed, http.StatusUnauthorized, "invalid_client", 50027,
		"JWT token is invalid or malformed."}
}

func unknownCertificate(id rule.ID, clientID, why string) *failure {
	return &failure{id, http.StatusUnauthorized, "invalid_client", 700027,
		fmt.Sprintf("Client assertion contains an invalid signature. [Reason - %s] Application '%s'.", why,
			clip(clientID))}
}

func assertionForOther() *failure {
	return &failure{rule.EntraAssertionAudience, http.StatusUnauthorized, "invalid_client", 700023,
		"Client assertion audience claim does not match Realm issuer."}
}

func assertionTime() *failure {
	return &failure{rule.EntraAssertionTime, http.StatusUnauthorized, "invalid_client", 700024,
		"Client assertion is not within its valid time range."}
}

func noFederated(id rule.ID, number int, what string) *failure {
	return &failure{id, http.StatusUnauthorized, "invalid_client", number,
		fmt.Sprintf("No matching federated identity record found for presented assertion %s.", what)}
}

// assertion is what is read of a client assertion. Its times are checked by hand,
// with the emulator's clock.
type assertion struct {
	Issuer    string           `json:"iss"`
	Subject   string           `json:"sub"`
	Audience  jwt.ClaimStrings `json:"aud"`
	NotBefore int64            `json:"nbf"`
	Expires   int64            `json:"exp"`
}

// UnmarshalJSON reads claims by their exact names, so that they mean here what they
// mean to the issuer.
//
//rule:exact-keys-unmarshal-json
func (a *assertion) UnmarshalJSON(data []byte) error {
	type plain assertion
	return exactjson.Unmarshal(data, (*plain)(a))
}

func (a *assertion) GetExpirationTime() (*jwt.NumericDate, error) { return nil, nil }
func (a *assertion) GetIssuedAt() (*jwt.NumericDate, error)       { return nil, nil }
func (a *assertion) GetNotBefore() (*jwt.NumericDate, error)      { return nil, nil }
func (a *assertion) GetIssuer() (string, error)                   { return a.Issuer, nil }
func (a *assertion) GetSubject() (string, error)                  { return a.Subject, nil }
func (a *assertion) GetAudience() (jwt.ClaimStrings, error)       { return a.Audience, nil }

// checkAssertion checks an application's own assertion, signed by a certificate of
// it, or one of an issuer that it trusts. Source: Microsoft identity platform,
// "Application authentication certificate credentials" and "Workload identity
// federation".
func (h *Handler) checkAssertion(r *http.Request, tenant string, a *principal.Application, kind,
	token string) *failure {
	c := new(assertion)
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256", "PS256"}), jwt.WithStrictDecoding(),
		jwt.WithoutClaimsValidation())
	if kind != assertionType {
		return badAssertion()
	}
	unverified, _, err := parser.ParseUnverified(token, c)
	if err != nil {
		return badAssertion()
	}
	// The issuer and subject decide which key must have signed it; the other claims
	// count only if that key did.
	var key *rsa.PublicKey
	var refused *failure
	own := strings.EqualFold(c.Issuer, a.ClientID)
	if own {
		key, refused = h.certificateKey(a, unverified.Header)
	} else {
		key, refused = federatedKey(a, c)
	}
	if refused != nil {
		return refused
	}
	if _, err := parser.ParseWithClaims(token, c, func(*jwt.Token) (any, error) { return key, nil }); err != nil {
		if own {
			return unknownCertificate(rule.EntraAssertionSignature, a.ClientID, "The signature does not match.")
		}
		refused := badAssertion()
		refused.rule = rule.EntraAssertionSignature
		return refused
	}
	now := h.Tokens.Now()
	const skew = 5 * time.Minute // believed
	switch {
	case c.Expires == 0 || !now.Add(-skew).Before(time.Unix(c.Expires, 0)) ||
		time.Unix(c.NotBefore, 0).After(now.Add(skew)):
		return assertionTime()
	case own && !strings.EqualFold(c.Subject, a.ClientID):
		return badAssertion()
	case own && !slices.ContainsFunc(c.Audience, func(aud string) bool { return h.isTokenEndpoint(r, tenant, aud) }):
		return assertionForOther()
	}
	return nil
}

// isTokenEndpoint reports whether an audience is this authority for the tenant: its
// token endpoint, or its issuer.
func (h *Handler) isTokenEndpoint(r *http.Request, tenant, aud string) bool {
	at := base(r) + "/" + tenant
	return slices.Contains([]string{at + "/oauth2/v2.0/token", at + "/oauth2/token", at + "/v2.0", at + "/"}, aud)
}

// certificateKey returns the key of the certificate that the header names.
func (h *Handler) certificateKey(a *principal.Application, header map[string]any) (*rsa.PublicKey, *failure) {
	text := func(name string) string { s, _ := header[name].(string); return s }
	// Clients write thumbprints in both alphabets of base64, with and without padding.
	thumbprint := func(name string) string {
		return strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(text(name)), "=")
	}
	for _, der := range a.Certificates {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			continue // what is stored was parsed
		}
		short, long := sha1.Sum(der), sha256.Sum256(der) //nolint:gosec // as above
		named := thumbprint("x5t#S256") == base64.RawURLEncoding.EncodeToString(long[:]) ||
			thumbprint("x5t") == base64.RawURLEncoding.EncodeToString(short[:]) ||
			strings.EqualFold(text("kid"), fmt.Sprintf("%X", short))
		key, ok := cert.PublicKey.(*rsa.PublicKey)
		if !named || !ok {
			continue
		}
		if now := h.Tokens.Now(); now.After(cert.NotAfter) {
			return nil, unknownCertificate(rule.EntraCertificateExpired, a.ClientID, "The key used is expired.")
		}
		return key, nil
	}
	return nil, unknownCertificate(rule.EntraCertificateUnknown, a.ClientID, "The key was not found.")
}

// federatedKey returns the key of the issuer that the application trusts with the
// assertion's subject and audience.
func federatedKey(a *principal.Application, c *assertion) (*rsa.PublicKey, *failure) {
	issuer, subject := false, false
	for _, f := range a.Federated {
		if f.Issuer != c.Issuer {
			continue
		}
		issuer = true
		if f.Subject != c.Subject {
			continue
		}
		subject = true
		if !slices.Contains(c.Audience, f.Audience) {
			continue
		}
		key, err := x509.ParsePKIXPublicKey(f.PublicKey)
		if own, ok := key.(*rsa.PublicKey); err == nil && ok {
			return own, nil
		}
	}
	switch {
	case len(a.Federated) == 0:
		return nil, noFederated(rule.EntraFederationNone, 70021, "")
	case !issuer:
		return nil, noFederated(rule.EntraFederationIssuer, 700211, "issuer")
	case !subject:
		return nil, noFederated(rule.EntraFederationSubject, 700213, "subject")
	}
	return nil, noFederated(rule.EntraFederationAudience, 700212, "audience")
}
