package emulator

import (
	"errors"
	"fmt"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/sentence"
)

// ErrChosenSecrets is a cause of every refusal of passwords and client secrets whose
// values were chosen; see [Options.BeyondLoopback].
var ErrChosenSecrets = errors.New("others may know passwords and client secrets that were chosen")

// maxNamed is how many secrets an error names; it counts the rest.
const maxNamed = 10

// chosenError names chosen secrets.
type chosenError struct{ names []string }

func (e *chosenError) Error() string {
	names, more := e.names, ""
	if n := len(names) - maxNamed; n > 0 {
		names, more = names[:maxNamed], fmt.Sprintf(", and %d more", n)
	}
	return "others may know these, because a seed holds them in clear, or a user chose them: " +
		strings.Join(names, ", ") + more
}

func (e *chosenError) Is(target error) bool { return target == ErrChosenSecrets }

// refuseStart and refuseChange word the refusal at the start and later.
func refuseStart(names []string) error {
	return &acrkit.Error{Code: acrkit.CodeUsage, Op: "serve other machines", Errs: []error{&chosenError{names}},
		Hint: sentence.Fix(sentence.RenewOnLoopback, nil)}
}

func refuseChange(names []string) error {
	return &acrkit.Error{Code: acrkit.CodeUsage, Op: "make the change on an emulator that other machines reach", Errs: []error{&chosenError{names}},
		Hint: sentence.Fix(sentence.RenewBeforeEnabling, nil)}
}

// ChosenSecrets names the passwords and client secrets that can be used to
// log in and whose values were chosen, by a seed or a caller, not generated here:
// others may know them. They count when they have expired, too, because the clock
// can be set; those of a disabled token do not. The admin user's passwords are
// generated.
func (e *Emulator) ChosenSecrets() []string { return e.ids.Chosen() }

// chosenIn names those of a seed alone.
func chosenIn(s *seed.Seed) []string {
	return principal.ChosenIn(func(c *principal.Change) {
		for i, r := range s.Registries {
			id := int64(i)
			c.Put(&principal.RegistrySettings{ID: id, Name: strings.ToLower(r.Name)})
			for _, t := range r.Tokens {
				next := &principal.Token{RegistryID: id, Name: t.Name, Enabled: t.Status != "disabled"}
				for _, p := range t.Passwords {
					next.Passwords = append(next.Passwords, principal.Password{Slot: p.Name, Private: p.IsPrivate()})
				}
				c.Put(next)
			}
		}
		for _, t := range s.Tenants {
			for _, a := range t.Applications {
				next := &principal.Application{ClientID: a.ClientID}
				for _, x := range a.Secrets {
					next.Secrets = append(next.Secrets, principal.Secret{Private: x.IsPrivate()})
				}
				c.Put(next)
			}
		}
	})
}
