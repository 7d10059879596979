package cmdutil

import "runtime/debug"

// gcPercent lets garbage grow to four times what is in use before it is collected.
// Nearly all memory of a small answer is garbage, and acrkit's servers use only a few
// MiB: collection takes a tenth of the time for a few MiB more.
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
