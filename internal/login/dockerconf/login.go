package dockerconf

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// logins is the object with a login for each host. Source: Docker, "docker login".
const logins = "auths"

// Login is a login for one host as a text of Docker's holds it.
type Login struct {
	User, Secret string // "" if there is none
	// Helper is the credential helper that Docker asks for the host instead: that of the
	// host, or the one for all hosts; "" if there is none.
	Helper string
}

// ReadLogin returns the login for a host of the text of a config.json, or of a Kubernetes
// Secret of type kubernetes.io/dockerconfigjson. An empty text has none. An error does not
// have any of the text.
func ReadLogin(text []byte, host string) (l Login, err error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return l, nil
	}
	if _, _, err := document(text); err != nil {
		return l, err
	}
	var doc struct {
		Auths       map[string]struct{ Auth, Username, Password string }
		CredHelpers map[string]string
		CredsStore  string
	}
	if json.Unmarshal(text, &doc) != nil {
		return l, errors.New("has logins that are not as Docker writes them")
	}
	if l.Helper = doc.CredHelpers[host]; l.Helper == "" {
		l.Helper = doc.CredsStore
	}
	entry, ok := doc.Auths[host]
	if !ok {
		return l, nil
	}
	if entry.Auth == "" {
		l.User, l.Secret = entry.Username, entry.Password
		return l, nil
	}
	pair, err := base64.StdEncoding.DecodeString(entry.Auth)
	user, secret, found := strings.Cut(string(pair), ":")
	if err != nil || !found {
		return l, fmt.Errorf("has a login for %q that is not as Docker writes it", host)
	}
	l.User, l.Secret = user, strings.TrimRight(secret, "\x00")
	return l, nil
}

// PutLogin returns the text of a config.json with a login for a host in plain form, in
// place of the one that it has. An empty text becomes a whole document.
func PutLogin(text []byte, host, user, secret string) ([]byte, error) {
	auth := base64.StdEncoding.EncodeToString([]byte(user + ":" + secret))
	return put(text, logins, host, fmt.Sprintf("{%q: %q}", "auth", auth))
}

// SetLogin returns the change that stores a login for a host in plain form, and the login
// that the file has now. ok is false if the file has it already. Files are taken as [Set]
// takes them.
func SetLogin(path, host, user, secret string) (c Change, old Login, ok bool, err error) {
	c, ok, err = open(path, host, func(c *Change) (err error) {
		if old, err = ReadLogin(c.before, host); err != nil {
			return err
		}
		if c.then = c.before; old.User != user || old.Secret != secret {
			c.then, err = PutLogin(c.before, host, user, secret)
		}
		return err
	})
	return c, old, ok, err
}

// put returns the text with a member of one of its objects set to a value, which is JSON.
// Both are made if they are missing.
func put(text []byte, in, name, value string) ([]byte, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return fmt.Appendf(nil, "{\n\t%q: {\n\t\t%q: %s\n\t}\n}\n", in, name, value), nil
	}
	top, closing, err := document(text)
	if err != nil {
		return nil, err
	}
	outer, found, err := only(top, in, true)
	if err != nil {
		return nil, err
	}
	if !found || string(outer.raw) == "null" {
		object := fmt.Sprintf("{%q: %s}", name, value)
		if indent, ok := indentation(text, top); ok {
			object = fmt.Sprintf("{\n%s%s%q: %s\n%s}", indent, indent, name, value, indent)
		}
		if found {
			return splice(text, outer.value, outer.end, object), nil
		}
		return insert(text, top, closing, in, object), nil
	}
	inner, innerClosing, err := object(text, outer.value)
	if err != nil {
		return nil, errNoObject(in)
	}
	entry, found, err := only(inner, name, false)
	switch {
	case err != nil:
		return nil, err
	case found:
		return splice(text, entry.value, entry.end, value), nil
	}
	return insert(text, inner, innerClosing, name, value), nil
}
