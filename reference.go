package acrkit

import (
	"fmt"
	"regexp"
	"strings"
)

// MaxRepositoryName is the longest repository name, in bytes; the limit that
// registries and clients of the OCI distribution specification share.
const MaxRepositoryName = 255

// Repository is a repository of a registry. A zero Registry means that it is not named.
type Repository struct {
	Registry Registry
	Name     string
}

// Reference is a repository, with a tag, a digest, or neither. Tag and Digest
// are both set only when the text had both; the digest then decides.
type Reference struct {
	Repository
	Tag    string
	Digest string
}

// Source: OCI distribution specification 1.1, "Pulling manifests".
var (
	nameRE   = regexp.MustCompile(`^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$`)
	tagRE    = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
	digestRE = regexp.MustCompile(`^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$`)
)

// CheckRepositoryName returns an error that says what is wrong with name as a
// repository name, or nil.
func CheckRepositoryName(name string) error {
	why := ""
	switch {
	case name == "":
		why = "is empty"
	case len(name) > MaxRepositoryName:
		why = fmt.Sprintf("is longer than %d bytes", MaxRepositoryName)
	case strings.ContainsFunc(name, func(c rune) bool { return 'A' <= c && c <= 'Z' }):
		why = "has upper-case letters; repository names are lower case"
	case !nameRE.MatchString(name):
		why = "is not a repository name (lower-case letters, digits, and single . _ - or / between them)"
	default:
		return nil
	}
	return &Error{Code: CodeUsage, Op: "read a repository name", Reason: fmt.Sprintf("%q %s", clip(name), why)}
}

// IsTag reports whether s has the form of a tag.
func IsTag(s string) bool { return tagRE.MatchString(s) }

// IsDigest reports whether s has the form of a sha256 or sha512 digest.
func IsDigest(s string) bool { return digestRE.MatchString(s) }

// ParseReference reads [REGISTRY/]REPOSITORY[:TAG|@DIGEST]. The first part is a
// registry when it holds a dot or a colon or is "localhost", as Docker decides;
// otherwise the registry is fallback, which may be zero.
func ParseReference(s string, fallback Registry) (Reference, error) {
	bad := func(why string) (Reference, error) {
		return Reference{}, &Error{Code: CodeUsage, Op: "read a reference", Reason: fmt.Sprintf("%q %s", clip(s), why),
			Hint: "write it as [REGISTRY/]REPOSITORY[:TAG|@DIGEST], for example myregistry.azurecr.io/samples/app:v1"}
	}
	ref := Reference{Repository: Repository{Registry: fallback}}
	rest := s
	if first, after, ok := strings.Cut(s, "/"); ok && (strings.ContainsAny(first, ".:") || first == "localhost") {
		if strings.EqualFold(first, "http:") || strings.EqualFold(first, "https:") {
			return bad("is a URL, not a reference")
		}
		reg, err := ParseRegistry(first)
		if err != nil {
			return Reference{}, err
		}
		ref.Registry, rest = reg, after
	}
	if before, digest, ok := strings.Cut(rest, "@"); ok {
		if !IsDigest(digest) {
			return bad("has a malformed digest")
		}
		rest, ref.Digest = before, digest
	}
	if i := strings.LastIndexByte(rest, ':'); i >= 0 {
		rest, ref.Tag = rest[:i], rest[i+1:]
		if !IsTag(ref.Tag) {
			return bad("has a malformed tag")
		}
	}
	if err := CheckRepositoryName(rest); err != nil {
		return Reference{}, err
	}
	ref.Name = rest
	return ref, nil
}

// String returns REGISTRY/NAME, or NAME alone where no registry is set.
func (r Repository) String() string {
	if r.Registry.IsZero() {
		return r.Name
	}
	return r.Registry.Host() + "/" + r.Name
}

// String returns the reference as [ParseReference] reads it.
func (r Reference) String() string {
	s := r.Repository.String()
	if r.Tag != "" {
		s += ":" + r.Tag
	}
	if r.Digest != "" {
		s += "@" + r.Digest
	}
	return s
}

// Target returns the digest if there is one, else the tag, else "".
func (r Reference) Target() string {
	if r.Digest != "" {
		return r.Digest
	}
	return r.Tag
}
