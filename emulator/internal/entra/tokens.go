// Package entra is the emulated Entra authority: the client-credentials grant,
// OpenID configuration, keys, instance discovery, and errors in Entra's form.
package entra

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/rule"
	"github.com/acrkit/acrkit/internal/guid"
)

// ACRAudience is the resource of tokens for registries, in all clouds.
const ACRAudience = "https://containerregistry.azure.net"

// The lifetime of a service principal's token, and how far back its "issued at"
// lies. The lifetime is documented (60 to 90 minutes); the rest is believed.
const (
	life     = 3600 * time.Second
	backdate = 5 * time.Minute
)

// Audience is what a token is for.
type Audience string

// The audiences. ARM's is that of the public cloud, which the registries belong to,
// or the emulator's own ARM.
const (
	ForNothing  Audience = ""
	ForACR      Audience = "acr"
	ForARM      Audience = "arm"
	ForGraph    Audience = "graph"                // Microsoft Graph of any cloud
	ForOtherARM Audience = "arm of another cloud" // Entra issues such tokens; no registry here takes one
)

func armAudiences() []string {
	return []string{"https://management.azure.com", "https://management.core.windows.net"}
}

func otherARMAudiences() []string {
	return []string{"https://management.chinacloudapi.cn", "https://management.core.chinacloudapi.cn",
		"https://management.usgovcloudapi.net", "https://management.core.usgovcloudapi.net",
		"https://management.microsoftazure.de"}
}

// graphAudiences are those of Microsoft Graph in all clouds, and the old Azure AD Graph's,
// for which az asks.
func graphAudiences() []string {
	return []string{"https://graph.microsoft.com", "https://graph.microsoft.us", "https://dod-graph.microsoft.us",
		"https://microsoftgraph.chinacloudapi.cn", "https://graph.windows.net"}
}

// IsForGraph reports whether a resource is Microsoft Graph, or the emulator's address,
// where Graph is, too.
func IsForGraph(resource string, serves func(host string) bool) bool {
	audience := AudienceOf(resource, serves)
	return audience == ForGraph ||
		audience == ForARM && !slices.Contains(armAudiences(), strings.TrimSuffix(resource, "/"))
}

// AudienceOf says what a resource is. serves reports whether the emulator
// answers on a host, as its own ARM.
func AudienceOf(resource string, serves func(host string) bool) Audience {
	trimmed := strings.TrimSuffix(resource, "/")
	switch {
	case trimmed == ACRAudience:
		return ForACR
	case slices.Contains(armAudiences(), trimmed):
		return ForARM
	case slices.Contains(graphAudiences(), trimmed):
		return ForGraph
	case slices.Contains(otherARMAudiences(), trimmed):
		//rule:other-cloud-audience-of
		return ForOtherARM
	}
	u, err := url.Parse(trimmed)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Path != "" && u.Path != "/" ||
		u.RawQuery != "" || u.Fragment != "" {
		return ForNothing
	}
	if serves(u.Host) {
		return ForARM
	}
	return ForNothing
}

// claims are those of an application's token in Entra's version 1.0, which is
// the one that ACR's and ARM's tokens have.
type claims struct {
	Audience   string   `json:"aud"`
	Issuer     string   `json:"iss"`
	IssuedAt   int64    `json:"iat"`
	NotBefore  int64    `json:"nbf"`
	Expires    int64    `json:"exp"`
	AppID      string   `json:"appid"`
	AppIDACR   string   `json:"appidacr"`
	IDP        string   `json:"idp"`
	IDType     string   `json:"idtyp"`
	ObjectID   string   `json:"oid"`
	Subject    string   `json:"sub"`
	TenantID   string   `json:"tid"`
	UTI        string   `json:"uti"`
	Version    string   `json:"ver"`
	ClientCaps []string `json:"xms_cc,omitempty"`
}

// The token's own times are checked by hand, with the emulator's clock.
func (c *claims) GetExpirationTime() (*jwt.NumericDate, error) { return nil, nil }
func (c *claims) GetIssuedAt() (*jwt.NumericDate, error)       { return nil, nil }
func (c *claims) GetNotBefore() (*jwt.NumericDate, error)      { return nil, nil }
func (c *claims) GetIssuer() (string, error)                   { return c.Issuer, nil }
func (c *claims) GetSubject() (string, error)                  { return c.Subject, nil }
func (c *claims) GetAudience() (jwt.ClaimStrings, error)       { return jwt.ClaimStrings{c.Audience}, nil }

func issuer(tenant string) string { return "https://sts.windows.net/" + tenant + "/" }

// Tokens issues and checks Entra access tokens.
type Tokens struct {
	Store *principal.Store
	Now   func() time.Time
	Life  func() time.Duration // of new tokens; nil or 0 = the documented hour
}

func (t *Tokens) life() time.Duration {
	if t.Life != nil {
		if d := t.Life(); d > 0 {
			return d
		}
	}
	return life
}

// Proof is how an application proved itself, as the claim appidacr says it.
type Proof string

// The proofs. An assertion is signed by a certificate or by a trusted issuer.
const (
	BySecret    Proof = "1"
	ByAssertion Proof = "2"
)

// Issue makes a token of an application for a resource.
func (t *Tokens) Issue(a *principal.Application, resource string, proof Proof) (string, error) {
	key, err := t.Store.Keys().Entra()
	if err != nil {
		return "", err
	}
	now := t.Now()
	start := now.Add(-backdate).Unix()
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, &claims{
		Audience: resource, Issuer: issuer(a.TenantID), IssuedAt: start, NotBefore: start,
		Expires: now.Add(t.life()).Unix(),
		AppID:   a.ClientID, AppIDACR: string(proof), IDP: issuer(a.TenantID), IDType: "app", ObjectID: a.ObjectID,
		Subject:  a.ObjectID,
		TenantID: a.TenantID, UTI: guid.New(), Version: "1.0",
	})
	token.Header["kid"], token.Header["x5t"] = key.ID, key.ID
	return token.SignedString(key.Key)
}

// Verified is a good token.
type Verified struct {
	Application *principal.Application
	Audience    string
}

// Verify checks a token's signature, time and application; the caller checks the
// audience. The error is a [rule.ID] for a token that is not good, another one for a
// failure of the authority itself.
func (t *Tokens) Verify(token string) (Verified, error) {
	//rule:emulator-limits-verify
	if len(token) > principal.MaxToken {
		return Verified{}, rule.EntraTokenMalformed
	}
	key, err := t.Store.Keys().Entra()
	if err != nil {
		return Verified{}, err
	}
	c := new(claims)
	p := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation())
	_, err = p.ParseWithClaims(token, c, func(*jwt.Token) (any, error) { return &key.Key.PublicKey, nil })
	now := t.Now().Unix()
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed):
		return Verified{}, rule.EntraTokenMalformed
	case err != nil || c.Issuer != issuer(c.TenantID):
		return Verified{}, rule.EntraTokenSignature
	case now < c.NotBefore:
		return Verified{}, rule.EntraTokenNotYetValid
	case now >= c.Expires:
		return Verified{}, rule.EntraTokenExpired
	}
	a, ok := t.Store.Application(c.AppID)
	if !ok || a.ObjectID != c.ObjectID || a.TenantID != c.TenantID {
		return Verified{}, rule.EntraTokenApplication
	}
	return Verified{a, c.Audience}, nil
}
