package hostile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/acrkit/acrkit/credhelper/hostile"
)

// Check a function of your own that decides whether a host gets a credential. This one
// looks for Azure's domain anywhere in the name.
func ExampleHosts() {
	isAzure := func(host string) bool { return strings.Contains(host, ".azurecr.io") }

	wrong := 0
	for _, h := range hostile.Hosts() {
		if isAzure(h.Server) {
			wrong++
		}
	}
	fmt.Println("hosts that must get nothing, and would get a credential:", wrong > 0)
	// Output: hosts that must get nothing, and would get a credential: true
}

// TestExample runs the test that ExampleTest shows.
func TestExample(t *testing.T) {
	t.Parallel()
	testHelper(t)
}
