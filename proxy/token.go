package proxy

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/wire"
)

// tokens issues and checks the proxy's own tokens: three-part JWTs (RFC 7519),
// because SDKs parse them for their end, with the claims that ACR's have. They are
// worth nothing at the registry.
type tokens struct {
	key  []byte
	now  func() time.Time
	seen *seen
}

// seen caches valid access tokens: a client sends one with each request, and reading it
// costs more than all other work of the proxy.
type seen struct {
	mu   sync.Mutex
	good map[[sha256.Size]byte]goodToken
}

type goodToken struct {
	host    string
	granted acrkit.Scope
	expires int64
}

// maxSeen bounds the cache; a full cache is emptied.
//
//rule:command-limits-max-seen
const maxSeen = 1024

func newTokens(now func() time.Time) tokens {
	if now == nil {
		now = time.Now
	}
	return tokens{key: randomKey(), now: now, seen: &seen{good: map[[sha256.Size]byte]goodToken{}}}
}

// claims are the claims of both kinds; names and forms as in ACR's (recorded).
type claims struct {
	ID        string           `json:"jti"`
	Subject   string           `json:"sub"`
	NotBefore int64            `json:"nbf"`
	Expires   int64            `json:"exp"`
	IssuedAt  int64            `json:"iat"`
	Issuer    string           `json:"iss"`
	Audience  string           `json:"aud"`
	Version   string           `json:"version"`
	Access    *[]acrkit.Access `json:"access,omitempty"`
	GrantType string           `json:"grant_type"`
	Roles     []string         `json:"roles"`
}

const (
	grantAccess  = "access_token"
	grantRefresh = "refresh_token"
)

// header is the header of every token, and no other is accepted: a token cannot choose
// its algorithm.
var header = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`))

// issueAccess issues an access token to a client that speaks to host.
func (t tokens) issueAccess(host string, granted acrkit.Scope) (string, error) {
	access := slices.AppendSeq([]acrkit.Access{}, granted.All())
	return t.issue(claims{Audience: host, GrantType: grantAccess, Access: &access}, accessLife)
}

// issueRefresh issues a refresh token, which is accepted like the client key.
func (t tokens) issueRefresh(host string) (string, error) {
	return t.issue(claims{Audience: host, GrantType: grantRefresh}, refreshLife)
}

func (t tokens) issue(c claims, life time.Duration) (string, error) {
	now := t.now()
	c.ID, c.Subject, c.Issuer, c.Version, c.Roles = rand.Text(), "acrkit-proxy", "Azure Container Registry",
		"1.0", []string{}
	c.NotBefore, c.IssuedAt, c.Expires = now.Add(-backdate).Unix(), now.Add(-backdate).Unix(), now.Add(life).Unix()
	payload, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	signed := header + "." + base64.RawURLEncoding.EncodeToString(payload)
	return signed + "." + base64.RawURLEncoding.EncodeToString(t.sign(signed)), nil
}

func (t tokens) sign(text string) []byte {
	mac := hmac.New(sha256.New, t.key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// access returns what an access token grants.
func (t tokens) access(token, host string) (acrkit.Scope, bool) {
	sum := sha256.Sum256([]byte(token))
	t.seen.mu.Lock()
	g, ok := t.seen.good[sum]
	t.seen.mu.Unlock()
	if ok {
		//rule:proxy-key-access
		return g.granted, g.host == host && t.now().Unix() < g.expires
	}
	c, ok := t.verify(token, host, grantAccess)
	if !ok || c.Access == nil {
		return acrkit.Scope{}, false
	}
	g = goodToken{host, acrkit.NewScope(*c.Access...), c.Expires}
	t.seen.mu.Lock()
	defer t.seen.mu.Unlock()
	if len(t.seen.good) >= maxSeen {
		clear(t.seen.good)
	}
	t.seen.good[sum] = g
	return g.granted, true
}

// refresh reports whether a refresh token is good.
func (t tokens) refresh(token, host string) bool {
	_, ok := t.verify(token, host, grantRefresh)
	return ok
}

// verify checks signature, kind, audience and end. The signature is first: nothing else
// is read of a token that the proxy did not issue.
func (t tokens) verify(token, host, grantType string) (claims, bool) {
	i := strings.LastIndexByte(token, '.')
	if i < 0 || len(token) > wire.MaxToken {
		return claims{}, false
	}
	// Strict: each token has one encoding only.
	mac, err := base64.RawURLEncoding.Strict().DecodeString(token[i+1:])
	//rule:proxy-key-verify
	if err != nil || !hmac.Equal(mac, t.sign(token[:i])) {
		return claims{}, false
	}
	payload, ok := strings.CutPrefix(token[:i], header+".")
	if !ok {
		return claims{}, false
	}
	data, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return claims{}, false
	}
	var c claims
	//rule:proxy-key-verify-2
	if json.Unmarshal(data, &c) != nil || c.GrantType != grantType || c.Audience != host ||
		t.now().Unix() >= c.Expires {
		return claims{}, false
	}
	return c, true
}
