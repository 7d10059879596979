package main

import (
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The servers beside ours, as go install names them.
const (
	distributionModule  = "github.com/distribution/distribution/v3"
	distributionVersion = "v3.1.2"
	craneModule         = "github.com/google/go-containerregistry"
	craneVersion        = "v0.22.1"
)

// programs are the files of the servers.
type programs struct {
	emulator, distribution, crane string
	revision                      string // of the emulator's source
}

// profileOverlay is what is put into the emulator's program for a profile of it.
func profileOverlay(root string) map[string]string {
	return map[string]string{
		filepath.Join(root, "cmd", "acrkit", "bench_profile.go"): filepath.Join(root, "tools", "bench",
			"overlay", "profile.go.txt"),
	}
}

// prepare builds the emulator and installs what is missing of the others.
func prepare(ctx context.Context, cache, work string, profiled bool, log io.Writer) (*programs, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	p := &programs{emulator: filepath.Join(work, "acrkit")}
	build := []string{"build", "-trimpath", "-o", p.emulator}
	if profiled {
		overlay := filepath.Join(work, "overlay.json")
		b, err := json.Marshal(map[string]map[string]string{"Replace": profileOverlay(root)})
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(overlay, b, 0o600); err != nil {
			return nil, err
		}
		build = append(build, "-overlay", overlay)
	}
	if err := goCommand(ctx, root, "", append(build, "./cmd/acrkit")...); err != nil {
		return nil, err
	}
	p.revision = revision(ctx, root)
	bin := filepath.Join(cache, "bin")
	if p.distribution, err = install(ctx, bin, distributionModule, "cmd/registry", distributionVersion,
		log); err != nil {
		return nil, err
	}
	p.crane, err = install(ctx, bin, craneModule, "cmd/crane", craneVersion, log)
	return p, err
}

// install returns the program of a module's version in dir, and builds it if it
// is not there.
func install(ctx context.Context, dir, module, pkg, version string, log io.Writer) (string, error) {
	path := filepath.Join(dir, filepath.Base(pkg))
	if info, err := buildinfo.ReadFile(path); err == nil && info.Main.Path == module && info.Main.Version == version {
		return path, nil
	}
	fmt.Fprintf(log, "installing %s %s\n", filepath.Base(pkg), version)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", err
	}
	return path, goCommand(ctx, "", dir, "install", module+"/"+pkg+"@"+version)
}

func goCommand(ctx context.Context, dir, bin string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // constants of this file and folders
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	if bin != "" {
		cmd.Env = append(cmd.Env, "GOBIN="+bin)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", args[0], err, out)
	}
	return nil
}

// moduleRoot finds the main module's folder: here or above.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(b), "module github.com/acrkit/acrkit\n") {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("bench runs in the folder tools/bench of a clone of acrkit")
		}
		dir = parent
	}
}

// revision names the source that is measured; a changed one is said.
func revision(ctx context.Context, root string) string {
	git := func(args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, "git", args...) //nolint:gosec // constants
		cmd.Dir = root
		out, err := cmd.Output()
		return strings.TrimSpace(string(out)), err
	}
	rev, err := git("rev-parse", "--short=12", "HEAD")
	if err != nil {
		return "an unknown revision"
	}
	if changed, err := git("status", "--porcelain", "--untracked-files=no", "--", "*.go", "go.mod"); err != nil ||
		changed != "" {
		rev += " with changes"
	}
	return rev
}
