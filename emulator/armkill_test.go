package emulator_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
)

// killedDir names the data folder of the emulator that TestArmKilled ends.
const killedDir = "ACRKIT_TEST_KILLED_DIR"

func init() { children[killedDir] = serveUntilKilled }

// TestArmKilled: an emulator that is killed while registries and groups are made has, when
// it starts again, each that was answered.
func TestArmKilled(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), killedDir+"="+dir)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	defer cmd.Wait()         //nolint:errcheck // it was killed
	defer cmd.Process.Kill() //nolint:errcheck // it may have ended
	line, err := bufio.NewReader(out).ReadString('\n')
	must(t, err)
	base := strings.TrimSpace(line)

	res, err := http.PostForm(base+"/"+tenantID+"/oauth2/v2.0/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {platformID}, "client_secret": {"platform-secret"},
		"scope": {"https://management.azure.com/.default"}})
	must(t, err)
	var token struct {
		AccessToken string `json:"access_token"`
	}
	must(t, json.NewDecoder(res.Body).Decode(&token))
	must(t, res.Body.Close())

	const enough = 60
	var mu sync.Mutex
	answered := []string{}
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				path := fmt.Sprintf("%s/resourceGroups/group-%d-%d", armSub, i, n)
				if n%2 == 1 {
					path = fmt.Sprintf("%s/providers/Microsoft.ContainerRegistry/registries/killed%dx%d", armGroup, i,
						n)
				}
				req, err := http.NewRequestWithContext(ctx, http.MethodPut, base+path+armVersion,
					strings.NewReader(`{"location":"westeurope","sku":{"name":"Basic"}}`))
				if err != nil {
					return
				}
				req.Header.Set("Authorization", "Bearer "+token.AccessToken)
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					return // killed
				}
				res.Body.Close()
				if res.StatusCode/100 != 2 {
					t.Errorf("%s: %d", path, res.StatusCode)
					return
				}
				mu.Lock()
				answered = append(answered, path)
				if len(answered) == enough {
					cmd.Process.Kill() //nolint:errcheck // requests fail if it was
				}
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	cmd.Wait() //nolint:errcheck // it was killed
	if len(answered) < enough {
		t.Fatalf("%d changes were answered", len(answered))
	}
	f := start(t, &emulator.Options{DataDir: dir, Seed: parse(t, seed.Example())})
	c := f.arm()
	for _, path := range answered {
		c.want(200, "GET", path, "")
	}
}

// serveUntilKilled is the other process: it prints its address.
func serveUntilKilled(dir string) int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	example, err := seed.Read(strings.NewReader(seed.Example()))
	if err != nil {
		return 1
	}
	e, err := emulator.Open(ctx, &emulator.Options{DataDir: dir, Seed: example})
	if err != nil {
		return 1
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 1
	}
	fmt.Println("http://" + l.Addr().String())
	if e.Serve(ctx, l) != nil {
		return 1
	}
	return 0
}
