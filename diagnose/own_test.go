package diagnose_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/acrkit/acrkit/diagnose"
)

// What the packages for Python, TypeScript and Java print is read: each refusal of
// testdata/vectors, as each language shows it, has the cause of its own code.
func TestOwnSentences(t *testing.T) {
	b, err := os.ReadFile("../testdata/vectors/refusals.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct{ Name, Message, Code, Sentence string }
	}
	if err := json.Unmarshal(b, &file); err != nil || len(file.Vectors) == 0 {
		t.Fatal(err)
	}
	// Sentences that leave the cause open.
	open := map[string]bool{"held": true, "not_found": true}
	for _, v := range file.Vectors {
		quoted, err := json.Marshal(
			map[string]any{"errors": []any{map[string]string{"code": "UNAUTHORIZED", "message": v.Message}}})
		if err != nil {
			t.Fatal(err)
		}
		for language, text := range map[string]string{
			"Python": "Traceback (most recent call last):\n  File \"tags.py\", line 9, in " +
				"<module>\nacrkit.RefusedError: " + v.Message + "\n",
			"TypeScript": "RestError: " + v.Message +
				"\n    at RegistryClient.sendRequest (client.js:1:2) {\n  code: '" + v.Code + "'\n}\n",
			"Java": "com.azure.core.exception.HttpResponseException: \"" + string(quoted) + "\"\n",
		} {
			d, err := diagnose.Explain(t.Context(), diagnose.Attempt{Text: text}, &diagnose.Options{NoProbes: true})
			if err != nil {
				t.Fatal(err)
			}
			row, ok := diagnose.Lookup(string(d.Code))
			switch {
			case open[v.Sentence]:
				if d.Confidence == diagnose.Proved && string(row.Class) != v.Code {
					t.Errorf("%s, %s: %s is proved", v.Name, language, d.Code)
				}
			case !ok || string(row.Class) != v.Code || d.Confidence == diagnose.CannotTell:
				t.Errorf("%s, %s: %s %s, want a cause of %s\n%s", v.Name, language, d.Code, d.Confidence, v.Code, text)
			}
		}
	}
}
