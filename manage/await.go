package manage

import (
	"context"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/acrkit/acrkit/internal/wire"
)

// answerKey is the key of the last answer that a change got, a **http.Response.
type answerKey struct{}

// withAnswer makes the last answer known to [await].
func withAnswer(ctx context.Context) context.Context {
	answer := new(*http.Response)
	return context.WithValue(policy.WithCaptureResponse(ctx, answer), answerKey{}, answer)
}

// await waits until a change that was begun with ctx is made. It asks when Azure Resource
// Manager says (Retry-After), as PollUntilDone of the SDK, but waits by the client's clock.
func await[T any](ctx context.Context, r *Registry, change *runtime.Poller[T]) (made T, err error) {
	var answer *http.Response
	if begun, ok := ctx.Value(answerKey{}).(**http.Response); ok {
		answer = *begun
	}
	for pause := retryAfter(answer, 0); !change.Done(); pause = retryAfter(answer, pollTime) {
		if pause > 0 {
			if err := r.client.opts.Sleep(ctx, pause); err != nil {
				return made, err
			}
		}
		if answer, err = change.Poll(ctx); err != nil { //nolint:bodyclose // the SDK has read it
			return made, err
		}
	}
	return change.Result(ctx)
}

// retryAfter is how long an answer asks to wait, or otherwise if it does not say.
func retryAfter(answer *http.Response, otherwise time.Duration) time.Duration {
	if answer != nil {
		if d := wire.RetryAfter(answer.Header); d > 0 {
			return d
		}
	}
	return otherwise
}
