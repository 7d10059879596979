package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/manage"
)

const (
	pullApp = "repositories/samples/app/content/read"
	pushApp = "repositories/samples/app/content/write"
	listApp = "repositories/samples/app/metadata/read"
)

// ran is what a command did.
type ran struct {
	code     int
	out, err string
}

// audit are the audit lines on stderr.
func (r ran) audit(t *testing.T) (changes []manage.Change) {
	t.Helper()
	for line := range strings.SplitSeq(r.err, "\n") {
		if !strings.HasPrefix(line, "{") {
			continue
		}
		var c manage.Change
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Errorf("%v: %s", err, line)
		}
		changes = append(changes, c)
	}
	return changes
}

// operator runs commands as an application, without a process of their own.
type operator struct {
	reg    *acrtest.Registry
	who    acrtest.ServicePrincipal
	settle time.Duration // as manage.Options has it, but 0 = not at all
	sleep  func(context.Context, time.Duration) error
	env    map[string]string
}

func newOperator(t *testing.T, reg *acrtest.Registry, who acrtest.ServicePrincipal) *operator {
	t.Helper()
	sleep := func(ctx context.Context, d time.Duration) error { reg.Advance(d); return ctx.Err() }
	return &operator{reg: reg, who: who, sleep: sleep, env: map[string]string{
		"ACR_NAME": reg.Host(), "SSL_CERT_FILE": reg.CAFile(), "AZURE_AUTHORITY_HOST": reg.AuthorityHost(),
		"AZURE_TENANT_ID": who.TenantID, "AZURE_CLIENT_ID": who.ClientID, "AZURE_CLIENT_SECRET": who.ClientSecret,
		"ACRKIT_KEYRING": "off", "ACRKIT_CONFIG_DIR": t.TempDir()}}
}

func (o *operator) run(t *testing.T, args ...string) ran {
	t.Helper()
	return o.runWithin(t.Context(), t, args...)
}

func (o *operator) runWithin(ctx context.Context, t *testing.T, args ...string) ran {
	t.Helper()
	s, _, out, errOut := iostreams.Test()
	settle := o.settle
	if settle == 0 {
		settle = -1
	}
	code := cli.Run(ctx, &cmdutil.Factory{IO: s, Now: o.reg.Clock().Now, Sleep: o.sleep, Settle: settle,
		Global: cmdutil.Global{NoCache: true},
		LookupEnv: func(name string) (string, bool) {
			v, ok := o.env[name]
			return v, ok
		}}, args)
	if bytes.Contains(errOut.Bytes(), []byte(o.who.ClientSecret)) {
		t.Errorf("%q printed the client secret", args)
	}
	return ran{code, out.String(), errOut.String()}
}

// must runs a command that is to succeed.
func (o *operator) must(t *testing.T, args ...string) ran {
	t.Helper()
	r := o.run(t, args...)
	if r.code != 0 {
		t.Fatalf("%q: exit code %d\n%s%s", args, r.code, r.out, r.err)
	}
	return r
}
