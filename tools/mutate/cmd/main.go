// Command cmd takes each security rule out and sees its test fail. See package
// mutate.
//
//	go run ./tools/mutate/cmd [rule...]
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

	"github.com/acrkit/acrkit/tools/mutate"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(ids []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		return 1
	}
	root := filepath.Dir(strings.TrimSpace(string(out)))
	count, failed := 0, 0
	for _, r := range mutate.Rules() {
		if len(ids) > 0 && !slices.Contains(ids, r.ID) {
			continue
		}
		for _, b := range r.Breaks {
			count++
			if err := b.Run(ctx, root); err != nil {
				failed++
				fmt.Printf("%-12s SURVIVES %s, %s: %v\n", r.ID, b.File, b.Test, err)
				continue
			}
			fmt.Printf("%-12s caught by %s\n", r.ID, b.Test)
		}
	}
	fmt.Printf("%d changes, %d not caught\n", count, failed)
	if failed > 0 || count == 0 {
		return 1
	}
	return 0
}
