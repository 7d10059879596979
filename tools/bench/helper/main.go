// Command helper measures docker-credential-acrkit's warm "get" beside the start
// of another program of the same world, crane version, in interleaved rounds.
//
//	cd tools/bench && go run ./helper
//
// Docker runs the helper for every registry that a build names, so what counts is
// the time of a whole process. Warm is a login with a name and password in acrkit's
// store (a file), and an ACR refresh token there, which is as long as an answer
// gets; foreign is a host that the helper does not answer for.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// crane is what is measured beside; the version is that of the other benchmarks.
const crane = "github.com/google/go-containerregistry/cmd/crane@v0.22.1"

func main() {
	rounds := flag.Int("rounds", 200, "how often each program is run")
	flag.Parse()
	if err := run(context.Background(), *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "helper:", err)
		os.Exit(1)
	}
}

// program is one that is run again and again.
type program struct {
	name  string
	argv  []string
	input string
	fails bool // as it should
	took  []time.Duration
}

func run(ctx context.Context, rounds int) error {
	work, err := os.MkdirTemp("", "acrkit-bench-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	helper := filepath.Join(work, "docker-credential-acrkit")
	if err := build(ctx, "build", "-trimpath", "-o", helper,
		"github.com/acrkit/acrkit/cmd/docker-credential-acrkit"); err != nil {
		return err
	}
	if err := build(ctx, "install", crane); err != nil {
		return err
	}
	env := []string{"HOME=" + work, "ACRKIT_KEYRING=off"}
	token := "eyJ" + strings.Repeat("x", 1000)
	//nolint:gosec // made up
	for host, login := range map[string]string{"password": `"Username":"ci","Secret":"made-up-password"`,
		"token": `"Username":"<token>","Secret":"` + token + `"`} {
		if err := once(ctx, env, &program{argv: []string{helper, "store"}, input: `{"ServerURL":"` + host +
			`.azurecr.io",` + login + `}`}); err != nil {
			return err
		}
	}
	programs := []*program{
		{name: "crane version", argv: []string{filepath.Join(binDir(), "crane"), "version"}},
		{name: "get, name and password", argv: []string{helper, "get"}, input: "password.azurecr.io"},
		{name: "get, refresh token", argv: []string{helper, "get"}, input: "token.azurecr.io"},
		{name: "get, foreign host", argv: []string{helper, "get"}, input: "docker.io", fails: true},
	}
	for range rounds {
		for _, p := range programs {
			begun := time.Now()
			err := once(ctx, env, p)
			if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !(exited && p.fails) {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			p.took = append(p.took, time.Since(begun))
		}
	}
	by := median(programs[0].took)
	for _, p := range programs {
		m := median(p.took)
		fmt.Printf("%-24s median %6.2f ms   %.2f of crane version\n", p.name, float64(m.Microseconds())/1000,
			float64(m)/float64(by))
	}
	return nil
}

func once(ctx context.Context, env []string, p *program) error {
	cmd := exec.CommandContext(ctx, p.argv[0], p.argv[1:]...) //nolint:gosec // the programs built above
	cmd.Env = env
	cmd.Stdin = strings.NewReader(p.input)
	return cmd.Run()
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

func binDir() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, "acrkit-bench", "bin")
}

// build runs the go command as releases are built: without cgo.
func build(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // constants and folders of ours
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false", "GOWORK=off", "GOBIN="+binDir())
	if args[0] == "build" {
		cmd.Dir = ".." // the main module: this one does not require it
		if _, err := os.Stat("helper"); err != nil {
			return errors.New("run it in the folder bench of a clone of acrkit")
		}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", args[0], err, out)
	}
	return nil
}
