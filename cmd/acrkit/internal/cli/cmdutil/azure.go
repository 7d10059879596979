package cmdutil

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"sync"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/diagnose"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/errtext"
	"github.com/acrkit/acrkit/internal/login/find"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/wire"
	"github.com/acrkit/acrkit/manage"
)

// Azure holds the flags of the commands that ask Azure Resource Manager.
type Azure struct {
	Subscription, ResourceGroup string // "" = all that the identity sees
	Audit                       string // the file that gets a line for each change; "" = stderr

	identity find.AzureIdentity
	endpoint string // of envEndpoint
}

// envSubscription is the subscription that is searched first, as Microsoft's tools name it.
const envSubscription = "AZURE_SUBSCRIPTION_ID"

// envEndpoint is an Azure Resource Manager of Microsoft's packages, as "acrkit emulator env"
// prints it. The registry decides which one is asked, so that no variable sends a token
// elsewhere.
const envEndpoint = "AZURE_RESOURCE_MANAGER_ENDPOINT"

// AddFlags adds the flags that narrow the search for the registry.
func (a *Azure) AddFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.Subscription, "subscription", "",
		"the `id` of the subscription that has the registry (searched first: "+envSubscription+")")
	cmd.Flags().StringVar(&a.ResourceGroup, "resource-group", "", "the resource `group` that has the registry")
}

// AddChangeFlags adds the flags of a command that changes something, too.
func (a *Azure) AddChangeFlags(cmd *cobra.Command) {
	a.AddFlags(cmd)
	cmd.Flags().StringVar(&a.Audit, "audit", "", "append the audit lines to this `file` (default: stderr)")
}

// Manage finds the registry in Azure, with the Entra identity of the environment or of
// the Azure CLI. An audit file that cannot be written is an error before anything is sent.
func (f *Factory) Manage(ctx context.Context, reg acrkit.Registry, a *Azure) (*manage.Registry, error) {
	if a.ResourceGroup != "" && a.Subscription == "" {
		return nil, Usage("--resource-group needs --subscription")
	}
	if f.Global.PlainHTTP {
		return nil, Usage("Azure Resource Manager has no plain HTTP")
	}
	rt, err := f.transport()
	if err != nil {
		return nil, err
	}
	id, err := f.finder().Azure(reg, rt)
	if err != nil {
		return nil, err
	}
	a.identity, a.endpoint = id, f.Env(envEndpoint)
	audit, err := a.auditTo(f.IO.ErrOut)
	if err != nil {
		return nil, err
	}
	first := f.Env(envSubscription)
	if !wire.IsGUID(first) {
		first = ""
	}
	client, err := manage.New(id.Credential, &manage.Options{Subscription: a.Subscription,
		ResourceGroup: a.ResourceGroup, First: first, Transport: rt, Now: f.Now, Sleep: f.Sleep, Audit: audit,
		Settle: f.Settle})
	if err != nil {
		return nil, err
	}
	r, err := client.Registry(ctx, reg)
	return r, a.Explain(ctx, err)
}

// auditTo returns what writes the line of each change. The file is opened for each line:
// a command runs seconds, and a log may be rotated.
func (a *Azure) auditTo(stderr io.Writer) (func(manage.Change), error) {
	if a.Audit == "" {
		return func(c manage.Change) { _, _ = stderr.Write(c.Line()) }, nil
	}
	open := func() (*os.File, error) {
		return os.OpenFile(a.Audit, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	}
	file, err := open()
	if err != nil {
		return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "open the audit file", Errs: []error{err}}
	}
	_ = file.Close()
	var mu sync.Mutex
	return func(c manage.Change) {
		mu.Lock()
		defer mu.Unlock()
		file, err := open()
		if err == nil {
			_, err = file.Write(c.Line())
			err = errors.Join(err, file.Close())
		}
		if err != nil { // the change was made: its line must not get lost
			fmt.Fprintf(stderr, "acrkit: cannot write the audit file: %v\n", err)
			_, _ = stderr.Write(c.Line())
		}
	}, nil
}

// Explain adds to an error of Azure Resource Manager what the command knows: which
// identity it was, and one command that fixes it.
func (a *Azure) Explain(ctx context.Context, err error) error {
	e, ok := errors.AsType[*acrkit.Error](err)
	if !ok {
		return err
	}
	out := *e
	switch {
	case e.Cause == cause.ARMActionDenied:
		if d, derr := diagnose.Explain(ctx, diagnose.Attempt{Registry: e.Registry, Err: err},
			&diagnose.Options{NoProbes: true}); derr == nil {
			out.Hint = d.Fix
		}
		if said, ok := errtext.ReadARMRefusal(err.Error()); ok {
			out.Reason = fmt.Sprintf("the identity lacks the action %s on %s; the role %q has it", said.Action,
				said.Scope,
				diagnose.RoleFor(said.Action))
			if a.identity.Source != "" {
				out.Reason += "; the identity is from " + a.identity.Source
			}
		}
	case e.Code == acrkit.CodeCredentialRejected && a.identity.Source != "" && e.Reason != "":
		out.Reason += "; it is from " + a.identity.Source
		out.Hint = cmp.Or(e.Hint, a.rejectedHint(err))
	}
	if host := a.emulator(e.Registry); host != "" && isOfARM(err) {
		out.Reason += "; " + envEndpoint + " is not used for it"
		out.Hint = sentence.Fix(sentence.NameAtEmulator, map[string]string{"host": host})
	}
	return &out
}

// rejectedHint returns the command that shows or renews an identity that was not accepted.
func (a *Azure) rejectedHint(err error) string {
	switch _, byEntra := errors.AsType[auth.EntraRefusal](err); {
	case a.identity.Kind == auth.KindAzureCLI:
		return sentence.Fix(sentence.SignInToAzure, nil)
	case a.identity.Kind == auth.KindServicePrincipal && byEntra, a.identity.Kind == auth.KindCertificate && byEntra:
		return sentence.Fix(sentence.ShowSecrets, nil)
	}
	return ""
}

// emulator returns the host that envEndpoint names, if it is on this machine and the
// registry is not.
func (a *Azure) emulator(reg acrkit.Registry) string {
	u, err := url.Parse(a.endpoint)
	if err != nil || u.Host == "" || reg.IsZero() || reg.IsLoopback() {
		return ""
	}
	local, err := acrkit.ParseRegistry(u.Host)
	if err != nil || !local.IsLoopback() {
		return ""
	}
	return local.Host()
}

// isOfARM reports whether Azure Resource Manager itself gave no answer, did not accept the
// token, or does not know the registry.
func isOfARM(err error) bool {
	if _, byEntra := errors.AsType[auth.EntraRefusal](err); byEntra || acrkit.CauseOf(err) == cause.EntraUnreachable {
		return false
	}
	switch acrkit.CodeOf(err) {
	case acrkit.CodeUnavailable, acrkit.CodeTLS, acrkit.CodeCredentialRejected, acrkit.CodeNotFound:
		return true
	}
	return false
}
