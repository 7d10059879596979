package registry

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
)

var aDigest = "sha256:" + strings.Repeat("a", 64)

func referrer(n int) string {
	return fmt.Sprintf(`{"mediaType":"m","digest":"sha256:%064d","size":%d,"artifactType":"application/x"}`, n, n)
}

func TestClient_Referrers(t *testing.T) {
	const path = "/v2/samples/app/referrers/"
	page := 0
	c, s := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Accept"); got != "application/vnd.oci.image.index.v1+json" {
			t.Errorf("Accept: %s", got)
		}
		if page++; page == 1 {
			w.Header().Set("Link", "<"+path+aDigest+`?last=1>; rel="next"`)
		}
		fmt.Fprintf(w, `{"schemaVersion":2,"manifests":[%s]}`, referrer(page))
	})
	got, err := collect(c.Referrers(background, "samples/app", aDigest, nil))
	want := []Referrer{{fmt.Sprintf("sha256:%064d", 1), "m", "application/x", 1},
		{fmt.Sprintf("sha256:%064d", 2), "m", "application/x", 2}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	if want := []string{"GET " + path + aDigest + "?n=1000",
		"GET " + path + aDigest + "?last=1&n=1000"}; !slices.Equal(s.seen, want) {
		t.Errorf("%q, want %q", s.seen, want)
	}
}

// TestClient_Referrers_full_page: the specification gives no parameter n, so that a full
// page is the last one unless a Link says otherwise.
func TestClient_Referrers_full_page(t *testing.T) {
	var all []string
	for i := range serverPage {
		all = append(all, referrer(i))
	}
	c, s := newFake(t, answerJSON(http.StatusOK, `{"manifests":[`+strings.Join(all, ",")+`]}`))
	got, err := collect(c.Referrers(background, "samples/app", aDigest, nil))
	if err != nil || len(got) != serverPage || len(s.seen) != 1 {
		t.Errorf("%d referrers, %v, %q", len(got), err, s.seen)
	}
}

func TestClient_Referrers_refusals(t *testing.T) {
	for body, want := range map[string]acrkit.Code{
		`{}`:                             acrkit.CodeProtocol,
		`{"manifests":[{"digest":"x"}]}`: acrkit.CodeProtocol,
		`{"manifests":null}`:             "",
		`{"manifests":[]}`:               "",
	} {
		c, _ := newFake(t, answerJSON(http.StatusOK, body))
		if _, err := collect(c.Referrers(background, "samples/app", aDigest, nil)); acrkit.CodeOf(err) != want {
			t.Errorf("%s: %v", body, err)
		}
	}
	c, s := newFake(t, answerJSON(http.StatusOK, `{"manifests":[]}`))
	for name, digest := range map[string]string{"samples/app": "latest", "Upper": aDigest} {
		if _, err := collect(c.Referrers(background, name, digest, nil)); !errors.Is(err, acrkit.CodeUsage) {
			t.Errorf("%s %s: %v", name, digest, err)
		}
	}
	if len(s.seen) > 0 {
		t.Errorf("sent %q", s.seen)
	}
}
