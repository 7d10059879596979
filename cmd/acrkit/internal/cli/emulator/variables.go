package emulator

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	seedcmd "github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/seed"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/sentence"
)

// The variables that "emulator start" reads where their flag is not given: a container is
// set up by them.
const (
	envSeed      = "ACRKIT_SEED"
	envAddr      = "ACRKIT_ADDR"
	envHostnames = "ACRKIT_HOSTNAMES"
	envCACert    = "ACRKIT_CA_CERT_FILE"
	envCAKey     = "ACRKIT_CA_KEY_FILE"
	envAccessLog = "ACRKIT_ACCESS_LOG"
)

var caLimit = limit.Limit{Name: "a file of a certificate authority", Bytes: 64 << 10}

// fromEnvironment sets what no flag gave.
func (opts *StartOptions) fromEnvironment(cmd *cobra.Command, env func(string) string) error {
	given := cmd.Flags().Changed
	if value := env(envSeed); value != "" && !given("seed") {
		if isSeedText(value) {
			opts.SeedText = value
		} else {
			opts.SeedFile = value
		}
	}
	if value := env(envAddr); value != "" && !given("addr") {
		opts.Addr = value
	}
	if value := env(envHostnames); value != "" && !given("hostname") {
		opts.Hostnames = strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' })
	}
	if !given("ca-cert") {
		opts.CACert = env(envCACert)
	}
	if !given("ca-key") {
		opts.CAKey = env(envCAKey)
	}
	if (opts.CACert == "") != (opts.CAKey == "") {
		return cmdutil.Usage("--ca-cert and --ca-key (%s and %s) need each other", envCACert, envCAKey)
	}
	if value := env(envAccessLog); value != "" && !given("access-log") {
		on, err := strconv.ParseBool(value)
		if err != nil {
			return cmdutil.Usage("%s %q is neither true nor false", envAccessLog, value)
		}
		opts.AccessLog = on
	}
	return nil
}

var yamlStart = regexp.MustCompile(`^\s*([{#%]|---|[A-Za-z]+:(\s|$))`)

// isSeedText reports whether the value of the variable is a seed, not the path of one.
func isSeedText(value string) bool {
	return strings.Contains(value, "\n") || yamlStart.MatchString(value)
}

// readGivenSeed reads the seed of the flag or the variable, with the values that are
// elsewhere; nil if there is none.
func (opts *StartOptions) readGivenSeed() (*seed.Seed, error) {
	switch {
	case opts.SeedText != "":
		return seedcmd.ReadText(opts.SeedText, "in "+envSeed, seed.System())
	case opts.SeedFile != "":
		return seedcmd.Read(opts.SeedFile, opts.IO.In, seed.System())
	}
	return nil, nil //nolint:nilnil // there is none
}

// authority reads the given certificate authority; nil if none is given. The modes of the
// files are not checked: the user names them.
func (opts *StartOptions) authority() (cert, key []byte, err error) {
	if opts.CACert == "" {
		return nil, nil, nil
	}
	if cert, err = readCAFile(opts.CACert); err == nil {
		key, err = readCAFile(opts.CAKey)
	}
	return cert, key, err
}

func readCAFile(path string) ([]byte, error) {
	fail := func(err error) error {
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: "read the given certificate authority", Errs: []error{err},
			Hint: sentence.Fix(sentence.ListFile, map[string]string{"file": fmt.Sprintf("%q", path)})}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fail(err)
	}
	defer f.Close()
	data, err := caLimit.ReadAll(f)
	if err != nil {
		return nil, fail(err)
	}
	return data, nil
}
