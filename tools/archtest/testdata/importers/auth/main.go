// Command importer asks a registry for the tags of a repository through package
// auth, and prints the answer's status and the modules that are in the program.
package main

import (
	"fmt"
	"net/http"
	"os"
	"runtime/debug"

	"github.com/acrkit/acrkit/auth"
)

func main() {
	rt, err := auth.NewTransport(os.Getenv("ACR_NAME"),
		auth.ScopedToken(os.Getenv("ACR_TOKEN_NAME"), os.Getenv("ACR_TOKEN_PASSWORD")), nil)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	resp, err := (&http.Client{Transport: rt}).Get("https://" + rt.Registry().Host() + "/v2/samples/app/tags/list")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	_ = resp.Body.Close()
	fmt.Println(resp.StatusCode)
	info, _ := debug.ReadBuildInfo()
	for _, dep := range info.Deps {
		fmt.Println(dep.Path)
	}
}
