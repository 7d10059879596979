package principal

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/acrkit/acrkit/emulator/internal/db"
)

// openBase opens a database of a folder for its keys.
func openBase(t *testing.T, dir string, recovering bool) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), dir, &db.Options{Recover: recovering})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func closeBase(t *testing.T, d *db.DB) {
	t.Helper()
	if err := errors.Join(d.Establish(t.Context()), d.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestKeysOnDisk(t *testing.T) {
	dir := t.TempDir()
	d := openBase(t, dir, false)
	k, renewed, err := OpenKeys(dir, d, false)
	if err != nil || renewed {
		t.Fatal(renewed, err)
	}
	acr, err := k.ACR()
	if err != nil {
		t.Fatal(err)
	}
	closeBase(t, d)
	d = openBase(t, dir, false)
	defer closeBase(t, d)
	again, renewed, err := OpenKeys(dir, d, false)
	if err != nil || renewed {
		t.Fatal(renewed, err)
	}
	same, err := again.ACR()
	if err != nil {
		t.Fatal(err)
	}
	entra, err := again.Entra()
	if err != nil {
		t.Fatal(err)
	}
	if !acr.Key.Equal(same.Key) || acr.ID != same.ID || entra.Key.Equal(acr.Key) {
		t.Error("the keys are not those that were stored")
	}
	if !regexp.MustCompile(`^([A-Z2-7]{4}:){11}[A-Z2-7]{4}$`).MatchString(acr.ID) {
		t.Errorf("kid %s", acr.ID)
	}
}

// TestKeysLost: keys that are missing, damaged or another database's are refused,
// and to recover new ones are made and the file is kept.
func TestKeysLost(t *testing.T) {
	keysOf := func(dir string) []byte {
		t.Helper()
		d := openBase(t, dir, false)
		k, _, err := OpenKeys(dir, d, false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.ACR(); err != nil {
			t.Fatal(err)
		}
		closeBase(t, d)
		data, err := os.ReadFile(filepath.Join(dir, KeysFile))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	dir := t.TempDir()
	good, other := keysOf(dir), keysOf(t.TempDir())
	// A character of a key that stays a key: only the sum shows the change.
	var f keysFile
	if err := json.Unmarshal(good, &f); err != nil {
		t.Fatal(err)
	}
	flipped := f
	flipped.HMAC = slices.Clone(f.HMAC)
	flipped.HMAC[5] ^= 1
	noSum := f
	noSum.Sum, noSum.Database = nil, ""
	text := func(f keysFile) []byte {
		data, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	path := filepath.Join(dir, KeysFile)
	for _, name := range slices.Sorted(maps.Keys(map[string]int{"missing": 0, "empty": 0, "truncated": 0, "flipped": 0,
		"no_sum": 0, "other": 0})) {
		content := map[string][]byte{"empty": {}, "truncated": good[:len(good)/2], "flipped": text(flipped),
			"no_sum": text(noSum), "other": other}[name]
		t.Run(name, func(t *testing.T) {
			write := os.WriteFile(path, content, 0o600)
			if name == "missing" {
				write = os.Remove(path)
			}
			if write != nil {
				t.Fatal(write)
			}
			d := openBase(t, dir, false)
			_, _, err := OpenKeys(dir, d, false)
			if inc, ok := errors.AsType[*db.Incomplete](err); !ok || !strings.Contains(inc.Reason, KeysFile) {
				t.Errorf("got %v", err)
			}
			if now, err := os.ReadFile(path); name != "missing" && (err != nil || string(now) != string(content)) {
				t.Errorf("the file was changed: %v", err)
			}
			closeBase(t, d)

			d = openBase(t, dir, true)
			k, renewed, err := OpenKeys(dir, d, true)
			if err != nil || renewed != (name != "other") { // whole ones are taken
				t.Fatalf("recovered: %v %v", renewed, err)
			}
			sum := string(k.Sum("x"))
			if renewed && name != "missing" {
				kept, err := filepath.Glob(filepath.Join(dir, "aside-*", KeysFile))
				if err != nil || len(kept) != 1 {
					t.Errorf("kept: %v %v", kept, err)
				}
				for _, x := range kept {
					if err := os.RemoveAll(filepath.Dir(x)); err != nil {
						t.Fatal(err)
					}
				}
			}
			closeBase(t, d)
			d = openBase(t, dir, false)
			k, renewed, err = OpenKeys(dir, d, false)
			if err != nil || renewed || string(k.Sum("x")) != sum {
				t.Errorf("opened again: %v %v", renewed, err)
			}
			closeBase(t, d)
		})
	}
}

// TestKeysOfEarlierVersion: a folder without a mark has keys without a sum,
// which get one.
func TestKeysOfEarlierVersion(t *testing.T) {
	dir := t.TempDir()
	hmac := strings.Repeat("k", 32)
	if err := os.WriteFile(filepath.Join(dir, KeysFile),
		[]byte(`{"passwordHash":"a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="}`), 0o600); err != nil {
		t.Fatal(err)
	}
	d := openBase(t, dir, false)
	closeBase(t, d)
	if err := os.Remove(filepath.Join(dir, "mark")); err != nil {
		t.Fatal(err)
	}
	d = openBase(t, dir, true) // taken as an earlier version's is
	k, renewed, err := OpenKeys(dir, d, false)
	if err != nil || renewed || string(k.hmac) != hmac {
		t.Fatal(renewed, err)
	}
	closeBase(t, d)
	d = openBase(t, dir, false)
	defer closeBase(t, d)
	k, renewed, err = OpenKeys(dir, d, false)
	if err != nil || renewed || string(k.hmac) != hmac {
		t.Fatal(renewed, err)
	}
}
