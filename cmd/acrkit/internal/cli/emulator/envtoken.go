package emulator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	seedcmd "github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/seed"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
	"github.com/acrkit/acrkit/scopemap"
)

// exampleSeed is the seed of a connection whose emulator was started with the
// example. The path of a file is absolute and never just this word.
const exampleSeed = "example"

// passwordCheckTime bounds the request that checks whether a password is still the
// seed's. It goes to this machine.
const passwordCheckTime = 5 * time.Second

// seedOf returns where the passwords of the state are: the seed of this start, or the
// one that an earlier start with the folder recorded.
func (opts *StartOptions) seedOf(s *seed.Seed) string {
	switch {
	case opts.SeedFile == "-" || opts.SeedText != "":
		return ""
	case opts.SeedFile != "":
		path, err := filepath.Abs(opts.SeedFile)
		if err != nil {
			return ""
		}
		return path
	case s != nil:
		return exampleSeed
	}
	before, err := readConnection(opts.DataDir)
	if err != nil {
		return "" // it is optional; "emulator env" says that it is missing
	}
	return before.Seed
}

// seedToken is a token with a password that a seed names. The emulator itself keeps
// no password that could be read.
type seedToken struct {
	name     string
	password seed.Secret
	public   bool // it is the one in the example seed
	lists    bool // its scope map has metadata/read somewhere
}

// seedTokens returns the tokens of the first registry that the connection's seed has
// passwords for and that the emulator had enabled, in the order of the seed.
func (c connection) seedTokens() ([]seedToken, error) {
	if c.Seed == "" {
		return nil, nil
	}
	example, err := seed.Read(strings.NewReader(seed.Example()))
	if err != nil {
		return nil, err
	}
	s := example
	if c.Seed != exampleSeed {
		if s, err = seedcmd.Read(c.Seed, nil, seed.System()); err != nil {
			return nil, err
		}
	}
	//rule:seed-password-seed-tokens-2
	if len(s.Registries) == 0 || len(c.Registries) == 0 || s.Registries[0].Name != c.Registries[0] {
		return nil, nil
	}
	known := passwordsOf(example.Registries[0])
	var out []seedToken
	for name, value := range passwordsOf(s.Registries[0]) {
		if slices.Contains(c.Tokens, name) {
			//rule:seed-password-seed-tokens
			out = append(out, seedToken{name: name, password: value, public: known[name] == value})
		}
	}
	place := func(t seedToken) int {
		return slices.IndexFunc(s.Registries[0].Tokens, func(s seed.Token) bool { return s.Name == t.name })
	}
	slices.SortFunc(out, func(a, b seedToken) int { return place(a) - place(b) })
	for i, t := range out {
		out[i].lists = lists(s.Registries[0], s.Registries[0].Tokens[place(t)].ScopeMap)
	}
	return out, nil
}

// passwordsOf returns the first password of each token.
func passwordsOf(r seed.Registry) map[string]seed.Secret {
	out := map[string]seed.Secret{}
	for _, t := range r.Tokens {
		if len(t.Passwords) > 0 {
			out[t.Name] = t.Passwords[0].Value
		}
	}
	return out
}

// lists reports whether a scope map allows listing the tags of some repository.
func lists(r seed.Registry, name string) bool {
	maps := scopemap.System()
	for _, m := range r.ScopeMaps {
		if parsed, err := scopemap.Parse(m.Actions); err == nil && m.Name == name {
			parsed.Name = name
			maps = append(maps, parsed)
		}
	}
	reads := func(r scopemap.Rule) bool { return r.Action == acrkit.MetadataRead }
	return slices.ContainsFunc(maps, func(m scopemap.Map) bool {
		return m.Name == name && slices.ContainsFunc(m.Rules, reads)
	})
}

// publicToken returns the token that is exported by default: the first that can list
// tags, if its password is the public one of the example seed.
func (c connection) publicToken() (seedToken, bool) {
	tokens, err := c.seedTokens()
	if err != nil {
		return seedToken{}, false // a seed file that is gone; --token says so
	}
	//rule:seed-password-public-token-2
	i := slices.IndexFunc(tokens, func(t seedToken) bool { return t.lists })
	//rule:seed-password-public-token
	if i < 0 || !tokens[i].public {
		return seedToken{}, false
	}
	return tokens[i], true
}

// namedToken returns the token that --token names.
func (opts *EnvOptions) namedToken(c connection) (seedToken, error) {
	tokens, err := c.seedTokens()
	if err != nil {
		return seedToken{}, err
	}
	for _, t := range tokens {
		if t.name == opts.Token {
			return t, nil
		}
	}
	if !slices.Contains(c.Tokens, opts.Token) {
		return seedToken{}, &acrkit.Error{Code: acrkit.CodeNotFound, Op: fmt.Sprintf("export the token %q", opts.Token),
			Reason: "the emulator was started without such a token, or it was disabled",
			Hint:   sentence.Fix(sentence.ListTokensOfFolder, map[string]string{"dir": shell.Quote(opts.DataDir)})}
	}
	reason := "the seed that the emulator was started with is not known"
	switch {
	case c.Seed == exampleSeed:
		reason = "the example seed does not name it"
	case c.Seed != "":
		reason = fmt.Sprintf("the seed %q does not name it", c.Seed)
	}
	return seedToken{}, opts.failure(acrkit.CodeNotFound, opts.Token, reason)
}

func (opts *EnvOptions) failure(code acrkit.Code, token, reason string) error {
	return &acrkit.Error{Code: code, Op: fmt.Sprintf("export the password of the token %q", token), Reason: reason,
		Hint: sentence.Fix(sentence.RenewAndPrint, map[string]string{"token": shell.Quote(token), "dir": shell.Quote(opts.DataDir)})}
}

// check asks the emulator whether a password is still the seed's. An
// emulator that does not run is no error.
func (opts *EnvOptions) check(ctx context.Context, c connection, t seedToken) error {
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil // without the certificate it cannot be asked
	}
	base := target.NewTransport(pem)
	defer base.CloseIdleConnections()
	rt, err := auth.NewTransport(c.LoginServer, auth.ScopedToken(t.name, string(t.password)), &auth.Options{Base: base})
	if err != nil {
		return err
	}
	defer rt.Close()
	ctx, cancel := context.WithTimeout(ctx, passwordCheckTime)
	defer cancel()
	if _, err = rt.Token(ctx, acrkit.Scope{}); !errors.Is(err, acrkit.CodeCredentialRejected) {
		return nil
	}
	return opts.failure(acrkit.CodeCredentialRejected, t.name,
		"the password that the seed names is not accepted: it was changed or has expired, or the token was disabled")
}
