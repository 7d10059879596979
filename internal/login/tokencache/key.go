package tokencache

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/login/store"
	"github.com/acrkit/acrkit/internal/private"
	"github.com/acrkit/acrkit/internal/sentence"
)

// keySize is the length of the key, in bytes.
const keySize = 32

// keyFile is what keyName holds: the key, or its name in the keychain.
type keyFile struct {
	Version  int    `json:"version"`
	Key      []byte `json:"key,omitempty"`
	Keychain string `json:"keychain,omitempty"`
}

const keyVersion = 1

// secret returns the keys, which are read once per process. If there are none, it makes
// them with create, and otherwise returns errNone.
func (c *Cache) secret(ctx context.Context, root *os.Root, create bool) (*keys, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys != nil {
		return c.keys, nil
	}
	master, _, err := c.readKey(ctx, root)
	if errors.Is(err, errNone) && create {
		master, err = c.makeKey(ctx, root)
	}
	if err != nil {
		return nil, err
	}
	c.keys, err = newKeys(master)
	return c.keys, err
}

// readKey returns the key, or errNone if there is none that can be used. A key that others
// may read is an error, and so is a keychain that does not answer: it may answer later.
func (c *Cache) readKey(ctx context.Context, root *os.Root) (key []byte, held keyFile, err error) {
	f, err := c.folder.OpenIn(root, keyName, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, held, errNone
	}
	if err != nil {
		return nil, held, err
	}
	data, err := io.ReadAll(io.LimitReader(f, 4096))
	_ = f.Close() // nothing was written
	if err != nil {
		return nil, held, private.Failure("read "+c.folder.What, err)
	}
	if json.Unmarshal(data, &held) != nil {
		return nil, keyFile{}, errNone
	}
	if held.Version > keyVersion {
		return nil, held, &acrkit.Error{Op: "read " + c.folder.What, Reason: "a newer acrkit wrote it",
			Hint: sentence.Fix(sentence.ClearCache, nil)}
	}
	key = held.Key
	if held.Keychain != "" {
		if c.off {
			return nil, held, errNone
		}
		text, err := store.Ask(ctx, keychainWait, func() (string, error) {
			return c.keyring.Get(store.KeychainService, held.Keychain)
		})
		if errors.Is(err, store.ErrNotFound) {
			return nil, held, errNone
		}
		if err != nil {
			return nil, held, &acrkit.Error{Code: acrkit.CodeUnavailable, Op: "read " + c.folder.What,
				Reason: "its key is in the keychain, which did not give it", Errs: []error{err}}
		}
		key = []byte(text)
	}
	if len(key) != keySize {
		return nil, held, errNone
	}
	return key, held, nil
}

// makeKey makes a key, unless another process made one since.
func (c *Cache) makeKey(ctx context.Context, root *os.Root) ([]byte, error) {
	lock, err := c.folder.Lock(ctx, root, keyLock, keyWait)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	key, old, err := c.readKey(ctx, root)
	if !errors.Is(err, errNone) {
		return key, err
	}
	c.discard(ctx, old)
	// Letters and digits: keychains keep text. 32 of base32 are 160 bits.
	//rule:cache-key-make-key
	key = []byte((rand.Text() + rand.Text())[:keySize])
	held := keyFile{Version: keyVersion, Keychain: "token cache #" + strings.ToLower(rand.Text()[:8])}
	if !c.toKeychain(ctx, held.Keychain, string(key)) {
		held.Key, held.Keychain = key, ""
	}
	data, err := json.Marshal(held)
	if err != nil {
		return nil, err
	}
	if err := c.folder.Replace(root, keyName, keyName+tempMark+rand.Text(), append(data, '\n')); err != nil {
		c.discard(ctx, held)
		return nil, private.Failure("make the key of "+c.folder.What, err)
	}
	return key, nil
}

// toKeychain stores the key and reads it back: after a dismissed prompt the call can
// succeed without effect.
func (c *Cache) toKeychain(ctx context.Context, account, key string) bool {
	if c.off {
		return false
	}
	kept, err := store.Ask(ctx, keychainWait, func() (string, error) {
		if err := c.keyring.Set(store.KeychainService, account, key); err != nil {
			return "", err
		}
		return c.keyring.Get(store.KeychainService, account)
	})
	return err == nil && kept == key
}

// discard removes a key from the keychain. A key that stays there is not used by any file.
func (c *Cache) discard(ctx context.Context, held keyFile) {
	if held.Keychain != "" && !c.off {
		_, _ = store.Ask(ctx, keychainWait, func() (string, error) {
			return "", c.keyring.Delete(store.KeychainService, held.Keychain)
		})
	}
}

// Clear removes the tokens for a registry, or with "" all tokens and the key, and returns
// how many. Unreadable files are removed too: they may be such tokens. None is no error.
func (c *Cache) Clear(ctx context.Context, registry string) (removed int, err error) {
	root, err := c.open()
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer root.Close()
	files, err := c.list(root)
	if err != nil {
		return 0, private.Failure("clear "+c.folder.What, err)
	}
	var k *keys
	if registry != "" {
		k, _ = c.secret(ctx, root, false) // without it, all are removed
	}
	for _, f := range files {
		if k != nil && !f.temp {
			if h, _, err := c.readHeader(root, k, f.name); err == nil && h.Registry != registry {
				continue
			}
		}
		if err := drop(root, f.name); err != nil {
			return removed, private.Failure("clear "+c.folder.What, err)
		}
		removed++
	}
	if registry != "" {
		return removed, nil
	}
	_, held, _ := c.readKey(ctx, root) // held is returned with every error too
	c.discard(ctx, held)
	c.mu.Lock()
	c.keys = nil
	c.mu.Unlock()
	if err := drop(root, keyName); err != nil {
		return removed, private.Failure("clear "+c.folder.What, err)
	}
	return removed, nil
}

// Entry is a token in the cache, without the token.
type Entry struct {
	Registry string
	Expires  time.Time
}

// Entries returns the tokens in the cache, sorted by registry and end, and whether the
// keychain has the key. Nothing is made.
func (c *Cache) Entries(ctx context.Context) (entries []Entry, keychain bool, err error) {
	root, err := c.open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer root.Close()
	_, held, err := c.readKey(ctx, root)
	if errors.Is(err, errNone) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	k, err := c.secret(ctx, root, false)
	if err != nil {
		return nil, false, err
	}
	files, err := c.list(root)
	if err != nil {
		return nil, false, private.Failure("read "+c.folder.What, err)
	}
	for _, f := range files {
		if f.temp {
			continue
		}
		if h, _, err := c.readHeader(root, k, f.name); err == nil {
			entries = append(entries, Entry(h))
		}
	}
	sortEntries(entries)
	return entries, held.Keychain != "", nil
}

func sortEntries(entries []Entry) {
	slices.SortFunc(entries, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Registry, b.Registry), a.Expires.Compare(b.Expires))
	})
}
