// Package access says who may do what in a registry, from what package manage reads: its
// settings, scope maps, tokens, role assignments and role definitions. It sends nothing.
//
//	query := access.Query{Repository: "samples/app", Action: "content/write"}
//	for _, grant := range query.ScopeMap(access.OfToken(token, time.Now()), &scopeMap) {
//		fmt.Println(grant.Name, grant.Line)
//	}
//
// A [Grant] is one line that gives an identity one right. Roles are read by their permissions,
// not by their names. What cannot be decided is a grant that says why ([Grant.Unknown]):
// a condition that is not understood never counts as fulfilled, nor as not fulfilled.
//
// Not read: deny assignments, roles that a user may activate for a time, and the members
// of groups.
package access
