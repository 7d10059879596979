// Package wire reads the answers of registries and token services: challenges, claims,
// error bodies, and failures of the network. Packages auth and registry and the command
// share it; the emulator has code of its own, so that one misreading of the protocol is
// not in both.
package wire

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
)

// MaxToken is the longest token that is read or sent, in bytes. It is sent in a request
// header, which servers limit to 8 to 64 KiB.
const MaxToken = 64 << 10

// Claims are the claims of a token that are used as evidence. They are not trusted: the
// signature is not checked, and a token without readable claims is used in the same way.
type Claims struct {
	Issuer    string
	Audience  []string
	Subject   string
	GrantType string        // ACR's own: "refresh_token" or "access_token"
	Expires   time.Time     // zero if absent
	Access    *acrkit.Scope // nil if the claim is absent or in another form
	Entra     EntraClaims
}

// EntraClaims say who an Entra token is for. They are not checked: the token must come from
// Entra itself.
type EntraClaims struct {
	Tenant string // tid
	Object string // oid
	Client string // appid or azp: the application
	User   string // upn or unique_name: of a person
}

var errNoClaims = errors.New("not a token with readable claims")

// Damage says what is wrong with a text that begins as a signed token does (RFC 7515, a
// header in JSON) but is cut off or was changed in copying. It is "" for a token that
// looks whole without its key, and for other text.
func Damage(token string) string {
	if !strings.HasPrefix(token, `eyJ`) { // {" in base64
		return ""
	}
	parts := strings.Split(token, ".")
	if strings.ContainsAny(token, " \t\r\n") {
		return "there is white space or a line break in it"
	}
	if len(parts) != 3 {
		return fmt.Sprintf("it has %d of the 3 parts of a token", len(parts))
	}
	header := struct {
		Algorithm string `json:"alg"`
	}{}
	if data, err := base64.RawURLEncoding.DecodeString(parts[0]); err != nil || json.Unmarshal(data, &header) != nil {
		return "its first part, the header, cannot be read"
	}
	if _, err := ReadClaims(token); err != nil {
		return "its second part, the claims, cannot be read"
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	// RFC 7518 §3.3: as long as the key, which has 2048 bits or more.
	if rsa := strings.HasPrefix(header.Algorithm, "RS"); err != nil || rsa &&
		(len(signature) < 256 || len(signature)%128 != 0) {
		return "its third part, the signature, is not whole"
	}
	return ""
}

// ReadClaims reads the claims of a signed token (RFC 7519, compact form).
func ReadClaims(token string) (Claims, error) {
	if len(token) > MaxToken || strings.Count(token, ".") != 2 {
		return Claims{}, errNoClaims
	}
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	// RFC 7515 §2: base64url without padding. Some issuers add it.
	//rule:d10-read-claims
	data, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(payload, "="))
	if err != nil {
		return Claims{}, errNoClaims
	}
	var raw struct {
		Issuer    any             `json:"iss"`
		Audience  any             `json:"aud"`
		Subject   any             `json:"sub"`
		GrantType any             `json:"grant_type"`
		Expires   any             `json:"exp"`
		Access    json.RawMessage `json:"access"`

		Tenant any `json:"tid"`
		Object any `json:"oid"`
		AppID  any `json:"appid"`
		AZP    any `json:"azp"`
		UPN    any `json:"upn"`
		Unique any `json:"unique_name"`
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&raw); err != nil || !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return Claims{}, errNoClaims
	}
	if _, err := dec.Token(); err != io.EOF {
		return Claims{}, errNoClaims
	}
	c := Claims{Issuer: text(raw.Issuer), Subject: text(raw.Subject), GrantType: text(raw.GrantType),
		Expires: numericDate(raw.Expires),
		Entra: EntraClaims{text(raw.Tenant), text(raw.Object), cmp.Or(text(raw.AppID), text(raw.AZP)),
			cmp.Or(text(raw.UPN), text(raw.Unique))}}
	switch aud := raw.Audience.(type) {
	case string:
		c.Audience = []string{aud}
	case []any:
		for _, a := range aud {
			if s := text(a); s != "" {
				c.Audience = append(c.Audience, s)
			}
		}
	}
	if len(raw.Access) > 0 { // null is a list without elements; absent is unknown
		var access []acrkit.Access
		if err := json.Unmarshal(raw.Access, &access); err == nil {
			scope := acrkit.NewScope(access...)
			c.Access = &scope
		}
	}
	return c, nil
}

// Granted returns the rights that a token has by its own claim, of the requested ones; nil
// if it does not say. A token may have rights on "*", every repository: they are listed
// for each requested repository.
//
// Source: tokens of anonymous clients (recorded), which have pull on "*" for any request,
// and also read tags and attributes.
func (c Claims) Granted(asked acrkit.Scope) *acrkit.Scope {
	if c.Access == nil {
		return nil
	}
	var named, everywhere []acrkit.Access
	for a := range c.Access.All() {
		if a.Type == "repository" && a.Name == "*" {
			everywhere = append(everywhere, a)
			if slices.Contains(a.Actions, "*") {
				everywhere = append(everywhere, onAll(acrkit.Actions()...))
			}
			if c.Subject == anonymousSubject && slices.Contains(a.Actions, acrkit.ContentRead.Wire()) {
				everywhere = append(everywhere, onAll(acrkit.MetadataRead))
			}
			continue
		}
		named = append(named, a)
	}
	known := false
	for a := range asked.All() {
		if a.Type != "repository" || a.Name == "*" {
			continue
		}
		for _, e := range everywhere {
			e.Name = a.Name
			named = append(named, e)
		}
		known = true
	}
	if !known {
		return c.Access
	}
	granted := acrkit.NewScope(named...)
	return &granted
}

// anonymousSubject is the subject of the tokens of anonymous clients (recorded).
const anonymousSubject = "acr_anon_pull"

func onAll(actions ...acrkit.Action) acrkit.Access {
	a := acrkit.Access{Type: "repository", Name: "*"}
	for _, action := range actions {
		a.Actions = append(a.Actions, action.Wire())
	}
	return a
}

func text(v any) string { s, _ := v.(string); return s }

// numericDate reads seconds since 1970 (RFC 7519 §2), which may have a fraction.
// An impossible date is the zero time.
func numericDate(v any) time.Time {
	n, ok := v.(json.Number)
	if !ok {
		return time.Time{}
	}
	f, err := n.Float64()
	const year9999 = 253402300799
	if err != nil || math.IsNaN(f) || f <= 0 || f > year9999 {
		return time.Time{}
	}
	return time.Unix(int64(f), 0)
}

// IsACR reports whether the token names Azure Container Registry as its issuer
// (recorded).
func (c Claims) IsACR() bool { return c.Issuer == "Azure Container Registry" }

// IsAccessToken reports whether the token is an ACR access token, for a request to the
// registry, and not an ACR refresh token (recorded).
func (c Claims) IsAccessToken() bool { return c.IsACR() && c.GrantType == "access_token" }

// IsEntra reports whether the token looks like one of Entra's: its issuer is an
// https URL, or its audience is one that ACR accepts.
func (c Claims) IsEntra() bool {
	if c.IsACR() {
		return false
	}
	if u, err := url.Parse(c.Issuer); err == nil && u.Scheme == "https" && u.Host != "" {
		return true
	}
	return c.IsForRegistries() || c.IsResourceManager()
}

// IsForRegistries reports whether the token's audience is Azure Container Registry,
// the same in all clouds.
func (c Claims) IsForRegistries() bool {
	return slices.ContainsFunc(c.Audience, func(a string) bool {
		return strings.TrimRight(a, "/") == "https://containerregistry.azure.net"
	})
}

// IsResourceManager reports whether the token's audience is that of Azure
// Resource Manager, in any cloud: a token that can do far more than pull.
func (c Claims) IsResourceManager() bool {
	return slices.ContainsFunc(c.Audience, func(a string) bool { return resourceManagerOf(a) != "" })
}

// IsOfOtherCloud reports whether the token is for Azure Resource Manager of another
// cloud than the registry's.
func (c Claims) IsOfOtherCloud(reg acrkit.Registry) bool {
	return slices.ContainsFunc(c.Audience, func(a string) bool {
		suffix := resourceManagerOf(a)
		return suffix != "" && suffix != CloudOf(reg).suffix
	})
}

// resourceManagerOf returns the suffix of the login servers in the cloud of an Azure
// Resource Manager audience; "" for other audiences.
func resourceManagerOf(audience string) string {
	return resourceManagers[strings.ToLower(strings.TrimPrefix(strings.TrimRight(audience, "/"), "https://"))]
}

// Source: the audiences that the official clients list for each cloud.
var resourceManagers = map[string]string{
	"management.azure.com": ".azurecr.io", "management.core.windows.net": ".azurecr.io",
	"management.usgovcloudapi.net": ".azurecr.us", "management.core.usgovcloudapi.net": ".azurecr.us",
	"management.chinacloudapi.cn": ".azurecr.cn", "management.core.chinacloudapi.cn": ".azurecr.cn",
}
