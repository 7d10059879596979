package errtext

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
)

// Class says what the host of an event is.
type Class string

// The classes.
const (
	Unnamed       Class = ""               // no host is named
	OfRegistry    Class = "registry"       // a login server of ACR, an emulator on loopback, or a host that is masked
	OfData        Class = "data"           // the host of blobs: a data endpoint, or storage
	OfEntra       Class = "entra"          // an authority of Entra
	OfARM         Class = "arm"            // Azure Resource Manager
	OtherRegistry Class = "other registry" // Docker Hub, ghcr.io, and any other that is not ACR
	Unrelated     Class = "unrelated"      // none of them
)

// others are hosts of other registries, with all below them.
var others = []string{"docker.io", "docker.com", "ghcr.io", "quay.io", "gcr.io", "pkg.dev", "amazonaws.com",
	"ecr.aws", "mcr.microsoft.com", "registry.k8s.io", "nvcr.io", "docker.pkg.github.com", "registry.gitlab.com",
	"cgr.dev", "icr.io", "aliyuncs.com", "registry.digitalocean.com", "ocir.io", "jfrog.io"}

var (
	storage     = []string{"blob.core.windows.net", "blob.core.usgovcloudapi.net", "blob.core.chinacloudapi.cn"}
	authorities = []string{"login.microsoftonline.com", "login.microsoftonline.us", "login.chinacloudapi.cn",
		"login.partner.microsoftonline.cn", "login.windows.net", "sts.windows.net"}
	managers = []string{"management.azure.com", "management.usgovcloudapi.net", "management.chinacloudapi.cn"}
	// pages are hosts of documentation that messages refer to.
	pages = regexp.MustCompile(`^(?:aka\.ms|go\.microsoft\.com|github\.com|(?:docs|learn|www|portal)\..*)$`)
	// masked is a host that a CI system or a person has made unreadable.
	masked = regexp.MustCompile(`^(?:\*{3,}|<[^>]*>|\[?(?i:redacted|masked)\]?)$`)
	// acrHost is a login server, whose name may be masked, or come of an empty variable.
	acrHost = regexp.MustCompile(`(?i)^[a-z0-9<>*_{}$.-]*\.azurecr\.(?:io|us|cn)$`)
)

func under(host string, domains []string) bool {
	return slices.ContainsFunc(domains, func(d string) bool { return host == d || strings.HasSuffix(host, "."+d) })
}

// host is a host with what it is.
type host struct {
	name     string // as it is written, without a port
	class    Class
	registry acrkit.Registry // of OfRegistry, where the name can be one
	meant    string          // the login server that a wrong name resembles, "" = none
}

// classify returns the class of a host. asRegistry says that it is in the place of a
// registry's host.
func classify(name string, asRegistry bool) host {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	h := host{name: name, class: Unrelated}
	if reg, ok := registryOf(name); ok {
		h.class, h.registry = OfRegistry, reg
		return h
	}
	if i := strings.LastIndexByte(name, ':'); i > 0 && !strings.Contains(name, "]") {
		h.name = name[:i]
	}
	name = h.name
	switch {
	case strings.Contains(name, ".data.azurecr."), under(name, storage):
		h.class = OfData
	case acrHost.MatchString(name), masked.MatchString(name):
		h.class = OfRegistry
	case under(name, authorities):
		h.class = OfEntra
	case under(name, managers):
		h.class = OfARM
	case under(name, others):
		h.class = OtherRegistry
	case resembled(name) != "":
		h.class, h.meant = OfRegistry, resembled(name)
	case asRegistry && strings.Contains(name, "."):
		h.class = OtherRegistry
	}
	return h
}

// IsOtherRegistry reports whether a host is known to be another registry's than ACR.
func IsOtherRegistry(name string) bool { return classify(name, false).class == OtherRegistry }

// resembled returns the login server that a host is a misspelling of, or "": its last two
// labels differ by a letter or two from a suffix of ACR, or something follows the suffix.
func resembled(name string) string {
	labels := strings.Split(name, ".")
	if len(labels) != 3 || labels[0] == "" {
		return ""
	}
	tail := labels[1] + "." + labels[2]
	for _, suffix := range []string{"azurecr.io", "azurecr.us", "azurecr.cn"} {
		if tail != suffix && Distance(tail, suffix) <= 2 || labels[1] == "azurecr" {
			return labels[0] + "." + suffix
		}
	}
	return ""
}

// Distance counts the bytes to insert, drop or change that make b of a. Where the
// lengths differ by more than two it is not exact, and larger than that.
func Distance(a, b string) int {
	if len(a) > len(b)+2 || len(b) > len(a)+2 {
		return len(a) + len(b)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// mention is one place in a text that names a host.
type mention struct {
	start, end int
	host
	method string // of a URL, as it is written; "" = none
	path   string // of a URL
	query  string
	image  string // the repository of a reference
	bare   bool   // a reference without a host, which Docker looks up at Docker Hub
	target bool   // of Docker Hub: the client says that a push goes there
}

var (
	urlMention = words(`(?i)(?:\b(get|head|put|post|patch|delete)\s+"?\s?)?\b([a-z][a-z0-9+-]{1,11})://`,
		`\s?([^\s"'\\)\]/?#,;]+)((?:<[^\s"'<>\\]*>|[^\s"'<>\\)\]])*)`) // a part may be masked
	// A host without a scheme that is ACR's, loopback's with a port, or another registry's that is known.
	hostMention = words(`(?i)((?:[a-z0-9<>*#_{}$-]+\.)+azurecr\.[a-z]+|(?:[a-z0-9*#-]+\.)*(?:` +
		strings.ReplaceAll(strings.Join(slices.Concat(others, storage, authorities, managers), "|"), ".", `\.`) +
		`)|(?:[a-z0-9-]+\.)*localhost:\d+|127\.0\.0\.1:\d+)(?::(\d+))?((?:/[a-z0-9._<>*-]+)*)`)
	// A reference in a place where clients write one.
	placeMention = words(`(?i)(?:\bimage:? "|\brefers to repository \[|\baccess denied for |\breference "|`,
		`\bmanifest for |\bpinging container registry |\bpushing manifest for |\blogging into "|\bregistry=|`,
		`(?-i:\bFROM ))([a-z0-9<*][^\s"\]',]*)`)
	// imageID is the id of an image on one machine, which is no reference.
	imageID = regexp.MustCompile(`^(?:sha256:)?[0-9a-f]{12,64}$`)
	// A command line.
	command = words(`(?i)\b(?:docker|podman|nerdctl|buildah|skopeo|crane|oras|helm|ctr|az acr)\b(?: \w+){0,2}? `,
		`(login|push|pull|run)( [^\n]*)`)
)

// isPushTarget reports whether docker says before a place in a text that a push goes
// there. It writes docker.io where a reference names no host.
func isPushTarget(before string) bool {
	return strings.HasSuffix(before, "refers to repository [") || strings.HasSuffix(before, "refers to a repository [")
}

// mentions finds all hosts of a text, in order.
func mentions(text string) []mention {
	var all []mention
	taken := make([]bool, len(text)+1)
	add := func(m mention) {
		if taken[m.start] || m.end > len(text) || pages.MatchString(m.name) {
			return
		}
		for i := m.start; i < m.end; i++ {
			taken[i] = true
		}
		all = append(all, m)
	}
	lower := strings.ToLower(text)
	find := func(p pattern) [][]int {
		if !p.in(lower) {
			return nil
		}
		return p.re().FindAllStringSubmatchIndex(text, -1)
	}
	for _, m := range find(urlMention) {
		all = appendURL(all, text, m, taken)
	}
	for _, m := range find(hostMention) {
		if m[0] > 0 && strings.IndexByte(`/.-@%`, text[m[0]-1]) >= 0 || goesOn(text[m[3]:]) {
			continue
		}
		name := text[m[2]:m[3]]
		if m[4] >= 0 {
			name += ":" + text[m[4]:m[5]]
		}
		one := mention{start: m[0], end: m[1], host: classify(name, true)}
		path := text[m[6]:m[7]]
		if isAPI(path) {
			one.path = path
		} else {
			one.image = strings.Trim(path, "/")
		}
		add(one)
	}
	for _, m := range find(placeMention) {
		if strings.HasPrefix(text[m[0]:], "manifest for ") && !strings.HasPrefix(text[m[3]:], " not found") {
			continue // of a platform
		}
		if imageID.MatchString(text[m[2]:m[3]]) {
			continue
		}
		add(reference(text[m[2]:m[3]], m[2]))
	}
	for _, m := range find(command) {
		if one, ok := operand(text[m[2]:m[3]], text[m[4]:m[5]], m[4]); ok {
			add(one)
		}
	}
	slices.SortFunc(all, func(a, b mention) int { return a.start - b.start })
	for i, m := range all {
		all[i].target = m.name == "docker.io" && isPushTarget(text[:m.start])
	}
	return all
}

func appendURL(all []mention, text string, m []int, taken []bool) []mention {
	u, err := url.Parse("https://host" + strings.TrimRight(text[m[8]:m[9]], ".,:;"))
	if err != nil {
		u = &url.URL{}
	}
	one := mention{start: m[0], end: m[1], path: u.Path, query: u.RawQuery}
	if m[2] >= 0 {
		one.method = text[m[2]:m[3]]
	}
	scheme, name := strings.ToLower(text[m[4]:m[5]]), text[m[6]:m[7]]
	if i := strings.LastIndexByte(name, '@'); i >= 0 {
		name = name[i+1:]
	}
	web := scheme == "http" || scheme == "https"
	name = strings.TrimRight(name, ".:")
	one.host = classify(name, !web || isAPI(u.Path))
	for i := one.start; i < one.end; i++ {
		taken[i] = true
	}
	if pages.MatchString(one.name) {
		return all
	}
	if !web {
		one.image = strings.Trim(u.Path, "/")
		if one.class == Unrelated && !strings.ContainsAny(name, ".:") {
			return all // docker-daemon://, ocidir:///, file://
		}
	}
	return append(all, one)
}

// isAPI reports whether a path is one of a registry.
func isAPI(path string) bool {
	for _, root := range []string{"/v2/", "/acr/v1", "/oauth2/token", "/oauth2/exchange"} {
		if strings.HasPrefix(path, root) {
			return true
		}
	}
	return path == "/v2"
}

// reference reads an image's reference as Docker does: the part before the first slash is
// a host if it has a dot or a colon or is localhost; else the host is Docker Hub.
func reference(ref string, at int) mention {
	m := mention{start: at, end: at + len(ref)}
	first, rest, slash := strings.Cut(ref, "/")
	dotted := strings.ContainsAny(first, ".:") && (slash || strings.Count(first, ".") > 1)
	if dotted || first == "localhost" || masked.MatchString(first) || strings.HasPrefix(first, "<") {
		m.host, m.image = classify(first, true), rest
		return m
	}
	m.host, m.image, m.bare = host{name: "docker.io", class: OtherRegistry}, ref, true
	return m
}

// operand finds the registry or reference that a command was given.
func operand(verb, rest string, at int) (mention, bool) {
	for i := 0; i < len(rest); {
		j := strings.IndexByte(rest[i:], ' ')
		if j < 0 {
			j = len(rest) - i
		}
		word := strings.Trim(rest[i:i+j], `"'`)
		start := at + i
		i += j + 1
		switch {
		case word == "" || word[0] == '-' || word[0] == '$':
			continue
		case strings.EqualFold(verb, "login"):
			if !strings.Contains(word, ".") || strings.ContainsAny(word, "/\\@=") {
				continue
			}
			return mention{start: start, end: start + len(word), host: classify(word, true)}, true
		case strings.ContainsAny(word, "/:") && !strings.Contains(word, "://"):
			return reference(word, start), true
		default:
			return mention{}, false
		}
	}
	return mention{}, false
}
