package azureauth_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"
	"github.com/google/go-cmp/cmp"
)

// setHeader is a policy that sets the Authorization header.
type setHeader string

func (h setHeader) Do(req *policy.Request) (*http.Response, error) {
	req.Raw().Header.Set("Authorization", string(h))
	return req.Next()
}

// TestSDK pins down what Microsoft's client does by itself, without this package.
// Each case is a reason for a line of ours: if one fails after an update of the
// client, read this package again.
func TestSDK(t *testing.T) {
	t.Parallel()

	update := func(t *testing.T, f *fake, policies ...policy.Policy) error {
		t.Helper()
		o := &azcontainerregistry.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: f.httpClient(),
			PerCallPolicies: policies,
			Retry:           policy.RetryOptions{MaxRetries: -1}}}
		client, err := azcontainerregistry.NewClient(f.srv.URL, nil, o)
		if err != nil {
			t.Fatal(err)
		}
		no := false
		_, err = client.UpdateRepositoryProperties(t.Context(), "samples/app",
			&azcontainerregistry.ClientUpdateRepositoryPropertiesOptions{
				Value: &azcontainerregistry.RepositoryWriteableProperties{CanDelete: &no}})
		return err
	}
	const ok = `{"imageName":"samples/app"}`
	answer := func(status int, header ...string) func(http.ResponseWriter, *http.Request, []byte) bool {
		return func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			if status == http.StatusOK {
				w.Write([]byte(ok)) //nolint:errcheck // the client's side shows it
			}
			return true
		}
	}

	t.Run("body_lost_without_authorization", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		f.hook = answer(http.StatusOK)
		if err := update(t, f); err != nil {
			t.Fatalf("the client noticed: %v", err)
		}
		got := f.log()
		if len(got) != 1 || got[0].Body != "" || got[0].ContentLength != 0 || got[0].ContentType != "" {
			t.Errorf(
				"the client no longer empties a request without Authorization; is the placeholder still "+
					"needed?\ngot %+v", got)
		}
	})

	t.Run("body_kept_with_authorization", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		f.hook = answer(http.StatusOK)
		if err := update(t, f, setHeader("Bearer x")); err != nil {
			t.Fatal(err)
		}
		got := f.log()
		if len(got) != 1 || got[0].Body != `{"deleteEnabled":false}` ||
			got[0].Header.Get("Authorization") != "Bearer x" {
			t.Errorf("the placeholder does not save the body any more: %+v", got)
		}
	})

	t.Run("401_answered_with_an_anonymous_token", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		f.hook = answer(http.StatusUnauthorized, "WWW-Authenticate",
			`Bearer realm="https://x/oauth2/token",service="x",scope="repository:samples/app:metadata_write"`)
		if err := update(t, f, setHeader("Bearer x")); err == nil {
			t.Fatal("want an error")
		}
		want := []string{"PATCH /acr/v1/samples%2Fapp", "POST /oauth2/token"}
		if diff := cmp.Diff(want, f.lines()); diff != "" {
			t.Errorf("a 401 is handled differently; is the 403 still needed? (-want +got):\n%s", diff)
		}
		if last := f.log()[len(f.log())-1]; !strings.Contains(last.Body, "grant_type=password") ||
			strings.Contains(last.Body, "username") {
			t.Errorf("the token request is not the anonymous one: %q", last.Body)
		}
	})

	t.Run("cloud_without_registry_service_refused", func(t *testing.T) {
		t.Parallel()
		o := &azcontainerregistry.ClientOptions{}
		o.Cloud.ActiveDirectoryAuthorityHost = "https://login.example/"
		if _, err := azcontainerregistry.NewClient("https://x.azurecr.io", nil, o); err == nil {
			t.Error("accepted now; the entry made for it can go")
		}
	})

	t.Run("options_changed_by_the_client", func(t *testing.T) {
		t.Parallel()
		o := &azcontainerregistry.ClientOptions{}
		if _, err := azcontainerregistry.NewClient("https://x.azurecr.io", nil, o); err != nil {
			t.Fatal(err)
		}
		if o.Cloud.Services == nil {
			t.Error("the client no longer writes into its options; that they are copied stays right")
		}
	})

	t.Run("panic_on_a_malformed_link", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		f.hook = func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
			w.Header().Set("Link", "garbage")
			w.Write([]byte(`{"repositories":["a"]}`)) //nolint:errcheck // the client's side shows it
			return true
		}
		client, err := azcontainerregistry.NewClient(f.srv.URL, nil,
			&azcontainerregistry.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: f.httpClient()}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if recover() == nil {
				t.Error("the client reads a malformed Link without a panic; checkLink can go")
			}
		}()
		_, _ = client.NewListRepositoriesPager(nil).NextPage(t.Context())
	})
}
