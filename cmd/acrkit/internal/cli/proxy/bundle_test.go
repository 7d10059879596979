package proxy

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/acrkit/acrkit"
)

// A file of certificates has 8 MiB at most.
func TestBundleLimit(t *testing.T) {
	const most = 8 << 20
	for size, ok := range map[int64]bool{most: true, most + 1: false} {
		name := filepath.Join(t.TempDir(), "bundle.pem")
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(name, size); err != nil {
			t.Fatal(err)
		}
		data, err := readBundle(name)
		if (err == nil) != ok || ok && int64(len(data)) != size || !ok && acrkit.CodeOf(err) != acrkit.CodeUsage {
			t.Errorf("%d bytes: %d read, %v", size, len(data), err)
		}
	}
}
