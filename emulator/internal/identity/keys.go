package identity

import (
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

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/private"
)

// KeysFile is the name of the keys in the data folder.
const KeysFile = "keys.json"

// rsaBits is the size of the service's keys: its signatures have 342 characters.
const rsaBits = 2048

// Keys are what tokens are signed with and passwords are hashed with. The two
// signing keys are made when first needed: an emulator for one test needs
// neither, or one.
type Keys struct {
	path string // "" = in memory
	hmac []byte

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
	HMAC  []byte `json:"passwordHash"`
	ACR   []byte `json:"registryTokens,omitempty"`
	Entra []byte `json:"entraTokens,omitempty"`
}

// OpenKeys reads the keys of a data folder, or makes them; with "" they are in
// memory. The file is for its owner alone: one that others can read or write, or
// own, is refused.
func OpenKeys(dir string) (*Keys, error) {
	k := &Keys{}
	if dir == "" {
		return k, k.fresh()
	}
	k.path = filepath.Join(dir, KeysFile)
	data, ok, err := private.ReadSecret(k.path)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		if err := k.fresh(); err != nil {
			return nil, err
		}
		return k, k.save()
	}
	damaged := func() error {
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: "read " + k.path, Reason: "the file is damaged",
			Hint: "restore it; without it no stored password can be checked"}
	}
	var f keysFile
	if err := json.Unmarshal(data, &f); err != nil || len(f.HMAC) != sha256.Size {
		return nil, damaged() // not the cause: it could quote the key
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
			return nil, damaged()
		}
		*x.to = &SigningKey{r, x.id(&r.PublicKey)}
	}
	return k, nil
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
	f := keysFile{HMAC: k.hmac}
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
	data, err := json.Marshal(f)
	if err != nil {
		return err
	}
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
