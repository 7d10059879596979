package decisions

import (
	"encoding/json"
	"strconv"
	"time"
)

// appendJSON appends the decision as [encoding/json] reads it, without the
// fields that are empty. Each request is written once and most are never read;
// doing it by reflection cost as much as the rest of the log.
func (d *Entry) appendJSON(b []byte) []byte {
	b = append(b, `{"ID":`...)
	b = strconv.AppendInt(b, d.ID, 10)
	b = append(b, `,"Time":"`...)
	b = d.Time.AppendFormat(b, time.RFC3339Nano)
	b = append(b, '"')
	for _, f := range [...]struct{ name, value string }{
		{"Registry", d.Registry}, {"Kind", d.Kind}, {"Principal", d.Principal}, {"Method", d.Method}, {"Path", d.Path},
		{"Required", d.Required}, {"Outcome", d.Outcome}, {"Missing", d.Missing}, {"RuleID", string(d.RuleID)},
		{"Reason", d.Reason}, {"RequestID", d.RequestID},
	} {
		if f.value != "" {
			b = append(b, `,"`...)
			b = append(b, f.name...)
			b = append(b, `":`...)
			b = appendString(b, f.value)
		}
	}
	for i, rule := range d.Rules {
		if i == 0 {
			b = append(b, `,"Rules":[`...)
		} else {
			b = append(b, ',')
		}
		b = appendString(b, rule)
	}
	if len(d.Rules) > 0 {
		b = append(b, ']')
	}
	return append(b, '}')
}

// appendString appends a JSON string. What is not plain is left to the library.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(s) // a string never fails
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
