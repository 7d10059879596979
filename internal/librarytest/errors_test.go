package librarytest_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/auth/azureauth"
	"github.com/acrkit/acrkit/credhelper"
	"github.com/acrkit/acrkit/proxy"
	"github.com/acrkit/acrkit/registry"
	"github.com/acrkit/acrkit/scopemap"
)

// TestErrorsAs: a refusal has an *acrkit.Error in its tree, with every client and every
// package. The token may pull, and each call needs another right.
func TestErrorsAs(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	reg.Push("samples/app", "v1")
	cred := reg.Token("ci-pull", "repositories/samples/app/content/read").Credential()
	rt := reg.Transport(cred)
	for _, way := range []struct {
		name string
		call func(context.Context) error
	}{
		{"auth.Transport.ResponseError", func(ctx context.Context) error {
			resp, err := get(ctx, rt, reg.URL()+"/acr/v1/samples/app/_tags")
			if err != nil {
				return err
			}
			return rt.ResponseError(resp, "list the tags")
		}},
		{"registry, a list", func(ctx context.Context) error { return listTags(ctx, reg.Client(cred)) }},
		{"registry, a read", func(ctx context.Context) error {
			_, err := reg.Client(cred).Repository(ctx, "samples/app")
			return err
		}},
		{"registry, a delete", func(ctx context.Context) error {
			return reg.Client(cred).DeleteTag(ctx, "samples/app", "v1")
		}},
		{"Microsoft's client, a list", func(ctx context.Context) error {
			_, err := reg.AzureClient(cred).NewListTagsPager("samples/app", nil).NextPage(ctx)
			return err
		}},
		{"Microsoft's client, a read", func(ctx context.Context) error {
			_, err := reg.AzureClient(cred).GetRepositoryProperties(ctx, "samples/app", nil)
			return err
		}},
		{"Microsoft's client, an upload", func(ctx context.Context) error {
			_, err := reg.AzureClient(cred).UploadManifest(ctx, "samples/app", "v2",
				azcontainerregistry.ContentTypeApplicationVndOciImageManifestV1JSON, body{strings.NewReader("{}")}, nil)
			return err
		}},
		{"Microsoft's client, a delete", func(ctx context.Context) error {
			_, err := reg.AzureClient(cred).DeleteTag(ctx, "samples/app", "v1", nil)
			return err
		}},
		{"Microsoft's client for blobs", func(ctx context.Context) error {
			_, err := reg.AzureBlobClient(cred).StartUpload(ctx, "samples/app", nil)
			return err
		}},
		{"Microsoft's client, made with ClientOptions", func(ctx context.Context) error {
			o := azcontainerregistry.ClientOptions{ClientOptions: azureauth.ClientOptions(rt, nil)}
			c, err := azcontainerregistry.NewClient(reg.URL(), nil, &o)
			if err != nil {
				return err
			}
			_, err = c.GetTagProperties(ctx, "samples/app", "v1", nil)
			return err
		}},
	} {
		t.Run(way.name, func(t *testing.T) {
			err := way.call(t.Context())
			e := mustBe(t, err, acrkit.CodeInsufficientScope)
			if e.Status != http.StatusUnauthorized || e.Granted == nil || e.Required.Minus(*e.Granted).IsEmpty() {
				t.Errorf("the error does not say which right is missing: %+v", e)
			}
			sdk, ok := errors.AsType[*azcore.ResponseError](err)
			if want := strings.HasPrefix(way.name, "Microsoft's"); ok != want ||
				ok && sdk.StatusCode != http.StatusForbidden {
				t.Errorf("an *azcore.ResponseError: %v, want %v with status 403", ok, want)
			}
		})
	}
}

// TestErrorsAs_signIn: so has a password that is not accepted.
func TestErrorsAs_signIn(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	reg.Push("samples/app", "v1")
	cred := auth.ScopedToken("ci-pull", "not-the-password-of-any-token")
	rt := reg.Transport(cred)
	for _, way := range []struct {
		name string
		call func(context.Context) error
	}{
		{"auth.Transport.Token", func(ctx context.Context) error {
			_, err := rt.Token(ctx, acrkit.CatalogScope())
			return err
		}},
		{"auth.Transport in an http.Client", func(ctx context.Context) error {
			_, err := get(ctx, rt, reg.URL()+"/acr/v1/_catalog")
			return err
		}},
		{"registry", func(ctx context.Context) error { return listTags(ctx, reg.Client(cred)) }},
		{"Microsoft's client", func(ctx context.Context) error {
			_, err := reg.AzureClient(cred).NewListTagsPager("samples/app", nil).NextPage(ctx)
			return err
		}},
		{"Microsoft's client for blobs", func(ctx context.Context) error {
			_, err := reg.AzureBlobClient(cred).StartUpload(ctx, "samples/app", nil)
			return err
		}},
		{"oras-go", func(ctx context.Context) error {
			_, err := reg.OrasRepository("samples/app", cred).Resolve(ctx, "v1")
			return err
		}},
	} {
		t.Run(way.name, func(t *testing.T) { mustBe(t, way.call(t.Context()), acrkit.CodeCredentialRejected) })
	}
}

// TestErrorsAs_proxy: what the proxy refuses by its scope map is refused as by a registry.
func TestErrorsAs_proxy(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	reg.Push("samples/app", "v1")
	cred := reg.Token("ci-both", "repositories/samples/app/content/read",
		"repositories/samples/app/metadata/read").Credential()
	m, err := scopemap.Parse([]string{"repositories/samples/app/content/read"})
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewUnstartedServer(nil)
	host := front.Listener.Addr().String()
	h, err := proxy.New(reg.Transport(cred), &proxy.Options{Hosts: []string{host}, Scheme: "http",
		Open: true, ScopeMap: &m})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	front.Config.Handler = h
	front.Start()
	defer front.Close()
	rt, err := auth.NewTransport(host, auth.ScopedToken("any", "any"), &auth.Options{PlainHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	client, err := registry.New(host, rt, &registry.Options{PlainHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	mustBe(t, listTags(t.Context(), client), acrkit.CodeInsufficientScope)
	_, err = proxy.New(reg.Transport(cred), nil)
	mustBe(t, err, acrkit.CodeUsage)
}

// TestErrorsAs_credhelper: the helper prints the code of the error that it is given.
func TestErrorsAs_credhelper(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	own, err := acrkit.ParseRegistry(reg.Host())
	if err != nil {
		t.Fatal(err)
	}
	h := credhelper.New(credhelper.Options{Registries: []acrkit.Registry{own},
		Connect: func(context.Context, acrkit.Registry, auth.Credential) (*auth.Transport, error) {
			return auth.NewTransport(reg.Host(), auth.ServicePrincipal("tenant", "client", "wrong secret",
				&auth.EntraOptions{AuthorityHost: reg.AuthorityHost()}), &auth.Options{Base: reg.RoundTripper()})
		}})
	var out, errOut strings.Builder
	if code := h.Docker(t.Context(), []string{"get"}, strings.NewReader(reg.Host()), &out, &errOut); code != 1 ||
		!strings.Contains(out.String(), string(acrkit.CodeCredentialRejected)) {
		t.Errorf("exit code %d, %q, %q", code, out.String(), errOut.String())
	}
}

func mustBe(t *testing.T, err error, want acrkit.Code) *acrkit.Error {
	t.Helper()
	e, ok := errors.AsType[*acrkit.Error](err)
	if !ok || e.Code != want || !errors.Is(err, want) || acrkit.CodeOf(err) != want {
		t.Fatalf("got %T %v, want an *acrkit.Error with %s", err, err, want)
	}
	return e
}

func get(ctx context.Context, rt http.RoundTripper, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return (&http.Client{Transport: rt}).Do(req)
}

func listTags(ctx context.Context, c *registry.Client) error {
	for _, err := range c.Tags(ctx, "samples/app", nil) {
		if err != nil {
			return err
		}
	}
	return nil
}

type body struct{ *strings.Reader }

func (body) Close() error { return nil }
