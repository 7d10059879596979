package access_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit/manage"
	"github.com/acrkit/acrkit/manage/access"
)

const registries = "Microsoft.ContainerRegistry/registries/"

func actions(grants []access.Grant) string {
	var out []string
	for _, g := range grants {
		text := g.Action
		if g.Unknown != "" {
			text += "?"
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

// TestAssignment_permissions: a role gives what its permissions say; its name does not matter.
func TestAssignment_permissions(t *testing.T) {
	const pull, push = "content/read metadata/read catalog", "content/write metadata/write"
	control := func(actions ...string) manage.Permission { return manage.Permission{Actions: actions} }
	data := func(actions ...string) manage.Permission { return manage.Permission{DataActions: actions} }
	without := func(p manage.Permission, actions ...string) manage.Permission {
		p.NotActions, p.NotDataActions = actions, actions
		return p
	}
	for _, x := range []struct {
		name         string
		permissions  []manage.Permission
		legacy, abac string
	}{
		{"AcrPull", []manage.Permission{control(registries + "pull/read")}, pull, ""},
		{"AcrPush", []manage.Permission{control(registries+"pull/read", registries+"push/write")},
			pull + " " + push, ""},
		{"AcrDelete", []manage.Permission{control(registries + "artifacts/delete")}, "content/delete", ""},
		{"Reader", []manage.Permission{control("*/read")}, pull, ""},
		{"Owner", []manage.Permission{control("*")}, pull + " " + push + " content/delete control", "control"},
		{"none", nil, "", ""},
		{"case", []manage.Permission{control("MICROSOFT.containerregistry/Registries/PULL/Read")}, pull, ""},
		{"wildcards", []manage.Permission{control("Microsoft.*/registries/p*/*e")}, push, ""},
		{"wildcard with too much", []manage.Permission{control(registries + "pull/read*x")}, "", ""},
		{"overlap", []manage.Permission{control("Microsoft.ContainerRegistry/registries/pull/r*read")}, "", ""},
		{"left out", []manage.Permission{without(control("*"), "*/read", "Microsoft.Authorization/*", registries+"*")},
			"", ""},
		{"left out of one of two", []manage.Permission{without(control("*"), "*"), control(registries + "pull/read")},
			pull, ""},
		{"repository reader", []manage.Permission{data(registries+"repositories/content/read",
			registries+"repositories/metadata/read")}, "", "content/read metadata/read"},
		{"all data", []manage.Permission{data("*")}, "",
			"content/read content/write content/delete metadata/read metadata/write catalog"},
		{"data left out", []manage.Permission{without(data(registries+"*"), "*/write", "*/delete")}, "",
			"content/read metadata/read catalog"},
		{"configuration", []manage.Permission{control(registries + "tokens/write")}, "control", "control"},
	} {
		role := &manage.Role{Name: x.name, Permissions: x.permissions}
		a := manage.Assignment{PrincipalID: "p", PrincipalType: "User", Scope: "/subscriptions/s", Role: "/x/r"}
		for abac, want := range map[bool]string{false: x.legacy, true: x.abac} {
			got := actions(access.Query{}.Assignment(manage.Settings{ABAC: abac}, a, role))
			if got != want {
				t.Errorf("%s, ABAC %v: %q, want %q", x.name, abac, got, want)
			}
		}
	}
}

// TestAssignment_condition: a condition that is not understood neither gives nor takes.
func TestAssignment_condition(t *testing.T) {
	role := &manage.Role{Name: "writer", Permissions: []manage.Permission{{Actions: []string{"*"},
		DataActions: []string{registries + "repositories/content/*"}}}}
	const on = "@Request[Microsoft.ContainerRegistry/registries/repositories:name] StringStartsWith 'team/'"
	for _, x := range []struct {
		condition, repository, want string
		abac                        bool
	}{
		{on, "team/app", "content/read content/write content/delete", true},
		{on, "other", "", true},
		{on, "", "content/read content/write content/delete control?", true},
		{"!(ActionMatches{'" + registries + "repositories/content/read'}) OR " + on, "other",
			"content/write content/delete", true},
		{"@Environment[isPrivateLink] BoolEquals true", "other", "content/read? content/write? content/delete?", true},
		{on, "team/app", "content/read? metadata/read? content/write? metadata/write? content/delete?", false},
	} {
		a := manage.Assignment{PrincipalID: "p", PrincipalType: "User", Condition: x.condition, Role: "/x/r"}
		got := access.Query{Repository: x.repository}.Assignment(manage.Settings{ABAC: x.abac}, a, role)
		if actions(got) != x.want {
			t.Errorf("%s on %q: %q, want %q", x.condition, x.repository, actions(got), x.want)
		}
	}
}

// TestScopeMap: the catalog comes with metadata/read on all repositories alone.
func TestScopeMap(t *testing.T) {
	m := manage.ScopeMap{Name: "m", Actions: []string{"repositories/a/*/content/read", "repositories/a/b/content/write",
		"repositories/*/metadata/read", "gateway/x/config/read"}}
	for _, x := range []struct {
		query access.Query
		want  string
	}{
		{access.Query{}, "content/read content/write metadata/read catalog"},
		{access.Query{Repository: "a/b"}, "content/read content/write metadata/read"},
		{access.Query{Repository: "a/c"}, "content/read metadata/read"},
		{access.Query{Repository: "a"}, "metadata/read"},
		{access.Query{Action: "catalog"}, "catalog"},
		{access.Query{Action: "control"}, ""},
		{access.Query{Repository: "a/b", Action: "content/write"}, "content/write"},
	} {
		token := access.OfToken(manage.Token{Name: "t", ScopeMap: "m", Enabled: true}, time.Now())
		narrow := x.query.Narrow(m)
		all, few := x.query.ScopeMap(token, &m), x.query.ScopeMap(token, &narrow)
		if actions(all) != x.want || !slices.Equal(all, few) {
			t.Errorf("%+v: %q, narrowed %q, want %q", x.query, actions(all), actions(few), x.want)
		}
	}
}

// TestDecide: what is certain and usable decides; a token that cannot log in may nothing.
func TestDecide(t *testing.T) {
	live := access.Grant{Kind: access.KindToken, Enabled: true, Password: access.PasswordLive}
	off, old, odd := live, live, live
	off.Enabled, old.Password, odd.Unknown = false, access.PasswordExpired, "why"
	offOdd := off
	offOdd.Unknown = "why"
	unread := access.Grant{Kind: access.KindUnread, Unknown: "why"}
	for _, x := range []struct {
		grants []access.Grant
		want   access.Answer
		why    int
	}{
		{nil, access.No, 0},
		{[]access.Grant{live}, access.Yes, 1},
		{[]access.Grant{unread, live, odd}, access.Yes, 1},
		{[]access.Grant{off, old}, access.No, 2},
		{[]access.Grant{odd, off}, access.Unknown, 1},
		{[]access.Grant{offOdd}, access.No, 1},
		{[]access.Grant{unread}, access.Unknown, 1},
	} {
		if got, why := access.Decide(x.grants); got != x.want || len(why) != x.why {
			t.Errorf("%+v: %s by %d, want %s by %d", x.grants, got, len(why), x.want, x.why)
		}
	}
}

// TestPassword: one password that has not expired is enough.
func TestPassword(t *testing.T) {
	now := time.Now()
	past, later := manage.Password{Expires: now}, manage.Password{Expires: now.Add(1)}
	for _, x := range []struct {
		passwords []manage.Password
		want      string
	}{
		{nil, access.PasswordNone}, {[]manage.Password{past}, access.PasswordExpired},
		{[]manage.Password{past, later}, access.PasswordLive}, {[]manage.Password{{}}, access.PasswordLive},
	} {
		if got := access.OfToken(manage.Token{Passwords: x.passwords}, now).Password; got != x.want {
			t.Errorf("%+v: %s, want %s", x.passwords, got, x.want)
		}
	}
}

func TestQuery_Check(t *testing.T) {
	for _, good := range []access.Query{{}, {Repository: "a/b", Action: "content/read"}, {Action: "catalog"}} {
		if err := good.Check(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
	for _, bad := range []access.Query{{Repository: "A"}, {Action: "pull"}, {Repository: "a", Action: "catalog"},
		{Repository: "a", Action: "control"}, {Repository: "a/*"}} {
		if bad.Check() == nil {
			t.Errorf("%+v is good", bad)
		}
	}
}
