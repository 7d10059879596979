package control_test

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/control"
	"github.com/acrkit/acrkit/emulator/fault"
)

// A program that did not start the emulator reads the key from the data folder, and uses
// https with a transport that trusts the certificate there.
func ExampleClient() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	e, err := emulator.Open(ctx, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer e.Close()
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() { _ = e.Serve(ctx, l) }()

	c, err := control.NewClient("http://"+l.Addr().String(), string(e.ControlKey()), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	noon := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	clock, err := c.ChangeClock(ctx, control.ClockChange{Now: &noon})
	fmt.Println(clock.Now.Format(time.DateTime), err)

	// The next request for a token is throttled.
	f, err := c.AddFault(ctx,
		control.NewFault{Kind: "throttle", Routes: []fault.Route{fault.RouteToken}, Count: 1, Seed: 7})
	fmt.Println(f.Kind, f.Routes, f.RetryAfter, err)

	_, err = c.Token(ctx, "", "ci-pull")
	fmt.Println(err)
	// Output:
	// 2030-01-01 12:00:00 <nil>
	// throttle [token] 1 <nil>
	// cannot ask the emulator: it cannot find the token "ci-pull": it does not exist
}
