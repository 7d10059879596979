package main

// passwordRules are those of names and passwords that come from the caller.
func passwordRules() []rule {
	return []rule{
		{
			"password-refused",
			"A name and password that were refused are not sent twice in a row, nor asked for by two " +
				"callers; another name is another pair.",
			[]change{
				{"password-refused-fetch", never(), "", "TestScopedTokenFunc"},
				{"password-refused-equal",
					value("len(p.secrets) > 0 && p.secrets[0].Reveal() == other.secrets[0].Reveal()"),
					"", "TestScopedTokenFunc"},
				{"password-refused-fetch-2", replace("!t.grant.refused(p) || len(tried) == maxProofs",
					"len(tried) == maxProofs || !t.grant.refused(p)"),
					"", "TestMaxProofs"},
				{"password-refused-max-proofs", value("$ + 1"), "", "TestMaxProofs"},
				{"password-refused-max-proofs", value("$ - 1"), "", "TestMaxProofs"},
				{"password-refused-discard", never(), "", "TestScopedTokenFunc"},
				{"password-refused-proof", never(), "", "TestTokenAsPassword_rotation"},
				{"password-refused-key-of", replace("Encode()", `Get("password")`),
					"", "TestScopedTokenFunc_store"},
				{"password-refused-key-of", replace("Encode()", `Get("username")`),
					"", "TestScopedTokenFunc_store"},
			},
		},
		{
			"password-function",
			"A function that returns secrets runs once at a time and for a limited time; its panic is " +
				"an error without the value.",
			[]change{
				{"password-function-call", replace("case c.turn <- struct{}{}:",
					"default: go func() { c.turn <- struct{}{} }()"),
					"", "TestScopedTokenFunc_oneCallAtATime"},
				{"password-function-callback-time", value("$ + time.Second"), "", "TestScopedTokenFunc_hangs"},
				{"password-function-callback-time", value("$ - time.Second"), "", "TestScopedTokenFunc_hangs"},
				{"password-function-callback-grace", value("$ * 2"), "", "TestScopedTokenFunc_hangs"},
				{"password-function-callback-grace", value("$ / 2"), "", "TestScopedTokenFunc_hangs"},
				{"password-function-call-2", replace(`"the function panicked with a value of type %T"`,
					`"the function panicked with a value of type %T, %v", p`),
					"", "TestScopedTokenFunc_failures"},
				{"password-function-call-3", replace(`r := broken("the function ended its goroutine")`, "var r result"),
					"", "TestScopedTokenFunc_failures"},
				{"password-function-keep-old", value("append(old, v)"), "", "TestKeepOld"},
				{"password-function-most-old", value("$ + 1"), "", "TestKeepOld"},
				{"password-function-most-old", value("$ - 1"), "", "TestKeepOld"},
			},
		},
		{
			"password-token",
			"A password that is a token of ACR or Entra is never sent as a password, from any source, " +
				"and an ACR access token is never sent.",
			[]change{
				{"password-token-bound", never(), "", "TestTokenAsPassword"},
				{"password-token-token-of", never(), "", "TestTokenAsPassword"},
				{"password-token-token-of-2", never(), "", "TestTokenAsPassword"},
				{"password-token-token-of-3", never(), "", "TestTokenAsPassword"},
				{"password-token-bind", never(), "", "TestTokenAsPassword"},
				{"password-token-proof", always(), "", "TestTokenAsPassword_rotation"},
				{"password-token-proof", replace("!g.discard(slot, b) || len(tried) == maxProofs",
					"len(tried) == maxProofs || !g.discard(slot, b)"),
					"", "TestKeepOld"},
				{"password-token-proof-2", always(), "", "TestTokenAsPassword_rotation"},
				{"password-token-refresh-token-of", never(), "", "TestTokenAsPassword"},
			},
		},
		{
			"seed-password",
			"No command prints a password of the emulator by default, except the public ones of the " +
				"example seed; connection.json has none.",
			[]change{
				{"seed-password-public-token", drop("tokens"), "", "TestPublicToken"},
				{"seed-password-seed-tokens", replace("known[name] == value", "known[name] == value || true"),
					"", "TestPublicToken"},
				{"seed-password-seed-tokens-2", drop("Name"), "", "TestPublicToken"},
				{"seed-password-public-token-2", replace("t.lists", "true"), "", "TestPublicToken"},
			},
		},
	}
}
