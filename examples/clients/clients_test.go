package clients_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/regclient/regclient/types/errs"
	"github.com/regclient/regclient/types/ref"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	clients "github.com/acrkit/acrkit/examples/clients"
)

func TestTags(t *testing.T) {
	t.Parallel()
	r := acrtest.NewRegistry(t, nil)
	r.Push("samples/app", "v1", "latest")
	rt := r.Transport(r.Token("ci-pull", "repositories/samples/app/content/read",
		"repositories/samples/app/metadata/read").Credential())
	for name, list := range map[string]func() ([]string, error){
		"go-containerregistry": func() ([]string, error) {
			return clients.TagsWithGGCR(t.Context(), rt, "samples/app")
		},
		"regclient": func() ([]string, error) { return clients.TagsWithRegClient(t.Context(), rt, "samples/app") },
	} {
		tags, err := list()
		if err != nil || !slices.Equal(tags, []string{"latest", "v1"}) {
			t.Errorf("%s: got %v, %v", name, tags, err)
		}
	}
	if denied := r.Denied(); len(denied) > 0 {
		t.Errorf("denied: %+v", denied)
	}
}

func TestTags_denied_by_scope_map(t *testing.T) {
	t.Parallel()
	r := acrtest.NewRegistry(t, nil)
	r.Push("samples/app", "v1")
	rt := r.Transport(r.Token("ci-pull", "repositories/samples/app/content/read").Credential())

	_, err := clients.TagsWithGGCR(t.Context(), rt, "samples/app")
	if e, ok := errors.AsType[*transport.Error](err); !ok || e.StatusCode != http.StatusUnauthorized {
		t.Errorf("go-containerregistry: got %v", err)
	}
	if _, err := clients.TagsWithRegClient(t.Context(), rt, "samples/app"); !errors.Is(err, errs.ErrHTTPUnauthorized) {
		t.Errorf("regclient: got %v", err)
	}
	denied := 0
	for _, d := range r.Denied() {
		if d.Principal != "ci-pull" {
			continue // regclient tries without a credential after a refusal
		}
		denied++
		if d.Missing != "repository:samples/app:metadata_read" {
			t.Errorf("denied %+v", d)
		}
	}
	if denied == 0 {
		t.Error("the decision log knows of no refusal")
	}
}

func TestGGCR_push_and_pull(t *testing.T) {
	t.Parallel()
	r := acrtest.NewRegistry(t, nil)
	rt := r.Transport(r.Token("ci-app", "repositories/samples/*/content/read",
		"repositories/samples/*/content/write").Credential())
	ctx := t.Context()

	index, err := random.Index(1000, 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(r.Host() + "/samples/ggcr:v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(tag, index, remote.WithTransport(rt), remote.WithContext(ctx)); err != nil {
		t.Fatal(err)
	}
	back, err := remote.Index(tag, remote.WithTransport(rt), remote.WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(back); err != nil {
		t.Error(err)
	}
	// Another repository of the map takes the layers over from the first.
	image, err := random.Image(1000, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, repo := range []string{"/samples/ggcr:v2", "/samples/copy:v2"} {
		to, err := name.NewTag(r.Host() + repo)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(to, image, remote.WithTransport(rt), remote.WithContext(ctx)); err != nil {
			t.Fatal(err)
		}
	}

	outside, err := name.NewTag(r.Host() + "/other/app:v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(outside, index, remote.WithTransport(rt), remote.WithContext(ctx)); err == nil {
		t.Error("a push outside the scope map was let through")
	}
}

func TestRegClient_copy(t *testing.T) {
	t.Parallel()
	r := acrtest.NewRegistry(t, nil)
	r.PushIndex("samples/app", []string{"linux/amd64", "linux/arm64"}, "v1")
	ctx := t.Context()
	copyTo := func(cred auth.Credential) error {
		src, err := ref.New(r.Host() + "/samples/app:v1")
		if err != nil {
			return err
		}
		dst, err := ref.New(r.Host() + "/mirror/app:v1")
		if err != nil {
			return err
		}
		return clients.RegClient(r.Transport(cred)).ImageCopy(ctx, src, dst)
	}
	both := r.Token("mirror", "repositories/samples/app/content/read", "repositories/mirror/*/content/read",
		"repositories/mirror/*/content/write")
	if err := copyTo(both.Credential()); err != nil {
		t.Errorf("copy: %v", err)
	}
	pull := r.Token("puller", "repositories/samples/app/content/read")
	err := copyTo(pull.Credential())
	if err == nil || !strings.Contains(err.Error(), "unauthorized") {
		t.Errorf("copy without the right to push: %v", err)
	}
}

func TestImage(t *testing.T) {
	t.Parallel()
	r := acrtest.NewRegistry(t, nil)
	pushed := r.Push("samples/app", "v1")
	rt := r.Transport(r.Token("ci-pull", "repositories/samples/app/content/read").Credential())
	image, err := clients.Image(t.Context(), rt, r.Host()+"/samples/app:v1")
	if err != nil {
		t.Fatal(err)
	}
	if digest, err := image.Digest(); err != nil || digest.String() != pushed.Digest {
		t.Errorf("got %v, %v", digest, err)
	}
	if _, err := clients.Image(t.Context(), rt, r.Host()+"/other/app:v1"); err == nil {
		t.Error("an image outside the scope map was given")
	}
}
