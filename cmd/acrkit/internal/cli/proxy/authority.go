package proxy

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/internal/login/store"
	"github.com/acrkit/acrkit/internal/pki"
	"github.com/acrkit/acrkit/internal/sentence"
)

// authority opens acrkit's local certificate authority for the names, made once for
// this user, so that programs that trust it also trust it in the next run. Proxies with
// other names than this machine's have one for each set of names, so that they do
// not replace each other's.
func (opts *Options) authority(names []string) (*pki.Authority, error) {
	parent, err := store.Dir(opts.LookupEnv)
	if err != nil {
		return nil, &acrkit.Error{
			Code: acrkit.CodeUsage,
			Op:   "find a folder for the certificate authority",
			Errs: []error{err},
			Hint: sentence.Fix(sentence.SetOwnFolder, map[string]string{"variable": store.EnvDir}),
		}
	}
	more := beyondThisMachine(names)
	dir := filepath.Join(parent, "ca")
	if len(more) > 0 {
		sum := sha256.Sum256([]byte(strings.Join(more, "\n")))
		dir += "-" + hex.EncodeToString(sum[:8])
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, &acrkit.Error{Op: "make the folder of the certificate authority", Errs: []error{err},
			Hint: sentence.Fix(sentence.SetWritableFolder, map[string]string{"variable": store.EnvDir})}
	}
	ca, err := pki.Open(dir, more)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, pki.CertFile)
	say := func(format string, a ...any) { cmdutil.Say(opts.IO.ErrOut, "acrkit proxy: "+format, a...) }
	switch why := ca.Replaced(); {
	case why != "":
		say("a new certificate authority was made: %s. Programs that trust the old one must be configured to trust %s",
			why, file)
	case ca.Made() && len(more) > 0:
		say(
			"a certificate authority was made for %s. Programs that acrkit does not start must be configured to "+
				"trust %s",
			strings.Join(more, ", "), file)
	}
	return ca, nil
}

// beyondThisMachine returns the names that are not this machine's usual ones, sorted.
func beyondThisMachine(names []string) []string {
	more := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		addr, err := netip.ParseAddr(name)
		return err == nil && addr.Unmap().IsLoopback() || name == "localhost" || strings.HasSuffix(name, ".localhost")
	})
	slices.Sort(more)
	return slices.Compact(more)
}
