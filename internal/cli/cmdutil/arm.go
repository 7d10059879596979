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
const AskARM = "ask Azure Resource Manager too, as who is signed in to az, for what the registry keeps to itself"

// arm returns Azure Resource Manager as evidence on a registry, asked as whoever is
// signed in to the Azure CLI. Nothing is asked yet.
func (f *Factory) arm(reg acrkit.Registry, base http.RoundTripper) (diagnose.ARM, error) {
	scope := wire.CloudOf(reg).ARM
	if reg.IsLoopback() {
		// The emulator is its own cloud. Entra gives nobody a token of this audience, so
		// that no token for Azure goes to whatever listens there.
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
