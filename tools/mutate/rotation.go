package main

// rotationRules are those of rotating passwords and of delivering them.
func rotationRules() []rule {
	return []rule{
		{
			"sink",
			"A sink is its owner's file or login, is replaced only if it holds a password of this token, and shows " +
				"none.",
			[]change{
				{"sink-file-mode", value("0o644"), "", "TestSinks"},
				{"sink-file-other-user", never(), "", "TestSinks"},
				{"sink-file-changed", never(), "", "TestSinks"},
				{"sink-is-password", replace("> '~'", "> 0xffff"), "", "TestFile"},
				{"sink-is-password", replace("maxPassword.Check(int64(len(text))) == nil", "true"), "", "TestFile"},
				{"sink-docker-other-user", never(), "", "TestSinks"},
				{"sink-docker-changed", never(), "", "TestSinks"},
				{"sink-docker-private", never(), "", "TestDocker_mode"},
				{"sink-verify-held", never(), "", "TestSinks"},
				{"sink-cache-of", replace("d > maxCache", "false"), "", "TestParse"},
				{"sink-cache-of", replace("d < 0", "false"), "", "TestParse"},
				{"sink-command-time", value("$ * 2"), "", "TestProgram_time"},
				{"sink-program-said", never(), "", "TestCommand"},
				{"sink-program-output", never(), "", "TestCommand"},
				{"token-sink-environment", replace("find.WithoutSecrets(os.Environ())", "os.Environ()"),
					"", "TestSinkEnvironment"},
				{"token-rotate-stdout", never(), "./cmd/acrkit/internal/cli", "TestTokenRotate_refused"},
			},
		},
		{
			"rotation",
			"A rotation never ends a password that a sink holds or whose programs may still use it, and leaves none " +
				"that no sink has.",
			[]change{
				{"rotate-slot-held", never(), "", "TestRefused"},
				{"rotate-unknown", never(), "", "TestRefused"},
				{"rotate-orphan-recent", never(), "", "TestRefused"},
				{"rotate-recent", value("$ * 2"), "", "TestRefused"},
				{"rotate-slot-of", replace("len(found) != 1", "len(found) == 0"), "", "TestRefused"},
				{"rotate-live", replace("st.now.Before(p.Expires.Add(skew))", "true"), "", "TestCrash"},
				{"rotate-infer", replace("st.youngest() < activation", "false"), "", "TestYoungReplaced"},
				{"rotate-silent", never(), "", "TestRefused"},
				{"rotate-look-again", never(), "", "TestTwoMachines"},
				{"rotate-grace", never(), "", "TestRefused"},
				{"rotate-expires", never(), "", "TestRefused"},
				{"rotate-replace", never(), "", "TestRefused"},
				{"rotate-margin", value("$ - time.Second"), "", "TestCrash"},
				{"rotate-due", never(), "", "TestCrash"},
				{"rotate-due-lost", never(), "", "TestCrash"},
				{"rotate-late", never(), "", "TestCrash"},
				{"rotate-all-delivered", never(), "", "TestNotRetired"},
				{"rotate-verified", never(), "", "TestNotRetired"},
				{"rotate-undo", replace("held.Password.Equal(c.value)", "held.Password.IsZero()"), "",
					"TestNotRetired"},
				{"rotate-still", never(), "", "TestPutBack"},
				{"rotate-still-recorded", never(), "", "TestStillRecorded"},
			},
		},
		{
			"rotation-time",
			"A new password is delivered when it is accepted, several times in a row; a change is made soon after " +
				"the look at the token that it relies on, or not at all.",
			[]change{
				{"rotate-activate", replace("inARow >= accepts", "true"), "", "TestActivation"},
				{"rotate-activate", replace("age >= settle", "true"), "", "TestSettle"},
				{"rotate-accepts", value("$ - 1"), "", "TestActivation"},
				{"rotate-activation", value("$ * 2"), "", "TestActivation"},
				{"rotate-activation", value("$ / 2"), "", "TestActivation"},
				{"rotate-settle", value("changeWithin"), "", "TestSettle"},
				{"rotate-change-within", value("$ * 2"), "", "TestLateChange"},
				{"rotate-generate-within", replace("WithTimeout(ctx, changeWithin)", "WithCancel(ctx)"),
					"", "TestLateChange"},
				{"rotate-remove-within", replace("WithTimeout(ctx, changeWithin)", "WithCancel(ctx)"),
					"", "TestLateRemoval"},
				{"rotate-unchanged", never(), "", "TestTwoMachines"},
				{"rotate-mine", never(), "", "TestReplacedMeanwhile"},
				{"rotate-lock-wait", value("$ * 1000"), "", "TestFileJournal"},
				{"rotate-login-kind", never(), "", "TestNewLogin"},
			},
		},
		{
			"rotation-policy",
			"A policy is read whole or not at all, and a run keeps to its ages, windows, limits, and what it leaves " +
				"to others.",
			[]change{
				{"policy-keys", never(), "", "TestParse"},
				{"policy-twice", replace(`name != "" && names[name]`, "false"), "", "TestParse"},
				{"policy-expires", never(), "", "TestParse"},
				{"policy-managed-by", never(), "", "TestFleet"},
				{"policy-max", replace("rotations > f.Max", "false"), "", "TestFleet"},
				{"policy-age", never(), "", "TestFleet"},
				{"policy-window", never(), "", "TestFleet"},
				{"policy-max-failures", replace("failures >= f.MaxFailures", "false"), "", "TestFleet"},
			},
		},
	}
}
