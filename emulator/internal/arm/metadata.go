package arm

import (
	"net/http"
	"strings"

	"github.com/acrkit/acrkit/emulator/internal/answer"
)

// endpoints describes this cloud. Old api-versions list clouds under keys of
// their own names; the newer ones, which clients ask now, are an object or a
// list of one.
func (h *Handler) endpoints(w http.ResponseWriter, r *http.Request) {
	at := origin(r)
	tenantID := "common"
	if all := h.Store.Tenants(); len(all) > 0 {
		tenantID = all[0].ID
	}
	suffix := r.Host
	if _, rest, ok := strings.Cut(r.Host, "."); ok {
		suffix = rest
	}
	answer.JSON(w, http.StatusOK, map[string]any{
		"name": "acrkit emulator", "portal": at, "resourceManager": at, "graph": at, "graphAudience": at,
		"microsoftGraphResourceId": at,
		"authentication": map[string]any{"loginEndpoint": at, "audiences": []string{at, at + "/"},
			"tenant": tenantID, "identityProvider": "AAD"},
		"suffixes": map[string]any{"acrLoginServer": suffix},
	})
}
