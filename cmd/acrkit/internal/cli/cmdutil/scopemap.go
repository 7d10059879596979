package cmdutil

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/exactjson"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/scopemap"
)

// scopeMapLimit bounds the file: 500 actions of at most 512 bytes make 256 KiB,
// JSON around them the rest.
var scopeMapLimit = limit.Limit{Name: "a scope map file", Bytes: 1 << 20}

// ReadScopeMap reads a scope map from a file, or from in where path is "-".
func ReadScopeMap(path string, in io.Reader) (scopemap.Map, error) {
	op := fmt.Sprintf("read the scope map %q", path)
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return scopemap.Map{}, &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Errs: []error{err}}
		}
		defer file.Close()
		in = file
	}
	data, err := scopeMapLimit.ReadAll(in)
	if err != nil {
		return scopemap.Map{}, err
	}
	m, err := parseScopeMap(data)
	if err != nil {
		return scopemap.Map{}, &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Reason: firstReasons(err),
			Errs: []error{err},
			Hint: sentence.Draft(sentence.SaveScopeMap, nil)}
	}
	return m, nil
}

// maxReasons is how many wrong lines of a scope map a message names: a file of
// another kind is wrong in every one.
const maxReasons = 5

func firstReasons(err error) string {
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	lines := make([]string, 0, len(all))
	for _, e := range all {
		lines = append(lines, e.Error())
	}
	if more := len(lines) - maxReasons; more > 0 {
		lines = append(lines[:maxReasons], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "\n")
}

// parseScopeMap reads the actions in one of three forms: one a line (empty lines
// and those that begin with # do not count), a JSON array of strings, or what
// "az acr scope-map show" prints: an object with "actions", at its top or under
// "properties". A list of one such object is taken too.
func parseScopeMap(data []byte) (scopemap.Map, error) {
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))
	if len(data) == 0 {
		return scopemap.Map{}, fmt.Errorf("it is empty")
	}
	switch data[0] {
	case '{':
		return parseObject(data)
	case '[':
		var lines []string
		if err := json.Unmarshal(data, &lines); err == nil {
			return scopemap.Parse(lines)
		}
		var objects []json.RawMessage
		if err := json.Unmarshal(data, &objects); err != nil {
			return scopemap.Map{}, fmt.Errorf("it is not JSON: %w", err)
		}
		if len(objects) != 1 {
			return scopemap.Map{}, fmt.Errorf("it holds %d scope maps; keep the one of the token", len(objects))
		}
		return parseObject(objects[0])
	}
	var lines []string
	for sc := bufio.NewScanner(bytes.NewReader(data)); sc.Scan(); {
		if line := strings.TrimSpace(sc.Text()); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return scopemap.Parse(lines)
}

func parseObject(data []byte) (scopemap.Map, error) {
	var doc struct {
		Name       string   `json:"name"`
		Actions    []string `json:"actions"`
		Properties struct {
			Actions []string `json:"actions"`
		} `json:"properties"`
	}
	//rule:exact-keys-parse-object
	if err := exactjson.Unmarshal(data, &doc); err != nil { // the proxy narrows by what is read here
		return scopemap.Map{}, fmt.Errorf("it is not the JSON of a scope map: %w", err)
	}
	actions := doc.Actions
	if actions == nil {
		actions = doc.Properties.Actions
	}
	if actions == nil {
		return scopemap.Map{}, fmt.Errorf(`it is JSON without "actions"`)
	}
	m, err := scopemap.Parse(actions)
	m.Name = doc.Name
	return m, err
}
