package emulator_test

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestArmRecording plays what az was recorded to send for scope maps, tokens and passwords,
// and compares status, headers that matter, and the names and kinds of what the bodies
// have. The recordings are no part of this project.
func TestArmRecording(t *testing.T) {
	dir := cmp.Or(os.Getenv("ACRKIT_RECORDINGS"), filepath.Join("..", "..", "shared", "recordings"))
	data, err := os.ReadFile(filepath.Join(dir, "azure-cli-acr-2020", "test_repository_token_create.yaml"))
	if err != nil {
		t.Skipf("the recordings are not present (%v); ACRKIT_RECORDINGS names their folder", err)
	}
	var all struct {
		Interactions []struct {
			Request struct {
				Method, URI string
				Body        string
			}
			Response struct {
				Body    struct{ String string }
				Headers map[string][]string
				Status  struct{ Code int }
			}
		}
	}
	must(t, yaml.Unmarshal(data, &all))
	f := start(t, nil)
	c := f.arm()
	ours := strings.NewReplacer("https://management.azure.com", "", "00000000-0000-0000-0000-000000000000",
		"33333333-3333-3333-3333-333333333333", "clitest.rg000001", "rg", "clireg000002", "myregistry")
	operation := "" // the address that our last operation has
	played := 0
	for i, x := range all.Interactions {
		path, body := ours.Replace(x.Request.URI), ours.Replace(x.Request.Body)
		if !strings.HasPrefix(path, armRegistry+"/") {
			continue
		}
		if strings.Contains(path, "/operationStatuses/") {
			path = operation
		}
		played++
		a := f.do(x.Request.Method, path, c.token, body)
		if a.status != x.Response.Status.Code {
			t.Errorf("%d: %s %s: %d %s, recorded is %d", i, x.Request.Method, path, a.status, a.body,
				x.Response.Status.Code)
			continue
		}
		operation = a.header.Get("Azure-Asyncoperation")
		for _, name := range []string{"azure-asyncoperation", "content-type", "cache-control", "pragma", "expires",
			"strict-transport-security", "x-content-type-options"} {
			recorded, there := x.Response.Headers[name]
			got := a.header.Values(name)
			// The value of the first is new each time. Retry-After is missing here: az's
			// recorder takes it out, and other recordings have it.
			sameValue := name == "azure-asyncoperation" || slices.Equal(recorded, got)
			if (len(got) > 0) != there || !sameValue {
				t.Errorf("%d: %s: %q, recorded is %q", i, name, got, recorded)
			}
		}
		if got, want := shapeOf(t, a.body), shapeOf(t, ours.Replace(x.Response.Body.String)); got != want {
			t.Errorf("%d: %s %s:\n%s, recorded is\n%s", i, x.Request.Method, path, got, want)
		}
	}
	if played < 20 {
		t.Errorf("%d exchanges were played", played)
	}
	t.Logf("%d of %d exchanges: those of scope maps, tokens and passwords", played, len(all.Interactions))
}

var (
	aTime     = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?\+00:00"`)
	aPassword = regexp.MustCompile(`"value":"[A-Za-z0-9+/=]{32,}"`)
)

// shapeOf writes a body with its keys in order, and without what is new each time.
func shapeOf(t *testing.T, body string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	b, err := json.Marshal(v)
	must(t, err)
	return aPassword.ReplaceAllString(aTime.ReplaceAllString(string(b), `"TIME"`), `"value":"VALUE"`)
}
