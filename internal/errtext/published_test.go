package errtext_test

import (
	"slices"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/diagnose"
	"github.com/acrkit/acrkit/internal/cause"
)

// published are texts that people asked about in public, with what it turned out to
// be, as far as it came out. Names are replaced.
var published = []struct {
	source, text string
	// cause is what it turned out to be, or its class where that did not come out.
	cause acrkit.Cause
	// sure is as much as the words allow.
	sure diagnose.Confidence
}{
	{"Azure/AKS#4593",
		`Failed to pull image "myacr.azurecr.io/fluent/fluent-bit:3.1.6":[rpc error: code = Unknown desc = failed to pull and unpack image "myacr.azurecr.io/fluent/fluent-bit:3.1.6": failed to resove reference "myacr.azurecr.io/fluent/fluent-bit:3.1.6": failed to authorize: failed to fetch oauth token: unexpected status from GET request to https://myacr.azurecr.io/oauth2/token?scope=repository%3Afluent%2Ffluent-bit%3Apull&service=myacr.azurecr.io: 401 Unauthorized, rpc error: code = Unknown desc = failed to pull and unpack image "myacr.azurecr.io/fluent/fluent-bit:3.1.6": failed to resolve reference "myacr.azurecr.io/fluent/fluent-bit:3.1.6": failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://myacr.azurecr.io/oauth2/token?scope=repository%3Afluent%2Ffluent-bit%3Apull&service=myacr.azurecr.io: 401 Unauthorized]`, cause.CredentialRejected, diagnose.Suspected},
	{"Azure/azure-cli#29659",
		`Error response from daemon: Get "https://myregistry.azurecr.io/v2/": unauthorized: Application not registered with AAD.`, cause.UserUnknown, diagnose.Proved},
	{"microsoft/vscode-docker#3780", `unauthorized: aad access token with sp failed client id must be guid`,
		cause.UserUnknown, diagnose.Proved},
	{"Azure/docker-login#46", `unauthorized: Invalid clientid or client secret.
Error: Process completed with exit code 1.`, cause.EntraSecretExpired, diagnose.Suspected},
	{"docker/build-push-action#1214",
		`error response from daemon: Get "https://myregistry.azurecr.io/v2/": denied: {"errors":[{"code":"DENIED","message":"client with IP \u0027203.0.113.7\u0027 is not allowed access. Refer
https://aka.ms/acr/firewall
to grant access."}]}`, cause.NetworkRule, diagnose.Proved},
	{"Azure/acr#655", `AADSTS700082: The refresh token has expired due to inactivity.`, cause.EntraSignInEnded,
		diagnose.Proved},
	{"Azure/acr#847",
		`Unable to get AAD authorization tokens with message: 2025-09-08 15:31:40.404189 An error occurred: CONNECTIVITY_CHALLENGE_ERROR
Registry 'myregistry.azurecr.io' did not issue a challenge.
Error response from daemon: login attempt to https://myregistry.azurecr.io/v2/ failed with status: 404 Not Found
Login failed.`, cause.NetworkRule, diagnose.Suspected},
	{"Azure/acr#756",
		`Could not connect to the registry login server 'myregistry.azurecr.io'. Please verify that the registry exists and the URL 'https://myregistry.azurecr.io/v2/' is reachable from your environment.
Try running 'az acr check-health -n myregistry --yes' to diagnose this issue.`, cause.Unavailable, diagnose.CannotTell},
	{"Azure/azure-cli#22766",
		`Unable to get AAD authorization tokens with message: An error occurred: CONNECTIVITY_ACCESS_TOKEN_ERROR
Access to registry 'myregistry.azurecr.io' was denied. Response code: 504. Please try running 'az login' again to refresh permissions.`, cause.Unavailable, diagnose.Proved},
	{"Azure/azure-cli#24886",
		`Unable to get AAD authorization tokens with message: An error occurred: CONNECTIVITY_REFRESH_TOKEN_ERROR
Access to registry 'myregistry.azurecr.io' was denied. Response code: 429. Please try running 'az login' again to refresh permissions.`, cause.Throttled, diagnose.Proved},
	{"Azure/azure-cli#21083",
		`Unable to get AAD authorization tokens with message: Please run 'az login' to setup account.
Unable to get admin user credentials with message: Please run 'az login' to setup account.`, cause.NoCredential, diagnose.Proved},
	{"Azure/AKS#679",
		`Failed to pull image "myregistry.azurecr.io/poc-web:20181007.1": rpc error: code = Unknown desc = Error response from daemon: Get https://myregistry.azurecr.io/v2/poc-web/manifests/20181007.1: unauthorized: authentication required`, cause.CredentialRejected, diagnose.Suspected},
	{"kubeflow/examples#654",
		`Failed to pull image "myregistry.azurecr.io/preprocess": [rpc error: code = Unknown desc = Error response from daemon: manifest for myregistry.azurecr.io/preprocess:latest not found: manifest unknown: manifest unknown, rpc error: code = Unknown desc = Error response from daemon: Get https://myregistry.azurecr.io/v2/preprocess/manifests/latest: unauthorized: authentication required]`, cause.TagUnknown, diagnose.Suspected},
	{"Azure/AKS#4459",
		`Failed to pull image "myregistry.azurecr.io/main/web:v5.0.0": failed to pull and unpack image "myregistry.azurecr.io/main/web:v5.0.0": failed to resolve reference "myregistry.azurecr.io/main/web:v5.0.0": failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://myregistry.azurecr.io/oauth2/token?scope=repository%3Amain%2Fweb%3Apull&service=myregistry.azurecr.io: 401 Unauthorized`, cause.SilentlyAnonymous, diagnose.Proved},
	{"Azure/AKS#4459, its 403",
		`Failed to pull image "myregistry.azurecr.io/main/web:v5.0.0": failed to pull and unpack image "myregistry.azurecr.io/main/web:v5.0.0": failed to resolve reference "myregistry.azurecr.io/main/web:v5.0.0": failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://myregistry.azurecr.io/oauth2/token?scope=repository%3Amain%2Fweb%3Apull&service=myregistry.azurecr.io: 403 Forbidden`, cause.NetworkRule, diagnose.Suspected},
	{"Azure/acr#366",
		`Warning  Failed     14s (x2 over 27s)  kubelet, node  Failed to pull image "myregistry.azurecr.io/myimage:latest": [rpc error: code = Unknown desc = Error response from daemon: Get https://myregistry.azurecr.io/v2/myimage/manifests/latest: unauthorized: Application not registered with AAD., rpc error: code = Unknown desc = Error response from daemon: Get https://myregistry.azurecr.io/v2/app-web/manifests/120: unauthorized: authentication required]`, cause.UserUnknown, diagnose.Proved},
	{"Esri/arcgis-gitops#168",
		`Failed to pull image "myregistry.azurecr.io/docker-hub/admin:11.4.0": [failed to pull and unpack image "myregistry.azurecr.io/docker-hub/admin:11.4.0": failed to resolve reference "myregistry.azurecr.io/docker-hub/admin:11.4.0": failed to authorize: failed to fetch oauth token: unexpected status from GET request to https://myregistry.azurecr.io/oauth2/token?scope=repository%3Adocker-hub%2Fadmin%3Apull&service=myregistry.azurecr.io: 401 Unauthorized`, cause.CredentialRejected, diagnose.Suspected},
	{"az acr check-health: DNS",
		"An error occurred: CONNECTIVITY_DNS_ERROR\nFailed to reach DNS for registry 'myregistry.azurecr.io'.",
		cause.NameUnknown, diagnose.Suspected},
	{"az acr check-health: challenge",
		"An error occurred: CONNECTIVITY_AAD_LOGIN_ERROR\nRegistry 'myregistry.azurecr.io' does not support AAD login.",
		cause.NotARegistry, diagnose.Suspected},
	{"az acr check-health: forbidden",
		"An error occurred: CONNECTIVITY_FORBIDDEN_ERROR\nLooks like you don't have access to registry " +
			"'myregistry.azurecr.io'.", cause.NetworkRule, diagnose.Suspected},
	{"az acr check-health: TLS",
		"An error occurred: CONNECTIVITY_SSL_ERROR\nUnable to establish a secure connection to the registry " +
			"'myregistry.azurecr.io'.", cause.CertificateUntrusted, diagnose.CannotTell},
	{"az acr check-health: exchange",
		"An error occurred: CONNECTIVITY_REFRESH_TOKEN_ERROR\nAccess to registry 'myregistry.azurecr.io' was denied. " +
			"Response code: 401.", cause.ARMAudienceDisabled, diagnose.Suspected},
}

// TestPublished: what people could not read is read; where two causes have one
// wording, the one that it was is among the candidates, and neither is proved.
func TestPublished(t *testing.T) {
	for _, p := range published {
		t.Run(p.source, func(t *testing.T) {
			d, err := diagnose.Explain(t.Context(), diagnose.Attempt{Text: p.text}, &diagnose.Options{NoProbes: true})
			if err != nil {
				t.Fatal(err)
			}
			if d.Confidence != p.sure || d.Code != p.cause &&
				(p.sure == diagnose.Proved || !slices.Contains(d.Candidates, p.cause)) {
				t.Errorf("%s %s, candidates %v; want %s %s", d.Code, d.Confidence, d.Candidates, p.cause, p.sure)
			}
		})
	}
}

// A service that failed and was asked again is not what ended a client that was then
// refused; nor do a port or a time hold a status because they hold its digits.
func TestServerFailures(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		cause      acrkit.Cause
		sure       diagnose.Confidence
	}{
		{"last",
			"reading manifest v1 in localhost:5443/samples/app: unauthorized, trying again: received unexpected HTTP " +
				"status: 503 Service Unavailable", cause.Unavailable, diagnose.Proved},
		{"tried_again",
			"received unexpected HTTP status: 503 Service Unavailable, trying again\nreading manifest v1 in " +
				"localhost:5443/samples/app: unauthorized", cause.CredentialRejected, diagnose.CannotTell},
		{"white_space_perhaps", "unexpected status code: 500 Internal Server Error",
			cause.Unavailable, diagnose.CannotTell},
		{"digits", "reading manifest v1 in localhost:40193/samples/app: it took 1.5033 s, and then nothing",
			"", diagnose.CannotTell},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d, err := diagnose.Explain(t.Context(), diagnose.Attempt{Text: tc.text}, &diagnose.Options{NoProbes: true})
			if err != nil {
				t.Fatal(err)
			}
			if d.Code != tc.cause || d.Confidence != tc.sure {
				t.Errorf("%s %s, candidates %v; want %s %s", d.Code, d.Confidence, d.Candidates, tc.cause, tc.sure)
			}
		})
	}
}
