package registry

import (
	"net/url"
	"strings"
)

// maxHeader is the longest header value that is parsed; it holds a scope of
// hundreds of repositories.
const maxHeader = 64 << 10

// parseParams reads NAME=VALUE or NAME="VALUE" separated by ";", and returns
// where it stopped: at the end or at a "," outside quotes.
func parseParams(s string) (params map[string]string, rest string) {
	params = map[string]string{}
	for {
		s = strings.TrimLeft(s, " \t;")
		if s == "" || s[0] == ',' {
			return params, s
		}
		i := strings.IndexAny(s, "=,;")
		if i < 0 {
			return params, ""
		}
		if s[i] != '=' {
			s = s[i:]
			continue
		}
		name := strings.ToLower(strings.TrimSpace(s[:i]))
		value, after := parseValue(strings.TrimLeft(s[i+1:], " \t"))
		if _, twice := params[name]; !twice {
			params[name] = value
		}
		s = after
	}
}

func parseValue(s string) (value, rest string) {
	if !strings.HasPrefix(s, `"`) {
		if i := strings.IndexAny(s, ",;"); i >= 0 {
			return strings.TrimSpace(s[:i]), s[i:]
		}
		return strings.TrimSpace(s), ""
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:]
		case '\\':
			if i++; i == len(s) {
				return b.String(), ""
			}
		}
		b.WriteByte(s[i])
	}
	return b.String(), "" // without a closing quote, the value is the rest
}

// nextPage returns the query of the link with rel="next" (RFC 8288), and false
// if there is none. A link to another origin or path than that of the page is an error: a
// list must not be continued elsewhere.
func nextPage(values []string, page *url.URL) (url.Values, bool, error) {
	for _, v := range values {
		if len(v) > maxHeader {
			return nil, false, badLink("is longer than 64 KiB")
		}
		for s := v; ; {
			s = strings.TrimLeft(s, " \t,")
			if s == "" {
				break
			}
			end := strings.IndexByte(s, '>')
			if s[0] != '<' || end < 0 {
				return nil, false, badLink("is malformed")
			}
			target := s[1:end]
			s = strings.TrimLeft(s[end+1:], " \t")
			params := map[string]string{}
			if strings.HasPrefix(s, ";") {
				params, s = parseParams(s[1:])
			} else if s != "" && s[0] != ',' {
				return nil, false, badLink("is malformed")
			}
			if !hasRel(params["rel"], "next") {
				continue
			}
			query, err := sameList(target, page)
			return query, err == nil, err
		}
	}
	return nil, false, nil
}

func hasRel(rels, want string) bool {
	for rel := range strings.FieldsSeq(rels) {
		if strings.EqualFold(rel, want) {
			return true
		}
	}
	return false
}

func sameList(target string, page *url.URL) (url.Values, error) {
	ref, err := url.Parse(target)
	if err != nil {
		return nil, badLink("is not a URL")
	}
	next := page.ResolveReference(ref)
	if next.Scheme != page.Scheme || !strings.EqualFold(next.Host, page.Host) || next.User != nil ||
		next.Path != page.Path {
		return nil, badLink("leads to another place")
	}
	query, err := url.ParseQuery(next.RawQuery)
	if err != nil {
		return nil, badLink("has a malformed query")
	}
	return query, nil
}

// badLink says what is wrong with a link, after "the Link to the next page".
type badLink string

func (b badLink) Error() string { return string(b) }
