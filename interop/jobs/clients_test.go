package jobs

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// client is a program or library of others, as one finds it here.
type client struct {
	name    string   // as the table has it
	install string   // what to do when it is missing
	version []string // a command that prints the version
	// prepare makes it ready, once for all jobs; nil: the command that prints its version is
	// all. Its error is a client that is missing.
	prepare func() error
	// variable names the file of a program that no package registry has, so that it runs only
	// where it is set; "" = a client that can be installed.
	variable string

	once sync.Once
	said string
	err  error
}

var versionForm = regexp.MustCompile(`v?\d+\.\d+\.\d+[^\s,]*`)

// ready returns the client's version. Without the client the job cannot speak: that is a
// failure where CI is set, and a skip by name elsewhere.
func (c *client) ready(t *testing.T) string {
	t.Helper()
	if c.variable != "" && os.Getenv(c.variable) == "" {
		t.Skipf("%s was NOT tested: it %s", c.name, c.install)
	}
	c.once.Do(func() {
		if c.prepare != nil {
			if c.err = c.prepare(); c.err != nil {
				return
			}
		}
		// It outlives the first test that asks.
		out, err := exec.CommandContext(context.Background(), c.version[0], c.version[1:]...).CombinedOutput()
		c.said, c.err = strings.TrimSpace(string(out)), err
	})
	if c.err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s: %s: %v\n%s", c.name, c.install, c.err, c.said)
		}
		t.Skipf("%s was NOT tested: %s: %v", c.name, c.install, c.err)
	}
	if v := versionForm.FindString(c.said); v != "" {
		return v
	}
	return strings.TrimSpace(c.said)
}

// byGoInstall is a program that .ci/programs installs. Its version is that of its module.
func byGoInstall(name string) *client {
	return &client{name: name, install: "see .ci/programs",
		version: []string{"sh", "-c", `p=$(command -v ` + name + `) && go version -m "$p" | awk '$1 == "mod" {print $3}'`}}
}

// fromSource is a program that no package registry has. It is built from its repository, and
// a variable names its file.
func fromSource(name, variable string, version ...string) *client {
	return &client{name: name, install: "is built from its source, and named in " + variable, variable: variable,
		version: append([]string{os.Getenv(variable)}, version...)}
}
