// Package db is the emulator's transactional store: SQLite with one writer,
// several readers, and migrations recorded by name.
//
// What [DB.Write] acknowledged is on disk. Writers that wait for each other share
// one commit, so that many small writes cost few fsyncs.
package db

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/private"
)

// Tick is the resolution of the times the store hands out: the service writes
// seven fractional digits.
const Tick = 100 * time.Nanosecond

const (
	// fileName is the database's name in the data folder.
	fileName = "registry.db"
	// readers is the number of connections that read. SQLite reads in parallel;
	// more connections than cores gain nothing and cost page caches.
	readers = 4
	// minPage is the size of SQLite's smallest page, in bytes.
	minPage = 512
	// busyTimeout is how long a connection waits for another's lock, in
	// milliseconds. Only a foreign process (a shell on the file) makes it wait.
	busyTimeout = 5000
)

// ErrFull says that the disk, or the limit of [Options.MaxPages], has no space
// left. Nothing was changed.
var ErrFull = errors.New("the emulator's data folder has no space left")

// ErrDamaged says that the file is not the database that was written: its text says
// where. Nothing that is read from it is reliable.
var ErrDamaged = errors.New("the database is damaged")

// ErrClosed says that the database was closed.
var ErrClosed = errors.New("the database is closed")

// Options are the options of [Open]. The zero value is usable.
type Options struct {
	Migrations []Migration      // in the order in which they are applied
	Now        func() time.Time // nil = time.Now
	MaxPages   int              // most pages of 4 KiB in the database; 0 = SQLite's own limit

	// Held names a file, other than the database, that shows that the folder held a
	// database; "" = there is none. With one, a missing database is an error.
	Held string
	// Recover takes a database that is older than its mark, or whose mark is
	// missing or damaged, as it is, and makes one where it is missing.
	Recover bool
	// AsIs opens what is there for [DB.Check], only to read it: without a check, a
	// migration, or a look at its mark, which [Inspect] does. Where Migrations are
	// given, one of another version is an error: [Earlier] or [Later].
	AsIs bool
}

// DB is an open database. Its methods may be called by many goroutines.
type DB struct {
	now    func() time.Time
	pools  []*sql.DB
	memory *semaphore.Weighted // in memory only: readers take 1, the writer all

	readers chan *conn // idle readers

	writer chan *conn // holds the writer's connection while no write is under way

	commits   atomic.Uint64 // twice the commits, odd during one; see snapshot
	refreshed uint64        // the count at the last refresh; the writer's
	version   atomic.Uint64 // as commits, without those of WriteApart alone; see Version

	origin   Origin
	dir      string
	database string   // its name
	mark     *os.File // nil in memory
	marking  bool     // the mark is kept; the writer's, as is the next
	count    uint64   // of the commits since the database was made
	verified bool     // the file is as it was closed, by its checksum

	mu      sync.Mutex
	queue   []*request
	closed  bool
	closing chan struct{} // closed with closed
}

// Open opens the database in dir, which must exist, or one in memory where dir
// is "". It applies the migrations that were not applied before, in one
// transaction. The caller makes sure that no other process opens the folder, and
// calls [DB.Establish] when the state is complete.
//
// Errors: [Incomplete] for a database that lacks what was acknowledged, or in which
// SQLite finds a fault; that one is [ErrDamaged], too.
func Open(ctx context.Context, dir string, opts *Options) (_ *DB, err error) {
	if opts == nil {
		opts = &Options{}
	}
	d := &DB{now: opts.Now, writer: make(chan *conn, 1), readers: make(chan *conn, readers),
		closing: make(chan struct{})}
	if d.now == nil {
		d.now = time.Now
	}
	defer func() {
		if err == nil {
			return
		}
		err = explain(dir, err)
		_, refused := errors.AsType[*acrkit.Error](err)
		_, lost := errors.AsType[*Incomplete](err)
		if !refused && !lost { // whose texts are complete
			err = fmt.Errorf("open the database: %w", err)
		}
		if cerr := d.Close(); cerr != nil {
			err = errors.Join(err, cerr)
		}
	}()
	name := "file:/" + rand.Text()
	pragmas := url.Values{"_txlock": {"immediate"}}
	add := func(p string) { pragmas.Add("_pragma", p) }
	add(fmt.Sprintf("busy_timeout(%d)", busyTimeout))
	//rule:d15-open
	add("foreign_keys(1)")
	add("trusted_schema(0)")
	if dir == "" {
		d.memory = semaphore.NewWeighted(readers)
		pragmas.Set("vfs", "memdb")
		add("journal_mode(MEMORY)")
	} else {
		path := filepath.Join(dir, fileName)
		if !opts.AsIs {
			if err := d.prepare(ctx, dir, opts); err != nil {
				return nil, err
			}
		}
		// SQLite would create it readable by all; the other files follow its mode.
		flag := os.O_CREATE | os.O_RDWR
		if opts.AsIs {
			flag = os.O_RDONLY
		}
		f, err := private.OpenSecret(path, flag)
		if err != nil {
			return nil, err
		}
		info, err := f.Stat()
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
		if size := info.Size(); size < minPage && (size > 0 || opts.AsIs) { // SQLite would make a new database
			return nil, fmt.Errorf("%w: its file has %d bytes", ErrDamaged, size)
		}
		if name, err = dataSource(path); err != nil {
			return nil, err
		}
		if opts.AsIs {
			pragmas.Set("mode", "ro") // one that can write merges the log into the file when it closes
			add("query_only(1)")
		} else {
			add("journal_mode(WAL)")
			add("synchronous(FULL)")
		}
	}
	open := func(extra string) (*conn, error) {
		p := url.Values{}
		for k, v := range pragmas {
			p[k] = append([]string(nil), v...)
		}
		if extra != "" {
			p.Add("_pragma", extra)
		}
		pool, err := sql.Open("sqlite", name+"?"+p.Encode())
		if err != nil {
			return nil, err
		}
		d.pools = append(d.pools, pool)
		c, err := pool.Conn(ctx)
		if err != nil {
			return nil, damagedAtOpen(err)
		}
		return &conn{c: c, stmts: map[string]*sql.Stmt{}}, nil
	}
	limit := ""
	if opts.MaxPages > 0 {
		limit = fmt.Sprintf("max_page_count(%d)", opts.MaxPages)
	}
	w, err := open(limit)
	if err != nil {
		return nil, err
	}
	d.writer <- w
	if dir != "" && !opts.AsIs && !d.verified {
		//rule:rot-open
		if err := d.checkAtOpen(ctx, w); err != nil {
			return nil, err
		}
	}
	if !opts.AsIs {
		if err := d.migrate(ctx, opts.Migrations); err != nil {
			return nil, err
		}
	}
	d.marking = d.mark != nil && d.origin == Known
	if dir != "" {
		// Without it, a file that was created just before a power cut may be gone
		// though its content was synced.
		if err := private.SyncDir(dir); err != nil {
			return nil, err
		}
	}
	for range readers {
		r, err := open("query_only(1)")
		if err != nil {
			return nil, err
		}
		d.readers <- r
	}
	if opts.AsIs && opts.Migrations != nil {
		if err := d.compare(ctx, opts.Migrations); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// dataSource returns the name of a database file for the driver.
func dataSource(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") { // a Windows drive
		path = "/" + path
	}
	return "file://" + (&url.URL{Path: path}).EscapedPath(), nil
}

// prepare checks what the folder holds, and first of all writes the mark of a new
// one: then what an interrupted start leaves is no state.
func (d *DB) prepare(ctx context.Context, dir string, opts *Options) error {
	m, origin, err := inspect(ctx, dir, opts)
	if err != nil {
		return err
	}
	d.origin, d.database, d.dir = origin, m.database, dir
	switch {
	case origin == Adopted: // its mark is made when it is established
		return nil
	case origin == New && opts.Recover && m.database == "":
		// So is the mark of one that replaces another: the folder is not new. SQLite
		// would remove a log without its database.
		return SetAside(dir)
	case m.database != "":
		if d.mark, err = private.OpenSecret(filepath.Join(dir, markName), os.O_RDWR); err != nil || m.sum == noSum {
			return err
		}
		d.verified = true
		// Durably: after a power cut, the old sum would refuse what was written since.
		//rule:state-lost-prepare
		m.sum = noSum
		_, err = d.mark.WriteAt(m.encode(), 0)
		return errors.Join(err, d.mark.Sync())
	}
	d.database = rand.Text()
	d.mark, err = makeMark(dir, mark{database: d.database, sum: noSum})
	return err
}

// Establish says that all that was written is acknowledged: from now on the folder
// is not new any more, and its mark is kept. The database is as [Open] found it
// until then.
func (d *DB) Establish(ctx context.Context) error {
	return d.Write(ctx, func(*Tx) (err error) {
		if d.memory != nil || d.marking {
			return nil
		}
		if d.mark == nil {
			if d.mark, err = makeMark(d.dir, mark{d.database, d.count, noSum}); err != nil {
				return err
			}
		}
		d.marking = true
		return nil
	})
}

// Origin says where the state comes from.
func (d *DB) Origin() Origin { return d.origin }

// Name identifies the database: 26 letters and digits, or "" in memory.
func (d *DB) Name() string { return d.database }

// Close waits for the write under way, refuses later ones and closes the
// database. Closing twice is no error.
func (d *DB) Close() error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil
	}
	d.closed = true
	close(d.closing)
	d.mu.Unlock()
	var errs []error
	// A pool closes when its connection does; the writer's last, so that it merges
	// the write-ahead log into the file.
	for range len(d.pools) - 1 {
		if c, ok := receive(d.readers, d.opened()); ok {
			errs = append(errs, c.close())
		}
	}
	if len(d.pools) > 0 {
		if c, ok := receive(d.writer, d.opened()); ok {
			errs = append(errs, c.close())
		}
		d.mu.Lock()
		for _, r := range d.queue {
			r.err = ErrClosed
			close(r.done)
		}
		d.queue = nil
		d.mu.Unlock()
	}
	for i := len(d.pools) - 1; i >= 0; i-- {
		errs = append(errs, d.pools[i].Close())
	}
	if d.mark != nil {
		if d.marking && errors.Join(errs...) == nil {
			errs = append(errs, d.sumUp())
		}
		errs = append(errs, d.mark.Close())
	}
	return errors.Join(errs...)
}

// sumUp puts the checksum of the closed database into the mark.
func (d *DB) sumUp() error {
	path := filepath.Join(d.dir, fileName)
	if left, err := hasContent(path + "-wal"); err != nil || left { // a shell has it open
		return err
	}
	sum, err := sumOf(path)
	if err != nil {
		return err
	}
	_, err = d.mark.WriteAt(mark{d.database, d.count, sum}.encode(), 0)
	return err
}

// opened reports whether all connections were made; a failed Open leaves fewer.
func (d *DB) opened() bool { return len(d.pools) == readers+1 }

// receive takes a connection; it waits for one only if one is sure to come.
func receive(from chan *conn, wait bool) (*conn, bool) {
	if wait {
		return <-from, true
	}
	select {
	case c := <-from:
		return c, true
	default:
		return nil, false
	}
}

// Read runs fn on a consistent snapshot that holds all that was acknowledged
// before. fn must not call [DB.Write]: in memory, readers and the writer take
// turns. Statements end when ctx does.
func (d *DB) Read(ctx context.Context, fn func(tx *Tx) error) error {
	c, err := d.reader(ctx)
	if err != nil {
		return err
	}
	failed := true
	defer func() { d.release(c, failed) }()
	if d.memory != nil {
		if err := d.memory.Acquire(ctx, 1); err != nil {
			return err
		}
		defer d.memory.Release(1)
		defer c.endSnapshot() // before the writer may go on
	}
	if err := d.snapshot(c); err != nil {
		return err
	}
	tx := &Tx{Now: d.tick(), ctx: ctx, c: c}
	defer func() { tx.c = nil }()
	err = fn(tx)
	failed = err != nil
	return err
}

func (d *DB) tick() time.Time { return d.now().UTC().Truncate(Tick) }

// mapError wraps SQLite's own error in [ErrFull] or [ErrDamaged].
func mapError(err error) error {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok || errors.Is(err, ErrFull) || errors.Is(err, ErrDamaged) {
		return err
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w: %w", ErrFull, err)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}
