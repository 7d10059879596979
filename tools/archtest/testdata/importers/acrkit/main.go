// Command importer uses the vocabulary alone.
package main

import (
	"fmt"
	"os"

	"github.com/acrkit/acrkit"
)

func main() {
	scope, err := acrkit.ParseScope(os.Args[1])
	fmt.Println(scope, err)
}
