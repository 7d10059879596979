package main

// tokenRules are those of the commands that change tokens and scope maps.
func tokenRules() []rule {
	const (
		cli      = "./cmd/acrkit/internal/cli"
		scopeMap = cli + "/scopemap"
	)
	return []rule{
		{
			"manage",
			"The identity's token goes to Azure Resource Manager alone; a change that was made from an old state is " +
				"refused or reported; nothing waits without a limit.",
			[]change{
				{"manage-origin", never(), "", "TestOtherHost"},
				{"manage-https", never(), "", "TestEndpoint"},
				{"manage-max-subscriptions", value("$ + 1"), "", "TestManySubscriptions"},
				{"manage-max-subscriptions", value("$ - 1"), "", "TestManySubscriptions"},
				{"manage-read-before-write", never(), "", "TestConflict"},
				{"manage-read-after-write", never(), "", "TestConflict"},
				{"manage-delete-token", never(), "", "TestDeleteChanged"},
				{"manage-delete-scope-map", never(), "", "TestDeleteChanged"},
				{"manage-slow-write", never(), "", "TestSlowWrite"},
				{"manage-remove-created", never(), "", "TestRemoveAnother"},
				{"stalls-manage-change", value("$ * 10"), "", "TestTooLong"},
				{"stalls-manage-request", value("$ * 2"), "", "TestSilence"},
			},
		},
		{
			"tokens",
			"A command for tokens asks before rights get wider, replaces nothing that is there, and shows no " +
				"password on a terminal.",
			[]change{
				{"rights-agree", never(), cli, "TestWiderIsAsked"},
				{"rights-unchanged", always(), cli, "TestChangedAfterQuestion"},
				{"scope-map-delete-used", never(), cli, "TestChangedAfterQuestion"},
				{"object-name", never(), "", "TestObject"},
				{"expiry-future", never(), "", "TestExpiry"},
				{"token-create-name", never(), cli, "TestCreateRefuses"},
				{"token-create-expires", never(), cli, "TestCreateRefuses"},
				{"token-create-token", never(), cli, "TestCreateRefuses"},
				{"token-create-map", never(), cli, "TestCreateRefuses"},
				{"token-create-sink", never(), cli, "TestCreateRefuses"},
				{"token-create-foreign", never(), cli, "TestTwiceAtOnce"},
				{"token-create-replaced", never(), cli, "TestCreateLastLook"},
				{"token-create-slow", never(), cli, "TestCreateLastLook"},
				{"token-create-verify", never(), cli, "TestCreateLastLook"},
				{"token-stdout-terminal", never(), "", "TestStdout"},
				{"token-revoke-accepted", never(), cli, "TestTokenRevoke"},
				{"scope-map-edit-rewrite", replace("!again", "true"), cli, "TestEditors"},
			},
		},
		{
			"suggest",
			"A right is suggested for its use alone, and none is taken away that might have been used: what was " +
				"refused is no use, and what no source shows is unknown.",
			[]change{
				{"suggest-unknown", always(), scopeMap, "TestReview"},
				{"suggest-used", replace("Used", "Unused"), scopeMap, "TestReview"},
				{"suggest-tried", never(), scopeMap, "TestTried"},
				{"suggest-tried-granted", never(), scopeMap, "TestTried"},
				{"suggest-unknown-wildcard", drop("shown"), scopeMap, "TestReview"},
				{"suggest-keys-twice", never(), "", "TestRead"},
				{"suggest-used-status", replace("operation.WasUsed(status)", "true"), "", "TestRead"},
				{"suggest-used-decision", never(), "", "TestRead"},
				{"suggest-registry", never(), "", "TestCheck"},
				{"suggest-registries", never(), "", "TestCheck"},
				{"suggest-identity", never(), "", "TestCheck"},
				{"suggest-nameless", never(), "", "TestRead_nameless"},
				{"suggest-identities", never(), "", "TestCheck"},
				{"suggest-unclear", never(), "", "TestShows"},
				{"suggest-cut", never(), "", "TestShows"},
				{"suggest-full", never(), "", "TestRead_part"},
				{"suggest-shown", drop("Lines"), "", "TestShows"},
				{"suggest-mount", replace("l.pushed", "false"), "", "TestShows"},
				{"suggest-document-cut", never(), "", "TestRead_broken"},
				{"suggest-recording-end", never(), "", "TestShows"},
				{"suggest-recorded-wildcard", never(), "", "TestRead_broken"},
				{"suggest-incomplete", never(), cli, "TestSuggestLimits"},
				{"suggest-shared", replace("found.Name", "found.token"), cli, "TestSuggestGranted"},
				{"suggest-nothing-left", never(), cli, "TestSuggestGranted"},
				{"suggest-role-principal", never(), cli, "TestSuggestRole"},
			},
		},
		{
			"suggest-limits",
			"The readers of logs keep no more of a log than their named limits.",
			[]change{
				{"suggest-limits-depth", value("$ + 1"), "", "TestRead"},
				{"suggest-limits-depth", value("$ - 1"), "", "TestRead"},
				{"suggest-limits-names", value("$ + 1"), "", "TestLimits"},
				{"suggest-limits-names", value("$ - 1"), "", "TestLimits"},
				{"suggest-limits-sources", never(), "", "TestLimits"},
				{"suggest-limits-line", value("$ + 1"), "", "TestLimits"},
				{"suggest-limits-line", value("$ - 1"), "", "TestLimits"},
				{"suggest-limits-value", never(), "", "TestLimits"},
				{"suggest-limits-row", never(), "", "TestLimits"},
				{"suggest-limits-time", never(), "", "TestRead"},
				{"suggest-limits-lines", never(), cli, "TestSuggestLimits"},
				{"suggest-limits-condition", value("$ + 1"), "", "TestAssignments_limit"},
				{"suggest-limits-condition", value("$ - 1"), "", "TestAssignments_limit"},
			},
		},
	}
}
