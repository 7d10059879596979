package access

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/manage"
	"github.com/acrkit/acrkit/manage/access"
)

const (
	group  = "/subscriptions/33333333-3333-3333-3333-333333333333/resourceGroups/rg"
	resID  = group + "/providers/Microsoft.ContainerRegistry/registries/myregistry"
	who1   = "aaaaaaaa-0000-0000-0000-000000000001"
	who2   = "aaaaaaaa-0000-0000-0000-000000000002"
	host   = "myregistry.azurecr.io"
	pageOf = 100
)

// azure is an Azure Resource Manager with what no emulator has: custom roles, groups,
// rights that lack, and lists of any length that are made when they are asked for.
type azure struct {
	mode                string // ABAC or legacy
	tokens              int    // each has a scope map of its own
	roles, assignments  []any
	forbidden           []string // ends of paths
	requests            int
	onPage              func()
	lines               func(i int) []string // of a scope map
	shuffled            bool                 // lists come in another order
	unfinished, missing bool                 // the list of scope maps ends early by an error; or has no odd ones
}

func (a *azure) RoundTrip(req *http.Request) (*http.Response, error) {
	a.requests++
	status, body := http.StatusOK, any(nil)
	path := req.URL.Path
	for _, end := range a.forbidden {
		if strings.HasSuffix(path, end) {
			return respond(req, http.StatusForbidden, map[string]any{"error": map[string]any{
				"code": "AuthorizationFailed", "message": "The client 'x' with object id 'y' does not have " +
					"authorization to perform action 'Microsoft.X/" + end + "/read' over scope '" + resID + "'"}}), nil
		}
	}
	switch {
	case strings.HasSuffix(path, "/registries/myregistry"):
		body = map[string]any{"id": resID, "name": "myregistry", "properties": map[string]any{"loginServer": host,
			"roleAssignmentMode": a.mode}}
	case strings.HasSuffix(path, "/tokens"):
		body = a.page(req.URL, func(i int) any {
			return map[string]any{"name": fmt.Sprintf("token-%05d", i), "properties": map[string]any{
				"scopeMapId": resID + "/scopeMaps/" + fmt.Sprintf("map-%05d", i), "status": "enabled",
				"credentials": map[string]any{"passwords": []any{map[string]any{"name": "password1"}}}}}
		})
	case strings.HasSuffix(path, "/scopeMaps"):
		if a.unfinished && req.URL.Query().Get("at") != "" {
			resp := respond(req, http.StatusTooManyRequests, map[string]any{})
			resp.Header.Set("Retry-After", "3600") // longer than the SDK waits
			return resp, nil
		}
		body = a.page(req.URL, func(i int) any {
			name := fmt.Sprintf("map-%05d", i)
			if a.missing && i%2 == 1 {
				name = "other-" + name
			}
			return map[string]any{"name": name, "properties": map[string]any{"type": "UserDefined", "actions": a.lines(i)}}
		})
	case strings.HasSuffix(path, "/roleDefinitions"):
		body = map[string]any{"value": a.roles}
	case strings.HasSuffix(path, "/roleAssignments"):
		body = map[string]any{"value": a.assignments}
	default:
		status, body = http.StatusNotFound, map[string]any{"error": map[string]any{"code": "ResourceNotFound"}}
	}
	return respond(req, status, body), nil
}

// page is a part of a list of tokens or scope maps.
func (a *azure) page(u *url.URL, item func(int) any) any {
	if a.onPage != nil {
		a.onPage()
	}
	at, _ := strconv.Atoi(u.Query().Get("at"))
	out := map[string]any{}
	var value []any
	for i := at; i < min(at+pageOf, a.tokens); i++ {
		k := i
		if a.shuffled {
			k = a.tokens - 1 - i
		}
		value = append(value, item(k))
	}
	if at+pageOf < a.tokens {
		out["nextLink"] = fmt.Sprintf("https://%s%s?at=%d", u.Host, u.Path, at+pageOf)
	}
	out["value"] = value
	return out
}

func respond(req *http.Request, status int, body any) *http.Response {
	b, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader(b)), Request: req, ProtoMajor: 1, ProtoMinor: 1}
}

type identity struct{}

func (identity) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "token", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// list runs "access list" on it.
func (a *azure) list(t *testing.T, out io.Writer, query access.Query, memory int) (stderr string, err error) {
	t.Helper()
	s, _, _, errOut := iostreams.Test()
	s.Out = out
	err = a.run(t, s, query, memory)
	return errOut.String(), err
}

func (a *azure) run(t *testing.T, s *iostreams.IOStreams, query access.Query, memory int) error {
	t.Helper()
	reg, err := acrkit.ParseRegistry(host)
	if err != nil {
		t.Fatal(err)
	}
	opts := &listOptions{IO: s, Now: time.Now, Registry: reg, Query: query, memory: memory,
		Manage: func(ctx context.Context, reg acrkit.Registry, _ *cmdutil.Azure) (*manage.Registry, error) {
			c, err := manage.New(identity{}, &manage.Options{Transport: a, ResourceGroup: "rg",
				Subscription: "33333333-3333-3333-3333-333333333333"})
			if err != nil {
				return nil, err
			}
			return c.Registry(ctx, reg)
		}}
	return listRun(t.Context(), opts)
}

func role(id, name string, permissions ...map[string]any) any {
	return map[string]any{"id": "/providers/Microsoft.Authorization/roleDefinitions/" + id,
		"properties": map[string]any{"roleName": name, "type": "CustomRole", "permissions": permissions}}
}

func assignment(who, kind, role, condition string) any {
	return map[string]any{"id": resID + "/x", "properties": map[string]any{"scope": group, "principalId": who,
		"principalType": kind, "condition": condition,
		"roleDefinitionId": group + "/providers/Microsoft.Authorization/roleDefinitions/" + role}}
}

// TestRead_unknown: what cannot be read or decided is in the list, and the exit code is 7.
func TestRead_unknown(t *testing.T) {
	t.Parallel()
	pull := map[string]any{"actions": []string{"Microsoft.ContainerRegistry/registries/pull/*"}}
	data := map[string]any{"dataActions": []string{"Microsoft.ContainerRegistry/registries/repositories/*"},
		"notDataActions": []string{"*/write"}}
	app := access.Query{Repository: "samples/app", Action: "content/read"}
	for name, x := range map[string]struct {
		azure  azure
		want   string // parts of lines
		code   int
		stderr string
	}{
		"custom role": {azure{roles: []any{role("r1", "my pullers", pull)},
			assignments: []any{assignment(who1, "User", "r1", "")}},
			"principal\tUser " + who1 + "\t*\tcontent/read\trole my pullers on " + group + "\tok", 0, ""},
		"data of a custom role": {azure{mode: "AbacRepositoryPermissions", roles: []any{role("r1", "data", data)},
			assignments: []any{assignment(who1, "User", "r1", "")}},
			"role data on " + group + "\tok", 0, ""},
		"data in legacy mode": {azure{roles: []any{role("r1", "data", data)},
			assignments: []any{assignment(who1, "User", "r1", "")}}, "", 0, ""},
		"group": {azure{roles: []any{role("r1", "pullers", pull)},
			assignments: []any{assignment(who1, "Group", "r1", "")}},
			"Group " + who1 + "\t*\tcontent/read\trole pullers on " + group +
				"\tunknown: the members of the group are not known", 7, ""},
		"role that is not there": {azure{assignments: []any{assignment(who1, "User", "r9", "")}},
			"role r9 on " + group + "\tunknown: the definition of the role could not be read", 7, ""},
		"condition": {azure{mode: "AbacRepositoryPermissions", roles: []any{role("r1", "data", data)},
			assignments: []any{assignment(who1, "User", "r1", "@Principal[x] StringEquals 'a'")}},
			"if @Principal[x] StringEquals 'a'\tunknown: the condition is not understood: line 1", 7, ""},
		"condition in legacy mode": {azure{roles: []any{role("r1", "pullers", pull)},
			assignments: []any{assignment(who1, "User", "r1", "@Principal[x] StringEquals 'a'")}},
			"unknown: ", 7, ""},
		"no right to role assignments": {azure{forbidden: []string{"roleAssignments"}},
			"unread\tthe role assignments\t-\t-\t\tunknown: ", 7,
			"not read: the role assignments: The client 'x' with object id 'y' does not have authorization"},
		"no right to role definitions": {azure{forbidden: []string{"roleDefinitions"},
			assignments: []any{assignment(who1, "User", "r1", "")}},
			"unknown: the definition of the role could not be read", 7, "not read: the role definitions: "},
		"no right to tokens": {azure{forbidden: []string{"tokens"}}, "unread\tthe tokens\t", 7,
			"not read: the tokens: "},
		"no right to scope maps": {azure{tokens: 1, forbidden: []string{"scopeMaps"}},
			"token\ttoken-00000\t-\t-\tscope map map-00000\tunknown: its scope map could not be read", 7,
			"not read: the scope maps: "},
		"scope map that is not there": {azure{tokens: 2, missing: true},
			"token\ttoken-00001\t-\t-\tscope map map-00001\tunknown: its scope map could not be read", 7, ""},
		"line of another service": {azure{tokens: 1, lines: func(int) []string { return []string{"helm/x/read"} }},
			"scope map map-00000: helm/x/read\tunknown: the line is not understood: ", 7, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if x.azure.lines == nil {
				x.azure.lines = func(int) []string { return []string{"repositories/samples/app/content/read"} }
			}
			var out bytes.Buffer
			stderr, err := x.azure.list(t, &out, app, 0)
			if cmdutil.ExitCode(err) != x.code || !strings.Contains(out.String(), x.want) ||
				x.want == "" && out.Len() > 0 || !strings.Contains(stderr, x.stderr) {
				t.Errorf("exit %d, want %d; printed\n%s%swant %q and %q\n%v", cmdutil.ExitCode(err), x.code, &out,
					stderr, x.want, x.stderr, err)
			}
			if x.stderr != "" && !strings.Contains(acrkit.HintOf(err), "az role assignment create") {
				t.Errorf("the hint is %q", acrkit.HintOf(err))
			}
		})
	}
}

// TestRead_order: the list does not depend on the order in which Azure lists, nor on how
// much is in memory.
func TestRead_order(t *testing.T) {
	t.Parallel()
	lines := func(i int) []string {
		return []string{"repositories/team-" + strconv.Itoa(i%7) + "/*/content/read", "repositories/a/metadata/read",
			"gateway/x/config/read"}
	}
	var want string
	for i, x := range []struct {
		shuffled bool
		memory   int
	}{{false, 0}, {true, 0}, {false, 3000}, {true, 3000}} {
		var out bytes.Buffer
		a := &azure{tokens: 350, lines: lines, shuffled: x.shuffled}
		if _, err := a.list(t, &out, access.Query{}, x.memory); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			want = out.String()
			if n := strings.Count(want, "\n"); n != 700 {
				t.Errorf("%d lines, want 700", n)
			}
			if rows := strings.Split(strings.TrimSpace(want), "\n"); !slices.IsSorted(rows) {
				t.Error("the rows are not sorted")
			}
		} else if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("%+v: %s", x, diff)
		}
	}
}

// TestRead_cutOff: a list that ends by an error is no list.
func TestRead_cutOff(t *testing.T) {
	t.Parallel()
	a := &azure{tokens: 150, unfinished: true, lines: func(int) []string { return nil }}
	var out bytes.Buffer
	if _, err := a.list(t, &out, access.Query{}, 0); cmdutil.ExitCode(err) != cmdutil.ExitUnavailable || out.Len() > 0 {
		t.Errorf("%v, printed %q", err, &out)
	}
}

// TestRead_progress: at a terminal, work that takes longer than a second shows how far it
// is; in a pipe nothing is said.
func TestRead_progress(t *testing.T) {
	for _, tty := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s, _, _, errOut := iostreams.Test()
			s.SetTTY(tty, tty, tty)
			a := &azure{tokens: 500, lines: func(int) []string { return nil }}
			a.onPage = func() { time.Sleep(700 * time.Millisecond) }
			if err := a.run(t, s, access.Query{}, 0); err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"reading the tokens\r", "reading the tokens: 400\r", "reading the scope maps: 500\r"} {
				if strings.Contains(errOut.String(), want) != tty {
					t.Errorf("terminal %v: %q", tty, errOut)
				}
			}
		})
	}
}

// meter takes the output away and notes how much memory is in use.
type meter struct {
	rows, peak uint64
	wrote      int64
}

func (m *meter) Write(p []byte) (int, error) {
	m.wrote += int64(len(p))
	if n := uint64(bytes.Count(p, []byte("\n"))); (m.rows+n)/20000 != m.rows/20000 {
		m.note()
		m.rows += n
	} else {
		m.rows += n
	}
	return len(p), nil
}

func (m *meter) note() {
	var s runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&s)
	m.peak = max(m.peak, s.HeapAlloc)
}

// TestMemory: 20 times as many tokens and scope maps need no more memory than the spools'
// own.
func TestMemory(t *testing.T) {
	const memory, room = 1 << 20, 3 << 20 // of each of three spools, and for all else
	measure := func(tokens int) *meter {
		m := &meter{}
		page := 0
		a := &azure{tokens: tokens, lines: func(i int) []string {
			var lines []string
			for k := range 5 {
				lines = append(lines, fmt.Sprintf("repositories/team-%d/service-%d/content/read", i, k))
			}
			return lines
		}, onPage: func() {
			if page++; page%10 == 0 {
				m.note()
			}
		}}
		if _, err := a.list(t, m, access.Query{}, memory); err != nil {
			t.Fatal(err)
		}
		if m.rows != uint64(5*tokens) {
			t.Errorf("%d rows of %d tokens", m.rows, tokens)
		}
		return m
	}
	few, many := measure(1000), measure(20000)
	t.Logf("1,000 tokens: %d KiB; 20,000 tokens: %d KiB, printed %d KiB", few.peak>>10, many.peak>>10, many.wrote>>10)
	if many.peak > few.peak+3*memory+room {
		t.Errorf("20,000 tokens need %d KiB, 1,000 need %d KiB", many.peak>>10, few.peak>>10)
	}
}
