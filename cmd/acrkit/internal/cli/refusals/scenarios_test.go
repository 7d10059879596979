package refusals_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/diagnose"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/emulator/rule"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/registry"
)

func causeOf(id rule.ID) acrkit.Cause { return id.Cause("", "", "") }

// all are the lines of a scope map that grants everything on a repository.
func all(repository string) (lines []string) {
	for _, a := range acrkit.Actions() {
		lines = append(lines, "repositories/"+repository+"/"+a.String())
	}
	return lines
}

const wrong = "correct-horse-battery-staple"

// registryScenarios are refusals of the token service and the data plane.
func registryScenarios() []scenario {
	// right is a token with some rights that asks for more.
	right := func(name string, c acrkit.Cause, id rule.ID, lines []string, method, path string) scenario {
		return scenario{rule: id, name: name, cause: c, make: func(s *stage) diagnose.Attempt {
			k := s.Token("ci-reader", lines...)
			scope := "repository:team/app:pull,push,delete,metadata_read,metadata_write repository:team/base:pull " +
				"registry:catalog:*"
			return s.with(s.call(method, path, bearer(s.access(k, scope)), nil), k.Credential())
		}}
	}
	// conditioned is a service principal whose role has a condition, and which deletes a tag.
	conditioned := func(id rule.ID, c acrkit.Cause, condition string) scenario {
		return scenario{rule: id, cause: c, make: func(s *stage) diagnose.Attempt {
			s.must(s.Manage().ChangeSettings(s.t.Context(), func(r *emulator.RegistrySettings) {
				r.RoleAssignmentMode = "AbacRepositoryPermissions"
			}))
			p := s.ServicePrincipal()
			s.must(s.Manage().AssignRole(s.t.Context(), seed.RoleAssignment{ClientID: p.ClientID,
				Role: "Container Registry Repository Contributor", Condition: condition}))
			access := s.field(s.byRefresh(s.refresh(p)), "access_token")
			return s.with(s.call(http.MethodDelete, "/acr/v1/team/app/_tags/v1", bearer(access), nil), p.Credential())
		}}
	}
	// token presents a token to the data plane.
	token := func(id rule.ID, c acrkit.Cause, get func(s *stage) string) scenario {
		return scenario{rule: id, cause: c, make: func(s *stage) diagnose.Attempt {
			return s.get(tagsPath, bearer(get(s)))
		}}
	}
	locked := func(id rule.ID, c acrkit.Cause, lock func(*stage, *registry.Client, registry.AttributeChange) error,
		do func(*stage, *registry.Client) error) scenario {
		return scenario{rule: id, cause: c, make: func(s *stage) diagnose.Attempt {
			s.Push("team/app", "v1")
			k := s.TokenOf("admin", "_repositories_admin")
			cl := s.Client(k.Credential())
			off := false
			s.must(lock(s, cl, registry.AttributeChange{Delete: &off}))
			return s.with(diagnose.Attempt{Err: do(s, cl), Target: "v1"}, k.Credential())
		}}
	}
	deleteTag := func(s *stage, c *registry.Client) error { return c.DeleteTag(s.t.Context(), "team/app", "v1") }
	digest := func(s *stage, c *registry.Client) string {
		tag, err := c.Tag(s.t.Context(), "team/app", "v1")
		s.must(err)
		return tag.Digest
	}
	reader := []string{"repositories/team/app/content/read", "repositories/team/app/metadata/read"}
	return []scenario{
		{rule: rule.UserUnknown, cause: cause.TokenUnknown, make: func(s *stage) diagnose.Attempt {
			return s.password("unknown", wrong)
		}},
		{rule: rule.PasswordWrong, cause: cause.PasswordWrong, make: func(s *stage) diagnose.Attempt {
			s.Token("ci-reader", reader...)
			return s.password("ci-reader", wrong)
		}},
		{rule: rule.PasswordExpired, cause: cause.PasswordExpired, make: func(s *stage) diagnose.Attempt {
			k := s.Token("ci-reader", reader...)
			s.ExpirePassword("ci-reader", "password1")
			return s.password("ci-reader", k.Password1)
		}},
		{rule: rule.ClientSecretWrong, cause: cause.EntraSecretWrong, make: func(s *stage) diagnose.Attempt {
			return s.password(s.ServicePrincipal("AcrPull").ClientID, wrong)
		}},
		{rule: rule.ClientSecretExpired, cause: cause.EntraSecretExpired, make: func(s *stage) diagnose.Attempt {
			p := s.expired()
			return s.password(p.ClientID, p.ClientSecret)
		}},
		{rule: rule.ScopedTokenDisabled, name: "password", cause: cause.TokenDisabled,
			make: func(s *stage) diagnose.Attempt {
				k := s.Token("ci-reader", reader...)
				s.DisableToken("ci-reader")
				return s.password("ci-reader", k.Password1)
			}},
		{rule: rule.ScopedTokenDisabled, name: "access token", cause: cause.TokenDisabled,
			make: func(s *stage) diagnose.Attempt {
				access := s.access(s.Token("ci-reader", reader...), tagsNeed)
				s.DisableToken("ci-reader")
				return s.get(tagsPath, bearer(access))
			}},
		token(rule.ScopedTokenDeleted, cause.TokenUnknown, func(s *stage) string {
			access := s.access(s.Token("ci-reader", reader...), tagsNeed)
			s.must(s.Manage().DeleteToken(s.t.Context(), "ci-reader"))
			return access
		}),
		{rule: rule.ApplicationDeleted, cause: cause.EntraApplicationUnknown, make: func(s *stage) diagnose.Attempt {
			s.Snapshot("before")
			refresh := s.refresh(s.ServicePrincipal("AcrPull"))
			s.Reset("before")
			return s.byRefresh(refresh)
		}},
		{rule: rule.AdminUserDisabled, cause: cause.AdminDisabled, make: func(s *stage) diagnose.Attempt {
			return s.password("myregistry", wrong)
		}},
		{rule: rule.AnonymousPullOff, cause: cause.AnonymousPullOff, make: func(s *stage) diagnose.Attempt {
			tr := s.Transport(nil)
			_, err := tr.Token(s.t.Context(), acrkit.RepositoryScope("team/app", acrkit.ContentRead))
			return diagnose.Attempt{Err: err, Transport: tr}
		}},
		{rule: rule.NoRole, cause: cause.NoRole, make: func(s *stage) diagnose.Attempt {
			return s.exchange(s.entra(s.ServicePrincipal(), acrScope))
		}},
		{rule: rule.AuthorizationTwice, cause: cause.CredentialRejected, make: func(s *stage) diagnose.Attempt {
			return s.get(tagsPath, http.Header{"Authorization": {"Bearer a", "Bearer b"}})
		}},
		{rule: rule.AuthorizationScheme, cause: cause.CredentialRejected, make: func(s *stage) diagnose.Attempt {
			return s.get(tagsPath, http.Header{"Authorization": {"Negotiate abc"}})
		}},
		{rule: rule.AuthorizationMangled, cause: cause.CredentialRejected, make: func(s *stage) diagnose.Attempt {
			return s.get("/oauth2/token?service="+s.Host(), http.Header{"Authorization": {"Basic %%%"}})
		}},
		{rule: rule.BasicScopedToken, cause: cause.BasicOnAPI, make: func(s *stage) diagnose.Attempt {
			k := s.Token("ci-reader", reader...)
			return s.get(tagsPath, basic("ci-reader", k.Password1))
		}},

		token(rule.ACRTokenMalformed, cause.TokenMalformed, func(s *stage) string {
			access := s.access(s.Token("ci-reader", reader...), tagsNeed)
			return access[:len(access)/2]
		}),
		{rule: rule.ACRTokenMalformed, name: "refresh token", cause: cause.TokenMalformed,
			make: func(s *stage) diagnose.Attempt {
				refresh := s.refresh(s.ServicePrincipal("AcrPull"))
				return s.byRefresh(refresh[:len(refresh)/2])
			}},
		token(rule.ACRTokenSignature, cause.CredentialRejected, func(s *stage) string {
			access := s.access(s.Token("ci-reader", reader...), tagsNeed)
			return access[:len(access)-8] + "AAAAAAAA"
		}),
		token(rule.ACRTokenIssuer, cause.TokenAsPassword, func(s *stage) string {
			return s.entra(s.ServicePrincipal("AcrPull"), acrScope)
		}),
		token(rule.ACRTokenKind, cause.TokenAsPassword, func(s *stage) string {
			return s.refresh(s.ServicePrincipal("AcrPull"))
		}),
		token(rule.ACRTokenExpired, cause.TokenEnded, func(s *stage) string {
			access := s.access(s.Token("ci-reader", reader...), tagsNeed)
			s.Advance(61 * time.Minute)
			return access
		}),
		{rule: rule.ACRTokenExpired, name: "refresh token", cause: cause.TokenEnded,
			make: func(s *stage) diagnose.Attempt {
				refresh := s.refresh(s.ServicePrincipal("AcrPull"))
				s.Advance(4 * time.Hour)
				return s.byRefresh(refresh)
			}},
		token(rule.ACRTokenNotYetValid, cause.CredentialRejected, func(s *stage) string {
			access := s.access(s.Token("ci-reader", reader...), tagsNeed)
			s.must(s.Clock().Set(s.Clock().Now().Add(-time.Hour)))
			return access
		}),
		{rule: rule.ACRTokenOtherRegistry, cause: cause.WrongRegistryToken,
			seed: "registries: [{name: myregistry}, {name: other, anonymousPullEnabled: true}]",
			make: func(s *stage) diagnose.Attempt {
				host := strings.Replace(s.Host(), "localhost", "other.azurecr.localhost", 1)
				access := s.field(s.get("https://"+host+"/oauth2/token?service="+host+"&scope=repository:team/app:pull",
					nil), "access_token")
				return s.get(tagsPath, bearer(access))
			}},

		{rule: rule.AccessTokenNarrow, cause: cause.AskedTooLittle, make: func(s *stage) diagnose.Attempt {
			k := s.Token("ci-reader", reader...)
			return s.with(s.get(tagsPath, bearer(s.access(k, "repository:team/app:pull"))), k.Credential())
		}},
		right("metadata", cause.MetadataReadMissing, rule.RightMissing, reader[:1], http.MethodGet, tagsPath),
		right("catalog", cause.CatalogScoped, rule.RightMissing, reader, http.MethodGet, "/acr/v1/_catalog"),
		right("push", cause.PushWithoutPull, rule.RightMissing, []string{"repositories/team/app/content/write"},
			http.MethodPost, "/v2/team/app/blobs/uploads/"),
		right("mount", cause.MountSourceMissing, rule.RightMissing, all("team/app"), http.MethodPost,
			"/v2/team/app/blobs/uploads/?from=team/base&mount=sha256:"+strings.Repeat("a", 64)),
		right("delete", cause.MissingRight, rule.RightMissing, reader, http.MethodDelete, "/acr/v1/team/app/_tags/v1"),
		right("", cause.NoRightHere, rule.NoRightHere, all("team/base"), http.MethodGet, tagsPath),
		{rule: rule.ScopeMapDeleted, cause: cause.NoRightHere, make: func(s *stage) diagnose.Attempt {
			k := s.Token("ci-reader", reader...)
			access := s.access(k, tagsNeed)
			s.must(s.Manage().DeleteScopeMap(s.t.Context(), "ci-reader"))
			return s.with(s.get(tagsPath, bearer(access)), k.Credential())
		}},
		{rule: rule.ABACRole, cause: cause.ABACMode, make: func(s *stage) diagnose.Attempt {
			p := s.ServicePrincipal("AcrPull")
			s.must(s.Manage().ChangeSettings(s.t.Context(), func(r *emulator.RegistrySettings) {
				r.RoleAssignmentMode = "AbacRepositoryPermissions"
			}))
			access := s.field(s.byRefresh(s.refresh(p)), "access_token")
			return s.with(s.get(tagsPath, bearer(access)), p.Credential())
		}},

		conditioned(rule.ABACCondition, cause.MissingRight,
			"!(ActionMatches{'Microsoft.ContainerRegistry/registries/repositories/content/delete'}) OR "+
				"@Request[Microsoft.ContainerRegistry/registries/repositories:name] StringEquals 'team/base'"),
		conditioned(rule.ABACRepository, cause.NoRightHere,
			"@Request[Microsoft.ContainerRegistry/registries/repositories:name] StringEquals 'team/base'"),

		{rule: rule.AcceptLacksType, cause: cause.AcceptLacksType, make: func(s *stage) diagnose.Attempt {
			s.Push("team/app", "v1")
			k := s.Token("ci-reader", reader...)
			h := bearer(s.access(k, "repository:team/app:pull"))
			h.Set("Accept", "*/*, application/vnd.docker.distribution.manifest.v2+json")
			return s.with(s.get("/v2/team/app/manifests/v1", h), k.Credential())
		}},
		locked(rule.TagLocked, cause.TagLocked, func(s *stage, c *registry.Client, off registry.AttributeChange) error {
			_, err := c.UpdateTag(s.t.Context(), "team/app", "v1", off)
			return err
		}, deleteTag),
		locked(rule.ManifestLocked, cause.ManifestLocked, func(s *stage, c *registry.Client,
			off registry.AttributeChange) error {
			_, err := c.UpdateManifest(s.t.Context(), "team/app", digest(s, c), off)
			return err
		}, func(s *stage, c *registry.Client) error {
			return c.DeleteManifest(s.t.Context(), "team/app", digest(s, c))
		}),
		locked(rule.RepositoryLocked, cause.RepositoryLocked,
			func(s *stage, c *registry.Client, off registry.AttributeChange) error {
				_, err := c.UpdateRepository(s.t.Context(), "team/app", off)
				return err
			}, deleteTag),

		{rule: rule.FormMalformed, cause: cause.WrongUsage, make: func(s *stage) diagnose.Attempt {
			return s.call(http.MethodPost, "/oauth2/token", nil, []byte("scope=%zz"))
		}},
		{rule: rule.FormTooLarge, cause: cause.TooLarge, make: func(s *stage) diagnose.Attempt {
			return s.post("/oauth2/token", "scope", strings.Repeat("a", 513<<10))
		}},
		{rule: rule.ServiceMissing, cause: cause.WrongUsage, make: func(s *stage) diagnose.Attempt {
			return s.post("/oauth2/token", "grant_type", "password", "username", "ci-reader", "password", wrong)
		}},
		{rule: rule.ServiceOtherRegistry, cause: cause.CredentialRejected, make: func(s *stage) diagnose.Attempt {
			return s.post("/oauth2/token", "grant_type", "password", "username", "ci-reader", "password", wrong,
				"service", "other.azurecr.io")
		}},
		{rule: rule.GrantTypeUnsupported, cause: cause.WrongUsage, make: func(s *stage) diagnose.Attempt {
			return s.post("/oauth2/token", "grant_type", "device_code", "service", s.Host())
		}},
		{rule: rule.ScopeEmpty, cause: cause.EmptyScope, make: func(s *stage) diagnose.Attempt {
			return s.post("/oauth2/token", "grant_type", "password", "username", "ci-reader", "password", wrong,
				"service", s.Host(), "scope", "")
		}},
		{rule: rule.ScopeTooLarge, cause: cause.TooLarge, make: func(s *stage) diagnose.Attempt {
			k := s.Token("ci-reader", reader...)
			var many strings.Builder
			for i := range 1001 {
				fmt.Fprintf(&many, "repository:team/r%d:pull ", i)
			}
			return s.post("/oauth2/token", "grant_type", "password", "username", "ci-reader", "password", k.Password1,
				"service", s.Host(), "scope", many.String())
		}},
	}
}

// exchangeScenarios are refusals of Entra tokens, at the exchange and by ARM.
func exchangeScenarios() []scenario {
	entra := func(id rule.ID, c acrkit.Cause, bring func(s *stage) diagnose.Attempt) scenario {
		return scenario{rule: id, cause: c, make: bring}
	}
	gone := func(s *stage) string {
		s.Snapshot("before")
		token := s.entra(s.ServicePrincipal("AcrPull"), acrScope)
		s.Reset("before")
		return token
	}
	const subscriptions = "/subscriptions?api-version=2022-12-01"
	const theRegistry = "/subscriptions/33333333-3333-3333-3333-333333333333/resourceGroups/rg/providers/" +
		"Microsoft.ContainerRegistry/registries/myregistry?api-version=2025-11-01"
	return []scenario{
		entra(rule.EntraTokenMalformed, cause.ExchangeRefused, func(s *stage) diagnose.Attempt {
			return s.exchange("x")
		}),
		entra(rule.EntraTokenSignature, cause.ExchangeRefused, func(s *stage) diagnose.Attempt {
			token := s.entra(s.ServicePrincipal("AcrPull"), acrScope)
			return s.exchange(token[:len(token)-8] + "AAAAAAAA")
		}),
		entra(rule.EntraTokenExpired, cause.TokenEnded, func(s *stage) diagnose.Attempt {
			token := s.entra(s.ServicePrincipal("AcrPull"), acrScope)
			s.Advance(2 * time.Hour)
			return s.exchange(token)
		}),
		entra(rule.EntraTokenNotYetValid, cause.ExchangeRefused, func(s *stage) diagnose.Attempt {
			token := s.entra(s.ServicePrincipal("AcrPull"), acrScope)
			s.must(s.Clock().Set(s.Clock().Now().Add(-time.Hour)))
			return s.exchange(token)
		}),
		entra(rule.EntraTokenApplication, cause.ExchangeRefused, func(s *stage) diagnose.Attempt {
			return s.exchange(gone(s))
		}),
		entra(rule.EntraTokenTenant, cause.ExchangeRefused, func(s *stage) diagnose.Attempt {
			return s.exchange(s.entra(s.ServicePrincipal("AcrPull"), acrScope), "tenant",
				"22222222-0000-0000-0000-000000000000")
		}),
		entra(rule.EntraTokenAudience, cause.ExchangeRefused, func(s *stage) diagnose.Attempt {
			return s.exchange(s.entra(s.ServicePrincipal("AcrPull"), "https://graph.microsoft.com/.default"))
		}),
		entra(rule.EntraTokenCloud, cause.OtherCloud, func(s *stage) diagnose.Attempt {
			return s.exchange(s.entra(s.ServicePrincipal("AcrPull"), "https://management.usgovcloudapi.net/.default"))
		}),
		entra(rule.ARMAudienceOff, cause.ARMAudienceDisabled, func(s *stage) diagnose.Attempt {
			s.must(s.Manage().ChangeSettings(s.t.Context(), func(r *emulator.RegistrySettings) { r.ArmTokens = false }))
			return s.exchange(s.entra(s.ServicePrincipal("AcrPull"), armScope))
		}),
		entra(rule.ExchangeOfRefresh, cause.ExchangeRefused, func(s *stage) diagnose.Attempt {
			return s.post("/oauth2/exchange", "grant_type", "refresh_token", "service", s.Host(), "refresh_token", "x")
		}),
		entra(rule.ARMAuthorizationMissing, cause.NoCredential, func(s *stage) diagnose.Attempt {
			return s.get(subscriptions, nil)
		}),
		entra(rule.ARMToken, cause.CredentialRejected, func(s *stage) diagnose.Attempt {
			return s.get(subscriptions, bearer("x.y.z"))
		}),
		entra(rule.ARMTokenExpired, cause.TokenEnded, func(s *stage) diagnose.Attempt {
			token := s.entra(s.ServicePrincipal("AcrPull"), armScope)
			s.Advance(2 * time.Hour)
			return s.get(subscriptions, bearer(token))
		}),
		entra(rule.ARMTokenAudience, cause.CredentialRejected, func(s *stage) diagnose.Attempt {
			return s.get(subscriptions, bearer(s.entra(s.ServicePrincipal("AcrPull"), acrScope)))
		}),
		entra(rule.ARMRole, cause.ARMActionDenied, func(s *stage) diagnose.Attempt {
			return s.get(theRegistry, bearer(s.entra(s.ServicePrincipal("AcrPull"), armScope)))
		}),
		entra(rule.ARMVersionMissing, cause.ARMRequestInvalid, func(s *stage) diagnose.Attempt {
			return s.get("/subscriptions", bearer(s.entra(s.ServicePrincipal("AcrPull"), armScope)))
		}),
	}
}

// expired makes a service principal whose secret has expired.
func (s *stage) expired() acrtest.ServicePrincipal {
	s.t.Helper()
	p := s.ServicePrincipal("AcrPull")
	s.must(s.Emulator().PutApplication(s.t.Context(), p.TenantID,
		seed.Application{ClientID: p.ClientID, DisplayName: "expired",
			Secrets: []seed.ClientSecret{{Value: seed.Secret(p.ClientSecret),
				Expires: s.Clock().Now().Add(-time.Hour)}}}))
	return p
}

// entraScenarios are refusals of the Entra authority.
func entraScenarios() []scenario {
	// form is a token request; changes are names and values that replace or add.
	form := func(id rule.ID, c acrkit.Cause, changes func(s *stage,
		p acrtest.ServicePrincipal) map[string]string) scenario {
		return scenario{rule: id, cause: c, make: func(s *stage) diagnose.Attempt {
			p := s.ServicePrincipal("AcrPull")
			values := map[string]string{"grant_type": "client_credentials", "client_id": p.ClientID,
				"client_secret": p.ClientSecret, "scope": acrScope}
			tenant := p.TenantID
			for k, v := range changes(s, p) {
				if k == "tenant" {
					tenant = v
				} else {
					values[k] = v
				}
			}
			var pairs []string
			for k, v := range values {
				pairs = append(pairs, k, v)
			}
			a := s.post("/"+tenant+"/oauth2/v2.0/token", pairs...)
			// A client of Entra prints the text of an answer.
			return diagnose.Attempt{Text: string(a.Exchange.Body), Exchange: a.Exchange}
		}}
	}
	set := func(pairs ...string) func(*stage, acrtest.ServicePrincipal) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return func(*stage, acrtest.ServicePrincipal) map[string]string { return m }
	}
	out := []scenario{
		form(rule.EntraParameterMissing, cause.EntraRefused, set("scope", "")),
		form(rule.EntraTenantUnknown, cause.EntraTenantUnknown, set("tenant", "22222222-0000-0000-0000-000000000000")),
		form(rule.EntraApplicationUnknown, cause.EntraApplicationUnknown,
			set("client_id", "33333333-0000-0000-0000-000000000000")),
		form(rule.EntraSecretWrong, cause.EntraSecretWrong, set("client_secret", wrong)),
		form(rule.EntraSecretExpired, cause.EntraSecretExpired,
			func(s *stage, _ acrtest.ServicePrincipal) map[string]string {
				p := s.expired()
				return map[string]string{"client_id": p.ClientID, "client_secret": p.ClientSecret}
			}),
		form(rule.EntraSecretMissing, cause.EntraRefused, set("client_secret", "")),
		form(rule.EntraResourceUnknown, cause.EntraAudienceUnknown, set("scope", "https://nothing.example/.default")),
		form(rule.EntraScopeMalformed, cause.EntraRefused, set("scope", "a/.default b/.default")),
		form(rule.EntraScopeNotDefault, cause.EntraRefused, set("scope", "https://containerregistry.azure.net")),
		form(rule.EntraGrantUnsupported, cause.EntraRefused, set("grant_type", "password")),
		form(rule.EntraRequestTooLarge, cause.EntraRefused, set("scope", strings.Repeat("a", 65<<10))),
		form(rule.EntraAssertionMalformed, cause.EntraAssertionRefused, assertion("x")),
	}
	now := time.Now()
	own, foreign := newKey(), newKey()
	certificate, old := selfSigned(own, now.Add(time.Hour)), selfSigned(own, now.Add(-time.Minute))
	other := selfSigned(foreign, now.Add(time.Hour))
	theirs := func(s *stage, p acrtest.ServicePrincipal, change map[string]any) (jwt.MapClaims,
		[]seed.FederatedCredential) {
		c := jwt.MapClaims{"iss": "https://issuer.example", "sub": "job:1", "aud": "api://AzureADTokenExchange",
			"exp": s.Clock().Now().Add(time.Minute).Unix()}
		for k, v := range change {
			c[k] = v
		}
		der, err := x509.MarshalPKIXPublicKey(&foreign.PublicKey)
		s.must(err)
		return c, []seed.FederatedCredential{{Issuer: "https://issuer.example", Subject: "job:1",
			PublicKey: pemOf("PUBLIC KEY", der)}}
	}
	signed := func(id rule.ID, key *rsa.PrivateKey, cert []byte, change map[string]any, federated,
		trusted bool) scenario {
		return form(id, cause.EntraAssertionRefused, func(s *stage, p acrtest.ServicePrincipal) map[string]string {
			app := seed.Application{ClientID: p.ClientID, DisplayName: "signed",
				Certificates: []seed.Certificate{{PEM: pemOf("CERTIFICATE", certificate)},
					{PEM: pemOf("CERTIFICATE", old)}}}
			endpoint := s.URL() + "/" + p.TenantID + "/oauth2/v2.0/token"
			c := jwt.MapClaims{"iss": p.ClientID, "sub": p.ClientID, "aud": endpoint,
				"exp": s.Clock().Now().Add(time.Minute).Unix()}
			for k, v := range change {
				c[k] = v
			}
			if federated {
				c, app.FederatedCredentials = theirs(s, p, change)
				if !trusted {
					app.FederatedCredentials = nil
				}
			}
			s.must(s.Emulator().PutApplication(context.WithoutCancel(s.t.Context()), p.TenantID, app))
			token := jwt.NewWithClaims(jwt.SigningMethodRS256, c)
			if cert != nil {
				sum := sha256.Sum256(cert)
				token.Header["x5t#S256"] = base64.RawURLEncoding.EncodeToString(sum[:])
			}
			text, err := token.SignedString(key)
			s.must(err)
			return assertion(text)(s, p)
		})
	}
	return append(out,
		signed(rule.EntraAssertionSignature, foreign, certificate, nil, false, false),
		signed(rule.EntraAssertionAudience, own, certificate, map[string]any{"aud": "https://elsewhere.example"},
			false, false),
		signed(rule.EntraAssertionTime, own, certificate, map[string]any{"exp": 1}, false, false),
		signed(rule.EntraCertificateUnknown, foreign, other, nil, false, false),
		signed(rule.EntraCertificateExpired, own, old, nil, false, false),
		signed(rule.EntraFederationNone, foreign, nil, nil, true, false),
		signed(rule.EntraFederationIssuer, foreign, nil, map[string]any{"iss": "https://other.example"}, true, true),
		signed(rule.EntraFederationSubject, foreign, nil, map[string]any{"sub": "job:2"}, true, true),
		signed(rule.EntraFederationAudience, foreign, nil, map[string]any{"aud": "other"}, true, true),
	)
}

func assertion(text string) func(*stage, acrtest.ServicePrincipal) map[string]string {
	return func(*stage, acrtest.ServicePrincipal) map[string]string {
		return map[string]string{"client_secret": "",
			"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion": text}
	}
}

func newKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // no test can go on
	}
	return key
}

func selfSigned(key *rsa.PrivateKey, ends time.Time) []byte {
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "build-agent"},
		NotBefore: ends.Add(-2 * time.Hour), NotAfter: ends}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		panic(err) // as above
	}
	return der
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// otherScenarios are what ends a request before its credential is looked at.
func otherScenarios() []scenario {
	failing := func(f fault.Fault) scenario {
		return scenario{rule: rule.OfFault(f.Kind), cause: f.Kind.Cause(), make: func(s *stage) diagnose.Attempt {
			s.Fault(f)
			ctx, cancel := context.WithTimeout(s.t.Context(), 100*time.Millisecond) // of which only a hang takes any
			defer cancel()
			if f.Kind != fault.Hang {
				return s.get(tagsPath, bearer("x.y.z"))
			}
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL()+tagsPath, nil)
			s.must(err)
			resp, err := s.HTTPClient().Do(req)
			if err == nil {
				_ = resp.Body.Close()
				s.t.Fatal("there was an answer")
			}
			return diagnose.Attempt{Err: err}
		}}
	}
	// upload is a part of an upload, with its length or -1.
	upload := func(f fault.Fault, method string, length int) scenario {
		return scenario{rule: rule.OfFault(f.Kind), cause: cause.UploadPartRefused,
			make: func(s *stage) diagnose.Attempt {
				s.Fault(f)
				x := &diagnose.Exchange{Method: method, URL: s.URL() + "/v2/team/app/blobs/uploads/1",
					RequestHeader: http.Header{}}
				req, err := http.NewRequestWithContext(s.t.Context(), method, x.URL, strings.NewReader("layer"))
				s.must(err)
				req.ContentLength = int64(length)
				resp, err := s.RoundTripper().RoundTrip(req)
				s.must(err)
				defer resp.Body.Close()
				x.Status, x.Header = resp.StatusCode, resp.Header
				x.Body, err = io.ReadAll(resp.Body)
				s.must(err)
				return diagnose.Attempt{Exchange: x}
			}}
	}
	all := []scenario{
		{rule: rule.PlainHTTP, cause: cause.Denied, make: func(s *stage) diagnose.Attempt {
			r := httptest.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+s.Host()+"/v2/", nil)
			r.RemoteAddr = "192.0.2.7:1234"
			w := httptest.NewRecorder()
			s.Emulator().ServeHTTP(w, r)
			return diagnose.Attempt{Exchange: &diagnose.Exchange{Method: r.Method, URL: r.URL.String(),
				Status: w.Code, Header: w.Header(), Body: w.Body.Bytes(), RequestHeader: http.Header{}}}
		}},
		{rule: rule.NetworkRule, cause: cause.NetworkRule, make: func(s *stage) diagnose.Attempt {
			s.DenyNetwork()
			return s.get("/v2/", nil)
		}},
		{rule: rule.RateLimit, cause: cause.Throttled, seed: "registries: [{name: myregistry, sku: Basic}]",
			make: func(s *stage) diagnose.Attempt {
				s.Clock().Freeze()
				const most = 250 // ListReferrers, of anonymous clients
				path := "/v2/team/app/referrers/sha256:" + strings.Repeat("a", 64)
				for range most {
					if a := s.get(path, nil); a.Exchange.Status != http.StatusUnauthorized {
						s.t.Fatalf("%d before the limit", a.Exchange.Status)
					}
				}
				return s.get(path, nil)
			}},
	}
	const changed = "/subscriptions/x/resourceGroups/x/providers/Microsoft.ContainerRegistry/registries/x?api-version=1"
	owner := func(s *stage) http.Header { return bearer(s.entra(s.ServicePrincipal("Owner"), armScope)) }
	// A kind that hits each request needs no line here.
	special := []scenario{
		upload(fault.Fault{Kind: fault.TooLarge, AfterBytes: 2}, http.MethodPut, len("layer")),
		upload(fault.Fault{Kind: fault.WrongRange}, http.MethodPut, len("layer")),
		upload(fault.Fault{Kind: fault.NoLength}, http.MethodPatch, -1),
		{rule: rule.OfFault(fault.Disallowed), cause: cause.StorageLimit, make: func(s *stage) diagnose.Attempt {
			k := s.TokenOf("admin", "_repositories_admin")
			s.Fault(fault.Fault{Kind: fault.Disallowed})
			return s.with(s.call(http.MethodPut, "/v2/team/app/manifests/v1", nil, []byte("{}")), k.Credential())
		}},
		{rule: rule.OfFault(fault.Slow), make: func(s *stage) diagnose.Attempt {
			s.Fault(fault.Fault{Kind: fault.Slow, BytesPerSecond: 1 << 20})
			s.get("/v2/", nil)
			return diagnose.Attempt{} // nothing failed
		}},
		{rule: rule.OfFault(fault.LateWrite), make: func(s *stage) diagnose.Attempt {
			s.Clock().Freeze()
			s.Fault(fault.Fault{Kind: fault.LateWrite, Delay: time.Minute})
			go func() {
				for s.t.Context().Err() == nil && s.Emulator().Faults()[0].Hits == 0 {
					time.Sleep(time.Millisecond)
				}
				_ = s.Clock().Advance(time.Minute) // in no year that the clock does not know
			}()
			s.call(http.MethodPut, changed, owner(s), []byte("{}"))
			return diagnose.Attempt{}
		}},
		{rule: rule.OfFault(fault.LatePassword), make: func(s *stage) diagnose.Attempt {
			s.Fault(fault.Fault{Kind: fault.LatePassword, Delay: time.Minute})
			s.call(http.MethodPost, strings.Replace(changed, "?", "/generateCredentials?", 1), owner(s), []byte("{}"))
			return diagnose.Attempt{}
		}},
	}
	for _, k := range fault.Kinds() {
		is := func(x scenario) bool { return x.rule == rule.OfFault(k) }
		if i := slices.IndexFunc(special, is); i >= 0 {
			all = append(all, special[i])
			continue
		}
		f := fault.Fault{Kind: k}
		if k.Takes(fault.ParameterStatus) {
			f.Status = http.StatusServiceUnavailable
		}
		all = append(all, failing(f))
	}
	return all
}
