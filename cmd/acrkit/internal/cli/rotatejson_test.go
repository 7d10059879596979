package cli_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// rotatedJSON is what a program reads of "token rotate --json".
type rotatedJSON struct {
	Name, Owner, Status, Reason, Error, Step, Slot, Retired string
	Expires, RetireAfter                                    *time.Time
	Sinks                                                   []struct {
		Sink, Holds, Error string
		Verified           bool
	}
}

const allRotated = "name,owner,status,reason,error,step,slot,expires,retired,retireAfter,sinks"

// TestTokenRotate_json: one token and all of a policy have the same objects, before the change,
// after it, and after a failure.
func TestTokenRotate_json(t *testing.T) {
	t.Parallel()
	r := newRotator(t)
	for _, name := range []string{"team-a", "team-b", "team-c", "alone"} {
		token := r.reg.Token(name, pullLine)
		r.reg.ExpirePassword(name, "password2")
		r.write(t, name, token.Password1)
	}
	file := func(name string) string { return "file:" + r.file(name) }
	r.write(t, "policy.yaml", "defaults: {grace: 1h, age: 30d}\ntokens:\n"+
		"  - {name: team-a, owner: a@example.org, sinks: ['"+file("team-a")+"']}\n"+
		"  - {name: team-b, sinks: ['"+file("team-b")+"']}\n"+
		"  - {name: team-c, managed-by: vault}\n")
	run := func(code int, out any, args ...string) {
		t.Helper()
		got := r.run(t, append(args, "--json", allRotated)...)
		if err := json.Unmarshal([]byte(got.out), out); err != nil || got.code != code {
			t.Fatalf("%q: exit code %d, %v\n%s%s", args, got.code, err, got.out, got.err)
		}
	}
	// check compares an object with the parts of it that a step decides. It returns the object.
	check := func(got rotatedJSON, name, status, step, slot, retired string) rotatedJSON {
		t.Helper()
		if got.Name != name || got.Status != status || got.Step != step || got.Slot != slot || got.Retired != retired {
			t.Errorf("%+v, want %s %s %s %s %s", got, name, status, step, slot, retired)
		}
		return got
	}
	one := []string{"alone", "--to", file("alone"), "--grace", "1h"}
	all := []string{"--all", "--policy", r.file("policy.yaml"), "--yes"}
	r.reg.Advance(31 * 24 * time.Hour)
	var object rotatedJSON
	var list []rotatedJSON

	run(0, &object, append(one, "--dry-run")...)
	check(object, "alone", "rotate", "generate", "password2", "password1")
	if len(object.Sinks) != 1 || object.Sinks[0].Holds != "password1" || object.Expires == nil {
		t.Errorf("%+v", object)
	}
	run(0, &list, append(all, "--dry-run")...)
	if len(list) != 5 || list[4].Name != "alone" || list[4].Status != "leave" || list[2].Reason != "managed by vault" {
		t.Fatalf("%+v", list)
	}
	a := check(list[0], "team-a", "rotate", "generate", "password2", "password1")
	if a.Owner != "a@example.org" || a.Reason != "31d old" || len(a.Sinks) != 1 || a.Sinks[0].Holds != "password1" {
		t.Errorf("%+v", a)
	}

	object = rotatedJSON{}
	run(0, &object, one...)
	check(object, "alone", "rotated", "generate", "password2", "")
	if len(object.Sinks) != 1 || !object.Sinks[0].Verified || object.RetireAfter == nil || object.Error != "" {
		t.Errorf("%+v", object)
	}
	r.write(t, "team-b", "two words")
	list = nil
	run(7, &list, all...)
	a = check(list[0], "team-a", "rotated", "generate", "password2", "")
	if !a.Sinks[0].Verified || a.Sinks[0].Sink != file("team-a") || a.Expires == nil || a.Reason != "31d old" {
		t.Errorf("%+v", a)
	}
	b := check(list[1], "team-b", "fail", "", "", "")
	if !strings.Contains(b.Error, "it is not overwritten") || b.Sinks == nil {
		t.Errorf("%+v", b)
	}

	// Before the grace is over, and after it. Too many failures leave the rest.
	object = rotatedJSON{}
	run(0, &object, append(one, "--finish")...)
	check(object, "alone", "wait", "retire", "password2", "")
	r.reg.Advance(time.Hour + time.Second)
	object = rotatedJSON{}
	run(0, &object, append(one, "--finish")...)
	check(object, "alone", "finished", "retire", "password2", "password1")
	object = rotatedJSON{}
	run(0, &object, append(one, "--finish")...)
	check(object, "alone", "nothing", "nothing", "", "")
	r.write(t, "policy.yaml", "defaults: {grace: 1h, age: 30d}\ntokens:\n"+
		"  - {name: team-b, sinks: ['"+file("team-b")+"']}\n"+
		"  - {name: team-a, sinks: ['"+file("team-a")+"']}\n")
	list = nil
	run(7, &list, append(all, "--max-failures", "1")...)
	check(list[1], "team-a", "not tried", "", "", "")
	list = nil
	run(7, &list, all...)
	check(list[1], "team-a", "finished", "retire", "password2", "password1")

	// A failure of one token is in its object, too.
	object = rotatedJSON{}
	run(5, &object, "none-such", "--to", file("alone"))
	if check(object, "none-such", "fail", "", "", ""); !strings.Contains(object.Error, "none-such") {
		t.Errorf("%+v", object)
	}
}
