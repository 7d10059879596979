package seed_test

import (
	"fmt"
	"strings"

	"github.com/acrkit/acrkit/emulator/seed"
)

// A seed file, and what is wrong with another one: every fault, with its line. Passwords
// print as a placeholder.
func ExampleRead() {
	const file = `
registries:
  - name: myregistry
    repositories: [{name: samples/app, images: [{tags: [v1]}]}]
    scopeMaps: [{name: ci-pull, actions: [repositories/samples/app/content/read]}]
    tokens:
      - name: ci-pull
        scopeMap: ci-pull
        passwords: [{name: password1, value: correct-horse}]
`
	s, err := seed.Read(strings.NewReader(file))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range s.Registries {
		fmt.Println(r.Name, r.Repositories[0].Name, r.Tokens[0].Passwords[0].Value)
	}

	_, err = seed.Read(strings.NewReader("registries:\n  - name: my-reg\n"))
	fmt.Println(err)
	// Output:
	// myregistry samples/app [secret]
	// cannot read the seed: line 2: registries[0].name: "my-reg" is not a registry's name (5 to 50 letters and digits)
}
