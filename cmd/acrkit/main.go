// Command acrkit signs in to Azure Container Registry with the least privilege that a job
// needs, and tests it against an emulator.
package main

import (
	"os"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
