package tokencache

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/acrkit/acrkit/auth"
)

// header is the part of a file that is encrypted with the installation's key.
type header struct {
	Registry string    `json:"registry"`
	Expires  time.Time `json:"expires"`
}

// body is the part that is encrypted with the credential's secret too.
type body struct {
	Value    string    `json:"value"`
	Received time.Time `json:"received"`
	Audience string    `json:"audience,omitempty"`
}

// Format prints no token, for any verb.
func (b body) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "token") }

// keys are derived from an installation's key: one key for each use.
type keys struct {
	names  []byte      // of the HMACs that name files
	bodies []byte      // of the HMACs that are the keys of bodies
	header cipher.AEAD // of headers
}

func newKeys(master []byte) (*keys, error) {
	derive := func(use string) []byte {
		//rule:cache-key-new-keys
		h := hmac.New(sha256.New, master)
		_, _ = io.WriteString(h, use)
		return h.Sum(nil)
	}
	aead, err := newAEAD(derive("acrkit token cache: headers"))
	return &keys{
		names:  derive("acrkit token cache: names"),
		bodies: derive("acrkit token cache: bodies"),
		header: aead,
	}, err
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func (k *keys) name(key auth.TokenKey) string {
	//rule:cache-key-name
	sum := key.Sum(k.names)
	return hex.EncodeToString(sum[:]) + suffix
}

// body returns the cipher of one token. It is derived from key and so from the
// credential's secret.
func (k *keys) body(key auth.TokenKey) (cipher.AEAD, error) {
	//rule:cache-key-body
	sum := key.Sum(k.bodies)
	return newAEAD(sum[:])
}

// sealed is a file: the length of the header in two bytes, the header, and the body.
// The header is bound to the file's name, the body to the header.
type sealed struct{ header, body []byte }

const headerLength = 2

func (s sealed) join() []byte {
	data := binary.BigEndian.AppendUint16(nil, uint16(len(s.header)))
	return append(append(data, s.header...), s.body...)
}

// split is the reverse of join, for any data.
func split(data []byte) (s sealed, ok bool) {
	if len(data) < headerLength || len(data) > maxFile {
		return sealed{}, false
	}
	n := headerLength + int(binary.BigEndian.Uint16(data))
	if len(data) < n {
		return sealed{}, false
	}
	return sealed{data[headerLength:n], data[n:]}, true
}

func (k *keys) seal(key auth.TokenKey, h header, b body) ([]byte, error) {
	aead, err := k.body(key)
	if err != nil {
		return nil, err
	}
	plainHeader, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	plainBody, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	var s sealed
	if s.header = sealWith(k.header, plainHeader, []byte(k.name(key))); len(s.header) > math.MaxUint16 {
		return nil, errors.New("the name of the registry is too long")
	}
	//rule:cache-key-seal
	s.body = sealWith(aead, plainBody, s.header)
	return s.join(), nil
}

// unsealHeader reads the header that seal wrote; ok is false for any other data.
func (k *keys) unsealHeader(name string, s sealed) (h header, ok bool) {
	plain, ok := unsealWith(k.header, s.header, []byte(name))
	if !ok || json.Unmarshal(plain, &h) != nil {
		return header{}, false
	}
	return h, true
}

func (k *keys) unsealBody(key auth.TokenKey, s sealed) (b body, ok bool) {
	aead, err := k.body(key)
	if err != nil {
		return body{}, false
	}
	plain, ok := unsealWith(aead, s.body, s.header)
	if !ok || json.Unmarshal(plain, &b) != nil || b.Value == "" {
		return body{}, false
	}
	return b, true
}

func sealWith(aead cipher.AEAD, plain, bound []byte) []byte {
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails: crypto/rand
	//rule:cache-key-seal-with
	return aead.Seal(nonce, nonce, plain, bound)
}

func unsealWith(aead cipher.AEAD, data, bound []byte) ([]byte, bool) {
	n := aead.NonceSize()
	if len(data) < n {
		return nil, false
	}
	plain, err := aead.Open(nil, data[:n], data[n:], bound)
	return plain, err == nil
}
