package token

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/manage"
)

// without is an Azure Resource Manager whose answer to one path is that a right is missing,
// as no role of the emulator makes it.
type without struct {
	base http.RoundTripper
	end  string
}

func (w without) RoundTrip(req *http.Request) (*http.Response, error) {
	if !strings.Contains(req.URL.Path+"/", w.end) {
		return w.base.RoundTrip(req)
	}
	const body = `{"error":{"code":"AuthorizationFailed","message":"The client 'x' with object id 'y' does not have ` +
		`authorization to perform action 'Microsoft.ContainerRegistry/registries/scopeMaps/read' over scope '/s'"}}`
	return &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), Request: req, ProtoMajor: 1, ProtoMinor: 1}, nil
}

// TestStatus_denied: without the right to read scope maps the tokens are shown, and the
// answer is incomplete; without the right to read tokens there is none.
func TestStatus_denied(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	reg.Token("ci-pull", "repositories/samples/app/content/read")
	principal := reg.ServicePrincipal("Reader")
	host, err := acrkit.ParseRegistry(reg.Host())
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		end, name string
		code      int
		want      string
	}{
		{"/scopeMaps/", "", cmdutil.ExitIncomplete, "\nci-pull\tenabled\t"},
		{"/scopeMaps/", "ci-pull", cmdutil.ExitIncomplete, "ci-pull\tenabled\t"},
		{"/tokens/", "", cmdutil.ExitRefused, ""},
		{"/tokens/", "ci-pull", cmdutil.ExitRefused, ""},
	} {
		s, _, out, errOut := iostreams.Test()
		now := time.Now()
		err := statusRun(t.Context(), &statusOptions{IO: s, Registry: host, Name: x.name, Now: now,
			Until: now.Add(time.Hour), Ignore: findings,
			Manage: func(ctx context.Context, reg2 acrkit.Registry, _ *cmdutil.Azure) (*manage.Registry, error) {
				c, err := manage.New(principal.AzureCredential(), &manage.Options{
					Transport: without{reg.RoundTripper(), x.end}})
				if err != nil {
					return nil, err
				}
				return c.Registry(ctx, reg2)
			}})
		if cmdutil.ExitCode(err) != x.code || !strings.Contains(out.String(), x.want) || x.want == "" && out.Len() > 0 ||
			!strings.Contains(errOut.String()+err.Error(), "to perform action 'Microsoft.ContainerRegistry/") ||
			!strings.HasPrefix(acrkit.HintOf(err), "acrkit emulator log --denied ") {
			t.Errorf("%s %q: %v (%d), hint %q\n%s%s", x.end, x.name, err, cmdutil.ExitCode(err), acrkit.HintOf(err), out,
				errOut)
		}
	}
}
