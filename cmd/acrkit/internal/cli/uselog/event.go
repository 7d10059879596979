package uselog

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/operation"
	"github.com/acrkit/acrkit/scopemap"
)

// Kind is what a line of a source is.
type Kind string

// The kinds.
const (
	Recording        Kind = "recording"    // of acrkit proxy --record
	DecisionLog      Kind = "decision log" // of the emulator
	RepositoryEvents Kind = "ContainerRegistryRepositoryEvents"
	LoginEvents      Kind = "ContainerRegistryLoginEvents"
	Rows             Kind = "rows of ContainerRegistryRepositoryEvents" // that a query has counted
)

// Shows reports whether a source of the kind has a line for each use of an action.
//
// Source: Microsoft, "Azure Container Registry monitoring data reference": pushes, pulls,
// untags and deletes are logged. It does not say that anything is that reads or changes
// metadata, or that lists the catalog. Recordings and the decision log have every request.
func (k Kind) Shows(a acrkit.Action) bool {
	switch k {
	case Recording, DecisionLog:
		return true
	case RepositoryEvents, Rows:
		return a == acrkit.ContentRead || a == acrkit.ContentWrite || a == acrkit.ContentDelete
	}
	return false
}

// Hidden says what a source of the kind cannot show; "" if it shows everything.
func (k Kind) Hidden() string {
	switch k {
	case Recording:
		return "what the recorded run did not do"
	case RepositoryEvents, Rows:
		return "metadata/read, metadata/write and the catalog; content/read of what a push mounts blobs from"
	case LoginEvents:
		return "any right: it says who signed in"
	}
	return ""
}

// outcome is what a line says about the use of rights.
type outcome uint8

const (
	used outcome = iota
	refused
	failed  // for another reason than the rights, which may have been needed
	nothing // it is about no right: a sign-in, or work of the registry itself
	unclear // an operation that is not known
)

// event is one line, or a row that counts several.
type event struct {
	kind        Kind
	registry    string // its name; "" = not known
	identity    string // "" = none
	anyone      bool   // a recording: it is of a job, not of an identity
	nameless    bool   // it has no column for the identity
	placeless   bool   // it has no column for the registry
	first, last int64  // nanoseconds since 1970
	count       int64
	outcome     outcome
	operation   string // if it is unclear
	repository  string // likewise
	rules       []scopemap.Rule
}

// event reads what the columns say.
func (f *fields) event() (e event, err error) {
	switch {
	case f.has[fOutcome] && (f.has[fRequired] || f.has[fPath]):
		return f.decision()
	case !f.has[fOperation]:
		return e, errNoEvent
	}
	if err := f.logKind(&e); err != nil {
		return e, err
	}
	e.identity, e.nameless, e.registry = f.get(fIdentity), !f.has[fIdentity], f.registryName()
	e.placeless = !f.has[fLoginServer] && !f.has[fResource] && !f.has[fRegistry]
	if err := f.times(&e); err != nil {
		return e, err
	}
	if e.kind == LoginEvents {
		e.outcome = nothing
		return e, nil
	}
	return e, f.operationOf(&e)
}

// logKind says which table the line is of.
func (f *fields) logKind(e *event) error {
	category := f.get(fCategory)
	if category == "" {
		category = f.get(fType)
	}
	isLogin := strings.EqualFold(f.get(fOperation), "Login")
	switch {
	case strings.EqualFold(category, string(LoginEvents)), category == "" && !f.has[fRepository] && isLogin:
		e.kind = LoginEvents
	case f.has[fCount] && isLogin && f.get(fRepository) == "":
		e.kind = LoginEvents
	case f.has[fCount]:
		e.kind = Rows
	case strings.EqualFold(category, string(RepositoryEvents)):
		e.kind = RepositoryEvents
	case category != "" && !strings.HasPrefix(strings.ToLower(category), "containerregistry"):
		return otherTable(clip(category))
	case category != "":
		return fmt.Errorf("it is of %q, and not of ContainerRegistryRepositoryEvents or ContainerRegistryLoginEvents",
			clip(category))
	case f.has[fRepository]:
		e.kind = RepositoryEvents
	default:
		return errNoEvent
	}
	return nil
}

// otherTable is the category of a line that is of no registry. An event hub or a storage account
// may have the logs of many services.
type otherTable string

func (t otherTable) Error() string {
	return fmt.Sprintf("it is of %q, which is no log of a registry", string(t))
}

func (f *fields) times(e *event) (err error) {
	if !f.has[fCount] {
		e.first, err = f.time(fTime)
		e.last, e.count = e.first, 1
		return err
	}
	if e.count, err = f.number(fCount); err != nil {
		return err
	}
	if e.first, err = f.time(fFirst); err != nil {
		return err
	}
	if e.last, err = f.time(fLast); err != nil {
		return err
	}
	if e.last < e.first {
		return fmt.Errorf("its last time %q is before its first", f.get(fLast))
	}
	return nil
}

// registryName returns the name of the registry, as far as the line says it.
func (f *fields) registryName() string {
	if s := f.get(fLoginServer); s != "" {
		return nameOf(s)
	}
	if s := f.get(fResource); s != "" {
		return strings.ToLower(s[strings.LastIndexByte(s, '/')+1:])
	}
	return strings.ToLower(f.get(fRegistry))
}

// nameOf is [NameOf] of the text of a host.
func nameOf(host string) string {
	reg, err := acrkit.ParseRegistry(host)
	if err != nil {
		return ""
	}
	return NameOf(reg)
}

// NameOf returns the name of the registry at a host as logs have it; "" if the host does not say
// it, as that of an emulator.
func NameOf(reg acrkit.Registry) string {
	if !reg.IsACR() && !strings.HasSuffix(reg.Hostname(), ".azurecr.localhost") {
		return ""
	}
	return reg.LoginServer().Name()
}

// operationOf reads which rights an operation on a repository used.
func (f *fields) operationOf(e *event) error {
	status, err := f.status(e.kind)
	switch {
	case err != nil:
		return err
	//rule:suggest-used-status
	case operation.WasUsed(status):
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		e.outcome = refused
		return nil
	default:
		e.outcome = failed
	}
	name := f.get(fOperation)
	var actions []acrkit.Action
	switch lower := strings.ToLower(name); {
	case strings.HasPrefix(lower, "purge"): // by the registry's retention policy
		e.outcome = nothing
		return nil
	case lower == "pull":
		actions = pull
	case lower == "push":
		actions = push
	case lower == "untag", strings.HasPrefix(lower, "delete"): // tags, manifests, repositories
		actions = remove
	}
	repository := f.get(fRepository)
	isName := acrkit.CheckRepositoryName(repository) == nil
	switch {
	case e.outcome == failed && (actions == nil || !isName):
		e.outcome = refused
		return nil
	case !f.has[fRepository]:
		return errors.New("it has no column Repository")
	case !isName:
		return fmt.Errorf("%q is no name of a repository", clip(repository))
	case actions == nil:
		e.outcome, e.operation, e.repository = unclear, clip(name), repository
		return nil
	}
	for _, a := range actions {
		e.rules = append(e.rules, scopemap.Rule{Pattern: scopemap.Pattern(repository), Action: a})
	}
	return nil
}

// The actions of operations, as [operation] has them for their requests.
var (
	pull   = []acrkit.Action{acrkit.ContentRead}
	push   = []acrkit.Action{acrkit.ContentRead, acrkit.ContentWrite}
	remove = []acrkit.Action{acrkit.ContentDelete}
)

// status returns the status of the answer. Only a query's row may have none: the query has chosen
// the lines.
func (f *fields) status(k Kind) (int, error) {
	if k == Rows && !f.has[fResult] {
		return http.StatusOK, nil
	}
	for _, c := range []field{fResult, fResultType} {
		// "200" (recorded)
		if status, err := strconv.Atoi(f.get(c)); err == nil && status >= 100 && status < 600 {
			return status, nil
		}
	}
	if !f.has[fResult] && !f.has[fResultType] {
		return 0, errors.New("it has no column ResultDescription, and may have been refused")
	}
	return 0, fmt.Errorf("its result is no status code: %q", clip(cmp.Or(f.get(fResult), f.get(fResultType))))
}

// decision reads a line of the emulator's decision log.
func (f *fields) decision() (e event, err error) {
	for _, c := range []field{fTime, fPath, fRequired, fOutcome} {
		if !f.has[c] {
			return e, fmt.Errorf("a decision without %q: print it with --json "+DecisionFields, c)
		}
	}
	e = event{kind: DecisionLog, registry: strings.ToLower(f.get(fRegistry)), identity: f.get(fPrincipal), count: 1}
	if e.first, err = f.time(fTime); err != nil {
		return e, err
	}
	e.last = e.first
	path := f.get(fPath)
	switch outcome := f.get(fOutcome); outcome {
	case "allowed":
	case "faulted":
		e.outcome = failed
	case "denied", "challenged":
		e.outcome = refused
		return e, nil
	default:
		return e, fmt.Errorf("%q is no outcome of a decision", clip(outcome))
	}
	//rule:suggest-used-decision
	if !strings.HasPrefix(path, "/v2/") && !strings.HasPrefix(path, "/acr/v1/") {
		e.outcome = nothing // what a token was asked for is not what was used
		return e, nil
	}
	required, err := acrkit.ParseScope(f.get(fRequired))
	if err != nil {
		return e, fmt.Errorf("its required scope %q cannot be read", clip(f.get(fRequired)))
	}
	var never acrkit.Scope
	if e.rules, never = scopemap.RulesFor(required); !never.IsEmpty() {
		return e, fmt.Errorf("no scope map gives %q", clip(never.String()))
	}
	if len(e.rules) == 0 {
		e.outcome = nothing
	}
	return e, nil
}

// DecisionFields are the fields of "acrkit emulator log --json" that are read.
const DecisionFields = "time,registry,principal,path,required,outcome"
