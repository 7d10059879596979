package seed

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/acrkit/acrkit"
)

const minimalSeed = "registries:\n  - name: myregistry\n"

func TestRead_example(t *testing.T) {
	s, err := Read(strings.NewReader(Example()))
	if err != nil {
		t.Fatal(err)
	}
	want := Token{Name: "ci-pull", ScopeMap: "ci-pull", Status: "enabled", Passwords: []Password{
		{Name: "password1", Value: "correct-horse-battery-staple-0001",
			Expires: time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)}}}
	if diff := cmp.Diff(want, s.Registries[0].Tokens[0]); diff != "" {
		t.Errorf("token (-want +got):\n%s", diff)
	}
	if s.TokenLifetimes != (Lifetimes{time.Hour, 3 * time.Hour, 0}) {
		t.Errorf("lifetimes %v", s.TokenLifetimes)
	}
}

// TestRead_errors pins the messages: a person reads them beside the file.
func TestRead_errors(t *testing.T) {
	for name, x := range map[string]struct{ in, want string }{
		"empty":         {"", "it is empty"},
		"comment_alone": {"# nothing\n", "it is empty"},
		"null":          {"null\n", "registries: there is no registry"},
		"not_yaml":      {"a: b: c\n", "it is not YAML: mapping values are not allowed in this context"},
		"list":          {"- a\n", "line 1: is a list; want a mapping"},
		"two_documents": {minimalSeed + "---\n" + minimalSeed, "line 3: it holds a second document"},
		"unknown_key": {minimalSeed + "    flavour: sweet\n",
			`line 3: registries[0]: unknown key "flavour"; it may have adminUserEnabled, anonymousPullEnabled`},
		"key_twice": {minimalSeed + "    sku: Basic\n    sku: Premium\n",
			"line 4: registries[0].sku: occurs twice, first in line 3"},
		"alias":      {"registries: &a\n  - name: myregistry\n", "anchors and aliases are not supported"},
		"wrong_kind": {"registries: myregistry\n", "line 1: registries: is text; want a list"},
		"wrong_bool": {minimalSeed + "    adminUserEnabled: 'yes'\n",
			"line 3: registries[0].adminUserEnabled: is text; want true or false"},
		"bool_as_text": {"registries:\n  - name: true\n",
			"line 2: registries[0].name: is true or false; put it in quotes to make it text"},
		"wrong_duration": {"tokenLifetimes: {access: soon}\n" + minimalSeed,
			"line 1: tokenLifetimes.access: is not a duration"},
		"short_lifetime": {"tokenLifetimes: {access: 1ms}\n" + minimalSeed,
			"line 1: tokenLifetimes.access: is not between 1s and 24h0m0s"},
		"no_registry": {"tenants: []\n", "registries: there is no registry"},
		"no_group": {"registries: []\nsubscriptions: [{id: 33333333-3333-3333-3333-333333333333}]\n",
			"line 2: subscriptions[0]: has no resourceGroups"},
		"in_no_group": {"subscriptions: [{id: 33333333-3333-3333-3333-333333333333, resourceGroups: []}]\n" +
			minimalSeed,
			"registries[0]: is in a subscription without resourceGroups"},
		"tags_list":       {minimalSeed + "    tags: [a]\n", "line 3: registries[0].tags: is a list; want a mapping"},
		"azure_tag_twice": {minimalSeed + "    tags: {a: b, a: c}\n", `line 3: registries[0].tags."a": occurs twice`},
		"tag_list": {minimalSeed + "    tags: {a: [b]}\n",
			`line 3: registries[0].tags."a": is a list; want text`},
		"tag_no_name":   {minimalSeed + "    tags: {'': b}\n", `registries[0].tags: the tag "" has no name`},
		"network_word":  {minimalSeed + "    networkRuleSet: {defaultAction: No}\n", "is neither Allow nor Deny"},
		"public_word_2": {minimalSeed + "    publicNetworkAccess: disabled\n", "is neither Enabled nor Disabled"},
		"rules_of_allow": {minimalSeed + "    networkRuleSet: {ipRules: [10.0.0.1]}\n",
			"networkRuleSet.ipRules: mean nothing while all addresses are allowed"},
		"ip_rule": {minimalSeed + "    networkRuleSet: {defaultAction: Deny, ipRules: [10.0.0]}\n",
			`registries[0].networkRuleSet.ipRules[0]: "10.0.0" is no address or network`},
		"ip_rules": {minimalSeed + "    networkRuleSet: {defaultAction: Deny, ipRules: [" +
			strings.Repeat("10.0.0.1, ", 101) + "]}\n", "networkRuleSet.ipRules: has more than 100"},
		"setting": {minimalSeed + "    otherSettings: {flavour: sweet}\n", `"flavour" is none of `},
		"setting_value": {minimalSeed + "    otherSettings: {zoneRedundancy: on2}\n",
			"is not one of Disabled, Enabled"},
		"setting_days": {minimalSeed + "    otherSettings: {softDeletePolicyDays: 91}\n",
			"a number of days from 0 to 90"},
		"setting_tier": {minimalSeed + "    sku: Basic\n    otherSettings: {zoneRedundancy: Enabled}\n",
			"otherSettings.zoneRedundancy: only the Premium tier has Enabled"},
		"registry_name": {"registries:\n  - name: my-registry\n",
			`line 2: registries[0].name: "my-registry" is not a registry's name`},
		"registry_twice": {"registries:\n  - name: myregistry\n  - name: MyRegistry\n",
			`line 3: registries[1].name: registry "myregistry" occurs twice`},
		"tenant":      {"tenants:\n  - id: contoso\n" + minimalSeed, "line 2: tenants[0].id: is not a GUID"},
		"unknown_sku": {minimalSeed + "    sku: Gold\n", `"Gold" is none of Basic, Standard, Premium`},
		"basic_anonymous": {minimalSeed + "    sku: Basic\n    anonymousPullEnabled: true\n",
			"line 4: registries[0].anonymousPullEnabled: the Basic tier has no anonymous pull"},
		"unknown_mode": {minimalSeed + "    roleAssignmentMode: Rbac\n",
			"line 3: registries[0].roleAssignmentMode"},
		"role_of_nobody": {minimalSeed +
			"    roleAssignments: [{clientId: 22222222-2222-2222-2222-222222222222, role: AcrPull}]\n",
			"names no application of this seed"},
		"unknown_map": {minimalSeed + "    tokens:\n      - name: ci-pull\n        scopeMap: nothing\n",
			`line 5: registries[0].tokens[0].scopeMap: there is no scope map "nothing" in this registry`},
		"map_twice": {minimalSeed +
			"    scopeMaps:\n      - {name: _repositories_pull, actions: [repositories/a/content/read]}\n",
			`scope map "_repositories_pull" occurs twice`},
		"bad_action": {minimalSeed +
			"    scopeMaps:\n      - name: ci-pull\n        actions:\n          - repositories/a/content/read\n      " +
			"    - repositories/a/pull\n", "line 7: registries[0].scopeMaps[0].actions[1]:"},
		"bad_wildcard": {minimalSeed +
			"    scopeMaps:\n      - name: ci-pull\n        actions: [repositories/a*/content/read]\n",
			"has a wildcard inside a name"},
		"no_actions": {minimalSeed + "    scopeMaps:\n      - name: ci-pull\n",
			"line 4: registries[0].scopeMaps[0]: has no actions"},
		"token_name": {minimalSeed + "    tokens:\n      - {name: 'no', scopeMap: _repositories_pull}\n",
			`"no" is not a token's name`},
		"token_is_zero": {minimalSeed +
			"    tokens:\n      - {name: 00000000-0000-0000-0000-000000000000, scopeMap: _repositories_pull}\n",
			"line 4: registries[0].tokens[0].name: is the user name that goes with refresh tokens"},
		"token_twice": {minimalSeed +
			"    tokens:\n      - {name: ci-pull, scopeMap: _repositories_pull}\n      - {name: CI-pull, scopeMap: " +
			"_repositories_pull}\n", `line 5: registries[0].tokens[1].name: token "ci-pull" occurs twice`},
		"token_is_admin": {minimalSeed + "    tokens:\n      - {name: myregistry, scopeMap: _repositories_pull}\n",
			"which is its admin user's"},
		"status": {minimalSeed +
			"    tokens:\n      - {name: ci-pull, scopeMap: _repositories_pull, status: 'off'}\n",
			`"off" is neither enabled nor disabled`},
		"slot": {minimalSeed +
			"    tokens:\n      - {name: ci-pull, scopeMap: _repositories_pull, passwords: [{name: password3, value: " +
			"longenough}]}\n", "is neither password1 nor password2"},
		"slot_twice": {minimalSeed +
			"    tokens:\n      - {name: ci-pull, scopeMap: _repositories_pull, passwords: [{name: password1, value: " +
			"longenough}, {name: password1, value: longenough}]}\n", `password "password1" occurs twice`},
		"expiry": {minimalSeed +
			"    tokens:\n      - {name: ci-pull, scopeMap: _repositories_pull, passwords: [{name: password1, value: " +
			"longenough, expires: tomorrow}]}\n",
			"line 4: registries[0].tokens[0].passwords[0].expires: is not a time"},
		"repository": {minimalSeed + "    repositories: [{name: Samples}]\n", "has upper-case letters"},
		"tag": {minimalSeed + "    repositories: [{name: samples, images: [{tags: ['a b']}]}]\n",
			`"a b" is not a tag`},
		"tag_twice": {minimalSeed +
			"    repositories: [{name: samples, images: [{tags: [v1]}, {tags: [v1]}]}]\n", `tag "v1" occurs twice`},
		"platform": {minimalSeed + "    repositories: [{name: samples, images: [{platforms: [linux]}]}]\n",
			`"linux" is not of the form linux/amd64`},
		"subscription": {minimalSeed + "    subscription: 33333333-3333-3333-3333-333333333333\n",
			"the seed has no subscriptions"},
		"role_name_twice": {"roleDefinitions:\n  - {name: a, actions: ['*']}\n  - {name: A, actions: ['*']}\n" +
			minimalSeed,
			`line 3: roleDefinitions[1].name: role "a" occurs twice`},
		"role_name_built_in": {"roleDefinitions: [{name: acrpull, actions: ['*']}]\n" + minimalSeed,
			"roleDefinitions[0].name: is that of a built-in role"},
		"role_id_built_in": {
			"roleDefinitions: [{name: a, id: 7f951dda-4ed3-4680-a7ca-43fe172d538d, actions: ['*']}]\n" +
				minimalSeed, "roleDefinitions[0].id: is that of a built-in role"},
		"role_id":   {"roleDefinitions: [{name: a, id: b, actions: ['*']}]\n" + minimalSeed, "id: is not a GUID"},
		"role_name": {"roleDefinitions: [{name: ' ', actions: ['*']}]\n" + minimalSeed, "name: is empty"},
		"role_long": {"roleDefinitions: [{name: " + strings.Repeat("a", 513) + ", actions: ['*']}]\n" + minimalSeed,
			"name: is longer than 512 characters"},
		"role_text": {"roleDefinitions: [{name: a, description: " + strings.Repeat("a", 2049) + ", actions: ['*']}]\n" +
			minimalSeed, "description: is longer than 2048 characters"},
		"role_empty": {"roleDefinitions: [{name: a, notActions: ['*']}]\n" + minimalSeed,
			"roleDefinitions[0]: has neither actions nor dataActions"},
		"role_action": {
			"roleDefinitions:\n- name: a\n  actions:\n  - Microsoft.ContainerRegistry/registries/tokens/raed\n" +
				minimalSeed,
			`line 4: roleDefinitions[0].actions[0]: "Microsoft.ContainerRegistry/registries/tokens/raed" is no action`},
		"role_data_action": {
			"roleDefinitions:\n- name: a\n  dataActions: [Microsoft.ContainerRegistry/registries/read]\n" +
				minimalSeed,
			`line 3: roleDefinitions[0].dataActions[0]: "Microsoft.ContainerRegistry/registries/read" is no action`},
		"role_scope": {"roleDefinitions: [{name: a, actions: ['*'], assignableScopes: [/]}]\n" + minimalSeed,
			`assignableScopes[0]: "/" is not the resource id`},
		"role_scope_unknown": {"roleDefinitions: [{name: a, actions: ['*'], assignableScopes: " +
			"[/subscriptions/33333333-3333-3333-3333-333333333333]}]\n" + minimalSeed,
			"assignableScopes[0]: is in no subscription of this seed"},
		"role_scopes": {"roleDefinitions: [{name: a, actions: ['*'], assignableScopes: [" + strings.Repeat("/,", 2001) +
			"]}]\n" + minimalSeed, "assignableScopes: has 2001 items; 2000 are allowed"},
		"role_not_assignable": {
			"tenants: [{id: 11111111-1111-1111-1111-111111111111, applications: [{clientId: " +
				"22222222-2222-2222-2222-222222222222}]}]\n" +
				"subscriptions: [{id: 33333333-3333-3333-3333-333333333333, resourceGroups: [{name: rg},{name: " +
				"rg2}]}]\n" +
				"roleDefinitions: [{name: a, actions: ['*'], assignableScopes: " +
				"[/subscriptions/33333333-3333-3333-3333-333333333333/resourceGroups/rg2]}]\n" + minimalSeed +
				"    roleAssignments:\n    - {clientId: 22222222-2222-2222-2222-222222222222, role: A}\n",
			`line 7: registries[0].roleAssignments[0].role: "A" is not assignable here`},
		"role_unknown": {
			"tenants: [{id: 11111111-1111-1111-1111-111111111111, applications: [{clientId: " +
				"22222222-2222-2222-2222-222222222222}]}]\n" + minimalSeed +
				"    roleAssignments: [{clientId: 22222222-2222-2222-2222-222222222222, role: Puller}]\n",
			`role: "Puller" is no custom role, and none of AcrPull, `},
		"condition_legacy": {
			"tenants: [{id: 11111111-1111-1111-1111-111111111111, applications: [{clientId: " +
				"22222222-2222-2222-2222-222222222222}]}]\n" + minimalSeed +
				"    roleAssignments: [{clientId: 22222222-2222-2222-2222-222222222222, role: AcrPull, condition: " +
				"'Exists @Request[Microsoft.ContainerRegistry/registries/repositories:name]'}]\n",
			"condition: an assignment of the role AcrPull cannot have one"},
		"condition_text": {
			"tenants: [{id: 11111111-1111-1111-1111-111111111111, applications: [{clientId: " +
				"22222222-2222-2222-2222-222222222222}]}]\n" + minimalSeed +
				"    roleAssignments:\n    - clientId: 22222222-2222-2222-2222-222222222222\n" +
				"      role: Container Registry Repository Reader\n      condition: Exists x\n",
			`condition: line 1, column 8: found "x", expected an attribute`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read(strings.NewReader(x.in))
			if acrkit.CodeOf(err) != acrkit.CodeUsage || !strings.Contains(err.Error(), x.want) {
				t.Errorf("got  %v\nwant %s", err, x.want)
			}
		})
	}
}

func TestRead_tooLarge(t *testing.T) {
	const most = 16 << 20
	for size, ok := range map[int]bool{most: true, most + 1: false} {
		_, err := Read(strings.NewReader(minimalSeed + strings.Repeat("#", size-len(minimalSeed))))
		if (err == nil) != ok || !ok && acrkit.CodeOf(err) != acrkit.CodeTooLarge {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func TestRead_reportsAll(t *testing.T) {
	in := minimalSeed + "    tokens:\n" + strings.Repeat("      - {name: x, scopeMap: y}\n", 30)
	_, err := Read(strings.NewReader(in))
	if err == nil || strings.Count(err.Error(), "line ") != maxProblems || !strings.Contains(err.Error(), "more") {
		t.Errorf("got %v", err)
	}
}

// TestErrorsKeepSecrets puts a secret where it does not belong.
func TestErrorsKeepSecrets(t *testing.T) {
	const secret = "hunter2-hunter2"
	token := minimalSeed +
		"    tokens:\n      - name: ci-pull\n        scopeMap: _repositories_pull\n        passwords: "
	for name, in := range map[string]string{
		"text_for_list":  token + secret + "\n",
		"item":           token + "[" + secret + "]\n",
		"secret_as_key":  token + "[{" + secret + "}]\n",
		"map_for_text":   token + "[{name: password1, value: {" + secret + ": 1}}]\n",
		"as_time":        token + "[{name: password1, value: longenough, expires: " + secret + "}]\n",
		"with_newline":   token + "[{name: password1, value: \"" + secret + "\\n\"}]\n",
		"as_slot":        token + "[{name: " + secret + ", value: longenough}]\n",
		"syntax":         token + "[{name: password1, value: \"" + secret + "]\n",
		"unknown_anchor": token + "*" + secret + "\n",
		"bad_escape":     token + "[{name: password1, value: \"\\q" + secret + "\"}]\n",
		"tag":            token + "[{name: password1, value: !!" + secret + " x}]\n",
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Read(strings.NewReader(in))
			if name == "tag" && err == nil {
				err = fmt.Errorf("%+v", s)
			}
			if err == nil {
				t.Fatal("no error")
			}
			for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
				if strings.Contains(text, "hunter2") {
					t.Errorf("the error shows the secret: %s", text)
				}
			}
		})
	}
}

// A variable, because vet would say that the verbs do not fit.
var everyVerb = "%q %x %d"

func TestSecretIsNotPrinted(t *testing.T) {
	s := Seed{Registries: []Registry{{Tokens: []Token{{Passwords: []Password{{Value: "hunter2-hunter2"}}}}}}}
	j, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	y, err := yaml.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%+v", s), fmt.Sprintf("%#v", s),
		fmt.Sprintf(everyVerb, s, s, s), string(j), string(y), Secret("hunter2").LogValue().String()} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "68756e74657232") {
			t.Errorf("a secret in %s", text)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(Example())
	f.Add(minimalSeed)
	f.Add("a: &b [*b]")
	f.Add(
		"registries: [{name: myregistry, tokens: [{name: ci-pull, scopeMap: _repositories_pull, passwords: [{name: " +
			"password1, value: 12345678}]}]}]")
	f.Add("? [a]\n: b")
	f.Fuzz(func(t *testing.T, in string) {
		s, err := Read(strings.NewReader(in))
		if err != nil {
			if code := acrkit.CodeOf(err); code != acrkit.CodeUsage && code != acrkit.CodeTooLarge {
				t.Fatalf("code %q of %v", code, err)
			}
			if len(err.Error()) > 64<<10 {
				t.Fatalf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		// What is accepted can exist: it has a registry, and checking it again
		// finds nothing.
		if len(s.Registries) == 0 {
			t.Fatal("accepted without a registry")
		}
		if err := s.Check(); err != nil {
			t.Fatalf("accepted, then refused: %v", err)
		}
	})
}
