package principal

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"github.com/acrkit/acrkit/emulator/internal/db"
	"github.com/acrkit/acrkit/internal/private"
)

// KeysFile is the name of the keys in the data folder.
const KeysFile = "keys.json"

// useless is what follows from lost keys.
const useless = "no password can be checked without its keys, and no token is good"

// rsaBits is the size of the service's keys: its signatures have 342 characters.
const rsaBits = 2048

// Keys are what tokens are signed with and passwords are hashed with. The two
// signing keys are made when first needed: an emulator for one test needs
// neither, or one.
type Keys struct {
	path     string // "" = in memory
	database string // the name of the one they belong to
	hmac     []byte

	mu    sync.Mutex
	acr   *SigningKey
	entra *SigningKey
}

// SigningKey is an RSA key with the id that tokens name it by.
type SigningKey struct {
	Key *rsa.PrivateKey
	ID  string
}

// keysFile is the file's form. The keys are PKCS #8.
type keysFile struct {
	Database string `json:"database,omitempty"` // the name of the database whose passwords they hash
	HMAC     []byte `json:"passwordHash"`
	ACR      []byte `json:"registryTokens,omitempty"`
	Entra    []byte `json:"entraTokens,omitempty"`
	Sum      []byte `json:"sum,omitempty"` // SHA-256 of the rest: a key with another bit is a key, too
}

func (f keysFile) sum() ([]byte, error) {
	f.Sum = nil
	data, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	return sum[:], nil
}

// OpenKeys reads the keys that belong to a database in the data folder, or makes
// them for a new one; with "" they are in memory. The file is for its owner alone:
// one that others can read or write, or own, is refused.
//
// Keys that are missing, damaged or of another database are a [db.Incomplete], for
// no password could be checked and no token would be good. To recover, keys that
// are whole are used even if they are another database's, and new ones are made
// for the rest; renewed says so. The old file is set aside.
func OpenKeys(dir string, d *db.DB, recovering bool) (k *Keys, renewed bool, err error) {
	k = &Keys{}
	if dir == "" {
		return k, false, k.fresh()
	}
	k.path, k.database = filepath.Join(dir, KeysFile), d.Name()
	//rule:secret-files-open-keys
	data, ok, err := private.ReadSecret(k.path)
	if err != nil {
		return nil, false, err
	}
	//rule:state-lost-open-keys
	if !ok && d.Origin() == db.New && !recovering {
		if err := k.fresh(); err != nil {
			return nil, false, err
		}
		return k, false, k.save()
	}
	lost := &db.Incomplete{Reason: KeysFile + " is missing; " + useless}
	if ok {
		lost = k.read(data, d.Origin() == db.Adopted, recovering)
	}
	switch {
	case lost == nil && (d.Origin() == db.Adopted || recovering):
		return k, false, k.save() // with the name of the database
	case lost == nil:
		return k, false, nil
	case !recovering:
		return nil, false, lost
	case ok:
		if err := db.SetAside(dir, KeysFile); err != nil {
			return nil, false, err
		}
	}
	k.acr, k.entra = nil, nil
	if err := k.fresh(); err != nil {
		return nil, false, err
	}
	return k, true, k.save()
}

// read takes the keys from what the file holds. Those of an earlier version have
// no sum.
func (k *Keys) read(data []byte, earlier, anyDatabase bool) *db.Incomplete {
	damaged := &db.Incomplete{Reason: KeysFile + " is damaged; " + useless}
	var f keysFile
	if err := json.Unmarshal(data, &f); err != nil || len(f.HMAC) != sha256.Size {
		return damaged // not the cause: it could quote the key
	}
	sum, err := f.sum()
	switch {
	case err != nil:
		return damaged
	case earlier && len(f.Sum) == 0 && f.Database == "":
	//rule:state-lost-read
	case !bytes.Equal(sum, f.Sum):
		return damaged
	//rule:state-lost-read-2
	case f.Database != k.database && !anyDatabase:
		return &db.Incomplete{Reason: KeysFile + " belongs to another database; " + useless}
	}
	k.hmac = f.HMAC
	for _, x := range []struct {
		der []byte
		to  **SigningKey
		id  func(*rsa.PublicKey) string
	}{{f.ACR, &k.acr, libtrustID}, {f.Entra, &k.entra, thumbprint}} {
		if len(x.der) == 0 {
			continue
		}
		key, err := x509.ParsePKCS8PrivateKey(x.der)
		r, isRSA := key.(*rsa.PrivateKey)
		if err != nil || !isRSA {
			return damaged
		}
		*x.to = &SigningKey{r, x.id(&r.PublicKey)}
	}
	return nil
}

func (k *Keys) fresh() error {
	k.hmac = make([]byte, sha256.Size)
	_, err := rand.Read(k.hmac)
	return err
}

func (k *Keys) save() error {
	if k.path == "" {
		return nil
	}
	f := keysFile{Database: k.database, HMAC: k.hmac}
	for _, x := range []struct {
		key *SigningKey
		to  *[]byte
	}{{k.acr, &f.ACR}, {k.entra, &f.Entra}} {
		if x.key == nil {
			continue
		}
		der, err := x509.MarshalPKCS8PrivateKey(x.key.Key)
		if err != nil {
			return err
		}
		*x.to = der
	}
	var err error
	if f.Sum, err = f.sum(); err != nil {
		return err
	}
	data, err := json.Marshal(f)
	if err != nil {
		return err
	}
	//rule:file-modes-save
	return private.WriteFile(k.path, data, 0o600)
}

// ACR returns the key of the registry's tokens.
func (k *Keys) ACR() (*SigningKey, error) { return k.key(&k.acr, libtrustID) }

// Entra returns the key of Entra's tokens.
func (k *Keys) Entra() (*SigningKey, error) { return k.key(&k.entra, thumbprint) }

func (k *Keys) key(at **SigningKey, id func(*rsa.PublicKey) string) (*SigningKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if *at != nil {
		return *at, nil
	}
	key, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return nil, err
	}
	*at = &SigningKey{key, id(&key.PublicKey)}
	if err := k.save(); err != nil {
		*at = nil
		return nil, fmt.Errorf("store a signing key: %w", err)
	}
	return *at, nil
}

// libtrustID returns the key id in the registry's tokens: twelve groups of four
// characters, of a hash of the public key (recorded; the form is libtrust's).
func libtrustID(pub *rsa.PublicKey) string {
	text := base32.StdEncoding.EncodeToString(publicSum(pub)[:30])
	var groups []string
	for i := 0; i < len(text); i += 4 {
		groups = append(groups, text[i:i+4])
	}
	return strings.Join(groups, ":")
}

// thumbprint returns the key id in Entra's tokens.
func thumbprint(pub *rsa.PublicKey) string {
	return base64.RawURLEncoding.EncodeToString(publicSum(pub)[:20])
}

func publicSum(pub *rsa.PublicKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(crypto.PublicKey(pub))
	if err != nil {
		panic("identity: " + err.Error()) // an RSA key always marshals
	}
	sum := sha256.Sum256(der)
	return sum[:]
}
