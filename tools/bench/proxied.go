package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// smallGets is how many small answers the proxy's rate is measured with.
const smallGets = 20_000

// linkRate is the speed of the slow link, in bytes a second for each direction.
const linkRate = 50 << 20

// newProxy is "acrkit proxy" before an upstream. Its client key is the token's
// password, so that the same client asks either.
func newProxy(ctx context.Context, programs *programs, work, label, upstream string) (*server, error) {
	key := filepath.Join(work, "client-key")
	if err := os.WriteFile(key, []byte(tokenPassword+"\n"), 0o600); err != nil {
		return nil, err
	}
	addr, err := freeAddr(ctx)
	return &server{name: label, addr: addr, auth: true,
		env: []string{"ACR_NAME=" + upstream, "ACR_TOKEN_NAME=" + tokenName, "ACR_TOKEN_PASSWORD=" + tokenPassword,
			"ACRKIT_KEYRING=off", "ACRKIT_CONFIG_DIR=" + filepath.Join(work, "config")},
		args: func(s *server) []string {
			return []string{programs.emulator, "proxy", upstream, "--plain-http", "--http", "--addr", s.addr,
				"--client-key-file", key}
		}}, err
}

// against is one measure of the registry asked directly and through the proxy.
type against struct {
	title, unit   string
	direct, proxy []float64
	faster        bool    // larger is better
	least         float64 // the goal for the proxy's speed beside the direct one
}

func (a *against) ratio() spread {
	if a.faster {
		return spreadOf(ratios(a.proxy, a.direct))
	}
	return spreadOf(ratios(a.direct, a.proxy))
}

func (a *against) line() string {
	s := a.ratio()
	verdict := "met"
	if s.middle < a.least {
		verdict = "**missed**"
	}
	return fmt.Sprintf("| %s | %s | %s | %s | **%s** (%s–%s) | ≥ %g× | %s |", a.title, a.unit, number(median(a.direct)),
		number(median(a.proxy)),
		number(s.middle), number(s.least), number(s.most), a.least, verdict)
}

// proxied measures the proxy before the emulator: on loopback, and with a link
// between them that is slow.
func (c *config) proxied(ctx context.Context, p *programs, work string) (text string, err error) {
	direct, err := newEmulator(ctx, p, work, "emulator")
	if err != nil {
		return "", err
	}
	var running []*server
	defer func() {
		for _, s := range running {
			err = errors.Join(err, s.stop())
		}
	}()
	start := func(s *server, err error) (*server, error) {
		if err != nil {
			return nil, err
		}
		running = append(running, s)
		_, err = firstAnswer(ctx, s, true)
		return s, err
	}
	if _, err := start(direct, nil); err != nil {
		return "", err
	}
	if err := fill(ctx, direct); err != nil {
		return "", err
	}
	through, err := start(newProxy(ctx, p, work, "proxy", direct.addr))
	if err != nil {
		return "", err
	}
	var actions []action // of each server
	for _, s := range []*server{direct, through} {
		act, err := smallGet(ctx, s, c.size)
		if err != nil {
			return "", err
		}
		actions = append(actions, act)
	}
	if _, err := loadCount(ctx, through, 1, 10, actions[1]); err != nil {
		return "", err
	}
	idle, err := through.peak()
	if err != nil {
		return "", err
	}
	up := &against{title: "push of 1 GiB", unit: "s", least: 0.5}
	down := &against{title: "pull of 1 GiB", unit: "s", least: 0.5}
	if err := c.transfers(ctx, []*server{direct, through}, c.size.layer, up, down); err != nil {
		return "", err
	}
	peak, err := through.peak()
	if err != nil {
		return "", err
	}
	gets := &against{title: "20,000 GETs of a manifest", unit: "/s", faster: true, least: 0.35}
	n := min(smallGets, int64(c.size.tags)*2)
	for round := range c.rounds {
		for k := range actions {
			i := (k + round) % len(actions)
			m, err := loadCount(ctx, []*server{direct, through}[i], connections, n, actions[i])
			if err != nil {
				return "", err
			}
			if i == 0 {
				gets.direct = append(gets.direct, m.rate())
			} else {
				gets.proxy = append(gets.proxy, m.rate())
			}
		}
	}
	c.say("%s", gets.line())

	link, err := newLink(ctx, direct.addr, linkRate)
	if err != nil {
		return "", err
	}
	defer link.close()
	// the process behind it
	far := &server{name: "the registry over the link", addr: link.addr(), auth: true, cmd: direct.cmd}
	behind, err := start(newProxy(ctx, p, work, "proxy over the link", link.addr()))
	if err != nil {
		return "", err
	}
	farUp := &against{title: "push of 256 MiB over a link of 50 MiB/s", unit: "s", least: 0.95}
	farDown := &against{title: "pull of 256 MiB over that link", unit: "s", least: 0.95}
	if err := c.transfers(ctx, []*server{far, behind}, c.size.layer/4, farUp, farDown); err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintln(&b, "| | unit | directly | through the proxy | proxy's speed ÷ direct (least–most) | goal | |")
	fmt.Fprintln(&b, "|---|---|---|---|---|---|---|")
	for _, a := range []*against{up, down, gets, farUp, farDown} {
		fmt.Fprintln(&b, a.line())
	}
	const mib = 1 << 20
	more, verdict := float64(peak-idle)/mib, "met"
	if more > 32 {
		verdict = "**missed**"
	}
	fmt.Fprintf(&b, "\nRounds of pushes and pulls: %d; of GETs: %d. ", c.transferRounds(), c.rounds)
	fmt.Fprintf(&b,
		"Peak memory of the proxy after those pushes and pulls of 1 GiB: %s MiB, which is **%s MiB** above idle "+
			"(goal ≤ 32: %s).\n", number(float64(peak)/mib), number(more), verdict)
	return b.String(), nil
}

// smallGet is the small request that the rates are measured with.
func smallGet(ctx context.Context, s *server, size sizes) (action, error) {
	for _, w := range workloads() {
		if w.key == "get-digest" {
			return w.action(ctx, s, size)
		}
	}
	return nil, errors.New("there is no workload get-digest")
}

// transferRounds bounds the disk that the pushed images take.
func (c *config) transferRounds() int { return min(c.rounds, 3) }

// transfers pushes and pulls an image with each of two servers, round by round.
func (c *config) transfers(ctx context.Context, servers []*server, layer int, up, down *against) error {
	for round := range c.transferRounds() {
		for k := range servers {
			i := (k + round) % len(servers)
			s := servers[i]
			image := newBig(2*round+i, layer) // new to the registry
			settle()
			m, err := image.push(ctx, s)
			if err != nil {
				return fmt.Errorf("push to %s: %w", s.name, err)
			}
			settle()
			n, err := image.pull(ctx, s)
			if err != nil {
				return fmt.Errorf("pull from %s: %w", s.name, err)
			}
			if i == 0 {
				up.direct, down.direct = append(up.direct, m.elapsed.Seconds()),
					append(down.direct, n.elapsed.Seconds())
			} else {
				up.proxy, down.proxy = append(up.proxy, m.elapsed.Seconds()), append(down.proxy, n.elapsed.Seconds())
			}
		}
	}
	c.say("%s\n%s", up.line(), down.line())
	return nil
}

// link relays connections at a rate, shared by all of them, for each direction.
type link struct {
	listener net.Listener
	target   string
	up, down *meter
	work     sync.WaitGroup
	stop     context.CancelFunc
}

func newLink(ctx context.Context, target string, rate int) (*link, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	k := &link{listener: l, target: target, up: &meter{rate: rate}, down: &meter{rate: rate}, stop: cancel}
	k.work.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			k.work.Go(func() { k.relay(ctx, in) })
		}
	})
	return k, nil
}

func (k *link) addr() string { return k.listener.Addr().String() }

func (k *link) close() {
	_ = k.listener.Close()
	k.stop()
	k.work.Wait()
}

func (k *link) relay(ctx context.Context, in net.Conn) {
	defer in.Close()
	out, err := (&net.Dialer{}).DialContext(ctx, "tcp", k.target)
	if err != nil {
		return
	}
	defer out.Close()
	end := context.AfterFunc(ctx, func() { _ = in.Close(); _ = out.Close() })
	defer end()
	var both sync.WaitGroup
	for _, way := range []struct {
		to, from net.Conn
		m        *meter
	}{{out, in, k.up}, {in, out, k.down}} {
		both.Go(func() {
			_, _ = io.CopyBuffer(struct{ io.Writer }{&metered{way.to, way.m}},
				struct{ io.Reader }{way.from}, make([]byte, 32<<10))
			if c, ok := way.to.(*net.TCPConn); ok {
				_ = c.CloseWrite()
			}
		})
	}
	both.Wait()
}

// meter lets bytes pass at a rate.
type meter struct {
	rate int
	mu   sync.Mutex
	next time.Time // when what has passed so far is through
}

// pass waits until n bytes more may have passed.
func (m *meter) pass(n int) {
	m.mu.Lock()
	if now := time.Now(); m.next.Before(now) {
		m.next = now
	}
	m.next = m.next.Add(time.Duration(n) * time.Second / time.Duration(m.rate))
	wait := time.Until(m.next)
	m.mu.Unlock()
	if wait > time.Millisecond { // what is less, the next one waits for
		time.Sleep(wait)
	}
}

type metered struct {
	net.Conn
	m *meter
}

func (w *metered) Write(b []byte) (int, error) {
	w.m.pass(len(b))
	return w.Conn.Write(b)
}
