package main_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/emulator/seed"
)

// A pod's service account pulls as the identity that it names, if that identity
// trusts it; the next account, which names the same identity and is not trusted,
// gets nothing of what the first one left.
func TestServiceAccount(t *testing.T) {
	r := acrtest.NewRegistry(t, nil)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	const client, issuer = "22222222-2222-2222-2222-222222222222", "https://cluster.example"
	err = r.Emulator().PutApplication(t.Context(), acrtest.TenantID,
		seed.Application{ClientID: client, DisplayName: "puller",
			FederatedCredentials: []seed.FederatedCredential{
				{Issuer: issuer, Subject: "system:serviceaccount:team:builder",
					PublicKey: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Manage().AssignRole(t.Context(), seed.RoleAssignment{ClientID: client, Role: "AcrPull"}); err != nil {
		t.Fatal(err)
	}
	n := newNode(t, r, map[string]string{"ACRKIT_KUBELET_TENANTS": acrtest.TenantID})
	request := func(account string) string {
		assertion, err := jwt.NewWithClaims(jwt.SigningMethodRS256,
			jwt.MapClaims{"iss": issuer, "sub": "system:serviceaccount:team:" + account,
				"aud": "api://AzureADTokenExchange",
				"nbf": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(map[string]any{"kind": "CredentialProviderRequest",
			"apiVersion": "credentialprovider.kubelet.k8s.io/v1", "image": r.Host() + "/samples/app:v1",
			"serviceAccountToken":       assertion,
			"serviceAccountAnnotations": map[string]string{"kubernetes.azure.com/acr-client-id": client}})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	var resp struct {
		CacheKeyType string
		Auth         map[string]login
	}
	out, errOut, err := n.run("kubelet", request("builder"))
	if err != nil || json.Unmarshal([]byte(out), &resp) != nil {
		t.Fatalf("%v: %q, %q", err, out, errOut)
	}
	if a := resp.Auth[r.Host()]; resp.CacheKeyType != "Registry" || !strings.HasPrefix(a.Username, "00000000-") {
		t.Errorf("%s for %q", resp.CacheKeyType, a.Username)
	}
	for range 2 {
		if out, errOut, err := n.run("kubelet", request("stranger")); err == nil || out != "" ||
			!strings.Contains(errOut, "AADSTS70021") {
			t.Errorf("another account: %v, %q, %q", err, out, errOut)
		}
	}
}
