package fault_test

import (
	"fmt"

	"github.com/acrkit/acrkit/emulator/fault"
)

// The classes of requests that a fault can be limited to.
func ExampleRoutes() {
	for _, route := range fault.Routes()[:4] {
		fmt.Println(route)
	}
	// Output:
	// token
	// exchange
	// entra
	// arm
}
