package errtext_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/acrkit/acrkit/internal/errtext"
)

// last returns the event that ended a text.
func last(t *testing.T, text string) errtext.Event {
	t.Helper()
	r := errtext.Read(text)
	if r.Ended < 0 {
		return errtext.Event{}
	}
	return r.Events[r.Ended]
}

// TestEvents_place: an event is of the host that it speaks of, and of its phase.
func TestEvents_place(t *testing.T) {
	const reg = "contoso.azurecr.io"
	for _, tc := range []struct {
		name, text string
		phase      errtext.Phase
		kind       errtext.Kind
		class      errtext.Class
		host       string
	}{
		{"name",
			`Get "https://contoso.azurecr.io/v2/": dial tcp: lookup contoso.azurecr.io on 10.0.0.1:53: no such host`,
			errtext.Lookup, errtext.NameUnknown, errtext.OfRegistry, reg},
		{"the resolver refuses, and not the registry",
			`Get "https://contoso.azurecr.io/v2/": dial tcp: lookup contoso.azurecr.io on [::1]:53: read udp [::1]:5353->[::1]:53: read: connection refused`, errtext.Lookup, errtext.LookupFailed, errtext.OfRegistry, reg},
		{"the proxy's name",
			`Get "https://contoso.azurecr.io/v2/": proxyconnect tcp: dial tcp: lookup proxy.corp.example on 10.0.0.1:53: no such host`, errtext.Proxy, errtext.ProxyFailed, errtext.OfRegistry, reg},
		{"Entra",
			`HTTPSConnectionPool(host='login.microsoftonline.com', port=443): Max retries exceeded (Caused by NewConnectionError(': [Errno 111] Connection refused'))`, errtext.Connect, errtext.Refused, errtext.OfEntra, "login.microsoftonline.com"},
		{"blobs",
			`failed to pull image "contoso.azurecr.io/app:v1": Get "https://weustore.blob.core.windows.net/x?sig=y": dial tcp 20.0.0.1:443: i/o timeout`, errtext.Connect, errtext.NoAnswer, errtext.OfData, "weustore.blob.core.windows.net"},
		{"data endpoint",
			`Get "https://contoso.westeurope.data.azurecr.io/x": dial tcp: lookup contoso.westeurope.data.azurecr.io: no such host`, errtext.Lookup, errtext.NameUnknown, errtext.OfData, "contoso.westeurope.data.azurecr.io"},
		{"Docker Hub's token service",
			`failed to fetch oauth token: Post "https://auth.docker.io/token": 401 Unauthorized`, errtext.Answer,
			errtext.Answered, errtext.OtherRegistry, "auth.docker.io"},
		{"another registry by its API", `GET https://registry.example.org/v2/app/manifests/v1: 401 Unauthorized`,
			errtext.Answer, errtext.Answered, errtext.OtherRegistry, "registry.example.org"},
		{"a wrong spelling", `dial tcp: lookup contoso.azurcr.io: no such host`, errtext.Lookup, errtext.NameUnknown,
			errtext.OfRegistry, "contoso.azurcr.io"},
		{"masked", `Head "https://***/v2/app/manifests/v1": dial tcp: lookup *** on 10.0.0.1:53: no such host`,
			errtext.Lookup, errtext.NameUnknown, errtext.OfRegistry, "***"},
		{"Node",
			`FetchError: request to https://contoso.azurecr.io/v2/ failed, reason: connect ECONNREFUSED 10.0.0.1:443`,
			errtext.Connect, errtext.Refused, errtext.OfRegistry, reg},
		{"Java", "pushing to contoso.azurecr.io/app\n\tjavax.net.ssl.SSLException: the peer closed connection",
			errtext.Connect, errtext.Closed, errtext.OfRegistry, reg},
		{".NET", `HttpRequestException: No such host is known. (contoso.azurecr.io:443)`, errtext.Lookup,
			errtext.NameUnknown, errtext.OfRegistry, "contoso.azurecr.io"},
		{"curl", `curl: (6) Could not resolve host: contoso.azurecr.io`, errtext.Lookup, errtext.NameUnknown,
			errtext.OfRegistry, reg},
		{"aiohttp",
			`aiohttp.client_exceptions.ClientConnectorCertificateError: Cannot connect to host contoso.azurecr.io:443 ssl:True [SSLCertVerificationError: certificate verify failed: Hostname mismatch]`, errtext.TLS, errtext.CertName, errtext.OfRegistry, "contoso.azurecr.io"},
		{"its own deadline", `Get "https://contoso.azurecr.io/v2/": context deadline exceeded`, errtext.Connect,
			errtext.Deadline, errtext.OfRegistry, reg},
		{"a scheme for a host", `Get "https://https/v2/": dial tcp: lookup https on 10.0.0.1:53: no such host`,
			errtext.Local, errtext.ReferenceWrong, errtext.Unnamed, "https"},

		// What is no event about a registry at all.
		{"a count", "scanned contoso.azurecr.io/app:v1, found 401 vulnerabilities and 403 warnings", "", "", "", ""},
		{"a database", "pulled contoso.azurecr.io/app:v1\nlookup db on 127.0.0.11:53: no such host", "", "", "", ""},
		{"a port that is a database's",
			"pulled contoso.azurecr.io/app:v1\ndial tcp 10.0.0.9:5432: connect: connection refused", "", "", "", ""},
		{"a page", "403 Forbidden at https://example.org/page, see contoso.azurecr.io", "", "", "", ""},
		{"a package", "npm error 404 Not Found - GET https://registry.npmjs.org/x\npushed contoso.azurecr.io/app:v1",
			"", "", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := last(t, tc.text)
			if e.Phase != tc.phase || e.Kind != tc.kind || e.Class != tc.class ||
				strings.TrimSuffix(e.Host, ":443") != tc.host {
				t.Errorf("%s, %s of %s %q; want %s, %s of %s %q", e.Phase, e.Kind, e.Class, e.Host, tc.phase,
					tc.kind, tc.class, tc.host)
			}
		})
	}
}

// TestEvents_form: what terminals, CI systems, quotes and the order of keys do to a
// text changes no event.
func TestEvents_form(t *testing.T) {
	const text = `Error: GET https://contoso.azurecr.io/v2/team/app/manifests/v1: response status code 404: {"errors":[{"code":"MANIFEST_UNKNOWN","message":"OCI index found, but accept header does not support OCI indexes"}]}`
	want := last(t, text)
	if want.Status != 404 || !want.Said(errtext.SaysAcceptLacks) || !want.Coded("MANIFEST_UNKNOWN") {
		t.Fatalf("%+v", want)
	}
	forms := map[string]string{
		"key order":   `Error: GET https://contoso.azurecr.io/v2/team/app/manifests/v1: response status code 404: {"errors":[{"message":"OCI index found, but accept header does not support OCI indexes","code":"MANIFEST_UNKNOWN"}]}`,
		"Azure":       "2026-01-02T03:04:05.1234567Z ##[error]" + text,
		"GitHub":      "::error::" + text,
		"BuildKit":    "#12 4.567 " + text,
		"colours":     "\x1b[31;1m" + strings.ReplaceAll(text, "KNOWN", "KNO\x1b[0mWN\x1b[31m"),
		"title":       "\x1b]0;a title\x07" + text,
		"quoted":      strings.ReplaceAll(text, `"`, `\"`),
		"twice":       strings.ReplaceAll(text, `"`, `\\\"`),
		"as unicode":  strings.ReplaceAll(text, `"`, `\u0022`),
		"HTML":        strings.ReplaceAll(text, `"`, `&quot;`),
		"Windows":     "step\r\n" + text + "\r\n",
		"words":       strings.ReplaceAll(text, " ", "\n"),
		"progress":    "10 %\r20 %\r" + text,
		"an array":    "[" + text + "]",
		"a bad start": "\xff\xfe" + text,
	}
	for width := 60; width < 100; width++ {
		wrapped := ""
		for i := 0; i < len(text); i += width {
			wrapped += text[i:min(len(text), i+width)] + "\n"
		}
		forms[fmt.Sprintf("a terminal of %d columns", width)] = wrapped
	}
	for name, form := range forms {
		e := last(t, form)
		if e.Status != want.Status || !e.Said(errtext.SaysAcceptLacks) || !e.Coded("MANIFEST_UNKNOWN") ||
			e.Class != errtext.OfRegistry {
			t.Errorf("%s: %d %v %v of %q", name, e.Status, e.Codes, e.Says, e.Class)
		}
	}
}

// TestEvents_html: quotes are quotes in a page of a CI system, too.
func TestEvents_html(t *testing.T) {
	if e := last(t, "contoso.azurecr.io: client with IP &#39;198.51.100.4&#39; is not allowed access"); !e.Said(
		errtext.SaysNetworkRule) {
		t.Errorf("%+v", e)
	}
}

// TestEvents_order: the last one about the registry ended it.
func TestEvents_order(t *testing.T) {
	const (
		retry   = `level=warning msg="Failed, retrying in 1s ... (1/3). Error: pinging container registry contoso.azurecr.io: Get \"https://contoso.azurecr.io/v2/\": dial tcp 20.0.0.1:443: i/o timeout"` + "\n"
		unknown = `Error: reading manifest v9 in contoso.azurecr.io/app: manifest unknown: manifest tagged by "v9" is not found` + "\n"
		hub     = `ERROR: failed to solve: docker.io/library/node:20: unexpected status from HEAD request to https://registry-1.docker.io/v2/library/node/manifests/20: 429 Too Many Requests` + "\n"
	)
	noise := strings.Repeat("step: nothing to see here\n", 80_000/26)
	for _, tc := range []struct {
		name, text string
		want       errtext.Says
		kind       errtext.Kind
		class      errtext.Class
	}{
		{"retry, then refusal", retry + unknown, errtext.SaysNoManifest, errtext.Answered, errtext.OfRegistry},
		{"refusal, then another failure", unknown + retry, "", errtext.NoAnswer, errtext.OfRegistry},
		{"another registry before", hub + unknown, errtext.SaysNoManifest, errtext.Answered, errtext.OfRegistry},
		{"another registry behind", unknown + hub, errtext.SaysNoManifest, errtext.Answered, errtext.OfRegistry},
		{"another registry alone", hub, errtext.SaysThrottled, errtext.Answered, errtext.OtherRegistry},
		{"behind 80,000 bytes", noise + unknown, errtext.SaysNoManifest, errtext.Answered, errtext.OfRegistry},
		{"before 80,000 bytes", unknown + noise, "", "", ""},
		{"between noise", noise + retry + unknown + noise[:30_000], errtext.SaysNoManifest,
			errtext.Answered, errtext.OfRegistry},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := last(t, tc.text)
			if e.Kind != tc.kind || e.Class != tc.class || tc.want != "" && !e.Said(tc.want) {
				t.Errorf("%s %v of %q, want %s %q of %q", e.Kind, e.Says, e.Class, tc.kind, tc.want, tc.class)
			}
		})
	}
}

// TestEvents_unnamed: words that name no host are the registry's where it was spoken of
// last, and not where another one was.
func TestEvents_unnamed(t *testing.T) {
	const denied = "denied: requested access to the resource is denied\n"
	const ours, others = "The push refers to repository [contoso.azurecr.io/app]\n",
		"The push refers to repository [ghcr.io/contoso/app]\n"
	for text, want := range map[string]errtext.Class{
		denied:                        errtext.Unnamed,
		ours + denied:                 errtext.OfRegistry,
		others + denied:               errtext.Unnamed,
		ours + others + denied:        errtext.Unnamed,
		others + ours + denied:        errtext.OfRegistry,
		denied + ours:                 errtext.OfRegistry,
		others + denied + ours:        errtext.OfRegistry,
		ours + others + ours + denied: errtext.OfRegistry,
		"Operation returned an invalid status 'Forbidden'\n  azure/containerregistry/_client.py": errtext.OfRegistry,
		// A stack trace is near what it is about, and another program's failure is not.
		ours + strings.Repeat("a line\n", 7) + "java.net.ConnectException: Connection refused": errtext.OfRegistry,
		ours + strings.Repeat("a line\n", 8) + "java.net.ConnectException: Connection refused": errtext.Unnamed,
		"client with IP '198.51.100.4' is not allowed access":                                  errtext.OfRegistry,
	} {
		if e := last(t, text); e.Class != want {
			t.Errorf("%q: %q, want %q", text, e.Class, want)
		}
	}
}

// TestEvents_step: the step that a client names tells who refused.
func TestEvents_step(t *testing.T) {
	const reg = "contoso.azurecr.io"
	for text, want := range map[string]errtext.Event{
		`failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://` + reg +
			`/oauth2/token?scope=repository%3Aapp%3Apull&service=x: 401 Unauthorized`: {Place: errtext.AtToken,
			Anonymous: true},
		`failed to resolve reference "` + reg +
			`/app:v1": failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized`: {
			Place: errtext.AtToken, Sent: true},
		`Get "https://` + reg +
			`/v2/": unauthorized: authentication required`: {Place: errtext.AtToken, Login: true},
		`Head "https://` + reg +
			`/v2/app/manifests/v1": unauthorized: authentication required`: {Place: errtext.AtToken},
		`GET https://` + reg +
			`/oauth2/token?service=x: UNAUTHORIZED: authentication required`: {Place: errtext.AtToken, Login: true},
		"File \"azure/containerregistry/_anonymous_exchange_client.py\", line " +
			"9\nazure.core.exceptions.ClientAuthenticationError: Operation returned an invalid status 'Unauthorized'": {
			Place: errtext.AtToken, Anonymous: true},
		"An error occurred: CONNECTIVITY_REFRESH_TOKEN_ERROR\nAccess to registry '" + reg +
			"' was denied. Response code: 401.": {Place: errtext.AtExchange},
		`unexpected status from PATCH request to https://` + reg +
			`/v2/app/blobs/uploads/1: 404 Not Found`: {Place: errtext.AtUpload},
		`AcrErrorsException: Status code 401, (empty body)`: {NoBody: true},
	} {
		e := last(t, text)
		if e.Place != want.Place || e.Anonymous != want.Anonymous || e.Sent != want.Sent || e.Login != want.Login ||
			e.NoBody != want.NoBody {
			t.Errorf("%s\n%+v", text, e)
		}
	}
}
