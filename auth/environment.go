package auth

import "github.com/acrkit/acrkit"

// Environment is what the environment variables say.
type Environment struct {
	Registry   acrkit.Registry // of ACR_NAME; zero if it is not set
	Credential Credential      // nil if there is none
	Source     string          // the variables it came from: "ACR_TOKEN_NAME and ACR_TOKEN_PASSWORD"
	Lookups    []Lookup        // every place that was looked at, in order
}

// Lookup is one place that was looked at.
type Lookup struct {
	Source  string  // the variables
	Kind    Kind    // what they would give
	Outcome Outcome // what was found
	Detail  string  // in words, without a secret
}

// Outcome says what was found in one place.
type Outcome string

// The outcomes.
const (
	OutcomeUsed       Outcome = "used"
	OutcomeNotSet     Outcome = "not set"
	OutcomeIncomplete Outcome = "incomplete" // a part is missing or malformed; an error
	OutcomeShadowed   Outcome = "shadowed"   // set, but an earlier one was used
)

// FromEnvironment reads a registry and a credential from environment variables.
func FromEnvironment(lookup func(string) (string, bool)) (Environment, error) {
	return Environment{}, &acrkit.Error{Code: acrkit.CodeCredentialMissing, Op: "find a credential in the environment"}
}
