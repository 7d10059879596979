package emulator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/fault"
)

// properties are those of a resource.
func (a answer) properties(t *testing.T) map[string]any {
	t.Helper()
	var v struct{ Properties map[string]any }
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
	return v.Properties
}

func actionsOf(lines ...string) string {
	b, err := json.Marshal(map[string]any{"properties": map[string]any{"actions": lines}})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// TestArmScopeMap: the life of a scope map, and what a change of it means for tokens.
func TestArmScopeMap(t *testing.T) {
	f := start(t, nil)
	c := f.arm()
	const other = "repositories/samples/other/content/read"
	c.refused("GET", "/scopeMaps/deploy", "", 404, "ResourceNotFound", "The resource deploy could not be found.")
	made := c.want(200, "PUT", "/scopeMaps/deploy", actionsOf(other)).properties(t)
	if made["type"] != "UserDefined" || made["provisioningState"] != "Succeeded" || made["description"] != nil {
		t.Errorf("%v", made)
	}
	a := c.want(201, "PATCH", "/scopemaps/DEPLOY", `{"properties":{"description":"for a test"}}`)
	p := a.properties(t)
	if p["provisioningState"] != "Updating" || p["description"] != "for a test" ||
		fmt.Sprint(p["actions"]) != "["+other+"]" || a.header.Get("Azure-Asyncoperation") == "" {
		t.Errorf("%v %v", a.header, p)
	}
	if again := c.want(200, "PUT", "/scopeMaps/deploy", actionsOf(other)).properties(t); again["description"] != nil ||
		again["creationDate"] != made["creationDate"] {
		t.Errorf("after a replacement: %v, before %v", again, made)
	}

	// A token's rights follow its map.
	pull := func(repository string) bool {
		t.Helper()
		token := f.access("ci-pull", pullPw, "repository:"+repository+":pull")
		return f.get("/v2/"+repository+"/manifests/v1", bearer(token)).status == 200
	}
	if !pull("samples/app") || pull("samples/other") {
		t.Error("the token does not begin as the seed says")
	}
	c.want(201, "PATCH", "/scopeMaps/ci-pull", actionsOf(other))
	if pull("samples/app") || !pull("samples/other") {
		t.Error("a new access token does not have the rights of the changed scope map")
	}
	c.want(201, "PATCH", "/tokens/ci-pull", `{"properties":{"scopeMapId":"`+strings.ToUpper(armRegistry)+
		`/SCOPEMAPS/_REPOSITORIES_PULL"}}`)
	if !pull("samples/app") || !pull("samples/other") {
		t.Error("the token does not have the registry's own scope map")
	}
	c.want(201, "PATCH", "/tokens/ci-pull", `{"properties":{"scopeMapId":"`+armRegistry+`/scopeMaps/ci-pull"}}`)

	c.want(202, "DELETE", "/scopeMaps/ci-pull", "") // a token has it: az says what that does
	if pull("samples/other") {
		t.Error("a token without a scope map has rights")
	}
	c.want(204, "DELETE", "/scopeMaps/ci-pull", "")
	c.refused("PATCH", "/scopeMaps/ci-pull", actionsOf(other), 404, "ResourceNotFound", "ci-pull")

	for _, line := range []string{"some/complex/repo/content/read", "repositories/a/contentWrite",
		"repositories/A/content/read", "repositories/a*/content/read"} {
		for _, method := range []string{"PUT", "PATCH"} {
			c.refused(method, "/scopeMaps/deploy", actionsOf(line), 400, "ScopeMapActionInvalid",
				"Scope map action: '"+line+"' is invalid or not supported. Supported format is <resource type>/")
		}
	}
	c.refused("PUT", "/scopeMaps/deploy", "{}", 400, "InvalidParameter", "has no actions")
	c.refused("PUT", "/scopeMaps/deploy", "[", 400, "InvalidRequestContent", "")
	for _, method := range []string{"PUT", "PATCH", "DELETE"} {
		c.refused(method, "/scopeMaps/_repositories_admin", actionsOf(other), 400, "ResourceNameWithHyphenInvalid",
			"'_' is reserved for system defined resources")
	}
	if kind := c.want(200, "GET", "/scopeMaps/_Repositories_Admin", "").properties(t)["type"]; kind != "SystemDefined" {
		t.Errorf("the type is %v", kind)
	}
}

// TestArmToken: the life of a token and its passwords, which work at once and are shown
// once.
func TestArmToken(t *testing.T) {
	f := start(t, nil)
	c := f.arm()
	body := `{"properties":{"scopeMapId":"` + armRegistry + `/scopeMaps/CI-pull","status":"enabled"}}`
	made := c.want(201, "PUT", "/tokens/deployer", body)
	p := made.properties(t)
	if p["provisioningState"] != "Creating" || p["scopeMapId"] != armRegistry+"/scopeMaps/ci-pull" ||
		fmt.Sprint(p["credentials"]) != "map[certificates:[] passwords:[]]" {
		t.Errorf("%v", p)
	}
	operation := made.header.Get("Azure-Asyncoperation")
	if got := f.do("GET", operation, c.token, ""); got.body != `{"status":"Succeeded"}`+"\n" {
		t.Errorf("%s: %s", operation, got.body)
	}
	generate := func(name string) map[string]string {
		t.Helper()
		body := `{"tokenId":"` + strings.ToUpper(armRegistry) + `/tokens/DEPLOYER"`
		if name != "" {
			body += `,"name":"` + name + `"`
		}
		a := c.want(200, "POST", "/generateCredentials", body+`,"expiry":"2026-03-01T13:00:00.123Z"}`)
		var v struct {
			Username  string
			Passwords []struct{ Name, Value, Expiry, CreationTime string }
		}
		if err := json.Unmarshal([]byte(a.body), &v); err != nil || v.Username != "deployer" {
			t.Fatalf("%s: %v", a.body, err)
		}
		values := map[string]string{}
		for i, p := range v.Passwords {
			if p.Name != []string{"password1", "password2"}[i] || p.Expiry != "2026-03-01T13:00:00.123+00:00" {
				t.Errorf("%+v", p)
			}
			values[p.Name] = p.Value
		}
		return values
	}
	try := func(what, password string, want int) {
		t.Helper()
		if a := f.password("deployer", password, "repository:samples/app:pull"); a.status != want {
			t.Errorf("%s: %d %s, want %d", what, a.status, a.body, want)
		}
	}
	both := generate("")
	try("password1", both["password1"], 200)
	try("password2", both["password2"], 200)
	second := generate("password2")
	if len(second) != 2 || second["password1"] != "" || second["password2"] == "" {
		t.Errorf("the answer for password2: %d passwords, a value of password1: %t", len(second),
			second["password1"] != "")
	}
	try("password1 beside a new password2", both["password1"], 200)
	try("the old password2", both["password2"], 401)
	access := f.access("deployer", both["password1"], "repository:samples/app:pull")

	c.want(201, "PATCH", "/tokens/deployer", `{"properties":{"credentials":{"passwords":[{"name":"password2"}]}}}`)
	try("the removed password1", both["password1"], 401)
	try("the new password2", second["password2"], 200)
	if a := f.get("/v2/samples/app/manifests/v1", bearer(access)); a.status != 200 {
		t.Errorf("an access token that lives on: %d", a.status)
	}
	c.want(201, "PATCH", "/tokens/deployer", `{"properties":{"status":"disabled"}}`)
	try("a disabled token", second["password2"], 401)
	c.want(201, "PATCH", "/tokens/deployer", `{"properties":{"status":"enabled"}}`)
	try("an enabled token", second["password2"], 200)
	c.want(201, "PUT", "/tokens/Deployer", body)
	try("a replaced token keeps its passwords", second["password2"], 200)
	got := c.want(200, "GET", "/tokens/DEPLOYER", "")
	if strings.Contains(got.body, "value") || strings.Contains(got.body, second["password2"]) {
		t.Errorf("a value can be read: %s", got.body)
	}
	c.want(201, "PATCH", "/tokens/deployer", `{"properties":{"credentials":{"passwords":[]}}}`)
	try("the removed password2", second["password2"], 401)

	c.refused("PUT", "/tokens/deployer", `{"properties":{"scopeMapId":"/subscriptions/x/scopeMaps/ci-pull"}}`, 400,
		"InvalidScopeMapId", "is not one of the registry")
	c.refused("PUT", "/tokens/deployer", `{"properties":{"scopeMapId":"`+armRegistry+`/scopeMaps/nothing"}}`, 400,
		"InvalidParameter", "there is no scope map")
	c.refused("PUT", "/tokens/deployer", `{"properties":{}}`, 400, "MissingScopeMapId", "")
	c.refused("PATCH", "/tokens/deployer", `{"properties":{"status":"x"}}`, 400, "InvalidTokenStatus", "")
	c.refused("PATCH", "/tokens/unknown", `{"properties":{}}`, 404, "ResourceNotFound", "unknown")
	c.refused("POST", "/generateCredentials", `{"tokenId":"`+armRegistry+`/tokens/unknown"}`, 404, "ResourceNotFound",
		"unknown")
	c.refused("POST", "/generateCredentials", `{"tokenId":"x"}`, 400, "InvalidTokenId", "")
	c.refused("POST", "/generateCredentials", `{"tokenId":"`+armRegistry+`/tokens/deployer","name":"password3"}`, 400,
		"InvalidParameter", "password3")
	c.want(202, "DELETE", "/tokens/deployer", "")
	c.want(204, "DELETE", "/tokens/deployer", "")
	values := []string{both["password1"], both["password2"], second["password2"]}
	for d, err := range f.Decisions(t.Context(), emulator.DecisionFilter{}) {
		must(t, err)
		for _, value := range values {
			if strings.Contains(fmt.Sprintf("%+v", d), value) {
				t.Error("the decision log has a value")
			}
		}
	}
	f.stop()
	for _, value := range values {
		if strings.Contains(f.log.String(), value) {
			t.Error("the log has a value")
		}
	}
}

// TestArmPastExpiry: an expiry in the past is taken, and the password does not work.
func TestArmPastExpiry(t *testing.T) {
	f := start(t, nil)
	a := f.arm().want(200, "POST", "/generateCredentials", `{"tokenId":"`+armRegistry+`/tokens/ci-pull",`+
		`"name":"password1","expiry":"2020-01-01T00:00:00Z"}`)
	var v struct{ Passwords []struct{ Value string } }
	must(t, json.Unmarshal([]byte(a.body), &v))
	if a := f.password("ci-pull", v.Passwords[0].Value, ""); a.status != 401 || f.last().RuleID != "password-expired" {
		t.Errorf("%d by %q", a.status, f.last().RuleID)
	}
}

// TestArmLatePassword: with the fault a renewed password works later.
func TestArmLatePassword(t *testing.T) {
	f := start(t, nil)
	c := f.arm()
	_, err := f.AddFault(fault.Fault{Kind: fault.LatePassword, Delay: time.Minute})
	must(t, err)
	a := c.want(200, "POST", "/generateCredentials", `{"tokenId":"`+armRegistry+`/tokens/ci-pull","name":"password1"}`)
	var v struct{ Passwords []struct{ Value string } }
	must(t, json.Unmarshal([]byte(a.body), &v))
	try := func(password string, want int, rule string) {
		t.Helper()
		if a := f.password("ci-pull", password, ""); a.status != want || string(f.last().RuleID) != rule {
			t.Errorf("%d by %q, want %d by %q", a.status, f.last().RuleID, want, rule)
		}
	}
	try(pullPw, 200, "")
	try(v.Passwords[0].Value, 401, "password-not-yet")
	f.clock.Add(time.Minute)
	try(pullPw, 401, "password-wrong")
	try(v.Passwords[0].Value, 200, "")
}

// TestArmPages: a long list comes in pages that nextLink leads through.
func TestArmPages(t *testing.T) {
	f := start(t, nil)
	c := f.arm()
	want := map[string]bool{"ci-pull": true}
	for i := range 230 {
		name := fmt.Sprintf("token-%03d", i)
		want[name] = true
		must(t, f.registry().PutToken(t.Context(), emulator.TokenSpec{Name: name, ScopeMap: "ci-pull"}))
	}
	seen, pages := map[string]bool{}, 0
	for next := "https://" + f.host + armRegistry + "/tokens" + armVersion; next != ""; pages++ {
		a := f.do("GET", next, c.token, "")
		var v struct {
			NextLink string
			Value    []struct{ Name string }
		}
		if err := json.Unmarshal([]byte(a.body), &v); err != nil || len(v.Value) > 100 {
			t.Fatalf("%d items, %v", len(v.Value), err)
		}
		for _, x := range v.Value {
			if seen[x.Name] {
				t.Errorf("%s comes twice", x.Name)
			}
			seen[x.Name] = true
		}
		next = v.NextLink
	}
	for name := range want {
		if !seen[name] {
			t.Errorf("%s is missing", name)
		}
	}
	if pages != 3 {
		t.Errorf("%d pages", pages)
	}
	lists := []string{"/tokens", "/scopeMaps", armSub + "/resourceGroups", armGroup + "/resources",
		armSub + "/providers/Microsoft.ContainerRegistry/registries"}
	other := "" // a token of another list
	for _, path := range lists {
		for _, top := range []string{"0", "-1", "x", ""} {
			c.refused("GET", path+armVersion+"&$top="+top, "", 400, "InvalidTopInQueryString", "'"+top+"'")
		}
		for _, token := range []string{"!", "", "x", "1", "eHh4eHh4eHh4eHh4", other} {
			c.refused("GET", path+armVersion+"&$skiptoken="+token, "", 400, "InvalidSkipToken", "$skiptoken")
		}
		if path != "/tokens" {
			continue
		}
		var v struct {
			NextLink string
			Value    []any
		}
		must(t, json.Unmarshal([]byte(c.want(200, "GET", path+armVersion+"&$top=7", "").body), &v))
		u, err := url.Parse(v.NextLink)
		must(t, err)
		if other = u.Query().Get("$skiptoken"); len(v.Value) != 7 || other == "" || u.Query().Get("$top") != "7" {
			t.Errorf("%s: %d items, then %s", path, len(v.Value), v.NextLink)
		}
	}
}

// TestArmLostUpdate: Azure Resource Manager knows no versions: of two editors that read,
// change and write, one loses its change, and the fault brings that about.
func TestArmLostUpdate(t *testing.T) {
	f := start(t, nil)
	c := f.arm()
	f.Clock().Freeze()
	added, err := f.AddFault(fault.Fault{Kind: fault.LateWrite, Delay: time.Minute})
	must(t, err)
	read := func() (lines []string) {
		t.Helper()
		for _, x := range c.want(200, "GET", "/scopeMaps/ci-pull", "").properties(t)["actions"].([]any) {
			lines = append(lines, x.(string))
		}
		return lines
	}
	before := read()
	var editors sync.WaitGroup
	for i := range 2 {
		lines := append(read(), fmt.Sprintf("repositories/editor-%d/content/read", i))
		editors.Go(func() { c.want(201, "PATCH", "/scopeMaps/ci-pull", actionsOf(lines...)) })
		for f.Faults()[0].Hits <= int64(i) && t.Context().Err() == nil {
			runtime.Gosched() // the change waits
		}
	}
	if now := read(); !slices.Equal(now, before) {
		t.Errorf("a change that waits was made: %q", now)
	}
	must(t, f.Clock().Advance(time.Minute))
	editors.Wait()
	if after := read(); len(after) != len(before)+1 {
		t.Errorf("%d actions after both editors, %d before: %q", len(after), len(before), after)
	}
	must(t, f.RemoveFault(added.ID))
	c.want(201, "PATCH", "/scopeMaps/ci-pull", actionsOf(before...)) // at once
}

// TestArmLateWrite_atOnce: the delay begins with the hit, so that who sees it may move the
// clock, also while the body is still on its way.
func TestArmLateWrite_atOnce(t *testing.T) {
	f := start(t, nil)
	c := f.arm()
	f.Clock().Freeze()
	_, err := f.AddFault(fault.Fault{Kind: fault.LateWrite, Delay: time.Minute})
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	body, send := io.Pipe()
	req, err := http.NewRequestWithContext(ctx, http.MethodPatch,
		"https://"+f.host+armRegistry+"/scopeMaps/ci-pull"+armVersion, body)
	must(t, err)
	req.Header = c.token.Clone()
	go func() {
		for f.Faults()[0].Hits == 0 && ctx.Err() == nil {
			runtime.Gosched()
		}
		_ = f.Clock().Advance(time.Minute) // in no year that the clock does not know
		_, _ = io.WriteString(send, actionsOf("repositories/samples/app/content/read"))
		_ = send.Close()
	}()
	res, err := f.client.Do(req)
	if err != nil {
		t.Fatalf("the change waits on: %v", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		t.Errorf("%s", res.Status)
	}
}

// TestArmLostUpdates: of 16 editors that read one scope map, add a line and write at once,
// the last one wins: with the fault all of them read before one writes.
func TestArmLostUpdates(t *testing.T) {
	f := start(t, nil)
	c := f.arm()
	lines := func() (out []string) {
		t.Helper()
		for _, x := range c.want(200, "GET", "/scopeMaps/ci-pull", "").properties(t)["actions"].([]any) {
			out = append(out, x.(string))
		}
		return out
	}
	const editors = 16
	edit := func(i int) {
		c.want(201, "PATCH", "/scopeMaps/ci-pull",
			actionsOf(append(lines(), fmt.Sprintf("repositories/editor-%02d/content/read", i))...))
	}
	before := len(lines())
	f.Clock().Freeze()
	added, err := f.AddFault(fault.Fault{Kind: fault.LateWrite, Delay: time.Minute})
	must(t, err)
	var all sync.WaitGroup
	for i := range editors {
		all.Go(func() { edit(i) })
	}
	// The fault holds changes only, so that all have read when all wait.
	for f.Faults()[0].Hits < editors && t.Context().Err() == nil {
		runtime.Gosched()
	}
	must(t, f.Clock().Advance(time.Minute))
	all.Wait()
	if after := lines(); len(after) != before+1 {
		t.Errorf("%d lines were there, and %d after %d editors: %q", before, len(after), editors, after)
	}
	// One after the other, none loses anything.
	must(t, f.RemoveFault(added.ID))
	for i := range editors {
		edit(i + editors)
	}
	if after := lines(); len(after) != before+1+editors {
		t.Errorf("%d lines after editors that took turns", len(after))
	}
}

// TestArmWriters: 16 writers at once on different scope maps lose nothing.
func TestArmWriters(t *testing.T) {
	f := start(t, nil)
	c := f.arm()
	const writers, rounds = 16, 10
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			path := fmt.Sprintf("/scopeMaps/writer-%02d", i)
			lines := []string{}
			for round := range rounds {
				lines = append(lines, fmt.Sprintf("repositories/r%d/content/read", round))
				if c.want(200, "PUT", path, actionsOf(lines...)); t.Failed() {
					return
				}
			}
		})
	}
	all.Wait()
	for i := range writers {
		got := c.want(200, "GET", fmt.Sprintf("/scopeMaps/writer-%02d", i), "").properties(t)["actions"]
		if lines, _ := got.([]any); len(lines) != rounds {
			t.Errorf("writer %d: %v", i, got)
		}
	}
}
