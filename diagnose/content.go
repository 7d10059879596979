package diagnose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/errtext"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/registry"
)

// notFound explains a 404.
func (x *examiner) notFound(ctx context.Context) Diagnosis {
	granted := "the answer is 404, which comes after authorization: the right was there"
	switch {
	case x.serviceCode("NAME_UNKNOWN"):
		return verdict(cause.RepositoryUnknown, Proved, granted)
	case x.serviceCode("BLOB_UPLOAD_UNKNOWN"), x.serviceCode("BLOB_UPLOAD_INVALID"):
		return verdict(cause.UploadLost, Proved, "the registry does not know the upload, or not at this part of it")
	case x.serviceCode("BLOB_UNKNOWN"):
		return verdict(cause.BlobUnknown, Proved, granted)
	case x.serviceCode("TAG_UNKNOWN"), x.serviceCode("MANIFEST_UNKNOWN"):
		// The service says so of tags in repositories that do not exist, too (recorded).
		if x.repositoryMissing(ctx) {
			return verdict(cause.RepositoryUnknown, Proved, granted, "the repository itself is answered NAME_UNKNOWN")
		}
		return verdict(cause.TagUnknown, Proved, granted)
	case x.saysIt(errtext.SaysNoPath):
		if name := x.nameInPath(); name != "" && acrkit.CheckRepositoryName(name) != nil {
			return verdict(cause.RepositoryNameWrong, Proved,
				fmt.Sprintf("the answer is 404 as text, before authentication, and %q can be no repository",
					clip(name)))
		}
		return verdict(cause.RepositoryNameWrong, Suspected,
			"the answer is 404 as text, before authentication: the registry knows no such path")
	case x.at == theBase || x.at == theToken || x.at == theExchange:
		return verdict(cause.NotARegistry, Proved, fmt.Sprintf("%s is answered 404", x.url.Path))
	case x.a.Exchange != nil && x.a.Exchange.Header.Get("Docker-Distribution-Api-Version") == "" &&
		len(x.services) == 0:
		return verdict(cause.NotARegistry, Suspected, "the answer is 404 in a form that no registry gives")
	}
	return verdict(cause.NotFound, Proved, granted)
}

// nameInPath returns the part of the path that should be a repository's name.
func (x *examiner) nameInPath() string {
	if x.url == nil {
		return ""
	}
	rest, ok := strings.CutPrefix(x.url.Path, "/v2/")
	if !ok {
		rest, _ = strings.CutPrefix(x.url.Path, "/acr/v1/")
	}
	for _, mark := range []string{"/manifests/", "/blobs/", "/tags/", "/referrers/", "/_tags", "/_manifests"} {
		if name, _, found := strings.Cut(rest, mark); found {
			return name
		}
	}
	return rest
}

// client returns a client of the attempt's own credential, nil if there is none or
// probes are forbidden.
func (x *examiner) client() *registry.Client {
	if x.a.Transport == nil || !x.mayAsk() {
		return nil
	}
	c, err := registry.New(x.reg.Host(), x.a.Transport, &registry.Options{PlainHTTP: x.o.PlainHTTP, OnRetry: x.retried})
	if err != nil {
		return nil
	}
	return c
}

// look reads one item's properties and notes it.
func (x *examiner) look(what, path string, err error) {
	p := Probe{What: "read the properties of " + what, Method: http.MethodGet, URL: x.scheme() + "://" +
		x.reg.Host() + path, Status: http.StatusOK, Result: "there"}
	err, x.unmade = cmp.Or(x.unmade, err), nil
	switch e := (*acrkit.Error)(nil); {
	case err != nil && !wasAnswered(err):
		x.unanswered(p, resultOf("", err))
		return
	case err != nil && ours(err, &e):
		p.Status, p.Result = e.Status, string(e.Code)
	}
	x.answered++
	x.note(p)
}

func (x *examiner) repositoryMissing(ctx context.Context) bool {
	c := x.client()
	if c == nil || x.repository == "" {
		return false
	}
	ctx, cancel := x.probing(ctx)
	defer cancel()
	_, err := c.Repository(ctx, x.repository)
	x.look("the repository", "/acr/v1/"+x.repository, err)
	return acrkit.CauseOf(err) == cause.RepositoryUnknown
}

const (
	// maxNames is how many names are looked through for one that was meant.
	//rule:strangers-words-max-names
	maxNames = 100
	// maxTypos is how many letters may differ.
	//rule:strangers-words-max-typos
	maxTypos = 2
)

// nearest adds a similar existing name to a diagnosis of a name that does not exist, if
// the credential may list names.
func (x *examiner) nearest(ctx context.Context, d Diagnosis) Diagnosis {
	c := x.client()
	if c == nil || x.repository == "" || d.Confidence != Proved || d.Code != cause.RepositoryUnknown &&
		d.Code != cause.TagUnknown {
		return d
	}
	ctx, cancel := x.probing(ctx)
	defer cancel()
	meant, opts := "", &registry.ListOptions{Limit: maxNames}
	if d.Code == cause.RepositoryUnknown {
		var last error
		for name, err := range c.Repositories(ctx, opts) {
			if last = err; err == nil && errtext.Distance(name, x.repository) <= maxTypos {
				meant = name
				break
			}
		}
		x.look("repositories", "/acr/v1/_catalog", last)
		if meant != "" {
			d.Fix = sentence.Draft(sentence.ListTags,
				map[string]string{"host": x.reg.Host(), "repository": plain(meant)})
		}
	} else {
		var last error
		for tag, err := range c.Tags(ctx, x.repository, opts) {
			if last = err; err == nil && errtext.Distance(tag.Name, x.target) <= maxTypos {
				meant = tag.Name
				break
			}
		}
		x.look("tags", "/acr/v1/"+x.repository+"/_tags", last)
	}
	if meant != "" {
		d.Evidence = slices.Insert(d.Evidence, 0, fmt.Sprintf("there is %q: did you mean that?", clip(meant)))
	}
	return d
}

// missingItem looks whether repository and tag of a client's attempt exist, with a
// credential that may read them.
func (x *examiner) missingItem(ctx context.Context) (Diagnosis, bool) {
	c := x.client()
	if c == nil || x.repository == "" || x.target == "" ||
		!x.required.Contains(acrkit.RepositoryScope(x.repository, acrkit.ContentRead)) {
		return Diagnosis{}, false
	}
	ctx, cancel := x.probing(ctx)
	defer cancel()
	_, err := c.ManifestContent(ctx, x.repository, x.target)
	x.look(x.target, "/v2/"+x.repository+"/manifests/"+x.target, err)
	if !errors.Is(err, acrkit.CodeNotFound) {
		return Diagnosis{}, false
	}
	evidence := "with the credential that is known here the same manifest is answered 404: no right is missing"
	if x.repositoryMissing(ctx) {
		return verdict(cause.RepositoryUnknown, Proved, evidence), true
	}
	return verdict(cause.TagUnknown, Proved, evidence), true
}
