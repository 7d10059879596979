// Package tokencache keeps ACR refresh and access tokens between processes, for
// auth.Options.Tokens.
//
// The folder, "tokens" in acrkit's own, holds a file for each token, encrypted
// (AES-256-GCM) and named by an HMAC of what the token is for, so that neither
// names nor contents say whose it is; "key.json", which has the random key of this
// installation, or says that the operating system's keychain has it; and at most
// 257 empty files that locks are held on. Nothing in it is needed: what cannot be
// read, or is not private, is as if it were not there.
//
// Files are replaced whole and never changed, so a reader needs no lock, and the
// end of a process or of the disk's room leaves an old file or none.
package tokencache

import (
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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
	"github.com/acrkit/acrkit/internal/private"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/store"
)

// EnvNoCache is the variable that switches the cache off, by any value.
const EnvNoCache = "ACRKIT_NO_CACHE"

// The limits.
const (
	// MaxTokens is the most tokens: with two kilobytes each, about a megabyte. The
	// ones that end first make room.
	MaxTokens = 512
	// maxFile is the largest file: the longest token anywhere, with company.
	maxFile = 96 << 10
	// MaxLife bounds how long anything stays: the life of an ACR refresh token,
	// which is the longest (documented).
	MaxLife = 3 * time.Hour
	// keyWait is how long another process may have the lock on the key.
	keyWait = time.Second
	// keychainWait is how long the keychain may take; nobody should wait to unlock
	// it for a cache. It is less than what auth gives a store.
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
	keys  *keys // nil until they are needed
	swept bool
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
	c := &Cache{keyring: opts.Keyring, now: opts.Now, folder: private.Folder{Path: opts.Dir, What: "the cache of tokens", Env: store.EnvDir, Disk: private.FastDisk()}}
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

// entry is what a file holds, encrypted.
type entry struct {
	Registry string    `json:"registry"`
	Value    string    `json:"value"`
	Received time.Time `json:"received"`
	Expires  time.Time `json:"expires"`
	Audience string    `json:"audience,omitempty"`
}

// Format prints no token, whatever the verb.
func (e entry) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "token for "+e.Registry) }

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
	e, err := c.read(root, k, k.name(key))
	if errors.Is(err, errNone) || err == nil && e.Registry != key.Registry().Host() {
		return auth.StoredToken{}, false, nil
	}
	if err != nil {
		return auth.StoredToken{}, false, err
	}
	return auth.StoredToken{Value: redact.NewSecret(e.Value), Received: e.Received, Expires: e.Expires, Audience: e.Audience}, true, nil
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
	e := entry{Registry: key.Registry().Host(), Value: t.Value.Reveal(), Received: t.Received, Expires: t.Expires, Audience: t.Audience}
	if latest := t.Received.Add(MaxLife); e.Expires.After(latest) {
		e.Expires = latest
	}
	name := k.name(key)
	data, err := k.seal(name, e)
	if err != nil {
		return err
	}
	if len(data) > maxFile {
		return &acrkit.Error{Code: acrkit.CodeTooLarge, Op: "keep a token", Reason: fmt.Sprintf("it is longer than %d bytes", maxFile)}
	}
	if err := c.sweep(root, 1); err != nil {
		return err
	}
	disk := c.folder
	rename := disk.Disk.Rename
	disk.Disk.Rename = func(in *os.Root, from, to string) error {
		// The time of a file is its token's end, so that sweeping reads no file.
		return errors.Join(in.Chtimes(from, e.Expires, e.Expires), rename(in, from, to))
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
	e, err := c.read(root, k, k.name(key))
	if errors.Is(err, errNone) || err == nil && e.Value != refused.Reveal() {
		return nil
	}
	if err != nil {
		return err
	}
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

// open opens the folder, or returns fs.ErrNotExist.
func (c *Cache) open() (*os.Root, error) {
	if c.noDir != nil {
		return nil, fs.ErrNotExist
	}
	return c.folder.Open()
}

func (c *Cache) openOrMake() (*os.Root, error) {
	if c.noDir != nil {
		return nil, private.Failure("keep a token", c.noDir)
	}
	root, err := c.folder.Open()
	if errors.Is(err, fs.ErrNotExist) {
		if err = c.folder.Make(); err == nil {
			root, err = c.folder.Open()
		}
	}
	if _, ours := errors.AsType[*acrkit.Error](err); err != nil && !ours {
		err = private.Failure("make "+c.folder.What, err)
	}
	return root, err
}

// read reads a token; what is damaged or has ended is removed and errNone.
func (c *Cache) read(root *os.Root, k *keys, name string) (entry, error) {
	f, err := c.folder.OpenIn(root, name, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return entry{}, errNone
	}
	if err != nil {
		return entry{}, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	_ = f.Close() // nothing was written
	if err != nil {
		return entry{}, private.Failure("read a token", err)
	}
	e, ok := k.unseal(name, data)
	if now := c.now(); !ok || !e.Expires.After(now) || e.Expires.After(now.Add(MaxLife)) {
		return entry{}, errors.Join(drop(root, name), errNone)
	}
	return e, nil
}

func drop(root *os.Root, name string) error {
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// file is a token's file, or what a process that was stopped left of one.
type file struct {
	name string
	ends time.Time
	temp bool
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
			files = append(files, file{info.Name(), info.ModTime(), temp})
		}
	}
	return files, nil
}

// abandoned is how old a half-written file is that nobody writes any more.
const abandoned = time.Minute

// sweep removes what has ended, what cannot end within three hours, and, where
// there is no room for as many more, what ends first.
func (c *Cache) sweep(root *os.Root, more int) error {
	files, err := c.list(root)
	if err != nil {
		return private.Failure("sweep "+c.folder.What, err)
	}
	c.mu.Lock()
	due := !c.swept || len(files)+more > MaxTokens
	c.swept = true
	c.mu.Unlock()
	if !due {
		return nil
	}
	now := c.now()
	files = slices.DeleteFunc(files, func(f file) bool {
		ended := !f.ends.After(now) || f.ends.After(now.Add(MaxLife))
		if f.temp { // its time is that of writing, or already that of the token's end
			age := now.Sub(f.ends)
			ended = age > abandoned || age < -MaxLife
		}
		return ended && drop(root, f.name) == nil
	})
	slices.SortFunc(files, func(a, b file) int { return cmp.Or(a.ends.Compare(b.ends), cmp.Compare(a.name, b.name)) })
	for len(files)+more > MaxTokens {
		if err := drop(root, files[0].name); err != nil {
			return private.Failure("sweep "+c.folder.What, err)
		}
		files = files[1:]
	}
	return nil
}

// keys are what a cache's key is made into: one key for each use.
type keys struct {
	names []byte
	aead  cipher.AEAD
}

func newKeys(master []byte) (*keys, error) {
	derive := func(use string) []byte {
		h := hmac.New(sha256.New, master)
		_, _ = io.WriteString(h, use)
		return h.Sum(nil)
	}
	block, err := aes.NewCipher(derive("acrkit token cache: contents"))
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &keys{names: derive("acrkit token cache: names"), aead: aead}, err
}

func (k *keys) name(key auth.TokenKey) string {
	sum := key.Sum(k.names)
	return hex.EncodeToString(sum[:]) + suffix
}

func (k *keys) seal(name string, e entry) ([]byte, error) {
	plain, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, k.aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	return k.aead.Seal(nonce, nonce, plain, []byte(name)), nil
}

// unseal is the reverse of seal, for any data.
func (k *keys) unseal(name string, data []byte) (e entry, ok bool) {
	n := k.aead.NonceSize()
	if len(data) < n || len(data) > maxFile {
		return entry{}, false
	}
	plain, err := k.aead.Open(nil, data[:n], data[n:], []byte(name))
	if err != nil || json.Unmarshal(plain, &e) != nil || e.Value == "" {
		return entry{}, false
	}
	return e, true
}
