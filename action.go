package acrkit

import "fmt"

// Action is a right on a repository, under the name it has in a scope map.
// The zero value is no action.
//
// Source: Microsoft's "token-based repository permissions"; the mapping to wire
// words follows from the scopes in recorded ACR challenges.
type Action uint8

// The five repository actions a scope map can grant.
const (
	ContentRead   Action = iota + 1 // pull manifests and blobs
	ContentWrite                    // push; ACR asks for ContentRead as well
	ContentDelete                   // delete manifests, tags, repositories
	MetadataRead                    // list tags and manifests, read attributes
	MetadataWrite                   // change attributes (locks)
)

var actionNames = [...]struct{ scopeMap, wire string }{
	ContentRead:   {"content/read", "pull"},
	ContentWrite:  {"content/write", "push"},
	ContentDelete: {"content/delete", "delete"},
	MetadataRead:  {"metadata/read", "metadata_read"},
	MetadataWrite: {"metadata/write", "metadata_write"},
}

// Actions returns the five actions in the order scope maps list them.
func Actions() []Action {
	return []Action{ContentRead, ContentWrite, ContentDelete, MetadataRead, MetadataWrite}
}

// ParseAction reads an action by its scope-map name ("content/read") or by its
// wire word ("pull"). Case matters, as it does to the service.
func ParseAction(s string) (Action, error) {
	for _, a := range Actions() {
		if n := actionNames[a]; s == n.scopeMap || s == n.wire {
			return a, nil
		}
	}
	return 0, &Error{Code: CodeUsage, Op: "read an action", Reason: fmt.Sprintf(
		"%q is none of content/read, content/write, content/delete, metadata/read, metadata/write", clip(s))}
}

// String returns the scope-map name, "content/read".
func (a Action) String() string {
	if a == 0 || int(a) >= len(actionNames) {
		return fmt.Sprintf("Action(%d)", uint8(a))
	}
	return actionNames[a].scopeMap
}

// Wire returns the word of token scopes, "pull"; "" for an unknown action.
func (a Action) Wire() string {
	if int(a) >= len(actionNames) {
		return ""
	}
	return actionNames[a].wire
}
