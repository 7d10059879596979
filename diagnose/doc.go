// Package diagnose says why a registry refused: the cause, the evidence for it, how sure
// that is, and one command that fixes it.
//
//	d, err := diagnose.Explain(ctx, diagnose.Attempt{Err: err, Transport: rt}, nil)
//	if err != nil {
//		return err // there was nothing to explain
//	}
//	fmt.Println(d.Code, d.Title(), d.Confidence)
//	fmt.Println(d.Fix)
//
// [Explain] takes one failed [Attempt]: an error of this module, an HTTP exchange of any
// client, or the text that another program printed. [Doctor] checks each step to a
// registry, from its name to the rights that a job needs. [Causes] is the table of all
// causes that they name, [Lookup] one row of it.
//
// Where the failed exchange does not show the cause, a few further requests are made. They
// change nothing, go to the registry and the token services that the credential goes to
// anyway, and each is listed in the result; [Options.NoProbes] forbids them. [NewARM]
// adds what Azure Resource Manager knows, where the caller may read it.
//
// A cause that cannot be decided is reported as [CannotTell], with the candidates. A cause
// whose signs are only believed is never more than [Suspected]. Nothing is changed or
// fixed by this package.
package diagnose
