package policy_test

import (
	"fmt"

	"github.com/acrkit/acrkit/manage/policy"
)

// Read a policy.
func ExampleParse() {
	p, err := policy.Parse([]byte(`
tokens:
  - name: ci-pull
    owner: team-a
    sinks: ["file:/run/secrets/acr cache:10m"]
    window: 02:00-06:00
  - name: eso-pull
    managed-by: external-secrets
`), nil)
	if err != nil {
		panic(err)
	}
	for _, t := range p.Tokens {
		fmt.Println(t.Name, t.Sinks, t.ManagedBy)
	}
	// Output:
	// ci-pull [file:/run/secrets/acr cache:10m]
	// eso-pull [] external-secrets
}
