//go:build !race

package content_test

// raceDetector reports whether the race detector is on.
const raceDetector = false
