package diagnose

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/wire"
)

// rejectedCandidates lists what one refusal of a name and password can mean.
func rejectedCandidates() []acrkit.Cause {
	return []acrkit.Cause{cause.PasswordWrong, cause.PasswordExpired, cause.TokenDisabled,
		cause.PasswordNotYetActive, cause.TokenUnknown}
}

// replicating is how long a regenerated password takes to work everywhere. Source:
// Microsoft, "token-based repository permissions".
const replicating = time.Minute

// unauthorized explains a 401 that names no cause.
func (x *examiner) unauthorized(ctx context.Context) Diagnosis {
	if d, ok := x.ended(ctx); ok {
		return d
	}
	evidence := "the token service answered 401 to a user and password, which it does for every fault in them"
	if !x.ofPassword() {
		return x.unauthorizedOther(ctx)
	}
	if d, ok := x.stale(ctx, evidence); ok {
		return d
	}
	if d, ok := x.byARM(ctx, evidence); ok {
		return d
	}
	candidates := rejectedCandidates()
	if c := x.credential(); c != nil && c.Kind() == auth.KindAdminUser || strings.EqualFold(x.name(), x.reg.Name()) &&
		x.name() != "" {
		candidates = []acrkit.Cause{cause.PasswordWrong, cause.AdminDisabled}
	}
	if x.a.Other != nil && !x.o.NoProbes {
		if _, err := x.token(ctx, x.a.Other, "ask for a token with the other password", x.required); err == nil {
			// The token is there and enabled.
			candidates = []acrkit.Cause{cause.PasswordWrong, cause.PasswordExpired, cause.PasswordNotYetActive}
			return unsure(cause.CredentialRejected, candidates, evidence,
				"the other password of the same token is accepted: the token exists and is enabled")
		}
	}
	return unsure(cause.CredentialRejected, candidates, evidence)
}

// ofPassword reports whether what was refused is a name and password.
func (x *examiner) ofPassword() bool {
	if x.at == theExchange {
		return false
	}
	if c := x.credential(); c != nil {
		return slices.Contains([]auth.Kind{auth.KindScopedToken, auth.KindUserPassword, auth.KindAdminUser}, c.Kind())
	}
	return x.requestKnown && x.password != ""
}

// unauthorizedOther is a 401 to a credential that is not a name and password, or is not
// known.
func (x *examiner) unauthorizedOther(ctx context.Context) Diagnosis {
	switch {
	case x.at == theExchange:
		return verdict(cause.ExchangeRefused, Proved, "the answer to /oauth2/exchange is 401")
	case x.a.Transport != nil && x.a.Exchange == nil && x.err != nil:
		return unsure(cause.CredentialRejected, []acrkit.Cause{cause.TokenEnded, cause.WrongRegistryToken,
			cause.PasswordWrong}, x.reason())
	case x.a.Transport != nil && !x.required.IsEmpty():
		// The client's text names no cause; the same request, made here, may show it.
		return x.tryHere(ctx, unsure(cause.CredentialRejected, rejectedCandidates(),
			"the client's text names no cause"))
	}
	return unsure(cause.CredentialRejected,
		append([]acrkit.Cause{cause.NoCredential, cause.SilentlyAnonymous, cause.HelperMissing, cause.MissingRight,
			cause.TokenEnded, cause.TagUnknown}, rejectedCandidates()...),
		"the answer says that authentication is required, which it says for every cause")
}

// tryHere repeats the read of an attempt with the credential that is known here, to see
// whether it is refused too. For a write, only the granted rights are compared.
// Without an answer, known is returned unchanged.
func (x *examiner) tryHere(ctx context.Context, known Diagnosis) Diagnosis {
	if !x.mayAsk() {
		return known
	}
	token, err := x.token(ctx, x.a.Transport, "ask for a token for what the client wanted", x.required)
	switch {
	//rule:strangers-words-try-here
	case err != nil && !wasAnswered(err):
		return known
	//rule:strangers-words-try-here-2
	case err != nil && x.isAnonymous():
		if known.Confidence == CannotTell || known.Code == cause.SilentlyAnonymous {
			known = suspect(cause.NoCredential, cause.SilentlyAnonymous, cause.CredentialRejected)
		}
		known.Evidence = append(known.Evidence,
			"no credential for the registry is known here, and it gives no token without one")
		return known
	case err != nil:
		a := x.a
		a.Err, a.Exchange, a.Text = err, nil, ""
		again := newExaminer(a, &x.o)
		d := again.decide(ctx)
		x.probes = append(x.probes, again.probes...)
		d.Evidence = append([]string{"the same credential is refused here, too"}, d.Evidence...)
		return d
	case token.Granted != nil && !token.Granted.Contains(x.required):
		x.granted = nil
		d := x.rights(ctx)
		d.Evidence = append([]string{"the credential is accepted"}, d.Evidence...)
		return d
	}
	if d, ok := x.missingItem(ctx); ok {
		return d
	}
	grants := "with the credential that is known here the registry grants what was wanted"
	if known.Confidence != CannotTell {
		known.Evidence = append(known.Evidence, grants)
		return known
	}
	return unsure(cause.CredentialRejected, []acrkit.Cause{cause.SilentlyAnonymous, cause.StoreIgnored,
		cause.BasicOnAPI, cause.TokenEnded, cause.AskedTooLittle},
		append(known.Evidence, grants)...)
}

// sentForOtherCloud reports whether the exchange refused a token for Azure Resource
// Manager of another cloud than the registry's.
func (x *examiner) sentForOtherCloud() bool {
	return x.status == http.StatusUnauthorized && x.at == theExchange && x.claimsKnown && x.claims.IsOfOtherCloud(x.reg)
}

func (x *examiner) otherCloud() Diagnosis {
	return verdict(cause.OtherCloud, Proved, "the Entra token is for "+clip(strings.Join(x.claims.Audience, ", "))+
		", which is not of the registry's cloud")
}

// isAnonymous reports whether the credential that is known here is none.
func (x *examiner) isAnonymous() bool {
	c := x.credential()
	return c == nil || c.Kind() == auth.KindAnonymous
}

// stale detects a stored login that prevents an anonymous pull.
func (x *examiner) stale(ctx context.Context, evidence string) (Diagnosis, bool) {
	if !x.mayAsk() || x.required.IsEmpty() || x.reg.IsZero() || !x.wasStored() {
		return Diagnosis{}, false
	}
	reads := acrkit.CatalogScope()
	for a := range x.required.All() {
		reads = reads.Union(acrkit.RepositoryScope(a.Name, acrkit.ContentRead, acrkit.MetadataRead))
	}
	if !reads.Contains(x.required) {
		return Diagnosis{}, false
	}
	t, err := x.another(auth.Anonymous())
	if err != nil {
		return Diagnosis{}, false
	}
	defer func() { _ = t.Close() }()
	token, err := x.token(ctx, t, "ask for a token without a credential", x.required)
	if err != nil || token.Granted == nil || !token.Granted.Contains(x.required) {
		return Diagnosis{}, false
	}
	return verdict(cause.StaleLogin, Proved, evidence, "without a credential the registry grants what was asked"), true
}

// wasStored reports whether the credential came out of a configuration, where it
// may have been forgotten, and was not named for this attempt.
func (x *examiner) wasStored() bool {
	if x.a.Transport == nil {
		return true // another program's; it may have been
	}
	return x.a.Transport.Status(x.required).From != "" || slices.ContainsFunc(x.a.Lookups, func(l auth.Lookup) bool {
		return l.Kind == auth.KindDockerConfig && (l.Outcome == auth.OutcomeUsed || l.Outcome == auth.OutcomeRefused)
	})
}

// byARM splits the class by what Azure Resource Manager says of the token.
func (x *examiner) byARM(ctx context.Context, evidence string) (Diagnosis, bool) {
	name := x.name()
	if x.o.ARM == nil || name == "" || wire.IsGUID(name) {
		return Diagnosis{}, false
	}
	if strings.EqualFold(name, x.reg.Name()) || x.isAdmin() {
		state, err := x.o.ARM.Registry(ctx, x.reg)
		x.noteARM("the registry "+x.reg.Name(), err)
		switch {
		case err != nil:
			return Diagnosis{}, false
		case !state.AdminUser:
			return verdict(cause.AdminDisabled, Proved, evidence, "Azure Resource Manager: adminUserEnabled is false"),
				true
		}
		return verdict(cause.PasswordWrong, Proved, evidence,
			"Azure Resource Manager: the admin user is enabled, and its passwords do not expire"), true
	}
	state, err := x.o.ARM.Token(ctx, x.reg, name)
	x.noteARM(fmt.Sprintf("the token %q", clip(name)), err)
	switch {
	case isCode(err, acrkit.CodeNotFound):
		return verdict(cause.TokenUnknown, Proved, evidence, "Azure Resource Manager knows no such token"), true
	case err != nil:
		return Diagnosis{}, false
	case !state.Enabled:
		return verdict(cause.TokenDisabled, Proved, evidence, "Azure Resource Manager: the token's status is disabled"),
			true
	}
	return x.byPasswords(state, evidence), true
}

func (x *examiner) isAdmin() bool {
	c := x.credential()
	return c != nil && c.Kind() == auth.KindAdminUser
}

// byPasswords decides by the dates of the token's two passwords.
func (x *examiner) byPasswords(state TokenState, evidence string) Diagnosis {
	now := x.date
	if now.IsZero() {
		now = x.o.Now()
	}
	expired, young := 0, 0
	for _, p := range state.Passwords {
		if !p.Expires.IsZero() && !p.Expires.After(now) {
			expired++
		} else if age := now.Sub(p.Created); !p.Created.IsZero() && age < replicating {
			young++
		}
	}
	all := len(state.Passwords)
	switch {
	case all > 0 && expired == all:
		return verdict(cause.PasswordExpired, Proved, evidence,
			"Azure Resource Manager: the token is enabled, and every password it has is past its expiry")
	case young > 0:
		return Diagnosis{Code: cause.PasswordNotYetActive, Confidence: Suspected,
			Candidates: []acrkit.Cause{cause.PasswordNotYetActive, cause.PasswordWrong},
			Evidence:   []string{evidence, "Azure Resource Manager: a password was made less than a minute ago"}}
	case expired > 0:
		return unsure(cause.CredentialRejected, []acrkit.Cause{cause.PasswordExpired, cause.PasswordWrong}, evidence,
			"Azure Resource Manager: the token is enabled; one of its passwords has expired, and which one was used "+
				"is not known")
	}
	return verdict(cause.PasswordWrong, Proved, evidence,
		fmt.Sprintf("Azure Resource Manager: the token is enabled, and none of its %d passwords has expired", all))
}

// basicOnAPI explains a password that was sent as Basic to the API itself.
func (x *examiner) basicOnAPI(ctx context.Context) Diagnosis {
	evidence := "the request carried Basic, and the challenge is Basic: a token's password is accepted only at " +
		"/oauth2/token"
	candidates := []acrkit.Cause{cause.BasicOnAPI, cause.CredentialRejected}
	if x.o.NoProbes || x.user == "" || x.password == "" {
		return Diagnosis{Code: cause.BasicOnAPI, Confidence: Suspected, Evidence: []string{evidence},
			Candidates: candidates}
	}
	// To the same origin, whose token service it is for.
	t, err := x.another(auth.UserPassword(x.user, x.password))
	if err == nil {
		defer func() { _ = t.Close() }()
		_, err = x.token(ctx, t, "ask the token service for a token with the same user and password", x.required)
	}
	switch {
	case err == nil:
		return verdict(cause.BasicOnAPI, Proved, evidence, "the token service accepts the same user and password")
	case isCode(err, acrkit.CodeCredentialRejected):
		return unsure(cause.CredentialRejected, rejectedCandidates(), evidence,
			"the token service does not accept them either")
	}
	return Diagnosis{Code: cause.BasicOnAPI, Confidence: Suspected, Evidence: []string{evidence},
		Candidates: candidates}
}
