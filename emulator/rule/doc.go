// Package rule names the rules by which the emulator refuses, such as [PasswordExpired].
// The decision log has the rule of each refusal beside its sentence. A test asserts
// rules, because sentences may be reworded:
//
//	if got := reg.DeniedRules(); !slices.Equal(got, []rule.ID{rule.PasswordExpired}) {
//		t.Errorf("refused by %v", got)
//	}
//
// [All] lists the rules with what refuses by each; [ID.Text] is a rule's sentence, and
// [ID.Cause] its cause in package diagnose.
//
// Some answers have no rule, because they refuse nothing: that something does not exist,
// that content is malformed, that nothing serves a path or method.
package rule
