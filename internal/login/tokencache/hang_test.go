package tokencache_test

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit/internal/login/tokencache"
	"github.com/acrkit/acrkit/internal/private"
)

// hanging is a keychain that does not answer until it is released.
type hanging struct{ until chan struct{} }

func (h hanging) Set(string, string, string) error { <-h.until; return nil }

func (h hanging) Get(string, string) (string, error) { <-h.until; return "", nil }

func (h hanging) Delete(string, string) error { <-h.until; return nil }

// A keychain that hangs costs a second, and another process with the lock on the
// key, too.
func TestWaits(t *testing.T) {
	key := keyOf(t, "myregistry", "secret-1")
	t.Run("keychain", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "tokens")
		synctest.Test(t, func(t *testing.T) {
			until := make(chan struct{})
			c := open(t, dir, tokencache.Options{Keyring: hanging{until}})
			start := time.Now()
			save(t, c, key, token("one", time.Now(), time.Hour))
			if took := time.Since(start); took != time.Second {
				t.Errorf("it took %s", took)
			}
			close(until)
		})
	})
	t.Run("lock", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "tokens")
		synctest.Test(t, func(t *testing.T) {
			folder := private.Folder{Path: dir, What: "the cache"}
			if err := folder.Make(); err != nil {
				t.Fatal(err)
			}
			root, err := folder.Open()
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			lock, err := folder.Lock(t.Context(), root, "key.lock", time.Second)
			if err != nil {
				t.Fatal(err)
			}
			defer lock.Close()
			c := open(t, dir, tokencache.Options{})
			start := time.Now()
			if err := c.Save(t.Context(), key, token("one", time.Now(), time.Hour)); err == nil {
				t.Error("it was saved")
			}
			if took := time.Since(start); took != time.Second {
				t.Errorf("it took %s", took)
			}
		})
	})
}
