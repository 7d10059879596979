package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/internal/guid"
	"github.com/acrkit/acrkit/manage"
	"github.com/acrkit/acrkit/registry"
)

// writeDecisions writes the registry's decision log as acrkit emulator log --json does.
func writeDecisions(t *testing.T, reg *acrtest.Registry) (path string) {
	t.Helper()
	var b strings.Builder
	for _, d := range reg.Decisions() {
		line, err := json.Marshal(map[string]any{"time": d.Time, "registry": d.Registry, "principal": d.Principal,
			"path": d.Path, "required": d.Required, "outcome": d.Outcome})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s\n", line)
	}
	path = filepath.Join(t.TempDir(), "log.json")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSuggestRole: what an identity did in ABAC mode becomes a role assignment that Azure Resource
// Manager takes. An identity with it can do the same and nothing else.
func TestSuggestRole(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	app := reg.Push("team/app", "v1")
	reg.Push("team/base", "v1")
	if err := reg.Manage().ChangeSettings(t.Context(), func(s *emulator.RegistrySettings) {
		s.RoleAssignmentMode = "AbacRepositoryPermissions"
	}); err != nil {
		t.Fatal(err)
	}
	owner := reg.ServicePrincipal("Owner")
	wide := reg.ServicePrincipal("Container Registry Repository Contributor",
		"Container Registry Repository Catalog Lister")
	job := func(cred auth.Credential) (errs []error) {
		c := reg.Client(cred)
		_, err := c.ManifestContent(t.Context(), "team/base", "v1")
		errs = append(errs, err)
		_, err = c.Tag(t.Context(), "team/app", "v1")
		errs = append(errs, err)
		unlocked := true
		_, err = c.UpdateTag(t.Context(), "team/app", "v1", registry.AttributeChange{Delete: &unlocked})
		return append(errs, err)
	}
	for _, err := range job(wide.Credential()) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range reg.Client(wide.Credential()).Repositories(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
	}
	o := newOperator(t, reg, owner)
	r := o.must(t, "scope-map", "suggest", writeDecisions(t, reg), "--identity", wide.ClientID, "--role-assignment",
		"--format", "json")
	var list []struct{ RoleDefinitionName, Condition, ConditionVersion, PrincipalID string }
	if err := json.Unmarshal([]byte(r.out), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || list[0].RoleDefinitionName != "Container Registry Repository Writer" ||
		list[0].PrincipalID != wide.ClientID ||
		list[1].RoleDefinitionName != "Container Registry Repository Catalog Lister" {
		t.Fatal(r.out)
	}

	reader := reg.Token("reader", "repositories/team/app/metadata/read")
	if _, err := reg.Client(reader.Credential()).Tag(t.Context(), "team/app", "v1"); err != nil {
		t.Fatal(err)
	}
	// A token has no role.
	r = o.must(t, "scope-map", "suggest", writeDecisions(t, reg), "--identity", "reader", "--role-assignment")
	if !strings.HasPrefix(r.out, "az role assignment create --assignee OBJECT_ID --role 'Container Registry "+
		"Repository Reader' ") {
		t.Error(r.out)
	}

	narrow := reg.ServicePrincipal()
	object := ""
	for _, a := range reg.Emulator().Applications() {
		if a.ClientID == narrow.ClientID {
			object = a.ObjectID
		}
	}
	client, err := manage.New(owner.AzureCredential(), &manage.Options{Transport: reg.RoundTripper()})
	if err != nil {
		t.Fatal(err)
	}
	found, err := client.Registry(t.Context(), mustRegistry(t, reg.Host()))
	if err != nil {
		t.Fatal(err)
	}
	roles, err := found.Roles(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	subscription := reg.Emulator().Subscriptions()[0]
	c, err := armauthorization.NewRoleAssignmentsClient(subscription, owner.AzureCredential(),
		&arm.ClientOptions{ClientOptions: reg.AzureOptions()})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		id := ""
		for _, role := range roles {
			if role.Name == a.RoleDefinitionName {
				id = role.ID
			}
		}
		p := &armauthorization.RoleAssignmentProperties{RoleDefinitionID: &id, PrincipalID: &object}
		if a.Condition != "" {
			p.Condition, p.ConditionVersion = &a.Condition, &a.ConditionVersion
		}
		if _, err := c.Create(t.Context(), found.ID(), guid.New(),
			armauthorization.RoleAssignmentCreateParameters{Properties: p}, nil); err != nil {
			t.Fatalf("%s: %v", a.RoleDefinitionName, err)
		}
	}
	for i, err := range job(narrow.Credential()) {
		if err != nil {
			t.Errorf("step %d: %v", i, err)
		}
	}
	for _, err := range reg.Client(narrow.Credential()).Repositories(t.Context(), nil) {
		if err != nil {
			t.Error(err)
		}
	}
	cl := reg.Client(narrow.Credential())
	for what, try := range map[string]func() error{
		"pull team/app":      func() error { _, err := cl.ManifestContent(t.Context(), "team/app", "v1"); return err },
		"list team/base":     func() error { _, err := cl.Tag(t.Context(), "team/base", "v1"); return err },
		"delete in team/app": func() error { return cl.DeleteManifest(t.Context(), "team/app", app.Digest) },
	} {
		if err := try(); acrkit.CodeOf(err) != acrkit.CodeInsufficientScope {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestSuggestGranted: the granted map is that of a token or a scope map in Azure, whose tokens are
// chosen.
func TestSuggestGranted(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	reg.Push("samples/app", "v1")
	token := reg.Token("ci-pull", pullApp, listApp, pushApp)
	if _, err := reg.Client(token.Credential()).Tag(t.Context(), "samples/app", "v1"); err != nil {
		t.Fatal(err)
	}
	other := reg.Token("other", "repositories/*/content/read")
	if _, err := reg.Client(other.Credential()).ManifestContent(t.Context(), "samples/app", "v1"); err != nil {
		t.Fatal(err)
	}
	o := newOperator(t, reg, reg.ServicePrincipal("Contributor"))
	log := writeDecisions(t, reg)
	if r := o.run(t, "scope-map", "suggest", log); r.code != 2 || !strings.Contains(r.err, "several identities") {
		t.Errorf("%d %s", r.code, r.err)
	}
	for _, name := range []string{"ci-pull", reg.Host() + "/ci-pull"} {
		r := o.run(t, "scope-map", "suggest", log, "--granted", name)
		if r.code != 8 || !strings.Contains(r.out, "keep\tmetadata/read\tsamples/app\t1\t"+
			time.Now().UTC().Format("2006")) || !strings.Contains(r.out, "remove\tcontent/write\tsamples/app\t0\t\t") ||
			!strings.Contains(r.err, "used: 1; unused: 2; unknown: 0; used and not granted: 0") {
			t.Errorf("%s: exit code %d\n%s%s", name, r.code, r.out, r.err)
		}
	}
	r := o.run(t, "scope-map", "suggest", log, "--granted", "ci-pull", "--format", "az")
	want := "az acr scope-map update --registry " + reg.Name() + " --name ci-pull --remove-repository samples/app " +
		"content/read content/write\n"
	if r.code != 8 || r.out != want {
		t.Errorf("%d %s, want %s", r.code, r.out, want)
	}
	reg.TokenOf("by-another-name", "ci-pull")
	// The change takes from all tokens with the map.
	if r := o.run(t, "scope-map", "suggest", log, "--granted", "by-another-name", "--format", "az"); r.code != 8 ||
		r.out != want || !strings.Contains(r.err, `is of several tokens, whose lines count: "by-another-name", "ci-pull"`) {
		t.Errorf("%d %s%s", r.code, r.out, r.err)
	}
	r = o.run(t, "scope-map", "suggest", log, "--granted", "by-another-name", "--identity", "CI-pull")
	if r.code != 8 || !strings.Contains(r.err, `"ci-pull" is of other tokens too, whose lines do not count: "by-another-name"; a change`) {
		t.Errorf("%d %s", r.code, r.err)
	}
	r = o.run(t, "scope-map", "suggest", log, "--granted", "ci-pull", "--identity", "by-another-name")
	if r.code != 5 || !strings.Contains(r.err, `no line is of "by-another-name"`) {
		t.Errorf("%d %s", r.code, r.err)
	}
	// A map of the service's own cannot be changed: az makes another.
	reg.TokenOf("puller", "_repositories_pull")
	r = o.run(t, "scope-map", "suggest", log, "--granted", "puller", "--identity", "other", "--format", "az")
	if r.code != 8 || r.out != "az acr scope-map create --registry "+reg.Name()+" --name NAME --repository "+
		"samples/app content/read\n" ||
		!strings.Contains(r.err, `"_repositories_pull" is the service's own and cannot be changed`) {
		t.Errorf("%d %s%s", r.code, r.out, r.err)
	}
	r = o.run(t, "scope-map", "suggest", log, "--granted", "puller", "--identity", "other", "--format", "az", "--name",
		"app-pull")
	if !strings.Contains(r.out, " --name app-pull --repository samples/app content/read\n") {
		t.Errorf("%d %s%s", r.code, r.out, r.err)
	}
	// A map and a token of one name, and nothing that is left.
	reg.ScopeMap("other-one", "repositories/none/content/delete")
	reg.TokenOf("other-one", "ci-pull")
	for _, format := range []string{"az", "terraform", "lines", "json", "array"} {
		r := o.run(t, "scope-map", "suggest", log, "--granted", "other-one", "--identity", "other", "--format", format)
		if r.code != 8 || r.out != "" || !strings.Contains(r.err, "no right is left: delete the tokens with this") ||
			!strings.Contains(r.err, `"other-one" is a scope map and a token; this is the scope map, and the token has "ci-pull"`) {
			t.Errorf("%s: %d %s%s", format, r.code, r.out, r.err)
		}
	}
	if r := o.run(t, "scope-map", "suggest", log, "--granted", "gone-map"); r.code != 5 ||
		!strings.Contains(r.err, "acrkit scope-map list") {
		t.Errorf("%d %s", r.code, r.err)
	}
}

// TestSuggestLimits: a scope map has at most 500 lines. What cannot be read makes a review incomplete.
func TestSuggestLimits(t *testing.T) {
	t.Parallel()
	o := newOperator(t, acrtest.NewRegistry(t, nil), acrtest.ServicePrincipal{ClientSecret: "none"})
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	row := func(i int) string {
		return fmt.Sprintf(`{"TimeGenerated":"2026-01-01T00:00:00Z","OperationName":"Pull","Repository":"t/a%d",`+
			`"ResultDescription":"200"}`+"\n", i)
	}
	var b strings.Builder
	for i := range 500 {
		b.WriteString(row(i))
	}
	full := write("full", b.String())
	if r := o.must(t, "scope-map", "suggest", full, "--format", "lines"); strings.Count(r.out, "\n") != 500 {
		t.Error(r.out)
	}
	over := write("over", b.String()+row(500))
	if r := o.run(t, "scope-map", "suggest", over, "--format", "lines"); r.code != 1 || r.out != "" ||
		!strings.Contains(r.err, "501 rights were used") || !strings.Contains(r.err, "--wildcards") {
		t.Errorf("%d %s%s", r.code, r.out, r.err)
	}
	if r := o.run(t, "scope-map", "suggest", over); r.code != 1 || strings.Count(r.out, "\n") != 501 {
		t.Errorf("%d %s", r.code, r.err)
	}
	if r := o.must(t, "scope-map", "suggest", over, "--format", "lines", "--wildcards"); r.out !=
		"repositories/t/*/content/read\n" {
		t.Error(r.out)
	}
	granted := write("granted.txt", "repositories/t/a0/content/read\nrepositories/other/content/read\n")
	if r := o.run(t, "scope-map", "suggest", full, "--granted", granted); r.code != 8 {
		t.Errorf("%d %s", r.code, r.err)
	}
	broken := write("broken", b.String()+"{\n")
	if r := o.run(t, "scope-map", "suggest", broken, "--granted", granted); r.code != 7 ||
		!strings.Contains(r.out, "keep\tcontent/read\tother\t0\t\tit may have been used in what could not be read, or "+
			"is not there\n") ||
		!strings.Contains(r.err, "broken:501: it ends before the JSON does") {
		t.Errorf("%d %s%s", r.code, r.out, r.err)
	}
	if r := o.run(t, "scope-map", "suggest", broken, "--granted", granted, "--format", "lines"); r.code != 7 ||
		r.out != "repositories/t/a0/content/read\nrepositories/other/content/read\n" {
		t.Errorf("%d %s", r.code, r.out)
	}
}

func mustRegistry(t *testing.T, host string) acrkit.Registry {
	t.Helper()
	r, err := acrkit.ParseRegistry(host)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
