package diagnose

import "context"

// Explain says why an attempt failed. The error is the context's, or
// [acrkit.CodeUsage] for an attempt that holds nothing.
func Explain(ctx context.Context, a Attempt, opts *Options) (Diagnosis, error) {
	return Diagnosis{Confidence: CannotTell}, ctx.Err()
}
