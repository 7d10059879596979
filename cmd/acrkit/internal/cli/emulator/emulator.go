// Package emulator holds the "acrkit emulator" commands.
package emulator

import (
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/internal/sentence"
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
			"rehearsal: Entra authority, resource manager (read only), token service and registry\n" +
			"on one port. It is not a production registry.",
	})
	cmd.AddCommand(NewCmdStart(f, nil), NewCmdEnv(f, nil), NewCmdHealth(f, nil), newCmdSeed(f), newCmdLog(f), newCmdClock(f), newCmdFault(f),
		newCmdToken(f), newCmdScopeMap(f), newCmdNetwork(f), newCmdSettings(f), newCmdSnapshot(f), newCmdReset(f), newCmdCheck(f))
	return cmd
}

// defaultDataDir is where state is kept when no folder is named: the XDG data folder, or
// the system's equivalent. If there is none, the error's hint is command with --data.
func defaultDataDir(env func(string) string, command string) (string, error) {
	if dir := env("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "acrkit", "emulator"), nil
	}
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		dir, err := os.UserConfigDir()
		if err == nil {
			return filepath.Join(dir, "acrkit", "emulator"), nil
		}
	} else if home := env("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "share", "acrkit", "emulator"), nil
	}
	return "", &acrkit.Error{Code: acrkit.CodeUsage, Op: "find a data folder", Reason: "this system names none", Hint: sentence.Fix(sentence.NameFolder, map[string]string{"command": command})}
}
