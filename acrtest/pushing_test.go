package acrtest_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

func digestOf(b []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b)) }

// pushImage pushes a small image in whole requests. If the state is replaced between
// two of them, the later one may fail: with 404, or 400 for a manifest whose blob is
// not there any more. Any other failure is an error.
func pushImage(ctx context.Context, c *http.Client, base, repo string) error {
	send := func(method, path, contentType string, body []byte) (int, error) {
		req, err := http.NewRequestWithContext(ctx, method, base+path, bytes.NewReader(body))
		if err != nil {
			return 0, err
		}
		req.Header.Set("Content-Type", contentType)
		resp, err := c.Do(req)
		if err != nil {
			return 0, err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err == nil && resp.StatusCode != 201 &&
			!(resp.StatusCode == 400 && strings.Contains(string(text), "MANIFEST_BLOB_UNKNOWN")) {
			err = fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, text)
		}
		return resp.StatusCode, err
	}
	config, layer := []byte("{}"), []byte("layer of "+repo)
	for _, b := range [][]byte{config, layer} {
		if _, err := send("POST", "/v2/"+repo+"/blobs/uploads/?digest="+digestOf(b), "application/octet-stream",
			b); err != nil {
			return err
		}
	}
	manifest := fmt.Sprintf(
		`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":%d},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":%q,"size":%d}]}`,
		digestOf(config), len(config), digestOf(layer), len(layer))
	_, err := send("PUT", "/v2/"+repo+"/manifests/v1", "application/vnd.oci.image.manifest.v1+json", []byte(manifest))
	return err
}

// readImage reads an image whole; none is fine, half of one is not.
func readImage(ctx context.Context, c *http.Client, base, repo string) error {
	get := func(path string) (int, []byte, error) {
		req, err := http.NewRequestWithContext(ctx, "GET", base+path, nil)
		if err != nil {
			return 0, nil, err
		}
		req.Header.Set("Accept", "application/vnd.oci.image.manifest.v1+json")
		resp, err := c.Do(req)
		if err != nil {
			return 0, nil, err
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		return resp.StatusCode, b, err
	}
	status, body, err := get("/v2/" + repo + "/manifests/v1")
	if err != nil || status == 404 {
		return err
	}
	var m struct {
		Config struct{ Digest string }
		Layers []struct{ Digest string }
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return err
	}
	for _, d := range []string{m.Config.Digest, m.Layers[0].Digest} {
		status, b, err := get("/v2/" + repo + "/blobs/" + d)
		if err != nil || status != 200 || digestOf(b) != d {
			return fmt.Errorf("%s: blob %s: %d, %v", repo, d, status, err)
		}
	}
	return nil
}
