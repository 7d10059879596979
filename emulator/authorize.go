package emulator

import (
	"context"
	"net/http"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/answer"
	"github.com/acrkit/acrkit/emulator/internal/dataplane"
	"github.com/acrkit/acrkit/emulator/internal/decisions"
	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/tokensvc"
	"github.com/acrkit/acrkit/emulator/rule"
	"github.com/acrkit/acrkit/internal/guid"
)

// exchangeKey is where a request carries its [exchange].
type exchangeKey struct{}

// exchange is what the decision log says of a request. Each part of the emulator
// that refuses one reads it.
type exchange struct {
	header  http.Header      // of the answer, with its correlation id
	decided *decisions.Entry // of the data plane; nil before it
}

// exchangeOf returns the exchange of a request; an empty one where it has none.
func exchangeOf(r *http.Request) *exchange {
	if x, ok := r.Context().Value(exchangeKey{}).(*exchange); ok {
		return x
	}
	return &exchange{}
}

// The words of a challenge, as recorded.
const (
	insufficientScope = "insufficient_scope"
	invalidToken      = "invalid_token"
)

// authorize answers the one question of the data plane: may this request be
// made? A right must be in the access token and still be the principal's now; an
// unknown resource or action is refused. Every answer is recorded, a refusal
// before it is given.
func (e *Emulator) authorize(r *http.Request, reg dataplane.Endpoint,
	required acrkit.Scope) (dataplane.Verdict, error) {
	x := exchangeOf(r)
	d := decisions.Entry{Registry: reg.Name, Method: r.Method, Path: r.URL.Path, Required: required.String(),
		RequestID: x.header.Get(answer.CorrelationHeader)}
	x.decided = &d
	v := e.decide(r, reg.ID, required, &d)
	switch {
	case v.Allow:
		d.Outcome = decisions.Allowed
	case d.Outcome == "":
		d.Outcome = decisions.Denied
	}
	// The decision is recorded even if the client is gone. A log that cannot be
	// written (a full disk) does not turn a refusal into an error: the line below
	// is the record then.
	if err := e.log.Record(context.WithoutCancel(r.Context()), d); err != nil {
		e.logger.Error("a decision was not recorded", "error", err, "outcome", d.Outcome, "principal", d.Principal,
			"required", d.Required, "request", d.RequestID)
	}
	return v, nil
}

func (e *Emulator) decide(r *http.Request, id int64, required acrkit.Scope, d *decisions.Entry) dataplane.Verdict {
	reg, ok := e.ids.Registry(id)
	if !ok {
		return refuse(d, rule.RegistryGone, dataplane.Verdict{ChallengeError: invalidToken})
	}
	headers := r.Header.Values("Authorization")
	switch len(headers) {
	case 0:
		d.Outcome = decisions.Challenged
		d.Reason = "no credential was presented"
		return dataplane.Verdict{}
	case 1:
	default:
		return refuse(d, rule.AuthorizationTwice, dataplane.Verdict{ChallengeError: invalidToken})
	}
	scheme, rest, _ := strings.Cut(headers[0], " ")
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		return e.decideBearer(reg, strings.TrimSpace(rest), required, d)
	case strings.EqualFold(scheme, "Basic"):
		return e.decideBasic(reg, headers[0], required, d)
	}
	return refuse(d, rule.AuthorizationScheme, dataplane.Verdict{ChallengeError: invalidToken})
}

// refuse notes in a decision why it is a refusal.
func refuse(d *decisions.Entry, why error, v dataplane.Verdict) dataplane.Verdict {
	d.RuleID, d.Reason = rule.Of(why)
	if v.Basic {
		d.Reason = "Basic: " + d.Reason
	}
	return v
}

func (e *Emulator) decideBearer(reg *principal.RegistrySettings, token string, required acrkit.Scope,
	d *decisions.Entry) dataplane.Verdict {
	access, err := e.verifier.Verify(reg, token, e.now())
	if err != nil {
		return refuse(d, err, dataplane.Verdict{ChallengeError: invalidToken})
	}
	d.Kind, d.Principal = string(access.Principal.Kind), access.Principal.Name
	rights, err := e.ids.Decide(reg.ID, access.Principal, required)
	if err != nil {
		return refuse(d, err, dataplane.Verdict{ChallengeError: invalidToken})
	}
	if missing := access.Lacks(required); !missing.IsEmpty() {
		d.Missing = missing.String()
		if lacking := missing.Intersect(rights.Missing); !lacking.IsEmpty() {
			d.RuleID, d.Reason = rights.Lacks, "the access token lacks it, as "+rights.Source+" does"
		} else {
			d.RuleID, d.Reason = rule.AccessTokenNarrow, "the access token lacks it; "+rights.Source+
				" has it, so another token would do"
		}
		return dataplane.Verdict{ChallengeError: insufficientScope}
	}
	//rule:all-repositories-decide-bearer
	return verdict(rights, d)
}

// decideBasic checks a user name and password in the request itself. ACR accepts
// the admin user's and service principals' there, and no scope-mapped token's.
func (e *Emulator) decideBasic(reg *principal.RegistrySettings, header string, required acrkit.Scope,
	d *decisions.Entry) dataplane.Verdict {
	user, password, ok := tokensvc.BasicAuth(header)
	if !ok {
		return refuse(d, rule.AuthorizationMangled, dataplane.Verdict{Basic: true})
	}
	who, err := e.ids.CheckDirect(reg, user, password, e.now())
	d.Kind, d.Principal = string(who.Kind), who.Name
	if err != nil {
		return refuse(d, err, dataplane.Verdict{Basic: true})
	}
	rights, err := e.ids.Decide(reg.ID, who, required)
	if err != nil {
		return refuse(d, err, dataplane.Verdict{Basic: true})
	}
	return verdict(rights, d)
}

func verdict(a principal.Answer, d *decisions.Entry) dataplane.Verdict {
	d.Rules = a.Rules
	if !a.Missing.IsEmpty() {
		d.Missing = a.Missing.String()
		d.RuleID, d.Reason = a.Lacks, a.Source+" lacks it"
		return dataplane.Verdict{ChallengeError: insufficientScope}
	}
	return dataplane.Verdict{Allow: true}
}

// requestID gives the answer its correlation id.
func requestID(w http.ResponseWriter, r *http.Request) *http.Request {
	w.Header().Set(answer.CorrelationHeader, guid.New())
	return r.WithContext(context.WithValue(r.Context(), exchangeKey{}, &exchange{header: w.Header()}))
}
