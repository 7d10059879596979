package root

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
)

const environmentTopic = `Environment variables that acrkit reads. A flag wins over a variable.

ACR_NAME: the registry, a bare name (myregistry) or a login server
(myregistry.azurecr.io). The credentials below are only for this registry.

ACR_TOKEN_NAME, ACR_TOKEN_PASSWORD or ACR_TOKEN_PASSWORD_FILE,
ACR_TOKEN_PASSWORD2: a scope-mapped token's name and one or two of its passwords,
or a file that holds the password.

ACR_REFRESH_TOKEN: an ACR refresh token, as "az acr login --expose-token" prints it.

AZURE_TENANT_ID, AZURE_CLIENT_ID, and AZURE_CLIENT_SECRET,
AZURE_CLIENT_CERTIFICATE_PATH (with AZURE_CLIENT_CERTIFICATE_PASSWORD) or
AZURE_FEDERATED_TOKEN_FILE: a service principal. This is not a scope-mapped token.
In a GitHub Actions job with the permission id-token: write the first two are
enough: ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN are there.

AZURE_AUTHORITY_HOST: the Entra authority; by default that of the registry's cloud.
AZURE_SUBSCRIPTION_ID: where commands that ask Azure Resource Manager look first for the
registry, which saves a request. They take such a service principal, else the account of
"az login"; the host is that of the registry's cloud, or the emulator's, and no variable.

The first complete set is used, in the order above; half a set is an error. If
nothing is set for the registry, acrkit's own store is next ("acrkit login"), then
what "docker login" or "podman login" left (DOCKER_AUTH_CONFIG, DOCKER_CONFIG,
REGISTRY_AUTH_FILE, XDG_RUNTIME_DIR, XDG_CONFIG_HOME), then anonymous. If a credential
is refused, the next one is not tried. "acrkit whoami" shows every place, and --auth
forces one kind or place.

ACRKIT_CONFIG_DIR: the folder of acrkit's store. ACRKIT_KEYRING=off: secrets in a
file there, and never in the keychain.

ACRKIT_NO_CACHE: with any value, no token is kept between runs (--no-cache).

ACRKIT_REGISTRIES: login servers, separated by commas, that may be given a
credential although their name is neither Azure's nor this machine's.

docker-credential-acrkit, which has no flags, also reads ACRKIT_AUTH (as --auth),
ACRKIT_HELPER_ANSWER=token (an identity token, where a user name and password are
answered by default) and ACRKIT_KUBELET_TENANTS.

SSL_CERT_FILE: certificates to trust besides the system's (PEM).

HTTPS_PROXY, HTTP_PROXY, NO_PROXY: the proxy, as other Go programs read them. One
that is no URL is an error: other Go programs drop it and go past the proxy.

NO_COLOR, CLICOLOR_FORCE: no colour, colour also in a pipe.`

const exitCodesTopic = `Exit codes:

  0    done
  1    failed, any other cause
  2    wrong usage, half a credential in the environment included, or a host that
       no credential may go to
  3    not authenticated: the credential is missing or was not accepted
  4    refused: the credential is good; a right is missing, or a lock forbids it
  5    not found
  6    unavailable: throttled, network and server errors after retries, or the time
       of --timeout is over
  7    incomplete: the answer could not be completed
  8    a check found something to fix
  130  interrupted

"acrkit run" and "acrkit proxy" end with the code of the command that they ran: 127
if it is not found, 126 if it cannot be run, 128 and the signal's number if a signal
ended it.`

func addTopics(root *cobra.Command) {
	for _, t := range []struct{ name, short, text string }{
		{"environment", "Environment variables that acrkit reads", environmentTopic},
		{"exit-codes", "What the exit codes mean", exitCodesTopic},
	} {
		root.AddCommand(cmdutil.NewTopic(t.name, t.short, t.text))
	}
}
