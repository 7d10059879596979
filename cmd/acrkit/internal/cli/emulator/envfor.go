package emulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
)

// The clients of the control plane that --for names.
const (
	forAz        = "az"
	forTerraform = "terraform"
	forAzapi     = "azapi"
	forARMSDK    = "armsdk"
)

// cloudName is what az calls the emulator.
const cloudName = "acrkit"

// controlPlane returns the variables that a client of Azure Resource Manager needs, and
// the commands that set up what has no variable. The principal's secret is in neither.
func (opts *EnvOptions) controlPlane(c connection, who target.Application) (vars [][2]string, commands []string,
	err error) {
	switch opts.For {
	case forTerraform:
		return terraform(c, who, who.Tenant), nil, nil
	case forAzapi:
		// MSAL checks every other authority elsewhere; azapi before 2.7 has no variable that
		// turns the check off, as az 2.45 has none. azurerm signs in with this tenant too.
		return append(terraform(c, who, "adfs"), [][2]string{
			{"ARM_ACTIVE_DIRECTORY_AUTHORITY_HOST", c.base()},
			{"ARM_RESOURCE_MANAGER_ENDPOINT", c.base()},
			{"ARM_RESOURCE_MANAGER_AUDIENCE", c.base()},
		}...), nil, nil
	case forARMSDK:
		return [][2]string{
			{"AZURE_AUTHORITY_HOST", c.url()},
			{"AZURE_RESOURCE_MANAGER_ENDPOINT", c.base()},
			{"AZURE_TENANT_ID", who.Tenant},
			{"AZURE_CLIENT_ID", who.Client},
			{"AZURE_SUBSCRIPTION_ID", c.Subscription},
			{"AZURE_OBJECT_ID", who.ObjectID},
			{"SSL_CERT_FILE", c.CAFile},
			{"REQUESTS_CA_BUNDLE", c.CAFile},
			{"NODE_EXTRA_CA_CERTS", c.CAFile},
		}, nil, nil
	}
	// az keeps clouds and logins in a folder. One for the emulator leaves the user's own unchanged.
	dir, err := filepath.Abs(filepath.Join(opts.DataDir, "az"))
	if err != nil {
		return nil, nil, err
	}
	config, err := c.azCloud()
	if err != nil {
		return nil, nil, err
	}
	set := func(verb string) string {
		return "az cloud " + verb + " --name " + cloudName + " --cloud-config " + quoted(opts.Shell, config)
	}
	commands = []string{
		orElse(opts.Shell, set("update"), set("register")),
		"az cloud set --name " + cloudName + " --only-show-errors",
	}
	return [][2]string{
		{"AZURE_CONFIG_DIR", dir},
		{"AZURE_CORE_INSTANCE_DISCOVERY", "false"},
		{"AZURE_CORE_COLLECT_TELEMETRY", "no"},
		{"AZURE_TENANT_ID", who.Tenant},
		{"AZURE_CLIENT_ID", who.Client},
		{"AZURE_OBJECT_ID", who.ObjectID},
		{"REQUESTS_CA_BUNDLE", c.CAFile},
	}, commands, nil
}

// terraform returns what azurerm reads.
func terraform(c connection, who target.Application, tenant string) [][2]string {
	return [][2]string{
		{"ARM_METADATA_HOSTNAME", c.LoginServer},
		{"ARM_TENANT_ID", tenant},
		{"ARM_CLIENT_ID", who.Client},
		{"ARM_SUBSCRIPTION_ID", c.Subscription},
		{"ARM_RESOURCE_PROVIDER_REGISTRATIONS", "none"},
		{"TF_VAR_object_id", who.ObjectID},
		// Without it go-azure-sdk waits 10 s before it first asks for an operation's state.
		{"GO_AZURE_SDK_SKIP_POLLING_DELAY", "true"},
		{"SSL_CERT_FILE", c.CAFile},
	}
}

// base is the address without a slash at the end, which az and Go's ARM packages expect.
func (c connection) base() string { return "https://" + c.LoginServer }

// azCloud returns the emulator as a cloud in az's form. It is the only way to name the
// endpoint of Microsoft Graph, which has no flag. MSAL checks an authority with the path
// /adfs nowhere else; az 2.45 has no variable that turns the check off.
func (c connection) azCloud() (string, error) {
	suffix := ""
	if _, port, err := net.SplitHostPort(c.LoginServer); err == nil {
		suffix = ":" + port
	}
	data, err := json.Marshal(map[string]any{
		"endpoints": map[string]string{
			"management": c.base(), "resourceManager": c.base(), "activeDirectory": c.base() + "/adfs",
			"activeDirectoryResourceId": c.base(), "activeDirectoryGraphResourceId": c.base(),
			"microsoftGraphResourceId": c.base(),
		},
		"suffixes": map[string]string{"acrLoginServerEndpoint": suffix},
	})
	return string(data), err
}

// orElse runs the second command if the first fails, whose messages are dropped.
func orElse(language, first, second string) string {
	switch language {
	case "fish":
		return first + " 2>/dev/null; or " + second
	case "powershell":
		return first + " 2>$null; if ($LASTEXITCODE) { " + second + " }"
	}
	return first + " 2>/dev/null || " + second
}

// printFor prints what the client of the control plane still needs.
func (opts *EnvOptions) printFor(w io.Writer) {
	switch opts.For {
	case forTerraform, forAzapi:
		fmt.Fprint(w, "Still to be set by you: ARM_CLIENT_SECRET (of the seed).\n")
	case forARMSDK:
		fmt.Fprint(w, `Still to be set by you: AZURE_CLIENT_SECRET (of the seed), and in code, for Go:

  cloud.Configuration{ActiveDirectoryAuthorityHost: os.Getenv("AZURE_AUTHORITY_HOST"),
      Services: map[cloud.ServiceName]cloud.ServiceConfiguration{cloud.ResourceManager: {
          Endpoint: os.Getenv("AZURE_RESOURCE_MANAGER_ENDPOINT"),
          Audience: os.Getenv("AZURE_RESOURCE_MANAGER_ENDPOINT")}}}
  azidentity.ClientSecretCredentialOptions{DisableInstanceDiscovery: true}

Python: base_url=endpoint, credential_scopes=[endpoint + "/.default"], disable_instance_discovery=True
`)
	default:
		fmt.Fprint(w, `Still to be done by you, with AZURE_CLIENT_SECRET (of the seed):

  az login --service-principal --username "$AZURE_CLIENT_ID" --password "$AZURE_CLIENT_SECRET" --tenant "$AZURE_TENANT_ID"
`)
	}
}

// application returns the application that the client signs in as.
func (opts *EnvOptions) application(c connection) (target.Application, error) {
	if len(c.Applications) == 0 {
		return target.Application{}, opts.noPrincipal()
	}
	if opts.ClientID == "" {
		i := slices.IndexFunc(c.Applications, func(a target.Application) bool { return a.Manages })
		return c.Applications[max(i, 0)], nil
	}
	i := slices.IndexFunc(c.Applications, func(a target.Application) bool {
		return strings.EqualFold(a.Client, opts.ClientID)
	})
	if i < 0 {
		var ids []string
		for _, a := range c.Applications {
			ids = append(ids, a.Client)
		}
		return target.Application{}, cmdutil.Usage("--client-id %q is none of the emulator's applications: %s",
			opts.ClientID, strings.Join(ids, ", "))
	}
	return c.Applications[i], nil
}

// noPrincipal is the error for an emulator that has no service principal.
func (opts *EnvOptions) noPrincipal() error {
	return &acrkit.Error{Code: acrkit.CodeNotFound, Op: "export a service principal",
		Reason: "the emulator was started without one",
		Hint:   sentence.Fix(sentence.ExportToken, map[string]string{"dir": shell.Quote(opts.DataDir)})}
}
