package diagnose_test

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/diagnose"
)

// Why a request of this module failed. The transport of the request is used for probes,
// where the error alone does not decide.
func ExampleExplain() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1")
	token := reg.Token("ci-pull", "repositories/samples/app/content/read")
	rt := reg.Transport(token.Credential())
	ctx := context.Background()

	_, err := reg.Client(token.Credential()).Tag(ctx, "samples/app", "v1")
	d, err := diagnose.Explain(ctx, diagnose.Attempt{Err: err, Transport: rt}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.Code, d.Title())
	fmt.Println(d.Confidence)
	fmt.Println("missing:", d.Missing)
	// Output:
	// ACRK070 metadata/read is missing, which listing tags needs at ACR
	// proved
	// missing: [metadata/read on samples/app]
}

// What another program printed, without a request to any registry.
func ExampleExplain_text() {
	const text = `Error response from daemon: Get "https://myregistry.azurecr.io/v2/": ` +
		`unauthorized: authentication required, visit https://aka.ms/acr/authorization for more information.`
	d, err := diagnose.Explain(context.Background(), diagnose.Attempt{Text: text}, &diagnose.Options{NoProbes: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.Code, d.Title())
	fmt.Println(d.Confidence)
	fmt.Println(d.Candidates) // each has a row: see Lookup
	// Output:
	// ACRK004 the user and its password are not accepted: wrong, expired, disabled, not yet active or unknown
	// suspected
	// [ACRK004 ACRK032 ACRK033 ACRK034 ACRK035 ACRK036 ACRK039 ACRK046]
}

// The answer that any HTTP client got.
func ExampleExplain_exchange() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1")

	resp, err := reg.HTTPClient().Get(reg.URL() + "/v2/samples/app/tags/list")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		fmt.Println(err)
		return
	}
	d, err := diagnose.Explain(context.Background(), diagnose.Attempt{Exchange: &diagnose.Exchange{
		Method: http.MethodGet, URL: resp.Request.URL.String(),
		RequestHeader: resp.Request.Header,
		Status:        resp.StatusCode, Header: resp.Header, Body: body,
	}}, &diagnose.Options{NoProbes: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.Code, d.Title())
	// Output:
	// ACRK030 the client sent no credential at all, though it may have been given one
}

// Each step on the way to a registry, and whether a credential can do what a job needs.
func ExampleDoctor() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1")
	token := reg.Token("ci-pull", "repositories/samples/app/content/read")
	rt, err := auth.NewTransport(reg.Host(), token.Credential(), &auth.Options{Base: reg.RoundTripper()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()

	check := diagnose.Check{
		Transport: rt,
		Wants: []diagnose.Want{
			{Repository: "samples/app", Action: acrkit.ContentRead},
			{Repository: "samples/app", Action: acrkit.ContentWrite},
		},
	}
	for step := range diagnose.Doctor(context.Background(), check, nil) {
		if step.Outcome == diagnose.Failed {
			fmt.Println(step.Name, step.Want.Action, step.Diagnosis.Code, step.Diagnosis.Title())
			fmt.Println(step.Diagnosis.Missing)
		}
	}
	// Output:
	// rights content/write ACRK005 the credential is good, and lacks a right that the request needs
	// [content/write on samples/app]
}

// A cause by its code, as messages name it: what it looks like, and its fix.
func ExampleLookup() {
	cause, ok := diagnose.Lookup("ACRK005")
	if !ok {
		fmt.Println("no such cause")
		return
	}
	fmt.Println(cause.Name)
	fmt.Println(cause.Title)
	fmt.Println(cause.Fix)
	// Output:
	// missing-right
	// the credential is good, and lacks a right that the request needs
	// az acr scope-map update --registry REGISTRY --name SCOPE_MAP --add-repository REPOSITORY ACTIONS
}
