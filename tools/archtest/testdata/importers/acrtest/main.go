// Command importer holds what a test binary gets that uses acrtest.
package main

import (
	"testing"

	"github.com/acrkit/acrkit/acrtest"
)

func main() {
	testing.Main(func(string, string) (bool, error) {
		return true, nil
	}, []testing.InternalTest{{Name: "TestPull", F: func(t *testing.T) {
		reg := acrtest.NewRegistry(t, nil)
		reg.Push("samples/app", "v1")
		client := reg.Client(reg.Token("ci-pull", "repositories/samples/app/metadata/read").Credential())
		for _, err := range client.Tags(t.Context(), "samples/app", nil) {
			if err != nil {
				t.Fatal(err)
			}
		}
	}}}, nil, nil)
}
