package principal

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/service"
	"github.com/acrkit/acrkit/emulator/rule"
)

// The lifetime of an anonymous client's token, recorded, and how far back the "not
// before" of tokens lies, recorded too.
const (
	//rule:anonymous-token-anonymous-life
	AnonymousLife = 5 * time.Minute // of the access token of an anonymous client
	Backdate      = 15 * time.Minute
)

// anonymousSubject is the subject of an anonymous client's token (recorded).
const anonymousSubject = "acr_anon_pull"

// Issuer is the issuer in the registry's tokens.
const Issuer = "Azure Container Registry"

// MaxToken is the longest token that is parsed: the longest scope, as JSON in
// base64, with room for the other claims.
//
//rule:emulator-limits-max-token
const MaxToken = 256 << 10

// claims are those of the registry's tokens, in the order in which the service
// writes them. The recorded ones have no others.
type claims struct {
	ID          string          `json:"jti"`
	Subject     string          `json:"sub"`
	NotBefore   int64           `json:"nbf"`
	Expires     int64           `json:"exp"`
	IssuedAt    int64           `json:"iat"`
	Issuer      string          `json:"iss"`
	Audience    string          `json:"aud"`
	Version     string          `json:"version"`
	RID         string          `json:"rid"`
	Access      json.RawMessage `json:"access,omitempty"` // of access tokens: a list of [acrkit.Access]
	GrantType   string          `json:"grant_type"`
	AppID       string          `json:"appid,omitempty"`
	Tenant      string          `json:"tenant,omitempty"`
	Permissions *permissions    `json:"permissions,omitempty"`
	// AADIdentity is in refresh tokens of registries in ABAC mode. Source: acr-cli,
	// which recognizes the mode by it; no source shows its value.
	AADIdentity string   `json:"aad_identity,omitempty"`
	Roles       []string `json:"roles"`
}

type permissions struct {
	Actions    []string
	NotActions []string
}

// The token's own times are checked by hand, with the emulator's clock.
func (c *claims) GetExpirationTime() (*jwt.NumericDate, error) { return nil, nil }
func (c *claims) GetIssuedAt() (*jwt.NumericDate, error)       { return nil, nil }
func (c *claims) GetNotBefore() (*jwt.NumericDate, error)      { return nil, nil }
func (c *claims) GetIssuer() (string, error)                   { return c.Issuer, nil }
func (c *claims) GetSubject() (string, error)                  { return c.Subject, nil }
func (c *claims) GetAudience() (jwt.ClaimStrings, error)       { return jwt.ClaimStrings{c.Audience}, nil }

// Lifetimes are how long the registry's tokens, and Entra's, can be used; zero
// takes the recorded and documented ones.
type Lifetimes struct{ Access, Refresh, Entra time.Duration }

func (l Lifetimes) access() time.Duration {
	if l.Access == 0 {
		return service.AccessLife
	}
	return l.Access
}

func (l Lifetimes) refresh() time.Duration {
	if l.Refresh == 0 {
		return service.RefreshLife
	}
	return l.Refresh
}

func (s *Store) subject(p Principal) string {
	switch p.Kind {
	case KindServicePrincipal:
		if a, ok := s.Application(p.Name); ok {
			return a.ObjectID
		}
	case KindAnonymous:
		return anonymousSubject
	}
	return p.Name
}

func (s *Store) common(r *RegistrySettings, p Principal, audience string, now time.Time, life time.Duration) claims {
	return claims{ID: s.keys.newJTI(p.Kind), Subject: s.subject(p), Issuer: Issuer, Audience: audience,
		Version: "1.0", RID: r.RID,
		NotBefore: now.Add(-Backdate).Unix(), IssuedAt: now.Add(-Backdate).Unix(), Expires: now.Add(life).Unix(),
		Roles: []string{}}
}

func (s *Store) sign(c *claims) (string, error) {
	key, err := s.keys.ACR()
	if err != nil {
		return "", err
	}
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, c)
	t.Header["kid"] = key.ID
	return t.SignedString(key.Key)
}

// AccessToken issues an access token. audience is the login server the client
// asked.
func (s *Store) AccessToken(r *RegistrySettings, p Principal, audience string, granted acrkit.Scope, now time.Time,
	l Lifetimes) (string, error) {
	life := l.access()
	if p.Kind == KindAnonymous {
		//rule:anonymous-token-access-token
		life = min(life, AnonymousLife)
	}
	c := s.common(r, p, audience, now, life)
	c.GrantType = "access_token"
	access := slices.AppendSeq([]acrkit.Access{}, granted.All())
	var err error
	if c.Access, err = accessClaim(access, p.Kind == KindAnonymous); err != nil {
		return "", err
	}
	if metadataOnly(access) {
		c.Version = "2.0"
	}
	return s.sign(&c)
}

// accessClaim writes the claim that says what a token grants. In the tokens of
// anonymous clients its keys begin with capitals (recorded).
func accessClaim(access []acrkit.Access, capitals bool) (json.RawMessage, error) {
	if !capitals {
		return json.Marshal(access)
	}
	type capital struct {
		Type    string
		Name    string
		Actions []string
	}
	out := []capital{}
	for _, a := range access {
		out = append(out, capital(a))
	}
	return json.Marshal(out)
}

// metadataOnly is the nearest rule to the recorded versions: 2.0 for
// metadata_read and metadata_write, 1.0 for delete and the catalog.
func metadataOnly(access []acrkit.Access) bool {
	for _, a := range access {
		for _, w := range a.Actions {
			if w != "metadata_read" && w != "metadata_write" {
				return false
			}
		}
	}
	return len(access) > 0
}

// RefreshToken issues a refresh token to a service principal.
func (s *Store) RefreshToken(r *RegistrySettings, a *Application, audience string, now time.Time,
	l Lifetimes) (string, error) {
	p := Principal{KindServicePrincipal, a.ClientID}
	c := s.common(r, p, audience, now, l.refresh())
	c.GrantType, c.AppID, c.Tenant = "refresh_token", a.ClientID, a.TenantID
	rights, _ := s.RightsOf(r, p)
	c.Permissions = &permissions{Actions: rights.words()}
	if r.Mode == service.ModeABAC {
		c.AADIdentity = a.ClientID
	}
	return s.sign(&c)
}

// words are the permissions in a refresh token. Recorded: a reader has "read",
// an owner all five.
func (r Rights) words() []string {
	out := []string{}
	has := func(a acrkit.Action) bool {
		for _, rule := range r.Map.Rules {
			if rule.Action == a {
				return true
			}
		}
		return slices.ContainsFunc(r.conditional, func(c conditional) bool {
			return slices.Contains(c.actions, a)
		})
	}
	if has(acrkit.ContentRead) {
		out = append(out, "read")
	}
	if has(acrkit.ContentWrite) {
		out = append(out, "write")
	}
	if has(acrkit.ContentDelete) {
		out = append(out, "delete", "deleted/read", "deleted/restore/action")
	}
	return out
}

// Access is a verified access token.
type Access struct {
	Principal Principal
	Granted   acrkit.Scope // [AllRepositories] means every repository: see Lacks

	rid              string
	notBefore, until int64
}

// Lacks returns the part of a required scope that the token does not hold. What it
// holds on all repositories it holds on each.
func (a Access) Lacks(required acrkit.Scope) acrkit.Scope {
	lacks := required.Minus(a.Granted)
	for access := range lacks.All() {
		if access.Type == "repository" {
			everywhere := acrkit.NewScope(acrkit.Access{Type: "repository", Name: AllRepositories,
				Actions: access.Actions}).Intersect(a.Granted)
			for held := range everywhere.All() {
				held.Name = access.Name
				lacks = lacks.Minus(acrkit.NewScope(held))
			}
		}
	}
	return lacks
}

// maxVerified bounds each generation of the cache of verified tokens.
const maxVerified = 4096

// Verifier checks tokens and remembers, by hash, those it has checked: an RSA
// verification costs more than the rest of a small request.
type Verifier struct {
	store *Store

	mu       sync.Mutex
	new, old map[[sha256.Size]byte]Access
}

// NewVerifier returns a verifier.
func (s *Store) NewVerifier() *Verifier {
	return &Verifier{store: s, new: map[[sha256.Size]byte]Access{}}
}

// Verify returns what a good access token for the registry holds. For any other
// token the error is a [rule.ID], for the decision log: the service does not say it
// to its clients.
func (v *Verifier) Verify(r *RegistrySettings, token string, now time.Time) (Access, error) {
	if len(token) > MaxToken {
		return Access{}, rule.ACRTokenMalformed
	}
	var usual [2048]byte // a copy on the stack, for tokens of usual length
	sum := sha256.Sum256(append(usual[:0], token...))
	a, ok := v.cached(sum)
	if !ok {
		c, kind, err := v.store.parse(token)
		switch {
		case err != nil:
			return Access{}, err
		case c.GrantType != "access_token" || c.Access == nil:
			return Access{}, rule.ACRTokenKind
		}
		var access []acrkit.Access
		if err := json.Unmarshal(c.Access, &access); err != nil {
			return Access{}, rule.ACRTokenMalformed
		}
		a = Access{Granted: acrkit.NewScope(access...), rid: c.RID, notBefore: c.NotBefore, until: c.Expires}
		if a.Principal, err = v.store.principal(c, kind); err != nil {
			return Access{}, err
		}
		//rule:anonymous-token-verify
		if pull := acrkit.RepositoryScope(AllRepositories, acrkit.ContentRead); kind == KindAnonymous &&
			a.Granted.Contains(pull) {
			// Such a token holds pull alone, and reads tags and attributes, too (recorded).
			a.Granted = a.Granted.Union(acrkit.RepositoryScope(AllRepositories, acrkit.MetadataRead))
		}
		v.remember(sum, a)
	}
	if err := timely(a.rid == r.RID, a.notBefore, a.until, now); err != nil {
		return Access{}, err
	}
	return a, nil
}

// timely refuses a token of another registry or time.
func timely(ours bool, notBefore, until int64, now time.Time) error {
	switch {
	case !ours:
		return rule.ACRTokenOtherRegistry
	case now.Unix() < notBefore:
		return rule.ACRTokenNotYetValid
	case now.Unix() >= until:
		return rule.ACRTokenExpired
	}
	return nil
}

func (v *Verifier) cached(sum [sha256.Size]byte) (Access, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if a, ok := v.new[sum]; ok {
		return a, true
	}
	a, ok := v.old[sum]
	return a, ok
}

func (v *Verifier) remember(sum [sha256.Size]byte, a Access) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.new) >= maxVerified {
		v.old, v.new = v.new, map[[sha256.Size]byte]Access{}
	}
	v.new[sum] = a
}

// CheckRefresh returns the principal of a good refresh token for the registry. Its
// errors are those of [Verifier.Verify].
func (s *Store) CheckRefresh(r *RegistrySettings, token string, now time.Time) (Principal, error) {
	//rule:emulator-limits-check-refresh
	if len(token) > MaxToken {
		return Principal{}, rule.ACRTokenMalformed
	}
	c, kind, err := s.parse(token)
	if err != nil {
		return Principal{}, err
	}
	if c.GrantType != "refresh_token" {
		return Principal{}, rule.ACRTokenKind
	}
	if err := timely(c.RID == r.RID, c.NotBefore, c.Expires, now); err != nil {
		return Principal{}, err
	}
	return s.principal(c, kind)
}

// parse checks signature, issuer and id. An error is a [rule.ID], or one of reading
// the key.
func (s *Store) parse(token string) (*claims, Kind, error) {
	key, err := s.keys.ACR()
	if err != nil {
		return nil, "", err
	}
	c := new(claims)
	p := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(Issuer), jwt.WithStrictDecoding(),
		jwt.WithoutClaimsValidation())
	_, err = p.ParseWithClaims(token, c, func(*jwt.Token) (any, error) { return &key.Key.PublicKey, nil })
	switch {
	case errors.Is(err, jwt.ErrTokenMalformed):
		return nil, "", rule.ACRTokenMalformed
	case c.Issuer != Issuer: // the claims are read before the signature is checked
		return nil, "", rule.ACRTokenIssuer
	case err != nil:
		return nil, "", rule.ACRTokenSignature
	}
	kind, err := s.keys.kindOf(c.ID)
	if err != nil {
		return nil, "", rule.ACRTokenSignature
	}
	return c, kind, nil
}

func (s *Store) principal(c *claims, kind Kind) (Principal, error) {
	switch kind {
	case KindServicePrincipal:
		a, ok := s.ApplicationByObject(c.Subject)
		if !ok {
			return Principal{}, rule.ApplicationDeleted
		}
		return Principal{kind, a.ClientID}, nil
	case KindAnonymous:
		return Principal{Kind: kind}, nil
	case KindToken, KindAdmin:
		return Principal{kind, c.Subject}, nil
	}
	return Principal{}, rule.ACRTokenSignature
}

// ApplicationByObject finds an application by the object id of its service principal.
func (s *Store) ApplicationByObject(oid string) (*Application, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	a, ok := s.byOID[strings.ToLower(oid)]
	return a, ok
}
