package recording

import (
	"encoding/json"
	"fmt"
	"net/url"
)

// browserRecord is an exchange as the JavaScript recorder wrote it in browsers:
// without the request's headers, and with several values of a header of the
// answer joined with commas.
type browserRecord struct {
	Method, URL     string
	Query           map[string]any // a text, or a list of them
	RequestBody     json.RawMessage
	Status          int
	Response        json.RawMessage
	ResponseHeaders map[string]any
}

func readBrowser(raw json.RawMessage) (*Recording, error) {
	records, err := list[browserRecord](formatBrowser, raw)
	if err != nil {
		return nil, err
	}
	r := &Recording{Format: formatBrowser, KeepsBodies: true}
	for i, e := range records {
		u, ok := address(e.URL)
		if !ok {
			return nil, unreadable(formatBrowser, i+1, "the address")
		}
		if e.Status == 0 {
			return nil, unreadable(formatBrowser, i+1, "the status")
		}
		query := url.Values{}
		for k, v := range e.Query {
			list, ok := v.([]any)
			if !ok {
				list = []any{v}
			}
			for _, v := range list {
				query.Add(k, fmt.Sprint(v))
			}
		}
		u.RawQuery = query.Encode()
		x := Exchange{Number: i + 1, Method: e.Method, URL: u, Header: joined(nil), Status: e.Status,
			Answer: joined(e.ResponseHeaders)}
		x.Body, x.Content = proxyBody(e.RequestBody, "text/plain"), proxyBody(e.Response, "text/plain")
		r.Exchanges = append(r.Exchanges, x)
	}
	return r, nil
}
