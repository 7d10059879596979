// Package tokencache keeps ACR refresh and access tokens between processes, for
// auth.Options.Tokens.
//
// The folder, "tokens" in acrkit's own, holds a file for each token; "key.json",
// which has the random key of this installation, or says that the operating system's
// keychain has it; and at most 257 empty lock files. The cache is optional: files that
// cannot be read, or are not private, are ignored.
//
// The name of a file is an HMAC, under the installation's key, of the token's key with the
// secret of its credential. The file has two parts, both encrypted (AES-256-GCM): a
// header, with the registry and the token's end, under the installation's key, to list and
// clear the cache; and the token, under a key that is derived, by another HMAC, from the
// installation's key and the credential's secret. So the folder without the secret shows
// which registries were used and until when, but no token. An anonymous token has no
// secret, and can be read with the installation's key.
//
// Tokens that have ended are removed when the folder is opened next, and once a minute in
// a running process.
//
// Files are replaced whole and never changed, so a reader needs no lock, and a stopped
// process or a full disk leaves the old file or none.
package tokencache

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/login/store"
	"github.com/acrkit/acrkit/internal/private"
	"github.com/acrkit/acrkit/internal/redact"
)

// EnvNoCache is the variable that switches the cache off, by any value.
const EnvNoCache = "ACRKIT_NO_CACHE"

// The limits.
const (
	// MaxTokens is the most tokens: with two kilobytes each, about a megabyte. Above it
	// those that end first are removed.
	MaxTokens = 512
	// maxFile is the largest file: the longest token, with the other fields.
	maxFile = 96 << 10
	// MaxLife bounds how long anything stays: the life of an ACR refresh token,
	// which is the longest (documented).
	MaxLife = 3 * time.Hour
	// keyWait is how long another process may have the lock on the key.
	keyWait = time.Second
	// keychainWait is how long the keychain may take; a user should not have to unlock it
	// for a cache. It is less than auth's limit for a store.
	keychainWait = time.Second
)

// The names in the folder.
const (
	folderName = "tokens"
	keyName    = "key.json"
	keyLock    = "key.lock"
	suffix     = ".token"
	tempMark   = ".new-"
)

// Options are the settings of a cache. Nil means all zero.
type Options struct {
	Dir       string                      // the folder; "" is "tokens" in acrkit's own ([store.Dir])
	Keyring   store.Keyring               // nil is the operating system's, unless ACRKIT_KEYRING is "off"
	Now       func() time.Time            // nil is time.Now
	LookupEnv func(string) (string, bool) // nil is os.LookupEnv
	Disk      *private.Disk               // nil is one that does not wait for the disk
}

// Cache is the tokens kept on this machine. It is safe for concurrent use, also by
// many processes. It implements [auth.TokenStore].
type Cache struct {
	folder  private.Folder
	noDir   error
	keyring store.Keyring
	off     bool // the keychain is switched off
	now     func() time.Time

	mu    sync.Mutex
	keys  *keys     // nil until they are needed
	swept time.Time // when what has ended was last removed; zero = not yet
}

var _ auth.TokenStore = (*Cache)(nil)

// Open returns the cache. Nothing is read or made yet.
//
// An error has [acrkit.CodeUsage]: a variable has a value that is not known.
func Open(opts *Options) (*Cache, error) {
	if opts == nil {
		opts = &Options{}
	}
	lookup := opts.LookupEnv
	if lookup == nil {
		lookup = os.LookupEnv
	}
	c := &Cache{keyring: opts.Keyring, now: opts.Now,
		folder: private.Folder{Path: opts.Dir, What: "the cache of tokens", Env: store.EnvDir,
			Disk: private.FastDisk()}}
	if opts.Disk != nil {
		c.folder.Disk = *opts.Disk
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.keyring == nil {
		c.keyring = store.SystemKeyring(lookup)
	}
	var err error
	if c.off, err = store.KeyringOff(lookup); err != nil {
		return nil, err
	}
	if c.folder.Path == "" {
		var dir string
		if dir, c.noDir = store.Dir(lookup); c.noDir == nil {
			c.folder.Path = filepath.Join(dir, folderName)
		}
	} else {
		c.folder.Path, c.noDir = filepath.Abs(c.folder.Path)
	}
	return c, nil
}

// Path returns the folder; "" where there can be none.
func (c *Cache) Path() string { return c.folder.Path }

// errNone says that there is no such token.
var errNone = errors.New("there is none")

// Load implements [auth.TokenStore]. A file that is damaged or has ended is
// removed and no error.
func (c *Cache) Load(ctx context.Context, key auth.TokenKey) (auth.StoredToken, bool, error) {
	root, err := c.open()
	if errors.Is(err, fs.ErrNotExist) {
		return auth.StoredToken{}, false, nil
	}
	if err != nil {
		return auth.StoredToken{}, false, err
	}
	defer root.Close()
	k, err := c.secret(ctx, root, false)
	if errors.Is(err, errNone) {
		return auth.StoredToken{}, false, nil
	}
	if err != nil {
		return auth.StoredToken{}, false, err
	}
	h, b, err := c.readToken(root, k, key)
	if errors.Is(err, errNone) {
		return auth.StoredToken{}, false, nil
	}
	if err != nil {
		return auth.StoredToken{}, false, err
	}
	return auth.StoredToken{Value: redact.NewSecret(b.Value), Received: b.Received, Expires: h.Expires,
		Audience: b.Audience}, true, nil
}

// Save implements [auth.TokenStore].
func (c *Cache) Save(ctx context.Context, key auth.TokenKey, t auth.StoredToken) error {
	root, err := c.openOrMake()
	if err != nil {
		return err
	}
	defer root.Close()
	k, err := c.secret(ctx, root, true)
	if err != nil {
		return err
	}
	h := header{Registry: key.Registry().Host(), Expires: t.Expires}
	//rule:cache-life-save
	if latest := t.Received.Add(MaxLife); h.Expires.After(latest) {
		h.Expires = latest
	}
	name := k.name(key)
	data, err := k.seal(key, h, body{Value: t.Value.Reveal(), Received: t.Received, Audience: t.Audience})
	if err != nil {
		return err
	}
	if len(data) > maxFile {
		return &acrkit.Error{Code: acrkit.CodeTooLarge, Op: "keep a token",
			Reason: fmt.Sprintf("it is longer than %d bytes", maxFile)}
	}
	if err := c.makeRoom(root); err != nil {
		return err
	}
	disk := c.folder
	rename := disk.Disk.Rename
	disk.Disk.Rename = func(in *os.Root, from, to string) error {
		// The time of a file is its token's end, so that sweeping reads no file.
		return errors.Join(in.Chtimes(from, h.Expires, h.Expires), rename(in, from, to))
	}
	if err := disk.Replace(root, name, name+tempMark+rand.Text(), data); err != nil {
		return private.Failure("keep a token", err)
	}
	return nil
}

// Delete implements [auth.TokenStore].
func (c *Cache) Delete(ctx context.Context, key auth.TokenKey, refused auth.Secret) error {
	root, err := c.open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	k, err := c.secret(ctx, root, false)
	if errors.Is(err, errNone) {
		return nil
	}
	if err != nil {
		return err
	}
	_, b, err := c.readToken(root, k, key)
	//rule:cache-refused-delete-2
	if errors.Is(err, errNone) || err == nil && b.Value != refused.Reveal() {
		return nil
	}
	if err != nil {
		return err
	}
	//rule:cache-refused-delete
	return drop(root, k.name(key))
}

// Lock implements [auth.TokenStore]. Locks are shared by the keys whose sums begin
// with the same byte, so that there is a bounded number of files.
func (c *Cache) Lock(ctx context.Context, key auth.TokenKey) (func(), error) {
	root, err := c.openOrMake()
	if err != nil {
		return nil, err
	}
	defer root.Close()
	k, err := c.secret(ctx, root, true)
	if err != nil {
		return nil, err
	}
	f, err := c.folder.Lock(ctx, root, k.name(key)[:2]+".lock", MaxLife) // ctx ends long before
	if err != nil {
		return nil, err
	}
	return func() { _ = f.Close() }, nil // nothing was written
}

// open opens the folder, or returns fs.ErrNotExist, and removes what has ended.
func (c *Cache) open() (*os.Root, error) {
	if c.noDir != nil {
		return nil, fs.ErrNotExist
	}
	root, err := c.folder.Open()
	//rule:cache-ended-open
	if err == nil {
		c.tidy(root)
	}
	return root, err
}

func (c *Cache) openOrMake() (*os.Root, error) {
	if c.noDir != nil {
		return nil, private.Failure("keep a token", c.noDir)
	}
	root, err := c.open()
	if errors.Is(err, fs.ErrNotExist) {
		if err = c.folder.Make(); err == nil {
			root, err = c.open()
		}
	}
	if _, ours := errors.AsType[*acrkit.Error](err); err != nil && !ours {
		err = private.Failure("make "+c.folder.What, err)
	}
	return root, err
}

// readHeader reads a file's header, and returns the file's parts. A file that is damaged
// or has ended is removed, and the error is errNone.
func (c *Cache) readHeader(root *os.Root, k *keys, name string) (h header, parts sealed, err error) {
	f, err := c.folder.OpenIn(root, name, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return h, parts, errNone
	}
	if err != nil {
		return h, parts, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	_ = f.Close() // nothing was written
	if err != nil {
		return h, parts, private.Failure("read a token", err)
	}
	parts, ok := split(data)
	if ok {
		h, ok = k.unsealHeader(name, parts)
	}
	//rule:cache-life-read-header
	if now := c.now(); !ok || !h.Expires.After(now) || h.Expires.After(now.Add(MaxLife)) {
		return header{}, sealed{}, errors.Join(drop(root, name), errNone)
	}
	return h, parts, nil
}

// readToken reads the token for key, as readHeader reads a header.
func (c *Cache) readToken(root *os.Root, k *keys, key auth.TokenKey) (header, body, error) {
	name := k.name(key)
	h, parts, err := c.readHeader(root, k, name)
	if err != nil {
		return header{}, body{}, err
	}
	b, ok := k.unsealBody(key, parts)
	if !ok || h.Registry != key.Registry().Host() {
		return header{}, body{}, errors.Join(drop(root, name), errNone)
	}
	return h, b, nil
}

func drop(root *os.Root, name string) error {
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// file is a token's file, or an incomplete one of a process that was stopped.
type file struct {
	name string
	ends time.Time
	temp bool
	// regular: it is a file, and not a link to one, whose time is another.
	regular bool
}

func (c *Cache) list(root *os.Root) ([]file, error) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	infos, err := dir.Readdir(-1)
	_ = dir.Close() // nothing was written
	if err != nil {
		return nil, err
	}
	var files []file
	for _, info := range infos {
		temp := strings.Contains(info.Name(), tempMark)
		if temp || strings.HasSuffix(info.Name(), suffix) {
			files = append(files, file{info.Name(), info.ModTime(), temp, info.Mode().IsRegular()})
		}
	}
	return files, nil
}

const (
	// abandoned is the age at which a half-written file is removed.
	abandoned = time.Minute
	// sweepEvery is how often one process removes tokens that have ended.
	sweepEvery = time.Minute
)

// tidy removes tokens that have ended, at most once in sweepEvery. Files that cannot be
// removed are tried again the next time.
func (c *Cache) tidy(root *os.Root) {
	now := c.now()
	c.mu.Lock()
	//rule:cache-ended-tidy
	due := c.swept.IsZero() || now.Sub(c.swept).Abs() >= sweepEvery
	if due {
		c.swept = now
	}
	c.mu.Unlock()
	if due {
		_, _ = c.sweep(root)
	}
}

// sweep removes tokens that have ended, and files with an impossible end, more than three
// hours ahead, and returns the rest.
func (c *Cache) sweep(root *os.Root) ([]file, error) {
	files, err := c.list(root)
	if err != nil {
		return nil, private.Failure("sweep "+c.folder.What, err)
	}
	now := c.now()
	return slices.DeleteFunc(files, func(f file) bool {
		//rule:cache-ended-sweep
		ended := !f.ends.After(now) || f.ends.After(now.Add(MaxLife))
		if f.temp { // its time is when it was written, or already the token's end
			age := now.Sub(f.ends)
			ended = age > abandoned || age < -MaxLife
		}
		return ended && f.regular && drop(root, f.name) == nil
	}), nil
}

// makeRoom removes the tokens that end first, if there is no room for one more.
func (c *Cache) makeRoom(root *os.Root) error {
	files, err := c.list(root)
	if err == nil && len(files) >= MaxTokens {
		files, err = c.sweep(root)
	}
	if err != nil {
		return err
	}
	slices.SortFunc(files, func(a, b file) int { return cmp.Or(a.ends.Compare(b.ends), cmp.Compare(a.name, b.name)) })
	for ; len(files) >= MaxTokens; files = files[1:] {
		if err := drop(root, files[0].name); err != nil {
			return private.Failure("sweep "+c.folder.What, err)
		}
	}
	return nil
}
