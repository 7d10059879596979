package cmdutil

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth/azureauth"
	"github.com/acrkit/acrkit/diagnose"
	"github.com/acrkit/acrkit/internal/wire"
)

// AskARM is the help of the flag --arm.
const AskARM = "also ask Azure Resource Manager, as the user signed in to az, for what the registry does not report"

// arm returns a client of Azure Resource Manager for a registry, with the credential of
// the user signed in to the Azure CLI. It sends no request yet.
func (f *Factory) arm(reg acrkit.Registry, base http.RoundTripper) (diagnose.ARM, error) {
	scope := wire.CloudOf(reg).ARM
	if reg.IsLoopback() {
		// The emulator is its own cloud. Entra issues no token for this audience, so no
		// token for Azure is sent to a program on loopback.
		scope = "https://" + reg.Host() + "/.default"
	}
	source := azureauth.AzureCLISource(nil)
	var token string
	var until time.Time
	return diagnose.NewARM(func(ctx context.Context) (string, error) {
		if f.Now().Before(until) {
			return token, nil
		}
		var err error
		token, until, err = source.EntraToken(ctx, scope)
		return token, err
	}, &diagnose.ARMOptions{Endpoint: strings.TrimSuffix(scope, "/.default"), Base: base})
}
