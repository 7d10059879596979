package main

// tokenRules are those of the commands that change tokens and scope maps.
func tokenRules() []rule {
	const cli = "./cmd/acrkit/internal/cli"
	return []rule{
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
