package acrtest_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/auth/azureauth"
	"github.com/acrkit/acrkit/credhelper"
	"github.com/acrkit/acrkit/diagnose"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/control"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/manage"
	"github.com/acrkit/acrkit/manage/policy"
	"github.com/acrkit/acrkit/manage/rotate"
	"github.com/acrkit/acrkit/manage/sink"
	"github.com/acrkit/acrkit/proxy"
	"github.com/acrkit/acrkit/registry"
	"github.com/acrkit/acrkit/scopemap"
)

// packages are those whose exported types users hold, print and log.
var packages = []string{"", "scopemap", "auth", "auth/azureauth", "registry", "proxy", "credhelper",
	"diagnose", "manage", "manage/policy", "manage/rotate", "manage/sink", "emulator",
	"emulator/control", "emulator/fault", "emulator/seed", "acrtest"}

const shownSecret = "s3cret-that-must-not-be-shown"

// exportedTypes reads the names of a package's exported types from its source,
// so that a new one is not overlooked.
func exportedTypes(t *testing.T, pkg string) []string {
	t.Helper()
	dir := filepath.Join("..", filepath.FromSlash(pkg))
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		if name := entry.Name(); !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, entry.Name()), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				return false
			case *ast.TypeSpec:
				if n.Name.IsExported() {
					names = append(names, f.Name.Name+"."+n.Name.Name)
				}
			}
			return true
		})
	}
	return names
}

// tokenStore notes what it is given, and keeps nothing.
type tokenStore struct {
	keys   []auth.TokenKey
	tokens []auth.StoredToken
}

func (s *tokenStore) Load(context.Context, auth.TokenKey) (auth.StoredToken, bool, error) {
	return auth.StoredToken{}, false, nil
}

func (s *tokenStore) Save(_ context.Context, key auth.TokenKey, token auth.StoredToken) error {
	s.keys, s.tokens = append(s.keys, key), append(s.tokens, token)
	return nil
}

func (s *tokenStore) Delete(context.Context, auth.TokenKey, auth.Secret) error { return nil }

func (s *tokenStore) Lock(context.Context, auth.TokenKey) (func(), error) { return func() {}, nil }

// logins keeps a secret, as what a helper's caller gives it may.
type logins[S string | auth.Secret] struct {
	credhelper.Logins
	secret S
}

// diagnosed returns what diagnose takes and gives, with secrets wherever a client
// and a registry can have put them.
func diagnosed(t *testing.T, reg *acrtest.Registry, rt *auth.Transport,
	refusal error) (attempts []diagnose.Attempt, checks []diagnose.Check, given []diagnose.Diagnosis,
	steps []diagnose.Step) {
	t.Helper()
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("ci-token:"+shownSecret))
	exchange := func(rawURL string, status int) *diagnose.Exchange {
		return &diagnose.Exchange{Method: http.MethodPost, URL: rawURL, Status: status,
			Header: http.Header{"Www-Authenticate": {`Bearer realm="https://` + reg.Host() +
				`/oauth2/token",service="` + reg.Host() + `",error="invalid_token"`},
				"Set-Cookie": {"a=" + shownSecret}, "Location": {"https://x.example/?sig=" + shownSecret}},
			Body:          []byte(`{"errors":[{"code":"UNAUTHORIZED","message":"not ` + shownSecret + `"}]}`),
			RequestHeader: http.Header{"Authorization": {basic}, "Content-Type": {"application/x-www-form-urlencoded"}},
			RequestBody:   []byte("grant_type=password&username=ci-token&password=" + shownSecret)}
	}
	home := "https://" + reg.Host()
	attempts = []diagnose.Attempt{
		{Registry: rt.Registry(), Err: refusal, Transport: rt, Other: rt},
		{Registry: rt.Registry(), Exchange: exchange(home+"/oauth2/token", http.StatusUnauthorized)},
		{Registry: rt.Registry(), Exchange: exchange("https://ci-token:"+shownSecret+"@"+reg.Host()+
			"/v2/a/tags/list?sig="+shownSecret+"#"+shownSecret, http.StatusUnauthorized)},
		{Registry: rt.Registry(), Exchange: exchange("https://"+shownSecret+"\x7f", http.StatusBadRequest)},
		{Registry: rt.Registry(), Err: &url.Error{Op: "Get", URL: home + "/?sig=" + shownSecret,
			Err: io.ErrUnexpectedEOF}},
		{Registry: rt.Registry(), Text: "docker login -p " + shownSecret + " " + reg.Host() + ": 401 Unauthorized"},
		{Err: &url.Error{Op: "Get", URL: home + "/?sig=" + shownSecret, Err: io.ErrUnexpectedEOF}},
	}
	opts := &diagnose.Options{Base: reg.RoundTripper()}
	for _, a := range attempts {
		d, err := diagnose.Explain(t.Context(), a, opts)
		if err != nil {
			t.Fatal(err)
		}
		given = append(given, d)
	}
	checks = []diagnose.Check{{Registry: rt.Registry(), Transport: rt, Source: "a test"},
		{Registry: rt.Registry(), Err: refusal}}
	for _, c := range checks {
		for s := range diagnose.Doctor(t.Context(), c, opts) {
			steps = append(steps, s)
			if s.Diagnosis != nil {
				given = append(given, *s.Diagnosis)
			}
		}
	}
	return attempts, checks, given, steps
}

// TestNoExportedTypeShowsASecret holds every exported type to one of two things:
// it is listed here with a secret in each field that can hold one, and no way of
// printing it shows them; or it has no field that can hold a secret.
func TestNoExportedTypeShowsASecret(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	acrToken := reg.Token("ci-token", "repositories/a/content/read")
	principal := reg.ServicePrincipal("AcrPull")
	rt := reg.Transport(acrToken.Credential())
	entra, err := auth.NewTransport(reg.Host(), auth.ServicePrincipal(principal.TenantID, principal.ClientID,
		principal.ClientSecret, &auth.EntraOptions{AuthorityHost: reg.AuthorityHost()}),
		&auth.Options{Base: reg.RoundTripper()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = entra.Close() })
	accessToken, err := rt.Token(t.Context(), acrkit.CatalogScope())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := entra.Token(t.Context(), acrkit.CatalogScope()); err != nil {
		t.Fatal(err)
	}
	em, err := emulator.Open(t.Context(),
		&emulator.Options{Seed: &seed.Seed{Registries: []seed.Registry{{Name: "other", AdminUserEnabled: true}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = em.Close() })
	emReg, err := em.Registry("other")
	if err != nil {
		t.Fatal(err)
	}
	admin, err := emReg.AdminPasswords()
	if err != nil {
		t.Fatal(err)
	}
	env, err := auth.FromEnvironment(func(name string) (string, bool) {
		v, ok := map[string]string{"ACR_NAME": "myregistry", "ACR_TOKEN_NAME": "ci",
			"ACR_TOKEN_PASSWORD": shownSecret}[name]
		return v, ok
	})
	if err != nil {
		t.Fatal(err)
	}
	wrong := reg.Transport(auth.ScopedToken("ci-token", shownSecret))
	_, refusal := wrong.Token(t.Context(), acrkit.CatalogScope())
	ours, ok := refusal.(interface{ Unwrap() error })
	if !ok {
		t.Fatalf("%T", refusal)
	}
	login, err := rt.Login(t.Context(), acrkit.CatalogScope())
	if err != nil {
		t.Fatal(err)
	}
	client := reg.Client(acrToken.Credential())
	stored := &tokenStore{}
	keeping, err := auth.NewTransport(reg.Host(), acrToken.Credential(),
		&auth.Options{Base: reg.RoundTripper(), Tokens: stored})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = keeping.Close() })
	if _, err := keeping.Token(t.Context(), acrkit.RepositoryScope("a", acrkit.ContentRead)); err != nil ||
		len(stored.tokens) != 1 {
		t.Fatalf("%d tokens stored, %v", len(stored.tokens), err)
	}
	attempts, checks, given, steps := diagnosed(t, reg, wrong, refusal)
	var exchanges []diagnose.Exchange
	for _, a := range attempts {
		if a.Exchange != nil {
			exchanges = append(exchanges, *a.Exchange)
		}
	}
	arm, err := diagnose.NewARM(func(context.Context) (string, error) { return shownSecret, nil }, nil)
	if err != nil {
		t.Fatal(err)
	}
	proxyOptions := proxy.Options{Hosts: []string{"localhost:5000"}, ClientKey: redact.NewSecret(shownSecret)}
	handler, err := proxy.New(rt, &proxyOptions)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = handler.Close() })
	helperOptions := credhelper.Options{Logins: &logins[auth.Secret]{secret: redact.NewSecret(shownSecret)},
		Connect: func(context.Context, acrkit.Registry, auth.Credential) (*auth.Transport, error) { return rt, nil }}
	secrets := []string{shownSecret, acrToken.Password1, acrToken.Password2, principal.ClientSecret,
		accessToken.Value.Reveal(), string(em.ControlKey()), string(admin[0]), string(admin[1])}
	seedPassword := seed.Password{Name: "password1", Value: shownSecret}
	seedApplication := seed.Application{Secrets: []seed.ClientSecret{{Value: shownSecret}}}
	seedTenant := seed.Tenant{Applications: []seed.Application{seedApplication}}
	seedToken := seed.Token{Name: "ci", Passwords: []seed.Password{seedPassword}}
	seedRegistry := seed.Registry{Name: "r", Tokens: []seed.Token{seedToken}}
	s := seed.Seed{Tenants: []seed.Tenant{seedTenant}, Registries: []seed.Registry{seedRegistry}}

	controlClient, err := control.NewClient("https://localhost", shownSecret, nil)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string][]any{
		"acrkit.Error": {ours.Unwrap()},
		"auth.Secret":  {accessToken.Value},
		"auth.Credential": {auth.ScopedToken("ci", shownSecret), auth.RefreshToken(shownSecret),
			auth.EntraToken(shownSecret), auth.UserPassword("u", shownSecret)},
		"auth.EntraTokenSource": nil, // of the caller
		"auth.SecretSource":     {auth.GitHubOIDC("https://x.example/", shownSecret, "")},
		"auth.ChainError":       {auth.ChainError{}},
		"auth.Login":            {login},
		"auth.Environment":      {env},
		"auth.Options":          {auth.Options{Base: rt}},
		"auth.Transport":        {rt, entra},
		"auth.Token":            {accessToken},
		"auth.TokenStore":       nil, // of the caller
		"auth.StoredToken":      {stored.tokens},
		"auth.TokenKey":         {stored.keys},
		"auth.Status":           {rt.Statuses(), entra.Statuses()},
		"azureauth.Options":     {azureauth.Options{}},
		"registry.Client":       {client},
		"registry.Options":      {registry.Options{}},
		"registry.Content":      {registry.Content{}}, // of the registry, which is what it is for
		"proxy.Handler":         {handler},
		"proxy.Options":         {proxyOptions, &proxyOptions},
		"credhelper.Helper": {credhelper.New(helperOptions),
			credhelper.New(credhelper.Options{Logins: &logins[string]{secret: shownSecret}})},
		"credhelper.Options":       {helperOptions, &helperOptions},
		"credhelper.Logins":        nil, // of the caller
		"diagnose.ARM":             {arm},
		"diagnose.ARMOptions":      {diagnose.ARMOptions{Base: rt}},
		"diagnose.Attempt":         {attempts, attempts[0], &attempts[1]},
		"diagnose.Check":           {checks},
		"diagnose.Diagnosis":       {given},
		"diagnose.Exchange":        {exchanges, exchanges[0], &exchanges[0]},
		"diagnose.Options":         {diagnose.Options{Base: rt, ARM: arm}},
		"diagnose.Resolver":        nil, // of the caller
		"diagnose.Step":            {steps},
		"seed.Secret":              {seed.Secret(shownSecret)},
		"emulator.Options":         {emulator.Options{Seed: &s}},
		"emulator.Emulator":        {em},
		"emulator.Registry":        {emReg},
		"emulator.Password":        {emulator.Password{Name: "password1", Value: shownSecret}},
		"control.Client":           {controlClient, *controlClient},
		"control.Options":          {control.Options{Base: rt}},
		"control.Password":         nil, // the document that carries it; its test holds that it prints without
		"control.PasswordList":     nil, // likewise
		"seed.Seed":                {s, &s},
		"seed.Tenant":              {seedTenant},
		"seed.Application":         {seedApplication},
		"seed.ClientSecret":        {seed.ClientSecret{Value: shownSecret}},
		"seed.Registry":            {seedRegistry},
		"seed.Token":               {seedToken},
		"seed.Password":            {seedPassword},
		"seed.Sources":             {seed.Sources{LookupEnv: func(string) (string, bool) { return shownSecret, true }}},
		"acrtest.Options":          {acrtest.Options{Seed: &s}},
		"acrtest.Registry":         {reg},
		"acrtest.Token":            {acrToken, &acrToken},
		"acrtest.ServicePrincipal": {principal, &principal},
		"acrtest.Request":          {reg.Requests()},
		"acrtest.Requests":         {reg.Requests()},
	}
	password := manage.Password{Slot: manage.Slot1, Value: redact.NewSecret(shownSecret)}
	values["manage.Password"] = []any{password, &password}
	values["manage.Token"] = []any{manage.Token{Name: "ci", Passwords: []manage.Password{password}}}
	delivered := sink.Value{Token: "ci", Password: redact.NewSecret(shownSecret)}
	values["sink.Value"] = []any{delivered, &delivered}
	values["sink.Held"] = []any{sink.Held{Password: redact.NewSecret(shownSecret)}}
	// Types that can hold no secret: every field is harmless.
	harmless := map[string]reflect.Type{}
	// And those whose fields sound or look otherwise.
	excused := map[string]string{
		"diagnose.PasswordState":    "names and times: a password cannot be read again",
		"diagnose.RoleState":        "names, ids and rights of a role",
		"diagnose.TokenState":       "names, and passwords of a listed type",
		"manage.Options":            "functions, and the names of a subscription and a group",
		"manage.Client":             "the identity is behind a pointer to its source",
		"manage.Registry":           "likewise",
		"sink.Options":              "functions",
		"policy.Policy":             "its tokens are of a listed type",
		"policy.Token":              "names and durations; sinks are of a package whose tests print them",
		"policy.Item":               "words; its result is of a listed type",
		"policy.Fleet":              "functions, and types that are listed",
		"rotate.Rotation":           "functions, names and durations; sinks are of a package whose tests print them",
		"rotate.Plan":               "words and times; likewise",
		"rotate.SinkState":          "a word; likewise",
		"rotate.Result":             "words and times; its deliveries are of a listed type",
		"rotate.Delivery":           "the name of a sink, and its error",
		"rotate.Record":             "words and times; what it knows is of a listed type",
		"rotate.FileJournal":        "the name of a file",
		"rotate.StaleError":         "an error of acrkit",
		"rotate.Journal":            "an interface",
		"rotate.Passwords":          "an interface",
		"rotate.Clock":              "an interface",
		"rotate.Login":              "a function",
		"sink.Sink":                 "an interface; its implementations are printed by the tests of its package",
		"rotate.Known":              "8 bytes of a hash of a random password",
		"scopemap.Rule":             "a pattern, an action and a switch",
		"scopemap.Map":              "its rules are of a listed type",
		"scopemap.Decision":         "its rules are of a listed type",
		"scopemap.Right":            "patterns, actions and a line of a scope map",
		"scopemap.Difference":       "its rights are of a listed type",
		"scopemap.Use":              "a line of a scope map, times and names of files",
		"scopemap.GrantedUse":       "likewise, and lines of a scope map",
		"scopemap.Job":              "names and versions of clients, and rights",
		"scopemap.Need":             "a role in a job, and its actions",
		"scopemap.OptionalRight":    "an action, and lines of a client's log in the source",
		"scopemap.Grant":            "likewise",
		"scopemap.Target":           "a role in a job, and a pattern",
		"registry.ListOptions":      "its own field is a number",
		"seed.FederatedCredential":  "the key is public",
		"control.Token":             "its passwords come without values",
		"control.TokenList":         "likewise",
		"control.NewPasswords":      "names and a time",
		"control.Lifetimes":         "durations",
		"emulator.Clock":            "times",
		"emulator.ClockState":       "times",
		"fault.Kind":                "a word",
		"fault.Parameter":           "a word",
		"fault.Route":               "a word",
		"fault.Fault":               "rates and words",
		"emulator.RegistrySettings": "names and switches",
		"emulator.Operations":       "a style and a duration",
		"emulator.NetworkRules":     "addresses",
		"emulator.TokenState":       "its passwords are of a listed type",
		"emulator.CheckPart":        "digests, names and counts",
		"emulator.Folder":           "a name, and pointers to open files",
		"emulator.Snapshot":         "a name and a count; contents stay inside",
	}
	for _, v := range []any{
		acrkit.ContentRead, acrkit.CodeUsage, acrkit.ServiceError{}, acrkit.Repository{}, acrkit.Reference{},
		acrkit.Registry{}, acrkit.Access{}, acrkit.Scope{}, acrkit.Cause(""),
		auth.KindAnonymous, auth.AudienceACR, auth.EntraOptions{}, auth.EntraRefusal{}, auth.Lookup{}, auth.Place{},
		auth.PlaceFile, auth.OutcomeUsed,
		registry.OrderDefault, registry.Attributes{}, registry.AttributeChange{}, registry.RepositoryProperties{},
		registry.Tag{}, registry.Manifest{}, registry.Reference{}, registry.Referrer{},
		registry.DeletedRepository{},
		emulator.ApplicationName{}, emulator.Finding{}, emulator.SeedMode(""), emulator.Collected{},
		emulator.Deviation(""), emulator.OperationStyle(""), emulator.Decision{}, emulator.DecisionFilter{},
		emulator.TokenSpec{}, seed.Lifetimes{},
		seed.Certificate{},
		seed.Subscription{}, seed.ResourceGroup{}, seed.RoleAssignment{}, seed.RoleDefinition{}, seed.Repository{},
		seed.Image{},
		seed.NetworkRuleSet{},
		seed.ScopeMap{}, seed.ValueFrom{},
		acrtest.Image{},
		control.Operation(""), control.ErrorDocument{}, control.ErrorText{}, control.Enabled, control.Decision{},
		control.DecisionPage{}, control.DecisionQuery{}, control.Clock{}, control.ClockChange{}, control.Advance{},
		control.RateLimits{}, control.NewFault{}, control.Fault{}, control.FaultList{},
		control.NewSnapshot{}, control.Snapshot{}, control.SnapshotList{}, control.Reset{}, control.CheckFrom{},
		control.Finding{}, control.CheckPart{}, control.Network{}, control.Registry{}, control.RegistryList{},
		control.Seed{},
		control.RegistryChange{}, control.NewScopeMap{}, control.ScopeMap{}, control.ScopeMapList{}, control.NewToken{},
		control.TokenChange{}, control.Expiry{},
		scopemap.Pattern(""), scopemap.Finding{}, scopemap.Duplicate, scopemap.SeverityInfo,
		scopemap.Used,
		manage.Settings{}, manage.ScopeMap{}, manage.Slot1, manage.TokenChange{}, manage.Change{}, manage.Rights{},
		manage.Identity{}, manage.Assignment{}, manage.Role{}, manage.Permission{},
		rotate.Step(""), rotate.Phase(""), rotate.Delivered{},
		policy.Window{},
		policy.ActionWait,
		diagnose.Recorded, diagnose.Cause{}, diagnose.Proved, diagnose.OK, diagnose.Probe{}, diagnose.RegistryState{},
		diagnose.Want{}, diagnose.Missing{},
	} {
		typ := reflect.TypeOf(v)
		harmless[path.Base(typ.PkgPath())+"."+typ.Name()] = typ
	}
	for _, pkg := range packages {
		for _, name := range exportedTypes(t, pkg) {
			vs, listed := values[name]
			typ, isHarmless := harmless[name]
			if _, ok := excused[name]; ok {
				continue
			}
			switch {
			case listed == isHarmless:
				t.Errorf("%s must be listed in this test: with secrets in it, or as a type that can hold none", name)
			case isHarmless:
				if why := canHold(typ, 0); why != "" {
					t.Errorf("%s can hold a secret in %s: give this test one that does", name, why)
				}
			}
			for _, v := range vs {
				for how, shown := range everyWay(v) {
					for _, s := range secrets {
						for _, spelled := range []string{s, hex.EncodeToString([]byte(s)),
							base64.StdEncoding.EncodeToString([]byte(s))} {
							if strings.Contains(shown, spelled) {
								t.Errorf("%s shows a secret by %s: …%.300s", name, how,
									shown[max(0, strings.Index(shown, spelled)-100):])
							}
						}
					}
				}
			}
		}
	}
}

// suspicious matches names of fields that may hold a secret.
var suspicious = regexp.MustCompile(
	`(?i)password|secret|credential|assertion|refresh|authorization|cookie|private|key$|^token$|^value$`)

// canHold names the field in which a type could hold a secret, or returns "".
func canHold(typ reflect.Type, depth int) string {
	if depth > 8 {
		return ""
	}
	switch typ.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return canHold(typ.Elem(), depth+1)
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return typ.String()
	case reflect.Struct:
		if typ == reflect.TypeFor[time.Time]() || typ == reflect.TypeFor[acrkit.Registry]() ||
			typ == reflect.TypeFor[acrkit.Scope]() {
			return ""
		}
		for i := range typ.NumField() {
			f := typ.Field(i)
			stringish := f.Type.Kind() == reflect.String || f.Type.Kind() == reflect.Slice &&
				f.Type.Elem().Kind() == reflect.Uint8
			switch {
			case !f.IsExported():
				return f.Name + ", which is not exported"
			case stringish && suspicious.MatchString(f.Name):
				return f.Name
			case f.Type == reflect.TypeFor[auth.Secret]() || f.Type == reflect.TypeFor[seed.Secret]():
				return f.Name
			}
			if why := canHold(f.Type, depth+1); why != "" {
				return f.Name + ": " + why
			}
		}
	}
	return ""
}

// everyWay shows a value as programs do.
func everyWay(v any) map[string]string {
	out := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		out[verb] = fmt.Sprintf(verb, v)
		out["a slice by "+verb] = fmt.Sprintf(verb, []any{v})
		out["a struct by "+verb] = fmt.Sprintf(verb, struct{ V any }{v})
	}
	if j, err := json.Marshal(v); err == nil {
		out["JSON"] = string(j)
	}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("x", "v", v, "in", []any{v})
	}
	out["slog"] = log.String()
	if err, ok := v.(error); ok {
		out["Error"] = err.Error()
	}
	return out
}

// D16: a table of functions tested the wrong field, and called nil. Each function
// and interface of an Options has a default for nil: this test uses each Options
// with all of them nil, and with one at a time set.
func TestD16_NilFields(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	reg.Push("a", "v1")
	cred := reg.Token("ci-token", "repositories/a/content/read", "repositories/a/metadata/read").Credential()
	base := reg.RoundTripper()
	discard := slog.New(slog.NewTextHandler(io.Discard, nil))
	given := func(typ reflect.Type) (reflect.Value, bool) {
		for _, v := range []any{base, discard, time.Now, os.LookupEnv, func(time.Duration, error) {},
			func(*http.Request, int) {}, &tokenStore{}} {
			if reflect.TypeOf(v).AssignableTo(typ) {
				return reflect.ValueOf(v), true
			}
		}
		return reflect.Value{}, false
	}
	s := &seed.Seed{Registries: []seed.Registry{{Name: "myregistry"}}}
	for _, tc := range []struct {
		opts any // a pointer to all that is needed
		use  func(opts any) error
	}{
		{&auth.Options{Base: base}, func(opts any) error {
			rt, err := auth.NewTransport(reg.Host(), cred, opts.(*auth.Options))
			if err != nil {
				return err
			}
			defer rt.Close()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, reg.URL()+"/v2/a/tags/list", nil)
			if err != nil {
				return err
			}
			resp, err := rt.RoundTrip(req)
			if err != nil {
				return err
			}
			if resp.StatusCode != http.StatusOK {
				t.Errorf("status %d", resp.StatusCode)
			}
			return resp.Body.Close()
		}},
		{&registry.Options{}, func(opts any) error {
			c, err := registry.New(reg.Host(), reg.Transport(cred), opts.(*registry.Options))
			if err != nil {
				return err
			}
			for _, err := range c.Tags(t.Context(), "a", nil) {
				if err != nil {
					return err
				}
			}
			return nil
		}},
		{&emulator.Options{Seed: s}, func(opts any) error {
			e, err := emulator.Open(t.Context(), opts.(*emulator.Options))
			if err != nil {
				return err
			}
			return e.Close()
		}},
	} {
		typ := reflect.TypeOf(tc.opts).Elem()
		fields := []int{-1}
		for i := range typ.NumField() {
			if k := typ.Field(i).Type.Kind(); slices.Contains([]reflect.Kind{reflect.Func, reflect.Interface,
				reflect.Pointer}, k) && reflect.ValueOf(tc.opts).Elem().Field(i).IsNil() {
				fields = append(fields, i)
			}
		}
		for _, i := range fields {
			opts := reflect.New(typ)
			opts.Elem().Set(reflect.ValueOf(tc.opts).Elem())
			name := "all nil"
			if i >= 0 {
				name = typ.Field(i).Name + " given"
				v, ok := given(typ.Field(i).Type)
				if !ok {
					t.Errorf("%s.%s: this test has nothing to give", typ, typ.Field(i).Name)
					continue
				}
				opts.Elem().Field(i).Set(v.Convert(typ.Field(i).Type))
			}
			t.Run(typ.String()+"/"+name, func(t *testing.T) {
				if err := tc.use(opts.Interface()); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
