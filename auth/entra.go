package auth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/wire"
)

// Audience is the audience of the Entra tokens that are exchanged for ACR's.
type Audience string

// The audiences.
const (
	// AudienceAuto is ACR's; Azure Resource Manager's if Entra itself refuses ACR's
	// and the registry is one of Microsoft's.
	AudienceAuto Audience = ""
	// AudienceACR is https://containerregistry.azure.net in all clouds, and no other.
	AudienceACR Audience = "acr"
	// AudienceARM is Azure Resource Manager's, and no other. Such a token can do
	// far more than pull; it goes to Microsoft's registries and to loopback only.
	AudienceARM Audience = "arm"
)

// acrScope asks Entra for a token for Azure Container Registry; the same in all
// clouds.
const acrScope = "https://containerregistry.azure.net/.default"

// EntraOptions are the settings of a service principal. Nil means all zero.
type EntraOptions struct {
	// AuthorityHost is the https URL of the Entra authority; "" takes the one of
	// the registry's cloud. A registry on loopback has no cloud and needs it.
	AuthorityHost string
	// Audience says which audience to ask for; "" is [AudienceAuto].
	Audience Audience
}

// servicePrincipalCredential signs in to Entra by itself.
type servicePrincipalCredential struct {
	description
	tenant, client string
	secret         SecretSource
	federated      bool // the secret is an assertion
	opts           EntraOptions
}

// ServicePrincipal is an Entra application with a client secret. It asks Entra
// by the client-credentials grant, over https only, without any SDK.
func ServicePrincipal(tenantID, clientID, clientSecret string, opts *EntraOptions) Credential {
	return newServicePrincipal(tenantID, clientID, fixed(clientSecret), opts)
}

// FederatedServicePrincipal is an Entra application (or a managed identity with a
// federated credential) that proves itself by a token of another issuer which it
// trusts: workload identity. The assertion is read again for each request to
// Entra, because it lives for minutes or an hour. Two are common:
//
//	auth.SecretFile(os.Getenv("AZURE_FEDERATED_TOKEN_FILE")) // Kubernetes
//	auth.GitHubOIDC(requestURL, requestToken, "")            // GitHub Actions
//
// There is no client secret that could leak. Source: Microsoft identity
// platform, "OAuth 2.0 client credentials flow", third case; RFC 7523 §2.2.
func FederatedServicePrincipal(tenantID, clientID string, assertion SecretSource, opts *EntraOptions) Credential {
	c := newServicePrincipal(tenantID, clientID, assertion, opts)
	c.federated = true
	return c
}

func newServicePrincipal(tenantID, clientID string, secret SecretSource, opts *EntraOptions) *servicePrincipalCredential {
	c := &servicePrincipalCredential{description: description{KindServicePrincipal, fmt.Sprintf("service principal %q", clientID)},
		tenant: tenantID, client: clientID, secret: secret}
	if plainArgument.MatchString(clientID) {
		c.text = "service principal " + clientID
	}
	if opts != nil {
		c.opts = *opts
	}
	return c
}

// tenantName is what Entra takes for a tenant in a path: a GUID or a domain.
var tenantName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]*$`)

func (c *servicePrincipalCredential) bind(t *Transport) (grant, error) {
	usage := func(reason, hint string) (grant, error) {
		return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "use a credential", Registry: t.registry, Reason: reason, Hint: hint}
	}
	switch {
	case !tenantName.MatchString(c.tenant):
		return usage("the tenant is not a GUID or a domain name", "")
	case c.client == "":
		return usage("the client id is empty", "")
	}
	if err := checkSecret("the client id", c.client); err != nil {
		return nil, err
	}
	switch secret := c.secret.(type) {
	case nil:
		return usage("the source of the assertion is nil", "")
	case *fixedSecret:
		if err := checkSecret("the secret of "+c.text, secret.value.Reveal()); err != nil {
			return nil, err
		}
	}
	u, err := wire.Authority(t.registry, c.opts.AuthorityHost, "EntraOptions.AuthorityHost", "a client secret")
	if err != nil {
		return nil, err
	}
	endpoint := u.JoinPath(c.tenant, "oauth2/v2.0/token").String()
	return newEntraGrant(t, c.text, c.opts.Audience, func(ctx context.Context, scope string) (Secret, error) {
		return c.signIn(ctx, t, endpoint, scope)
	}, func(ctx context.Context) (Secret, bool) { return c.identity(ctx, t, endpoint) })
}

func (c *servicePrincipalCredential) signIn(ctx context.Context, t *Transport, endpoint, scope string) (Secret, error) {
	secret, err := c.secret.read(ctx, t)
	if err != nil {
		return Secret{}, err
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {c.client}, "scope": {scope}}
	if c.federated {
		if err := checkSecret("the assertion of "+c.text+" from its "+c.secret.String(), secret.Reveal()); err != nil {
			return Secret{}, err
		}
		if len(secret.Reveal()) > wire.MaxToken {
			return Secret{}, &acrkit.Error{Code: acrkit.CodeTooLarge, Op: "use a credential", Reason: fmt.Sprintf("the assertion is longer than %d bytes", wire.MaxToken)}
		}
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", secret.Reveal())
	} else {
		form.Set("client_secret", secret.Reveal())
	}
	a, err := t.post(ctx, acrkit.Registry{}, endpoint, "get an Entra token for "+c.text, form, "access_token", refusedByEntra)
	if !c.federated && fullGUID(secret.Reveal()) && acrkit.CauseOf(err) == cause.EntraSecretWrong {
		err = because(cause.SecretIDPasted, err)
	}
	return a.token, err
}

func (c *entraCredential) bind(t *Transport) (grant, error) {
	if c.source == nil {
		return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "use a credential", Registry: t.registry, Reason: "the source of Entra tokens is nil"}
	}
	source := c.source
	if s, ok := source.(interface {
		ForRegistry(acrkit.Registry) (EntraTokenSource, error)
	}); ok {
		var err error
		if source, err = s.ForRegistry(t.registry); err != nil {
			return nil, err
		}
		if source == nil {
			return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "use a credential", Registry: t.registry, Reason: "the source has no Entra tokens for this registry, and does not say why"}
		}
	}
	op := "get an Entra token for " + c.text
	return newEntraGrant(t, c.text, AudienceAuto, func(ctx context.Context, scope string) (Secret, error) {
		token, _, err := source.EntraToken(ctx, scope)
		if err != nil {
			return Secret{}, sourceError(ctx, op, err)
		}
		return redact.NewSecret(token), nil
	}, nil)
}

// sourceError returns the error for a failure of a source. An *acrkit.Error of the source
// keeps its reason.
func sourceError(ctx context.Context, op string, err error) error {
	if ctxErr := ctx.Err(); ctxErr != nil && errors.Is(err, ctxErr) {
		return wire.NetworkError(err, op, acrkit.Registry{}, "Entra")
	}
	refusal, isRefusal := errors.AsType[EntraRefusal](err)
	if e, ok := errors.AsType[*acrkit.Error](err); ok {
		if fix := refusal.fix(); isRefusal && e.Code == acrkit.CodeCredentialRejected && (refusal.code() != e.Code || e.Hint == "" && fix != "") {
			with := *e
			with.Cause = cmp.Or(e.Cause, refusal.Cause())
			with.Code, with.Hint = refusal.code(), cmp.Or(e.Hint, fix)
			return wire.Final(&with)
		}
		return err
	}
	if isRefusal {
		return refusal.failure(&acrkit.Error{Op: op})
	}
	if refusal, ok := ReadEntraRefusal(err.Error()); ok {
		e := &acrkit.Error{Op: op}
		return refusal.failure(e)
	}
	return wire.NetworkError(err, op, acrkit.Registry{}, "Entra")
}

func (c *entraTokenCredential) bind(t *Transport) (grant, error) {
	if err := checkSecret("the Entra token", c.token.Reveal()); err != nil {
		return nil, err
	}
	if err := checkEntraToken(t, c.token); err != nil {
		return nil, err
	}
	return newEntraGrant(t, c.text, AudienceAuto, func(context.Context, string) (Secret, error) { return c.token, nil },
		func(context.Context) (Secret, bool) { return joined(string(c.kind), c.token.Reveal()), true })
}

// checkEntraToken refuses to hand a token for Azure Resource Manager to a host
// that is not Microsoft's.
func checkEntraToken(t *Transport, token Secret) error {
	value := token.Reveal()
	if value == "" {
		return wire.Final(&acrkit.Error{Code: acrkit.CodeProtocol, Op: "exchange an Entra token", Registry: t.registry, Reason: "the Entra token is empty"})
	}
	if len(value) > wire.MaxToken {
		return &acrkit.Error{Code: acrkit.CodeTooLarge, Op: "exchange an Entra token", Registry: t.registry, Reason: fmt.Sprintf("it is longer than %d bytes", wire.MaxToken)}
	}
	claims, err := wire.ReadClaims(value)
	if err == nil && claims.IsResourceManager() && !t.registry.IsACR() && !t.registry.IsLoopback() {
		return wire.Final(&acrkit.Error{Code: acrkit.CodeHostRefused, Op: "exchange an Entra token", Registry: t.registry,
			Reason: "the token is for Azure Resource Manager, and the host is not one of Microsoft's"})
	}
	return nil
}

// entraGrant exchanges Entra tokens for ACR refresh tokens, of which it keeps
// one.
type entraGrant struct {
	t        *Transport
	who      string
	audience Audience
	sign     func(ctx context.Context, scope string) (Secret, error)
	identity func(ctx context.Context) (Secret, bool) // identifies who signs in; nil = not known

	fetches flights[*refreshToken]
	current *refreshToken // guarded by the lock of fetches
	useARM  bool          // Entra has refused ACR's audience; guarded likewise
}

// refreshToken is an ACR refresh token that was exchanged for an Entra token.
type refreshToken struct {
	answered
	audience     string    // of the Entra token
	entraExpires time.Time // its end, by its own claim; zero if it has none
	retryAt      time.Time // guarded by the grant's lock
	key          TokenKey  // in the store of tokens; zero where it is not kept
	loaded       bool      // it came from there
}

func newEntraGrant(t *Transport, who string, audience Audience, sign func(context.Context, string) (Secret, error), identity func(context.Context) (Secret, bool)) (grant, error) {
	switch audience {
	case AudienceAuto, AudienceACR:
	case AudienceARM:
		if !t.registry.IsACR() && !t.registry.IsLoopback() {
			return nil, &acrkit.Error{Code: acrkit.CodeHostRefused, Op: "use a credential", Registry: t.registry,
				Reason: "a token for Azure Resource Manager is sent to Microsoft's registries only"}
		}
	default:
		return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "use a credential", Registry: t.registry,
			Reason: fmt.Sprintf("%q is not an audience", audience)}
	}
	g := &entraGrant{t: t, who: who, audience: audience, sign: sign, identity: identity}
	g.fetches.init()
	return g, nil
}

func (g *entraGrant) proof(ctx context.Context) (proof, error) {
	fresh := false
	keep := func(r *refreshToken) { g.current = r }
	r, err := g.fetches.get(ctx, "", func() (*refreshToken, bool) {
		if g.current != nil && g.current.life.alive(g.t.now()) {
			return g.current, true
		}
		fresh = true
		return nil, false
	}, g.fetch, keep)
	if err != nil {
		return proof{}, err
	}
	if now := g.t.now(); r.life.due(now) {
		g.fetches.renew(ctx, "", func() bool { return g.current == r && !now.Before(r.retryAt) }, g.fetch, keep,
			func(err error) {
				r.retryAt = g.t.now().Add(renewalPause)
				g.t.log.WarnContext(ctx, "renewal of the ACR refresh token failed", "error", err)
			})
	}
	p := refreshProof(r.token)
	p.root, p.fresh = r, fresh && !r.loaded
	return p, nil
}

func (g *entraGrant) refused(p proof) bool {
	g.renew(p.root)
	return !p.fresh
}

func (g *entraGrant) renew(root *refreshToken) {
	g.fetches.Lock()
	defer g.fetches.Unlock()
	if g.current == root {
		g.current = nil
	}
}

// describe names the Entra token for messages.
func (g *entraGrant) describe() string {
	if g.who == entraTokenText {
		return g.who
	}
	return "Entra token of " + g.who
}

func (g *entraGrant) close() { g.fetches.close() }

func (g *entraGrant) rejected(_ proof, e *acrkit.Error, said string) {
	e.Reason = "the ACR refresh token made from the " + g.describe() + " is not accepted" + said
}

// exchange gets an Entra token and exchanges it for an ACR refresh token.
func (g *entraGrant) exchange(ctx context.Context) (*refreshToken, error) {
	token, audience, err := g.signIn(ctx)
	if err != nil {
		return nil, err
	}
	if err := checkEntraToken(g.t, token); err != nil {
		return nil, err
	}
	secrets := []Secret{token}
	form := url.Values{"grant_type": {"access_token"}, "service": {g.t.service()}, "access_token": {token.Reveal()}}
	a, err := g.t.post(ctx, g.t.registry, g.t.origin()+"/oauth2/exchange", "exchange the "+g.describe(), form, "refresh_token",
		//nolint:bodyclose // there is no response yet; post closes it
		g.t.refusedByRegistry(secrets, func(e *acrkit.Error, said string) {
			e.Reason = fmt.Sprintf("the registry does not accept the %s (audience %s)%s", g.describe(), audience, said)
			claims, err := wire.ReadClaims(token.Reveal())
			e.Cause = cause.ExchangeRefused
			switch {
			case err == nil && !claims.Expires.IsZero() && claims.Expires.Before(g.t.now()):
				e.Cause = cause.TokenEnded
				e.Reason += fmt.Sprintf("; by this machine's clock it expired at %s", claims.Expires.UTC().Format(time.RFC3339))
			case strings.Contains(said, "arm aad token disallowed"), strings.Contains(said, "token validation failed") && err == nil && claims.IsResourceManager():
				e.Cause = cause.ARMAudienceDisabled
				e.Hint = sentence.Fix(sentence.AskForRegistriesNotARM, nil)
			case err == nil && claims.IsOfOtherCloud(g.t.registry):
				e.Cause = cause.OtherCloud
				e.Reason += "; the token is for Azure Resource Manager of another cloud than the registry's"
				e.Hint = sentence.Fix(sentence.AskForRegistriesInAllClouds, nil)
			case err == nil && !claims.IsForRegistries() && !claims.IsResourceManager() && !guid.MatchString(audience):
				e.Reason += "; its issuer is " + clipQuote(redact.Text(claims.Issuer))
				e.Hint = sentence.Fix(sentence.AskForRegistries, nil)
			default:
				e.Hint = sentence.Fix(sentence.CheckTenant, nil)
			}
		}))
	if err != nil {
		return nil, err
	}
	claims, _ := wire.ReadClaims(token.Reveal()) // zero where it cannot be read
	return &refreshToken{answered: a, audience: audience, entraExpires: claims.Expires}, nil
}

// signIn returns an Entra token and its audience. It asks for ARM's audience only if
// Entra refuses ACR's, and only for Microsoft's registries.
func (g *entraGrant) signIn(ctx context.Context) (Secret, string, error) {
	armScope := wire.CloudOf(g.t.registry).ARM
	g.fetches.Lock()
	useARM := g.useARM || g.audience == AudienceARM
	g.fetches.Unlock()
	if !useARM {
		token, err := g.sign(ctx, acrScope)
		if err == nil {
			return token, audienceOf(token, acrScope), nil
		}
		refusal, ok := errors.AsType[EntraRefusal](err)
		if !ok || !refusal.ofAudience() || g.audience != AudienceAuto || !g.t.registry.IsACR() {
			return Secret{}, "", err
		}
		g.t.log.WarnContext(ctx, "Entra refuses the audience of Azure Container Registry; asking for that of Azure Resource Manager", "error", err)
	}
	token, err := g.sign(ctx, armScope)
	if err != nil {
		return Secret{}, "", err
	}
	g.fetches.Lock()
	g.useARM = true
	g.fetches.Unlock()
	return token, audienceOf(token, armScope), nil
}

// audienceOf returns the audience in the token, or the one that was asked for
// where it cannot be read.
func audienceOf(token Secret, scope string) string {
	if claims, err := wire.ReadClaims(token.Reveal()); err == nil && len(claims.Audience) == 1 {
		return claims.Audience[0]
	}
	return strings.TrimSuffix(scope, "/.default")
}

// EntraRefusal is Entra's refusal of a sign-in: the cause beneath an error. It
// holds numbers and ids, and none of Entra's text.
type EntraRefusal struct {
	Number        int    // of AADSTS7000215; 0 if it gave none
	OAuthError    string // "invalid_client" (RFC 6749 §5.2); "" if it gave none
	CorrelationID string
}

// Error returns the number and what it means in plain words.
func (r EntraRefusal) Error() string {
	meaning, _ := sentence.Entra(r.Number)
	meaning = cmp.Or(meaning, "Entra refused the sign-in")
	switch {
	case r.Number != 0:
		return fmt.Sprintf("%s (AADSTS%d)", meaning, r.Number)
	case r.OAuthError != "":
		return fmt.Sprintf("%s (%s)", meaning, r.OAuthError)
	}
	return meaning
}

// ofAudience reports whether Entra does not know, or does not serve, the requested
// resource.
func (r EntraRefusal) ofAudience() bool {
	return r.Number == 50001 || r.Number == 500011 || r.Number == 500014
}

// code returns the code of the refusal's number.
func (r EntraRefusal) code() acrkit.Code {
	switch r.Number {
	case 53003, 65001:
		return acrkit.CodeDenied
	case 90033, 90024:
		return acrkit.CodeUnavailable
	}
	return acrkit.CodeCredentialRejected
}

// fix returns the hint that fixes the refusal; "" if none is known.
func (r EntraRefusal) fix() string {
	_, key := sentence.Entra(r.Number)
	return sentence.Fix(key, nil)
}

// Cause returns the cause of the refusal's number.
func (r EntraRefusal) Cause() acrkit.Cause {
	switch r.Number {
	case 7000215:
		return cause.EntraSecretWrong
	case 7000222:
		return cause.EntraSecretExpired
	case 700016, 7000112:
		return cause.EntraApplicationUnknown
	case 700082, 700084, 70043, 50173:
		return cause.EntraSignInEnded
	case 50001, 500011, 500014:
		return cause.EntraAudienceUnknown
	case 90002, 900023:
		return cause.EntraTenantUnknown
	case 70021, 700211, 700212, 700213, 700023, 700024, 700027, 50027:
		return cause.EntraAssertionRefused
	case 50034, 50053, 50055, 50057, 50076, 50079, 50126:
		return cause.EntraUserRefused
	case 53003, 65001:
		return cause.EntraPolicy
	case 90033, 90024:
		return cause.EntraUnreachable
	}
	return cause.EntraRefused
}

// failure completes e with code, reason and hint of r.
func (r EntraRefusal) failure(e *acrkit.Error) error {
	e.Code, e.Reason, e.Hint = r.code(), r.Error(), r.fix()
	e.Cause = r.Cause()
	if e.RequestID == "" {
		e.RequestID = r.CorrelationID
	}
	e.Errs = append(e.Errs, r)
	return wire.Final(e)
}

var (
	aadstsNumber = regexp.MustCompile(`AADSTS([0-9]{4,9})`)
	guid         = regexp.MustCompile(`[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}`)
	correlation  = regexp.MustCompile(`(?i)correlation[ _]?id"?:? *"?(` + guid.String() + `)`)
	oauthWord    = regexp.MustCompile(`^[a-z_]{3,40}$`)
)

// ReadEntraRefusal reads the AADSTS number and the correlation id out of any text
// that quotes an answer of Entra, such as azidentity's errors, and reports
// whether it found a number.
func ReadEntraRefusal(text string) (EntraRefusal, bool) {
	m := aadstsNumber.FindStringSubmatch(text)
	if m == nil {
		return EntraRefusal{}, false
	}
	r := EntraRefusal{}
	r.Number, _ = strconv.Atoi(m[1])
	if c := correlation.FindStringSubmatch(text); c != nil {
		r.CorrelationID = strings.ToLower(c[1])
	}
	return r, true
}

// entraBody bounds Entra's refusals; their descriptions run to a page.
var entraBody = limit.Limit{Name: "a refusal of Entra", Bytes: 64 << 10}

// refusedByEntra returns the error for an answer of Entra that is no success. Source: RFC 6749
// §5.2, with Entra's own error_codes and correlation_id.
func refusedByEntra(resp *http.Response, e *acrkit.Error) error {
	status := resp.StatusCode
	if e.RequestID == "" && guid.MatchString(resp.Header.Get("X-Ms-Request-Id")) {
		e.RequestID = guid.FindString(resp.Header.Get("X-Ms-Request-Id"))
	}
	switch {
	case status >= 300 && status < 400:
		e.Code, e.Reason = acrkit.CodeProtocol, "Entra answers with a redirect, which a token request never follows"
		return wire.Final(e)
	case status == http.StatusTooManyRequests:
		e.Code, e.Reason = acrkit.CodeThrottled, wire.Throttled(resp.Header)
		return e
	case status == http.StatusRequestTimeout || status >= 500:
		e.Cause = cause.EntraUnreachable
		e.Code, e.Reason = acrkit.CodeUnavailable, "Entra failed"
		return e
	}
	var doc struct {
		Error         string `json:"error"`
		Description   string `json:"error_description"`
		Codes         []int  `json:"error_codes"`
		CorrelationID string `json:"correlation_id"`
	}
	data, err := entraBody.ReadAll(resp.Body)
	if err != nil {
		e.Errs = append(e.Errs, err)
	}
	_ = json.Unmarshal(data, &doc) // an answer in another form is still a refusal
	r, _ := ReadEntraRefusal(doc.Description)
	if r.Number == 0 && len(doc.Codes) > 0 {
		r.Number = doc.Codes[0]
	}
	if oauthWord.MatchString(doc.Error) {
		r.OAuthError = doc.Error
	}
	if guid.MatchString(doc.CorrelationID) {
		r.CorrelationID = guid.FindString(doc.CorrelationID)
		e.RequestID = r.CorrelationID
	}
	if r.Number == 0 && r.OAuthError == "" {
		e.Cause = cause.EntraUnreachable
		e.Code, e.Reason = acrkit.CodeProtocol, "the address of the Entra authority answers, but not as Entra does"
		e.Hint = sentence.Fix(sentence.CheckAuthority, nil)
		return wire.Final(e)
	}
	return r.failure(e)
}
