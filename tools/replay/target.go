package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
)

// The application that sets the registry up, and whose Entra token replaces the
// recorded ones.
const (
	tenantID = "11111111-1111-1111-1111-111111111111"
	clientID = "22222222-2222-2222-2222-222222222222"

	localSuffix = ".azurecr.localhost"
	maxAnswer   = 64 << 20 // bytes of one answer
)

// Owner is an Entra application with the role Owner on the registry.
type Owner struct{ TenantID, ClientID, ClientSecret string }

// String names the application without its secret.
func (o Owner) String() string { return "application " + o.ClientID }

// GoString is the same as String.
func (o Owner) GoString() string { return o.String() }

// target is what recordings are played against.
type target struct {
	client    *http.Client
	scheme    string
	authority string // of Entra, without a slash at the end
	owner     Owner
	setClock  func(time.Time) // the zero time is now
	// directBlobs says that there are no redirects to storage.
	directBlobs bool
	// fresh returns the login server of an empty registry for the i-th
	// recording, and what clears it up.
	fresh func(ctx context.Context, i int, s *state) (host string, done func(context.Context) error, err error)
	close func() error
}

// newClient returns a client that follows nothing and knows no proxy.
func newClient(t *http.Transport) *http.Client {
	t.DisableCompression = true
	return &http.Client{Transport: t, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

// openEmulator starts an emulator in memory with a registry for each recording.
func openEmulator(ctx context.Context, states []*state, directBlobs bool) (*target, error) {
	owner := Owner{TenantID: tenantID, ClientID: clientID, ClientSecret: rand.Text()}
	start := &seed.Seed{Tenants: []seed.Tenant{{ID: tenantID, Applications: []seed.Application{{ClientID: clientID,
		Secrets: []seed.ClientSecret{{Value: seed.Secret(owner.ClientSecret)}}}}}}}
	for i, s := range states {
		start.Registries = append(start.Registries,
			seed.Registry{Name: registryName(i), AnonymousPullEnabled: s.anonymous,
				RoleAssignments: []seed.RoleAssignment{{ClientID: clientID, Role: "Owner"}}})
	}
	var clock atomic.Pointer[time.Time]
	em, err := emulator.Open(ctx, &emulator.Options{Seed: start, BlobRedirects: !directBlobs, Now: func() time.Time {
		if t := clock.Load(); t != nil {
			return *t
		}
		return time.Now()
	}})
	if err != nil {
		return nil, err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, em.Close())
	}
	ctx, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- em.Serve(ctx, l) }()
	transport := &http.Transport{
		// Every name is the listener's, so that no resolver is asked.
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", l.Addr().String())
		},
		TLSClientConfig: &tls.Config{RootCAs: em.CAPool(), MinVersion: tls.VersionTLS12},
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return &target{
		client: newClient(transport), scheme: "https", authority: "https://localhost:" + port, owner: owner,
		setClock: func(t time.Time) {
			if t.IsZero() {
				clock.Store(nil)
				return
			}
			clock.Store(&t)
		},
		fresh: func(_ context.Context, i int, _ *state) (string, func(context.Context) error, error) {
			return registryName(i) + localSuffix + ":" + port, func(context.Context) error { return nil }, nil
		},
		close: func() error {
			transport.CloseIdleConnections()
			stop()
			return errors.Join(<-served, em.Close())
		},
	}, nil
}

func registryName(i int) string { return fmt.Sprintf("replay%04d", i) }

// errAnonymous says that a registry requires a credential, and a recording needs
// anonymous pull.
var errAnonymous = errors.New("the registry has no anonymous pull")

// openRegistry plays against a running emulator whose registry is empty. It is
// emptied after each recording, so only loopback addresses are taken.
func openRegistry(ctx context.Context, address string, owner Owner) (*target, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.Trim(u.Path, "/") != "" {
		return nil, errors.New("the registry's address is not of the form https://HOST:PORT")
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if h := u.Hostname(); h != "localhost" && !strings.HasSuffix(h, localSuffix) && (err != nil || !ip.IsLoopback()) {
		return nil, errors.New(
			"only an emulator on this machine is accepted: the registry is emptied after each recording")
	}
	if owner.TenantID == "" || owner.ClientID == "" || owner.ClientSecret == "" {
		return nil, errors.New(
			"AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET must name an application with the role Owner " +
				"on the registry")
	}
	t := &target{client: newClient(http.DefaultTransport.(*http.Transport).Clone()), scheme: u.Scheme,
		authority: u.Scheme + "://" + u.Host, owner: owner,
		setClock: func(time.Time) {}, close: func() error { return nil }}
	if names, err := t.catalog(ctx, u.Host); err != nil {
		return nil, err
	} else if len(names) > 0 {
		return nil, fmt.Errorf("the registry holds %d repositories or more; an empty one is needed", len(names))
	}
	t.fresh = func(ctx context.Context, _ int, s *state) (string, func(context.Context) error, error) {
		if s.anonymous {
			if _, err := t.accessToken(ctx, u.Host, "registry:catalog:*", ""); err != nil {
				return "", nil, errAnonymous
			}
		}
		return u.Host, func(ctx context.Context) error { return t.empty(ctx, u.Host, s) }, nil
	}
	return t, nil
}

func (t *target) catalog(ctx context.Context, host string) ([]string, error) {
	var body struct{ Repositories []string }
	b, err := t.owned(ctx, host, "GET", "/acr/v1/_catalog?n=1000", "", nil, http.StatusOK)
	if err == nil {
		err = json.Unmarshal(b, &body)
	}
	return body.Repositories, err
}

// empty removes all repositories, those that are locked or hidden too.
func (t *target) empty(ctx context.Context, host string, s *state) error {
	unlocked := []byte(`{"deleteEnabled":true,"writeEnabled":true,"readEnabled":true,"listEnabled":true}`)
	unlock := func(path string) { // what is gone needs none
		_ = t.asOwner(ctx, host, "PATCH", path, "application/json", unlocked, http.StatusOK)
	}
	for name := range s.repositories {
		unlock("/acr/v1/" + name)
	}
	for {
		names, err := t.catalog(ctx, host)
		if err != nil || len(names) == 0 {
			return err
		}
		for _, name := range names {
			if r := s.repositories[name]; r != nil {
				for tag := range r.tags {
					unlock("/acr/v1/" + name + "/_tags/" + tag)
				}
			}
			if err := t.unlockManifests(ctx, host, name, unlock); err != nil {
				return err
			}
			if err := t.asOwner(ctx, host, "DELETE", "/acr/v1/"+name, "", nil, http.StatusAccepted); err != nil {
				return err
			}
		}
	}
}

func (t *target) unlockManifests(ctx context.Context, host, name string, unlock func(string)) error {
	var body answerBody
	b, err := t.owned(ctx, host, "GET", "/acr/v1/"+name+"/_manifests?n=1000", "", nil, http.StatusOK)
	if err == nil {
		err = json.Unmarshal(b, &body)
	}
	for _, m := range body.Manifests {
		if m.ChangeableAttributes.any() {
			unlock("/acr/v1/" + name + "/_manifests/" + m.Digest)
		}
	}
	return err
}

// asOwner sends a request of the owner's and wants a status.
func (t *target) asOwner(ctx context.Context, host, method, path, contentType string, body []byte, want int) error {
	_, err := t.owned(ctx, host, method, path, contentType, body, want)
	return err
}

// owned is asOwner with the answer's body. The owner's name and secret are in the
// request itself (Basic), which does not depend on the registry's clock.
func (t *target) owned(ctx context.Context, host, method, path, contentType string, body []byte,
	want int) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, t.scheme+"://"+host+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(t.owner.ClientID, t.owner.ClientSecret)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return t.do(req, want)
}

func (t *target) do(req *http.Request, want int) ([]byte, error) {
	resp, err := t.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err == nil && resp.StatusCode != want {
		err = fmt.Errorf("%s %s: status %d, want %d", req.Method, req.URL.Path, resp.StatusCode, want)
	}
	return b, err
}

func (t *target) form(ctx context.Context, address string, form url.Values, field string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	b, err := t.do(req, http.StatusOK)
	if err != nil {
		return "", err
	}
	var body map[string]any
	if err := json.Unmarshal(b, &body); err != nil {
		return "", err
	}
	token, _ := body[field].(string)
	return token, nil
}

// What an Entra token is for.
const (
	forRegistries  = "https://containerregistry.azure.net/.default"
	forAnotherARM  = "https://management.usgovcloudapi.net/.default" // of another cloud than the registry's
	refusedForThat = "retrieving permissions failed"
)

// entraToken signs the owner in.
func (t *target) entraToken(ctx context.Context, scope string) (string, error) {
	return t.form(ctx, t.authority+"/"+t.owner.TenantID+"/oauth2/v2.0/token",
		url.Values{"grant_type": {"client_credentials"},
			"client_id": {t.owner.ClientID}, "client_secret": {t.owner.ClientSecret}, "scope": {scope}}, "access_token")
}

func (t *target) refreshToken(ctx context.Context, host, entra string) (string, error) {
	return t.form(ctx, t.scheme+"://"+host+"/oauth2/exchange",
		url.Values{"grant_type": {"access_token"}, "service": {host}, "access_token": {entra}}, "refresh_token")
}

// accessToken asks for a scope; without a refresh token, anonymously.
func (t *target) accessToken(ctx context.Context, host, scope, refresh string) (string, error) {
	form := url.Values{"grant_type": {"password"}, "service": {host}}
	if refresh != "" {
		form = url.Values{"grant_type": {"refresh_token"}, "service": {host}, "refresh_token": {refresh}}
	}
	if scope != "" {
		form.Set("scope", scope)
	}
	return t.form(ctx, t.scheme+"://"+host+"/oauth2/token", form, "access_token")
}
