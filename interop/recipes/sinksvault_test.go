package recipes

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// vault is what az needs of Key Vault's data plane: one secret, and the challenge that names who
// issues tokens, and for what. Here that is Azure Resource Manager of the emulator, whose
// Entra knows no vaults.
type vault struct {
	t         *testing.T
	challenge string

	mu     sync.Mutex
	denied bool
	value  string // "" = there is no such secret
}

func startVault(t *testing.T, w *world) *store {
	t.Helper()
	who := w.reg.ServicePrincipal("Reader")
	root := w.reg.AuthorityHost()
	v := &vault{t: t, challenge: `Bearer authorization="` + root + who.TenantID + `", resource="` +
		strings.TrimSuffix(root, "/") + `"`}
	w.cloud.put("myvault.vault.azure.net", v)
	env := []string{"AZURE_CONFIG_DIR=" + w.dir + "/az", "AZURE_CORE_COLLECT_TELEMETRY=no", "AZURE_CORE_NO_COLOR=yes"}
	for _, command := range [][]string{
		{"az", "cloud", "register", "-n", "Rehearsal", "--endpoint-resource-manager", root,
			"--endpoint-management", root, "--endpoint-active-directory", root + "adfs",
			"--endpoint-active-directory-resource-id", root,
			"--endpoint-active-directory-graph-resource-id", root, "--suffix-keyvault-dns", ".vault.azure.net"},
		{"az", "cloud", "set", "-n", "Rehearsal"},
		{"az", "login", "--service-principal", "--tenant", who.TenantID, "-u", who.ClientID, "-p", who.ClientSecret,
			"-o", "none"},
	} {
		w.must(t, env, "", command...)
	}
	return &store{
		says: `Forbidden`, env: env,
		held: func(*testing.T) string { v.mu.Lock(); defer v.mu.Unlock(); return v.value },
		deny: func(_ *testing.T, on bool) { v.mu.Lock(); defer v.mu.Unlock(); v.denied = on },
	}
}

func (v *vault) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	failed := func(status int, code, message string) {
		answer(rw, status, map[string]any{"error": map[string]any{"code": code, "message": message}})
	}
	var in struct{ Value string }
	switch {
	case !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer eyJ"):
		rw.Header().Set("WWW-Authenticate", v.challenge)
		failed(http.StatusUnauthorized, "Unauthorized", "AKV10000: Request is missing a Bearer or PoP token.")
	case strings.TrimSuffix(r.URL.Path, "/") != "/secrets/acr":
		v.t.Errorf("az asks for %s %s", r.Method, r.URL)
		failed(http.StatusNotFound, "NotFound", "not found")
	case r.Method == http.MethodPut && v.denied:
		failed(http.StatusForbidden, "Forbidden", "Caller is not authorized to perform action on resource.")
	case r.Method == http.MethodPut && json.NewDecoder(r.Body).Decode(&in) != nil:
		failed(http.StatusBadRequest, "BadParameter", "no JSON")
	case r.Method == http.MethodPut:
		v.value = in.Value
		v.show(rw)
	case v.value == "":
		failed(http.StatusNotFound, "SecretNotFound", "A secret with (name/id) acr was not found in this key vault.")
	default:
		v.show(rw)
	}
}

func (v *vault) show(rw http.ResponseWriter) {
	answer(rw, http.StatusOK, map[string]any{"value": v.value,
		"id":         "https://myvault.vault.azure.net/secrets/acr/00000000000000000000000000000001",
		"attributes": map[string]any{"enabled": true}, "tags": map[string]any{"file-encoding": "utf-8"}})
}
