// Command replay plays recorded traffic of the service against the emulator:
//
//	go run ./tools/replay [-blob-redirects=false] [-registry https://localhost:5443] FOLDER
//
// It ends with 0 if all was read and all exchanges match; 1 if some do not, a file
// could not be read, or there is nothing to compare; and 2 if the folder could not
// be read or played.
//
// It reads a folder of recordings (package recording has the formats). For each
// recording it sets up a registry in the state that the recorded answers show, sends
// each request with the kind of credential that it was recorded with, and compares
// the answers: status, the headers that matter, and the body's shape. What cannot be
// compared is listed, with its file and the reason.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: go run ./tools/replay [flags] FOLDER\n\n"+
			"FOLDER holds recordings: JSON of the Azure SDK test proxy, YAML of vcrpy, session records of\n"+
			"the Azure SDK for Java, nock scripts and browser recordings of that for JavaScript.")
		flag.PrintDefaults()
	}
	registry := flag.String("registry", "", "address of a running emulator with an empty registry, which is emptied\n"+
		"again and again; AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET name an\n"+
		"Owner of it, SSL_CERT_FILE its CA (default: a new one in memory)")
	redirects := flag.Bool("blob-redirects", true, "the emulator redirects to storage, as with its own\n"+
		"--blob-redirects; without, recorded redirects are left out")
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	report, err := Run(ctx, flag.Args()[0], &Options{
		Registry: *registry, DirectBlobs: !*redirects, Owner: Owner{
			TenantID: os.Getenv("AZURE_TENANT_ID"), ClientID: os.Getenv("AZURE_CLIENT_ID"),
			ClientSecret: os.Getenv("AZURE_CLIENT_SECRET"),
		},
	})
	if err == nil {
		err = report.Write(os.Stdout)
	}
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "replay:", err)
		os.Exit(2) //nolint:gocritic // nothing is left to be stopped
	case !report.Good():
		os.Exit(1)
	}
}
