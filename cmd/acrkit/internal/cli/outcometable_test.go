package cli_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/root"
)

// managedOutcome is a command that asks Azure Resource Manager, for the outcomes that TestPermissions
// does not show: not found, throttled, cut off, and twice at once. {token} is a token with a
// scope map of its own, {map} another scope map, {new} no name yet, {file} no file yet, {policy}
// a policy of {token}, {who} an id that has no role.
type managedOutcome struct {
	line  string
	ghost string // for something that is not there; "" = the line, in a subscription that is not there
	// list is the end of the path of what is throttled and cut off: one of the last lists or
	// objects that the command reads; "" = its changes.
	list  string
	off   bool  // the token is disabled
	ok    int   // the exit code of success
	twice []int // the exit codes that each of two at once may have; nil = that of success
}

var managedOutcomes = []managedOutcome{
	{line: "token list", list: "/tokens"},
	{line: "token view {token}", ghost: "token view ghost-1", list: "/scopeMaps/{token}"},
	{line: "token status {token} --ignore no-expiry", ghost: "token status ghost-1", list: "/scopeMaps/{token}"},
	{line: "token status --all --ignore no-expiry,no-password,no-scope-map,all-repositories,arm-tokens",
		list: "/tokens"},
	{line: "token create {new} --allow samples/app:content/read --never-expires --to -",
		ghost: "token create {new} --scope-map ghost-1 --never-expires --to -", twice: []int{0, 1}},
	{line: "token edit {token} --scope-map {map} --yes", ghost: "token edit {token} --scope-map ghost-1 --yes",
		twice: []int{0, 1}},
	{line: "token disable {token}", ghost: "token disable ghost-1", twice: []int{0, 1}},
	{line: "token enable {token} --yes", ghost: "token enable ghost-1 --yes", off: true, twice: []int{0, 1}},
	{line: "token revoke {token} --yes", ghost: "token revoke ghost-1 --yes", twice: []int{0, 1}},
	{line: "token delete {token} --yes", ghost: "token delete ghost-1 --yes", twice: []int{0, 5}},
	{line: "token delete {token} --with-scope-map --yes", ghost: "token delete ghost-1 --with-scope-map --yes",
		twice: []int{0, 1, 5}},
	{line: "token rotate {token} --slot password1 --grace 24h --to file:{file}",
		ghost: "token rotate ghost-1 --to file:{file}", twice: []int{0, 1, 2, 6, 7}},
	{line: "token rotate --all --policy {policy} --yes", list: "/tokens"},
	{line: "scope-map list", list: "/scopeMaps"},
	{line: "scope-map view {map}", ghost: "scope-map view ghost-1", list: "/tokens"},
	{line: "scope-map create {new} --allow samples/app:content/read", twice: []int{0, 1}},
	{line: "scope-map edit {map} --add samples/app:content/write --yes",
		ghost: "scope-map edit ghost-1 --add samples/app:content/write --yes", twice: []int{0, 1}},
	{line: "scope-map delete {map} --yes", ghost: "scope-map delete ghost-1 --yes", twice: []int{0, 5}},
	{line: "scope-map lint {map}", ghost: "scope-map lint ghost-1", list: "/scopeMaps/{map}"},
	{line: "scope-map diff {map} {map}", ghost: "scope-map diff {map} ghost-1", list: "/scopeMaps/{map}"},
	{line: "access list", list: "/tokens"},
	{line: "access list", list: "/roleAssignments"},
	{line: "access check --who {token} --repository samples/app --action content/read",
		ghost: "access check --who ghost-1 --repository samples/app --action content/read", list: "/scopeMaps/{token}"},
	{line: "access check --who {who} --action control", list: "/roleAssignments", ok: cmdutil.ExitRefused},
	{line: "emulator seed import --output {file}", list: "/tokens"},
	{line: "emulator seed import --output {file}", list: "/roleAssignments"},
}

// offline are the commands that read files and ask nothing, or do so only with a flag.
var offline = []string{"scope-map generate", "scope-map suggest"}

// TestOutcomesTable: every command that is about tokens, scope maps and access, or changes
// repositories, has its outcomes in a table: those on Azure Resource Manager here and in that of
// TestPermissions, those on the registry in that of TestDaily.
func TestOutcomesTable(t *testing.T) {
	in := map[string]map[string]bool{"managedOutcomes": {}, "permissions": {}, "verbs": {}}
	command := func(line string) string {
		words := strings.Fields(line)
		if words[0] == "emulator" {
			return strings.Join(words[:3], " ")
		}
		return strings.Join(words[:2], " ")
	}
	for _, o := range managedOutcomes {
		in["managedOutcomes"][command(o.line)] = true
	}
	for _, p := range permissions {
		in["permissions"][command(p.line)] = true
	}
	for _, v := range verbs() {
		in["verbs"][v.name] = true
	}
	var all []string
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
		if path := strings.TrimPrefix(cmd.CommandPath(), "acrkit "); cmd.Runnable() {
			all = append(all, path)
		}
	}
	walk(root.NewCmdRoot(clitest.Factory(nil)))
	found := 0
	for _, path := range all {
		words := strings.Fields(path)
		tables := []string{}
		switch {
		case slices.Contains(offline, path):
			found++
		case slices.Contains([]string{"token", "scope-map", "access"}, words[0]) && len(words) == 2,
			path == "emulator seed import":
			tables = []string{"managedOutcomes", "permissions"}
		case len(words) == 2 && slices.Contains([]string{"tag", "manifest", "repo"}, words[0]) &&
			slices.Contains([]string{"view", "delete", "lock", "unlock"}, words[1]):
			tables = []string{"verbs"}
		}
		for _, table := range tables {
			if !in[table][path] {
				t.Errorf("acrkit %s has no row in %s", path, table)
			}
			delete(in[table], path)
		}
	}
	if found != len(offline) || len(in["managedOutcomes"])+len(in["permissions"])+len(in["verbs"]) > 0 {
		t.Errorf("rows without a command: %v; %d of %q are there", in, found, offline)
	}
}

// lines is what one run of a row is about.
type outcomeRun struct {
	managedOutcome
	o     *operator
	file  string
	words *strings.Replacer
}

// isHit reports whether a request is one of those that are throttled and cut off.
func (x *outcomeRun) isHit(r *http.Request) bool {
	switch {
	case !strings.HasPrefix(r.URL.Path, "/subscriptions/"):
		return false
	case x.list == "":
		return r.Method != http.MethodGet
	}
	return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, x.words.Replace(x.list))
}

// throttled is 429 as Azure Resource Manager answers it, with or without Retry-After.
func throttled(w http.ResponseWriter, retryAfter string) {
	if retryAfter != "" {
		w.Header().Set("Retry-After", retryAfter)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusTooManyRequests)
	_, _ = w.Write([]byte(`{"error":{"code":"TooManyRequests","message":"slow down"}}`))
}

// half sends half of an answer, and ends the connection.
func half(w http.ResponseWriter, answer *httptest.ResponseRecorder) {
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	body := answer.Body.Bytes()
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(answer.Code)
	_, _ = w.Write(body[:len(body)/2])
	panic(http.ErrAbortHandler)
}

// answers are the outcomes that come from answers. before decides what becomes of a request that is hit;
// n counts them from 1. It returns true if that was the whole answer.
var answers = []struct {
	name   string
	code   int
	before func(w http.ResponseWriter, n int64, list bool, answer func() *httptest.ResponseRecorder) bool
	says   string
}{
	{"throttled for an hour", cmdutil.ExitUnavailable,
		func(w http.ResponseWriter, _ int64, _ bool, _ func() *httptest.ResponseRecorder) bool {
			throttled(w, "3600")
			return true
		}, "slow down"},
	{"throttled without Retry-After", cmdutil.ExitUnavailable,
		func(w http.ResponseWriter, _ int64, _ bool, _ func() *httptest.ResponseRecorder) bool {
			throttled(w, "")
			return true
		}, "slow down"},
	{"throttled once", cmdutil.ExitOK,
		func(w http.ResponseWriter, n int64, _ bool, _ func() *httptest.ResponseRecorder) bool {
			if n == 1 {
				throttled(w, "")
			}
			return n == 1
		}, ""},
	{"cut off", cmdutil.ExitUnavailable, // in the midst of a list; before a change is made
		func(w http.ResponseWriter, _ int64, list bool, answer func() *httptest.ResponseRecorder) bool {
			if list {
				half(w, answer())
			}
			panic(http.ErrAbortHandler)
		}, ""},
	{"cut off once", cmdutil.ExitOK, // in the midst of a list; after a change is made
		func(w http.ResponseWriter, n int64, _ bool, answer func() *httptest.ResponseRecorder) bool {
			if n == 1 {
				half(w, answer())
			}
			return false
		}, ""},
}

// TestOutcomes runs each command of the table with each of the outcomes. Those that read share an
// emulator, and so do those that change something; each run has a server of its own before it,
// which throttles and cuts off.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	quiet, busy := acrtest.NewRegistry(t, nil), acrtest.NewRegistry(t, nil)
	whoReads, whoChanges := quiet.ServicePrincipal("Contributor"), busy.ServicePrincipal("Contributor")
	n := 0
	prepare := func(row managedOutcome) *outcomeRun {
		n++
		reg, who := quiet, whoReads
		if row.list == "" {
			reg, who = busy, whoChanges
		}
		id, dir := strconv.Itoa(n), t.TempDir()
		reg.Token("token-"+id, pullApp)
		reg.ScopeMap("other-"+id, pullApp, listApp)
		if row.off {
			reg.DisableToken("token-" + id)
		}
		policy := filepath.Join(dir, "policy.yaml")
		text := "tokens: [{name: token-" + id + ", managed-by: vault}]\n"
		if err := os.WriteFile(policy, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		x := &outcomeRun{managedOutcome: row, o: newOperator(t, reg, who), file: filepath.Join(dir, "file")}
		x.words = strings.NewReplacer("{token}", "token-"+id, "{map}", "other-"+id, "{new}", "new-"+id,
			"{file}", x.file, "{policy}", policy, "{who}", "99999999-9999-9999-9999-999999999999")
		return x
	}
	var runs []func() // only after all of them are prepared: some read the whole registry
	run := func(do func()) { runs = append(runs, do) }
	for _, row := range managedOutcomes {
		for _, a := range answers {
			x := prepare(row)
			var hits atomic.Int64
			x.o.before(t, func(w http.ResponseWriter, r *http.Request) bool {
				return x.isHit(r) && a.before(w, hits.Add(1), row.list != "", func() *httptest.ResponseRecorder {
					answer := httptest.NewRecorder()
					x.o.reg.Emulator().ServeHTTP(answer, r)
					return answer
				})
			})
			run(func() {
				r := x.o.run(t, strings.Fields(x.words.Replace(row.line))...)
				done := slices.ContainsFunc(strings.Split(r.err, "\n"), func(l string) bool {
					return strings.Contains(l, `"result":"done"`)
				})
				want := a.code
				if want == 0 {
					want = row.ok
				}
				_, unwritten := os.Stat(x.file)
				if r.code != want || hits.Load() == 0 || !strings.Contains(r.err, a.says) ||
					row.list == "" && done != (a.code == 0) || a.code != 0 && (r.out != "" || unwritten == nil) {
					t.Errorf("%s, %s, %d hits: exit code %d, want %d\n%s%s", row.line, a.name, hits.Load(), r.code,
						want, r.out, r.err)
				}
			})
		}
		ghost := prepare(row)
		run(func() {
			line := ghost.words.Replace(row.ghost)
			if row.ghost == "" {
				line = ghost.words.Replace(row.line) + " --subscription 99999999-9999-9999-9999-999999999999"
			}
			r := ghost.o.run(t, strings.Fields(line)...)
			if r.code != cmdutil.ExitNotFound || len(r.audit(t)) != 0 || r.out != "" ||
				row.ghost != "" && !strings.Contains(r.err, "\ntry: acrkit ") {
				t.Errorf("%s: exit code %d\n%s%s", line, r.code, r.out, r.err)
			}
		})
		both := prepare(row)
		run(func() {
			var all [2]ran
			var two sync.WaitGroup
			for i := range all {
				two.Go(func() {
					words := strings.Fields(both.words.Replace(row.line))
					if row.list != "" && slices.Contains(words, "--output") {
						words = slices.DeleteFunc(words, func(w string) bool {
							return w == "--output" || strings.HasPrefix(w, string(filepath.Separator))
						})
					}
					all[i] = both.o.run(t, words...)
				})
			}
			two.Wait()
			codes := row.twice
			if codes == nil {
				codes = []int{row.ok}
			}
			if !slices.Contains(codes, all[0].code) || !slices.Contains(codes, all[1].code) ||
				all[0].code != row.ok && all[1].code != row.ok && !strings.Contains(row.line, "create") {
				t.Errorf("%s, twice: exit codes %d and %d\n%s%s", row.line, all[0].code, all[1].code, all[0].err,
					all[1].err)
			}
		})
	}
	var wg sync.WaitGroup
	for _, do := range runs { // at once: most of them wait for a second try
		wg.Go(do)
	}
	wg.Wait()
}

// before puts a server before the registry, for this operator alone. serve returns true if it
// has answered.
func (o *operator) before(t *testing.T, serve func(http.ResponseWriter, *http.Request) bool) {
	t.Helper()
	front := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !serve(w, r) {
			o.reg.Emulator().ServeHTTP(w, r)
		}
	}))
	t.Cleanup(front.Close)
	file := filepath.Join(t.TempDir(), "front.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	o.env["ACR_NAME"], o.env["SSL_CERT_FILE"] = strings.TrimPrefix(front.URL, "https://"), file
	o.env["AZURE_AUTHORITY_HOST"] = front.URL + "/"
}
