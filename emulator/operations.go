package emulator

import (
	"fmt"
	"slices"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/arm"
	"github.com/acrkit/acrkit/emulator/internal/refusal"
	"github.com/acrkit/acrkit/internal/wording"
)

// Operations say how Azure Resource Manager reports changes. They change no more than
// that: a change is made, durable and in effect with the first answer. The zero value is as recorded of each
// change, and none is under way when a client asks for the first time.
type Operations struct {
	Style OperationStyle // of all changes; "" = each has its own
	Take  time.Duration  // how long a client is told that one is under way, by the emulator's clock
}

// OperationStyle is a way to report a change.
type OperationStyle string

// The styles that ARM documents.
const (
	OperationsAtOnce   = OperationStyle(arm.AtOnce)            // 200 when it has ended
	OperationsAsync    = OperationStyle(arm.AsyncOperation)    // Azure-AsyncOperation names an address to ask
	OperationsLocation = OperationStyle(arm.Location)          // Location names it, of a DELETE
	OperationsInBody   = OperationStyle(arm.ProvisioningState) // the resource's provisioningState
)

// MaxOperation is the longest time that a change can be reported as under way.
const MaxOperation = time.Hour

// OperationStyles returns the styles.
func OperationStyles() []OperationStyle {
	var out []OperationStyle
	for _, s := range arm.Styles() {
		out = append(out, OperationStyle(s))
	}
	return out
}

func (o Operations) check() error {
	const op = "report operations"
	if o.Style != "" && !slices.Contains(OperationStyles(), o.Style) {
		return refusal.Usage(op, "%s is none of %s", wording.Quote(string(o.Style)), fmt.Sprint(OperationStyles()))
	}
	if o.Take < 0 || o.Take > MaxOperation {
		return refusal.Usage(op, "%v is not between 0 and %v", o.Take, MaxOperation)
	}
	return nil
}
