package auth

// Lookup is one place that was looked at.
type Lookup struct {
	Source  string  // the variables, or a credential's description
	Kind    Kind    // what they would give
	Outcome Outcome // what was found
	Detail  string  // more in words, without a secret; may be ""
	Name    string  // of the token, user or application whose credential it is; "" = not known

	Place     Place    // what Source names
	Variables []string // of the environment, those that Source names; nil for other places
	Missing   []string // variables that are not set and must be; see [OutcomeIncomplete]

	// Places are the places of a credential that is itself looked for in several: the
	// files and helpers of a [DockerConfig] in a [Chain].
	Places []Lookup
}

// Outcome says what was found in one place.
type Outcome string

// The outcomes.
const (
	OutcomeUsed       Outcome = "used"
	OutcomeNotSet     Outcome = "not set"
	OutcomeIncomplete Outcome = "incomplete" // a part is missing or malformed: an error
	OutcomeShadowed   Outcome = "shadowed"   // set, and an earlier place was used

	// OutcomeNotSupported is a certificate, which needs Microsoft's library: an
	// error of [FromEnvironment] here, a credential in that of package azureauth.
	OutcomeNotSupported Outcome = "not supported"

	// In a chain and in Docker's configuration only.
	OutcomeNotAvailable Outcome = "not available" // there is none here: the next is tried
	OutcomeRefused      Outcome = "refused"       // there is one, and it was not accepted: the end
	OutcomeFailed       Outcome = "failed"        // the place could not be read: the end
	OutcomeNotTried     Outcome = "not tried"     // an earlier one decided
)
