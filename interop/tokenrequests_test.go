package interop

import (
	"fmt"
	"strings"
	"testing"
)

const tokensBegin = "<!-- written by interop: go test -C interop . -run TestTokenRequests -update -->\n"

// TestTokenRequests counts the requests of commands for tokens and scope maps beside those of
// az, with one service principal, Owner of the subscription. az makes a token with its scope
// map and two passwords, and prints them; acrkit reads first what is there.
func TestTokenRequests(t *testing.T) {
	need(t, *azProgram, "apt-get install azure-cli", []string{*azProgram, "version", "--output", "tsv"})
	t.Parallel()
	data := t.TempDir()
	e, err := startEmulator(data, changeSeed, nil, "--access-log")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.stop)
	const client, secret = "22222222-2222-2222-2222-222222222222", "interop-principal-secret-000021"
	s := signInAz(t, e, data, token{client, secret})
	ours := newSession(t, e)
	ours.env = append(ours.env, "ACR_NAME="+e.host, "AZURE_AUTHORITY_HOST=https://"+e.host+"/",
		"AZURE_CLIENT_ID="+client,
		"AZURE_TENANT_ID=11111111-1111-1111-1111-111111111111", "AZURE_CLIENT_SECRET="+secret)
	count := func(s *session, command string) int {
		t.Helper()
		start := e.lines(t)
		if out, err := s.run("", strings.Fields(command)...); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
		return e.lines(t) - start - 1 // the mark
	}
	const az, registry = " --name az-job", " --registry interop"
	var table strings.Builder
	table.WriteString("| az | | acrkit | |\n|---|---:|---|---:|\n")
	for _, x := range []struct{ az, ours string }{
		{"acr token create" + az + " --repository samples/app content/read",
			"token create our-job --allow samples/app:content/read --never-expires --to -"},
		{"acr token list", "token list"},
		{"acr token show" + az, "token view our-job"},
		{"acr scope-map update --name works --add-repository samples/az content/write",
			"scope-map edit works --add samples/ours:content/write --yes"},
		{"acr token update" + az + " --status disabled", "token disable our-job"},
		{"acr token credential delete" + az + " --password1", "token revoke our-job --slot password1 --yes"},
		{"acr token delete" + az + " --yes", "token delete our-job --yes"},
	} {
		n := count(s, *azProgram+" "+x.az+registry)
		m := count(ours, acrkitBinary+" --no-cache "+x.ours)
		fmt.Fprintf(&table, "| `%s` | %d | `%s` | %d |\n", strings.TrimPrefix(x.az, "acr "), n, x.ours, m)
	}
	writeCounts(t, tokensBegin, table.String())
}
