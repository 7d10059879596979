package acrtest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"
	"oras.land/oras-go/v2/registry/remote"

	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/auth/azureauth"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/stall"
	"github.com/acrkit/acrkit/registry"
)

// Options are the settings of [NewRegistry] and [Start]. Nil means all zero.
type Options struct {
	Seed   *seed.Seed       // what it holds at the start; nil = an empty registry "myregistry"
	Now    func() time.Time // the registry's clock; nil = time.Now
	Logger *slog.Logger     // of the emulator; nil = silent

	// Hostnames are names that the registry has besides localhost, without ports, for clients
	// that tell ACR by its name: "myregistry.azurecr.io". Its certificate holds for them; that
	// they lead to it is the client's part, by its dialer or a hosts file.
	Hostnames []string

	// RateLimits lets the documented rate limits of the tier hold.
	RateLimits bool

	// DataDir keeps the state on disk, where durability is what is tested;
	// "" = in memory, which is faster.
	DataDir string
}

// Registry is a running registry.
type Registry struct {
	tb   owner
	em   *emulator.Emulator
	reg  *emulator.Registry
	host string
	base *http.Transport
	log  *recorder

	mu     sync.Mutex
	caFile string
	setup  *auth.Transport // of the token that Push uses; nil until the first
}

// NewRegistry starts a registry that ends with the test. It is ready when
// NewRegistry returns.
func NewRegistry(tb testing.TB, opts *Options) *Registry {
	tb.Helper()
	return newRegistry(tb, opts)
}

func newRegistry(tb owner, opts *Options) *Registry {
	tb.Helper()
	var o Options
	if opts != nil {
		o = *opts
	}
	// The test's own context ends before its Cleanup functions run, which may
	// still use the registry.
	ctx, stop := context.WithCancel(context.WithoutCancel(tb.Context()))
	log := &recorder{}
	em, err := emulator.Open(ctx, &emulator.Options{DataDir: o.DataDir, Seed: o.Seed, Now: o.Now, Logger: o.Logger,
		Hostnames: o.Hostnames, RateLimits: o.RateLimits, Observe: log.observe})
	if err != nil {
		stop()
		tb.Fatalf("acrtest: %v", err)
	}
	var l net.Listener
	served := make(chan error, 1)
	// Registered before anything else can fail, and last to run of all that the
	// registry registers.
	tb.Cleanup(func() {
		stop()
		if l != nil {
			if err := <-served; err != nil {
				tb.Errorf("acrtest: serve: %v", err)
			}
		}
		if err := em.Close(); err != nil {
			tb.Errorf("acrtest: close: %v", err)
		}
	})
	l, err = (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("acrtest: %v", err)
	}
	go func() { served <- em.Serve(ctx, l) }()

	reg, err := em.Registry("")
	if err != nil {
		tb.Fatalf("acrtest: %v", err)
	}
	addr := l.Addr().(*net.TCPAddr)
	_, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		tb.Fatalf("acrtest: %v", err)
	}
	r := &Registry{tb: tb, em: em, reg: reg, host: net.JoinHostPort("localhost", port)}
	dialer := &net.Dialer{}
	r.base = &http.Transport{
		// No proxy: a test must not depend on the environment. Names that are
		// the registry's go to its listener and need no resolver, which may
		// prefer another family's loopback address.
		DialContext: func(ctx context.Context, network, target string) (net.Conn, error) {
			if host, p, err := net.SplitHostPort(target); err == nil && p == port &&
				(host == "localhost" || strings.HasSuffix(host, ".localhost")) {
				target = addr.String()
			}
			return dialer.DialContext(ctx, network, target)
		},
		TLSClientConfig:     &tls.Config{RootCAs: em.CAPool(), MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 64, // many goroutines keep their connections
	}
	r.log = log
	tb.Cleanup(r.base.CloseIdleConnections)
	return r
}

// Host returns the login server, "localhost:PORT": the registry's name for clients.
func (r *Registry) Host() string { return r.host }

// URL returns "https://" and the host.
func (r *Registry) URL() string { return "https://" + r.host }

// Name returns the registry's name, "myregistry" where no seed says otherwise. The
// registry also answers at NAME.azurecr.localhost on the same port.
func (r *Registry) Name() string { return r.reg.Name() }

// AuthorityHost returns the Entra authority: the same address, with a slash.
func (r *Registry) AuthorityHost() string { return r.URL() + "/" }

// Emulator returns the emulator itself: for the clock, faults and settings.
func (r *Registry) Emulator() *emulator.Emulator { return r.em }

// Manage returns the handle for what Azure Resource Manager would do: scope maps,
// tokens, roles.
func (r *Registry) Manage() *emulator.Registry { return r.reg }

// CAPool returns a pool that holds the registry's certificate authority alone.
func (r *Registry) CAPool() *x509.CertPool { return r.em.CAPool() }

// CAFile returns a PEM file with the certificate authority, for SSL_CERT_FILE and
// the like of other programs.
func (r *Registry) CAFile() string {
	r.tb.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.caFile == "" {
		name := filepath.Join(r.tb.TempDir(), "ca.pem")
		if err := os.WriteFile(name, r.em.CACertificate(), 0o600); err != nil {
			r.tb.Fatalf("acrtest: %v", err)
		}
		r.caFile = name
	}
	return r.caFile
}

// RoundTripper returns a transport that trusts the registry and adds no credential.
// Every client of this package is built on it.
func (r *Registry) RoundTripper() http.RoundTripper { return r.base }

// HTTPClient returns a new client over [Registry.RoundTripper], with the limits of
// acrkit's own on an exchange that stalls.
func (r *Registry) HTTPClient() *http.Client { return &http.Client{Transport: stall.Wrap(r.base)} }

// Transport returns a transport of package auth for the credential; nil is
// anonymous. It ends with the test.
func (r *Registry) Transport(cred auth.Credential) *auth.Transport {
	r.tb.Helper()
	t, err := auth.NewTransport(r.host, cred, &auth.Options{Base: r.base})
	if err != nil {
		r.tb.Fatalf("acrtest: %v", err)
	}
	r.tb.Cleanup(func() {
		if err := t.Close(); err != nil {
			r.tb.Errorf("acrtest: close the transport: %v", err)
		}
	})
	return t
}

// Client returns a client of package registry.
func (r *Registry) Client(cred auth.Credential) *registry.Client {
	r.tb.Helper()
	c, err := registry.New(r.host, r.Transport(cred), nil)
	if err != nil {
		r.tb.Fatalf("acrtest: %v", err)
	}
	return c
}

// OrasRepository returns oras-go's client of one repository.
func (r *Registry) OrasRepository(name string, cred auth.Credential) *remote.Repository {
	r.tb.Helper()
	repo, err := remote.NewRepository(r.host + "/" + name)
	if err != nil {
		r.tb.Fatalf("acrtest: %v", err)
	}
	repo.Client = &http.Client{Transport: r.Transport(cred)}
	return repo
}

// AzureClient returns Microsoft's client through package azureauth.
func (r *Registry) AzureClient(cred auth.Credential) *azcontainerregistry.Client {
	r.tb.Helper()
	c, err := azureauth.NewContainerRegistryClient(r.host, cred,
		&azcontainerregistry.ClientOptions{ClientOptions: r.AzureOptions()})
	if err != nil {
		r.tb.Fatalf("acrtest: %v", err)
	}
	return c
}

// AzureBlobClient returns Microsoft's client for blobs through package azureauth.
func (r *Registry) AzureBlobClient(cred auth.Credential) *azcontainerregistry.BlobClient {
	r.tb.Helper()
	c, err := azureauth.NewContainerRegistryBlobClient(r.host, cred,
		&azcontainerregistry.BlobClientOptions{ClientOptions: r.AzureOptions()})
	if err != nil {
		r.tb.Fatalf("acrtest: %v", err)
	}
	return c
}

// AzureOptions returns options with which Microsoft's own clients, azidentity's and
// azcontainerregistry's, find and trust the registry without this module. What
// still needs code of yours is azidentity's DisableInstanceDiscovery: true.
func (r *Registry) AzureOptions() azcore.ClientOptions {
	return azcore.ClientOptions{
		Transport: r.HTTPClient(),
		Cloud: cloud.Configuration{
			ActiveDirectoryAuthorityHost: r.AuthorityHost(),
			Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
				azcontainerregistry.ServiceName: {Audience: "https://containerregistry.azure.net"},
				cloud.ResourceManager:           {Endpoint: r.URL(), Audience: "https://management.azure.com"},
			},
		},
	}
}
