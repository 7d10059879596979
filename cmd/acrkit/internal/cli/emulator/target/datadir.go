package target

import (
	"os"
	"path/filepath"
	"runtime"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/sentence"
)

// DefaultDataDir is where state is kept when no folder is named: the XDG data folder, or
// the system's equivalent. If there is none, the error's hint is command with --data.
func DefaultDataDir(env func(string) string, command string) (string, error) {
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
	return "", &acrkit.Error{Code: acrkit.CodeUsage, Op: "find a data folder", Reason: "this system names none",
		Hint: sentence.Fix(sentence.NameFolder, map[string]string{"command": command})}
}
