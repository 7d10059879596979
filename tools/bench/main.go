package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// config is what the command line says.
type config struct {
	rounds  int
	slice   time.Duration
	size    sizes
	only    *regexp.Regexp // nil = all
	growth  int            // tags; 0 = the comparison instead
	proxy   bool           // the proxy instead
	write   string
	profile string
	cache   string
	out     io.Writer // tables
	log     io.Writer // progress
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string, out, log io.Writer) error {
	c := config{size: wholeSize, out: out, log: log}
	var only string
	var limit time.Duration
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.IntVar(&c.rounds, "rounds", 5, "rounds of each rate; pushes, pulls and writes take three at most")
	flags.DurationVar(&c.slice, "slice", 1500*time.Millisecond, "time of one rate on one server in one round")
	flags.StringVar(&only, "only", "",
		"`regexp` of the measures to make (start write get-digest get-tag head-tag get-blob tags-page catalog "+
			"tokens large)")
	flags.IntVar(&c.growth, "growth", 0, "instead of the comparison, compare 1,000 tags with this `number` of tags")
	flags.BoolVar(&c.proxy, "proxy", false, "instead of the comparison, measure acrkit proxy beside its registry")
	flags.StringVar(&c.write, "write", "", "`document` whose table is renewed")
	flags.StringVar(&c.profile, "profile", "",
		"`folder` for CPU and allocation profiles of the emulator, one for each rate; its figures then are no figures")
	flags.StringVar(&c.cache, "cache", "",
		"`folder` of the other servers' programs (default: acrkit-bench in the user's cache folder)")
	flags.DurationVar(&limit, "limit", 20*time.Minute, "the whole run's limit")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("there are no arguments, got %q", flags.Args())
	case c.proxy && c.growth > 0:
		return errors.New("-proxy and -growth exclude each other")
	case c.rounds < 1 || c.slice <= 0 || c.growth < 0 || c.growth > 0 && c.growth < 1000:
		return errors.New("-rounds, -slice and -growth are at least 1, more than 0 and at least 1000")
	case c.write != "" && (only != "" || c.profile != ""):
		return errors.New("-write takes a whole run, without -only and -profile")
	}
	if only != "" {
		var err error
		if c.only, err = regexp.Compile("^(?:" + only + ")$"); err != nil {
			return err
		}
	}
	if c.cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return err
		}
		c.cache = filepath.Join(dir, "acrkit-bench")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not done after %v", limit))
	defer cancel()
	return c.run(ctx)
}

func (c *config) wants(key string) bool { return c.only == nil || c.only.MatchString(key) }

func (c *config) say(format string, args ...any) {
	fmt.Fprintf(c.log, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

func (c *config) run(ctx context.Context) (err error) {
	work, err := os.MkdirTemp("", "acrkit-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	began := time.Now()
	p, err := prepare(ctx, c.cache, work, c.profile != "", c.log)
	if err != nil {
		return err
	}
	section, compare := "servers", c.compare
	switch {
	case c.growth > 0:
		section, compare = "growth", c.grow
	case c.proxy:
		section, compare = "proxy", c.proxied
	}
	measured := time.Now()
	body, err := compare(ctx, p, work)
	if err != nil {
		return err
	}
	text := fmt.Sprintf(
		"\n%s, %d processors, %s; acrkit %s, distribution %s, crane %s; %s; %d rounds of %v, %.0f minutes.\n\n%s\n",
		machine(), runtime.NumCPU(), runtime.Version(), p.revision, distributionVersion, craneVersion,
		began.UTC().Format("2006-01-02 15:04 UTC"), c.rounds, c.slice, time.Since(measured).Minutes(), body)
	fmt.Fprint(c.out, text)
	if c.write != "" {
		return writeSection(c.write, section, text)
	}
	return nil
}

// turn returns the servers of a round, each round beginning with another one.
func turn(servers []*server, round int) []*server {
	n := round % len(servers)
	return append(servers[n:len(servers):len(servers)], servers[:n]...)
}

// compare makes all measures with all servers.
func (c *config) compare(ctx context.Context, p *programs, work string) (text string, err error) {
	servers := make([]*server, 3)
	if servers[0], err = newDistribution(ctx, p, work); err != nil {
		return "", err
	}
	if servers[1], err = newCrane(ctx, p); err != nil {
		return "", err
	}
	if servers[2], err = newEmulator(ctx, p, work, "emulator"); err != nil {
		return "", err
	}
	defer func() {
		for _, s := range servers {
			err = errors.Join(err, s.stop())
			if err != nil && s.output != nil {
				err = fmt.Errorf("%w\n%s printed: %s", err, s.name, s.tail())
			}
		}
	}()
	var rows []*row
	few := min(c.rounds, 3)
	for _, s := range servers {
		if _, err := firstAnswer(ctx, s, true); err != nil {
			return "", err
		}
	}
	if c.wants("start") {
		r := newRow("start", "first answer, empty folder", "ms", atMost(1))
		for round := range c.rounds {
			for _, s := range turn(servers, round) {
				first, err := firstAnswer(ctx, s, true)
				if err != nil {
					return "", err
				}
				r.add(s.name, first.Seconds()*1000, measure{})
			}
		}
		rows = append(rows, r)
		c.say("%s", r.line())
	}
	if c.wants("write") || c.wants("tags-page") {
		r := newRow("write", "writing 10,000 tags", "tags/s", atLeast(4, 0))
		for round := range few {
			for _, s := range turn(servers, round) {
				m, err := fillTags(ctx, s, tagsRepository(round), connections, c.size.tags)
				if err != nil {
					return "", err
				}
				r.add(s.name, m.rate(), m)
				settle()
			}
			if !c.wants("write") {
				break
			}
		}
		rows = append(rows, r)
		c.say("%s", r.line())
	}
	for _, s := range servers {
		if err := fill(ctx, s); err != nil {
			return "", err
		}
		if c.wants("catalog") {
			c.say("filling the catalog of %s", s.name)
			if err := fillCatalog(ctx, s, c.size.repositories); err != nil {
				return "", err
			}
		}
		settle()
	}
	rates, err := c.rates(ctx, servers)
	if err != nil {
		return "", err
	}
	rows = append(rows, rates...)
	if c.wants("start") {
		r := newRow("start", "first answer, on that content", "ms", atMost(1))
		r.without = map[string]string{nameCrane: "keeps nothing"}
		for round := range c.rounds {
			for _, s := range turn([]*server{servers[0], servers[2]}, round) {
				first, err := firstAnswer(ctx, s, false)
				if err != nil {
					return "", err
				}
				r.add(s.name, first.Seconds()*1000, measure{})
			}
		}
		rows = append(rows, r)
		c.say("%s", r.line())
	}
	if c.wants("large") {
		large, err := c.large(ctx, servers, few)
		if err != nil {
			return "", err
		}
		rows = append(rows, large...)
	}
	var b strings.Builder
	table(&b, rows)
	return b.String(), nil
}

// rates measures the workloads, one after the other, in rounds.
func (c *config) rates(ctx context.Context, servers []*server) (rows []*row, err error) {
	for _, w := range workloads() {
		if !c.wants(w.key) {
			continue
		}
		r := newRow(w.key, w.title, "/s", w.goal)
		r.without = w.without
		actions := map[string]action{}
		var asked []*server
		for _, s := range servers {
			if w.without[s.name] != "" {
				continue
			}
			if actions[s.name], err = w.action(ctx, s, c.size); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", w.title, s.name, err)
			}
			asked = append(asked, s)
		}
		done, err := c.beginProfile(ctx, servers[len(servers)-1], w.key)
		if err != nil {
			return nil, err
		}
		for round := range c.rounds {
			for _, s := range turn(asked, round) {
				m, err := load(ctx, s, w.clients, c.slice, actions[s.name])
				if err != nil {
					return nil, fmt.Errorf("%s: %w", w.title, err)
				}
				r.add(s.name, m.rate(), m)
			}
		}
		if err := done(); err != nil {
			return nil, err
		}
		rows = append(rows, r)
		c.say("%s", r.line())
	}
	return rows, nil
}

// large pushes and pulls an image of 1 GiB; every round begins without data.
func (c *config) large(ctx context.Context, servers []*server, rounds int) ([]*row, error) {
	push := newRow("push", "push of 1 GiB", "s", atMost(1.1))
	pull := newRow("pull", "pull of 1 GiB", "s", atMost(1))
	memory := newRow("memory", "peak memory of push and pull", "MiB", mebibytes(48))
	for round := range rounds {
		image := newBig(round, c.size.layer)
		for _, s := range turn(servers, round) {
			if _, err := firstAnswer(ctx, s, true); err != nil {
				return nil, err
			}
			settle()
			m, err := image.push(ctx, s)
			if err != nil {
				return nil, fmt.Errorf("push: %w", err)
			}
			push.add(s.name, m.elapsed.Seconds(), m)
			settle()
			for range 2 {
				if m, err = image.pull(ctx, s); err != nil {
					return nil, fmt.Errorf("pull: %w", err)
				}
				pull.add(s.name, m.elapsed.Seconds(), m)
			}
			peak, err := s.peak()
			if err != nil {
				return nil, err
			}
			memory.add(s.name, float64(peak)/(1<<20), measure{})
			if _, err := firstAnswer(ctx, s, true); err != nil { // gives the space back
				return nil, err
			}
		}
	}
	rows := []*row{push, pull, memory}
	for _, r := range rows {
		c.say("%s", r.line())
	}
	return rows, nil
}

// grow compares the emulator with a few tags and with many.
func (c *config) grow(ctx context.Context, p *programs, work string) (text string, err error) {
	const few = 1000
	counts := []int{few, c.growth}
	var servers []*server
	defer func() {
		for _, s := range servers {
			err = errors.Join(err, s.stop())
		}
	}()
	actions := make([]action, len(counts))
	values, sums := make([][]float64, len(counts)), make([]measure, len(counts))
	for i, n := range counts {
		s, err := newEmulator(ctx, p, work, fmt.Sprintf("emulator-%d", n))
		if err != nil {
			return "", err
		}
		servers = append(servers, s)
		if _, err := firstAnswer(ctx, s, true); err != nil {
			return "", err
		}
		c.say("writing %d tags", n)
		// Many clients, so that many writes share a commit.
		m, err := fillTags(ctx, s, repository, 8*connections, n)
		if err != nil {
			return "", err
		}
		c.say("%.0f tags/s", m.rate())
		if actions[i], err = byTag(ctx, s, repository, n); err != nil {
			return "", err
		}
		settle()
	}
	for round := range c.rounds {
		for k := range counts {
			i := (k + round) % len(counts)
			m, err := load(ctx, servers[i], connections, c.slice, actions[i])
			if err != nil {
				return "", err
			}
			values[i], sums[i] = append(values[i], m.rate()), sums[i].plus(m)
		}
	}
	s := spreadOf(ratios(values[1], values[0]))
	g := atLeast(0.8, 0)
	verdict := "met"
	if !g.met(s, 0) {
		verdict = "**missed**"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| | GET by tag /s | CPU µs each |\n|---|---|---|\n")
	for i, n := range counts {
		fmt.Fprintf(&b, "| %s tags | %s | %s |\n", number(float64(n)), number(median(values[i])),
			number(float64(sums[i].cpuEach())/1000))
	}
	fmt.Fprintf(&b, "\nRatio **%s** (%s–%s), goal %s: %s.\n", number(s.middle), number(s.least),
		number(s.most), g, verdict)
	return b.String(), nil
}

// line is the row in one line, for the log.
func (r *row) line() string {
	text := r.title + ":"
	for _, name := range order {
		text += fmt.Sprintf(" %s %s %s (%s µs),", name, r.cell(name), r.unit, r.cpuCell(name))
	}
	return fmt.Sprintf("%s ratio %s", text, number(r.ratio().middle))
}

// beginProfile lets the emulator write a profile until done is called.
func (c *config) beginProfile(ctx context.Context, s *server, key string) (done func() error, err error) {
	if c.profile == "" {
		return func() error { return nil }, nil
	}
	path, err := filepath.Abs(filepath.Join(c.profile, key))
	if err != nil {
		return nil, err
	}
	// One profile for each process: the variable is read at its start.
	s.env = []string{"ACRKIT_BENCH_PROFILE=" + path}
	if _, err := s.restart(ctx, false); err != nil {
		return nil, err
	}
	if err := s.cmd.Process.Signal(profileSignal); err != nil {
		return nil, err
	}
	return func() error {
		if err := s.cmd.Process.Signal(profileSignal); err != nil {
			return err
		}
		for range 1000 {
			if _, err := os.Stat(path + ".done"); err == nil {
				return os.Remove(path + ".done")
			}
			time.Sleep(10 * time.Millisecond)
		}
		return errors.New("the emulator wrote no profile")
	}, nil
}
