package tokencache

import (
	"crypto/hmac"
	"crypto/sha256"
	"io"

	"github.com/acrkit/acrkit/auth"
)

// SweepEvery is for tests.
const SweepEvery = sweepEvery

// Stolen is what can be read with a file and the installation's key: the
// header, and the token with the identity that is tried.
func Stolen(master []byte, name string, data []byte, tried auth.TokenKey) (registry, token string) {
	k, err := newKeys(master)
	if err != nil {
		panic(err)
	}
	parts, ok := split(data)
	if !ok {
		return "", ""
	}
	h, _ := k.unsealHeader(name, parts)
	b, _ := k.unsealBody(tried, parts)
	return h.Registry, b.Value
}

// OpensBody reports whether the installation's key, or a key made of it alone, opens
// a file's second part.
func OpensBody(master, data []byte) bool {
	parts, ok := split(data)
	if !ok {
		return false
	}
	candidates := [][]byte{master}
	for _, use := range []string{"names", "bodies", "headers", "contents"} {
		h := hmac.New(sha256.New, master)
		_, _ = io.WriteString(h, "acrkit token cache: "+use)
		candidates = append(candidates, h.Sum(nil))
	}
	for _, key := range candidates {
		aead, err := newAEAD(key)
		if err != nil {
			panic(err)
		}
		if _, ok := unsealWith(aead, parts.body, parts.header); ok {
			return true
		}
	}
	return false
}
