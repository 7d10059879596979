package content

import (
	"strings"

	"github.com/acrkit/acrkit/emulator/internal/memo"
)

// maxRememberedBody is the largest manifest, in bytes, that is remembered. Few
// are larger, and those cost more to send than to find.
const maxRememberedBody = 64 << 10

// remembered bounds what is remembered of manifests, and of blobs: the tags that
// a busy test suite goes through, with names and bodies.
var remembered = memo.Limits{Entries: 32 << 10, Bytes: 6 << 20}

// name is what a look-up asks for.
type name struct {
	registry  int64
	repo, ref string // ref is a tag or a digest
}

// own returns a copy to be kept: as they come, the texts are parts of a request
// that would live as long.
func (n name) own() name {
	return name{n.registry, strings.Clone(n.repo), strings.Clone(n.ref)}
}

func (n name) size() int { return len(n.repo) + len(n.ref) }

// foundManifest is a manifest by its tag or digest, with the locks on the way.
type foundManifest struct {
	content Content
	locks   lockChain
}

// foundBlob is a repository's blob. Locks are the repository's; idleSince is 0
// while a manifest names it.
type foundBlob struct {
	size, idleSince int64
	locks           Locks
}
