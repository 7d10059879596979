// Package endpoints answers /metadata/endpoints, by which clients learn where a cloud
// has its services: the emulator has them all at one address. It needs no credential.
package endpoints

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/acrkit/acrkit/emulator/internal/answer"
)

// Name is the cloud's name. Clients compare it with one that a user configures, so it
// is one word.
const Name = "AcrkitEmulator"

// The api-versions at which the answer's form changes; each form holds until the next.
// They are compared as texts: "1.0", which old clients send, is before all dates.
//
// Source: what the clients read. go-autorest (1.0), msrestazure and Azure Stack's tools
// (2015-01-01): one object of names that end in "Endpoint". go-azure-helpers: the same with
// "cloudEndpoint", by the clouds' names (2018-01-01), and a list of clouds (2019-05-01,
// 2020-06-01), as az and VS Code read it. go-azure-sdk (2022-09-01): one cloud.
const (
	keyed  = "2018-01-01"
	listed = "2019-05-01"
	single = "2022-09-01"
)

type authentication struct {
	LoginEndpoint    string   `json:"loginEndpoint"`
	Audiences        []string `json:"audiences"` // the first is what clients ask a token for
	Tenant           string   `json:"tenant"`
	IdentityProvider string   `json:"identityProvider"`
}

// cloud is one cloud in the newer forms. Some of its clients need every field. Services
// that the emulator does not have get names that never resolve (RFC 6761): a client that
// wants one fails there, and not at Microsoft's.
type cloud struct {
	Portal                   string            `json:"portal"`
	Authentication           authentication    `json:"authentication"`
	Media                    string            `json:"media"`
	GraphAudience            string            `json:"graphAudience"`
	Graph                    string            `json:"graph"`
	Name                     string            `json:"name"`
	Suffixes                 map[string]string `json:"suffixes"`
	Batch                    string            `json:"batch"`
	ResourceManager          string            `json:"resourceManager"`
	VMImageAliasDoc          string            `json:"vmImageAliasDoc"`
	ActiveDirectoryDataLake  string            `json:"activeDirectoryDataLake"`
	SQLManagement            string            `json:"sqlManagement"`
	MicrosoftGraphResourceID string            `json:"microsoftGraphResourceId"`
	Gallery                  string            `json:"gallery"`
}

// old is the oldest form, with the clouds of the next one.
type old struct {
	Gallery        string           `json:"galleryEndpoint"`
	Graph          string           `json:"graphEndpoint"`
	Portal         string           `json:"portalEndpoint"`
	GraphAudience  string           `json:"graphAudience,omitempty"`
	Authentication authentication   `json:"authentication"`
	Clouds         map[string]place `json:"cloudEndpoint,omitempty"`
}

// place is where a cloud of that name is. It says no "locations": azurerm refuses any
// other, and the emulator takes all.
type place struct {
	Endpoint string `json:"endpoint"` // host and port
}

// Serve answers a GET of the endpoints as the client reached them.
func Serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		answer.ARMError(w, http.StatusMethodNotAllowed, "MethodNotAllowed", "The resource is only read.")
		return
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	at := scheme + "://" + r.Host
	c := newCloud(at, r.Host)
	switch version := r.URL.Query().Get("api-version"); {
	case version == "" || version >= single: // the newest form for a client that names none
		answer.JSON(w, http.StatusOK, c)
	case version >= listed:
		answer.JSON(w, http.StatusOK, []cloud{c})
	case version >= keyed:
		answer.JSON(w, http.StatusOK, old{c.Gallery, c.Graph, c.Portal, c.GraphAudience, c.Authentication,
			map[string]place{Name: {r.Host}}})
	default:
		answer.JSON(w, http.StatusOK, old{c.Gallery, c.Graph, c.Portal, "", c.Authentication, nil})
	}
}

func newCloud(at, host string) cloud {
	const none = ".invalid"
	absent := func(service string) string { return "https://" + service + none }
	return cloud{
		Name: Name, Portal: at, ResourceManager: at, Graph: at, GraphAudience: at, MicrosoftGraphResourceID: at,
		// "common" and "AAD" are what the public cloud says; azurerm takes anything else for
		// Azure Stack, which it refuses.
		Authentication: authentication{at, []string{at, at + "/"}, "common", "AAD"},
		Suffixes: map[string]string{
			"acrLoginServer": loginServers(host), "storage": "storage" + none, "keyVaultDns": "vault" + none,
			"sqlServerHostname": "database" + none, "azureDataLakeStoreFileSystem": "datalakestore" + none,
			"azureDataLakeAnalyticsCatalogAndJob": "datalakeanalytics" + none,
		},
		Media: absent("media"), Batch: absent("batch"), Gallery: absent("gallery"),
		VMImageAliasDoc:         absent("aliases") + "/aliases.json",
		ActiveDirectoryDataLake: absent("datalake"), SQLManagement: absent("sqlmanagement"),
	}
}

// loginServers returns what clients put behind a registry's name: the domain of the host,
// or, for a host that has none, the one under which every registry has a name.
func loginServers(host string) string {
	name, port := host, ""
	if h, p, err := net.SplitHostPort(host); err == nil {
		name, port = h, ":"+p
	}
	_, domain, ok := strings.Cut(name, ".")
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil || !ok {
		domain = "azurecr.localhost"
	}
	return domain + port
}
