package diagnose

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/roles"
	"github.com/acrkit/acrkit/internal/wire"
	"github.com/acrkit/acrkit/scopemap"
)

// entraKinds are credentials whose rights are roles.
var entraKinds = []auth.Kind{auth.KindServicePrincipal, auth.KindEntra, auth.KindEntraToken, auth.KindCertificate,
	auth.KindManagedIdentity, auth.KindAzureCLI, auth.KindRefreshToken}

func (x *examiner) isEntra() bool {
	c := x.credential()
	return c != nil && slices.Contains(entraKinds, c.Kind()) || x.user != "" && wire.IsGUID(x.user)
}

// hasRoles reports whether the rights of the credential are roles: a user name that is a
// GUID is an identity of Entra, however it logs in.
func (x *examiner) hasRoles() bool { return x.isEntra() || wire.IsGUID(x.name()) }

// isUnnamed reports whether nothing says whose rights they are: a text is not that of the
// credential that is known here.
func (x *examiner) isUnnamed() bool {
	if x.onlyText {
		return x.reading.User == ""
	}
	return x.credential() == nil && x.name() == ""
}

// rights explains a valid credential that lacks a right: which one, and why.
func (x *examiner) rights(ctx context.Context) Diagnosis {
	asked := "the challenge asks for " + clip(x.required.String())
	if x.required.IsEmpty() {
		return verdict(cause.MissingRight, Proved, "the registry answered insufficient_scope")
	}
	if x.required.Contains(acrkit.CatalogScope()) {
		switch {
		case x.hasRoles():
		case x.isUnnamed(): // roles may lack it, too
			d := suspect(cause.CatalogScoped, cause.MissingRight, cause.ABACMode)
			d.Evidence = []string{asked}
			return d
		default:
			return verdict(cause.CatalogScoped, Proved, asked)
		}
		mode, shown := x.roleMode(ctx)
		if mode != abacMode {
			return verdict(cause.MissingRight, Proved, asked)
		}
		if d, ok := x.byRoles(ctx, cause.MissingRight, []string{roles.Catalog}, asked, shown); ok {
			return d
		}
		d := suspect(cause.MissingRight, cause.ABACMode)
		d.Evidence = []string{asked, shown}
		return d
	}
	whole, known := x.whole(ctx)
	if !known {
		return x.rightsBySight(asked)
	}
	missing := x.required.Minus(whole)
	switch {
	case missing.IsEmpty():
		d := verdict(cause.AskedTooLittle, Proved, asked, "the same credential is granted it when it is asked for")
		if x.granted == nil || x.granted.Contains(x.required) {
			// Rights may have changed since.
			d.Confidence = Suspected
		}
		return d
	case x.isMount() && onlySource(missing, x.repository):
		return verdict(cause.MountSourceMissing, Proved, asked, "the target is granted, and the source is not")
	case x.onRepository(whole).IsEmpty():
		x.granted = &whole
		return x.nothing(ctx, asked)
	}
	x.granted = &whole
	return x.partly(asked, whole, missing)
}

// partly explains a credential with some right on the repository.
func (x *examiner) partly(asked string, whole, missing acrkit.Scope) Diagnosis {
	one := func(actions ...acrkit.Action) acrkit.Scope { return acrkit.RepositoryScope(x.repository, actions...) }
	granted := "it is granted " + clip(x.onRepository(whole).String())
	switch {
	case missing.Equal(one(acrkit.MetadataRead)):
		return verdict(cause.MetadataReadMissing, Proved, asked, granted)
	case missing.Equal(one(acrkit.ContentRead)) && x.required.Contains(one(acrkit.ContentWrite)):
		return verdict(cause.PushWithoutPull, Proved, asked, granted)
	}
	return verdict(cause.MissingRight, Proved, asked, granted)
}

// rightsBySight decides by the challenge and the token's own claim, without a request.
func (x *examiner) rightsBySight(asked string) Diagnosis {
	if x.granted != nil {
		missing := x.required.Minus(*x.granted)
		if x.isMount() && onlySource(missing, x.repository) {
			return unsure(cause.MissingRight, []acrkit.Cause{cause.MountSourceMissing, cause.AskedTooLittle}, asked,
				"the token was not granted its source")
		}
		if d := x.partly(asked, *x.granted, missing); d.Code == cause.PushWithoutPull {
			return d
		}
	}
	if x.required.Equal(acrkit.RepositoryScope(x.repository, acrkit.MetadataRead)) {
		return Diagnosis{Code: cause.MetadataReadMissing, Confidence: Suspected,
			Evidence:   []string{asked, "the token that was sent lacks it"},
			Candidates: []acrkit.Cause{cause.MetadataReadMissing, cause.AskedTooLittle, cause.NoRightHere}}
	}
	return Diagnosis{Code: cause.MissingRight, Confidence: Proved,
		Evidence:   []string{asked, "the token that was sent lacks it"},
		Candidates: []acrkit.Cause{cause.NoRightHere, cause.AskedTooLittle, cause.PushWithoutPull, cause.ABACMode}}
}

// whole returns all that the credential is granted on the repositories of the
// request, by asking for a token with every action.
func (x *examiner) whole(ctx context.Context) (acrkit.Scope, bool) {
	if x.a.Transport == nil || !x.mayAsk() {
		return acrkit.Scope{}, false
	}
	ask := x.required
	for a := range x.required.All() {
		if a.Type == "repository" {
			ask = ask.Union(acrkit.RepositoryScope(a.Name, acrkit.Actions()...))
		}
	}
	token, err := x.token(ctx, x.a.Transport, "ask for a token with every right on "+x.repository, ask)
	if err != nil || token.Granted == nil {
		return acrkit.Scope{}, false
	}
	if claims, err := wire.ReadClaims(token.Value.Reveal()); err == nil && claims.IsACR() {
		x.subject = claims.Subject
	}
	return *token.Granted, true
}

func (x *examiner) isMount() bool { return countRepositories(x.required) > 1 }

func countRepositories(s acrkit.Scope) int {
	n := 0
	for a := range s.All() {
		if a.Type == "repository" {
			n++
		}
	}
	return n
}

func onlySource(missing acrkit.Scope, target string) bool {
	for a := range missing.All() {
		if a.Name == target {
			return false
		}
	}
	return !missing.IsEmpty()
}

func (x *examiner) onRepository(s acrkit.Scope) acrkit.Scope {
	var items []acrkit.Access
	for a := range s.All() {
		if a.Type == "repository" && a.Name == x.repository {
			items = append(items, a)
		}
	}
	return acrkit.NewScope(items...)
}

// nothing explains a credential without any right on the repository.
func (x *examiner) nothing(ctx context.Context, asked string) Diagnosis {
	evidence := []string{asked, "a token that asked for all five actions was granted none"}
	if x.hasRoles() {
		mode, shown := x.roleMode(ctx)
		if shown != "" {
			evidence = append(evidence, shown)
		}
		if mode == abacMode || x.o.ARM == nil {
			if d, ok := x.byRoles(ctx, cause.NoRightHere, x.needs(), evidence...); ok {
				return d
			}
			// The mode alone is no cause: a condition may exclude the repository, and no role
			// may be there.
			d := suspect(cause.NoRightHere, cause.ABACMode, cause.WrongIdentity)
			d.Evidence = evidence
			return d
		}
		if found, ok := x.askRoles(ctx, x.needs()); ok {
			evidence = append(evidence, found.shown...)
		}
	}
	if d, ok := x.wildcard(ctx, evidence...); ok {
		return d
	}
	for _, l := range x.a.Lookups {
		if l.Outcome == auth.OutcomeShadowed && !x.isUsed(l.Name) {
			return Diagnosis{Code: cause.WrongIdentity, Confidence: Suspected,
				Candidates: []acrkit.Cause{cause.WrongIdentity, cause.NoRightHere},
				Evidence: append(evidence,
					clip(fmt.Sprintf("%s was used; %s is set, too, and was passed over", x.winner(), l.Source)))}
		}
	}
	return verdict(cause.NoRightHere, Proved, evidence...)
}

// isUsed reports whether a name is that of the credential that was used: a second place
// with it holds the same rights.
func (x *examiner) isUsed(name string) bool {
	used := x.name()
	if c := x.credential(); c != nil && used == "" {
		used = c.Name()
	}
	return name != "" && strings.EqualFold(name, used)
}

func (x *examiner) winner() string {
	for _, l := range x.a.Lookups {
		if l.Outcome == auth.OutcomeUsed {
			return l.Source
		}
	}
	return "another credential"
}

// wildcard detects a scope map whose wildcard does not match what it seems to match.
func (x *examiner) wildcard(ctx context.Context, evidence ...string) (Diagnosis, bool) {
	name := x.name()
	if x.o.ARM == nil || name == "" || x.hasRoles() {
		return Diagnosis{}, false
	}
	state, err := x.o.ARM.Token(ctx, x.reg, name)
	x.noteARM(fmt.Sprintf("the token %q", clip(name)), err)
	if err != nil {
		return Diagnosis{}, false
	}
	for _, line := range state.Lines {
		if why := wrongWildcard(line, x.repository, x.required); why != "" {
			return verdict(cause.WildcardWrong, Proved,
				append(evidence, fmt.Sprintf("the scope map has %q: %s", clip(line), why))...), true
		}
	}
	return Diagnosis{}, false
}

// wrongWildcard says why a line of a scope map that seems to give a required action on a
// repository does not, or "".
func wrongWildcard(line, repository string, required acrkit.Scope) string {
	if !strings.Contains(line, "*") || !seemsToGive(line, repository, required) {
		return ""
	}
	rule, err := scopemap.ParseRule(line)
	if err != nil {
		return "only a trailing /*, or * alone, is a wildcard"
	}
	if prefix, ok := strings.CutSuffix(string(rule.Pattern), "/*"); ok && prefix == repository {
		return fmt.Sprintf("it matches what is under %q, and not %q itself", prefix, repository)
	}
	return ""
}

// seemsToGive reports whether a line would give a required action on a repository if a *
// stood for anything, and for nothing after a slash.
func seemsToGive(line, repository string, required acrkit.Scope) bool {
	for of, action := range repositoryActions(required) {
		pattern, ok := strings.CutSuffix(strings.TrimPrefix(line, "repositories/"), "/"+action.String())
		if !ok || of != repository {
			continue
		}
		loose := strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*")
		if matched, err := regexp.MatchString("^(?:"+loose+")$", repository); err == nil && matched ||
			pattern == repository+"/*" {
			return true
		}
	}
	return false
}

// missing lists what the request needs and the credential is not known to have.
func (x *examiner) missing() []Missing {
	lacks := x.required
	if x.granted != nil {
		lacks = lacks.Minus(*x.granted)
	}
	var all []Missing
	for repository, action := range repositoryActions(lacks) {
		all = append(all, Missing{Repository: repository, Action: action})
	}
	return all
}

// isCode reports whether err is one of ours with the code.
func isCode(err error, code acrkit.Code) bool { return errors.Is(err, code) }
