package interop

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// wholes are the causes that a cause is a part of: to name the whole is right, and
// says less.
var wholes = map[string]string{
	"no-right-here":         "missing-right",
	"metadata-read-missing": "missing-right",
	"catalog-scoped":        "missing-right",
	"tag-locked":            "locked",
}

// explained counts what "acrkit explain --error" made of the captures while they
// were made: with the client's credential, of the registry in the same state.
var explained explanations

type explanations struct {
	mu                                  sync.Mutex
	right, whole, second, cannot, wrong []string
}

// owners are the identities whose passwords clients get.
var owners = []token{puller, bare, worker, unknown, azPrincipal, azRoleless, azOldSecret, azUnknown, azMistaken}

// identity is the variables of the credential that the client has: the rest is where
// a login leaves it.
func (k capture) identity(c capturing) []string {
	who := k.who
	if i := slices.IndexFunc(owners, func(t token) bool { return t.password == k.stdin }); who == (token{}) &&
		k.stdin != "" && i >= 0 {
		who = owners[i]
	}
	switch {
	case who == (token{}):
		return nil
	case strings.Count(who.name, "-") == 4: // an application's id
		return []string{"ACR_NAME=" + c.host, "AZURE_AUTHORITY_HOST=https://" + c.e.host + "/",
			"AZURE_TENANT_ID=11111111-1111-1111-1111-111111111111",
			"AZURE_CLIENT_ID=" + who.name, "AZURE_CLIENT_SECRET=" + who.password}
	}
	// The client's own login is the same one, and not a second that might be meant.
	nowhere := filepath.Join(c.home, "nowhere")
	return []string{"DOCKER_CONFIG=" + nowhere, "REGISTRY_AUTH_FILE=" + nowhere, "ACR_NAME=" + c.host,
		"ACR_TOKEN_NAME=" + who.name, "ACR_TOKEN_PASSWORD=" + who.password}
}

// explain passes a client's output to acrkit explain. A cause that it names is the
// right one, or only suspected; and no request of it changes anything.
func (k capture) explain(c capturing, said string) {
	c.t.Helper()
	before := c.decisions()
	s := *c.session
	s.env = append(slices.Clone(s.env), k.identity(c)...)
	out, err := s.run(said, acrkitBinary, "explain", "--error", "--json", "name,confidence,candidates")
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() != 7) {
		c.t.Fatalf("acrkit explain --error: %v\n%s", err, out)
	}
	var d struct {
		Name, Confidence string
		Candidates       []struct{ Name string }
	}
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		c.t.Fatalf("acrkit explain --error: %v\n%s", err, out)
	}
	for _, asked := range c.decisions()[len(before):] {
		if method, path, _ := strings.Cut(asked, " "); method != "GET" && method != "HEAD" &&
			(method != "POST" || path != "/oauth2/token" && path != "/oauth2/exchange") {
			c.t.Errorf("acrkit explain --error sent %s", asked)
		}
	}
	one := c.client.name + "/" + k.cause
	isCandidate := slices.ContainsFunc(d.Candidates, func(x struct{ Name string }) bool {
		return x.Name == k.cause || x.Name == wholes[k.cause]
	})
	x := &explained
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case d.Confidence == "cannot tell":
		x.cannot = append(x.cannot, one)
	case d.Name == k.cause:
		x.right = append(x.right, one)
	case d.Name == wholes[k.cause]:
		x.whole = append(x.whole, one)
	case d.Confidence == "suspected" && isCandidate:
		x.second = append(x.second, one)
	default:
		x.wrong = append(x.wrong, one+": "+d.Name+", "+d.Confidence)
		if d.Confidence == "proved" {
			c.t.Errorf("%s is called %s, and that is called proved:\n%s\nof\n%s", k.cause, d.Name, out, said)
		}
	}
}

// decisions are the emulator's, as METHOD PATH.
func (c capturing) decisions() []string {
	c.t.Helper()
	out, err := c.run("", acrkitBinary, "emulator", "log", "--data", c.data, "--json", "method,path", "--jq",
		`.[] | .method + " " + .path`)
	if err != nil {
		c.t.Fatalf("acrkit emulator log: %v\n%s", err, out)
	}
	return strings.Split(strings.TrimSuffix(out, "\n"), "\n")
}

// check prints the score, and fails where too few of the causes that were named are
// the right ones. A few captures alone say nothing.
func (x *explanations) check() error {
	named := len(x.right) + len(x.whole)
	all := named + len(x.second) + len(x.wrong)
	if all == 0 {
		return nil
	}
	fmt.Printf(
		"explained with the credential at hand: %d outputs, %d causes named right (%d by the whole that they are "+
			"part of), %d suspected as another beside the right one %q, %d wrong %q; %d cannot be told %q\n",
		all+len(x.cannot), named, len(x.whole), len(x.second), x.second, len(x.wrong), x.wrong, len(x.cannot), x.cannot)
	if all >= 50 && 100*named < 95*all {
		return fmt.Errorf("acrkit explain --error: %d of %d causes that were named are right, less than 95 %%", named,
			all)
	}
	return nil
}
