package endpoints

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func get(t *testing.T, method, host, query string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, "/metadata/endpoints"+query, nil)
	r.Host, r.TLS = host, &tls.ConnectionState{}
	w := httptest.NewRecorder()
	Serve(w, r)
	return w
}

// TestServe reads each form as the clients named at its api-version do.
func TestServe(t *testing.T) {
	const host, at = "localhost:5443", "https://localhost:5443"
	type keys = map[string]any
	login := keys{"loginEndpoint": at, "audiences": []any{at, at + "/"}, "tenant": "common", "identityProvider": "AAD"}
	for version, want := range map[string]struct {
		form string
		has  keys
	}{
		"1.0":        {"object", keys{"graphEndpoint": at, "galleryEndpoint": "https://gallery.invalid"}},
		"2015-01-01": {"object", keys{"portalEndpoint": at}},
		"2017-12-31": {"object", keys{"cloudEndpoint": nil}},
		"2018-01-01": {"object", keys{"cloudEndpoint": keys{Name: keys{"endpoint": host}}}},
		"2018-05-01": {"object", keys{"graphEndpoint": at, "graphAudience": at}},
		"2019-05-01": {"list", keys{"name": Name, "resourceManager": at,
			"vmImageAliasDoc": "https://aliases.invalid/aliases.json"}},
		"2020-06-01": {"list", keys{"name": Name, "graph": at}},
		"2022-08-31": {"list", keys{"name": Name}},
		"2022-09-01": {"object", keys{"name": Name, "resourceManager": at, "microsoftGraphResourceId": at,
			"graphAudience": at}},
		"2099-01-01": {"object", keys{"name": Name}},
		"":           {"object", keys{"name": Name}},
	} {
		query := "?api-version=" + version
		if version == "" {
			query = ""
		}
		w := get(t, http.MethodGet, host, query)
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%s: %d %v", version, w.Code, w.Header())
		}
		object := keys{}
		if want.form == "list" {
			var list []keys
			if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || len(list) != 1 {
				t.Errorf("%s: %v: %s", version, err, w.Body)
				continue
			}
			object = list[0]
		} else if err := json.Unmarshal(w.Body.Bytes(), &object); err != nil {
			t.Errorf("%s: %v: %s", version, err, w.Body)
			continue
		}
		if diff := cmp.Diff(login, object["authentication"]); diff != "" {
			t.Errorf("%s: authentication:\n%s", version, diff)
		}
		for name, value := range want.has {
			if diff := cmp.Diff(value, object[name]); diff != "" {
				t.Errorf("%s: %s:\n%s", version, name, diff)
			}
		}
		if version < listed && version != "" {
			continue
		}
		// az 2.3 and VS Code read these without a look whether they are there.
		for _, name := range []string{"sqlManagement", "batch", "gallery", "media", "activeDirectoryDataLake",
			"portal"} {
			if s, _ := object[name].(string); !strings.HasPrefix(s, "https://") {
				t.Errorf("%s: %s is %v", version, name, object[name])
			}
		}
		suffixes, _ := object["suffixes"].(keys)
		for _, name := range []string{"storage", "keyVaultDns", "sqlServerHostname", "acrLoginServer",
			"azureDataLakeStoreFileSystem", "azureDataLakeAnalyticsCatalogAndJob"} {
			if s, _ := suffixes[name].(string); s == "" || strings.HasPrefix(s, ".") {
				t.Errorf("%s: the suffix %s is %v", version, name, suffixes[name])
			}
		}
	}
	if w := get(t, http.MethodPost, host, ""); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") == "" {
		t.Errorf("POST: %d %v", w.Code, w.Header())
	}
}

func TestLoginServers(t *testing.T) {
	for host, want := range map[string]string{
		"localhost:5443":                        "azurecr.localhost:5443",
		"localhost":                             "azurecr.localhost",
		"127.0.0.1:5443":                        "azurecr.localhost:5443",
		"127.0.0.1":                             "azurecr.localhost",
		"[::1]:5443":                            "azurecr.localhost:5443",
		"[::1]":                                 "azurecr.localhost",
		"acr:5443":                              "azurecr.localhost:5443",
		"myregistry.azurecr.localhost:5443":     "azurecr.localhost:5443",
		"myregistry.registries.example.com:443": "registries.example.com:443",
	} {
		if got := loginServers(host); got != want {
			t.Errorf("%s: %s, want %s", host, got, want)
		}
	}
}
