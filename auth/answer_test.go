package auth_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
)

// A token service may put anything into the header with the correlation id.
func TestCorrelationIDShowsNoSecret(t *testing.T) {
	const password = "correct-horse" // looks like an id
	for name, cred := range map[string]auth.Credential{
		"password":          auth.ScopedToken("ci", password),
		"service principal": auth.ServicePrincipal("tenant-1", "client-1", password, nil),
		"refresh token":     auth.RefreshToken(password),
		"Entra token":       auth.EntraToken(password),
	} {
		for _, status := range []int{200, 401, 403, 429, 503} {
			for _, spelled := range []string{password, "id-" + password + "-1", base64.RawURLEncoding.EncodeToString([]byte("ci:" + password)), "Bearer " + password} {
				f, rt, _ := setup(t, cred)
				f.intercept = func(w http.ResponseWriter, _ *http.Request, _ url.Values) bool {
					w.Header().Set("X-Ms-Correlation-Request-Id", spelled)
					w.WriteHeader(status)
					return true
				}
				_, err := rt.Token(t.Context(), acrkit.CatalogScope())
				e, ok := errors.AsType[*acrkit.Error](err)
				if !ok {
					t.Fatalf("%s: %v", name, err)
				}
				if e.RequestID != "" || strings.Contains(fmt.Sprintf("%v %+v", e, *e), spelled) {
					t.Errorf("%s, %d: the error shows %q: %v", name, status, spelled, e)
				}
			}
		}
	}
	_, rt, _ := setup(t, auth.ScopedToken("ci", "wrong"))
	if _, err := rt.Token(t.Context(), acrkit.CatalogScope()); !strings.Contains(err.Error(), "request 00000000-1111-2222-3333-444444444444") {
		t.Errorf("an id of the service is not shown: %v", err)
	}
}
