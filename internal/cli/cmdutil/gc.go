package cmdutil

import "runtime/debug"

// gcPercent lets garbage grow to four times what is in use before it is collected.
// Nearly all of a small answer is garbage, and what a server of ours has in use is a
// few MiB: a tenth of the time for about as many MiB more.
const gcPercent = 400

// TuneGC sets gcPercent for a command that serves, unless GOGC says otherwise, and
// returns how to undo it.
func TuneGC() (undo func()) {
	const byDefault = 100
	old := debug.SetGCPercent(gcPercent)
	if old != byDefault {
		debug.SetGCPercent(old)
	}
	return func() { debug.SetGCPercent(old) }
}
