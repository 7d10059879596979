package auth_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/acrkit/acrkit/auth"
)

// FuzzReadEntraRefusal: all that is read is in the text.
func FuzzReadEntraRefusal(f *testing.F) {
	for _, s := range []string{
		"AADSTS7000215: Invalid client secret provided. Correlation ID: 5d6c6d56-0c11-4a71-a2b9-b7b0a3d2c111",
		"AADSTS", "AADSTS99999999999999999999", `{"error_description":"AADSTS90002: Tenant 'x' not found."}`,
		"xAADSTS50034", "correlation_id: 5D6C6D56-0C11-4A71-A2B9-B7B0A3D2C111 AADSTS1",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, ok := auth.ReadEntraRefusal(text)
		if !ok {
			if r != (auth.EntraRefusal{}) {
				t.Fatalf("nothing was found, and yet %+v", r)
			}
			return
		}
		if r.Number < 0 || !strings.Contains(text, "AADSTS") {
			t.Fatalf("number %d from %q", r.Number, text)
		}
		if r.Number > 0 && !strings.Contains(text, strconv.Itoa(r.Number)) {
			t.Fatalf("%d does not stand in %q", r.Number, text)
		}
		if !strings.Contains(strings.ToLower(text), r.CorrelationID) {
			t.Fatalf("correlation id %q does not stand in %q", r.CorrelationID, text)
		}
	})
}
