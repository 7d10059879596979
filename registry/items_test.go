package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/difftest"
)

const someDigest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

func TestClient_Repository(t *testing.T) {
	c, s := newFake(t,
		answerJSON(200,
			`{"registry":"R","imageName":"team/app","createdTime":"2021-03-16T15:14:35Z","manifestCount":10,"tagCount":4,
		"changeableAttributes":{"deleteEnabled":true,"writeEnabled":false,"teleportEnabled":false}}`))
	got, err := c.Repository(background, "team/app")
	if err != nil {
		t.Fatal(err)
	}
	want := RepositoryProperties{Name: "team/app", CreatedTime: time.Date(2021, 3, 16, 15, 14, 35, 0, time.UTC),
		ManifestCount: 10, TagCount: 4,
		Attributes: Attributes{Delete: true, Write: false, List: true, Read: true}}
	if diff := difftest.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := difftest.Diff([]string{"GET /acr/v1/team/app"}, s.seen); diff != "" {
		t.Error(diff)
	}
}

func TestClient_updates(t *testing.T) {
	off := false
	var body string
	answer := ""
	c, s := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		body = r.Header.Get("Content-Type") + " " + string(b)
		fmt.Fprint(w, answer)
	})
	const sent = `application/json {"writeEnabled":false}`
	change := AttributeChange{Write: &off}
	for _, tc := range []struct {
		answer, request string
		call            func() (Attributes, error)
	}{
		{`{"imageName":"a","changeableAttributes":{"writeEnabled":false}}`, "PATCH /acr/v1/a",
			func() (Attributes, error) {
				r, err := c.UpdateRepository(background, "a", change)
				return r.Attributes, err
			}},
		{`{"tag":{"name":"v1","changeableAttributes":{"writeEnabled":false}}}`, "PATCH /acr/v1/a/_tags/v1",
			func() (Attributes, error) {
				r, err := c.UpdateTag(background, "a", "v1", change)
				return r.Attributes, err
			}},
		{`{"manifest":{"digest":"` + someDigest + `","changeableAttributes":{"writeEnabled":false}}}`,
			"PATCH /acr/v1/a/_manifests/" + someDigest, func() (Attributes, error) {
				r, err := c.UpdateManifest(background, "a", someDigest, change)
				return r.Attributes, err
			}},
	} {
		answer, s.seen = tc.answer, nil
		got, err := tc.call()
		if err != nil || got != (Attributes{true, false, true, true}) || body != sent {
			t.Errorf("%s: %+v, %v, sent %q", tc.request, got, err, body)
		}
		if diff := difftest.Diff([]string{tc.request}, s.seen); diff != "" {
			t.Error(diff)
		}
	}
	if _, err := c.UpdateTag(background, "a", "v1", AttributeChange{}); !errors.Is(err, acrkit.CodeUsage) {
		t.Errorf("empty change: %v", err)
	}
}

func TestClient_deletes(t *testing.T) {
	c, s := newFake(t, answerJSON(202, `{"manifestsDeleted":["`+someDigest+`"],"tagsDeleted":["v1"]}`))
	gone, err := c.DeleteRepository(background, "team/app")
	if diff := difftest.Diff(DeletedRepository{[]string{someDigest}, []string{"v1"}}, gone); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if err := c.DeleteTag(background, "team/app", "v1"); err != nil {
		t.Error(err)
	}
	if err := c.DeleteManifest(background, "team/app", someDigest); err != nil {
		t.Error(err)
	}
	if err := c.DeleteManifest(background, "team/app", "v1"); !errors.Is(err, acrkit.CodeUsage) {
		t.Errorf("by tag: %v", err)
	}
	want := []string{"DELETE /acr/v1/team/app", "DELETE /acr/v1/team/app/_tags/v1",
		"DELETE /v2/team/app/manifests/" + someDigest}
	if diff := difftest.Diff(want, s.seen); diff != "" {
		t.Error(diff)
	}
}

func TestClient_items_with_missing_fields(t *testing.T) {
	for _, body := range []string{``, `{}`, `[]`, `null`, `{"tag":null,"manifest":null}`, `{"tag":{},"manifest":{}}`,
		`{"tag":7}`, `{"changeableAttributes":null}`} {
		c, _ := newFake(t, answerJSON(200, body))
		_, err1 := c.Repository(background, "a")
		_, err2 := c.Tag(background, "a", "v1")
		_, err3 := c.Manifest(background, "a", someDigest)
		for _, err := range []error{err1, err2, err3} {
			if !errors.Is(err, acrkit.CodeProtocol) {
				t.Errorf("%s: %v", body, err)
			}
		}
	}
}

// A name that a registry sends may end in a path, a file name or a shell.
func TestClient_refuses_names_that_cannot_be(t *testing.T) {
	calls := map[string]func(*Client) error{
		"catalog":    func(c *Client) error { return second(collect(c.Repositories(background, nil))) },
		"tags":       func(c *Client) error { return second(collect(c.Tags(background, "a", nil))) },
		"manifests":  func(c *Client) error { return second(collect(c.Manifests(background, "a", nil))) },
		"repository": func(c *Client) error { return second(c.Repository(background, "a")) },
		"tag":        func(c *Client) error { return second(c.Tag(background, "a", "v1")) },
		"manifest":   func(c *Client) error { return second(c.Manifest(background, "a", someDigest)) },
	}
	for _, tc := range []struct{ call, body string }{
		{"catalog", `{"repositories":["a","../../x"]}`},
		{"catalog", `{"repositories":["a\u001b[31m"]}`},
		{"catalog", `{"repositories":["A"]}`},
		{"tags", `{"tags":[{"name":"v1\n"}]}`},
		{"tags", `{"tags":[{"name":"../x"}]}`},
		{"tags", `{"tags":[{"name":"v1","digest":"sha256:../x"}]}`},
		{"manifests", `{"manifests":[{"digest":"sha256:1"}]}`},
		{"manifests", `{"manifests":[{"digest":"` + someDigest + `","tags":["v1","a b"]}]}`},
		{"repository", `{"imageName":"/etc/passwd"}`},
		{"tag", `{"tag":{"name":"$(x)"}}`},
		{"tag", `{"tag":{"name":"v1","digest":"x"}}`},
		{"manifest", `{"manifest":{"digest":"x"}}`},
		{"manifest", `{"manifest":{"digest":"` + someDigest + `","references":[{"digest":"x\u0007"}]}}`},
	} {
		c, _ := newFake(t, answerJSON(200, tc.body))
		err := calls[tc.call](c)
		if !errors.Is(err, acrkit.CodeProtocol) || !strings.Contains(err.Error(), " belongs") ||
			strings.ContainsAny(err.Error(), "\x1b\a\n") {
			t.Errorf("%s, %s: %v", tc.call, tc.body, err)
		}
	}
	// What is deleted is deleted; only the list of what went is worth nothing.
	c, _ := newFake(t, answerJSON(202, `{"manifestsDeleted":["`+someDigest+`"],"tagsDeleted":["../x"]}`))
	if gone, err := c.DeleteRepository(background, "a"); err != nil || gone.Manifests != nil || gone.Tags != nil {
		t.Errorf("%+v, %v", gone, err)
	}
}

func TestClient_errors(t *testing.T) {
	challenge := func(params string) http.Header {
		return http.Header{
			"Www-Authenticate": {
				`Bearer realm="https://myregistry.azurecr.io/oauth2/token",service="myregistry.azurecr.io"` + params}}
	}
	const unauthorized = `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required, visit https://aka.ms/acr/authorization for more information.","detail":[{"Type":"repository","Name":"team/app","Action":"metadata_read"}]}]}`
	for _, tc := range []struct {
		name   string
		status int
		header http.Header
		body   string
		want   acrkit.Code
		text   string
	}{
		{"missing_right", 401, challenge(`,scope="repository:team/app:metadata_read",error="insufficient_scope"`),
			unauthorized, acrkit.CodeInsufficientScope, "the credential does not have metadata/read"},
		{"no_credential", 401, challenge(`,scope="repository:team/app:metadata_read"`), unauthorized,
			acrkit.CodeCredentialRejected, "requires a credential"},
		{"bad_token", 401, challenge(`,scope="repository:team/app:metadata_read",error="invalid_token"`), unauthorized,
			acrkit.CodeCredentialRejected, "did not accept"},
		{"bare_401", 401, nil, "", acrkit.CodeCredentialRejected, "did not accept"},
		{"basic_401", 401, http.Header{"Www-Authenticate": {`Basic realm="Azure Container Registry"`}}, "",
			acrkit.CodeCredentialRejected, "did not accept"},
		{"firewall", 403, nil,
			`{"errors":[{"code":"DENIED","message":"client with IP '1.2.3.4' is not allowed access."}]}`,
			acrkit.CodeDenied, "client with IP '1.2.3.4'"},
		{"no_repository", 404, nil,
			`{"errors":[{"code":"NAME_UNKNOWN","message":"repository \"team/app\" is not found"}]}`,
			acrkit.CodeNotFound, "no such repository"},
		{"no_tag", 404, nil, `{"errors":[{"code":"TAG_UNKNOWN","message":"the specified tag does not exist"}]}`,
			acrkit.CodeNotFound, "no such tag"},
		{"no_manifest", 404, nil, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":null}]}`,
			acrkit.CodeNotFound, "no such manifest"},
		{"not_acr", 404, nil, "404 page not found\n", acrkit.CodeNotFound, "does not know ACR"},
		{"locked", 405, nil,
			`{"errors":[{"code":"REGISTRY_DISALLOWED_OPERATION","message":"The operation is disallowed","detail":{}}]}`,
			acrkit.CodeLocked, "a lock"},
		{"throttled", 429, http.Header{"Retry-After": {"1"}},
			`{"errors":[{"code":"TOOMANYREQUESTS","message":"Too many requests."}]}`, acrkit.CodeThrottled,
			"too many requests"},
		{"asks_for_too_long_a_wait", 429, http.Header{"Retry-After": {"3600"}}, "", acrkit.CodeThrottled,
			"asks to wait 1h0m0s"},
		{"server_error", 500, nil, "oops", acrkit.CodeUnavailable, "the registry failed"},
		{"teapot", 418, nil, "", acrkit.CodeProtocol, "unexpected answer 418"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := newFake(t, func(w http.ResponseWriter, _ *http.Request) {
					for k, v := range tc.header {
						w.Header()[k] = v
					}
					w.Header().Set("X-Ms-Correlation-Request-Id", "6f1c-1")
					w.WriteHeader(tc.status)
					fmt.Fprint(w, tc.body)
				})
				_, err := c.Tag(background, "team/app", "v1")
				if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.text) {
					t.Fatalf("got %v, want %s with %q", err, tc.want, tc.text)
				}
				e, _ := errors.AsType[*acrkit.Error](err)
				if e.Status != tc.status || e.RequestID != "6f1c-1" || e.Method != "GET" ||
					e.URL != "https://myregistry.azurecr.io/acr/v1/team/app/_tags/v1" {
					t.Errorf("evidence: %+v", e)
				}
				if strings.Contains(tc.name, "missing_right") {
					if want := acrkit.RepositoryScope("team/app", acrkit.MetadataRead); !e.Required.Equal(want) {
						t.Errorf("required %s, want %s", e.Required, want)
					}
					var s acrkit.ServiceError
					if !errors.As(err, &s) || s.Code != "UNAUTHORIZED" || s.Detail == nil {
						t.Errorf("service error: %+v", s)
					}
				}
			})
		})
	}
}

func TestClient_retries(t *testing.T) {
	failing := func(times, status int, header http.Header, then http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if times > 0 {
				times--
				for k, v := range header {
					w.Header()[k] = v
				}
				w.WriteHeader(status)
				return
			}
			then(w, r)
		}
	}
	ok := answerJSON(200, `{"imageName":"a"}`)
	for _, tc := range []struct {
		name     string
		handler  http.HandlerFunc
		call     func(*Client) error
		requests int
		ok       bool
		atLeast  time.Duration
		below    time.Duration
	}{
		{"get_500_twice", failing(2, 500, nil, ok), get, 3, true, 0, 3 * time.Second},
		{"get_500_forever", failing(99, 500, nil, ok), get, attempts, false, 0, 5 * time.Second},
		{"retry_after_is_a_lower_bound", failing(1, 429, http.Header{"Retry-After": {"20"}}, ok), get, 2, true,
			20 * time.Second, 25 * time.Second},
		{"retry_after_date",
			failing(1, 503, http.Header{"Retry-After": {"Mon, 02 Jan 2006 15:04:15 GMT"},
				"Date": {"Mon, 02 Jan 2006 15:04:05 GMT"}}, ok), get, 2, true, 10 * time.Second, 15 * time.Second},
		{"retry_after_past_the_ceiling", failing(1, 429, http.Header{"Retry-After": {"91"}}, ok), get, 1,
			false, 0, time.Second},
		{"retry_after_nonsense", failing(1, 429, http.Header{"Retry-After": {"-5"}}, ok), get, 2,
			true, 0, 5 * time.Second},
		{"patch_500_is_not_repeated", failing(1, 500, nil, ok), patch, 1, false, 0, time.Second},
		{"patch_429_is_repeated", failing(1, 429, nil, ok), patch, 2, true, 0, 5 * time.Second},
		{"404_is_not_repeated", failing(1, 404, nil, ok), get, 1, false, 0, time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, s := newFake(t, tc.handler)
				start := time.Now()
				err := tc.call(c)
				took := time.Since(start)
				if (err == nil) != tc.ok || len(s.seen) != tc.requests || took < tc.atLeast || took > tc.below {
					t.Errorf("%v, %d requests in %s", err, len(s.seen), took)
				}
			})
		})
	}
}

// attempts is how often a request is sent at most: a number of its own, so that a
// change of maxAttempts fails here.
const attempts = 4

func get(c *Client) error { _, err := c.Repository(background, "a"); return err }

func patch(c *Client) error {
	off := false
	_, err := c.UpdateRepository(background, "a", AttributeChange{Write: &off})
	return err
}

type failingTransport struct {
	err error
	n   int
}

func (f *failingTransport) RoundTrip(*http.Request) (*http.Response, error) { f.n++; return nil, f.err }

func TestClient_transport_errors(t *testing.T) {
	granted := acrkit.Scope{}
	for _, tc := range []struct {
		name string
		err  error
		want acrkit.Code
		text string
		n    int
	}{
		{"refused_connection", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, acrkit.CodeUnavailable,
			"refuses the connection", attempts},
		{"unknown_host", &net.DNSError{Name: "myregistry.azurecr.io", Err: "no such host", IsNotFound: true},
			acrkit.CodeUnavailable, "no host has the name myregistry.azurecr.io", 1},
		{"certificate", &tls.CertificateVerificationError{Err: errors.New("x509: unknown authority")}, acrkit.CodeTLS,
			"the certificate of myregistry.azurecr.io is not trusted", 1},
		{"credential_refused", &acrkit.Error{Code: acrkit.CodeCredentialRejected, Op: "get a token", Status: 401,
			RequestID: "r-1", Reason: "not accepted", Hint: "do this", Granted: &granted},
			acrkit.CodeCredentialRejected,
			"cannot read the repository \"a\" on myregistry.azurecr.io: cannot get a token: not accepted (401 " +
				"credential_rejected, request r-1)", 1},
		{"token_service_down", fmt.Errorf("wrapped: %w", &acrkit.Error{Code: acrkit.CodeUnavailable, Reason: "down"}),
			acrkit.CodeUnavailable, "down", attempts},
		{"canceled", context.Canceled, acrkit.CodeUnavailable, "canceled", attempts},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rt := &failingTransport{err: tc.err}
				c, err := New("myregistry", rt, nil)
				if err != nil {
					t.Fatal(err)
				}
				_, err = c.Repository(background, "a")
				if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.text) || rt.n != tc.n {
					t.Errorf("%v after %d attempts", err, rt.n)
				}
				e, _ := errors.AsType[*acrkit.Error](err)
				if tc.name == "credential_refused" && (e.Hint != "do this" || e.Granted == nil) {
					t.Errorf("%+v", e)
				}
			})
		})
	}
}

func TestClient_waits_as_long_as_the_token_service_asks(t *testing.T) {
	for _, tc := range []struct {
		name     string
		err      acrkit.Error
		attempts int
		least    time.Duration
		text     string
	}{
		{"throttled", acrkit.Error{Code: acrkit.CodeThrottled, Status: 429, Reason: "too many requests",
			RetryAfter: 30 * time.Second}, attempts, 3 * 30 * time.Second, "too many requests"},
		{"unavailable", acrkit.Error{Code: acrkit.CodeUnavailable, Status: 503, Reason: "down",
			RetryAfter: 20 * time.Second}, attempts, 3 * 20 * time.Second, "down"},
		{"past_the_ceiling", acrkit.Error{Code: acrkit.CodeThrottled, Status: 429, RetryAfter: 5 * time.Minute}, 1, 0,
			"the service asks to wait 5m0s, which is longer than the 1m30s"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rt := &failingTransport{err: fmt.Errorf("wrapped: %w", &tc.err)}
				var told time.Duration
				c, err := New("myregistry", rt, &Options{OnRetry: func(d time.Duration, _ error) { told += d }})
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				err = get(c)
				took := time.Since(start)
				if told != took {
					t.Errorf("told of %s, waited %s", told, took)
				}
				if rt.n != tc.attempts || took < tc.least || took > tc.least+5*time.Second ||
					!strings.Contains(err.Error(), tc.text) {
					t.Errorf("%v after %d attempts in %s", err, rt.n, took)
				}
				if e, _ := errors.AsType[*acrkit.Error](err); e.RetryAfter != tc.err.RetryAfter {
					t.Errorf("RetryAfter %s", e.RetryAfter)
				}
			})
		})
	}
}

func TestNew(t *testing.T) {
	rt := http.DefaultTransport
	for _, tc := range []struct {
		name, registry string
		rt             http.RoundTripper
		opts           *Options
		want           acrkit.Code
	}{
		{"bare_name", "myregistry", rt, nil, ""},
		{"plain_http_to_this_machine", "127.0.0.1:5000", rt, &Options{PlainHTTP: true}, ""},
		{"plain_http_elsewhere", "myregistry", rt, &Options{PlainHTTP: true}, acrkit.CodeHostRefused},
		{"no_registry", "", rt, nil, acrkit.CodeUsage},
		{"no_transport", "myregistry", nil, nil, acrkit.CodeUsage},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := New(tc.registry, tc.rt, tc.opts); acrkit.CodeOf(err) != tc.want {
				t.Errorf("%v, want code %q", err, tc.want)
			}
		})
	}
}

func TestClient_ManifestContent(t *testing.T) {
	const (
		body   = `{"schemaVersion":2}`
		digest = "sha256:79e5f9c5efc57b7b5c0d5e6c64e8b8a4e1d1c3b2c2a6c6b7d7d8e8f8090a0b0c"
	)
	right := digestLike("", []byte(body))
	for _, tc := range []struct {
		name, reference, header string
		want                    acrkit.Code
	}{
		{"by_tag", "v1", right, ""},
		{"by_tag_without_header", "v1", "", ""},
		{"by_tag_with_wrong_header", "v1", digest, acrkit.CodeProtocol},
		{"by_digest", right, right, ""},
		{"by_digest_other_content", digest, digest, acrkit.CodeProtocol},
		{"by_digest_content_and_header_lie", digest, right, acrkit.CodeProtocol},
		{"neither", "sha256:1", "", acrkit.CodeUsage},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, s := newFake(t, func(w http.ResponseWriter, r *http.Request) {
				// the service wants each named
				for _, kind := range []string{"image.index", "image.manifest", "artifact.manifest"} {
					if !strings.Contains(r.Header.Get("Accept"), "application/vnd.oci."+kind+".v1+json") {
						t.Errorf("Accept: %q", r.Header.Get("Accept"))
					}
				}
				w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
				if tc.header != "" {
					w.Header().Set("Docker-Content-Digest", tc.header)
				}
				fmt.Fprint(w, body)
			})
			got, err := c.ManifestContent(background, "team/app", tc.reference)
			if acrkit.CodeOf(err) != tc.want {
				t.Fatalf("%v, want %q", err, tc.want)
			}
			if err == nil && (string(got.Data) != body || got.Digest != right || got.MediaType == "" ||
				s.seen[0] != "GET /v2/team/app/manifests/"+tc.reference) {
				t.Errorf("%+v, %q", got, s.seen)
			}
		})
	}
}
