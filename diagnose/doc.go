// Package diagnose says why a registry refused: the cause, the evidence for it, how
// sure that is, and one command that fixes it.
//
//	d, err := diagnose.Explain(ctx, diagnose.Attempt{Err: err, Transport: rt}, nil)
//	fmt.Println(d.Code, d.Title(), d.Fix)
//
// [Explain] takes one failed attempt: an error of this module, or an HTTP exchange
// of any client. [Doctor] checks each step to a registry.
// [Causes] is the table of all causes that they name.
//
// Where the failed exchange does not show the cause, a few further requests are made.
// They change nothing, go to the registry and the token services that the
// credential goes to anyway, and each is listed in the result; [Options.NoProbes]
// forbids them. A cause that cannot be decided is reported as [CannotTell], with the
// candidates. A cause whose signs are only believed is never more than suspected.
package diagnose
