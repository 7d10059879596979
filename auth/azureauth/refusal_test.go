package azureauth_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/auth/azureauth"
)

// TestRefusal_missing: what is to be deleted may be missing, as without this package; what
// is to be read may not.
func TestRefusal_missing(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.hook = func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
		if r.URL.Path == "/oauth2/token" {
			return false
		}
		w.WriteHeader(http.StatusNotFound)
		return true
	}
	c := f.client(auth.ScopedToken("ci", password))
	if _, err := c.DeleteTag(t.Context(), "samples/app", "v1", nil); err != nil {
		t.Errorf("a delete: %v", err)
	}
	err := getRepository(t.Context(), c)
	if e, ok := errors.AsType[*azcore.ResponseError](err); !ok || e.StatusCode != http.StatusNotFound ||
		acrkit.CodeOf(err) != acrkit.CodeNotFound {
		t.Errorf("a read: %v", err)
	}
	for _, op := range []string{"read the repository", "look"} { // AsError changes no error that it returned before
		if e, ok := errors.AsType[*acrkit.Error](azureauth.AsError(op, err)); !ok || e.Op != op {
			t.Errorf("AsError = %v, want the operation %q", e, op)
		}
	}
}

// TestRefusal_missingBlob: the client wants a blob and an upload that it deletes to be
// there, so a 404 is an error, in both forms.
func TestRefusal_missingBlob(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.hook = func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
		if r.URL.Path == "/oauth2/token" {
			return false
		}
		w.WriteHeader(http.StatusNotFound)
		return true
	}
	c, err := azureauth.NewContainerRegistryBlobClient(f.host(), auth.ScopedToken("ci", password),
		&azcontainerregistry.BlobClientOptions{ClientOptions: f.options()})
	if err != nil {
		t.Fatal(err)
	}
	_, blob := c.DeleteBlob(t.Context(), "samples/app", "sha256:00", nil)
	_, upload := c.CancelUpload(t.Context(), "v2/samples/app/blobs/uploads/1", nil)
	for what, err := range map[string]error{"blob": blob, "upload": upload} {
		if e, ok := errors.AsType[*azcore.ResponseError](err); !ok || e.StatusCode != http.StatusNotFound ||
			acrkit.CodeOf(err) != acrkit.CodeNotFound {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// made answers in place of the registry, or changes what it answered.
type made func(*policy.Request) (*http.Response, error)

func (m made) Do(req *policy.Request) (*http.Response, error) { return m(req) }

// TestRefusal_made: an answer that a policy of the caller made or changed is returned as
// Microsoft's client returns it.
func TestRefusal_made(t *testing.T) {
	t.Parallel()
	for name, policyOfCaller := range map[string]made{
		"without a request": func(*policy.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusTeapot, Header: http.Header{}, Body: http.NoBody}, nil
		},
		"another status": func(req *policy.Request) (*http.Response, error) {
			resp, err := req.Next()
			if err == nil {
				resp.StatusCode = http.StatusTeapot
			}
			return resp, err
		},
	} {
		f := newFake(t)
		options := f.options()
		options.PerCallPolicies = append(options.PerCallPolicies, policyOfCaller)
		err := getRepository(t.Context(), f.clientWith(auth.ScopedToken("ci", password), options))
		if e, ok := errors.AsType[*azcore.ResponseError](err); !ok || e.StatusCode != http.StatusTeapot {
			t.Errorf("%s: %v", name, err)
		}
	}
}
