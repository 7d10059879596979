package manifest

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/registry"
)

// manyIndexes answers as a registry whose repository holds so many indexes; each refers to
// the same manifest.
type manyIndexes int

func (n manyIndexes) RoundTrip(r *http.Request) (*http.Response, error) {
	digest := func(i int) string { return fmt.Sprintf("sha256:%064d", i) }
	var body string
	if _, one, ok := strings.Cut(r.URL.Path, "/_manifests/"); ok {
		body = fmt.Sprintf(`{"manifest":{"digest":%q,"references":[{"digest":%q}]}}`, one, digest(0))
	} else {
		first := 1
		if last := r.URL.Query().Get("last"); last != "" {
			i, err := strconv.Atoi(strings.TrimLeft(strings.TrimPrefix(last, "sha256:"), "0"))
			if err != nil {
				return nil, err
			}
			first = i + 1
		}
		var items []string
		for i := first; i <= int(n) && i < first+1000; i++ {
			items = append(items, fmt.Sprintf(`{"digest":%q,"mediaType":%q}`, digest(i), indexTypes[i%2]))
		}
		body = `{"imageName":"a","manifests":[` + strings.Join(items, ",") + `]}`
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: r,
		Body: io.NopCloser(strings.NewReader(body))}, nil
}

func TestReadParents_limit(t *testing.T) {
	for n, want := range map[int]acrkit.Code{2000: "", 2001: acrkit.CodeIncomplete} {
		c, err := registry.New("myregistry", manyIndexes(n), nil)
		if err != nil {
			t.Fatal(err)
		}
		p := readParents(t.Context(), c, acrkit.Repository{Name: "a"})
		if want != "" {
			if !errors.Is(p.err, want) || !strings.Contains(acrkit.HintOf(p.err), "--force") {
				t.Errorf("%d: %v", n, p.err)
			}
			continue
		}
		if found := p.of[fmt.Sprintf("sha256:%064d", 0)]; p.err != nil || len(found) != n {
			t.Errorf("%d: %d found, %v", n, len(found), p.err)
		}
	}
}
