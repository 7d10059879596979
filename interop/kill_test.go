package interop

import (
	"bytes"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestKill kills the emulator as kill -9 does in the midst of 200 concurrent
// pushes. After a restart every manifest and blob that was acknowledged is there
// and whole. Not acknowledged is nothing: such a push may be there or not, but a
// tag that is there must be whole.
func TestKill(t *testing.T) {
	const pushes = 200
	data := filepath.Join(t.TempDir(), "data")
	e, err := startEmulator(data, seed, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { e.stop() }()
	images := make([]image, pushes)
	for i := range images {
		if images[i], err = newImage(fmt.Sprintf("kill %d", i), 16<<10); err != nil {
			t.Fatal(err)
		}
	}
	auth := bearer(e.accessToken(t, pusher, "repository:team/kill:pull,push"))

	var (
		mu        sync.Mutex
		blobs     []string
		manifests []int
		enough    = make(chan struct{})
		wg        sync.WaitGroup
	)
	for i, img := range images {
		wg.Go(func() {
			// Every error is expected here: the server is about to be killed.
			err := e.pushImageAs(auth, "team/kill", fmt.Sprintf("v%d", i), img, func(digest string) {
				mu.Lock()
				defer mu.Unlock()
				blobs = append(blobs, digest)
			})
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				if manifests = append(manifests, i); len(manifests) == pushes/5 {
					close(enough)
				}
			}
		})
	}
	finished := make(chan struct{})
	go func() { wg.Wait(); close(finished) }()
	select {
	case <-enough:
	case <-finished:
		t.Fatalf("all pushes ended early, %d blobs acknowledged:\n%s", len(blobs), e.tail(4000))
	}
	e.kill()
	<-finished
	t.Logf("killed with %d of %d blobs and %d of %d manifests acknowledged", len(blobs), 3*pushes,
		len(manifests), pushes)
	if len(manifests) == pushes {
		t.Error("every push was done before the kill, so it proves nothing")
	}

	if e, err = startEmulator(data, seed, nil); err != nil {
		t.Fatal(err)
	}
	auth = bearer(e.accessToken(t, pusher, "repository:team/kill:pull,push"))
	for _, digest := range blobs {
		if a := e.mustSend(t, http.MethodGet, "/v2/team/kill/blobs/"+digest, auth, nil); a.status != http.StatusOK ||
			digestOf(a.body) != digest {
			t.Errorf("the acknowledged blob %s: %d with digest %s", digest, a.status, digestOf(a.body))
		}
	}
	there := 0
	for i, img := range images {
		a := e.mustSend(t, http.MethodGet, fmt.Sprintf("/v2/team/kill/manifests/v%d", i), accept(auth.Clone()), nil)
		switch {
		case a.status == http.StatusOK:
			there++
			e.checkImage(t, "team/kill", fmt.Sprintf("v%d", i), img)
		case a.status == http.StatusNotFound && !slices.Contains(manifests, i):
		default:
			t.Errorf("v%d (acknowledged: %v): %d %s", i, slices.Contains(manifests, i), a.status, a.body)
		}
	}
	// The rest can be pushed now: nothing half-done is in the way.
	for i, img := range images {
		if err := e.pushImageAs(auth, "team/kill", fmt.Sprintf("v%d", i), img, nil); err != nil {
			t.Fatalf("pushing v%d after the restart: %v", i, err)
		}
	}
	results.add(result{"(raw HTTP)", "", "kill -9 in 200 pushes",
		fmt.Sprintf("%d blobs and %d manifests acknowledged, all there and whole", len(blobs), len(manifests)),
		fmt.Sprintf("%d manifests there", there)})
}

// pushImageAs pushes an image with plain HTTP requests; acked, if not nil, is called
// with each blob's digest once it is acknowledged. It is safe in any goroutine.
func (e *emulatorProcess) pushImageAs(auth http.Header, repository, tag string, img image,
	acked func(digest string)) error {
	for digest, b := range img.blobs {
		start, err := e.send(http.MethodPost, "/v2/"+repository+"/blobs/uploads/", auth, nil)
		if err != nil {
			return err
		}
		if start.status != http.StatusAccepted {
			return &refusedError{"starting an upload", start.status, start.body}
		}
		location := start.header.Get("Location")
		put := location + "?digest=" + digest
		if strings.Contains(location, "?") {
			put = location + "&digest=" + digest
		}
		h := auth.Clone()
		h.Set("Content-Type", "application/octet-stream")
		done, err := e.send(http.MethodPut, put, h, bytes.NewReader(b))
		if err != nil {
			return err
		}
		if done.status != http.StatusCreated {
			return &refusedError{"uploading a blob", done.status, done.body}
		}
		if acked != nil {
			acked(digest)
		}
	}
	h := auth.Clone()
	h.Set("Content-Type", manifestType)
	a, err := e.send(http.MethodPut, "/v2/"+repository+"/manifests/"+tag, h, bytes.NewReader(img.manifest))
	if err != nil {
		return err
	}
	if a.status != http.StatusCreated {
		return &refusedError{"putting the manifest", a.status, a.body}
	}
	return nil
}
