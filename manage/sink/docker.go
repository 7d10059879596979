package sink

import (
	"context"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/login/dockerconf"
	"github.com/acrkit/acrkit/internal/loginfile"
	"github.com/acrkit/acrkit/internal/private"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/wording"
)

// docker is the login that Docker has for the registry: in its config.json, or in the
// credential helper that config.json names.
type docker struct {
	common
	lookupEnv func(string) (string, bool)
	environ   func() []string

	known        bool // Holds or Deliver has seen what follows
	user, helper string
	secret       redact.Secret
}

// helperName is what may follow docker-credential-.
var helperName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

// notInHelper is what a helper prints if it has no login for the host. Source:
// docker/docker-credential-helpers, package credentials.
const notInHelper = "credentials not found in native keychain"

func (d *docker) path() (string, error) {
	if path := (loginfile.System{LookupEnv: d.lookupEnv}).DockerFile(); path != "" {
		return path, nil
	}
	return "", &acrkit.Error{Code: acrkit.CodeUsage, Op: "find Docker's configuration",
		Reason: "neither HOME nor DOCKER_CONFIG is set",
		Hint:   sentence.Fix(sentence.SetFolder, map[string]string{"variable": loginfile.EnvDockerDir})}
}

// read returns the login as it is, the helper's if there is one, and when the file was
// written that holds it.
func (d *docker) read(ctx context.Context, v Value) (l dockerconf.Login, written time.Time, err error) {
	path, err := d.path()
	if err != nil {
		return l, written, err
	}
	text, found, err := private.ReadFile(path)
	if err != nil {
		return l, written, private.Failure("read "+path, err)
	}
	if l, err = dockerconf.ReadLogin(text, v.Registry.Host()); err != nil {
		return l, written, d.foreign(path+" "+err.Error(), v)
	}
	if l.Helper != "" {
		l.User, l.Secret, err = d.ask(ctx, l.Helper, v)
		return l, written, err
	}
	if found {
		info, err := os.Stat(path)
		if err != nil {
			return l, written, private.Failure("read "+path, err)
		}
		written = info.ModTime()
	}
	return l, written, nil
}

func (d *docker) foreign(why string, v Value) error {
	return foreign(d, why, sentence.Fix(sentence.LogOutOfDocker, map[string]string{"host": v.Registry.Host()}))
}

func (d *docker) Holds(ctx context.Context, v Value) (Held, error) {
	l, written, err := d.read(ctx, v)
	if err != nil {
		return Held{}, err
	}
	//rule:sink-docker-other-user
	if l.User != "" && l.User != v.Token {
		return Held{}, d.foreign("it has a login of "+wording.Quote(l.User)+" for "+v.Registry.Host(), v)
	}
	d.known, d.user, d.helper, d.secret = true, l.User, l.Helper, redact.NewSecret(l.Secret)
	return Held{Password: d.secret, Written: written}, nil
}

func (d *docker) Deliver(ctx context.Context, v Value) error {
	before := *d
	if _, err := d.Holds(ctx, v); err != nil {
		return err
	}
	//rule:sink-docker-changed
	if before.known && (before.user != d.user || before.helper != d.helper || !before.secret.Equal(d.secret)) {
		return changed(d)
	}
	if d.helper != "" {
		request, err := json.Marshal(map[string]string{"ServerURL": v.Registry.Host(), "Username": v.Token,
			"Secret": v.Password.Reveal()})
		if err != nil {
			return err
		}
		if _, err := d.run(ctx, d.helper, "store", string(request), v); err != nil {
			return err
		}
	} else {
		path, err := d.path()
		if err != nil {
			return err
		}
		c, _, _, err := dockerconf.SetLogin(path, v.Registry.Host(), v.Token, v.Password.Reveal())
		if err != nil {
			return err
		}
		c.Modified = v.Created
		//rule:sink-docker-private
		if err := c.CheckPrivate(); err != nil {
			return err
		}
		if err := c.Apply(); err != nil {
			return err
		}
	}
	d.user, d.secret = v.Token, v.Password
	return nil
}

func (d *docker) Verify(ctx context.Context, v Value) error { return verifyHeld(ctx, d, v) }

// ask reads the login in a helper; both are "" if it has none.
func (d *docker) ask(ctx context.Context, helper string, v Value) (user, secret string, err error) {
	out, err := d.run(ctx, helper, "get", v.Registry.Host(), v)
	if strings.TrimSpace(out) == notInHelper {
		return "", "", nil
	}
	if err != nil {
		return "", "", err
	}
	var doc struct{ Username, Secret string }
	if json.Unmarshal([]byte(out), &doc) != nil {
		return "", "", &acrkit.Error{Code: acrkit.CodeProtocol, Op: "read " + d.String(),
			Reason: "the answer of docker-credential-" + helper + " is not the JSON that helpers give"}
	}
	return doc.Username, doc.Secret, nil
}

// run runs a credential helper and returns what it printed.
func (d *docker) run(ctx context.Context, helper, action, input string, v Value) (string, error) {
	name := "docker-credential-" + helper
	if !helperName.MatchString(helper) {
		return "", &acrkit.Error{Code: acrkit.CodeUsage, Op: "use " + d.String(),
			Reason: "the name of the credential helper is not a program name"}
	}
	p := program{op: action + " the login in " + name, words: []string{name, action}, environ: d.environ,
		time: helperTime, secrets: []redact.Secret{v.Password, d.secret}}
	return p.run(ctx, input)
}
