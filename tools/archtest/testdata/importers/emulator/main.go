// Command importer serves an emulator of its own.
package main

import (
	"context"
	"fmt"
	"net"
	"os"

	"github.com/acrkit/acrkit/emulator"
)

func main() {
	em, err := emulator.Open(context.Background(), nil)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(em.Serve(context.Background(), l))
}
