package wire

import (
	"net/url"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/sentence"
)

// Cloud is what differs between Microsoft's clouds. Source: azcore's cloud
// configurations, and the audiences that the official clients list.
type Cloud struct {
	suffix    string // of its login servers
	Authority string // the Entra authority
	ARM       string // the scope of Azure Resource Manager
	// the audience of assertions from elsewhere (Microsoft Entra documentation, "Workload identity federation")
	Exchange string
}

var clouds = []Cloud{
	{".azurecr.io", "https://login.microsoftonline.com/", "https://management.azure.com/.default",
		"api://AzureADTokenExchange"},
	{".azurecr.us", "https://login.microsoftonline.us/", "https://management.usgovcloudapi.net/.default",
		"api://AzureADTokenExchangeUSGov"},
	{".azurecr.cn", "https://login.chinacloudapi.cn/", "https://management.chinacloudapi.cn/.default",
		"api://AzureADTokenExchangeChina"},
}

// CloudOf returns the cloud of a registry. A custom login server has the public one;
// loopback has that too, and needs an authority of its own.
func CloudOf(reg acrkit.Registry) Cloud {
	for _, c := range clouds {
		if strings.HasSuffix(reg.Hostname(), c.suffix) {
			return c
		}
	}
	return clouds[0]
}

// IsMicrosoftAuthority reports whether a host is the Entra authority of one of
// Microsoft's clouds.
func IsMicrosoftAuthority(host string) bool {
	for _, c := range clouds {
		if u, err := url.Parse(c.Authority); err == nil && strings.EqualFold(u.Host, host) {
			return true
		}
	}
	return false
}

// Authority returns the Entra authority for a registry: the named one, else that of the
// registry's cloud. It must be https, because a secret is sent there: proof names that
// secret in messages ("a client secret"). option is the option that sets an authority, for
// hints.
func Authority(reg acrkit.Registry, named, option, proof string) (*url.URL, error) {
	e := &acrkit.Error{Code: acrkit.CodeUsage, Op: "use a credential", Registry: reg}
	if named == "" {
		if reg.IsLoopback() {
			e.Reason = "a registry on loopback belongs to no cloud, so the Entra authority is not known"
			e.Hint = sentence.Fix(sentence.SetAuthority, map[string]string{"option": option})
			return nil, e
		}
		named = CloudOf(reg).Authority
	}
	u, err := url.Parse(named)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		e.Reason = "the Entra authority must be an https URL without user, query and fragment"
		return nil, e
	//rule:plain-http-authority
	case u.Scheme != "https":
		e.Code, e.Reason = acrkit.CodeHostRefused, "the Entra authority is not an https URL, and "+proof+
			" goes nowhere else"
		return nil, e
	}
	return u, nil
}
