package diagnose

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/condition"
	"github.com/acrkit/acrkit/internal/wire"
)

// maxRolesShown is how many of an identity's roles are evidence.
const maxRolesShown = 4

// assigned is what the roles of an identity say of rights that it was refused: none of them
// gives one.
type assigned struct {
	otherMode bool // they would give such a right in the registry's other mode
	shown     []string
}

// heldRoles is what Azure Resource Manager says of the roles of an identity.
type heldRoles struct {
	of    string // its object id; "" = it was not asked
	roles []RoleState
	err   error
}

// byRoles proves the cause of a refusal in ABAC mode by the identity's roles: the mode, if they
// would give a needed right in the other one, or else the given one. It is false if they could
// not be read, or do not explain the refusal.
func (x *examiner) byRoles(ctx context.Context, otherwise acrkit.Cause, needs []string,
	evidence ...string) (Diagnosis, bool) {
	found, ok := x.askRoles(ctx, needs)
	if !ok {
		return Diagnosis{}, false
	}
	if found.otherMode {
		otherwise = cause.ABACMode
	}
	return verdict(otherwise, Proved, slices.Concat(evidence, found.shown)...), true
}

// askRoles asks Azure Resource Manager for the roles of the identity. It is false if it is not
// certain that none of them gives a needed right. One that does may be so young that the
// registry does not know it yet.
func (x *examiner) askRoles(ctx context.Context, needs []string) (assigned, bool) {
	if x.o.ARM == nil || len(needs) == 0 {
		return assigned{}, false
	}
	mode, _ := x.roleMode(ctx)
	id := x.objectID(ctx)
	if mode == unknownMode || id == "" {
		return assigned{}, false
	}
	if x.held.of != id { // the doctor asks once, for all wants
		x.held.of = id
		x.held.roles, x.held.err = x.o.ARM.Roles(ctx, x.reg, id)
		x.noteARM("the roles of the object id "+id, x.held.err)
	}
	if x.held.err != nil {
		return assigned{}, false
	}
	return x.judgeRoles(x.held.roles, mode == abacMode, needs, id)
}

// judgeRoles says why the roles of an identity give none of the needed rights.
func (x *examiner) judgeRoles(all []RoleState, abac bool, needs []string, id string) (assigned, bool) {
	const excluded, otherMode, other = 0, 1, 2
	var why [3][]string
	for _, r := range all {
		here, there, in := r.Legacy, r.ABAC, "in a registry that is not in ABAC mode"
		if abac {
			here, there, in = r.ABAC, r.Legacy, "in ABAC mode"
		}
		role := fmt.Sprintf("the role %s on %s", clip(r.Name), clip(r.Scope))
		kind, text := other, role+" does not give it"
		for _, need := range needs {
			switch {
			case r.Name == "", slices.Contains(here, need) && !(abac && excludes(r.Condition, need, x.repository)):
				return assigned{}, false
			case slices.Contains(here, need):
				kind, text = excluded, "the condition of "+role+" excludes "+clip(x.repository)
			case kind == other && slices.Contains(there, need):
				kind, text = otherMode, role+" has no effect "+in
			}
		}
		why[kind] = append(why[kind], "Azure Resource Manager: "+text)
	}
	for _, texts := range why {
		slices.Sort(texts) // Azure has them in no order
	}
	shown := slices.Concat(why[:]...)
	if more := len(shown) - maxRolesShown; more > 0 {
		shown = append(shown[:maxRolesShown], fmt.Sprintf("Azure Resource Manager: %d more of its roles do not give it",
			more))
	}
	if len(all) == 0 {
		shown = []string{"Azure Resource Manager: no role on the registry is assigned to the object id " + id +
			", or to a group that it is in"}
	}
	return assigned{len(why[excluded]) == 0 && len(why[otherMode]) > 0, shown}, true
}

// excludes reports whether the condition of a role assignment is known to exclude a right on a
// repository. One that is not understood does not.
func excludes(text, right, repository string) bool {
	action, err := acrkit.ParseAction(right)
	if text == "" || err != nil {
		return false
	}
	c, err := condition.Parse(text)
	return err == nil && !c.Allows(action, repository)
}

// needs lists the rights that the request needs on the repository.
func (x *examiner) needs() (all []string) {
	for repository, action := range repositoryActions(x.required) {
		if repository == x.repository {
			all = append(all, action.String())
		}
	}
	return all
}

// objectID returns the object id of the identity in Entra, by the subject of its ACR token
// (recorded for service principals); "" if it is not known. That of a user is a name, and a
// client id is no object id: of either, Azure Resource Manager lists no role.
func (x *examiner) objectID(ctx context.Context) string {
	id := x.subject
	if id == "" && x.a.Transport != nil && x.isEntra() && x.mayAsk() {
		token, err := x.a.Transport.RefreshToken(ctx)
		if err != nil {
			return ""
		}
		if claims, err := wire.ReadClaims(token.Value.Reveal()); err == nil && claims.IsACR() {
			id = claims.Subject
		}
	}
	client := x.name()
	if c := x.credential(); c != nil && client == "" {
		client = c.Name()
	}
	if !wire.IsGUID(id) || id == wire.ZeroGUID || strings.EqualFold(id, client) {
		return ""
	}
	return id
}
