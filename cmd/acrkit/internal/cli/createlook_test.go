package cli_test

import (
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
)

// onWrite is a standard output at which something happens when it gets the password.
type onWrite struct{ happens func() }

func (w *onWrite) Write(p []byte) (int, error) {
	if w.happens != nil {
		w.happens()
		w.happens = nil
	}
	return len(p), nil
}

// TestCreateLastLook: "token create" checks a password after it was delivered. It must be in the
// sink, and still the token's only one: another command may have made one since the first check.
func TestCreateLastLook(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	o := newOperator(t, reg, reg.ServicePrincipal("Contributor"))
	const replaced = "another command made a password of it at the same time"
	for _, tc := range []struct {
		name    string
		to      string
		happens func(name string)
		settle  time.Duration
		code    int
		says    string
	}{
		{"job-alone", "-", func(string) {}, -1, cmdutil.ExitOK, "Delivered password1"},
		{"job-replaced", "-", func(name string) { reg.RegeneratePassword(name, "password1") }, -1, cmdutil.ExitFailed,
			replaced},
		{"job-second", "-", func(name string) { reg.RegeneratePassword(name, "password2") }, -1, cmdutil.ExitFailed,
			replaced},
		{"job-slow", "-", func(string) {}, time.Nanosecond, cmdutil.ExitIncomplete, "that command did not notice"},
		{"job-verified", "exec:true verify:true", nil, -1, cmdutil.ExitOK, "Delivered password1"},
		{"job-unverified", "exec:true verify:false", nil, -1, cmdutil.ExitFailed,
			"the token was made, and nothing has a password of it"},
	} {
		s, _, _, errOut := iostreams.Test()
		if tc.happens != nil {
			s.Out = &onWrite{func() {
				reg.Advance(time.Second) // passwords are told apart by their time
				tc.happens(tc.name)
			}}
		}
		code := cli.Run(t.Context(), &cmdutil.Factory{IO: s, Now: time.Now, Settle: tc.settle,
			Global:    cmdutil.Global{NoCache: true},
			LookupEnv: func(name string) (string, bool) { v, ok := o.env[name]; return v, ok }},
			[]string{"token", "create", tc.name, "--scope-map", "_repositories_pull", "--yes", "--never-expires",
				"--to", tc.to})
		if code != tc.code || !strings.Contains(errOut.String(), tc.says) {
			t.Errorf("%s: exit code %d, want %d and %q\n%s", tc.name, code, tc.code, tc.says, errOut)
		}
	}
}
