package recording

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// readNock reads a script of nock's recorder: a chain of calls for each exchange,
// nock(ORIGIN).METHOD(PATH, BODY).query(QUERY).reply(STATUS, BODY, [NAME, VALUE, …]).
// It has no headers of requests, and where a test asked for it no queries either.
func readNock(data []byte) (*Recording, error) {
	p := &script{rest: string(data)}
	r := &Recording{Format: formatNock, KeepsBodies: true}
	lost := []int{} // exchanges without their query
	for p.seek("nock") {
		number := len(r.Exchanges) + 1
		x, queryLost, what := nockExchange(p)
		if what != "" {
			return nil, unreadable(formatNock, number, what)
		}
		x.Number = number
		if queryLost {
			lost = append(lost, number-1)
		}
		r.Exchanges = append(r.Exchanges, *x)
	}
	if len(r.Exchanges) == 0 {
		return nil, errNoRecording // any other script
	}
	findQueries(r.Exchanges, lost)
	return r, nil
}

// nockExchange reads one chain of calls; what says what of it cannot be read.
func nockExchange(p *script) (x *Exchange, queryLost bool, what string) {
	arguments, ok := p.arguments()
	if !ok || len(arguments) == 0 {
		return nil, false, "the address"
	}
	u, ok := address(arguments[0].text())
	if !ok {
		return nil, false, "the address"
	}
	x = &Exchange{Header: http.Header{}, Answer: http.Header{}, URL: u}
	replied := false
	for {
		name, arguments, ok := p.call()
		switch {
		case !ok:
			return nil, false, "a call"
		case name == "":
			if x.Method == "" || !replied {
				return nil, false, "the call"
			}
			return x, queryLost, ""
		}
		switch name {
		case "get", "head", "post", "put", "patch", "delete":
			if len(arguments) == 0 {
				return nil, false, "the path"
			}
			if x.URL, ok = address(strings.TrimSuffix(u.String(), "/") + arguments[0].text()); !ok {
				return nil, false, "the path"
			}
			x.Method = strings.ToUpper(name)
			if len(arguments) > 1 {
				x.Body = arguments[1].text()
			}
		case "query":
			query := map[string]string{}
			queryLost = len(arguments) == 0 || json.Unmarshal([]byte(arguments[0].json), &query) != nil
			values := url.Values{}
			for k, v := range query {
				values.Set(k, v)
			}
			x.URL.RawQuery = values.Encode()
		case "reply":
			replied = true
			if len(arguments) == 0 || json.Unmarshal([]byte(arguments[0].json), &x.Status) != nil {
				return nil, false, "the status"
			}
			if len(arguments) > 2 {
				var pairs []string
				if json.Unmarshal([]byte(arguments[2].json), &pairs) != nil || len(pairs)%2 != 0 {
					return nil, false, "the headers"
				}
				for i := 0; i < len(pairs); i += 2 {
					x.Answer.Add(pairs[i], pairs[i+1])
				}
			}
			if len(arguments) > 1 {
				x.Content = nockBody(arguments[1].text(), x.Answer.Get("Content-Type"))
			}
		}
	}
}

// nockBody returns a body: bytes are in hexadecimal digits.
func nockBody(text, contentType string) string {
	if contentType != "" && !isText(contentType) {
		if b, err := hex.DecodeString(text); err == nil {
			return string(b)
		}
	}
	return text
}

// findQueries finds the queries of pages that were recorded without: a page's
// Link says what was asked for with the next one, and how many items a page has.
func findQueries(exchanges []Exchange, lost []int) {
	next := map[string]url.Values{} // path -> the query of the page that follows
	for _, i := range lost {
		x := &exchanges[i]
		if x.Method != http.MethodGet || x.Status != http.StatusOK {
			continue
		}
		asked, follows := next[x.URL.Path]
		if items := pageItems(x.Content); follows && len(items) > 0 && items[0] <= asked.Get("last") {
			asked, follows = nil, false // a list that begins again
		}
		link := NextQuery(x.Answer.Get("Link"))
		if !follows && link != nil {
			asked = url.Values{"n": link["n"]}
			if o := link.Get("orderby"); o != "" {
				asked.Set("orderby", o)
			}
		}
		x.URL.RawQuery = asked.Encode()
		delete(next, x.URL.Path)
		if link != nil {
			next[x.URL.Path] = link
		}
	}
}

// NextQuery returns the query of a Link to the next page, nil = there is none.
func NextQuery(link string) url.Values {
	target, _, _ := strings.Cut(strings.TrimPrefix(link, "<"), ">")
	u, ok := address(target)
	if !ok {
		return nil
	}
	return u.Query()
}

// pageItems returns the names or digests of a page.
func pageItems(body string) []string {
	var page struct {
		Repositories []string
		Tags         []struct{ Name string }
		Manifests    []struct{ Digest string }
	}
	if json.Unmarshal([]byte(body), &page) != nil {
		return nil
	}
	items := page.Repositories
	for _, t := range page.Tags {
		items = append(items, t.Name)
	}
	for _, m := range page.Manifests {
		items = append(items, m.Digest)
	}
	return items
}
