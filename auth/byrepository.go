package auth

import (
	"fmt"
	"maps"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/wording"
)

// within reports whether a repository is the prefix or lies under it: whole path
// parts, so that "team" does not hold "teamwork".
func within(repository, prefix string) bool {
	return prefix == "" || repository == prefix || strings.HasPrefix(repository, prefix+"/")
}

// longest returns the longest of the prefixes that holds the repository.
func longest[V any](prefixes map[string]V, repository string) (prefix string, ok bool) {
	for p := range prefixes {
		if within(repository, p) && (!ok || len(p) > len(prefix)) {
			prefix, ok = p, true
		}
	}
	return prefix, ok
}

// byRepositoryCredential is a map from repository prefix to credential.
type byRepositoryCredential struct {
	description
	entries map[string]Credential
}

// ByRepository gives each repository the credential of the longest prefix that
// holds it, so that several scope-mapped tokens serve one registry:
//
//	auth.ByRepository(map[string]auth.Credential{
//		"team/app": auth.ScopedToken("app-push", p1),
//		"team":     auth.ScopedToken("team-pull", p2),
//		"":         auth.Anonymous(),
//	})
//
// A prefix is a repository name and matches that repository and all under it: "team"
// matches team and team/app, not teamwork. The prefix "" matches all other repositories,
// and requests that name none, such as the catalog. Without it those are an error with
// [acrkit.CodeCredentialMissing], except the ping of /v2/, which needs no right and is
// made with any of the credentials.
//
// No token is shared between credentials. A request that needs two repositories,
// a mount, is made with the credential of its target alone.
func ByRepository(entries map[string]Credential) Credential {
	return &byRepositoryCredential{description{KindByRepository,
		fmt.Sprintf("credentials by repository (%d)", len(entries))}, maps.Clone(entries)}
}

func (c *byRepositoryCredential) parts(t *Transport) (map[string]Credential, error) {
	usage := func(reason string) error {
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: "use credentials by repository",
			Registry: t.registry, Reason: reason}
	}
	if len(c.entries) == 0 {
		return nil, usage("there is none")
	}
	all := map[string]Credential{}
	for prefix, cred := range c.entries {
		if prefix != "" && acrkit.CheckRepositoryName(prefix) != nil {
			return nil, usage(
				fmt.Sprintf(
					"the prefix %s is not the name of a repository; it is written without a wildcard and without a "+
						"slash at its end", wording.Quote(prefix)))
		}
		if cred == nil {
			return nil, usage(fmt.Sprintf("the credential for %q is nil", prefix))
		}
		inner, err := partsOf(cred, t)
		if err != nil {
			return nil, err
		}
		if outer, ok := longest(inner, prefix); ok {
			all[prefix] = inner[outer]
		}
		for p, cred := range inner {
			// A part below the prefix, unless another entry is nearer to it.
			if nearest, _ := longest(c.entries, p); p != "" && nearest == prefix && within(p, prefix) {
				all[p] = cred
			}
		}
	}
	return all, nil
}

// bind always fails: NewTransport divides the credential and binds its parts.
func (c *byRepositoryCredential) bind(t *Transport) (grant, error) { return nil, errDivided(t) }
