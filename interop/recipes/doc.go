// Package recipes runs the recipes under examples/ that have the emulator in a pipeline: each
// command of theirs, as it is written, with the release's image under the name that they
// give it. It is a module of its own, so that other modules do not require the
// checkers of workflows and of compose files.
package recipes
