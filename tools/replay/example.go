package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/acrkit/acrkit/tools/replay/recording"
)

// Azure's REST API specification has examples of requests, each with an answer for each
// status that it may have. Those of scope maps, tokens and their passwords are played in
// this order, one folder after another: the answer must have one of the statuses, and be
// like the example of that status.

// anExample is an example that is played: its file's name, and the request's.
type anExample struct {
	name, method, path string
	body               string // the parameter that is the body
	before             []setUp
}

// setUp is a request that makes what an example takes for granted.
type setUp struct{ method, path, body string }

const (
	exampleMap   = `{"properties":{"actions":["repositories/myrepository/content/write"]}}`
	exampleToken = "/tokens/{tokenName}" //nolint:gosec // a path
)

func examples() []anExample {
	return []anExample{
		{name: "ScopeMapCreate", method: http.MethodPut, path: "/scopeMaps/{scopeMapName}",
			body: "scopeMapCreateParameters"},
		{name: "ScopeMapGet", method: http.MethodGet, path: "/scopeMaps/{scopeMapName}"},
		{name: "ScopeMapList", method: http.MethodGet, path: "/scopeMaps"},
		{name: "ScopeMapUpdate", method: http.MethodPatch, path: "/scopeMaps/{scopeMapName}",
			body: "scopeMapUpdateParameters"},
		{name: "TokenCreate", method: http.MethodPut, path: exampleToken, body: "tokenCreateParameters"},
		{name: "TokenGet", method: http.MethodGet, path: exampleToken, before: []setUp{
			{http.MethodPatch, exampleToken, `{"properties":{"status":"enabled"}}`}}},
		{name: "TokenList", method: http.MethodGet, path: "/tokens"},
		{name: "TokenUpdate", method: http.MethodPatch, path: exampleToken, body: "tokenUpdateParameters",
			before: []setUp{{http.MethodPut, "/scopeMaps/myNewScopeMap", exampleMap}}},
		{name: "RegistryGenerateCredentials", method: http.MethodPost, path: "/generateCredentials",
			body: "generateCredentialsParameters"},
		{name: "TokenDelete", method: http.MethodDelete, path: exampleToken},
		{name: "ScopeMapDelete", method: http.MethodDelete, path: "/scopeMaps/{scopeMapName}"},
	}
}

// maxExample is the largest file of an example, in bytes.
const maxExample = 1 << 20

// What of the examples is known to be otherwise: recordings and errors of the service say so.
var exampleWords = strings.NewReplacer("/contentWrite", "/content/write", "/contentRead", "/content/read",
	"myrepository/delete", "myrepository/content/delete", "IsUserDefined", "UserDefined")

// playExamples plays the examples of a folder, if there are any.
func (rep *Report) playExamples(ctx context.Context, dir string) error {
	var folders []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error { //nolint:gosec // the user names it
		if err == nil && !d.IsDir() && d.Name() == examples()[0].name+".json" {
			folders = append(folders, filepath.Dir(path))
		}
		return err
	})
	if err != nil {
		return err
	}
	slices.Sort(folders)
	for _, folder := range folders {
		at, err := filepath.Rel(dir, folder)
		if err != nil {
			return err
		}
		if err := rep.playFolder(ctx, folder, filepath.ToSlash(at)); err != nil {
			return fmt.Errorf("%s: %w", folder, err)
		}
	}
	return nil
}

// example is the file of an example.
type example struct {
	Parameters map[string]json.RawMessage
	Responses  map[string]struct {
		Headers map[string]string
		Body    json.RawMessage
	}
}

// text returns a parameter that is a text.
func (e *example) text(name string) string {
	var s string
	_ = json.Unmarshal(e.Parameters[name], &s) // "" is seen
	return s
}

// target returns the address of the path of an example.
func (e *example) target(path string) string {
	for _, name := range []string{"scopeMapName", "tokenName"} {
		path = strings.ReplaceAll(path, "{"+name+"}", e.text(name))
	}
	return "/subscriptions/" + e.text("subscriptionId") + "/resourceGroups/" + e.text("resourceGroupName") +
		"/providers/Microsoft.ContainerRegistry/registries/" + e.text("registryName") + path + "?api-version=" +
		e.text("api-version")
}

// playFolder plays the examples of one version.
func (rep *Report) playFolder(ctx context.Context, folder, at string) (err error) {
	var c *controlSession
	for _, x := range examples() {
		e, err := readExample(filepath.Join(folder, x.name+".json"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if c == nil {
			u, err := url.Parse(e.target(""))
			if err != nil {
				return err
			}
			session, done, err := openControl(ctx, []recording.Exchange{{Method: http.MethodGet, URL: u}})
			if err != nil {
				return err
			}
			c = session
			defer func() { err = errors.Join(err, done()) }()
			if err := c.make(ctx, setUp{http.MethodPut, e.target(""),
				`{"location":"westus","sku":{"name":"Premium"}}`}); err != nil {
				return err
			}
		}
		for _, s := range x.before {
			if err := c.make(ctx, setUp{s.method, e.target(s.path), s.body}); err != nil {
				return err
			}
		}
		if err := rep.playExample(ctx, c, &x, e, at+"/"+x.name+".json"); err != nil {
			return err
		}
	}
	return nil
}

func readExample(path string) (*example, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxExample {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxExample)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	e := new(example)
	if err := json.Unmarshal([]byte(exampleWords.Replace(string(data))), e); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return e, nil
}

// make sends a request that must be accepted.
func (c *controlSession) make(ctx context.Context, s setUp) error {
	got, err := c.send(ctx, s.method, s.path, s.body, "application/json")
	if err == nil && got.status/100 != 2 {
		err = fmt.Errorf("%s %s: status %d", s.method, s.path, got.status)
	}
	return err
}

// playExample sends the request of an example and compares the answer.
func (rep *Report) playExample(ctx context.Context, c *controlSession, x *anExample, e *example, file string) error {
	target := e.target(x.path)
	u, err := url.Parse(target)
	if err != nil {
		return err
	}
	got, err := c.send(ctx, x.method, target, string(e.Parameters[x.body]), "application/json")
	if err != nil {
		return err
	}
	want, ok := e.Responses[strconv.Itoa(got.status)]
	like := recording.Exchange{Method: x.method, URL: u, Status: got.status, Answer: http.Header{},
		Content: likeOurs(want.Body)}
	for name, value := range want.Headers {
		like.Answer.Set(name, value)
	}
	if like.Content == "" && strings.TrimSpace(got.body.String()) == "null" {
		got.body.Reset() // recorded; the examples have no body
	}
	differences := compareControl(&like, got)
	if !ok {
		differences = []string{fmt.Sprintf("status %d, which the example has not", got.status)}
	}
	from := Source{Folder: strings.SplitN(file, "/", 2)[0], Client: "examples"}
	rep.exclude(file, "examples: certificates, provisioningState, the form of scope-map actions, IsUserDefined", false)
	if len(differences) == 0 {
		rep.count(from, &like, alike)
		return nil
	}
	rep.count(from, &like, different)
	rep.Differences = append(rep.Differences, Difference{File: file, Request: x.method + " " + target,
		What: differences})
	return nil
}

// likeOurs takes out of the body of an answer what the emulator has none of, or has as it
// was recorded.
func likeOurs(body json.RawMessage) string {
	if body == nil {
		return ""
	}
	var v any
	if json.Unmarshal(body, &v) != nil {
		return string(body)
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			delete(v, "certificates")
			delete(v, "provisioningState")
			for _, inner := range v {
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	walk(v)
	out, err := json.Marshal(v)
	if err != nil {
		return string(body)
	}
	return string(out)
}
