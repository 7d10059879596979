package emulator

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/arm"
	"github.com/acrkit/acrkit/emulator/internal/content"
	"github.com/acrkit/acrkit/emulator/internal/dataplane"
	"github.com/acrkit/acrkit/emulator/internal/db"
	"github.com/acrkit/acrkit/emulator/internal/decisions"
	"github.com/acrkit/acrkit/emulator/internal/entra"
	"github.com/acrkit/acrkit/emulator/internal/folderlock"
	"github.com/acrkit/acrkit/emulator/internal/graph"
	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/rehearsal"
	"github.com/acrkit/acrkit/emulator/internal/tokensvc"
	"github.com/acrkit/acrkit/emulator/internal/write"
	"github.com/acrkit/acrkit/emulator/rule"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/idle"
	"github.com/acrkit/acrkit/internal/pki"
	"github.com/acrkit/acrkit/internal/wording"
)

// Options are the options of [Open]. The zero value is an emulator in memory
// with an empty registry "myregistry".
type Options struct {
	DataDir string // where state is kept; made if it does not exist; "" = in memory only
	// what it holds at the start; nil = what the data folder holds, or the registry "myregistry"
	Seed     *seed.Seed
	SeedMode SeedMode         // "" = apply to an empty folder, check otherwise
	Recover  bool             // take what is left of a folder's state; see [Open]
	Now      func() time.Time // the clock of tokens, passwords and content; nil = time.Now
	Logger   *slog.Logger     // nil = silent

	// Hostnames are names and addresses served besides localhost, *.azurecr.localhost,
	// regional endpoints (NAME.REGION.geo.azurecr.localhost) and loopback addresses,
	// without ports. One whose first label is a registry's name, with or without a
	// hash (NAME-HASH), is that registry, the others are the first. "*.DOMAIN" serves
	// each registry as REGISTRY.DOMAIN, those made later too.
	Hostnames []string
	// Ports are the registries that localhost and the loopback addresses are at a port of
	// the request's Host, by that port; at other ports they are the first registry. It is
	// for clients that cannot resolve names under .localhost. [Emulator.Serve] is called
	// for each listener.
	Ports map[int]string

	// BeyondLoopback says that other machines reach the emulator: [Emulator.Serve]
	// takes a listener beyond loopback only then. Passwords and client secrets whose
	// values were chosen, by a seed or a caller, are refused, because others may know
	// them: at the start, by every change, and by a reset ([ErrChosenSecrets]).
	BeyondLoopback bool

	// CollectAfter is how long blobs that no manifest names are kept; a client
	// that pushes has half of it between a blob and the manifest. 0 =
	// DefaultCollectAfter.
	CollectAfter time.Duration
	// MemoryLimit is how many bytes of content are held where DataDir is ""; a
	// push that would pass it is answered with an error. 0 = 1 GiB.
	MemoryLimit int64

	// RateLimits turns on the documented rate limits of each registry's tier, for
	// a registry and for an identity, as [Emulator.SetRateLimits] does; a seed can
	// do it too. They are off by default.
	RateLimits bool
	// Observe is called for each request that is no call of the control API, with the
	// status of its answer before that is sent, 0 if there was none. It is called
	// from many goroutines and must not keep or change the request.
	Observe func(r *http.Request, status int)

	// BlobRedirects answers GET of a blob as the service does: with 307 and a link
	// that expires, to a second host name that refuses Authorization. Without it
	// blobs are sent directly, because some clients refuse redirects to loopback
	// addresses.
	BlobRedirects bool
	// BlobHost is the second host's name, without port, for clients that cannot
	// resolve names under .localhost; "" = REGISTRY.blob.localhost.
	BlobHost string
	// CACertificate and CAKey are a certificate authority of the caller's, as PEM: the
	// emulator's certificates are below it, and DataDir gets no other. nil = one is made,
	// or read from DataDir.
	CACertificate, CAKey []byte
	// Operations say how Azure Resource Manager reports changes.
	Operations Operations
	// Deviations are the answers that shall differ from the service's.
	Deviations []Deviation
}

// Deviation is an answer that differs from the service's on purpose.
type Deviation string

// The deviations. None is on by itself.
const (
	// DeleteByTag lets DELETE of a manifest by its tag remove the tag. The service
	// answers 405.
	DeleteByTag Deviation = "delete-by-tag"
	// MountFromAnywhere lets a mount that names no source take the blob from any
	// repository of the registry, even from one that the client may not read. The
	// service begins an upload.
	MountFromAnywhere Deviation = "mount-from-anywhere"
)

// Emulator is a running emulator. Its methods are safe for concurrent use.
type Emulator struct {
	now       func() time.Time
	logger    *slog.Logger
	hostnames map[string]bool
	suffixes  []string       // of registries: ".azurecr.localhost"
	ports     map[int]string // registries of a port
	dir       string

	blobRedirects bool
	blobHost      string
	deviations    []Deviation
	beyond        bool // other machines reach it
	operations    arm.Operations

	dated   bool // Options.Now was given: the Date header is by it
	observe func(r *http.Request, status int)
	idle    idle.Server // connections and bodies that are waited for
	clock   *rehearsal.Clock
	fails   *rehearsal.Rehearsal // makes requests fail on purpose

	resetting sync.Mutex

	unknown struct { // names that TLS was asked for in vain
		sync.Mutex
		names map[string]bool
	}

	controlKey string
	controlMux *http.ServeMux
	followers  chan struct{} // holds a token for each call that waits for decisions

	lock     *folderlock.Lock // nil in memory
	ca       *pki.Authority
	db       *db.DB
	ids      *principal.Store
	write    *write.Writer
	content  *content.Store
	log      *decisions.Log
	verifier *principal.Verifier

	entra  *entra.Handler
	graph  *graph.Handler
	tokens *tokensvc.Handler
	arm    *arm.Handler
	data   *dataplane.Handler

	keep         string // why nothing is collected in this run; "" = it is
	collectAfter time.Duration
	collector    chan struct{} // of capacity 1: holds a token while one listener's goroutine collects

	lifetimes atomic.Pointer[principal.Lifetimes]
	closed    atomic.Bool
	closing   sync.Once
	closeErr  error
}

// Open starts an emulator, without a listener: serve its ServeHTTP, or call
// [Emulator.Serve]. A data folder can be open once; it must be closed.
//
// A folder that held state and lacks a part of it, or whose database is older than
// what was acknowledged, is refused. [Options.Recover] goes on with what is left:
// the database as it is, or a new one where there is none that can be read; new
// keys where keys.json is missing or damaged, so that no earlier password or token
// is good. What is replaced is kept in a folder state/aside-*, the logger
// gets a warning, and nothing is collected until the next start.
//
// Errors: [acrkit.CodeUsage] for a seed that is wrong or differs from the
// folder's state, for a damaged folder, and for chosen secrets where other machines
// reach it; [acrkit.CodeUnavailable] for a folder that is in use.
func Open(ctx context.Context, opts *Options) (_ *Emulator, err error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	e := &Emulator{clock: rehearsal.NewClock(o.Now), dated: o.Now != nil, observe: o.Observe,
		followers: make(chan struct{}, maxFollowers), logger: o.Logger, hostnames: map[string]bool{}, dir: o.DataDir,
		collectAfter: cmp.Or(o.CollectAfter, DefaultCollectAfter), collector: make(chan struct{}, 1)}
	e.now = e.clock.Now
	e.unknown.names = map[string]bool{}
	if e.logger == nil {
		e.logger = slog.New(slog.DiscardHandler)
	}
	if err := e.setHosts(&o); err != nil {
		return nil, err
	}
	for _, d := range o.Deviations {
		if d != DeleteByTag && d != MountFromAnywhere {
			return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "deviate from the service",
				Reason: fmt.Sprintf("%s is not a deviation; there are %s and %s", wording.Quote(string(d)),
					DeleteByTag, MountFromAnywhere)}
		}
	}
	if o.BlobHost != "" {
		if o.BlobHost, err = checkHostname(o.BlobHost); err != nil {
			return nil, err
		}
		if _, ok := e.hostnames[o.BlobHost]; ok || o.BlobHost == "localhost" {
			return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "redirect blobs to " + o.BlobHost,
				Reason: "the name is the registry's own"}
		}
	}
	if err := o.Operations.check(); err != nil {
		return nil, err
	}
	e.operations = arm.Operations{Style: arm.Style(o.Operations.Style), Take: o.Operations.Take}
	e.blobRedirects, e.blobHost, e.deviations = o.BlobRedirects, o.BlobHost, o.Deviations
	if err := o.SeedMode.check(); err != nil {
		return nil, err
	}
	if o.Recover && o.SeedMode == SeedReset {
		return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "recover the state",
			Reason: "a reset keeps nothing to recover"}
	}
	if o.Seed != nil {
		if err := o.Seed.Check(); err != nil {
			return nil, err
		}
		// The seed alone first: a folder must not get state that is refused then.
		//rule:chosen-secrets-open
		if names := chosenIn(o.Seed); o.BeyondLoopback && len(names) > 0 {
			return nil, refuseStart(names)
		}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Close())
			if inner, ok := errors.AsType[*acrkit.Error](err); ok && len(inner.Errs) == 0 {
				err = inner // closing went well: the plain error
			}
		}
	}()
	state := ""
	if o.DataDir != "" {
		if state, err = e.prepareDir(o.DataDir, o.SeedMode == SeedReset); err != nil {
			return nil, err
		}
	}
	// The state first: what else a first start writes shows that there was state.
	if err = e.openState(ctx, state, &o); err != nil {
		return nil, damaged(o.DataDir, err)
	}
	// A key that is refused, too, before the authority makes files anew.
	if err := checkControlKey(o.DataDir); err != nil {
		return nil, err
	}
	if err := e.openAuthority(&o); err != nil {
		return nil, damaged(o.DataDir, err)
	}
	if e.controlKey, err = openControlKey(o.DataDir); err != nil {
		return nil, err
	}
	e.verifier = e.ids.NewVerifier()
	e.write = write.New(e.ids, e.content, e.now)
	e.wire()
	if err := e.seed(ctx, o.Seed, o.SeedMode); err != nil {
		return nil, err
	}
	//rule:chosen-secrets-open-2
	if e.beyond = o.BeyondLoopback; e.beyond {
		// And what the folder holds: an earlier start may have applied a seed.
		err := e.ids.RefuseChosen(refuseChange)
		if chosen, ok := errors.AsType[*chosenError](err); ok {
			err = refuseStart(chosen.names)
		}
		if err != nil {
			return nil, err
		}
	}
	rates, _ := e.ids.Meta(metaRates)
	e.SetRateLimits(o.RateLimits || len(rates) > 0)
	if err := e.db.Establish(ctx); err != nil {
		return nil, damaged(o.DataDir, err)
	}
	if o.DataDir != "" && !o.Recover {
		if err := removeDiscards(o.DataDir); err != nil {
			return nil, damaged(o.DataDir, err)
		}
	}
	return e, nil
}

func (e *Emulator) wire() {
	tokens := &entra.Tokens{Store: e.ids, Now: e.now, Life: func() time.Duration { return e.lifetimes.Load().Entra }}
	e.entra = &entra.Handler{Tokens: tokens, Serves: e.serves, Refused: e.noteRefusal, Logger: e.logger}
	e.graph = &graph.Handler{Store: e.ids, Entra: tokens, Serves: e.serves, Refused: e.noteRefusal}
	e.tokens = &tokensvc.Handler{Store: e.ids, Entra: tokens, Now: e.now, Logger: e.logger, Serves: e.serves,
		Resolve: e.resolve, Record: e.log.Record,
		Lifetimes: func() principal.Lifetimes { return *e.lifetimes.Load() }}
	e.arm = &arm.Handler{Store: e.ids, Write: e.write, Entra: tokens, Now: e.now, Serves: e.serves,
		LoginServer: e.loginServerOf, Size: e.content.Size, Operations: e.operations,
		PasswordDelay: rehearsal.PasswordDelay, Refused: e.noteRefusal,
		Logger: e.logger}
	e.data = dataplane.New(dataplane.Config{Store: e.content, Authorize: e.authorize, Now: e.now, Logger: e.logger,
		Refused: func(r *http.Request, id rule.ID, reason string) {
			e.noteRefusal(r, principal.Principal{}, id, reason)
		},
		BlobHost: e.blobHostFor, DeleteByTag: slices.Contains(e.deviations, DeleteByTag),
		MountFromAnywhere: slices.Contains(e.deviations, MountFromAnywhere)})
	e.fails = rehearsal.New(rehearsal.Config{
		Clock: e.clock, Store: e.ids, Verifier: e.verifier, Entra: tokens, Record: e.noteDecision,
		RefuseStorage: e.data.RefuseStorage, FailStorage: e.data.FailStorage,
	})
	e.lifetimes.Store(new(principal.Lifetimes))
	e.controlMux = e.controlRoutes()
}

// Close ends the emulator. Listeners end with the context given to
// [Emulator.Serve]; requests that come later are answered 503.
func (e *Emulator) Close() error {
	e.closing.Do(func() {
		e.closed.Store(true)
		errs := []error{e.closeState()}
		if e.lock != nil {
			errs = append(errs, e.lock.Close())
		}
		e.closeErr = errors.Join(errs...)
	})
	return e.closeErr
}

// CAPool returns a new pool that holds the emulator's own certificate authority alone, for
// the RootCAs of a client in this process.
func (e *Emulator) CAPool() *x509.CertPool { return e.ca.Pool() }

// CACertificate returns the certificate of that authority as PEM, for files that other
// programs trust. It is also in DataDir/ca.pem, unless it was given, and
// at GET /ca.pem.
func (e *Emulator) CACertificate() []byte { return e.ca.PEM() }

func checkHostname(h string) (string, error) {
	if addr, err := netip.ParseAddr(h); err == nil && addr.Zone() == "" {
		return addr.String(), nil
	}
	reg, err := acrkit.ParseRegistry(h + ":1")
	if err != nil || strings.Contains(h, "/") {
		return "", &acrkit.Error{Code: acrkit.CodeUsage, Op: "use a host name",
			Reason: fmt.Sprintf("%s is not a host name or address without a port", wording.Quote(h))}
	}
	return reg.Hostname(), nil
}
