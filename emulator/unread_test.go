package emulator_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"
)

// TestUnreadBody sends a chunk of an upload without a token, as the Azure SDK of
// Python does with each: all of it is taken, and the challenge comes back on a
// connection that can be used again.
func TestUnreadBody(t *testing.T) {
	f := start(t, nil)
	conn, err := net.Dial("tcp", f.host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	body := make([]byte, 16<<20)
	for i := range 2 {
		if _, err := fmt.Fprintf(conn,
			"PATCH /v2/samples/app/blobs/uploads/00000000-0000-0000-0000-000000000000 HTTP/1.1\r\nHost: "+
				"%s\r\nContent-Length: %d\r\n\r\n", f.host, len(body)); err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		if _, err := conn.Write(body); err != nil {
			t.Fatalf("body %d: %v", i, err)
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized || resp.Close || resp.Header.Get("Www-Authenticate") == "" {
			t.Errorf("answer %d: %s, closing %t, challenge %q", i, resp.Status, resp.Close,
				resp.Header.Get("Www-Authenticate"))
		}
	}
}
