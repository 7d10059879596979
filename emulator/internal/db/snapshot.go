package db

// refreshEvery is after how many commits the idle readers end their snapshots. The
// write-ahead log cannot be reused from its start while a reader holds an old one;
// until then it grows by these commits.
const refreshEvery = 64

// snapshot makes sure that the connection has a transaction which holds all that
// was acknowledged before this call. One that is still good is used again: to
// begin and end one takes locks on files, which cost more than a look-up.
//
// The writer counts before a commit and after it, before it is acknowledged (see
// commit). During the commit the count is odd, and every reader begins a new
// snapshot: some may see the commit already, and what one reader has seen the next
// one must see too. A snapshot that was begun at the present even count is complete.
func (d *DB) snapshot(c *conn) error {
	now := d.commits.Load() // before BEGIN: at worst the snapshot is younger than it seems
	if c.inSnapshot && c.snapshotAt == now && now%2 == 0 {
		return nil
	}
	c.endSnapshot()
	if err := c.exec("BEGIN DEFERRED"); err != nil {
		return err
	}
	c.inSnapshot, c.snapshotAt = true, now
	return nil
}

// Version returns the version of the database's state. What was read after asking
// for it is still true when it is the same later: the writer counts before each
// commit and after it, before it is acknowledged, except for those of
// [DB.WriteApart].
//
// settled is false while a commit is under way. Some readers may see it already, and
// what one reader has seen the next one must see too: no cached result is good then.
func (d *DB) Version() (version uint64, settled bool) {
	v := d.version.Load()
	return v, v%2 == 0
}

// release returns a reader to the pool. Its snapshot stays for the next one, unless
// it failed, or the database is in memory, where it would keep the writer waiting.
func (d *DB) release(c *conn, failed bool) {
	if failed || d.memory != nil {
		c.endSnapshot()
	}
	d.readers <- c
}

func (c *conn) endSnapshot() {
	if c.inSnapshot {
		c.inSnapshot = false
		_ = c.exec("ROLLBACK") // nothing was written; an error shows at the next BEGIN
	}
}

// refresh ends the snapshots of idle readers every refreshEvery commits. The writer
// calls it; a busy reader begins a new one by itself.
func (d *DB) refresh() {
	now := d.commits.Load()
	if now-d.refreshed < 2*refreshEvery {
		return
	}
	d.refreshed = now
	for range readers {
		select {
		case c := <-d.readers:
			if c.snapshotAt != now {
				c.endSnapshot()
			}
			d.readers <- c
		default:
			return
		}
	}
}
