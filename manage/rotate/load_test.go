package rotate_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/manage"
	"github.com/acrkit/acrkit/manage/rotate"
	"github.com/acrkit/acrkit/manage/sink"
)

var (
	rotations = flag.Int("rotations", 6, "how often TestUnderLoad rotates the password")
	clients   = flag.Int("clients", 9, "how many clients of TestUnderLoad pull meanwhile")
)

// ticking is the emulator's clock: to wait is to move it, in parts, and before and after each
// part that is not short every client pulls.
type ticking struct {
	reg  *acrtest.Registry
	pull func(ctx context.Context) error // until every client has logged in and pulled
}

func (c *ticking) Now() time.Time { return c.reg.Clock().Now() }

func (c *ticking) Sleep(ctx context.Context, d time.Duration) error {
	if d >= 10*time.Second {
		if err := c.pull(ctx); err != nil {
			return err
		}
	}
	for d > 0 {
		part := min(d, 2*time.Minute)
		c.reg.Advance(part)
		if part >= 10*time.Second {
			if err := c.pull(ctx); err != nil {
				return err
			}
		}
		d -= part
	}
	return ctx.Err()
}

// puller is a client that pulls one image without a pause.
type puller struct {
	cred  func() auth.Credential
	pulls atomic.Int64
}

// pull reads a manifest. Only what a client tries again is tried again.
func pull(ctx context.Context, client *http.Client, url string) error {
	for try := 1; ; try++ {
		err := pullOnce(ctx, client, url)
		again := errors.Is(err, acrkit.CodeUnavailable) || errors.Is(err, acrkit.CodeThrottled)
		if err == nil || !again || try == 100 {
			return err
		}
		time.Sleep(20 * time.Millisecond) // it does not wait for something
	}
}

func pullOnce(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/vnd.oci.image.manifest.v1+json")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		return acrkit.CodeThrottled
	case resp.StatusCode >= http.StatusInternalServerError:
		return acrkit.CodeUnavailable
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return err
}

// Clients pull without a pause while the password is rotated over and over, with failures of
// the registry and of Azure Resource Manager: no pull fails. A half has the current password
// and the one before as fixed values, and is deployed again within the grace; the other half
// reads the file. Before the clock moves on, and after each rotation, all log in anew: an
// access token would hide for an hour that a password no longer works.
func TestUnderLoad(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	reg.Push("samples/app", "v1")
	token := reg.Token("ci-pull", "repositories/samples/app/content/read", "repositories/samples/app/metadata/read")
	path := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(path, []byte(token.Password1), 0o600); err != nil {
		t.Fatal(err)
	}
	url := reg.URL() + "/v2/samples/app/manifests/v1"
	deploy, pullers := fleet(token, path)

	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	t.Cleanup(func() { cancel(); work.Wait() })
	var logins atomic.Int64 // how often all were asked to log in
	for i, p := range pullers {
		work.Go(func() {
			var client *http.Client
			for login := int64(-1); ctx.Err() == nil; p.pulls.Add(1) {
				if now := logins.Load(); now != login {
					login, client = now, &http.Client{Transport: reg.Transport(p.cred())}
				}
				if err := pull(ctx, client, url); err != nil && ctx.Err() == nil {
					t.Errorf("client %d: pull %d failed: %v", i, p.pulls.Load(), err)
					cancel()
				}
			}
		})
	}
	clock := &ticking{reg: reg, pull: func(ctx context.Context) error {
		logins.Add(1)
		for _, p := range pullers {
			for before := p.pulls.Load(); p.pulls.Load() < before+2; { // the second began after the call
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				time.Sleep(time.Millisecond)
			}
		}
		return deploy()
	}}
	for i, f := range []fault.Fault{
		{Kind: fault.Throttle, Rate: 0.001, Routes: []fault.Route{fault.RouteToken}},
		{Kind: fault.Status, Status: 500, Rate: 0.02, Routes: []fault.Route{fault.RouteToken}},
		{Kind: fault.Status, Status: 500, Rate: 0.02, Routes: []fault.Route{fault.RouteManifestGet}},
		{Kind: fault.Status, Status: 500, Rate: 0.05, Routes: []fault.Route{fault.RouteARM}},
		{Kind: fault.LatePassword, Delay: 70 * time.Second},
	} {
		f.Seed = uint64(i + 1)
		reg.Fault(f)
	}

	r := rotation(t, reg, token.Name, "file:"+path+" cache:10m", clock)
	r.Slot = manage.Slot2 // at first both passwords work, and the file does not tell which it holds
	var slowest time.Duration
	for n := range *rotations {
		r.Later, r.Passwords = n%2 == 1, passwords(t, reg) // the identity's token is a new one, too
		out, err := r.Run(ctx)
		if err == nil && r.Later {
			if err = clock.Sleep(ctx, out.RetireAfter.Sub(clock.Now())); err == nil {
				out, err = r.Finish(ctx)
			}
		}
		if acrkit.CodeOf(err) == acrkit.CodeUnavailable && ctx.Err() == nil { // a failure on purpose: the next goes on
			t.Logf("rotation %d: %v", n, err)
		} else if err != nil {
			t.Fatalf("rotation %d: %v", n, err)
		}
		if err == nil && out.Retired == "" {
			t.Errorf("rotation %d removed nothing: %+v", n, out)
		}
		if err := clock.pull(ctx); err != nil {
			t.Fatal(err)
		}
		slowest, r.Slot = max(slowest, out.Activated), ""
	}
	cancel()
	work.Wait()
	total := int64(0)
	for _, p := range pullers {
		total += p.pulls.Load()
	}
	t.Logf("%d clients, %d pulls, %d rotations, accepted after at most %s", len(pullers), total, *rotations, slowest)

	now, err := r.Passwords.Token(t.Context(), token.Name)
	if err != nil || len(now.Passwords) != 1 {
		t.Errorf("%+v are left, %v", now.Passwords, err)
	}
}

// fleet returns the clients, and what deploys those again that have fixed passwords.
func fleet(token acrtest.Token, path string) (deploy func() error, pullers []*puller) {
	var fixed atomic.Pointer[auth.Credential]
	set := func(now, before string) {
		cred := auth.ScopedTokenPair(token.Name, now, before)
		fixed.Store(&cred)
	}
	now, before := token.Password1, token.Password2
	set(now, before)
	for i := range *clients {
		p := &puller{cred: func() auth.Credential { return *fixed.Load() }}
		if i%2 == 0 {
			p.cred = func() auth.Credential { return auth.ScopedTokenSource(token.Name, auth.SecretFile(path)) }
		}
		pullers = append(pullers, p)
	}
	return func() error {
		data, err := os.ReadFile(path)
		if text := string(data); err == nil && text != now {
			now, before = text, now
			set(now, before)
		}
		return err
	}, pullers
}

// passwords are those of Azure Resource Manager, with an identity that was just signed in.
func passwords(t *testing.T, reg *acrtest.Registry) *manage.Registry {
	t.Helper()
	client, err := manage.New(reg.ServicePrincipal("Owner").AzureCredential(),
		&manage.Options{Transport: reg.RoundTripper()})
	if err != nil {
		t.Fatal(err)
	}
	r, err := client.Registry(t.Context(), parse(t, reg))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func parse(t *testing.T, reg *acrtest.Registry) acrkit.Registry {
	t.Helper()
	r, err := acrkit.ParseRegistry(reg.Host())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// rotation is one over Azure Resource Manager.
func rotation(t *testing.T, reg *acrtest.Registry, token, to string, clock rotate.Clock) *rotate.Rotation {
	t.Helper()
	s, err := sink.Parse(to, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &rotate.Rotation{Registry: parse(t, reg), Token: token, Sinks: []sink.Sink{s}, Clock: clock,
		Login:   rotate.NewLogin(parse(t, reg), token, &auth.Options{Base: reg.RoundTripper()}),
		Journal: rotate.NewFileJournal(filepath.Join(t.TempDir(), "journal"), parse(t, reg), token),
		Expires: 90 * 24 * time.Hour, Next: 30 * 24 * time.Hour}
}
