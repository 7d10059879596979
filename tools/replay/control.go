package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/tools/replay/recording"
)

// The parts of recordings that Azure Resource Manager answered are played apart: against an
// emulator of their own, in their order, with the recorded subscription and resource groups.
// Status, headers that clients read, and the body's form are compared. A newer API version
// may have further keys.

const excludedControl = "Azure Resource Manager: "

// controlPath is a path of what the emulator manages.
var controlPath = regexp.MustCompile(`(?i)^/subscriptions/[^/]+(?:/resources|/resourceGroups/[^/]+|` +
	`/providers/Microsoft\.ContainerRegistry/checkNameAvailability|` +
	`(?:/resourceGroups/[^/]+)?/providers/Microsoft\.ContainerRegistry/registries(?:/[^/]+(?:/(` +
	strings.Join(controlKinds, "|") + `)(?:/.*)?)?)?)$`)

// controlKinds are what is below a registry and is compared.
var controlKinds = []string{"listCredentials", "regenerateCredential", "listUsages", "scopeMaps", "tokens",
	"generateCredentials"}

// unmanaged are parts of requests that ask for what the emulator has none of.
var unmanaged = regexp.MustCompile(`"identity": *\{|keyVault|"virtualNetworkRules": *\[ *\{`)

func isControl(x *recording.Exchange) bool {
	return strings.HasPrefix(strings.ToLower(x.URL.Hostname()), "management.")
}

// control returns the exchanges with Azure Resource Manager that can be played, and counts
// the others.
func (rep *Report) control(r *recording.Recording) (out []recording.Exchange) {
	reason := ""
	for _, x := range r.Exchanges {
		if isControl(&x) && unmanaged.MatchString(x.Body) {
			reason = excludedControl + "managed identities, keys of customers and virtual networks"
		}
	}
	for _, x := range r.Exchanges {
		switch {
		case !isControl(&x):
		case x.Status >= http.StatusInternalServerError:
			rep.exclude(r.File, "an answer of a service that failed", true)
		case reason != "":
			rep.exclude(r.File, reason, true)
		case !controlPath.MatchString(x.URL.Path) || strings.EqualFold(lastSegment(x.URL.Path), "resources") &&
			!strings.Contains(x.URL.Query().Get("$filter"), "Microsoft.ContainerRegistry/registries"):
			rep.exclude(r.File, excludedControl+"a resource that the emulator has none of, or does not make", true)
		case x.Method == http.MethodDelete && x.Status == http.StatusAccepted:
			rep.exclude(r.File, excludedControl+"the end of a registry with replications", true)
		default:
			out = append(out, x)
		}
	}
	return out
}

func lastSegment(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// playControl plays what [Report.control] returned of a recording.
func (rep *Report) playControl(ctx context.Context, r *recording.Recording, all []recording.Exchange) (err error) {
	if len(all) == 0 {
		return nil
	}
	c, done, err := openControl(ctx, all)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	source := sourceOf(r)
	for _, x := range all {
		differences, err := c.exchange(ctx, &x)
		if err != nil {
			return fmt.Errorf("exchange %d: %w", x.Number, err)
		}
		if len(differences) == 0 {
			rep.count(source, &x, alike)
			continue
		}
		rep.count(source, &x, different)
		rep.Differences = append(rep.Differences, Difference{File: r.File, Exchange: x.Number,
			Request: x.Method + " " + x.URL.RequestURI(), What: differences})
	}
	return nil
}

// controlSession is an emulator's Azure Resource Manager.
type controlSession struct {
	em      *emulator.Emulator
	token   string
	renamed map[string]string // the path of a recorded operation -> ours
}

// openControl starts an emulator with the recorded subscription and resource groups.
func openControl(ctx context.Context, all []recording.Exchange) (*controlSession, func() error, error) {
	subscription := strings.Split(all[0].URL.Path, "/")[2]
	start := &seed.Seed{
		Tenants: []seed.Tenant{{ID: tenantID, Applications: []seed.Application{{ClientID: clientID,
			Secrets: []seed.ClientSecret{{Value: "replay-secret"}}}}}},
		Subscriptions: []seed.Subscription{{ID: subscription,
			ResourceGroups:  []seed.ResourceGroup{{Name: "replay"}},
			RoleAssignments: []seed.RoleAssignment{{ClientID: clientID, Role: "Owner"}}}},
		Registries: []seed.Registry{{Name: "replay0000"}}, // a list has one of before
	}
	em, err := emulator.Open(ctx, &emulator.Options{Seed: start})
	if err != nil {
		return nil, nil, err
	}
	c := &controlSession{em: em, renamed: map[string]string{}}
	if err := c.prepare(ctx, all); err != nil {
		return nil, nil, errors.Join(err, em.Close())
	}
	return c, em.Close, nil
}

var groupOfPath = regexp.MustCompile(`(?i)^(/subscriptions/[^/]+/resourceGroups/)([^/]+)(/?)`)

// prepare gets a token and makes the groups that the recording takes for granted, with the
// location and tags that it shows of them.
func (c *controlSession) prepare(ctx context.Context, all []recording.Exchange) error {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {clientID},
		"client_secret": {"replay-secret"}, "scope": {"https://localhost/.default"}}
	got, err := c.send(ctx, http.MethodPost, "/"+tenantID+"/oauth2/v2.0/token", form.Encode(),
		"application/x-www-form-urlencoded")
	if err != nil {
		return err
	}
	var issued struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(got.body.Bytes(), &issued); err != nil || issued.AccessToken == "" {
		return fmt.Errorf("no Entra token: status %d", got.status)
	}
	c.token = issued.AccessToken
	groups := map[string]string{}
	for _, x := range all {
		m := groupOfPath.FindStringSubmatch(x.URL.Path)
		if m == nil || x.Method == http.MethodPut && m[3] == "" {
			continue
		}
		path := strings.ToLower(m[1]) + m[2] // clients write resourcegroups, too
		if m[3] == "" && x.Status == http.StatusOK {
			groups[path] = x.Content
		} else if groups[path] == "" {
			groups[path] = `{"location":"westus"}`
		}
	}
	for _, path := range sortedKeys(groups) {
		got, err := c.send(ctx, http.MethodPut, path+"?api-version=2020-06-01", groups[path], "application/json")
		if err != nil {
			return err
		}
		if got.status != http.StatusCreated && got.status != http.StatusOK {
			return fmt.Errorf("make the group %s: status %d", path, got.status)
		}
	}
	return nil
}

// controlAnswer is an answer; it is the response writer of its request.
type controlAnswer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (a *controlAnswer) Header() http.Header { return a.header }

func (a *controlAnswer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *controlAnswer) Write(data []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(data)
}

// send calls the emulator without a connection.
func (c *controlSession) send(ctx context.Context, method, target, body, contentType string) (*controlAnswer, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://localhost"+target, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.RemoteAddr = "127.0.0.1:1"
	req.Header.Set("Content-Type", contentType)
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	a := &controlAnswer{header: http.Header{}}
	c.em.ServeHTTP(a, req)
	return a, nil
}

// exchange sends a recorded request and says how the answer differs.
func (c *controlSession) exchange(ctx context.Context, x *recording.Exchange) ([]string, error) {
	target := x.URL.RequestURI()
	if ours, ok := c.renamed[x.URL.Path]; ok {
		target = ours
	}
	got, err := c.send(ctx, x.Method, target, x.Body, "application/json")
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"Azure-Asyncoperation", "Location"} {
		theirs, err1 := url.Parse(x.Answer.Get(name))
		ours, err2 := url.Parse(got.header.Get(name))
		if err1 == nil && err2 == nil && theirs.Path != "" && ours.Path != "" {
			c.renamed[theirs.Path] = ours.RequestURI()
		}
	}
	return compareControl(x, got), nil
}

// compareControl says how an answer differs from the recorded one.
func compareControl(x *recording.Exchange, got *controlAnswer) (out []string) {
	differ := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if got.status != x.Status {
		differ("status %d, recorded %d", got.status, x.Status)
	}
	for _, name := range []string{"Azure-Asyncoperation", "Location", "X-Ms-Ratelimit-Remaining-Subscription-Deletes",
		"X-Ms-Ratelimit-Remaining-Subscription-Writes"} {
		if theirs, ours := x.Answer.Get(name) != "", got.header.Get(name) != ""; theirs && !ours {
			differ("there is no %s", name)
		}
	}
	for _, name := range []string{"Cache-Control", "Pragma", "Expires", "X-Content-Type-Options"} {
		if theirs := x.Answer.Get(name); theirs != "" && theirs != got.header.Get(name) {
			differ("%s is %q, recorded %q", name, got.header.Get(name), theirs)
		}
	}
	if x.Content == "" {
		if got.body.Len() > 0 {
			differ("there is a body, and none was recorded")
		}
		return out
	}
	var want, have any
	if json.Unmarshal([]byte(x.Content), &want) != nil {
		return append(out, "the recorded body is not JSON")
	}
	if json.Unmarshal(got.body.Bytes(), &have) != nil {
		return append(out, "the body is not JSON")
	}
	return append(out, compareForm("", want, have)...)
}

// What differs in each run, and what belongs to resources that are not played.
var otherValues = []string{"createdAt", "createdBy", "createdByType", "creationDate", "creationTime", "currentValue",
	"dataEndpointHostNames", "expiry", "lastModifiedAt", "lastModifiedBy", "lastModifiedByType", "lastUpdatedTime",
	"loginServer", "privateEndpointConnections", "timestamp"}

// compareForm says what of a recorded value is missing or another. Of a list of resources
// the first is compared.
func compareForm(path string, want, have any) (out []string) {
	switch want := want.(type) {
	case map[string]any:
		have, ok := have.(map[string]any)
		if !ok {
			return []string{path + " is no object"}
		}
		for _, key := range sortedKeys(want) {
			value, there := have[key]
			switch {
			case !there:
				out = append(out, path+"."+key+" is missing")
			case !slices.Contains(otherValues, key) && !isPassword(want, key):
				out = append(out, compareForm(path+"."+key, want[key], value)...)
			case fmt.Sprintf("%T", value) != fmt.Sprintf("%T", want[key]):
				out = append(out, fmt.Sprintf("%s.%s is %T, recorded %T", path, key, value, want[key]))
			}
		}
	case []any:
		have, ok := have.([]any)
		switch {
		case !ok:
			return []string{path + " is no list"}
		case len(want) > 0 && len(have) == 0:
			return []string{path + " is empty"}
		case path == ".value" && len(want) > 0 && isResource(want[0]):
			return sameKeys(path+"[0]", want[0], have[0])
		case path == ".value" && len(have) > len(want): // newer versions list more usages
		case len(want) != len(have):
			return []string{fmt.Sprintf("%s has %d items, recorded %d", path, len(have), len(want))}
		}
		for i := range want {
			out = append(out, compareForm(fmt.Sprintf("%s[%d]", path, i), want[i], have[i])...)
		}
	default:
		if s, ok := want.(string); ok {
			if t, isText := have.(string); isText && strings.EqualFold(s, t) {
				return nil
			}
		}
		if want != have {
			return []string{fmt.Sprintf("%s is %v, recorded %v", path, have, want)}
		}
	}
	return out
}

// isPassword reports whether a key is the value of a password: {"name", "value"}.
func isPassword(object map[string]any, key string) bool {
	return key == "value" && object["name"] != nil
}

func isResource(v any) bool {
	m, ok := v.(map[string]any)
	return ok && m["id"] != nil
}

// sameKeys compares two resources of the same type by their keys.
func sameKeys(path string, want, have any) (out []string) {
	theirs, _ := want.(map[string]any)
	ours, _ := have.(map[string]any)
	for _, key := range sortedKeys(theirs) {
		if _, ok := ours[key]; !ok {
			out = append(out, path+"."+key+" is missing")
			continue
		}
		if inner, ok := theirs[key].(map[string]any); ok && key != "tags" {
			out = append(out, sameKeys(path+"."+key, inner, ours[key])...)
		}
	}
	return out
}

var controlName = regexp.MustCompile(
	`(?i)(/(?:subscriptions|resourceGroups|registries|scopeMaps|tokens|operationStatuses)/)[^/]+`)

// controlOperation names the kind of a request to Azure Resource Manager.
func controlOperation(method, path string) string {
	return method + " ARM " + controlName.ReplaceAllString(path, "${1}NAME")
}
