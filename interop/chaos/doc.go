// Package chaos makes many clients push, pull, delete, lock and be refused at once,
// while the emulator, a real process, is killed at random with SIGKILL and started
// again on the same folder, in which a few bits were flipped meanwhile, with other
// rights for one of the identities. A model of what was acknowledged is kept for each
// repository. At any time
//
//   - what was acknowledged is there and whole, and what was not is there wholly
//     or not at all;
//   - content in which a bit was flipped is never served as good, and the next push
//     heals it;
//   - what an identity may not do was never done, and what it may was never
//     refused;
//   - beside clients that stall, in their body or in reading an answer, and
//     resets that wait for them, all others are answered in time;
//   - at rest, no file, connection or goroutine is left over.
//
// One minute is the default; longer by -chaos.duration, the same choices again by
// -chaos.seed (which requests meet a kill depends on the machine nevertheless).
package chaos
