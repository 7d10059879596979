package cli_test

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/registry"
)

// desk is a registry with a user at a command line.
type desk struct {
	*acrtest.Registry
	t    *testing.T
	as   acrtest.Token
	name string // of the registry; "" = the emulator's own address
}

// newDesk returns a desk whose user has some rights on samples/app, all if none is named.
func newDesk(t *testing.T, actions ...string) *desk {
	t.Helper()
	if len(actions) == 0 {
		actions = []string{"content/read", "content/write", "content/delete", "metadata/read", "metadata/write"}
	}
	reg := acrtest.NewRegistry(t, nil)
	var lines []string
	for _, action := range actions {
		lines = append(lines, "repositories/samples/app/"+action)
	}
	return &desk{Registry: reg, t: t, as: reg.Token("daily", lines...)}
}

// said is what a command did.
type said struct {
	code     int
	out, err string
}

func (s said) String() string { return fmt.Sprintf("exit code %d\n%s%s", s.code, s.out, s.err) }

// factory returns the command's surroundings: no terminal, unless an answer is given.
func (d *desk) factory(answer string) (*cmdutil.Factory, func(int) said) {
	s, in, out, errOut := iostreams.Test()
	if answer != "" {
		in.WriteString(answer + "\n")
		s.SetTTY(true, true, true)
	}
	env := map[string]string{"ACR_NAME": cmp.Or(d.name, d.Host()), "SSL_CERT_FILE": d.CAFile(), "HOME": d.t.TempDir(),
		"TERM":           "dumb",
		"ACR_TOKEN_NAME": d.as.Name, "ACR_TOKEN_PASSWORD": d.as.Password1}
	f := &cmdutil.Factory{IO: s, Now: d.Clock().Now, Global: cmdutil.Global{NoCache: true},
		LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
	return f, func(code int) said { return said{code, out.String(), errOut.String()} }
}

// run runs a command where there is no terminal.
func (d *desk) run(args ...string) said {
	d.t.Helper()
	f, end := d.factory("")
	return end(cli.Run(d.t.Context(), f, args))
}

// answer runs a command at a terminal, with an answer to what it asks.
func (d *desk) answer(answer string, args ...string) said {
	d.t.Helper()
	f, end := d.factory(answer)
	return end(cli.Run(d.t.Context(), f, args))
}

// registry returns a client with all rights.
func (d *desk) registry() *registry.Client {
	return d.Client(d.Token("all-rights", allRights...).Credential())
}

var allRights = []string{"repositories/*/content/read", "repositories/*/content/delete", "repositories/*/metadata/read",
	"repositories/*/metadata/write"}

// verb is a command of the tests.
type verb struct {
	name  string // "tag delete"
	args  string // what it is about, with flags
	right string // without which it is refused
	gone  string // a reference of this kind that does not exist
	out   string // a pattern of the output
	// done reports whether the change is made; nil where there is none.
	done func(*desk) bool
}

const repository = "samples/app"

// verbs are what the tests run. The repository has a tag v1, and latest beside it.
func verbs() []verb {
	tagThere := func(d *desk) bool {
		_, err := d.registry().Tag(d.t.Context(), repository, "v1")
		return d.there(err)
	}
	manifest := func(d *desk) registry.Manifest {
		for m, err := range d.registry().Manifests(d.t.Context(), repository, nil) {
			if err != nil {
				d.t.Fatal(err)
			}
			return m
		}
		return registry.Manifest{}
	}
	repositoryThere := func(d *desk) bool {
		_, err := d.registry().Repository(d.t.Context(), repository)
		return d.there(err)
	}
	isLocked := func(a registry.Attributes) bool { return !a.Delete && !a.Write && a.List && a.Read }
	isOpen := func(a registry.Attributes) bool {
		return a == registry.Attributes{Delete: true, Write: true, List: true, Read: true}
	}
	tag := func(of func(registry.Attributes) bool) func(*desk) bool {
		return func(d *desk) bool {
			t, err := d.registry().Tag(d.t.Context(), repository, "v1")
			return d.there(err) && of(t.Attributes)
		}
	}
	repo := func(of func(registry.Attributes) bool) func(*desk) bool {
		return func(d *desk) bool {
			r, err := d.registry().Repository(d.t.Context(), repository)
			return d.there(err) && of(r.Attributes)
		}
	}
	return []verb{
		{"tag view", "samples/app:v1", "metadata/read", "samples/app:gone",
			`^name\tv1\ndigest\tsha256:[^\t]+\ncreated\t.*\nupdated\t.*\nlocks\tnone\nmanifest locks\tnone\n` +
				`repository locks\tnone\n$`, nil},
		{"tag delete", "samples/app:v1 --yes", "content/delete", "samples/app:gone --yes",
			`^[^\t]+/samples/app:v1\tdeleted\tsha256:[0-9a-f]{64}\tlatest\n$`,
			func(d *desk) bool { return !tagThere(d) && len(manifest(d).Tags) == 1 }},
		{"tag lock", "samples/app:v1", "metadata/write", "samples/app:gone",
			`^[^\t]+/samples/app:v1\tlocked\tnone\tdelete,write\n$`, tag(isLocked)},
		{"tag unlock", "samples/app:v1", "metadata/write", "samples/app:gone",
			`^[^\t]+/samples/app:v1\tunlocked\tdelete,write\tnone\n$`, tag(isOpen)},
		{"manifest view", "samples/app:v1", "metadata/read", "samples/app:gone",
			`\ntags\tlatest,v1\nlocks\tnone\nrepository locks\tnone\n$`, nil},
		{"manifest delete", "samples/app:v1 --yes", "content/delete", "samples/app:gone --yes",
			`^[^\t]+/samples/app:v1\tdeleted\tsha256:[0-9a-f]{64}\tlatest,v1\n$`,
			func(d *desk) bool { return manifest(d).Digest == "" }},
		{"manifest lock", "samples/app:v1", "metadata/write", "samples/app@" + zeroDigest,
			`^[^\t]+/samples/app@sha256:[0-9a-f]{64}\tlocked\tnone\tdelete,write\n$`,
			func(d *desk) bool { return isLocked(manifest(d).Attributes) }},
		{"manifest unlock", "samples/app:v1", "metadata/write", "samples/app@" + zeroDigest,
			`^[^\t]+/samples/app@sha256:[0-9a-f]{64}\tunlocked\tdelete,write\tnone\n$`,
			func(d *desk) bool { return isOpen(manifest(d).Attributes) }},
		{"repo view", "samples/app", "metadata/read", "samples/gone", `^name\tsamples/app\n`, nil},
		{"repo delete", "samples/app --yes", "content/delete", "samples/gone --yes",
			`^[^\t]+/samples/app\tdeleted\t2\t1\n$`, func(d *desk) bool { return !repositoryThere(d) }},
		{"repo lock", "samples/app", "metadata/write", "samples/gone",
			`^[^\t]+/samples/app\tlocked\tnone\tdelete,write\n$`, repo(isLocked)},
		{"repo unlock", "samples/app", "metadata/write", "samples/gone",
			`^[^\t]+/samples/app\tunlocked\tdelete,write\tnone\n$`, repo(isOpen)},
	}
}

const zeroDigest = "sha256:0000000000000000000000000000000000000000000000000000000000000000"

// there says whether something exists, by the error of reading it.
func (d *desk) there(err error) bool {
	if err != nil && !errors.Is(err, acrkit.CodeNotFound) {
		d.t.Fatal(err)
	}
	return err == nil
}

func (v verb) line() []string { return strings.Fields(v.name + " " + v.args) }

// seed makes what the verb is about; an unlock needs a lock.
func (v verb) seed(d *desk) {
	d.t.Helper()
	image := d.Push(repository, "v1", "latest")
	no := false
	lock := registry.AttributeChange{Delete: &no, Write: &no}
	var err error
	switch c := d.registry(); v.name {
	case "tag unlock":
		_, err = c.UpdateTag(d.t.Context(), repository, "v1", lock)
	case "manifest unlock":
		_, err = c.UpdateManifest(d.t.Context(), repository, image.Digest, lock)
	case "repo unlock":
		_, err = c.UpdateRepository(d.t.Context(), repository, lock)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	d.ResetRequests()
}

// isDone says whether the change is made.
func (v verb) isDone(d *desk) bool { return v.done != nil && v.done(d) }

// each runs a test for each verb, or for those that change something.
func each(t *testing.T, changes bool, test func(*testing.T, verb)) {
	for _, v := range verbs() {
		if changes && v.done == nil {
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			test(t, v)
		})
	}
}

func TestDaily_allowed(t *testing.T) {
	each(t, false, func(t *testing.T, v verb) {
		d := newDesk(t)
		v.seed(d)
		s := d.run(v.line()...)
		if s.code != cmdutil.ExitOK || !regexp.MustCompile(v.out).MatchString(s.out) || s.err != "" {
			t.Errorf("%v\nwant %s", s, v.out)
		}
		if v.done != nil && !v.done(d) {
			t.Error("nothing has changed")
		}
	})
}

func TestDaily_dry_run(t *testing.T) {
	each(t, true, func(t *testing.T, v verb) {
		d := newDesk(t)
		v.seed(d)
		s := d.run(append(v.line(), "--dry-run")...)
		if s.code != cmdutil.ExitOK || !strings.Contains(s.out, "\twould be ") || s.err != "" || v.isDone(d) {
			t.Errorf("done %t, %v", v.isDone(d), s)
		}
		for _, r := range d.Requests() {
			if r.Method == http.MethodDelete || r.Method == http.MethodPatch {
				t.Error(r)
			}
		}
	})
}

// TestDaily_refused: without its right a command is exit code 4, and names the right.
func TestDaily_refused(t *testing.T) {
	each(t, false, func(t *testing.T, v verb) {
		rights := slices.DeleteFunc([]string{"content/read", "content/delete", "metadata/read", "metadata/write"},
			func(right string) bool { return right == v.right })
		d := newDesk(t, rights...)
		v.seed(d)
		s := d.run(v.line()...)
		if s.code != cmdutil.ExitRefused || !strings.Contains(s.err, "but not "+v.right+" (401") || v.isDone(d) {
			t.Errorf("done %t, %v", v.isDone(d), s)
		}
	})
}

func TestDaily_not_found(t *testing.T) {
	each(t, false, func(t *testing.T, v verb) {
		d := newDesk(t)
		v.seed(d)
		d.Token("other-rights", "repositories/samples/gone/content/delete", "repositories/samples/gone/metadata/read",
			"repositories/samples/gone/metadata/write")
		if strings.Contains(v.gone, "samples/gone") {
			d.as = d.TokenOf("daily-gone", "other-rights")
		}
		s := d.run(strings.Fields(v.name + " " + v.gone)...)
		if s.code != cmdutil.ExitNotFound || !strings.Contains(s.err, "there is no such ") ||
			!strings.Contains(s.err, "\ntry: acrkit ") {
			t.Error(s)
		}
	})
}

// TestDaily_throttled: one 429 is waited out; a longer wait is exit code 6.
func TestDaily_throttled(t *testing.T) {
	each(t, false, func(t *testing.T, v verb) {
		d := newDesk(t)
		v.seed(d)
		remove := d.Fault(fault.Fault{Kind: fault.Throttle, RetryAfter: 100 * time.Second,
			Routes: []fault.Route{fault.RouteACR, fault.RouteManifestDelete}})
		s := d.run(v.line()...)
		remove()
		if s.code != cmdutil.ExitUnavailable || !strings.Contains(s.err, "asks to wait 1m40s") || v.isDone(d) {
			t.Errorf("done %t, %v", v.isDone(d), s)
		}
		d.Fault(fault.Fault{Kind: fault.Throttle, RetryAfter: time.Second, Count: 1,
			Routes: []fault.Route{fault.RouteACR, fault.RouteManifestDelete}})
		if s := d.run(v.line()...); s.code != cmdutil.ExitOK || v.done != nil && !v.done(d) {
			t.Errorf("done %t, %v", v.isDone(d), s)
		}
	})
}

// before puts a server before the emulator that sees each request of the command, which
// must be run with --plain-http.
func (d *desk) before(serve func(r *http.Request, forward func())) {
	d.t.Helper()
	to, err := url.Parse("http://" + d.Host())
	if err != nil {
		d.t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host // the token service is where the client asks
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serve(r, func() { forward.ServeHTTP(w, r) })
	}))
	d.t.Cleanup(server.Close)
	d.name = strings.TrimPrefix(server.URL, "http://")
}

// cutting ends the connection of a change: before the change is made, or after it.
func (d *desk) cutting(afterwards bool) {
	d.t.Helper()
	d.before(func(r *http.Request, forward func()) {
		change := r.Method == http.MethodDelete || r.Method == http.MethodPatch
		if !change || afterwards {
			forward()
		}
		if change { // of the answer nothing is sent yet
			panic(http.ErrAbortHandler)
		}
	})
}

// TestDaily_cut_off: the answer to a change does not come. What was made is success, and
// said so; what was not is exit code 6.
func TestDaily_cut_off(t *testing.T) {
	each(t, true, func(t *testing.T, v verb) {
		for _, afterwards := range []bool{false, true} {
			d := newDesk(t)
			v.seed(d)
			d.cutting(afterwards)
			s := d.run(append(v.line(), "--plain-http")...)
			want := cmdutil.ExitUnavailable
			if afterwards {
				want = cmdutil.ExitOK
			}
			if s.code != want || v.isDone(d) != afterwards ||
				strings.Contains(s.err, ": the answer to the request did not come, and it is ") != afterwards {
				t.Errorf("cut off afterwards: %t, done %t, %v", afterwards, v.isDone(d), s)
			}
		}
	})
}

// TestDaily_silence: if nothing is answered any more, it is not known what became of the
// change.
func TestDaily_silence(t *testing.T) {
	each(t, true, func(t *testing.T, v verb) {
		d := newDesk(t)
		v.seed(d)
		var silent atomic.Bool
		d.before(func(r *http.Request, forward func()) {
			if r.Method == http.MethodDelete || r.Method == http.MethodPatch {
				silent.Store(true)
			}
			if silent.Load() {
				panic(http.ErrAbortHandler)
			}
			forward()
		})
		s := d.run(append(v.line(), "--plain-http")...)
		if s.code != cmdutil.ExitUnavailable || !strings.Contains(s.out, "\tnot known\t") {
			t.Error(s)
		}
	})
}

// TestDaily_twice_at_once: of two deletes, one deletes and the other finds nothing; two
// locks are one.
func TestDaily_twice_at_once(t *testing.T) {
	each(t, true, func(t *testing.T, v verb) {
		d := newDesk(t)
		v.seed(d)
		ends := make(chan said, 2)
		for range 2 {
			f, end := d.factory("")
			go func() { ends <- end(cli.Run(t.Context(), f, v.line())) }()
		}
		a, b := <-ends, <-ends
		codes := []int{min(a.code, b.code), max(a.code, b.code)}
		want := []int{cmdutil.ExitOK, cmdutil.ExitOK}
		if strings.HasSuffix(v.name, "delete") {
			want[1] = cmdutil.ExitNotFound
		}
		if !slices.Equal(codes, want) || !v.done(d) {
			t.Errorf("done %t, %v\n%v", v.isDone(d), a, b)
		}
	})
}
