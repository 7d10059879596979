// Package target finds the running emulator that a command talks to, and reads what such
// commands have in common.
package target

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/emulator/control"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/private"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
	"github.com/acrkit/acrkit/internal/wire"
)

//rule:control-times-key-limit
var keyLimit = limit.Limit{Name: "a control key", Bytes: 4 << 10}

// A Target says which running emulator a command talks to.
type Target struct {
	Factory *cmdutil.Factory
	DataDir string
	Addr    string
	KeyFile string
	CAFile  string
}

// AddFlags gives cmd, and the commands below it, the flags that name a
// running emulator.
func AddFlags(cmd *cobra.Command, f *cmdutil.Factory) *Target {
	c := &Target{Factory: f}
	flags := cmd.PersistentFlags()
	flags.StringVar(&c.DataDir, "data", "", "data `folder` of the running emulator (default: the user's data folder)")
	flags.StringVar(&c.Addr, "addr", "", "`address` of the emulator (default: the one in the data folder)")
	flags.StringVar(&c.KeyFile, "key-file", "",
		"`file` with the control API's key (default: control-api.key in the data folder)")
	flags.StringVar(&c.CAFile, "ca-file", "", "`file` with the emulator's CA certificate (default: the data folder's)")
	return c
}

// Registry is the name of the registry that --registry names, "" for the first.
func (c *Target) Registry() string {
	name, _, _ := strings.Cut(c.Factory.Global.Registry, ":")
	name, _, _ = strings.Cut(name, ".")
	if name == "localhost" {
		return ""
	}
	return name
}

// Run returns the RunE of a command that talks to the running emulator.
func (c *Target) Run(do func(cmd *cobra.Command, cl *control.Client, args []string) error) func(*cobra.Command,
	[]string) error {
	return func(cmd *cobra.Command, args []string) error {
		cl, err := c.Open()
		if err != nil {
			return err
		}
		return do(cmd, cl, args)
	}
}

// Open finds out how to reach the emulator; it does not reach it yet.
func (c *Target) Open() (*control.Client, error) {
	dir := c.DataDir
	if dir == "" && (c.Addr == "" || c.KeyFile == "") {
		var err error
		if dir, err = DefaultDataDir(c.Factory.Env, "acrkit emulator"); err != nil {
			return nil, err
		}
	}
	start := sentence.Fix(sentence.StartEmulator, nil)
	addr, caFile := c.Addr, c.CAFile
	if dir != "" {
		if c.DataDir != "" {
			start = sentence.Fix(sentence.StartWithFolder, map[string]string{"dir": shell.Quote(dir)})
		}
		conn, err := ReadConnection(dir)
		if err != nil && addr == "" {
			return nil, err
		}
		if err == nil && addr == "" {
			addr = conn.LoginServer
		}
		if err == nil && caFile == "" {
			caFile = conn.CAFile
		}
	}
	keyFile, open := c.KeyFile, os.Open // the mode of a file that the user names is not checked
	if keyFile == "" {
		keyFile = filepath.Join(dir, control.KeyFile)
		//rule:secret-files-open
		open = func(path string) (*os.File, error) { return private.OpenSecret(path, os.O_RDONLY) }
	}
	op := "read the control API's key"
	file, err := open(keyFile)
	if _, said := errors.AsType[*acrkit.Error](err); said {
		return nil, err
	}
	if err != nil {
		code := acrkit.CodeUsage
		if errors.Is(err, fs.ErrNotExist) {
			code = acrkit.CodeNotFound
		}
		if c.DataDir == "" && c.Addr != "" { // it is not the emulator of the user's data folder
			start = sentence.Fix(sentence.ShowClockOf, map[string]string{"host": c.Addr})
		}
		return nil, &acrkit.Error{Code: code, Op: op, Errs: []error{err}, Hint: start}
	}
	defer file.Close()
	data, err := keyLimit.ReadAll(file)
	if err != nil {
		return nil, err
	}
	key := strings.TrimSpace(string(data))
	if key == "" || strings.ContainsAny(key, " \n\r\t") {
		return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Reason: fmt.Sprintf("%q holds none", keyFile)}
	}
	transport := NewTransport(nil)
	scheme := "https"
	if caFile == "" {
		// Without the certificate, the key may go to this machine only.
		host, _, err := net.SplitHostPort(addr)
		if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return nil, cmdutil.Usage(
				"--addr %q is not HOST:PORT on this machine; for another one give --ca-file", addr)
		}
		scheme = "http"
	} else {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "read the CA certificate",
				Errs: []error{err}, Hint: start}
		}
		if transport = NewTransport(pem); transport.TLSClientConfig == nil {
			return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "read the CA certificate",
				Reason: fmt.Sprintf("%q holds none", caFile)}
		}
	}
	return control.NewClient(scheme+"://"+addr, key, &control.Options{Base: transport, Start: start})
}

// NewTransport returns an [http.Transport] that connects only to an emulator, without a proxy, because
// what it carries is for nothing else. Without a certificate in pem, TLSClientConfig is
// nil.
func NewTransport(pem []byte) *http.Transport {
	t := wire.NewTransport()
	t.Proxy = nil
	if pool := x509.NewCertPool(); pool.AppendCertsFromPEM(pem) {
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return t
}
