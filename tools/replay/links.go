package main

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/acrkit/acrkit/tools/replay/recording"
)

// inferLinks reads what the Links of pages prove: the item that a page ended with
// exists, and another comes after it. If no answer has that one, an item is made
// up, so that the emulator's page has a Link too.
func (s *state) inferLinks(exchanges []recording.Exchange) {
	for _, x := range exchanges {
		if x.Method != http.MethodGet || x.Status != http.StatusOK {
			continue
		}
		link := recording.NextQuery(x.Answer.Get("Link"))
		last := link.Get("last")
		if last == "" {
			continue
		}
		order := link.Get("orderby")
		if _, name, ok := strings.Cut(last, "&"); ok { // ticks of the time, and the name
			last = name
		}
		if x.URL.Path == "/acr/v1/_catalog" || x.URL.Path == "/v2/_catalog" {
			s.inferRepository(last)
			continue
		}
		rest, isMetadata := strings.CutPrefix(x.URL.Path, "/acr/v1/")
		if !isMetadata {
			rest = strings.TrimPrefix(x.URL.Path, "/v2/")
		}
		if name, ok := strings.CutSuffix(rest, "/_manifests"); ok && isMetadata {
			s.repository(name).inferManifest(last, order)
		} else if name, _, ok := cutList(rest); ok {
			s.repository(name).inferTag(last, order)
		}
	}
}

// cutList cuts the end of a path that lists tags.
func cutList(path string) (name, list string, ok bool) {
	for _, list := range []string{"/_tags", "/tags/list"} {
		if name, ok := strings.CutSuffix(path, list); ok {
			return name, list, true
		}
	}
	return "", "", false
}

func (s *state) inferRepository(last string) {
	s.repository(last)
	for name := range s.repositories {
		if name > last {
			return
		}
	}
	if !slices.ContainsFunc(s.moreRepositories, func(name string) bool { return name >= last }) {
		s.moreRepositories = append(s.moreRepositories, last)
	}
}

func (r *repository) inferTag(last, order string) {
	if r.tags[last] == nil {
		r.tags[last] = &tag{}
	}
	at := r.tags[last].updated
	for name, t := range r.tags {
		if comes(order, name, t.updated, last, at) {
			return
		}
	}
	r.moreTags = append(r.moreTags, follower{last, beside(order, at)})
}

func (r *repository) inferManifest(last, order string) {
	r.addManifest(manifestBody{Digest: last}, nil)
	at := r.manifests[last].updated
	for digest, m := range r.manifests {
		if comes(order, digest, m.updated, last, at) {
			return
		}
	}
	r.moreManifests = append(r.moreManifests, follower{last, beside(order, at)})
}

// comes reports whether an item comes after another one in an order of lists.
func comes(order, name string, updated time.Time, other string, at time.Time) bool {
	switch order {
	case "timeasc":
		return updated.After(at)
	case "timedesc":
		return updated.Before(at)
	}
	return name > other
}

// beside returns a time that comes next in an order by time; else the zero time.
func beside(order string, at time.Time) time.Time {
	switch {
	case at.IsZero():
	case order == "timeasc":
		return at.Add(time.Second)
	case order == "timedesc":
		return at.Add(-time.Second)
	}
	return time.Time{}
}
