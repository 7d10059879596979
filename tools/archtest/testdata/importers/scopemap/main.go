// Command importer reads a scope map.
package main

import (
	"fmt"
	"os"

	"github.com/acrkit/acrkit/scopemap"
)

func main() {
	m, err := scopemap.Parse(os.Args[1:])
	fmt.Println(m, err)
}
