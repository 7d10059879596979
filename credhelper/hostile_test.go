package credhelper_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/credhelper"
	"github.com/acrkit/acrkit/credhelper/hostile"
)

// TestHostileHosts asks both protocols for the battery's hosts: no secret is handed over
// or sent.
func TestHostileHosts(t *testing.T) {
	const secret = "made-up-client-secret"
	cred := auth.ServicePrincipal("11111111-1111-1111-1111-111111111111",
		"22222222-2222-2222-2222-222222222222", secret, nil)
	helper := func(network http.RoundTripper) *credhelper.Helper {
		return credhelper.New(credhelper.Options{Connect: func(_ context.Context, reg acrkit.Registry,
			_ auth.Credential) (*auth.Transport, error) {
			return auth.NewTransport(reg.Host(), cred, &auth.Options{Base: network, CustomLoginServer: true})
		}})
	}
	t.Run("docker", func(t *testing.T) {
		hostile.Test(t, []string{secret},
			func(ctx context.Context, server string, network http.RoundTripper) (string, error) {
				var out, errOut bytes.Buffer
				helper(network).Docker(ctx, []string{"get"}, strings.NewReader(server), &out, &errOut)
				var got struct{ Secret string }
				if err := json.Unmarshal(out.Bytes(), &got); err != nil {
					return "", err
				}
				return got.Secret, nil
			})
	})
	t.Run("kubelet", func(t *testing.T) {
		hostile.Test(t, []string{secret},
			func(ctx context.Context, server string, network http.RoundTripper) (string, error) {
				request, err := json.Marshal(map[string]string{"kind": "CredentialProviderRequest",
					"apiVersion": "credentialprovider.kubelet.k8s.io/v1", "image": server + "/team/app:v1"})
				if err != nil {
					return "", err
				}
				var out, errOut bytes.Buffer
				helper(network).Kubelet(ctx, bytes.NewReader(request), &out, &errOut)
				var got struct {
					Auth map[string]struct{ Password string }
				}
				if err := json.Unmarshal(out.Bytes(), &got); err != nil {
					return "", err
				}
				for _, a := range got.Auth {
					return a.Password, nil
				}
				return "", nil
			})
	})
}
