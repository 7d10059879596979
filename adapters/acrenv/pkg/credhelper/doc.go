// Package credhelper replaces github.com/chrismellard/docker-credential-acr-env/pkg/credhelper
// in programs that import it, as ko and cosign do: only the import path changes.
//
//	keychain := authn.NewKeychainFromHelper(credhelper.NewACRCredentialsHelper())
//
// The order is the same: AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH,
// AZURE_FEDERATED_TOKEN, AZURE_FEDERATED_TOKEN_FILE, each with AZURE_TENANT_ID and
// AZURE_CLIENT_ID; then a managed identity: the one that AZURE_CLIENT_ID names, else the
// machine's own.
//
// The differences: only login servers of Azure, compared by their whole name, get a
// credential, and nothing is read or sent before that check (GO-2026-6225). acrkit's own
// variables, ACR_TOKEN_NAME with ACR_TOKEN_PASSWORD and ACR_REFRESH_TOKEN, come before
// Azure's, for the registry in ACR_NAME alone. A certificate is used, not an error. A
// missing metadata service is detected within [MetadataWait].
//
// An answer takes at most [Deadline]. Nothing is stored, and no login of docker or of the
// Azure CLI is used.
package credhelper
