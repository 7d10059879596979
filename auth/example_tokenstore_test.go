package auth_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"

	"github.com/acrkit/acrkit/auth"
)

// memoryStore keeps tokens in this process. A store for several processes, such as one in
// a database, writes the same values there, encrypted.
type memoryStore struct {
	secret []byte // random, the store's own

	fetching sync.Mutex // one lock for all keys is enough here
	mu       sync.Mutex
	tokens   map[[sha256.Size]byte]auth.StoredToken
}

func newMemoryStore() *memoryStore {
	return &memoryStore{secret: []byte(rand.Text()), tokens: map[[sha256.Size]byte]auth.StoredToken{}}
}

func (s *memoryStore) Load(_ context.Context, key auth.TokenKey) (auth.StoredToken, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	token, ok := s.tokens[key.Sum(s.secret)]
	return token, ok, nil
}

func (s *memoryStore) Save(_ context.Context, key auth.TokenKey, token auth.StoredToken) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[key.Sum(s.secret)] = token
	return nil
}

func (s *memoryStore) Delete(_ context.Context, key auth.TokenKey, refused auth.Secret) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tokens[key.Sum(s.secret)].Value.Equal(refused) {
		delete(s.tokens, key.Sum(s.secret))
	}
	return nil
}

func (s *memoryStore) Lock(context.Context, auth.TokenKey) (unlock func(), err error) {
	s.fetching.Lock()
	return s.fetching.Unlock, nil
}

// A store of your own, which two transports share: the second one requests no token.
func ExampleTokenStore() {
	reg, opts := startRegistry()

	store := newMemoryStore()
	for range 2 {
		rt, err := auth.NewTransport("myregistry.azurecr.io", auth.ScopedToken("ci-pull", "correct-horse"),
			&auth.Options{Base: opts.Base, Tokens: store})
		if err != nil {
			fmt.Println(err)
			return
		}
		printTags(rt, "samples/app")
		_ = rt.Close()
	}
	requests := 0
	for _, line := range reg.took() {
		if strings.HasPrefix(line, "POST /oauth2/token") {
			requests++
		}
	}
	fmt.Println("token requests:", requests)
	// Output:
	// 200 {"name":"samples/app","tags":["v1","v2"]}
	// 200 {"name":"samples/app","tags":["v1","v2"]}
	// token requests: 1
}
