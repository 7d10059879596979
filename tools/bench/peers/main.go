// Command peers counts the requests of one command, in a new process each time: the
// tags of a repository of 2,300, by acrkit with a cold and a warm cache, and by
// crane, oras, regctl and skopeo with the same token, at the same emulator.
//
//	cd tools/bench && go run ./peers    # those that are in PATH
package main

import (
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
)

const (
	tags     = 2300
	name     = "reader"
	password = "peers-password-that-everyone-may-know-0001"
	image    = "samples/app"
)

func main() {
	rounds := flag.Int("rounds", 20, "how often each command is run")
	flag.Parse()
	if err := run(context.Background(), *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

// peer is one command that lists the tags.
type peer struct {
	name string
	argv []string
	cold bool // its cache is removed before each run
	took []time.Duration
	sent int64
}

func run(ctx context.Context, rounds int) (err error) {
	work, err := os.MkdirTemp("", "acrkit-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	var requests atomic.Int64
	host, stop, err := serve(ctx, work, &requests)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	acrkit := filepath.Join(work, "acrkit")
	//nolint:gosec // into a folder of its own
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", acrkit, "./cmd/acrkit")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build acrkit: %w: %s", err, out)
	}
	auth := base64.StdEncoding.EncodeToString([]byte(name + ":" + password))
	if err := os.WriteFile(filepath.Join(work, "config.json"), fmt.Appendf(nil, `{"auths":{%q:{"auth":%q}}}`, host,
		auth), 0o600); err != nil {
		return err
	}
	ca := filepath.Join(work, "ca.pem")
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + work, "DOCKER_CONFIG=" + work, "REGISTRY_AUTH_FILE=" +
		filepath.Join(work, "config.json"), "SSL_CERT_FILE=" + ca,
		"ACR_NAME=" + host, "ACR_TOKEN_NAME=" + name, "ACR_TOKEN_PASSWORD=" + password, "ACRKIT_KEYRING=off",
		"ACRKIT_CONFIG_DIR=" + filepath.Join(work, "acrkit-config")}
	peers := []*peer{
		{name: "acrkit tag list, cold", argv: []string{acrkit, "tag", "list", image}, cold: true},
		{name: "acrkit tag list, warm", argv: []string{acrkit, "tag", "list", image}},
		{name: "crane ls", argv: []string{"crane", "ls", host + "/" + image}},
		{name: "oras repo tags", argv: []string{"oras", "repo", "tags", "--plain-http=false", host + "/" + image}},
		{name: "regctl tag ls", argv: []string{"regctl", "tag", "ls", "--host", "reg=" + host + ",tls=enabled", host +
			"/" + image}},
		{name: "skopeo list-tags", argv: []string{"skopeo", "list-tags", "docker://" + host + "/" + image}},
	}
	peers = slices.DeleteFunc(peers, func(p *peer) bool {
		_, err := exec.LookPath(p.argv[0])
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s is not in PATH\n", p.argv[0])
		}
		return err != nil
	})
	for range rounds {
		for _, p := range peers {
			if p.cold {
				if err := os.RemoveAll(filepath.Join(work, "acrkit-config")); err != nil {
					return err
				}
			}
			requests.Store(0)
			cmd := exec.CommandContext(ctx, p.argv[0], p.argv[1:]...) //nolint:gosec // the programs above
			cmd.Env, cmd.Dir = env, work
			if p.argv[0] == "crane" {
				// On loopback it begins with HTTPS and goes on with HTTP; here it stays with that.
				cmd.Env = slices.DeleteFunc(slices.Clone(env), func(v string) bool {
					return strings.HasPrefix(v, "SSL_CERT_FILE=")
				})
			}
			began := time.Now()
			out, err := cmd.CombinedOutput()
			p.took = append(p.took, time.Since(began))
			if err != nil || strings.Count(string(out), "t0") < 1000 {
				return fmt.Errorf("%s: %w: %.300s", p.name, err, out)
			}
			if n := requests.Load(); len(p.took) > 1 && n != p.sent {
				return fmt.Errorf("%s made %d requests, and %d before", p.name, n, p.sent)
			}
			p.sent = requests.Load()
		}
	}
	fmt.Printf("| the tags of a repository of 2,300, in a new process | requests | ms |\n|---|---|---|\n")
	for _, p := range peers {
		slices.Sort(p.took)
		fmt.Printf("| %s | %d | %.0f |\n", p.name, p.sent, float64(p.took[len(p.took)/2].Microseconds())/1000)
	}
	return nil
}

// serve runs an emulator in this process that counts its requests.
func serve(ctx context.Context, work string, requests *atomic.Int64) (host string, stop func() error, err error) {
	all := make([]string, tags)
	for i := range all {
		all[i] = fmt.Sprintf("t%04d", i)
	}
	s := &seed.Seed{Registries: []seed.Registry{{
		Name:         "bench",
		Repositories: []seed.Repository{{Name: image, Images: []seed.Image{{Tags: all}}}},
		ScopeMaps: []seed.ScopeMap{
			{Name: name, Actions: []string{"repositories/" + image + "/content/read", "repositories/" + image +
				"/metadata/read"}}},
		Tokens: []seed.Token{{Name: name, ScopeMap: name,
			Passwords: []seed.Password{{Name: "password1", Value: password}}}},
	}}}
	e, err := emulator.Open(ctx, &emulator.Options{Seed: s, Observe: func(*http.Request, int) { requests.Add(1) }})
	if err != nil {
		return "", nil, err
	}
	if err := os.WriteFile(filepath.Join(work, "ca.pem"), e.CACertificate(), 0o600); err != nil {
		return "", nil, errors.Join(err, e.Close())
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, errors.Join(err, e.Close())
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return "", nil, errors.Join(err, e.Close())
	}
	ctx, end := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- e.Serve(ctx, l) }()
	return "localhost:" + port, func() error {
		end()
		return errors.Join(<-done, e.Close())
	}, nil
}
