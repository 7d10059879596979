package diagnose

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/errtext"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
)

// clientFix is the fix of some causes for the users of one client.
type clientFix struct {
	client errtext.Client
	causes []acrkit.Cause
	fix    sentence.FixKey
}

var (
	unauthenticated = []acrkit.Cause{cause.NoCredential, cause.SilentlyAnonymous, cause.CredentialRejected,
		cause.AnonymousPullOff, cause.ExchangeRefused, cause.NoRole, cause.UserUnknown}
	untrusted = []acrkit.Cause{cause.CertificateUntrusted, cause.TLSIntercepted}
)

// clientFixes are looked for in order.
var clientFixes = []clientFix{
	{errtext.Kubelet, unauthenticated, sentence.AttachRegistry},
	{errtext.AppService, unauthenticated, sentence.PullByAppIdentity},
	{errtext.ContainerApps, unauthenticated, sentence.SetAppRegistry},
	{errtext.DockerDaemon, untrusted, sentence.TrustForDocker},
	{errtext.Kubelet, untrusted, sentence.TrustForContainerd},
	{errtext.DockerDaemon, []acrkit.Cause{cause.NoCredential, cause.SilentlyAnonymous, cause.CredentialRejected},
		sentence.LoginForDocker},
	{errtext.DockerDaemon, []acrkit.Cause{cause.DockerConfigBroken}, sentence.LoginForDocker},
	{errtext.UnknownClient, []acrkit.Cause{cause.DockerConfigBroken}, sentence.LoginForDocker}, // docker and its like
	{errtext.AzureCLI, []acrkit.Cause{cause.NoCredential, cause.ExchangeRefused}, sentence.SignInThenLogin},
}

// fixOfClient returns the fix where the text comes from, "" if there is none.
func (x *examiner) fixOfClient(c acrkit.Cause) sentence.FixKey {
	if !x.onlyText {
		return ""
	}
	for _, f := range clientFixes {
		if f.client != x.reading.Client || f.fix.OfAzure() && !x.reg.IsZero() && !x.reg.IsACR() {
			continue // az works only with Microsoft's registries
		}
		if slices.Contains(f.causes, c) {
			return f.fix
		}
	}
	return ""
}

// wait returns how many seconds a throttled client has to wait, "" if the service does not
// say.
func (x *examiner) wait(c acrkit.Cause) string {
	if c != cause.Throttled {
		return ""
	}
	after := x.reading.RetryAfter
	if x.err != nil && x.err.RetryAfter > 0 {
		after = x.err.RetryAfter
	}
	if x.retryAfter > 0 {
		after = x.retryAfter
	}
	if after <= 0 {
		return ""
	}
	return strconv.Itoa(int(after.Round(time.Second).Seconds()))
}

// asMeant returns the fix of a reference that names another registry than the intended
// one, with the reference of the text.
func (x *examiner) asMeant() string {
	if !x.onlyText || x.reading.Ended < 0 {
		return sentence.Draft(sentence.AsWritten, x.blanks())
	}
	e := x.reading.Events[x.reading.Ended]
	image := strings.TrimPrefix(e.Image, "library/")
	first, rest, ok := strings.Cut(image, "/")
	switch {
	case e.TookHostForImage():
		if first, _, _ = strings.Cut(first, "/manifests"); shell.IsPlain(first) {
			return sentence.Fix(sentence.PullRepository, map[string]string{"host": first})
		}
	case e.Pull && e.Bare && shell.IsPlain(image):
		facts := x.blanks()
		facts["repository"] = image
		return sentence.Draft(sentence.PullFrom, facts)
	case ok && e.Bare && shell.IsPlain(image) && !strings.Contains(image, "/manifests/"):
		return sentence.Fix(sentence.PushToLoginServer, map[string]string{"user": first, "repository": rest})
	}
	return sentence.Draft(sentence.AsWritten, x.blanks())
}
