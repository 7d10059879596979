package main

import (
	"fmt"
	"net"
	"net/rpc/jsonrpc"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A kubelet goes on with a password for ten minutes after it has got it from acrkit, and not
// longer. A rotation waits for so long and a minute before it ends the old password.
func TestLookup(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "acrkit-credential-provider")
	build := exec.CommandContext(t.Context(), "go", "build", "-C", "../../../..", "-o", program,
		"./cmd/docker-credential-acrkit")
	build.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	config, password := filepath.Join(dir, "credential-provider.yaml"), filepath.Join(dir, "password")
	write(t, config, fmt.Sprintf(`
apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
  - name: acrkit-credential-provider
    apiVersion: credentialprovider.kubelet.k8s.io/v1
    matchImages: ["*.azurecr.io"]
    defaultCacheDuration: "0s"
    env:
      - {name: ACR_NAME, value: myregistry}
      - {name: ACR_TOKEN_NAME, value: ci-pull}
      - {name: ACR_TOKEN_PASSWORD_FILE, value: %q}
      - {name: ACRKIT_KEYRING, value: "off"}
      - {name: HOME, value: %q}
`, password, dir))
	write(t, password, "the-first-password")

	here, there := net.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- serve(config, dir, there) }()
	client := jsonrpc.NewClient(here)
	const almost = 9*time.Minute + 50*time.Second
	for _, tt := range []struct {
		ahead        time.Duration
		image, write string
		want         string
	}{
		{ahead: 0, image: "myregistry.azurecr.io/samples/app", want: "the-first-password"},
		{ahead: almost, image: "myregistry.azurecr.io/samples/app", write: "the-second-password",
			want: "the-first-password"},
		{ahead: almost, image: "myregistry.azurecr.io/other/app", want: "the-first-password"},
		{ahead: 11 * time.Minute, image: "myregistry.azurecr.io/samples/app", want: "the-second-password"},
		{ahead: 11 * time.Minute, image: "mcr.microsoft.com/samples/app"},
	} {
		if tt.write != "" {
			write(t, password, tt.write)
		}
		var logins []Login
		if err := client.Call("Node.Lookup", Request{Image: tt.image, Ahead: tt.ahead}, &logins); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, l := range logins {
			got += l.Password
		}
		if got != tt.want {
			t.Errorf("%s after %s: %q, not %q", tt.image, tt.ahead, got, tt.want)
		}
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
