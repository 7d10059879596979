// Command mutate removes each security rule from the code, one at a time, and sees that a
// test fails without it.
//
//	go run ./tools/mutate [rule or place...]
//
// The rules are listed in this package (rules*.go). Each has changes, and each change
// names a place. The place is marked in the code by a comment (see package marker):
//
//	//rule:plain-http-new
//	case opts.PlainHTTP && !reg.IsLoopback():
//
// How the marked code is changed is an operation, such as never(): "the condition is
// never true" (op.go). Changes reach the compiler alone, by go test -overlay.
//
// The tests of this package see that each marker has a change and each change one marker,
// that the changed code is other code and compiles, that each named test exists, and that
// docs/security-rules.md says the same.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

func run(ctx context.Context, names []string) int {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		return 1
	}
	root := filepath.Dir(strings.TrimSpace(string(out)))
	places, err := findPlaces(root)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		return 1
	}
	count, failed := 0, 0
	for _, r := range rules() {
		for _, c := range r.changes {
			if len(names) > 0 && !slices.Contains(names, r.name) && !slices.Contains(names, c.place) {
				continue
			}
			count++
			err := c.run(ctx, root, places)
			if ctx.Err() != nil { // which ended the test
				fmt.Fprintf(os.Stderr, "mutate: interrupted at %s\n", c.place)
				return 1
			}
			if err != nil {
				failed++
				fmt.Printf("%-30s SURVIVES %v, %s: %v\n", c.place, c.op, c.test, err)
				continue
			}
			fmt.Printf("%-30s %v: caught by %s\n", c.place, c.op, c.test)
		}
	}
	fmt.Printf("%d changes, %d not caught\n", count, failed)
	if failed > 0 || count == 0 {
		return 1
	}
	return 0
}
