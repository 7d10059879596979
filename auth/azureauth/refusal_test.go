package azureauth_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

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
