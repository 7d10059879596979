package child

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// A folder that is not locked counts as being made for a second; one without a file
// to lock, for a minute.
func TestLeftoverTimes(t *testing.T) {
	for _, c := range []struct {
		lockFile bool
		most     time.Duration
	}{{true, time.Second}, {false, time.Minute}} {
		for age, want := range map[time.Duration]bool{c.most: false, c.most + time.Millisecond: true} {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				if c.lockFile {
					if err := os.WriteFile(filepath.Join(dir, lockName), nil, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				made := time.Now().Add(-age)
				if err := os.Chtimes(dir, made, made); err != nil {
					t.Fatal(err)
				}
				if got := isLeftover(dir); got != want {
					t.Errorf("lock file %v, made %v ago: a leftover %v, want %v", c.lockFile, age, got, want)
				}
			})
		}
	}
}
