package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/tools/replay/recording"
)

// TestCompareControl: a status, header, key, value or type that is not as recorded is a
// difference; a further key, and what differs in each run, is none.
func TestCompareControl(t *testing.T) {
	const body = `{"name":"a","tags":{},"properties":{"creationDate":"2020","loginServer":"x.azurecr.io","on":true,` +
		`"list":[1],"limit":10},"passwords":[{"name":"password","value":"old"}]}`
	x := &recording.Exchange{Status: 200, Content: body, Answer: http.Header{
		"X-Ms-Ratelimit-Remaining-Subscription-Writes": {"1199"}, "Cache-Control": {"no-cache"}}}
	for change, want := range map[string][]string{
		"":                          nil,
		"status":                    {"status 201, recorded 200"},
		"header":                    {"there is no X-Ms-Ratelimit-Remaining-Subscription-Writes"},
		`"name":"a" "name":"A"`:     nil,
		`"name":"a" "name":"b"`:     {".name is b, recorded a"},
		`"2020" "2026"`:             nil,
		`"2020" 2026`:               {".properties.creationDate is float64, recorded string"},
		`"old" "new"`:               nil,
		`"on":true, `:               {".properties.on is missing"},
		`[1] [1,2]`:                 {".properties.list has 2 items, recorded 1"},
		`"limit":10 "limit":11`:     {".properties.limit is 11, recorded 10"},
		`"tags":{} "tags":[]`:       {".tags is no object"},
		`"tags":{} "tags":{},"x":1`: nil,
	} {
		got := &controlAnswer{status: 200, header: x.Answer.Clone()}
		sent := body
		switch from, to, _ := strings.Cut(change, " "); {
		case change == "status":
			got.status = 201
		case change == "header":
			got.header.Del("X-Ms-Ratelimit-Remaining-Subscription-Writes")
		case change != "":
			if sent = strings.Replace(body, from, to, 1); sent == body {
				t.Fatalf("%s changes nothing", change)
			}
		}
		got.body.WriteString(sent)
		if diff := cmp.Diff(want, compareControl(x, got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", change, diff)
		}
	}
}

// A recorded life of a registry, in a cassette.
const controlCassette = `interactions:
- request: {method: GET, uri: 'https://management.azure.com/subscriptions/33333333-3333-3333-3333-333333333333/resourceGroups/clitest.rg?api-version=2020-06-01', headers: {}, body: null}
  response: {status: {code: 200}, headers: {cache-control: [no-cache]}, body: {string: '{"name":"clitest.rg","location":"westus","tags":{"a":"b"}}'}}
- request: {method: PUT, uri: 'https://management.azure.com/subscriptions/33333333-3333-3333-3333-333333333333/resourceGroups/clitest.rg/providers/Microsoft.ContainerRegistry/registries/clireg?api-version=2019-05-01', headers: {}, body: '{"location":"westus","sku":{"name":"Standard"}}'}
  response: {status: {code: 200}, headers: {}, body: {string: '{"name":"clireg","sku":{"tier":"Standard"}}'}}
- request: {method: DELETE, uri: 'https://management.azure.com/subscriptions/33333333-3333-3333-3333-333333333333/resourceGroups/clitest.rg/providers/Microsoft.ContainerRegistry/registries/clireg?api-version=2019-05-01', headers: {}, body: null}
  response: {status: {code: 204}, headers: {}, body: {string: ''}}
- request: {method: GET, uri: 'https://management.azure.com/subscriptions/33333333-3333-3333-3333-333333333333/resourceGroups/clitest.rg/providers/Microsoft.Network/virtualNetworks/v?api-version=2019-05-01', headers: {}, body: null}
  response: {status: {code: 200}, headers: {}, body: {string: '{}'}}
`

// TestControl plays exchanges with Azure Resource Manager: two are answered alike, one is
// not, and one is of another service.
func TestControl(t *testing.T) {
	report := play(t, map[string]string{"sub/cassette.yaml": controlCassette}, nil)
	if report.Exchanges != 3 || report.Matched != 2 || len(report.Differences) != 1 || len(report.Excluded) != 1 {
		t.Fatalf("%+v", report)
	}
	if diff := cmp.Diff([]string{"status 200, recorded 204"}, report.Differences[0].What); diff != "" {
		t.Error(diff)
	}
	const want = "DELETE ARM /subscriptions/NAME/resourceGroups/NAME/providers/" +
		"Microsoft.ContainerRegistry/registries/NAME"
	if !slices.ContainsFunc(report.Operations, func(o Operation) bool { return o.Name == want }) {
		t.Errorf("the operations are %+v", report.Operations)
	}
}
