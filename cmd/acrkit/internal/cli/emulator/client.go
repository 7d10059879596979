package emulator

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/private"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
	"github.com/acrkit/acrkit/internal/stall"
	"github.com/acrkit/acrkit/internal/wire"
)

// The control API of a running emulator, as its openapi.yaml describes it.
const (
	controlPath   = "/_acrkit/v1/"
	controlHeader = "Acrkit-Control-Key"
	controlKey    = "control-api.key" // in the data folder
)

// controlTime is how long the control API may take to answer: it holds a question
// for the next decision for followWait, and a reset waits for requests under way.
const controlTime = followWait + stall.HeaderTime

var (
	keyLimit = limit.Limit{Name: "a control key", Bytes: 4 << 10}
	// controlLimit has room for the 50,000 tokens of the largest tier.
	controlLimit = limit.Limit{Name: "an answer of the control API", Bytes: 64 << 20}
)

// control says which running emulator a command talks to.
type control struct {
	factory *cmdutil.Factory
	DataDir string
	Addr    string
	KeyFile string
	CAFile  string
}

// addControlFlags gives cmd, and the commands below it, the flags that name a
// running emulator.
func addControlFlags(cmd *cobra.Command, f *cmdutil.Factory) *control {
	c := &control{factory: f}
	flags := cmd.PersistentFlags()
	flags.StringVar(&c.DataDir, "data", "", "data `folder` of the running emulator (default: the user's data folder)")
	flags.StringVar(&c.Addr, "addr", "", "`address` of the emulator, where it is not what the data folder says")
	flags.StringVar(&c.KeyFile, "key-file", "", "`file` with the control API's key (default: control-api.key in the data folder)")
	flags.StringVar(&c.CAFile, "ca-file", "", "`file` with the emulator's CA certificate (default: the data folder's)")
	return c
}

// registry is the name of the registry that --registry names, "" for the first.
func (c *control) registry() string {
	name, _, _ := strings.Cut(c.factory.Global.Registry, ":")
	name, _, _ = strings.Cut(name, ".")
	if name == "localhost" {
		return ""
	}
	return name
}

// complete completes the first argument with names of the emulator's collection.
func (c *control) complete(collection string) cobra.CompletionFunc {
	return cmdutil.CompleteNames(c.names(collection))
}

// names lists the names of the emulator's tokens, scope-maps or snapshots.
func (c *control) names(collection string) func(context.Context) ([]string, error) {
	return func(ctx context.Context) ([]string, error) {
		cl, err := c.open()
		if err != nil {
			return nil, err
		}
		p := collection
		if collection != "snapshots" {
			if p, err = cl.registryPath(ctx, c.registry(), collection); err != nil {
				return nil, err
			}
		}
		var out map[string][]struct{ Name string }
		err = cl.call(ctx, http.MethodGet, p, nil, &out)
		var names []string
		for _, items := range out {
			for _, item := range items {
				names = append(names, item.Name)
			}
		}
		return names, err
	}
}

// run returns the RunE of a command that talks to the running emulator.
func (c *control) run(do func(cmd *cobra.Command, cl *client, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		cl, err := c.open()
		if err != nil {
			return err
		}
		return do(cmd, cl, args)
	}
}

// client talks to a control API.
type client struct {
	http *http.Client
	base string // with the scheme and the prefix
	key  string
	hint string // how to start the emulator
}

// open finds out how to reach the emulator; it does not reach it yet.
func (c *control) open() (*client, error) {
	dir := c.DataDir
	if dir == "" && (c.Addr == "" || c.KeyFile == "") {
		var err error
		if dir, err = defaultDataDir(c.factory.Env, "acrkit emulator"); err != nil {
			return nil, err
		}
	}
	out := &client{hint: sentence.Fix(sentence.StartEmulator, nil)}
	addr, caFile := c.Addr, c.CAFile
	if dir != "" {
		if c.DataDir != "" {
			out.hint = sentence.Fix(sentence.StartWithFolder, map[string]string{"dir": shell.Quote(dir)})
		}
		conn, err := readConnection(dir)
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
		keyFile = filepath.Join(dir, controlKey)
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
			out.hint = sentence.Fix(sentence.ShowClockOf, map[string]string{"host": c.Addr})
		}
		return nil, &acrkit.Error{Code: code, Op: op, Errs: []error{err}, Hint: out.hint}
	}
	defer file.Close()
	data, err := keyLimit.ReadAll(file)
	if err != nil {
		return nil, err
	}
	if out.key = strings.TrimSpace(string(data)); out.key == "" || strings.ContainsAny(out.key, " \n\r\t") {
		return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Reason: fmt.Sprintf("%q holds none", keyFile)}
	}
	transport := newTransport(nil)
	scheme := "https"
	if caFile == "" {
		// Without the certificate, the key may go to this machine only.
		host, _, err := net.SplitHostPort(addr)
		if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return nil, cmdutil.Usage("--addr %q is not HOST:PORT on this machine; for another one give --ca-file", addr)
		}
		scheme = "http"
	} else {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "read the CA certificate", Errs: []error{err}, Hint: out.hint}
		}
		if transport = newTransport(pem); transport.TLSClientConfig == nil {
			return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "read the CA certificate", Reason: fmt.Sprintf("%q holds none", caFile)}
		}
	}
	out.base = scheme + "://" + addr + controlPath
	out.http = newHTTPClient(transport)
	return out, nil
}

// newTransport returns one that connects only to an emulator, without a proxy, because
// what it carries is for nothing else. Without a certificate in pem, TLSClientConfig is
// nil.
func newTransport(pem []byte) *http.Transport {
	t := wire.NewTransport()
	t.Proxy = nil
	if pool := x509.NewCertPool(); pool.AppendCertsFromPEM(pem) {
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return t
}

func newHTTPClient(base http.RoundTripper) *http.Client {
	return &http.Client{Transport: stall.WrapWith(base, stall.Limits{Header: controlTime}),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// path joins the parts of a path below the prefix, each escaped.
func path(parts ...string) string {
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}

// call makes one request; in and out are nil where there is no body.
func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return err
		}
	}
	const op = "ask the emulator"
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, &body)
	if err != nil {
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Errs: []error{err}}
	}
	req.Header.Set(controlHeader, c.key)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err
		}
		return c.lost(op, req.URL.Host, err)
	}
	defer resp.Body.Close()
	data, err := controlLimit.ReadAll(resp.Body)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return c.lost(op, req.URL.Host, err)
	}
	switch {
	case resp.StatusCode == http.StatusUnauthorized:
		return &acrkit.Error{Code: acrkit.CodeCredentialRejected, Op: op, Reason: "the key is another emulator's",
			Hint: sentence.Fix(sentence.ShowClockOf, map[string]string{"host": req.URL.Host})}
	case resp.StatusCode == http.StatusForbidden:
		return &acrkit.Error{Code: acrkit.CodeDenied, Op: op, Reason: fmt.Sprintf("%s is no name and port of its own", req.URL.Host)}
	case resp.StatusCode >= http.StatusBadRequest:
		return refusedBy(op, resp.StatusCode, data)
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return &acrkit.Error{Code: acrkit.CodeProtocol, Op: op, Reason: "its answer cannot be read: it may be of another version", Errs: []error{err}}
	}
	return nil
}

// lost returns the error of a request without an answer, or with an incomplete one.
func (c *client) lost(op, host string, err error) error {
	e := &acrkit.Error{Code: acrkit.CodeUnavailable, Op: op + " at " + host, Errs: []error{err}, Hint: c.hint}
	if _, ok := errors.AsType[*stall.Error](err); ok {
		e.Hint = sentence.Fix(sentence.WhenItHasEnded, map[string]string{"command": c.hint})
	}
	return e
}

func refusedBy(op string, status int, data []byte) error {
	var body struct {
		Error struct{ Code, Message, Hint string }
	}
	if json.Unmarshal(data, &body) != nil || body.Error.Message == "" {
		return &acrkit.Error{Code: acrkit.CodeProtocol, Op: op, Reason: fmt.Sprintf("it answered %d; it may be of another version", status)}
	}
	code := acrkit.Code(body.Error.Code)
	message := strings.TrimPrefix(body.Error.Message, "cannot ")
	return &acrkit.Error{Code: code, Op: op, Reason: "it cannot " + message, Hint: body.Error.Hint}
}

// registryPath returns the path of what belongs to the chosen registry.
func (c *client) registryPath(ctx context.Context, name string, parts ...string) (string, error) {
	if name == "" {
		var all struct {
			Registries []struct{ Name string }
		}
		if err := c.call(ctx, http.MethodGet, "registries", nil, &all); err != nil {
			return "", err
		}
		if len(all.Registries) == 0 {
			return "", &acrkit.Error{Code: acrkit.CodeNotFound, Op: "find a registry", Reason: "the emulator has none"}
		}
		name = all.Registries[0].Name
	}
	return path(append([]string{"registries", name}, parts...)...), nil
}
