package auth_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/http"
	"sync"

	"github.com/acrkit/acrkit/acrtest"
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
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1")
	token := reg.Token("ci-pull", "repositories/samples/app/metadata/read")

	store := newMemoryStore()
	for range 2 {
		rt, err := auth.NewTransport(reg.Host(), auth.ScopedToken(token.Name, token.Password1),
			&auth.Options{Base: reg.RoundTripper(), Tokens: store})
		if err != nil {
			fmt.Println(err)
			return
		}
		resp, err := (&http.Client{Transport: rt}).Get(reg.URL() + "/v2/samples/app/tags/list")
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = resp.Body.Close()
		_ = rt.Close()
		fmt.Println(resp.Status)
	}
	fmt.Println("token requests:", reg.Requests().Count("POST", "/oauth2/token"))
	// Output:
	// 200 OK
	// 200 OK
	// token requests: 1
}
