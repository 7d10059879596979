// Package decisions is the emulator's decision log: who asked for what, and which
// rule allowed it or which right was missing. The log has what an answer must not
// say, such as that a password has expired.
package decisions

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/db"
	"github.com/acrkit/acrkit/emulator/rule"
	"github.com/acrkit/acrkit/internal/wording"
)

const (
	// MaxRows is how many decisions are kept; the oldest go first.
	MaxRows = 100_000
	// MaxAge is how long a decision is kept, by the emulator's clock.
	MaxAge = 90 * 24 * time.Hour
	// pruneEvery is how many more there may be before the oldest are removed.
	pruneEvery = 1000
	// batch is how many grants are written together: each commit makes the readers
	// of the database read its pages again.
	batch = 1024
	// maxPending limits the grants in memory while none can be written.
	maxPending = 4096
	// delay is the longest a grant waits to be written.
	delay = time.Second
	// maxText bounds each text of a decision; clipped ones end in "…".
	maxText = 2048
	// maxRules bounds the rules of a decision.
	maxRules = 20
	// page is how many rows a reader holds at a time.
	page = 500
)

// The outcomes.
const (
	Allowed    = "allowed"
	Denied     = "denied"
	Challenged = "challenged" // no credential was presented, so none was refused
	Faulted    = "faulted"    // a fault or a rate limit answered, before anything was decided
)

// Entry is one line of the log: a decision.
type Entry struct {
	ID        int64     // grows with each decision
	Time      time.Time // the emulator's clock
	Registry  string
	Kind      string // "scoped-token", "service-principal", "admin-user", "anonymous"; "" = not known
	Principal string // token name, client id, admin user name; "" = not known or anonymous
	Method    string
	Path      string // without its query
	Required  string // scope text: what the request needs, or what a token was asked for
	Outcome   string // Allowed, Denied, Challenged
	Missing   string // scope text: what was not granted
	Rules     []string
	RuleID    rule.ID // by which it was refused; "" = it was not, or an earlier version wrote it
	Reason    string  // why, where rules do not say it
	RequestID string  // the answer's X-Ms-Correlation-Request-Id
}

// Filter chooses decisions. Zero fields choose all.
type Filter struct {
	Registry   string
	Principal  string
	Outcome    string
	Repository string    // one of the repositories that Required names
	Since      time.Time // this time or later, by the emulator's clock
	After      int64     // IDs greater than this
}

func (f Filter) since() int64 {
	if f.Since.IsZero() {
		return math.MinInt64
	}
	return f.Since.UnixNano()
}

// names reports whether a decision is about the repository of the filter.
func (f Filter) names(d *Entry) bool {
	if f.Repository == "" {
		return true
	}
	for word := range strings.FieldsSeq(d.Required) {
		if strings.HasPrefix(word, "repository:"+f.Repository+":") {
			return true
		}
	}
	return false
}

// Migrations are this package's tables.
func Migrations() []db.Migration {
	return []db.Migration{{Name: "decisions-0001", SQL: `
		CREATE TABLE decisions (
			id        INTEGER PRIMARY KEY,
			time      INTEGER NOT NULL,
			registry  TEXT NOT NULL,
			principal TEXT NOT NULL,
			outcome   TEXT NOT NULL,
			doc       TEXT NOT NULL
		) STRICT`}}
}

// Log is the decision log. Its methods are safe for concurrent use.
type Log struct {
	db   *db.DB
	now  func() time.Time
	fail func(error, int) // called for grants that could not be written, with the count of lost ones

	writing sync.Mutex // one flush at a time, so that they arrive in order

	mu      sync.Mutex
	next    int64
	pruned  int64
	pending []Entry
	spare   []Entry // empty, with room for the next ones; nil while they are written
	failing bool    // the last flush failed: grants wait for the timer
	timer   *time.Timer
	wake    chan struct{} // closed with the next decision; nil = no call waits
	closed  bool
}

// Open continues the log of a database. fail is called with errors of later writes,
// and how many decisions were dropped for lack of room.
func Open(ctx context.Context, d *db.DB, now func() time.Time, fail func(err error, lost int)) (*Log, error) {
	l := &Log{db: d, now: now, fail: fail}
	err := d.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow("SELECT COALESCE(MAX(id), 0) FROM decisions", nil, &l.next)
	})
	if err != nil {
		return nil, fmt.Errorf("read the decision log: %w", err)
	}
	l.pruned = l.next - pruneEvery // the first write removes what became too old meanwhile
	return l, nil
}

// Record notes a decision. A denial is on disk when Record returns; others are
// written soon.
func (l *Log) Record(ctx context.Context, d Entry) error {
	for _, s := range []*string{&d.Registry, &d.Principal, &d.Method, &d.Path, &d.Required, &d.Missing, &d.Reason} {
		*s = wording.Clip(*s, maxText)
	}
	if len(d.Rules) > maxRules {
		d.Rules = append(d.Rules[:maxRules:maxRules], "…")
	}
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return db.ErrClosed
	}
	l.next++
	d.ID, d.Time = l.next, l.now().UTC()
	lost := 0
	if len(l.pending) >= maxPending {
		lost = 1 + len(l.pending) - maxPending
		l.pending = append(l.pending[:0], l.pending[lost:]...)
	}
	l.pending = append(l.pending, d)
	l.wakeAll()
	now := d.Outcome == Denied || len(l.pending)%batch == 0 && !l.failing
	if !now && l.timer == nil {
		l.timer = time.AfterFunc(delay, func() { //nolint:contextcheck // it outlives the request
			if err := l.Flush(context.Background()); err != nil {
				l.fail(err, 0)
			}
		})
	}
	l.mu.Unlock()
	if lost > 0 {
		l.fail(db.ErrFull, lost)
	}
	if !now {
		return nil
	}
	err := l.Flush(ctx)
	if err != nil && d.Outcome != Denied {
		l.fail(err, 0)
		return nil
	}
	return err
}

// Flush writes what is pending.
func (l *Log) Flush(ctx context.Context) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	todo := l.pending
	l.pending, l.spare = l.spare, nil
	prune := l.next-l.pruned >= pruneEvery
	upTo := l.next
	l.mu.Unlock()
	if len(todo) == 0 {
		return nil
	}
	err := l.write(ctx, todo, prune, upTo-MaxRows)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failing = err != nil
	if err != nil {
		l.pending = append(todo, l.pending...)
		return fmt.Errorf("write the decision log: %w", err)
	}
	if prune {
		l.pruned = upTo
	}
	l.spare = spare(todo)
	return nil
}

// spare empties the slice that was written, to use it again; one that a full disk
// let grow is dropped.
func spare(written []Entry) []Entry {
	if cap(written) > 2*batch {
		return nil
	}
	clear(written)
	return written[:0]
}

// write writes decisions; with prune it removes those up to an ID, and those
// before the first that is not too old: the log has no holes.
func (l *Log) write(ctx context.Context, todo []Entry, prune bool, upTo int64) error {
	oldest := l.now().Add(-MaxAge).UnixNano()
	return l.db.WriteApart(ctx, func(tx *db.Tx) error {
		var doc []byte
		args := make([]any, 0, perInsert*columns)
		for rows := range slices.Chunk(todo, perInsert) {
			args = args[:0]
			for i := range rows {
				d := &rows[i]
				doc = d.appendJSON(doc[:0])
				args = append(args, d.ID, d.Time.UnixNano(), d.Registry, d.Principal, d.Outcome, string(doc))
			}
			query := insertMany
			if len(rows) < perInsert {
				query = insert + strings.Repeat(values+",", len(rows)-1) + values
			}
			if _, err := tx.Exec(query, args...); err != nil {
				return err
			}
		}
		if !prune {
			return nil
		}
		if _, err := tx.Exec("DELETE FROM decisions WHERE id<=?", upTo); err != nil {
			return err
		}
		_, err := tx.Exec("DELETE FROM decisions WHERE id<(SELECT id FROM decisions WHERE time>=? ORDER BY id LIMIT 1)",
			oldest)
		return err
	})
}

const (
	insert  = "INSERT OR REPLACE INTO decisions (id, time, registry, principal, outcome, doc) VALUES "
	values  = "(?,?,?,?,?,?)"
	columns = 6
	// perInsert is how many rows one statement inserts.
	perInsert = 32
)

var insertMany = insert + strings.Repeat(values+",", perInsert-1) + values

// All yields the decisions, oldest first, up to the newest when it was called. It
// holds no transaction while it yields.
func (l *Log) All(ctx context.Context, f Filter) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		last, err := l.newest(ctx)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		for f.After < last {
			p, err := l.read(ctx, f, last, page)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			for _, d := range p.Decisions {
				if !yield(d, nil) {
					return
				}
			}
			f.After = p.Last
		}
	}
}

// Page is a part of the log.
type Page struct {
	Decisions []Entry // oldest first
	// Last is how far the log was looked through: where to go on after.
	Last int64
	More bool // there are decisions after Last already
	// Dropped is how many decisions after Filter.After were removed, those that the
	// filter leaves out included: the log is bounded.
	Dropped int64
}

// Page returns the first decisions that the filter chooses, up to a number, out
// of the next ones that are looked at.
func (l *Log) Page(ctx context.Context, f Filter, limit int) (Page, error) {
	last, err := l.newest(ctx)
	p := Page{Last: f.After}
	if err != nil || f.After >= last {
		return p, err
	}
	p, err = l.read(ctx, f, last, limit)
	p.More = p.Last < last
	return p, err
}

// Wait returns when there is a decision after one, or the log is closed.
func (l *Log) Wait(ctx context.Context, after int64) error {
	for {
		l.mu.Lock()
		if l.closed {
			l.mu.Unlock()
			return db.ErrClosed
		}
		if l.next > after {
			l.mu.Unlock()
			return nil
		}
		if l.wake == nil {
			l.wake = make(chan struct{})
		}
		wake := l.wake
		l.mu.Unlock()
		select {
		case <-wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// wakeAll is called under the log's lock.
func (l *Log) wakeAll() {
	if l.wake != nil {
		close(l.wake)
		l.wake = nil
	}
}

// newest writes what is pending and returns the newest decision's ID.
func (l *Log) newest(ctx context.Context) (int64, error) {
	l.mu.Lock()
	last := l.next
	l.mu.Unlock()
	return last, l.Flush(ctx)
}

// read looks at up to limit of the next decisions up to last.
func (l *Log) read(ctx context.Context, f Filter, last int64, limit int) (Page, error) {
	seen := 0
	p := Page{Last: f.After}
	err := l.db.Read(ctx, func(tx *db.Tx) error {
		var first int64
		if err := tx.QueryRow("SELECT COALESCE(MIN(id), ?) FROM decisions", []any{last + 1}, &first); err != nil {
			return err
		}
		p.Dropped = max(0, first-1-f.After)
		return tx.Query(`SELECT doc FROM decisions WHERE id>? AND id<=? AND time>=?
			AND (?='' OR registry=?) AND (?='' OR principal=?) AND (?='' OR outcome=?) ORDER BY id LIMIT ?`,
			[]any{f.After, last, f.since(), f.Registry, f.Registry, f.Principal, f.Principal,
				f.Outcome, f.Outcome, limit},
			func(scan func(...any) error) error {
				var doc string
				if err := scan(&doc); err != nil {
					return err
				}
				var d Entry
				if err := json.Unmarshal([]byte(doc), &d); err != nil {
					return err
				}
				seen, p.Last = seen+1, d.ID
				if f.names(&d) {
					p.Decisions = append(p.Decisions, d)
				}
				return nil
			})
	})
	if err != nil {
		return Page{Last: f.After}, fmt.Errorf("read the decision log: %w", err)
	}
	if seen < limit {
		p.Last = last
	}
	return p, nil
}

// Close writes what is pending and takes no more.
func (l *Log) Close() error {
	l.mu.Lock()
	l.closed = true
	l.wakeAll()
	l.mu.Unlock()
	return l.Flush(context.Background())
}
