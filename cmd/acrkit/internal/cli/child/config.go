package child

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/loginfile"
	"github.com/acrkit/acrkit/internal/sentence"
)

// configFile bounds the user's own files. Logins to hundreds of registries fit.
var configFile = limit.Limit{Name: "a configuration file of Docker", Bytes: 1 << 20}

// UserConfig is what a program keeps of the user's own configuration: all but
// the credentials for the one registry.
//
// Logins for other hosts stay, because a command often needs two registries, a
// build that pulls its base from elsewhere above all; the command could read
// them in the user's own files anyway.
type UserConfig struct {
	dir    string                     // Docker's folder; "" if there is none
	docker map[string]json.RawMessage // config.json without auths, credHelpers and credsStore
	// logins are of config.json; podman those of podman's file and then of
	// config.json, which podman reads too where no file is named; helm those of
	// helm's file and then of config.json, likewise.
	logins, podman, helm logins
}

// logins are those of one file.
type logins struct {
	auths   map[string]json.RawMessage
	helpers map[string]string
}

func newLogins() logins {
	return logins{map[string]json.RawMessage{}, map[string]string{}}
}

// ReadUserConfig reads the user's files without what they have for the registry.
func ReadUserConfig(lookup func(string) (string, bool), reg acrkit.Registry) (*UserConfig, error) {
	c := &UserConfig{docker: map[string]json.RawMessage{}, logins: newLogins(), podman: newLogins(), helm: newLogins()}
	get := func(name string) string { v, _ := lookup(name); return v }
	system := loginfile.System{LookupEnv: lookup, UserID: os.Getuid()}
	c.dir = system.DockerDir()
	if text := get(envLiteral); text != "" {
		doc, why := parseConfig([]byte(text))
		if why != "" {
			return nil, badConfig("the variable "+envLiteral, why)
		}
		c.logins.add(doc, reg)
	}
	if c.dir != "" {
		doc, err := readConfig(filepath.Join(c.dir, "config.json"))
		if err != nil {
			return nil, err
		}
		c.logins.add(doc, reg)
		maps.Copy(c.docker, doc.rest)
	}
	for _, file := range system.PodmanFiles() {
		doc, err := readConfig(file)
		if err != nil {
			return nil, err
		}
		c.podman.add(doc, reg)
	}
	c.podman.merge(c.logins)
	if file := helmFile(get); file != "" {
		doc, err := readConfig(file)
		if err != nil {
			return nil, err
		}
		c.helm.add(doc, reg)
	}
	c.helm.merge(c.logins)
	return c, nil
}

// helmFile is the file that helm reads before Docker's, "" if nothing says where.
// Source: the environment variables that "helm help" lists, and its defaults there.
func helmFile(get func(string) string) string {
	if file := get(envHelm); file != "" {
		return file
	}
	under := func(dir string, names ...string) string {
		if dir == "" {
			return ""
		}
		return filepath.Join(append([]string{dir}, append(names, "registry", "config.json")...)...)
	}
	if dir := get("HELM_CONFIG_HOME"); dir != "" {
		return under(dir)
	}
	if dir := get("XDG_CONFIG_HOME"); dir != "" {
		return under(dir, "helm")
	}
	switch runtime.GOOS {
	case "windows":
		return under(get("APPDATA"), "helm")
	case "darwin":
		return under(get("HOME"), "Library", "Preferences", "helm")
	}
	return under(get("HOME"), ".config", "helm")
}

func badConfig(what, why string) error {
	return &acrkit.Error{Code: acrkit.CodeUsage, Op: "carry over " + what, Reason: why,
		Hint: sentence.Fix(sentence.WithoutConfiguration, map[string]string{"variable": envDocker})}
}

// document is a configuration: its logins, and the rest of it unchanged.
type document struct {
	Auths       map[string]json.RawMessage `json:"auths"`
	CredHelpers map[string]string          `json:"credHelpers"`
	CredsStore  string                     `json:"credsStore"`

	rest map[string]json.RawMessage
}

// readConfig reads a file; a missing one is empty.
func readConfig(name string) (doc document, err error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return doc, nil
	}
	what := fmt.Sprintf("the configuration in %q", name)
	if err != nil {
		return doc, badConfig(what, lastCause(err))
	}
	defer func() { _ = f.Close() }()
	data, err := configFile.ReadAll(f)
	if err != nil {
		return doc, badConfig(what, lastCause(err))
	}
	doc, why := parseConfig(data)
	if why != "" {
		return doc, badConfig(what, why)
	}
	return doc, nil
}

// parseConfig reads a configuration; why says what is wrong without quoting it.
func parseConfig(data []byte) (doc document, why string) {
	if len(bytes.TrimSpace(data)) == 0 {
		return doc, ""
	}
	if why := loginfile.LeadingMark(string(data)); why != "" {
		return doc, "it " + why
	}
	if json.Unmarshal(data, &doc.rest) != nil {
		return doc, "it is not a JSON object"
	}
	if json.Unmarshal(data, &doc) != nil {
		return doc, "its logins are not as Docker writes them"
	}
	maps.DeleteFunc(doc.rest, func(key string, _ json.RawMessage) bool {
		// In any case, as they are read here and by Docker.
		return strings.EqualFold(key, "auths") || strings.EqualFold(key, "credHelpers") ||
			strings.EqualFold(key, "credsStore")
	})
	return doc, ""
}

// add takes the logins of a document that are not the registry's and not there
// yet. A helper for all hosts (credsStore) is made one for each host that has an
// entry: Docker writes an empty one with each login. As the helper for all hosts it would
// also be asked for the registry's host, instead of the login that is written for it.
func (l *logins) add(doc document, reg acrkit.Registry) {
	for key, helper := range doc.CredHelpers {
		if _, ok := l.helpers[key]; !ok && !isOf(key, reg) {
			l.helpers[key] = helper
		}
	}
	for key, entry := range doc.Auths {
		if isOf(key, reg) {
			continue
		}
		if _, ok := l.auths[key]; !ok {
			l.auths[key] = entry
		}
		if _, ok := l.helpers[key]; !ok && doc.CredsStore != "" {
			l.helpers[key] = doc.CredsStore
		}
	}
}

// merge adds the keys that are not there yet. An existing key keeps its value.
func (l *logins) merge(other logins) {
	has := func(key string) bool {
		_, a := l.auths[key]
		_, h := l.helpers[key]
		return a || h
	}
	auths, helpers := maps.Clone(l.auths), maps.Clone(l.helpers)
	for key, entry := range other.auths {
		if !has(key) {
			auths[key] = entry
		}
	}
	for key, helper := range other.helpers {
		if !has(key) {
			helpers[key] = helper
		}
	}
	l.auths, l.helpers = auths, helpers
}

// isOf reports whether a key of auths or credHelpers is the registry's: its host,
// a URL of it, or host and repository.
func isOf(key string, reg acrkit.Registry) bool {
	rest := key
	if _, after, ok := strings.Cut(key, "://"); ok {
		rest = after
	}
	host, _, _ := strings.Cut(rest, "/")
	if strings.EqualFold(host, reg.Host()) {
		return true
	}
	if !strings.ContainsAny(host, ".:") && !strings.EqualFold(host, "localhost") {
		return false // a bare word would be read as the short name of a registry
	}
	of, err := acrkit.ParseRegistry(host)
	return err == nil && of == reg
}

// documents are the three files: Docker's, podman's and helm's.
func (c *UserConfig) documents(reg acrkit.Registry, login auth.Login) (docker, podman, helm []byte, err error) {
	whole := map[string]any{}
	for key, value := range c.docker {
		whole[key] = value
	}
	c.logins.put(whole, reg, login)
	if docker, err = json.MarshalIndent(whole, "", "  "); err != nil {
		return nil, nil, nil, err
	}
	only := func(l logins) ([]byte, error) {
		doc := map[string]any{}
		l.put(doc, reg, login)
		return json.MarshalIndent(doc, "", "  ")
	}
	if podman, err = only(c.podman); err != nil {
		return nil, nil, nil, err
	}
	helm, err = only(c.helm)
	return docker, podman, helm, err
}

func (l logins) put(doc map[string]any, reg acrkit.Registry, login auth.Login) {
	auths := map[string]any{}
	for key, entry := range l.auths {
		auths[key] = entry
	}
	if login.User != "" {
		pair := base64.StdEncoding.EncodeToString([]byte(login.User + ":" + login.Password.Reveal()))
		auths[reg.Host()] = map[string]string{"auth": pair}
	}
	doc["auths"] = auths
	if len(l.helpers) > 0 {
		doc["credHelpers"] = l.helpers
	}
}
