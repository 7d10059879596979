package seed

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/wording"
)

// Sources are where the values are that [ValueFrom] names.
type Sources struct {
	LookupEnv func(name string) (string, bool)
	Open      func(path string) (io.ReadCloser, error)
}

// System are the environment and the files of this process.
func System() *Sources {
	return &Sources{LookupEnv: os.LookupEnv, Open: func(path string) (io.ReadCloser, error) { return os.Open(path) }}
}

// valueLimit bounds the file of one value: the longest value and what a check needs to
// see that there is more.
//
//rule:value-from-limit
var valueLimit = limit.Limit{Name: "a value of the seed", Bytes: 4 << 10}

// IsPrivate reports whether the seed gives the password by reference: the seed does not
// show its value to those who read it. A password of the example is public however it is
// given.
func (w Password) IsPrivate() bool { return isPrivate(w.Value, w.ValueFrom) }

// IsPrivate reports whether the seed gives the secret by reference, as
// [Password.IsPrivate] does.
func (c ClientSecret) IsPrivate() bool { return isPrivate(c.Value, c.ValueFrom) }

func isPrivate(value Secret, from ValueFrom) bool {
	//rule:value-from-is-private
	return from != ValueFrom{} && !public()[value]
}

// public are the secrets of the example.
var public = sync.OnceValue(func() map[Secret]bool {
	s, err := Read(strings.NewReader(Example()))
	if err != nil {
		panic(err) // a test reads it
	}
	out := map[Secret]bool{}
	s.eachSecret(func(_ string, value *Secret, _ ValueFrom) { out[*value] = true })
	return out
})

// Variables returns the names of the environment variables that hold secrets of the seed,
// sorted; nil if there are none.
func (s *Seed) Variables() []string {
	var names []string
	s.eachSecret(func(_ string, _ *Secret, from ValueFrom) {
		if from.Env != "" {
			names = append(names, from.Env)
		}
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// eachSecret calls do for each secret, with its path in the seed.
func (s *Seed) eachSecret(do func(path string, value *Secret, from ValueFrom)) {
	for i := range s.Tenants {
		for j := range s.Tenants[i].Applications {
			secrets := s.Tenants[i].Applications[j].Secrets
			for k := range secrets {
				do(fmt.Sprintf("tenants[%d].applications[%d].secrets[%d]", i, j, k),
					&secrets[k].Value, secrets[k].ValueFrom)
			}
		}
	}
	for i := range s.Registries {
		for j := range s.Registries[i].Tokens {
			passwords := s.Registries[i].Tokens[j].Passwords
			for k := range passwords {
				do(fmt.Sprintf("registries[%d].tokens[%d].passwords[%d]", i, j, k), &passwords[k].Value,
					passwords[k].ValueFrom)
			}
		}
	}
}

// resolve checks where the values are that the seed does not hold, and sets them, unless
// from is nil. No problem quotes a value.
func (s *Seed) resolve(p *problems, from *Sources) {
	s.eachSecret(func(path string, value *Secret, where ValueFrom) {
		why, at := "", join(path, "valueFrom")
		switch {
		case where == ValueFrom{}:
			return
		//rule:value-from-both
		case *value != "":
			at, why = path, "has both value and valueFrom"
		case where.Env != "" && where.File != "":
			why = "has both env and file"
		case strings.ContainsAny(where.Env, "=\x00"):
			why = "env is not the name of an environment variable"
		case from != nil:
			var text string
			text, why = from.read(where)
			*value = Secret(text)
		}
		if why != "" {
			p.add(at, "%s", why)
		}
	})
}

// read returns the value, or says why there is none.
func (src *Sources) read(v ValueFrom) (value, why string) {
	if v.Env != "" {
		value, ok := src.LookupEnv(v.Env)
		if !ok || value == "" {
			return "", fmt.Sprintf("the environment variable %s is not set", wording.Quote(v.Env))
		}
		return value, ""
	}
	file, err := src.Open(v.File)
	if err != nil {
		return "", fmt.Sprintf("the file %s cannot be read: %v", wording.Quote(v.File), wording.Reason(err))
	}
	defer func() { _ = file.Close() }()
	data, err := valueLimit.ReadAll(file)
	if err != nil {
		return "", fmt.Sprintf("the file %s cannot be read: %v", wording.Quote(v.File), wording.Reason(err))
	}
	value = strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if value == "" {
		return "", fmt.Sprintf("the file %s is empty", wording.Quote(v.File))
	}
	return value, ""
}
