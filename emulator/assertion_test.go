package emulator_test

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
	"maps"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/acrkit/acrkit/emulator/seed"
)

func rsaKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	return key
}

func pemOf(t testing.TB, kind string, der []byte, err error) string {
	t.Helper()
	must(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func TestEntraAssertions(t *testing.T) {
	f := start(t, nil)
	now := f.clock.Now()
	own, expired, foreign := rsaKey(t), rsaKey(t), rsaKey(t)
	certOf := func(key *rsa.PrivateKey, ends time.Time) string {
		c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "build-agent"},
			NotBefore: now.Add(-time.Hour), NotAfter: ends}
		der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
		return pemOf(t, "CERTIFICATE", der, err)
	}
	certificate, old := certOf(own, now.Add(time.Hour)), certOf(expired, now.Add(-time.Minute))
	der, err := x509.MarshalPKIXPublicKey(&foreign.PublicKey)
	must(t, f.PutApplication(context.Background(), tenantID,
		seed.Application{ClientID: clientID, DisplayName: "build-agent",
			Certificates: []seed.Certificate{{PEM: certificate}, {PEM: old}},
			FederatedCredentials: []seed.FederatedCredential{{Issuer: "https://issuer.example", Subject: "job:1",
				PublicKey: pemOf(t, "PUBLIC KEY", der, err)}},
		}))
	thumbprint := func(text string) string {
		block, _ := pem.Decode([]byte(text))
		sum := sha256.Sum256(block.Bytes)
		return base64.RawURLEncoding.EncodeToString(sum[:])
	}
	endpoint := "https://" + f.host + "/" + tenantID + "/oauth2/v2.0/token"
	mine := map[string]any{"iss": clientID, "sub": clientID, "aud": endpoint, "nbf": now.Unix(),
		"exp": now.Add(time.Minute).Unix()}
	theirs := map[string]any{"iss": "https://issuer.example", "sub": "job:1", "aud": "api://AzureADTokenExchange",
		"nbf": now.Unix(), "exp": now.Add(time.Minute).Unix()}
	sign := func(method jwt.SigningMethod, key any, x5t string, claims map[string]any, change ...any) string {
		c := maps.Clone(claims)
		for i := 0; i < len(change); i += 2 {
			c[change[i].(string)] = change[i+1]
		}
		token := jwt.NewWithClaims(method, jwt.MapClaims(c))
		if x5t != "" {
			token.Header["x5t#S256"] = x5t
		}
		text, err := token.SignedString(key)
		must(t, err)
		return text
	}
	good, ps := thumbprint(certificate), jwt.SigningMethodPS256
	for name, x := range map[string]struct {
		assertion string
		number    int // 0 = accepted
	}{
		"certificate":               {sign(ps, own, good, mine), 0},
		"certificate/RS256":         {sign(jwt.SigningMethodRS256, own, good, mine), 0},
		"certificate/issuer as aud": {sign(ps, own, good, mine, "aud", "https://"+f.host+"/"+tenantID+"/v2.0"), 0},
		"certificate/other key":     {sign(ps, foreign, good, mine), 700027},
		"certificate/unknown":       {sign(ps, own, "AAAA", mine), 700027},
		"certificate/not named":     {sign(ps, own, "", mine), 700027},
		"certificate/expired":       {sign(ps, expired, thumbprint(old), mine), 700027},
		"certificate/other aud": {sign(ps, own, good, mine, "aud", "https://login.microsoftonline.com/"+
			tenantID+"/v2.0"), 700023},
		"certificate/other subject": {sign(ps, own, good, mine, "sub", "another"), 50027},
		"certificate/too old":       {sign(ps, own, good, mine, "exp", now.Add(-10*time.Minute).Unix()), 700024},
		"certificate/too new":       {sign(ps, own, good, mine, "nbf", now.Add(10*time.Minute).Unix()), 700024},
		"certificate/without end":   {sign(ps, own, good, mine, "exp", 0), 700024},
		"certificate/none": {sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good, mine),
			700027},
		"certificate/HMAC":    {sign(jwt.SigningMethodHS256, []byte(certificate), good, mine), 700027},
		"federated":           {sign(jwt.SigningMethodRS256, foreign, "", theirs), 0},
		"federated/other key": {sign(jwt.SigningMethodRS256, own, "", theirs), 50027},
		"federated/issuer": {sign(jwt.SigningMethodRS256, foreign, "", theirs, "iss",
			"https://other.example"), 700211},
		"federated/subject": {sign(jwt.SigningMethodRS256, foreign, "", theirs, "sub", "job:2"), 700213},
		"federated/subject by a long s": {sign(jwt.SigningMethodRS256, foreign, "", theirs, "sub", "job:2",
			"\u017fub", "job:1"), 50027},
		"federated/Sub":      {sign(jwt.SigningMethodRS256, foreign, "", theirs, "Sub", "job:1"), 50027},
		"federated/audience": {sign(jwt.SigningMethodRS256, foreign, "", theirs, "aud", "other"), 700212},
		"federated/too old": {sign(jwt.SigningMethodRS256, foreign, "", theirs, "exp", now.Add(-time.Hour).Unix()),
			700024},
	} {
		t.Run(name, func(t *testing.T) {
			f.t = t
			a := f.post("/"+tenantID+"/oauth2/v2.0/token", "grant_type", "client_credentials", "client_id", clientID,
				"scope", acrScope,
				"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion",
				x.assertion)
			switch {
			case x.number == 0 && a.status != 200:
				t.Errorf("refused: %s", a.body)
			case x.number == 0 && claims(t, a.field(t, "access_token"))["appidacr"] != "2":
				t.Error("the token does not say that an assertion proved the application")
			case x.number != 0 && (a.status != 401 || !strings.Contains(a.body, fmt.Sprintf("AADSTS%d:", x.number))):
				t.Errorf("got %d %s, want AADSTS%d", a.status, a.body, x.number)
			}
			if strings.Contains(a.body, x.assertion) {
				t.Error("the answer quotes the assertion")
			}
		})
	}
	f.t = t
	if a := f.post("/"+tenantID+"/oauth2/v2.0/token", "grant_type", "client_credentials", "client_id", clientID,
		"scope", acrScope, "client_assertion", sign(ps, own, good, mine)); !strings.Contains(a.body, "AADSTS50027:") {
		t.Errorf("without its type: %s", a.body)
	}

	// A private key that is pasted by mistake must not be quoted.
	private := pemOf(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(own), nil)
	for name, app := range map[string]seed.Application{
		"certificate": {ClientID: clientID, Certificates: []seed.Certificate{{PEM: private}}},
		"two blocks":  {ClientID: clientID, Certificates: []seed.Certificate{{PEM: certificate + private}}},
		"federated": {ClientID: clientID,
			FederatedCredentials: []seed.FederatedCredential{{Issuer: "i", Subject: "s", PublicKey: private}}},
		"no issuer": {ClientID: clientID,
			FederatedCredentials: []seed.FederatedCredential{
				{Subject: "s", PublicKey: pemOf(t, "PUBLIC KEY", der, nil)}}},
	} {
		err := f.PutApplication(context.Background(), tenantID, app)
		if err == nil || strings.Contains(err.Error(), "MII") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
