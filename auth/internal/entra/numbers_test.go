package entra

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"testing"

	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/sentence"
)

// TestNumbers: each number has its cause here and its words in package sentence, and the
// symptom of the cause names it.
func TestNumbers(t *testing.T) {
	if len(numbers) == 0 {
		t.Fatal("there are no numbers")
	}
	for _, number := range slices.Sorted(maps.Keys(numbers)) {
		if text, _ := sentence.Entra(number); text == "" {
			t.Errorf("AADSTS%d has no words: add them to internal/sentence/entra.go", number)
		}
		c := numbers[number].cause
		if c == cause.EntraRefused || c == cause.EntraUnreachable {
			continue // the symptoms of these name no number
		}
		named := regexp.MustCompile(fmt.Sprintf(`\b(AADSTS)?%d\b`, number))
		if symptom := sentence.OfCause(string(c)).Symptom; !named.MatchString(symptom) {
			t.Errorf("the symptom of %s is %q and does not name %d: add it in internal/sentence/causes_credentials.go",
				c, symptom, number)
		}
	}
	for _, number := range sentence.EntraNumbers() {
		if numbers[number].cause == "" {
			t.Errorf("AADSTS%d has no cause: add it to auth/internal/entra/numbers.go", number)
		}
	}
}
