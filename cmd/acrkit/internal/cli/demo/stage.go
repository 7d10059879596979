package demo

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/shell"
	"github.com/acrkit/acrkit/internal/stall"
)

// stage is the running emulator with what the steps hand on to each other.
type stage struct {
	print    *printer
	em       *emulator.Emulator
	registry *emulator.Registry
	host     string
	trace    *tracer
	closers  []func() error // last first

	secret                       string // of the service principal
	pullPassword, browsePassword string
	ci                           *azcontainerregistry.Client
}

func newStage(ctx context.Context, io *iostreams.IOStreams) (_ *stage, err error) {
	s := &stage{print: &printer{io: io}, secret: rand.Text()}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	start := &seed.Seed{
		Tenants: []seed.Tenant{
			{ID: tenantID, Applications: []seed.Application{{ClientID: clientID, DisplayName: "build-agent",
				Secrets: []seed.ClientSecret{{Value: seed.Secret(s.secret)}}}}}},
		Registries: []seed.Registry{{Name: "myregistry",
			RoleAssignments: []seed.RoleAssignment{{ClientID: clientID, Role: "AcrPush"}}}},
	}
	if s.em, err = emulator.Open(ctx, &emulator.Options{Seed: start}); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, s.em.Close)
	if s.registry, err = s.em.Registry(""); err != nil {
		return nil, err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	// Not ctx: what is under way when the person interrupts still gets answers.
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() { served <- s.em.Serve(serving, l) }()
	s.closers = append(s.closers, func() error { stop(); return <-served })

	addr := l.Addr().String()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	s.host = net.JoinHostPort("localhost", port)
	dialer := &net.Dialer{}
	base := &http.Transport{
		// Neither a proxy nor a resolver: both may lead elsewhere.
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, addr)
		},
		TLSClientConfig:   &tls.Config{RootCAs: s.em.CAPool(), MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true,
	}
	s.closers = append(s.closers, func() error { base.CloseIdleConnections(); return nil })
	s.trace = &tracer{base: stall.Wrap(base)}
	return s, nil
}

func (s *stage) close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	s.closers = nil
	return errors.Join(errs...)
}

func httpClient(rt http.RoundTripper) *http.Client { return &http.Client{Transport: rt} }

func (s *stage) httpClient() *http.Client { return httpClient(s.trace) }

// keep prints what to paste to use the registry that goes on running.
func (s *stage) keep(p *printer) error {
	dir, err := os.MkdirTemp("", "acrkit-demo-")
	if err != nil {
		return err
	}
	s.closers = append(s.closers, func() error { return os.RemoveAll(dir) })
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, s.em.CACertificate(), 0o600); err != nil {
		return err
	}
	p.line("")
	p.line("%s", p.io.Styled(iostreams.Bold, "It goes on running. In another terminal, paste:"))
	p.line("")
	for _, kv := range [][2]string{
		{"SSL_CERT_FILE", ca},
		{"ACR_NAME", s.host},
		{"ACR_TOKEN_NAME", pullToken},
		{"ACR_TOKEN_PASSWORD", s.pullPassword},
	} {
		p.line("   export %s=%s", kv[0], shell.Quote(kv[1]))
	}
	p.line("")
	p.line("and then, for example (in a clone, acrkit is `go run ./cmd/acrkit`):")
	p.line("")
	for _, c := range []string{
		"acrkit tag list " + repoWeb,
		"acrkit repo list        # refused; see why",
		"go run ./examples/scoped-token " + repoWeb,
		"printf %s \"$ACR_TOKEN_PASSWORD\" | oras manifest fetch --plain-http=false -u \"$ACR_TOKEN_NAME\" " +
			"--password-stdin \"$ACR_NAME/" + repoWeb + ":v1\"",
	} {
		p.line("   %s", c)
	}
	p.line("")
	p.line("The token %q (root map) has the password %s", browseToken, s.browsePassword)
	p.line("Service principal: tenant %s, client %s, secret %s", tenantID, clientID, s.secret)
	p.line("Ctrl-C ends it; nothing is left behind.")
	return nil
}
