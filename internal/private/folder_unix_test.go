//go:build unix

package private

import (
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/acrkit/acrkit"
)

// ownedBy is the information of a file with a given owner.
type ownedBy struct {
	fs.FileInfo
	uid uint32
}

func (o ownedBy) Sys() any { return &syscall.Stat_t{Uid: o.uid} }

func TestFolder_foreign_owner(t *testing.T) {
	info, err := os.Stat(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	me := uint32(os.Geteuid())
	err = (&Folder{What: "the store of logins", Env: "DIR"}).check("/path", ownedBy{info, me + 1}, folderMode)
	if acrkit.CodeOf(err) != acrkit.CodeUsage || !strings.Contains(err.Error(), "belongs to another user") {
		t.Errorf("got %v", err)
	}
	if _, foreign := foreignOwner(ownedBy{info, me}); foreign {
		t.Error("a file of our own is taken for another's")
	}
}
