package rotate_test

import (
	"context"
	"fmt"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/manage"
	"github.com/acrkit/acrkit/manage/rotate"
	"github.com/acrkit/acrkit/manage/sink"
)

// Rotate the password of one token, which a program reads from a file.
func ExampleRotation_Run() {
	run := func(ctx context.Context, passwords *manage.Registry) error {
		reg, err := acrkit.ParseRegistry("myregistry")
		if err != nil {
			return err
		}
		file, err := sink.Parse("file:/run/secrets/acr cache:10m", nil)
		if err != nil {
			return err
		}
		r := &rotate.Rotation{
			Registry: reg, Token: "ci-pull", Passwords: passwords,
			Login:   rotate.NewLogin(reg, "ci-pull", nil),
			Sinks:   []sink.Sink{file},
			Journal: rotate.NewFileJournal("/var/lib/rotations", reg, "ci-pull"),
			Expires: 90 * 24 * time.Hour, Next: 30 * 24 * time.Hour, Grace: 10 * time.Minute,
			Report: func(line string) { fmt.Println(line) },
		}
		result, err := r.Run(ctx)
		if err != nil {
			return err
		}
		fmt.Println(result.Slot, "until", result.Expires)
		return nil
	}
	// With a registry of [manage.Client.Registry]. What is wrong is told before it is asked:
	fmt.Println(acrkit.CodeOf(run(context.Background(), nil))) // the grace is shorter than 11m0s
	// Output: usage
}
