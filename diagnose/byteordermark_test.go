package diagnose_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/acrkit/acrkit/diagnose"
)

// TestByteOrderMark: a mark is found wherever auth finds one in a secret.
func TestByteOrderMark(t *testing.T) {
	for password, where := range map[string]string{
		"\ufeffleak-canary": "begins with", "leak-canary\ufeff": "ends with", "leak\ufeff-canary": "within",
		"\xff\xfel\x00": "UTF-16", "leak-canary": "",
	} {
		d, err := diagnose.Explain(t.Context(), diagnose.Attempt{Exchange: &diagnose.Exchange{Method: http.MethodGet,
			URL: "https://" + acrHost + "/oauth2/token?service=" + acrHost, Status: http.StatusUnauthorized,
			RequestHeader: basic("ci", password)}}, &diagnose.Options{NoProbes: true})
		if err != nil {
			t.Fatal(err)
		}
		c, _ := diagnose.Lookup(string(d.Code))
		shown := strings.Join(d.Evidence, "; ")
		if found := c.Name == "password-byte-order-mark"; found != (where != "") || !strings.Contains(shown, where) {
			t.Errorf("%q: %s, %s", password, c.Name, shown)
		}
		if strings.Contains(shown, "leak") {
			t.Errorf("%q: the evidence shows it: %s", password, shown)
		}
	}
}
