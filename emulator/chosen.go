package emulator

import (
	"fmt"
	"time"
)

// ChosenSecrets names the passwords and client secrets with which somebody could
// log in now and whose values were chosen, by a seed or a caller, not generated
// here: others may know them. A listener that other machines reach is not for
// them. The admin user's passwords are generated.
func (e *Emulator) ChosenSecrets() []string {
	var out []string
	now := e.now()
	for _, r := range e.ids.Registries() {
		for _, t := range e.ids.Tokens(r.ID) {
			for _, p := range t.Passwords {
				if t.Enabled && !p.Generated && p.Usable(now) {
					out = append(out, chosenPassword(p.Slot, t.Name, r.Name))
				}
			}
		}
	}
	for _, a := range e.ids.Applications() {
		for _, s := range a.Secrets {
			if s.Usable(now) {
				out = append(out, chosenSecret(a.ClientID))
				break
			}
		}
	}
	return out
}

// ChosenSecrets names the passwords and client secrets of the seed that would be
// good at a time, in the words of [Emulator.ChosenSecrets].
func (s *Seed) ChosenSecrets(now time.Time) []string {
	usable := func(expires time.Time) bool { return expires.IsZero() || now.Before(expires) }
	var out []string
	for _, r := range s.Registries {
		for _, t := range r.Tokens {
			for _, p := range t.Passwords {
				if t.Status != "disabled" && usable(p.Expires) {
					out = append(out, chosenPassword(p.Name, t.Name, r.Name))
				}
			}
		}
	}
	for _, t := range s.Tenants {
		for _, a := range t.Applications {
			for _, x := range a.Secrets {
				if usable(x.Expires) {
					out = append(out, chosenSecret(a.ClientID))
					break
				}
			}
		}
	}
	return out
}

func chosenPassword(slot, token, registry string) string {
	return fmt.Sprintf("%s of the token %s of %s", slot, quote(token), registry)
}

func chosenSecret(clientID string) string { return "the secret of the application " + clientID }
