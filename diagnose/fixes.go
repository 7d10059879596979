package diagnose

import (
	"fmt"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/errtext"
	"github.com/acrkit/acrkit/internal/shell"
)

// clientFix is what fixes a cause where the person of a text stands.
type clientFix struct {
	client  errtext.Client
	causes  []acrkit.Cause
	command string
}

var (
	unauthenticated = []acrkit.Cause{cause.NoCredential, cause.SilentlyAnonymous, cause.CredentialRejected,
		cause.AnonymousPullOff, cause.ExchangeRefused, cause.NoRole, cause.UserUnknown}
	untrusted = []acrkit.Cause{cause.CertificateUntrusted, cause.TLSIntercepted}
)

// clientFixes are looked for in order. Source: Microsoft, "Authenticate with Azure
// Container Registry from Azure Kubernetes Service", "Configure a custom container for
// App Service", "Managed identity image pull" of Container Apps; Docker, "Verify
// repository client with certificates"; containerd, hosts.md.
var clientFixes = []clientFix{
	{errtext.Kubelet, unauthenticated,
		"az aks update --name CLUSTER --resource-group GROUP --attach-acr REGISTRY" +
			"    # or a pull secret that the pod names in imagePullSecrets"},
	{errtext.AppService, unauthenticated,
		`az webapp config set --name APP --resource-group GROUP` +
			` --generic-configurations '{"acrUseManagedIdentityCreds": true}'    # and AcrPull for its identity`},
	{errtext.ContainerApps, unauthenticated,
		"az containerapp registry set --name APP --resource-group GROUP --server SERVER --identity system" +
			"    # and AcrPull for it"},
	{errtext.DockerDaemon, untrusted,
		"sudo mkdir -p /etc/docker/certs.d/REGISTRY && sudo cp ca.pem /etc/docker/certs.d/REGISTRY/ca.crt" +
			"    # where the docker daemon runs"},
	{errtext.Kubelet, untrusted,
		"sudo mkdir -p /etc/containerd/certs.d/REGISTRY && sudo cp ca.pem /etc/containerd/certs.d/REGISTRY/ca.crt" +
			"    # on each node"},
	{errtext.DockerDaemon, []acrkit.Cause{cause.NoCredential, cause.SilentlyAnonymous, cause.CredentialRejected},
		"docker login REGISTRY"},
	{errtext.AzureCLI, []acrkit.Cause{cause.NoCredential, cause.ExchangeRefused},
		"az login && az acr login --name REGISTRY"},
}

// fixOfClient returns the fix where the text comes from, "" if there is none.
func (x *examiner) fixOfClient(c acrkit.Cause) string {
	if !x.onlyText {
		return ""
	}
	for _, f := range clientFixes {
		if f.client != x.reading.Client || strings.HasPrefix(f.command, "az ") && !x.reg.IsZero() && !x.reg.IsACR() {
			continue // az knows Microsoft's registries alone
		}
		for _, one := range f.causes {
			if one == c {
				return f.command
			}
		}
	}
	return ""
}

// fixesOfEmulator fix a cause at an emulator; another's is explained by its log.
var fixesOfEmulator = map[acrkit.Cause]string{
	cause.MissingRight:         setScopeMap,
	cause.NoRightHere:          setScopeMap,
	cause.MetadataReadMissing:  setScopeMap,
	cause.PushWithoutPull:      setScopeMap,
	cause.MountSourceMissing:   setScopeMap,
	cause.WildcardWrong:        setScopeMap,
	cause.PasswordWrong:        "acrkit emulator token password TOKEN",
	cause.PasswordExpired:      "acrkit emulator token password TOKEN",
	cause.TokenDisabled:        "acrkit emulator token enable TOKEN",
	cause.TokenUnknown:         "acrkit emulator token list",
	cause.UserUnknown:          "acrkit emulator token list",
	cause.NetworkRule:          "acrkit emulator network allow",
	cause.EntraAudienceUnknown: "acrkit emulator settings --arm-tokens on",
	cause.ABACMode:             "acrkit emulator settings --role-assignment-mode LegacyRegistryPermissions",
}

const setScopeMap = "acrkit emulator scope-map set SCOPE_MAP LINES" +
	"    # it replaces the scope map: name all that it is to hold"

// wait is how long a throttled client is asked to wait, where that is said.
func (x *examiner) wait(c acrkit.Cause) string {
	if c != cause.Throttled {
		return ""
	}
	after := x.reading.RetryAfter
	if x.err != nil && x.err.RetryAfter > 0 {
		after = x.err.RetryAfter
	}
	if x.retryAfter > 0 {
		after = x.retryAfter
	}
	if after <= 0 {
		return ""
	}
	return fmt.Sprintf("sleep %d    # by Retry-After", int(after.Round(time.Second).Seconds()))
}

// asWritten is the fix of a reference that names another registry than was meant.
const asWritten = "docker tag IMAGE REGISTRY/IMAGE && docker push REGISTRY/IMAGE" +
	"    # a reference begins with the login server"

// asMeant fills it with the reference of the text.
func (x *examiner) asMeant() string {
	if x.reading.Ended < 0 {
		return asWritten
	}
	e := x.reading.Events[x.reading.Ended]
	image := strings.TrimPrefix(e.Image, "library/")
	first, rest, ok := strings.Cut(image, "/")
	switch {
	case e.TookHostForImage():
		if first, _, _ = strings.Cut(first, "/manifests"); shell.IsPlain(first) {
			return "docker pull " + first + "/REPOSITORY:TAG    # the login server alone is no image"
		}
	case ok && e.Bare && shell.IsPlain(image) && !strings.Contains(image, "/manifests/"):
		return fmt.Sprintf("docker push %s.azurecr.io/%s    # if %s is the registry: a reference begins with its login server",
			first, rest, first)
	}
	return asWritten
}

// lines lists what a scope map needs for the request: what the credential holds on the
// repository already, and what is missing.
func (x *examiner) lines(missing acrkit.Scope) string {
	all := missing
	if x.granted != nil {
		all = all.Union(x.onRepository(*x.granted))
	}
	var lines []string
	for a := range all.All() {
		if a.Type != "repository" || !shell.IsPlain(a.Name) {
			continue
		}
		for _, w := range a.Actions {
			if action, err := acrkit.ParseAction(w); err == nil {
				lines = append(lines, "repositories/"+a.Name+"/"+action.String())
			}
		}
	}
	if len(lines) == 0 {
		return "LINES"
	}
	return strings.Join(lines, " ")
}
