package main

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/acrkit/acrkit/tools/replay/recording"
)

// contents are the bytes that recordings hold, by their digests.
type contents map[string]string

var (
	uploadPath = regexp.MustCompile(`/blobs/uploads/([^/]+)$`)
	storedBlob = regexp.MustCompile(`/docker/registry/v2/blobs/sha256/[0-9a-f]{2}/([0-9a-f]{64})/data$`)
)

// collectContents collects what requests pushed and answers gave. Content with
// another digest than the exchanges name is left out.
func collectContents(recordings []recording.Recording) contents {
	c := contents{}
	c.add("{}", recording.Digest("{}")) // OCI's empty configuration, which recorders leave out
	c.add("", recording.Digest(""))
	for _, r := range recordings {
		uploads := map[string]string{}
		for _, x := range r.Exchanges {
			if m := storedBlob.FindStringSubmatch(x.URL.Path); m != nil && x.Status == http.StatusOK {
				c.add(x.Content, "sha256:"+m[1])
			}
			if d := x.ContentDigest(); d != "" && x.Method == http.MethodPut {
				c.add(x.Body, d)
			} else if d != "" {
				c.add(x.Content, d)
			}
			if x.Status/100 != 2 {
				continue
			}
			if m := uploadPath.FindStringSubmatch(x.URL.Path); m != nil &&
				(x.Method == http.MethodPatch || x.Method == http.MethodPut) {
				uploads[m[1]] += x.Body
				c.add(uploads[m[1]], x.URL.Query().Get("digest"))
			} else if x.Method == http.MethodPost {
				c.add(x.Body, x.URL.Query().Get("digest"))
			}
		}
	}
	return c
}

func (c contents) add(content, digest string) {
	if digest != "" && recording.Digest(content) == digest {
		c[digest] = content
	}
}

var leftOut = regexp.MustCompile(`^<(\d{1,9}) bytes>$`)

// chunkSize returns how many bytes a request of an upload had. before is how many
// were sent before it; recorded is false where the recording does not say.
func (s *session) chunkSize(x *recording.Exchange, text string, before int) (size int, recorded bool) {
	if m := leftOut.FindStringSubmatch(text); m != nil {
		text = m[1]
	} else if text = x.Header.Get("Content-Length"); text == "" {
		if s.r.KeepsBodies {
			return len(x.Body), true
		}
		_, end, _ := strings.Cut(x.Answer.Get("Range"), "-")
		last, err := strconv.Atoi(end)
		size = last + 1 - before
		return size, err == nil && size >= 0 && size <= maxAnswer
	}
	size, err := strconv.Atoi(text)
	return size, err == nil && size >= 0 && size <= maxAnswer
}

// uploaded returns the bytes to send in place of a recorded chunk of an upload,
// or of what ends one, and whether they are others than the recorded ones.
func (s *session) uploaded(x *recording.Exchange, text string) (_ string, lost bool) {
	id, digest := "", x.URL.Query().Get("digest")
	if m := uploadPath.FindStringSubmatch(x.URL.Path); m != nil {
		id = m[1]
	}
	sent := s.sent[id]
	final := s.finals[id]
	if id == "" {
		final = digest
	}
	whole, known := s.contents[final]
	if !known && s.replaced[final] != nil {
		whole, known = string(s.replaced[final]), true
	}
	size, recorded := s.chunkSize(x, text, len(sent))
	switch {
	case recorded && size == len(text) && !strings.HasPrefix(text, "<"):
	case known && recorded && len(sent)+size <= len(whole):
		text = whole[len(sent) : len(sent)+size]
	case known && !recorded: // the end of an upload has the rest
		text = whole[min(len(sent), len(whole)):]
	case recorded:
		text = strings.Repeat("x", size)
	default:
		text = ""
		if sent == "" {
			text = "x" // an upload has something
		}
	}
	s.sent[id] = sent + text
	if digest != "" {
		lost = s.replaces(digest, recording.Digest(s.sent[id]))
		delete(s.sent, id)
	}
	return text, lost
}

// replaces notes that our digest replaces the recorded one; it reports whether
// they differ.
func (s *session) replaces(recorded, ours string) bool {
	if recorded == ours {
		delete(s.digests, recorded)
		return false
	}
	s.digests[recorded] = ours
	return true
}

// pushed returns the manifest to send in place of a recorded one. ok is false
// where the recording has none.
func (s *session) pushed(x *recording.Exchange, text string) (_ string, lost, ok bool) {
	digest := x.ContentDigest()
	if exact, known := s.contents[digest]; known && (text == "" || x.BodyLost) {
		text = exact
	}
	if text == "" {
		return "", true, false
	}
	text = s.translate(text)
	if digest == "" { // it was not recorded
		return text, false, true
	}
	return text, s.replaces(digest, recording.Digest(text)), true
}
