package azureauth

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/acrkit/acrkit"
)

// A second try waits ten seconds for the body of the first.
func TestRewindWait(t *testing.T) {
	for closed, want := range map[time.Duration]acrkit.Code{
		10*time.Second - 1: "", 10*time.Second + 1: acrkit.CodeUnavailable} {
		synctest.Test(t, func(t *testing.T) {
			body := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("chunk")), nil }
			first, _ := body()
			s := &shared{again: body, current: newTry(first)}
			start, old := time.Now(), s.current
			time.AfterFunc(closed, func() { _ = old.Close() })
			_, err := s.rewind(t.Context())
			if took := time.Since(start); acrkit.CodeOf(err) != want || took != min(closed, 10*time.Second) {
				t.Errorf("closed after %s: %v after %s", closed, err, took)
			}
			time.Sleep(time.Second) // for the end of the first
		})
	}
}

// refusal is the body of an answer, which ends the request's body when it is closed.
type refusal struct {
	io.Reader
	request *try
	read    int
}

func (r *refusal) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.read += n
	return n, err
}

func (r *refusal) Close() error { return r.request.Close() }

// Of an early refusal 64 KiB are kept; a longer one stays open, and is whole for its
// reader all the same.
func TestRefusalBody(t *testing.T) {
	const most = 64 << 10
	for size, kept := range map[int]bool{most: true, most + 1: false, most << 4: false} {
		current := newTry(io.NopCloser(strings.NewReader("chunk")))
		s := &shared{current: current}
		body := &refusal{Reader: strings.NewReader(strings.Repeat("a", size)), request: current}
		resp := &http.Response{StatusCode: http.StatusUnauthorized, Body: body}
		s.settle(t.Context(), resp)
		if read := body.read; current.isReleased() != kept || read != min(size, most+1) {
			t.Errorf("a refusal of %d bytes: kept %v after %d bytes", size, current.isReleased(), read)
		}
		if data, err := io.ReadAll(resp.Body); err != nil || len(data) != size {
			t.Errorf("a refusal of %d bytes: %d are left, %v", size, len(data), err)
		}
	}
}

// A metadata service has two seconds for a connection.
func TestMetadata_connect(t *testing.T) {
	for takes, ok := range map[time.Duration]bool{2*time.Second - 1: true, time.Hour: false} {
		synctest.Test(t, func(t *testing.T) {
			client := metadataClient(func(ctx context.Context, _, _ string) (net.Conn, error) {
				select {
				case <-time.After(takes):
				case <-ctx.Done():
					return nil, &net.OpError{Op: "dial", Err: ctx.Err()}
				}
				here, there := net.Pipe()
				go func() {
					defer there.Close()
					if _, err := http.ReadRequest(bufio.NewReader(there)); err == nil {
						_, _ = io.WriteString(there, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
					}
				}()
				return here, nil
			})
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+imdsHost+"/", nil)
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			resp, err := client.Do(req)
			if err == nil {
				_ = resp.Body.Close()
			}
			if took := time.Since(start); (err == nil) != ok || took != min(takes, 2*time.Second) {
				t.Errorf("a connection that takes %s: %v after %s", takes, err, took)
			}
			client.CloseIdleConnections()
		})
	}
}

type doFunc func(*http.Request) (*http.Response, error)

func (f doFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }

// A metadata service that does not answer is asked four times, for five seconds each.
func TestMetadata_tries(t *testing.T) {
	for takes, ok := range map[time.Duration]bool{5*time.Second - 1: true, time.Hour: false} {
		synctest.Test(t, func(t *testing.T) {
			var tries []time.Duration
			// MSAL keeps the tokens of an identity for the process.
			id := fmt.Sprintf("00000000-0000-4000-8000-%012d", takes)
			m := &managedIdentity{opts: azidentity.ManagedIdentityCredentialOptions{
				ID: azidentity.ClientID(id[:36]),
				ClientOptions: azcore.ClientOptions{Transport: doFunc(func(r *http.Request) (*http.Response, error) {
					start := time.Now()
					defer func() { tries = append(tries, time.Since(start)) }()
					select {
					case <-time.After(takes):
						return &http.Response{StatusCode: 200, Request: r, Header: http.Header{},
							Body: io.NopCloser(strings.NewReader(
								`{"access_token":"made-up","expires_in":"3599","resource":"r","token_type":"Bearer"}`))}, nil
					case <-r.Context().Done():
						return nil, r.Context().Err()
					}
				})}}}
			start := time.Now()
			_, _, err := m.EntraToken(t.Context(), "https://containerregistry.azure.net/.default")
			want := 4
			if ok {
				want = 1
			}
			if (err == nil) != ok || len(tries) != want {
				t.Errorf("an answer that takes %s: %v after the tries %v", takes, err, tries)
			}
			if ok {
				return
			}
			if !errors.Is(err, acrkit.CodeUnavailable) {
				t.Errorf("%v", err)
			}
			// Pauses of one second, three and four, the first two by 0.8 to 1.3.
			const least, most = 20*time.Second + 7200*time.Millisecond, 20*time.Second + 9200*time.Millisecond
			if took := time.Since(start); took < least || took > most {
				t.Errorf("it gave up after %s, want %s to %s", took, least, most)
			}
			for _, took := range tries {
				if took != 5*time.Second {
					t.Errorf("a try ended after %s", took)
				}
			}
		})
	}
}
