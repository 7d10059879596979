// Package emulator holds the "acrkit emulator" commands.
package emulator

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/clock"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/fault"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/log"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/network"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/scopemap"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/seed"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/snapshot"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/token"
)

// defaultAddr is where the emulator listens: this machine only, on the port that
// other local registries leave free.
const defaultAddr = "127.0.0.1:5443"

// NewCmdEmulator returns the noun with its verbs.
func NewCmdEmulator(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{
		Use:   "emulator <command>",
		Short: "Run a registry on this machine that refuses like ACR",
		Long: "Run an emulator of Azure Container Registry on this machine, for development and\n" +
			"rehearsal: Entra authority, resource manager, token service and registry on one\n" +
			"port. It is not a production registry.",
	})
	cmd.AddCommand(NewCmdStart(f, nil), NewCmdEnv(f, nil), NewCmdHealth(f, nil), seed.NewCmdSeed(f), log.NewCmdLog(f),
		clock.NewCmdClock(f), fault.NewCmdFault(f), token.NewCmdToken(f), scopemap.NewCmdScopeMap(f),
		network.NewCmdNetwork(f),
		newCmdSettings(f), snapshot.NewCmdSnapshot(f), newCmdReset(f), newCmdCheck(f))
	return cmd
}
