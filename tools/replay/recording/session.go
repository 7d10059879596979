package recording

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
)

// sessionRecord is an exchange as the Azure SDK for Java wrote it: three headers
// of the request and not its body; the answer's headers, status and body in one
// object, several values of a header joined with commas, and a body of bytes as
// base64.
type sessionRecord struct {
	Method, URI string
	Headers     map[string]any
	Response    map[string]any
	Exception   any
}

func readSession(raw json.RawMessage) (*Recording, error) {
	records, err := list[sessionRecord](formatSession, raw)
	if err != nil {
		return nil, err
	}
	r := &Recording{Format: formatSession}
	for i, e := range records {
		if e.Exception != nil && len(e.Response) == 0 {
			continue // the request never got an answer
		}
		u, ok := address(e.URI)
		if !ok {
			return nil, unreadable(formatSession, i+1, "the address")
		}
		x := Exchange{Number: i + 1, Method: e.Method, URL: u, Header: joined(e.Headers)}
		answer := map[string]any{}
		for name, v := range e.Response {
			switch s := fmt.Sprint(v); {
			case v == nil:
			case name == "StatusCode":
				if x.Status, err = strconv.Atoi(s); err != nil {
					return nil, unreadable(formatSession, i+1, "the status")
				}
			case name == "Body":
				x.Content = s
			case name == "retry-after": // the recorder's own, so that tests do not wait
			default:
				answer[name] = s
			}
		}
		if x.Status == 0 {
			return nil, unreadable(formatSession, i+1, "the status")
		}
		x.Answer = joined(answer)
		if !isText(x.Answer.Get("Content-Type")) {
			if b, err := base64.StdEncoding.DecodeString(x.Content); err == nil {
				x.Content = string(b)
			}
		}
		r.Exchanges = append(r.Exchanges, x)
	}
	if len(r.Exchanges) == 0 {
		return nil, errNoRecording
	}
	return r, nil
}
