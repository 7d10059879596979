package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/proxy"
)

// zeros is n bytes that take no memory.
func zeros(n int64) io.Reader { return io.LimitReader(zeroReader{}, n) }

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// peak runs do and returns how far the heap grew over where it was, sampled while
// do runs.
func peak(do func()) uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	base, most := m.HeapAlloc, m.HeapAlloc
	done, sampled := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(sampled)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
		}
	}()
	do()
	close(done)
	<-sampled
	return most - base
}

// TestStreams sends 256 MiB up and down, with the client and the registry in the
// same process, and sees the heap stay small.
func TestStreams(t *testing.T) {
	const size = 256 << 20
	const bound = 16 << 20
	type seen struct {
		length   int64
		encoding []string
		n        int64
	}
	got := make(chan seen, 1)
	up := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.Header().Set("Content-Length", strconv.Itoa(size))
			_, _ = io.Copy(w, zeros(size))
			return
		}
		n, _ := io.Copy(io.Discard, r.Body)
		got <- seen{r.ContentLength, r.TransferEncoding, n}
		w.Header().Set("Location", "/v2/a/blobs/"+digest)
		w.WriteHeader(http.StatusCreated)
	})
	f := startFake(t, up, proxy.Options{})
	client := f.srv.Client()
	do := func(method, target string, body io.Reader, length int64) int64 {
		req := f.request(method, target, body)
		req.ContentLength = length
		req.SetBasicAuth("u", key)
		resp, err := client.Transport.RoundTrip(req)
		if err != nil {
			t.Error(err)
			return 0
		}
		defer resp.Body.Close()
		n, err := io.Copy(io.Discard, resp.Body)
		if err != nil || resp.StatusCode >= 300 {
			t.Errorf("%s, %v", resp.Status, err)
		}
		if method == http.MethodGet && resp.ContentLength != size {
			t.Errorf("length %d", resp.ContentLength)
		}
		return n
	}
	do("GET", "/v2/", nil, 0) // connections and pools are there
	t.Run("down", func(t *testing.T) {
		var n int64
		grown := peak(func() { n = do("GET", "/v2/a/blobs/"+digest, nil, 0) })
		t.Logf("the heap grew by %.1f MiB", float64(grown)/(1<<20))
		if n != size || grown > bound {
			t.Errorf("%d bytes, and the heap grew by %d", n, grown)
		}
	})
	t.Run("up", func(t *testing.T) {
		grown := peak(func() { do("POST", "/v2/a/blobs/uploads/?digest="+digest, zeros(size), size) })
		s := <-got
		t.Logf("the heap grew by %.1f MiB", float64(grown)/(1<<20))
		if s.n != size || s.length != size || len(s.encoding) != 0 || grown > bound {
			t.Errorf("%+v, and the heap grew by %d", s, grown)
		}
	})
	t.Run("up in chunks", func(t *testing.T) {
		do("POST", "/v2/a/blobs/uploads/?digest="+digest, zeros(1<<20), -1)
		if s := <-got; s.n != 1<<20 || s.length != -1 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("empty", func(t *testing.T) {
		do("POST", "/v2/a/blobs/uploads/?digest="+digest, nil, 0)
		if s := <-got; s.n != 0 || s.length != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// dial opens a connection to the proxy, for what no client does right.
func (f *fixture) dial() *tls.Conn {
	f.t.Helper()
	transport := f.srv.Client().Transport.(*http.Transport)
	conn, err := tls.Dial("tcp", f.host(), &tls.Config{RootCAs: transport.TLSClientConfig.RootCAs,
		NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		f.t.Fatal(err)
	}
	return conn
}

// TestExpectContinue: a client that asks before it sends gets "100 Continue" from the
// registry, and does not get it if it is refused, by the proxy or the registry.
func TestExpectContinue(t *testing.T) {
	refuse := false
	up := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if refuse {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		n, _ := io.Copy(io.Discard, r.Body)
		w.Header().Set("X-Ms-Request-Id", strconv.FormatInt(n, 10)+r.Header.Get("Expect"))
		w.WriteHeader(http.StatusCreated)
	})
	f := startFake(t, up, proxy.Options{})
	for _, tt := range []struct {
		name, authorization string
		refused             bool
		want                []int
	}{
		{"accepted", basic("u", key), false, []int{100, 201}},
		{"refused here", "", false, []int{401}},
		{"refused there", basic("u", key), true, []int{403}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			refuse = tt.refused
			conn := f.dial()
			fmt.Fprintf(conn,
				"POST /v2/a/blobs/uploads/?digest=%s HTTP/1.1\r\nHost: %s\r\nExpect: 100-continue\r\nContent-Length: "+
					"100000\r\n", digest, f.host())
			if tt.authorization != "" {
				fmt.Fprintf(conn, "Authorization: %s\r\n", tt.authorization)
			}
			fmt.Fprint(conn, "\r\n")
			r := bufio.NewReader(conn)
			for _, want := range tt.want {
				resp, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatal(err)
				}
				if resp.StatusCode != want {
					t.Fatalf("%s, want %d", resp.Status, want)
				}
				if want == 100 {
					if _, err := io.Copy(conn, zeros(100000)); err != nil {
						t.Fatal(err)
					}
				}
				if want == 201 && resp.Header.Get("X-Ms-Request-Id") != "100000100-continue" {
					t.Errorf("the registry got %q", resp.Header.Get("X-Ms-Request-Id"))
				}
			}
		})
	}
}

// TestUnreadBody sends a chunk without a token, as the Azure SDK of Python does with
// each: all of it is taken, and the connection can be used again. So is one that
// the registry refuses at once.
func TestUnreadBody(t *testing.T) {
	up := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyN(io.Discard, r.Body, 1)
		w.WriteHeader(http.StatusForbidden)
	})
	f := startFake(t, up, proxy.Options{})
	conn := f.dial()
	r := bufio.NewReader(conn)
	chunk := make([]byte, 4<<20)
	for _, tt := range []struct {
		authorization string
		want          int
	}{{"", 401}, {"", 401}, {basic("u", key), 403}, {basic("u", key), 403}} {
		header := ""
		if tt.authorization != "" {
			header = "Authorization: " + tt.authorization + "\r\n"
		}
		if _, err := fmt.Fprintf(conn,
			"POST /v2/a/blobs/uploads/?digest=%s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n%s\r\n", digest,
			f.host(), len(chunk), header); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(chunk); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		if resp.StatusCode != tt.want && !(tt.want == 403 && resp.StatusCode == 502) || resp.Close {
			t.Errorf("%s, closing %t, want %d", resp.Status, resp.Close, tt.want)
		}
	}
}

// settled waits until no more goroutines run than before.
func settled(t *testing.T, before int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		if n := runtime.NumGoroutine(); n <= before {
			return
		} else if time.Now().After(deadline) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", n, before, buf[:runtime.Stack(buf, true)])
		}
		runtime.Gosched()
	}
}

// TestDroppedUpload: clients that go in the middle of an upload leave nothing
// running, and the registry hears that it broke off.
func TestDroppedUpload(t *testing.T) {
	broke := make(chan error, 100)
	begun := make(chan struct{}, 100)
	up := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		_, err := io.CopyN(io.Discard, r.Body, 1<<20)
		begun <- struct{}{}
		if err == nil {
			_, err = io.Copy(io.Discard, r.Body)
		}
		broke <- err
	})
	f := startFake(t, up, proxy.Options{})
	f.send("GET", "/v2/", nil) // a token is there
	<-begun
	<-broke
	f.srv.Client().CloseIdleConnections()
	before := runtime.NumGoroutine()
	const uploads = 8
	for range uploads {
		conn := f.dial()
		fmt.Fprintf(conn,
			"POST /v2/a/blobs/uploads/?digest=%s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nAuthorization: "+
				"%s\r\n\r\n", digest, f.host(), 1<<30, basic("u", key))
		if _, err := io.Copy(conn, zeros(2<<20)); err != nil {
			t.Fatal(err)
		}
		<-begun
		conn.Close()
	}
	for range uploads {
		if err := <-broke; err == nil {
			t.Error("the registry took half an upload for a whole one")
		}
	}
	settled(t, before+4) // idle connections to the registry keep two each
}

// TestDroppedDownload: likewise of an answer, whichever side ends it.
func TestDroppedDownload(t *testing.T) {
	ended := make(chan struct{}, 100)
	up := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		defer func() { ended <- struct{}{} }()
		w.Header().Set("Content-Length", strconv.Itoa(1<<30))
		if strings.Contains(r.URL.Path, "/half/") {
			_, _ = io.CopyN(w, zeroReader{}, 1<<20)
			panic(http.ErrAbortHandler)
		}
		_, _ = io.Copy(w, zeros(1<<30))
	})
	f := startFake(t, up, proxy.Options{})
	get := func(ctx context.Context, repository string) (*http.Response, error) {
		req := f.request("GET", "/v2/"+repository+"/blobs/"+digest, nil).WithContext(ctx)
		req.SetBasicAuth("u", key)
		return f.srv.Client().Transport.RoundTrip(req)
	}
	ctx, cancel := context.WithCancel(t.Context())
	resp, err := get(ctx, "whole")
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	resp.Body.Close()
	<-ended // the registry is not left sending

	if resp, err = get(t.Context(), "half"); err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if err == nil || n >= 1<<30 {
		t.Errorf("half an answer passes for a whole one: %d bytes", n)
	}
	<-ended

	if resp, err = get(t.Context(), "whole"); err != nil {
		t.Fatal(err)
	}
	_ = f.h.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Error("a transfer outlives the handler")
	}
	resp.Body.Close()
	<-ended
}

// TestManyAtOnce uses the proxy from many clients, with pushes, pulls and refusals
// at the same time, for the race detector.
func TestManyAtOnce(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	image := reg.Push("samples/app", "v1")
	f := start(t, reg, everything(reg),
		proxy.Options{ScopeMap: mapOf(t, "repositories/samples/*/content/read", "repositories/samples/*/content/write",
			"repositories/samples/*/metadata/read")})
	client := f.srv.Client()
	var wg sync.WaitGroup
	errs := make(chan error, 100)
	for worker := range 8 {
		wg.Go(func() {
			for i := range 20 {
				for _, tt := range []struct {
					method, target string
					body           []byte
					want           int
				}{
					{"GET", "/v2/samples/app/manifests/v1", nil, 200},
					{"GET", "/v2/samples/app/tags/list", nil, 200},
					{"PUT", fmt.Sprintf("/v2/samples/app/manifests/w%d-%d", worker, i), image.Manifest, 201},
					{"POST", "/v2/samples/app/blobs/uploads/", nil, 202},
					{"DELETE", "/v2/samples/app/manifests/v1", nil, 401},
				} {
					req, err := http.NewRequestWithContext(t.Context(), tt.method, f.srv.URL+tt.target,
						bytes.NewReader(tt.body))
					if err != nil {
						errs <- err
						return
					}
					req.SetBasicAuth("u", key)
					req.Header.Set("Accept", accepts)
					if tt.method == "PUT" {
						req.Header.Set("Content-Type", image.MediaType)
					}
					resp, err := client.Do(req)
					if err != nil {
						errs <- err
						return
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
					if resp.StatusCode != tt.want {
						errs <- fmt.Errorf("%s %s: %s", tt.method, tt.target, resp.Status)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	if n := len(f.recorded()); n != 8*20*4 {
		t.Errorf("%d rights recorded", n)
	}
}
