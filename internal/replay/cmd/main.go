// Command cmd plays recorded traffic of the service against the emulator:
//
//	go run ./internal/replay/cmd -recordings DIR [-registry https://localhost:5443]
//
// It ends with 0 if all exchanges match, 1 if some do not or there are none, and
// 2 if the recordings could not be played.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/acrkit/acrkit/internal/replay"
)

func main() {
	dir := flag.String("recordings", "", "folder of recordings: JSON of the Azure SDK test proxy, YAML of vcrpy")
	registry := flag.String("registry", "", "address of a running emulator with an empty registry, which is emptied again and again;\n"+
		"AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET name an Owner of it, SSL_CERT_FILE its CA (default: a new one in memory)")
	flag.Parse()
	if *dir == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	report, err := replay.Run(ctx, *dir, &replay.Options{Registry: *registry,
		Owner: replay.Owner{TenantID: os.Getenv("AZURE_TENANT_ID"), ClientID: os.Getenv("AZURE_CLIENT_ID"), ClientSecret: os.Getenv("AZURE_CLIENT_SECRET")}})
	if err == nil {
		err = report.Write(os.Stdout)
	}
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "replay:", err)
		os.Exit(2) //nolint:gocritic // nothing is left to be stopped
	case report.Matched < report.Exchanges || report.Exchanges == 0:
		os.Exit(1)
	}
}
