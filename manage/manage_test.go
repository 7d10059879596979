package manage_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/simtime"
	"github.com/acrkit/acrkit/manage"
)

const (
	pull    = "repositories/samples/app/content/read"
	push    = "repositories/samples/app/content/write"
	list    = "repositories/samples/app/metadata/read"
	manager = "Contributor"
)

// open finds a registry with the settings of a test.
func open(t *testing.T, reg *acrtest.Registry, cred azcore.TokenCredential, opts manage.Options) *manage.Registry {
	t.Helper()
	r, err := client(t, reg, cred, opts).Registry(t.Context(), parse(t, reg))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func client(t *testing.T, reg *acrtest.Registry, cred azcore.TokenCredential, opts manage.Options) *manage.Client {
	t.Helper()
	if opts.Transport == nil {
		opts.Transport = reg.RoundTripper()
	}
	if opts.Settle == 0 {
		opts.Settle = -1
	}
	if opts.Sleep == nil { // the emulator's clock is moved
		opts.Sleep = func(ctx context.Context, d time.Duration) error { reg.Advance(d); return ctx.Err() }
	}
	c, err := manage.New(cred, &opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestLife makes a scope map and a token, uses its passwords, and takes all back.
func TestLife(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	reg.Push("samples/app", "v1")
	var log []manage.Change
	principal := reg.ServicePrincipal(manager)
	r := open(t, reg, principal.AzureCredential(), manage.Options{
		Audit: func(c manage.Change) { log = append(log, c) }})
	ctx := t.Context()

	must(t, r.CreateScopeMap(ctx, manage.ScopeMap{Name: "team-a", Description: "of team a", Actions: []string{list}}))
	m, err := r.ScopeMap(ctx, "team-a")
	must(t, err)
	if m.Description != "of team a" || !slices.Equal(m.Actions, []string{list}) || m.System || m.Created.IsZero() {
		t.Errorf("made: %+v", m)
	}
	must(t, r.UpdateScopeMap(ctx, m, []string{list, pull}))
	must(t, r.CreateToken(ctx, "ci-job", "team-a"))
	expires := time.Now().Add(90 * 24 * time.Hour).Truncate(time.Second)
	p, err := r.GeneratePassword(ctx, "ci-job", manage.Slot2, expires)
	must(t, err)
	if p.Slot != manage.Slot2 || !p.Expires.Equal(expires) || p.Value.IsZero() {
		t.Errorf("password: %+v", p)
	}
	use := func() error {
		_, err := reg.Client(auth.ScopedToken("ci-job", p.Value.Reveal())).Tag(ctx, "samples/app", "v1")
		return err
	}
	must(t, use())

	token, err := r.Token(ctx, "ci-job")
	must(t, err)
	if token.ScopeMap != "team-a" || !token.Enabled || len(token.Passwords) != 1 || !token.Passwords[0].Value.IsZero() {
		t.Errorf("token: %+v", token)
	}
	off := false
	must(t, r.UpdateToken(ctx, token, manage.TokenChange{Enabled: &off}))
	if err := use(); !errors.Is(err, acrkit.CodeCredentialRejected) {
		t.Errorf("a disabled token: %v", err)
	}
	must(t, r.RemovePassword(ctx, "ci-job", manage.Slot2, p.Created))
	must(t, r.RemovePassword(ctx, "ci-job", manage.Slot2, p.Created)) // there is none
	if token, err = r.Token(ctx, "ci-job"); err != nil || len(token.Passwords) != 0 || token.Enabled {
		t.Errorf("after the removal: %+v, %v", token, err)
	}
	m, err = r.ScopeMap(ctx, "team-a")
	must(t, err)
	must(t, r.DeleteToken(ctx, token))
	must(t, r.DeleteScopeMap(ctx, m))
	for _, gone := range []error{r.DeleteToken(ctx, token), r.DeleteScopeMap(ctx, m)} {
		if !errors.Is(gone, acrkit.CodeNotFound) {
			t.Errorf("deleted twice: %v", gone)
		}
	}

	var said []string
	for _, c := range log {
		said = append(said, strings.TrimSpace(c.Action+" "+c.Kind+" "+c.Name+" "+string(c.Slot))+" "+c.Result)
		if c.Who.Client != principal.ClientID || c.Who.Tenant != principal.TenantID || c.Registry != r.ID() ||
			len(c.CorrelationID) != 36 || c.Time.IsZero() {
			t.Errorf("%+v", c)
		}
		if strings.Contains(string(c.Line()), p.Value.Reveal()) || strings.Count(string(c.Line()), "\n") != 1 {
			t.Errorf("the line is %s", c.Line())
		}
	}
	want := []string{"create scope-map team-a done", "update scope-map team-a done", "create token ci-job done",
		"generate password ci-job password2 done", "update token ci-job done", "remove password ci-job password2 done",
		"delete token ci-job done", "delete scope-map team-a done"}
	if !slices.Equal(said, want) {
		t.Errorf("audit:\n%s\nwant\n%s", strings.Join(said, "\n"), strings.Join(want, "\n"))
	}
}

// TestFind finds a registry with and without a subscription and a group.
func TestFind(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	cred := reg.ServicePrincipal("Reader").AzureCredential()
	r := open(t, reg, cred, manage.Options{})
	parts := strings.Split(r.ID(), "/")
	subscription, group := parts[2], parts[4]
	for _, o := range []manage.Options{
		{Subscription: subscription}, {Subscription: subscription, ResourceGroup: group}} {
		if found := open(t, reg, cred, o); found.ID() != r.ID() || found.Name() != reg.Name() {
			t.Errorf("%+v found %s", o, found.ID())
		}
	}
	for _, o := range []manage.Options{{Subscription: "99999999-9999-9999-9999-999999999999"},
		{Subscription: subscription, ResourceGroup: "other"}} {
		_, err := client(t, reg, cred, o).Registry(t.Context(), parse(t, reg))
		if !errors.Is(err, acrkit.CodeNotFound) && !errors.Is(err, acrkit.CodeDenied) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	// The first subscription needs no list of the others, and does not narrow the search.
	for first, want := range map[string]int{subscription: 1, "": 2, "99999999-9999-9999-9999-999999999999": 3} {
		reg.ResetRequests()
		open(t, reg, cred, manage.Options{First: first})
		if n := reg.Requests().Count("GET", "/subscriptions"); n != want {
			t.Errorf("first %q: %d requests, want %d: %q", first, n, want, reg.Requests().Lines())
		}
	}
	s, err := r.Settings(t.Context())
	must(t, err)
	if s.LoginServer != reg.Host() || s.SKU == "" || s.AdminUser || s.AnonymousPull || s.ABAC || !s.ARMTokens {
		t.Errorf("settings: %+v", s)
	}
}

// TestRefused: an identity without the role is told which action it lacks, and nothing is
// changed.
func TestRefused(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	token := reg.Token("ci-pull", pull)
	r := open(t, reg, reg.ServicePrincipal("Reader").AzureCredential(), manage.Options{})
	ctx := t.Context()
	m, err := r.ScopeMap(ctx, "ci-pull")
	must(t, err)
	there, err := r.Token(ctx, "ci-pull")
	must(t, err)
	_, generated := r.GeneratePassword(ctx, "ci-pull", manage.Slot1, time.Time{})
	for action, err := range map[string]error{
		"scopeMaps/write":     r.UpdateScopeMap(ctx, m, []string{push}),
		"scopeMaps/delete":    r.DeleteScopeMap(ctx, m),
		"tokens/write":        r.RemovePassword(ctx, "ci-pull", manage.Slot1, time.Time{}),
		"tokens/delete":       r.DeleteToken(ctx, there),
		"generateCredentials": generated,
	} {
		var e *acrkit.Error
		if !errors.As(err, &e) || e.Code != acrkit.CodeDenied || e.Cause != cause.ARMActionDenied ||
			!strings.Contains(err.Error(), action) || e.RequestID == "" {
			t.Errorf("%s: %v", action, err)
		}
	}
	_, err = reg.Client(token.Pair()).Repository(ctx, "samples/app")
	if !errors.Is(err, acrkit.CodeInsufficientScope) {
		t.Errorf("the token's own password: %v", err)
	}
}

// TestConflict: a change that was made from an old state is refused, and one that another
// change replaces is reported.
func TestConflict(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	reg.Token("ci-pull", pull)
	cred := reg.ServicePrincipal(manager).AzureCredential()
	r := open(t, reg, cred, manage.Options{})
	ctx := t.Context()
	old, err := r.ScopeMap(ctx, "ci-pull")
	must(t, err)
	must(t, r.UpdateScopeMap(ctx, old, []string{pull, list}))
	err = r.UpdateScopeMap(ctx, old, []string{pull, push})
	if !errors.Is(err, acrkit.CodeConflict) ||
		!strings.Contains(err.Error(), "(added: "+list+"); nothing was written") {
		t.Errorf("from an old state: %v", err)
	}
	if m, _ := r.ScopeMap(ctx, "ci-pull"); !slices.Equal(m.Actions, []string{pull, list}) {
		t.Errorf("it has now %q", m.Actions)
	}
	if err := r.CreateScopeMap(ctx, manage.ScopeMap{Name: "ci-pull", Actions: []string{push}}); !errors.Is(err,
		acrkit.CodeConflict) {
		t.Errorf("made over another: %v", err)
	}
	if err := r.CreateToken(ctx, "ci-pull", "ci-pull"); !errors.Is(err, acrkit.CodeConflict) {
		t.Errorf("made over another: %v", err)
	}

	// Another client writes at the moment after the write.
	now, err := r.ScopeMap(ctx, "ci-pull")
	must(t, err)
	var once sync.Once
	slow := open(t, reg, cred, manage.Options{Settle: time.Millisecond, Transport: roundTrip(
		func(req *http.Request) (*http.Response, error) {
			resp, err := reg.RoundTripper().RoundTrip(req)
			if req.Method == http.MethodPatch {
				once.Do(func() {
					must(t, r.UpdateScopeMap(ctx, manage.ScopeMap{Name: "ci-pull",
						Actions: []string{push}}, []string{list}))
				})
			}
			return resp, err
		})})
	err = slow.UpdateScopeMap(ctx, now, []string{push})
	if !errors.Is(err, acrkit.CodeConflict) || !strings.Contains(err.Error(), "(added: "+list+"; removed: "+push+")") {
		t.Errorf("replaced: %v", err)
	}
}

// TestEditors: of 16 editors that each add a line to one scope map at once, those that
// report success have their line in it at the end.
func TestEditors(t *testing.T) {
	t.Parallel()
	const editors = 16
	reg := acrtest.NewRegistry(t, &acrtest.Options{Now: simtime.Ticks()})
	reg.ScopeMap("shared", pull)
	cred := reg.ServicePrincipal(manager).AzureCredential()
	ctx := t.Context()
	added := make([]string, editors)
	group := simtime.New(reg.Clock(), 0, nil)
	must(t, group.Run(editors, func(i int) {
		r := open(t, reg, cred, manage.Options{Settle: 2 * time.Second, Now: group.Now, Sleep: group.Sleep})
		line := fmt.Sprintf("repositories/samples/app%d/content/read", i)
		for range 2 {
			m, err := r.ScopeMap(ctx, "shared")
			if err == nil {
				err = r.UpdateScopeMap(ctx, m, append(slices.Clone(m.Actions), line))
			}
			if err == nil {
				added[i] = line
				return
			}
			if !errors.Is(err, acrkit.CodeConflict) {
				t.Errorf("editor %d: %v", i, err)
			}
		}
	}))
	m, err := open(t, reg, cred, manage.Options{}).ScopeMap(ctx, "shared")
	must(t, err)
	done := 0
	for i, line := range added {
		if line == "" {
			continue
		}
		done++
		if !slices.Contains(m.Actions, line) {
			t.Errorf("editor %d was told that %s is in the scope map", i, line)
		}
	}
	if done == 0 || !slices.Contains(m.Actions, pull) {
		t.Errorf("%d editors were successful; %q", done, m.Actions)
	}
	t.Logf("%d of %d editors were successful in two tries", done, editors)
}

// TestOtherHost: the identity's token goes to no other host that an answer names.
func TestOtherHost(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	r := open(t, reg, reg.ServicePrincipal("Reader").AzureCredential(), manage.Options{Transport: roundTrip(
		func(req *http.Request) (*http.Response, error) {
			if req.URL.Host != reg.Host() {
				t.Errorf("asked %s", req.URL)
			}
			resp, err := reg.RoundTripper().RoundTrip(req)
			if err == nil && strings.HasSuffix(req.URL.Path, "/tokens") {
				resp = answer(req, `{"value":[],"nextLink":"https://evil.example/tokens?api-version=1"}`)
			}
			return resp, err
		})})
	for _, err := range r.Tokens(t.Context()) {
		if !errors.Is(err, acrkit.CodeProtocol) {
			t.Errorf("%v", err)
		}
		return
	}
	t.Error("the list ended without an error")
}

// TestRoles lists the roles on a registry.
func TestRoles(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	reg.ServicePrincipal("AcrPull")
	r := open(t, reg, reg.ServicePrincipal("Reader").AzureCredential(), manage.Options{})
	names := map[string]bool{}
	roles, err := r.Roles(t.Context())
	must(t, err)
	for a, err := range r.Assignments(t.Context()) {
		must(t, err)
		role := roles[a.RoleKey()]
		names[role.Name] = true
		if a.Inherited(r) || a.PrincipalID == "" || !role.BuiltIn || len(role.Permissions) == 0 {
			t.Errorf("%+v %+v", a, role)
		}
	}
	if !names["AcrPull"] || !names["Reader"] {
		t.Errorf("%v", names)
	}
}

// TestThrottled: 429 is said as such after the SDK's own tries, and ends with the context.
func TestThrottled(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	busy := false
	r := open(t, reg, reg.ServicePrincipal("Reader").AzureCredential(), manage.Options{Transport: roundTrip(
		func(req *http.Request) (*http.Response, error) {
			if busy {
				resp := answer(req, `{"error":{"code":"TooManyRequests","message":"slow down"}}`)
				resp.StatusCode = http.StatusTooManyRequests
				resp.Header.Set("Retry-After", "3600")
				return resp, nil
			}
			return reg.RoundTripper().RoundTrip(req)
		})})
	busy = true
	_, err := r.Token(t.Context(), "ci-pull")
	var e *acrkit.Error
	if !errors.As(err, &e) || e.Code != acrkit.CodeThrottled || e.RetryAfter == 0 {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Token(ctx, "ci-pull"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
