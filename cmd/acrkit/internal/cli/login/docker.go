package login

import (
	"context"
	"os/exec"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/internal/login/dockerconf"
	"github.com/acrkit/acrkit/internal/loginfile"
	"github.com/acrkit/acrkit/internal/sentence"
)

// DockerHelper is the helper's name in Docker's configuration: the name of its program
// without docker-credential-.
const DockerHelper = "acrkit"

// Docker is the part of login and logout that changes Docker's config.json.
type Docker struct {
	IO        *iostreams.IOStreams
	LookupEnv func(string) (string, bool)

	Wanted bool // --docker
	Yes    bool // --yes: do not ask

	// LookPath finds a program; nil means exec.LookPath.
	LookPath func(string) (string, error)
	// Answer reads the answer to a question; nil asks at the terminal.
	Answer func(ctx context.Context, question string) (string, error)
}

// Check says what --docker cannot go with.
func (d *Docker) Check(repository string, canPrompt bool) error {
	switch {
	case !d.Wanted && d.Yes:
		return cmdutil.Usage("--yes answers the question of --docker; it is for nothing else")
	case !d.Wanted:
		return nil
	case repository != "":
		return cmdutil.Usage(
			"--docker and --repository exclude each other: Docker keeps one credential for a host; see \"acrkit run " +
				"--help\"")
	case !d.Yes && !canPrompt:
		return cmdutil.Usage("--docker changes a file and asks first, and this is not a terminal; add --yes")
	}
	return nil
}

// path is the file that Docker reads.
func (d *Docker) path() (string, error) {
	if file := (loginfile.System{LookupEnv: d.LookupEnv}).DockerFile(); file != "" {
		return file, nil
	}
	return "", &acrkit.Error{Code: acrkit.CodeUsage, Op: "find Docker's configuration",
		Reason: "neither HOME nor DOCKER_CONFIG is set",
		Hint:   sentence.Fix(sentence.SetFolder, map[string]string{"variable": "DOCKER_CONFIG"})}
}

// Name returns the change that names the helper for a registry; needed is false
// where it is named already. A file that cannot be changed is an error now.
func (d *Docker) Name(reg acrkit.Registry) (c dockerconf.Change, needed bool, err error) {
	path, err := d.path()
	if err != nil {
		return c, false, err
	}
	return dockerconf.Set(path, reg.Host(), DockerHelper)
}

// Unname returns the change that takes the helper's name away again.
func (d *Docker) Unname(reg acrkit.Registry) (c dockerconf.Change, needed bool, err error) {
	path, err := d.path()
	if err != nil {
		return c, false, err
	}
	return dockerconf.Remove(path, reg.Host(), DockerHelper)
}

// Apply shows a change, asks, and makes it.
func (d *Docker) Apply(ctx context.Context, c dockerconf.Change) (done bool, err error) {
	cmdutil.Say(d.IO.ErrOut, "\n%s", strings.TrimSuffix(c.Diff(), "\n"))
	if !d.Yes {
		answer := d.Answer
		if answer == nil {
			answer = func(ctx context.Context, question string) (string, error) {
				return cmdutil.Ask(ctx, d.IO, question, func() (string, error) { return cmdutil.ReadLine(d.IO.In) })
			}
		}
		said, err := answer(ctx, "Change it so? [y/N] ")
		if ctx.Err() != nil {
			return false, err
		}
		if err != nil || !cmdutil.IsYes(said) {
			cmdutil.Say(d.IO.ErrOut, "%s was not changed.", c.Path)
			return false, nil //nolint:nilerr // no answer is no
		}
	}
	if err := c.Apply(); err != nil {
		return false, err
	}
	cmdutil.Say(d.IO.ErrOut, "Changed %s.", c.Path)
	return true, nil
}

// Warn says what else Docker needs before the helper answers it, and what is not
// needed any more.
func (d *Docker) Warn(reg acrkit.Registry, c dockerconf.Change) {
	look := d.LookPath
	if look == nil {
		look = exec.LookPath
	}
	program := "docker-credential-" + DockerHelper
	if _, err := look(program); err != nil {
		cmdutil.Say(d.IO.ErrOut, "%s is not in PATH, and Docker will not find it: put it beside acrkit.", program)
	}
	text := loginfile.System{LookupEnv: d.LookupEnv}.Text()
	if dockerconf.HoldsLogin([]byte(text), reg.Host()) {
		cmdutil.Say(d.IO.ErrOut, "%s has a login for %s, which Docker takes before the helper: unset %s",
			loginfile.EnvText, reg.Host(), loginfile.EnvText)
	}
	if c.Plain {
		cmdutil.Say(d.IO.ErrOut, "%s still holds a login for %s as plain text, which is not used now: docker logout %s",
			c.Path, reg.Host(), reg.Host())
	}
	if !reg.IsACR() {
		cmdutil.Say(d.IO.ErrOut, "The helper answers for this host only where ACRKIT_REGISTRIES=%s is set.", reg.Host())
	}
}
