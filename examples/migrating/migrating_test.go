package migrating_test

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/examples/migrating"
)

func TestBeforeAndAfter(t *testing.T) {
	t.Parallel()
	r := acrtest.NewRegistry(t, nil)
	r.Push("samples/app", "v1", "latest")
	token := r.Token("ci-read", "repositories/samples/app/metadata/read")
	want := []string{"latest", "v1"}
	if got, err := migrating.TagsByHand(t.Context(), r.HTTPClient(), r.Host(), token.Name, token.Password1,
		"samples/app"); err != nil || !slices.Equal(got, want) {
		t.Errorf("by hand: %q, %v", got, err)
	}
	if got, err := migrating.Tags(t.Context(), r.RoundTripper(), r.Host(), token.Name, token.Password1,
		"samples/app"); err != nil || !slices.Equal(got, want) {
		t.Errorf("with acrkit: %q, %v", got, err)
	}
	if got, err := migrating.Status(t.Context(), r.RoundTripper(), r.Host(), token.Name, token.Password1,
		"samples/app"); err != nil || got != "200 OK" {
		t.Errorf("a request of one's own: %q, %v", got, err)
	}
	// A right is missing: who writes by hand sees a status, who does not sees why.
	if _, err := migrating.TagsByHand(t.Context(), r.HTTPClient(), r.Host(), token.Name, token.Password1,
		"samples/other"); err == nil || strings.Contains(err.Error(), "metadata") {
		t.Errorf("by hand, refused: %v", err)
	}
	if _, err := migrating.Tags(t.Context(), http.RoundTripper(r.RoundTripper()), r.Host(), token.Name, token.Password1,
		"samples/other"); err == nil || !strings.Contains(err.Error(), "metadata/read") {
		t.Errorf("with acrkit, refused: %v", err)
	}
}

var goBlock = regexp.MustCompile("(?ms)^(?:<!-- (\\S+): (.*?) -->\n)?```go\n(.*?)^```$")

// TestPage holds the Go code of docs/migrating.md to the files it is quoted from,
// which are compiled and run. What is quoted from elsewhere says so.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/migrating.md")
	if err != nil {
		t.Fatal(err)
	}
	quoted := 0
	for _, block := range goBlock.FindAllStringSubmatch(string(page), -1) {
		file, mark, code := block[1], block[2], block[3]
		switch file {
		case "":
			t.Errorf("a block says not where it is from:\n%s", code)
			continue
		case "elsewhere":
			continue
		}
		source, err := os.ReadFile("../../" + file)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, found := strings.Cut(string(source), "\t// "+mark+"\n")
		want, _, ends := strings.Cut(rest, "\t// end\n")
		if !found || !ends {
			t.Errorf("%s has no part %q", file, mark)
			continue
		}
		lines := strings.SplitAfter(want, "\n")
		for i := range lines {
			lines[i] = strings.TrimPrefix(lines[i], "\t")
		}
		if diff := cmp.Diff(strings.Join(lines, ""), code); diff != "" {
			t.Errorf("%s, %q (-file +page):\n%s", file, mark, diff)
		}
		quoted++
	}
	if quoted == 0 {
		t.Errorf("%d blocks are quoted: this test does not look where it should", quoted)
	}
}
