package interop

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

const changeSeed = `
tenants:
  - id: 11111111-1111-1111-1111-111111111111
    applications:
      - clientId: 22222222-2222-2222-2222-222222222222
        displayName: owner
        secrets: [{value: interop-principal-secret-000021, expires: 2040-01-01T00:00:00Z}]
subscriptions:
  - id: 33333333-3333-3333-3333-333333333333
    resourceGroups: [{name: rg, location: westeurope}]
    roleAssignments: [{clientId: 22222222-2222-2222-2222-222222222222, role: Owner}]
registries:
  - name: interop
    repositories:
      - name: samples/app
        images: [{tags: [v1, v2]}, {tags: [az]}, {tags: [ours]}, {tags: [stays]}]
      - name: samples/az
        images: [{tags: [v1]}]
      - name: samples/ours
        images: [{tags: [v1]}]
    scopeMaps:
      - name: works
        actions: ["repositories/samples/*/content/read", "repositories/samples/*/content/delete", "repositories/samples/*/metadata/read", "repositories/samples/*/metadata/write"]
    tokens:
      - {name: interop-daily, scopeMap: works, passwords: [{name: password1, value: interop-daily-password-0000000021}]}
`

const (
	changesPage  = "../docs/benchmarks.md"
	changesBegin = "<!-- written by interop: go test -C interop . -run TestChangeRequests -update -->\n"
	changesEnd   = "<!-- end of what interop wrote -->\n"
)

// logged is a request in the access log.
var logged = regexp.MustCompile(` msg=request `)

// TestChangeRequests counts the requests of commands that change something, with a token's
// name and password and nothing kept from another command, beside those of az.
func TestChangeRequests(t *testing.T) {
	need(t, *azProgram, "apt-get install azure-cli", []string{*azProgram, "version", "--output", "tsv"})
	t.Parallel()
	data := t.TempDir()
	e, err := startEmulator(data, changeSeed, nil, "--access-log")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.stop)
	who := token{"interop-daily", "interop-daily-password-0000000021"}
	s := signInAz(t, e, data, token{"22222222-2222-2222-2222-222222222222", "interop-principal-secret-000021"})
	ours := newSession(t, e)
	ours.env = append(ours.env, "ACR_NAME="+e.host, "ACR_TOKEN_NAME="+who.name, "ACR_TOKEN_PASSWORD="+who.password)
	count := func(s *session, command string, more ...string) int {
		t.Helper()
		start := e.lines(t)
		if out, err := s.run("", append(strings.Fields(command), more...)...); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
		n := e.lines(t) - start - 1 // the mark
		if n < 2 {
			t.Fatalf("%s: %d requests", command, n)
		}
		return n
	}
	var table strings.Builder
	table.WriteString("| az | | acrkit | |\n|---|---:|---|---:|\n")
	for _, x := range []struct{ az, ours string }{
		{"acr repository show --image samples/app:v1", "tag view samples/app:v1"},
		{"acr repository untag --image samples/app:v1", "tag delete --yes samples/app:v2"},
		{"acr repository update --image samples/app:stays --write-enabled false",
			"tag lock --delete samples/app:stays"},
		{"acr repository delete --yes --image samples/app:az", "manifest delete --yes samples/app:ours"},
		{"acr repository delete --yes --repository samples/az", "repo delete --yes samples/ours"},
	} {
		n := count(s, *azProgram+" "+x.az+" --name interop", "-u", who.name, "-p", who.password)
		m := count(ours, acrkitBinary+" --no-cache "+x.ours)
		fmt.Fprintf(&table, "| `%s` | %d | `%s` | %d |\n", strings.TrimPrefix(x.az, "acr "), n, x.ours, m)
	}
	writeCounts(t, changesBegin, table.String())
}

// writeCounts compares a table of counts with the one that the page has after begin.
func writeCounts(t *testing.T, begin, table string) {
	t.Helper()
	b, err := os.ReadFile(changesPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(b), begin)
	_, after, ended := strings.Cut(rest, changesEnd)
	if !ok || !ended {
		t.Fatalf("%s has no place for the counts", changesPage)
	}
	want := before + begin + table + changesEnd + after
	switch {
	case want == string(b):
	case *update:
		if err := os.WriteFile(changesPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s shows other counts: run the test with -update\n%s", changesPage, table)
	}
}

// lines returns how many requests the emulator has logged, after one that marks the end.
func (e *emulatorProcess) lines(t *testing.T) int {
	t.Helper()
	mark := fmt.Sprintf("/v2/mark-%d", time.Now().UnixNano())
	resp, err := e.client.Get("https://" + e.host + mark)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if err != nil || resp.StatusCode == http.StatusOK {
		t.Fatal(resp.Status, err)
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if text := e.tail(64 << 20); strings.Contains(text, mark) {
			return len(logged.FindAllString(text, -1))
		}
	}
	t.Fatal("the mark is not logged")
	return 0
}
