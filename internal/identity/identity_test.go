package identity

import (
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/store"
)

func TestCredentialOf(t *testing.T) {
	for kind, want := range map[auth.Kind]string{
		auth.KindScopedToken: `token "u"`, auth.KindAdminUser: `admin user "u"`, auth.KindUserPassword: `user "u"`, auth.KindRefreshToken: "ACR refresh token",
		auth.KindEntraToken: "Entra access token", auth.KindServicePrincipal: "service principal u",
	} {
		c, err := CredentialOf(store.Login{Kind: string(kind), User: "u", Tenant: "t", Secret: redact.NewSecret("s")})
		if err != nil || c.Kind() != kind || c.String() != want {
			t.Errorf("%s: %v, %v", kind, c, err)
		}
	}
	if _, err := CredentialOf(store.Login{Kind: "hologram"}); acrkit.CodeOf(err) != acrkit.CodeUsage {
		t.Errorf("%v", err)
	}
}
