package main

// tokenRules are those of the commands that change tokens and scope maps.
func tokenRules() []rule {
	const cli = "./cmd/acrkit/internal/cli"
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
				{"object-name", never(), "", "TestObject"},
				{"expiry-future", never(), "", "TestExpiry"},
				{"token-create-name", never(), cli, "TestCreateRefuses"},
				{"token-create-expires", never(), cli, "TestCreateRefuses"},
				{"token-create-token", never(), cli, "TestCreateRefuses"},
				{"token-create-map", never(), cli, "TestCreateRefuses"},
				{"token-create-sink", never(), cli, "TestCreateRefuses"},
				{"token-create-foreign", never(), cli, "TestTwiceAtOnce"},
				{"token-stdout-terminal", never(), "", "TestStdout"},
				{"token-revoke-accepted", never(), cli, "TestTokenRevoke"},
				{"scope-map-edit-rewrite", replace("!again", "true"), cli, "TestEditors"},
			},
		},
	}
}
