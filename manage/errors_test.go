package manage_test

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/manage"
)

// TestUnreachable: an error of the network names the host that was asked, which the registry's
// cloud decides, and not the registry's.
func TestUnreachable(t *testing.T) {
	identity := acrtest.NewRegistry(t, nil).ServicePrincipal("Owner").AzureCredential()
	for name, host := range map[string]string{
		"myregistry":            "management.azure.com",
		"myregistry.azurecr.us": "management.usgovcloudapi.net",
		"localhost:1":           "localhost:1",
	} {
		reg, err := acrkit.ParseRegistry(name)
		must(t, err)
		client, err := manage.New(identity, &manage.Options{Subscription: "s", Transport: roundTrip(
			func(req *http.Request) (*http.Response, error) {
				return nil, final{&net.OpError{Op: "dial", Err: &net.DNSError{Name: req.URL.Hostname(),
					IsNotFound: true}}}
			})})
		must(t, err)
		_, err = client.Registry(t.Context(), reg)
		if acrkit.CauseOf(err) != cause.NameUnknown || !strings.Contains(err.Error(), "no host has the name "+host) ||
			strings.Contains(err.Error(), "this host is") == reg.IsLoopback() ||
			!strings.Contains(acrkit.HintOf(err), "https://"+host+"/ ") {
			t.Errorf("%s: %v, hint %q", name, err, acrkit.HintOf(err))
		}
	}
}

// final is an error that is not tried again.
type final struct{ error }

func (final) NonRetriable()   {}
func (f final) Unwrap() error { return f.error }
