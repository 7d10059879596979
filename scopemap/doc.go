// Package scopemap has scope maps as values: it parses their lines with ACR's wildcard
// rules, and says which rights they give and whether they allow a request.
//
//	m, err := scopemap.Parse([]string{
//		"repositories/samples/*/content/read",
//		"repositories/samples/*/metadata/read",
//	})
//	if err != nil {
//		return err // every bad line, with its number
//	}
//	m.Effective("samples/app")     // [content/read metadata/read]
//	m.Decide(required).Allowed()   // and which rule grants, which right is missing
//
// The lines are those that az acr scope-map show prints as actions. Lines only add: there
// is no order and no denial. A wildcard is a trailing /* or the root *, nothing else, and
// covers repositories that do not exist yet. A map has at most [MaxActions] lines.
//
// [Parse] reads a [Map], [System] has the five that every registry has, [Map.Decide] is
// the check that the emulator and the proxy make, and [Pattern.Match] the wildcard rule.
// [Lint] says what is wrong with lines, [Minimal] writes the fewest with the same rights, and
// [Diff] says which rights one map has and another has not. [Suggest] makes the smallest map
// from what was used, and [Review] says what of a granted map was not. [Jobs] has the least
// rights of common jobs, as they were recorded from their clients, and [Generate] those on
// repositories.
//
// The package sends nothing: it neither reads scope maps from Azure nor changes them.
//
// Source: Microsoft, "Create a token with repository-scoped permissions".
package scopemap
