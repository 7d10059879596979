// The kubelet command looks for the credentials of images as a kubelet does: with the
// kubelet's own code of credential providers, and its cache. It answers Node.Lookup by
// JSON-RPC, on standard input and output, until its input ends.
//
//	kubelet CREDENTIAL_PROVIDER_CONFIG BIN_DIR
package main

import (
	"fmt"
	"io"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: kubelet CREDENTIAL_PROVIDER_CONFIG BIN_DIR")
		os.Exit(2)
	}
	if err := serve(os.Args[1], os.Args[2], stdio{os.Stdin, os.Stdout}); err != nil {
		fmt.Fprintln(os.Stderr, "kubelet:", err)
		os.Exit(1)
	}
}

// stdio is the connection to the program that started this one.
type stdio struct {
	io.ReadCloser
	io.Writer
}

// serve answers until the connection ends.
func serve(config, binDir string, conn io.ReadWriteCloser) error {
	n, err := newNode(config, binDir)
	if err != nil {
		return err
	}
	server := rpc.NewServer()
	if err := server.RegisterName("Node", n); err != nil {
		return err
	}
	server.ServeCodec(jsonrpc.NewServerCodec(conn))
	return nil
}
