package proxy

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/sentence"
)

// keyBytes is the length of a client key that is made, in random bytes.
const keyBytes = 32

// keyLimit bounds a file with a client key.
var keyLimit = limit.Limit{Name: "a client key", Bytes: 1024}

// minKey is the length of the shortest key that is accepted from a file, in bytes: a
// shorter one can be guessed.
const minKey = 16

// clientKey reads the key, or makes one.
func (opts *Options) clientKey() (auth.Secret, error) {
	if opts.NoClientKey {
		return auth.Secret{}, nil
	}
	if opts.ClientKeyFile == "" {
		return randomKey(), nil
	}
	bad := func(why string, causes ...error) (auth.Secret, error) {
		return auth.Secret{},
			&acrkit.Error{Code: acrkit.CodeUsage, Op: fmt.Sprintf("read the client key in %q", opts.ClientKeyFile),
				Reason: why, Errs: causes,
				Hint: sentence.Fix(sentence.MakeClientKey, nil)}
	}
	f, err := os.Open(opts.ClientKeyFile)
	if err != nil {
		return bad("", err)
	}
	defer f.Close()
	data, err := keyLimit.ReadAll(f)
	if err != nil {
		return bad("", err)
	}
	key := strings.TrimRight(string(data), "\r\n")
	switch {
	case len(key) < minKey:
		return bad(fmt.Sprintf("it is shorter than %d characters", minKey))
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return bad("it holds other characters than printable ASCII without blanks")
	}
	return redact.NewSecret(key), nil
}

// randomKey returns keyBytes random bytes, in hexadecimal digits.
func randomKey() auth.Secret {
	random := make([]byte, keyBytes)
	_, _ = rand.Read(random) // never fails: crypto/rand
	return redact.NewSecret(hex.EncodeToString(random))
}
