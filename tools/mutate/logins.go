package main

// loginRules are those of logins that other programs keep, and of what surrounds a
// secret.
func loginRules() []rule {
	const (
		auth = "./auth"
		cli  = "./cmd/acrkit/internal/cli"
	)
	return []rule{
		{
			"login-places",
			"Logins of Docker and podman are looked for in a fixed order; a place that cannot be read " +
				"is an error with its name and none of its content.",
			[]change{
				{"login-places-docker-config-from-environment", value("[]loginSource{}"),
					"", "TestDockerConfigFromEnvironment"},
				{"login-places-podman-files", remove(), "", "TestPodmanFiles"},
				{"login-places-podman-files-2", remove(), "", "TestPodmanFiles"},
				{"login-places-read", replace("errors.Is(err, fs.ErrNotExist)", "err != nil"),
					"", "TestDockerConfigFromEnvironment_broken"},
				{"login-places-read-2", replace(`return dockerDoc{}, s.failure(acrkit.CodeUsage, why, "")`,
					"doc.absent = true"),
					"", "TestDockerConfigFromEnvironment_broken"},
				{"login-places-data", first("return []byte(text), nil"), "", "TestLimits"},
				{"login-places-data", replace("int64(len(text))", "int64(len(text)) + 1"), "", "TestLimits"},
			},
		},
		{
			"confirm",
			"Before a change that is hard to undo the user says yes, at a terminal or with --yes.",
			[]change{
				{"confirm-possible", always(), "", "TestConfirm_terminal"},
				{"confirm-possible", drop("canPrompt"), "", "TestConfirm_answers"},
				{"confirm-ask", never(), "", "TestConfirm_answers"},
			},
		},
		{
			"change",
			"Only what was shown is deleted; what an index refers to is kept unless the index is gone; a dry run " +
				"sees a lock.",
			[]change{
				{"change-shown", never(), cli, "TestDelete_changed_meanwhile"},
				{"change-shown", drop("wasShown"), cli, "TestDaily_allowed"},
				{"change-dry-run-locks", never(), cli, "TestDelete_locks"},
				{"change-index-children", never(), cli, "TestManifestDelete_of_an_index"},
				{"change-index-children", drop("Force"), cli, "TestManifestDelete_of_an_index"},
				{"change-index-gone", never(), cli, "TestManifestDelete_of_an_index"},
				{"change-limits-max-indexes", value("$ + 1"), "", "TestReadParents_limit"},
				{"change-limits-max-indexes", value("$ - 1"), "", "TestReadParents_limit"},
				{"change-limits-max-looked", value("$ + 1"), "", "TestExplain_looks_through_a_page"},
				{"change-limits-max-looked", value("$ - 1"), "", "TestExplain_looks_through_a_page"},
			},
		},
		{
			"login-entries",
			"Half an entry of Docker's is not a login: the user name may be missing only beside a " +
				"token.",
			[]change{
				{"login-entries-read-entry", replace("isToken(password)", `password != ""`),
					"", "TestDockerConfig_entries"},
				{"login-entries-read-entry", never(), "", "TestDockerConfig_entries"},
				{"login-entries-decode-auth", remove(), "", "TestDockerConfig_entries"},
				{"login-entries-read-entry-2", replace(`user, password, e.why = decodeAuth(raw.Auth); e.why != ""`,
					`u, p, why := decodeAuth(raw.Auth); why == "" { user, password = u, p } else if false`),
					"", "TestDockerConfig_entries"},
			},
		},
		{
			"byte-order-marks",
			"A byte order mark beside a secret, or UTF-16, is an error before anything is sent.",
			[]change{
				{"byte-order-marks-check-secret", never(), "", "TestByteOrderMark"},
				{"byte-order-marks-failure", replace("Cause: causeWithin(err), ", ""), "", "TestByteOrderMark"},
				{"byte-order-marks-file", first(`return nil, r.usage(l.Detail, "")`), "", "TestByteOrderMark"},
				{"byte-order-marks-byte-order-mark", never(), "", "TestByteOrderMark"},
				{"byte-order-marks-utf16-marks", replace(`"\xff\xfe", "\xfe\xff"`, `"\xfe\xff"`),
					auth, "TestByteOrderMark"},
				{"byte-order-marks-parse-certificates", never(), "", "TestCertificate_byteOrderMark"},
			},
		},
		{
			"proxy-variables",
			"Nothing is sent past a proxy that a variable means to name; the variable is named, and " +
				"its value is not.",
			[]change{
				{"proxy-variables-new-transport", never(), auth, "TestMalformedProxy"},
				{"proxy-variables-new-transport", always(), "", "TestNewTransport_malformedProxy"},
				{"proxy-variables-check-proxy", value(`name + " is set to " + value`), "", "TestCheckProxy"},
				{"proxy-variables-network-error", never(), auth, "TestMalformedProxy"},
				{"proxy-variables-post", drop("ProxyMalformed"), "", "TestMalformedProxy"},
				{"proxy-variables-base-transport", never(), "./cmd/acrkit/internal/cli", "TestScripts"},
				{"proxy-variables-entra-token", remove(), "", "TestCertificate_malformedProxy"},
			},
		},
	}
}
