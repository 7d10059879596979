package recording

import (
	"encoding/json"
	"net/url"
)

// browserRecord is an exchange as the JavaScript recorder wrote it in browsers:
// without the request's headers, and with several values of a header of the
// answer joined with commas.
type browserRecord struct {
	Method, URL     string
	Query           map[string]string
	RequestBody     *string
	Status          int
	Response        string
	ResponseHeaders map[string]string
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
			query.Set(k, v)
		}
		u.RawQuery = query.Encode()
		x := Exchange{Number: i + 1, Method: e.Method, URL: u, Header: joined(nil), Status: e.Status, Answer: joined(e.ResponseHeaders), Content: e.Response}
		if e.RequestBody != nil {
			x.Body = *e.RequestBody
		}
		r.Exchanges = append(r.Exchanges, x)
	}
	return r, nil
}
