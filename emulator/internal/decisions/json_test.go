package decisions

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	ruleid "github.com/acrkit/acrkit/emulator/rule"
)

// FuzzAppendJSON: what is written by hand is what the library would have read
// from its own writing.
func FuzzAppendJSON(f *testing.F) {
	f.Add(int64(1), int64(0), "r", "/v2/a/manifests/v1", "", "", false)
	f.Add(int64(-5), int64(1_700_000_000_123_456_789), "a\"b\\c", "\x00\x1f\x7f", "é\u2028<&>", "\xff\xc3", true)
	f.Fuzz(func(t *testing.T, id, at int64, registry, path, reason, rule string, two bool) {
		d := Entry{ID: id, Time: time.Unix(0, at).UTC(), Registry: registry, Kind: reason, Principal: rule,
			Method: "GET", Path: path,
			Required: registry, Outcome: Allowed, Missing: path, RuleID: ruleid.ID(rule), Reason: reason,
			RequestID: rule}
		if rule != "" {
			d.Rules = []string{rule}
		}
		if two {
			d.Rules = append(d.Rules, path, "")
		}
		library, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err) // JSON has a form for each year that 64 bits of nanoseconds reach
		}
		var want, got Entry
		if err := json.Unmarshal(library, &want); err != nil {
			t.Fatal(err)
		}
		hand := d.appendJSON(nil)
		if err := json.Unmarshal(hand, &got); err != nil {
			t.Fatalf("%v in %s", err, hand)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s\n%s", hand, diff)
		}
	})
}

// TestEveryField fails where a field was added and is not written.
func TestEveryField(t *testing.T) {
	d := Entry{1, time.Unix(1, 0).UTC(), "a", "b", "c", "d", "e", "f", "g", "h", []string{"i", "j"}, "k", "l", "m"}
	var got Entry
	if err := json.Unmarshal(d.appendJSON(nil), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d, got); diff != "" {
		t.Error(diff)
	}
}
