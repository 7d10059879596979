package azureauth_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"
	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/auth/azureauth"
)

const password = "correct-horse-battery-staple"

func (f *fake) options() azcore.ClientOptions {
	return azcore.ClientOptions{Transport: f.httpClient(), Retry: policy.RetryOptions{RetryDelay: time.Millisecond,
		MaxRetryDelay: time.Millisecond}}
}

func (f *fake) client(cred auth.Credential) *azcontainerregistry.Client {
	f.t.Helper()
	return f.clientWith(cred, f.options())
}

func (f *fake) clientWith(cred auth.Credential, o azcore.ClientOptions) *azcontainerregistry.Client {
	f.t.Helper()
	c, err := azureauth.NewContainerRegistryClient(f.host(), cred, &azcontainerregistry.ClientOptions{ClientOptions: o})
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

func (f *fake) blobClient(cred auth.Credential) *azcontainerregistry.BlobClient {
	f.t.Helper()
	c, err := azureauth.NewContainerRegistryBlobClient(f.host(), cred,
		&azcontainerregistry.BlobClientOptions{ClientOptions: f.options()})
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

func getRepository(ctx context.Context, c *azcontainerregistry.Client) error {
	_, err := c.GetRepositoryProperties(ctx, "samples/app", nil)
	return err
}

func TestRequestCounts(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	c := f.client(auth.ScopedToken("ci", password))
	for _, step := range []struct {
		name string
		call func() error
		want []string
	}{
		{"cold", func() error { return getRepository(t.Context(), c) },
			[]string{"POST /oauth2/token", "GET /acr/v1/samples%2Fapp"}},
		{"warm", func() error { return getRepository(t.Context(), c) },
			[]string{"GET /acr/v1/samples%2Fapp"}},
		{"another right", func() error {
			_, err := c.DeleteTag(t.Context(), "samples/app", "v1", nil)
			return err
		}, []string{"POST /oauth2/token", "DELETE /acr/v1/samples%2Fapp/_tags/v1"}},
		{"back again", func() error { return getRepository(t.Context(), c) },
			[]string{"GET /acr/v1/samples%2Fapp"}},
	} {
		f.reset()
		if err := step.call(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if diff := cmp.Diff(step.want, f.lines()); diff != "" {
			t.Errorf("%s: requests (-want +got):\n%s", step.name, diff)
		}
	}
}

func TestRequestCounts_herd(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	c := f.client(auth.ScopedToken("ci", password))
	const n = 20
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			if err := getRepository(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	tokens := 0
	for _, r := range f.log() {
		if r.Path == "/oauth2/token" {
			tokens++
		}
	}
	if tokens != 1 || len(f.log()) != n+1 {
		t.Errorf("%d token requests of %d in all, want 1 of %d", tokens, len(f.log()), n+1)
	}
}

// Name and password of a function serve Microsoft's client, and another pair is taken
// when the first one is refused; what is refused is refused once.
func TestScopedTokenFunc(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	calls := 0
	c := f.client(auth.ScopedTokenFunc(func(context.Context) (string, string, error) {
		calls++
		if calls == 1 {
			return "ci", "the-one-before", nil
		}
		return "ci", password, nil
	}))
	if err := getRepository(t.Context(), c); err != nil || calls != 2 || len(f.log()) != 3 {
		t.Errorf("%v after %d calls and %q", err, calls, f.lines())
	}
	f.reset()
	calls = 0
	c = f.client(auth.ScopedTokenFunc(func(context.Context) (string, string, error) {
		calls++
		return "ci", "wrong", nil
	}))
	if err := getRepository(t.Context(), c); !errors.Is(err, acrkit.CodeCredentialRejected) || calls != 2 ||
		len(f.log()) != 1 {
		t.Errorf("%v after %d calls and %q", err, calls, f.lines())
	}
}

func TestBodies(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	cred := auth.ScopedToken("ci", password)
	c, b := f.client(cred), f.blobClient(cred)
	ctx := t.Context()

	no := false
	if _, err := c.UpdateRepositoryProperties(ctx, "samples/app",
		&azcontainerregistry.ClientUpdateRepositoryPropertiesOptions{
			Value: &azcontainerregistry.RepositoryWriteableProperties{CanDelete: &no}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.UpdateTagProperties(ctx, "samples/app", "v1", &azcontainerregistry.ClientUpdateTagPropertiesOptions{
		Value: &azcontainerregistry.TagWriteableProperties{CanWrite: &no}}); err != nil {
		t.Fatal(err)
	}
	manifest := `{"schemaVersion":2}`
	if _, err := c.UploadManifest(ctx, "samples/app", "v2",
		azcontainerregistry.ContentTypeApplicationVndDockerDistributionManifestV2JSON,
		readSeekNopCloser{strings.NewReader(manifest)}, nil); err != nil {
		t.Fatal(err)
	}
	start, err := b.StartUpload(ctx, "samples/app", nil)
	if err != nil {
		t.Fatal(err)
	}
	sum := azcontainerregistry.NewBlobDigestCalculator()
	chunk, err := b.UploadChunk(ctx, *start.Location, strings.NewReader("hello blob"), sum, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.CompleteUpload(ctx, *chunk.Location, sum, nil); err != nil {
		t.Fatal(err)
	}

	type sent struct{ What, ContentType, Body string }
	var got []sent
	for _, r := range f.log() {
		if r.Path != "/oauth2/token" {
			got = append(got, sent{r.String(), r.ContentType, r.Body})
		}
		if strings.Contains(strings.Join(r.Header["Authorization"], ""), "placeholder") {
			t.Errorf("%s carries the placeholder", r)
		}
	}
	want := []sent{
		{"PATCH /acr/v1/samples%2Fapp", "application/json", `{"deleteEnabled":false}`},
		{"PATCH /acr/v1/samples%2Fapp/_tags/v1", "application/json", `{"writeEnabled":false}`},
		{"PUT /v2/samples%2Fapp/manifests/v2", "application/vnd.docker.distribution.manifest.v2+json", manifest},
		{"POST /v2/samples%2Fapp/blobs/uploads/", "", ""},
		{"PATCH /v2/samples/app/blobs/uploads/u1", "application/octet-stream", "hello blob"},
		{"PUT /v2/samples/app/blobs/uploads/u1", "", ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// dropHeader is a caller's policy that removes what was set before it.
type dropHeader struct{}

func (dropHeader) Do(req *policy.Request) (*http.Response, error) {
	req.Raw().Header.Del("Authorization")
	return req.Next()
}

func TestBodies_whatever_the_callers_policies_do(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	o := f.options()
	o.PerCallPolicies = []policy.Policy{dropHeader{}}
	o.PerRetryPolicies = []policy.Policy{dropHeader{}}
	no := false
	if _, err := f.clientWith(auth.ScopedToken("ci", password), o).UpdateRepositoryProperties(t.Context(),
		"samples/app",
		&azcontainerregistry.ClientUpdateRepositoryPropertiesOptions{
			Value: &azcontainerregistry.RepositoryWriteableProperties{CanDelete: &no}}); err != nil {
		t.Fatal(err)
	}
	if log := f.log(); log[len(log)-1].Body != `{"deleteEnabled":false}` {
		t.Errorf("got %+v", log)
	}
}

type readSeekNopCloser struct{ io.ReadSeeker }

func (readSeekNopCloser) Close() error { return nil }

func TestRefused(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	c := f.client(auth.ScopedToken("ci", password))
	_, err := c.NewListRepositoriesPager(nil).NextPage(t.Context())
	refusal, ok := errors.AsType[*azcore.ResponseError](err)
	if !ok {
		t.Fatalf("got %T %v, want *azcore.ResponseError", err, err)
	}
	if refusal.StatusCode != http.StatusForbidden {
		t.Errorf("status %d, want 403", refusal.StatusCode)
	}
	challenge := refusal.RawResponse.Header.Get("WWW-Authenticate")
	if !strings.Contains(challenge, `scope="registry:catalog:*",error="insufficient_scope"`) {
		t.Errorf("WWW-Authenticate = %q", challenge)
	}
	body, readErr := runtime.Payload(refusal.RawResponse)
	if readErr != nil || !bytes.Contains(body, []byte(`"authentication required, visit`)) {
		t.Errorf("body = %q, %v", body, readErr)
	}
	want := []string{"POST /oauth2/token", "GET /acr/v1/_catalog"}
	if diff := cmp.Diff(want, f.lines()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}

	told := azureauth.AsError("list the repositories", err)
	e, ok := errors.AsType[*acrkit.Error](told)
	if !ok || e.Code != acrkit.CodeInsufficientScope || e.Required.String() != "registry:catalog:*" ||
		e.Granted == nil || !e.Granted.IsEmpty() || e.Op != "list the repositories" ||
		e.Status != http.StatusUnauthorized {
		t.Errorf("AsError = %v (%+v)", told, e)
	}
	if again, err := runtime.Payload(refusal.RawResponse); err != nil || len(again) == 0 {
		t.Errorf("AsError used up the body: %q, %v", again, err)
	}
	// The error must not hold the token.
	for name, value := range refusal.RawResponse.Request.Header {
		if strings.Contains(fmt.Sprint(value), "ey") {
			t.Errorf("the error's request has %s: %v", name, value)
		}
	}
	if text := fmt.Sprintf("%v %+v", refusal, refusal.RawResponse); strings.Contains(text, password) {
		t.Error("the password is in the error")
	}
}

func TestAsError_others(t *testing.T) {
	t.Parallel()
	plain := errors.New("plain")
	foreign := &azcore.ResponseError{StatusCode: 403}
	for _, err := range []error{nil, plain, foreign} {
		if got := azureauth.AsError("try", err); got != err {
			t.Errorf("AsError(%v) = %v", err, got)
		}
	}
	f := newFake(t)
	f.hook = func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
		if r.URL.Path == "/oauth2/token" {
			return false
		}
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"errors":[{"code":"DENIED","message":"client with IP '1.2.3.4' is not allowed access."}]}`)
		return true
	}
	err := getRepository(t.Context(), f.client(auth.ScopedToken("ci", password)))
	if got := azureauth.AsError("try", err); !errors.Is(got, acrkit.CodeDenied) {
		t.Errorf("a firewall's 403 became %v", got)
	}
}

func TestAsError_status(t *testing.T) {
	t.Parallel()
	const challenge = `Bearer realm="https://r/oauth2/token",service="r"`
	for _, tt := range []struct {
		name      string
		status    int
		challenge string
		code      acrkit.Code
	}{
		{"401_without_a_challenge", 401, "", acrkit.CodeCredentialRejected},
		{"401_with_Basic", 401, `Basic realm="Azure Container Registry"`, acrkit.CodeCredentialRejected},
		{"403", 403, "", acrkit.CodeDenied},
		{"403_with_a_challenge", 403, `Basic realm="Azure Container Registry"`, acrkit.CodeDenied},
		{"404_with_a_challenge", 404, challenge, acrkit.CodeNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.hook = func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
				if r.URL.Path == "/oauth2/token" {
					return false
				}
				if tt.challenge != "" {
					w.Header().Set("WWW-Authenticate", tt.challenge)
				}
				w.WriteHeader(tt.status)
				return true
			}
			err := getRepository(t.Context(), f.client(auth.ScopedToken("ci", password)))
			e, ok := errors.AsType[*acrkit.Error](azureauth.AsError("try", err))
			if !ok || e.Status != tt.status || e.Code != tt.code {
				t.Errorf("got %v, want %d %s", e, tt.status, tt.code)
			}
		})
	}
}

func TestTokenErrors(t *testing.T) {
	t.Parallel()
	failures := func(n int, status int) func(http.ResponseWriter, *http.Request, []byte) bool {
		return func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			if r.URL.Path != "/oauth2/token" || n == 0 {
				return false
			}
			n--
			w.WriteHeader(status)
			return true
		}
	}
	t.Run("rejected_is_not_tried_again", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		err := getRepository(t.Context(), f.client(auth.ScopedToken("ci", "wrong-password-0001")))
		if !errors.Is(err, acrkit.CodeCredentialRejected) {
			t.Fatalf("got %v", err)
		}
		if told, ok := azureauth.AsError("try", err).(*acrkit.Error); !ok ||
			told.Code != acrkit.CodeCredentialRejected || strings.HasPrefix(told.Error(), "Get ") {
			t.Errorf("AsError = %v", told)
		}
		for _, text := range []string{fmt.Sprint(err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
			if strings.Contains(text, "wrong-password-0001") {
				t.Errorf("the error shows the password: %s", text)
			}
		}
		if diff := cmp.Diff([]string{"POST /oauth2/token"}, f.lines()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
	t.Run("unavailable_is_tried_again", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		f.hook = failures(1, http.StatusServiceUnavailable)
		if err := getRepository(t.Context(), f.client(auth.ScopedToken("ci", password))); err != nil {
			t.Fatal(err)
		}
		want := []string{"POST /oauth2/token", "POST /oauth2/token", "GET /acr/v1/samples%2Fapp"}
		if diff := cmp.Diff(want, f.lines()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
	t.Run("unavailable_for_good", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		f.hook = failures(100, http.StatusBadGateway)
		err := getRepository(t.Context(), f.client(auth.ScopedToken("ci", password)))
		if !errors.Is(err, acrkit.CodeUnavailable) {
			t.Fatalf("got %v", err)
		}
	})
}

func TestRetryKeepsTheBody(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	left := 2
	f.hook = func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
		if r.Method != http.MethodPatch || left == 0 {
			return false
		}
		left--
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	c := f.client(auth.ScopedToken("ci", password))
	no := false
	if _, err := c.UpdateRepositoryProperties(t.Context(), "samples/app",
		&azcontainerregistry.ClientUpdateRepositoryPropertiesOptions{
			Value: &azcontainerregistry.RepositoryWriteableProperties{CanDelete: &no}}); err != nil {
		t.Fatal(err)
	}
	patches := 0
	for _, r := range f.log() {
		if r.Method == http.MethodPatch {
			patches++
			if r.Body != `{"deleteEnabled":false}` || !strings.HasPrefix(r.Auth, "Bearer repository:") {
				t.Errorf("try %d: body %q, authorization %q", patches, r.Body, r.Auth)
			}
		}
	}
	if patches != 3 {
		t.Errorf("%d tries, want 3", patches)
	}
}

func TestMalformedLink(t *testing.T) {
	t.Parallel()
	for _, link := range []string{"garbage", ">", "<", "<no-end", `>; rel="next"<`} {
		f := newFake(t)
		f.rights["ci"] = "registry:catalog:*"
		f.hook = func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			if r.URL.Path == "/oauth2/token" {
				return false
			}
			w.Header().Set("Link", link)
			w.Header().Set("X-Ms-Correlation-Request-Id", r.Header.Get("Authorization"))
			fmt.Fprint(w, `{"repositories":["a"]}`)
			return true
		}
		pager := f.client(auth.ScopedToken("ci", password)).NewListRepositoriesPager(nil)
		_, err := pager.NextPage(t.Context())
		if !errors.Is(err, acrkit.CodeProtocol) {
			t.Errorf("Link %q: got %v, want code protocol", link, err)
		}
		if e, ok := errors.AsType[*acrkit.Error](err); !ok || e.RequestID != "" ||
			strings.Contains(err.Error(), "Bearer") {
			t.Errorf("an Authorization header that comes back as the correlation id is shown: %v", err)
		}
		if got := len(f.log()); got != 2 {
			t.Errorf("Link %q: %d requests, want 2 (no retry)", link, got)
		}
	}
}

func TestOptionsAreNotChanged(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	// Room behind the slice's end, where a plain append would write.
	room := make([]policy.Policy, 1, 4)
	room[0] = setHeader("Bearer the-callers")
	hc := f.httpClient()
	transport := hc.Transport
	services := map[cloud.ServiceName]cloud.ServiceConfiguration{
		cloud.ResourceManager: {Endpoint: "https://arm.example", Audience: "https://arm.example"}}
	o := azcore.ClientOptions{Transport: hc, PerCallPolicies: room, Cloud: cloud.Configuration{Services: services}}

	c := f.clientWith(auth.ScopedToken("ci", password), o)
	if err := getRepository(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if hc.Transport != transport {
		t.Error("the caller's http.Client was changed")
	}
	if got := room[:cap(room)]; got[1] != nil || len(o.PerCallPolicies) != 1 {
		t.Errorf("the caller's policies were written to: %v", got)
	}
	if len(services) != 1 {
		t.Errorf("the caller's cloud was changed: %v", services)
	}
	for _, r := range f.log() {
		if strings.Contains(fmt.Sprint(r.Header["Authorization"]), "the-callers") {
			t.Errorf("%s carries the caller's header instead of the credential's", r)
		}
	}

	o2 := &azcontainerregistry.ClientOptions{}
	if _, err := azureauth.NewContainerRegistryClient("myregistry", nil, o2); err != nil {
		t.Fatal(err)
	}
	if !reflect.ValueOf(*o2).IsZero() {
		t.Errorf("zero options were changed: %+v", o2)
	}
	o3 := &azcontainerregistry.BlobClientOptions{}
	if _, err := azureauth.NewContainerRegistryBlobClient("myregistry", nil, o3); err != nil {
		t.Fatal(err)
	}
	if !reflect.ValueOf(*o3).IsZero() {
		t.Errorf("zero options were changed: %+v", o3)
	}
}

func TestClouds(t *testing.T) {
	t.Parallel()
	clouds := map[string]cloud.Configuration{
		"zero": {}, "public": cloud.AzurePublic, "china": cloud.AzureChina, "government": cloud.AzureGovernment,
		"own without services": {ActiveDirectoryAuthorityHost: "https://login.example/"},
		"empty audience": {Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
			azcontainerregistry.ServiceName: {}}},
	}
	for name, c := range clouds {
		o := azcore.ClientOptions{Cloud: c}
		if _, err := azureauth.NewContainerRegistryClient("myregistry.azurecr.cn", auth.ScopedToken("ci", password),
			&azcontainerregistry.ClientOptions{ClientOptions: o}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := azureauth.NewContainerRegistryBlobClient("myregistry.azurecr.cn", auth.ScopedToken("ci", password),
			&azcontainerregistry.BlobClientOptions{ClientOptions: o}); err != nil {
			t.Errorf("%s, blobs: %v", name, err)
		}
	}
}

func TestRegistryArgument(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		registry string
		code     acrkit.Code
	}{
		{"myregistry", ""},
		{"MyRegistry.azurecr.io", ""},
		{"https://myregistry.azurecr.us/", ""},
		{"localhost:5443", ""},
		{"", acrkit.CodeUsage},
		{"http://myregistry.azurecr.io", acrkit.CodeUsage},
		{"myregistry.azurecr.io/samples/app", acrkit.CodeUsage},
		{"myregistry.azurecr.io.evil.example", acrkit.CodeHostRefused},
	} {
		client, err := azureauth.NewContainerRegistryClient(c.registry, auth.ScopedToken("ci", password), nil)
		if got := acrkit.CodeOf(err); got != c.code || (err == nil) != (client != nil) {
			t.Errorf("%q: got %v, %v, want code %q", c.registry, client, err, c.code)
		}
		blobs, err := azureauth.NewContainerRegistryBlobClient(c.registry, auth.ScopedToken("ci", password), nil)
		if got := acrkit.CodeOf(err); got != c.code || (err == nil) != (blobs != nil) {
			t.Errorf("%q, blobs: got %v, %v, want code %q", c.registry, blobs, err, c.code)
		}
	}
}

func TestClientOptions_share_tokens(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	rt, err := auth.NewTransport(f.host(), auth.ScopedToken("ci", password),
		&auth.Options{Base: f.httpClient().Transport})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	c, err := azcontainerregistry.NewClient("https://"+f.host(), nil,
		&azcontainerregistry.ClientOptions{ClientOptions: azureauth.ClientOptions(rt, nil)})
	if err != nil {
		t.Fatal(err)
	}
	b, err := azcontainerregistry.NewBlobClient("https://"+f.host(), nil,
		&azcontainerregistry.BlobClientOptions{ClientOptions: azureauth.ClientOptions(rt, nil)})
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.GetManifest(t.Context(), "samples/app", "v1", nil)
	if err != nil {
		t.Fatal(err)
	}
	m.ManifestData.Close()
	d, err := b.GetBlob(t.Context(), "samples/app", "sha256:"+strings.Repeat("0", 64), nil)
	if err != nil {
		t.Fatal(err)
	}
	d.BlobData.Close()
	if got := len(f.log()); got != 3 {
		t.Errorf("%d requests, want 3: one token for both clients", got)
	}
}

func TestAnonymous(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.hook = func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		if r.URL.Path != "/oauth2/token" {
			return false
		}
		form, _ := url.ParseQuery(string(body))
		if form.Has("username") {
			t.Error("an anonymous request has a user name")
		}
		fmt.Fprintf(w, `{"access_token":%q}`, token(acrkit.RepositoryScope("samples/app", acrkit.MetadataRead),
			time.Hour))
		return true
	}
	if err := getRepository(t.Context(), f.client(nil)); err != nil {
		t.Fatal(err)
	}
}
