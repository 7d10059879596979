package proxy

import (
	"fmt"
	"testing"

	"github.com/acrkit/acrkit"
)

// 1024 tokens are remembered; with one more it begins anew, and all stay good.
func TestSeenIsBounded(t *testing.T) {
	tokens := newTokens(nil)
	var issued []string
	for i := range 1025 {
		token, err := tokens.issueAccess("localhost", acrkit.RepositoryScope(fmt.Sprintf("r%d", i), acrkit.ContentRead))
		if err != nil {
			t.Fatal(err)
		}
		issued = append(issued, token)
		if _, ok := tokens.access(token, "localhost"); !ok {
			t.Fatalf("token %d is not taken", i+1)
		}
		want := i + 1
		if want > 1024 {
			want = 1
		}
		if got := len(tokens.seen.good); got != want {
			t.Fatalf("after token %d: %d are remembered, want %d", i+1, got, want)
		}
	}
	if _, ok := tokens.access(issued[0], "localhost"); !ok {
		t.Error("a token that was forgotten is not taken")
	}
}
