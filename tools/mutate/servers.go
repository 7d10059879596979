package main

// serverRules are those of what listens: the emulator and the proxy.
func serverRules() []rule {
	const (
		emulator = "./emulator"
	)
	return []rule{
		{
			"value-from",
			"A secret counts as private only if the seed names where it is; one of the example never does.",
			[]change{
				{"value-from-is-private", always(), "", "TestValueFrom_public"},
				{"value-from-is-private", drop("from"), emulator, "TestBeyondLoopback_by_reference"},
				{"value-from-both", remove(), "", "TestValueFrom_errors"},
				{"value-from-limit", value("limit.Limit{Name: $.Name, Bytes: $.Bytes * 2}"), "",
					"TestValueFrom_errors"},
				{"value-from-token", value("false"), emulator, "TestBeyondLoopback_by_reference"},
				{"value-from-token", value("true"), emulator, "TestBeyondLoopback_by_reference"},
				{"value-from-application", value("true"), emulator, "TestBeyondLoopback_by_reference"},
				{"value-from-compare", drop("Private"), emulator, "TestBeyondLoopback_by_reference"},
				{"value-from-compare-2", drop("Private"), emulator, "TestBeyondLoopback_by_reference"},
			},
		},
		{
			"public-paths",
			"Without a credential, another machine gets only the CA certificate and two probes over plain HTTP.",
			[]change{
				{"public-paths-serve-http", always(), "", "TestPublic"},
				{"public-paths-ca-pem", value(`append(e.ca.PEM(), e.ca.PEM()...)`), "", "TestPublic"},
				{"authority-names-served", never(), "", "TestUnknownName"},
				{"authority-names-forwarded", never(), "", "TestUnknownName"},
				{"unknown-names-max", value("$ + 1"), "", "TestUnknownTLSName"},
				{"unknown-names-max", value("$ - 1"), "", "TestUnknownTLSName"},
			},
		},
		{
			"pipeline",
			"In a pipeline, the emulator's log shows no query, its command no other credential, and a " +
				"dead emulator is an error.",
			[]change{
				{"access-log-path-of", value("\"?\" + r.URL.RawQuery"), "", "TestAccessLog"},
				{"access-log-max-logged", value("$ + 1"), "", "TestAccessLog"},
				{"access-log-max-logged", value("$ - 1"), "", "TestAccessLog"},
			},
		},
		{
			"given-authority",
			"A given certificate authority must be one, valid now, with its own key.",
			[]change{
				{"given-authority-is-ca", never(), "", "TestGiven_refused"},
				{"given-authority-usage", never(), "", "TestGiven_refused"},
				{"given-authority-ends", never(), "", "TestGiven_refused"},
				{"given-authority-begins", never(), "", "TestGiven_refused"},
			},
		},
		{
			"chosen-secrets",
			"If other machines can reach the emulator, it accepts no chosen password or secret.",
			[]change{
				{"chosen-secrets-open", never(), "", "TestBeyondLoopback"},
				{"chosen-secrets-open-2", never(), "", "TestBeyondLoopback"},
				{"chosen-secrets-update", remove(), emulator, "TestBeyondLoopback"},
				{"chosen-secrets-replace", value("nil"), emulator, "TestBeyondLoopback"},
				{"chosen-secrets-check", always(), emulator, "TestBeyondLoopback"},
				{"chosen-secrets-chosen-of", never(), emulator, "TestBeyondLoopback"},
				{"chosen-secrets-chosen-of-2", replace("!p.Generated", "!p.Generated && p.Expires.IsZero()"),
					emulator, "TestBeyondLoopback"},
				{"chosen-secrets-after", replace("==", "!="), emulator, "TestBeyondLoopback"},
			},
		},
		{
			"all-repositories",
			"A token for all repositories holds no more than its principal's rights on all of them, " +
				"none in ABAC mode, and opens what these are now.",
			[]change{
				{"all-repositories-grant", drop("scopemap"), emulator, "TestAllRepositories"},
				{"all-repositories-grant", drop("Action"), emulator, "TestAllRepositories"},
				{"all-repositories-grant-2",
					replace(`!slices.Contains(all, action.Wire()) && !slices.Contains(all, "*")`,
						"len(all) == 0"),
					emulator, "TestAllRepositories"},
				{"all-repositories-rights-of", always(), emulator, "TestAllRepositories_ABAC"},
				{"all-repositories-decide-bearer", first("return verdict(principal.Answer{}, d)"),
					"", "TestAllRepositories_used"},
				{"proxy-scope-map-authorize", never(), "", "TestAllRepositories"},
				{"all-repositories-holds", drop(`"repository"`), "", "TestAllRepositories"},
				{"all-repositories-holds", replace("action", `strings.Replace(action, "pull", "metadata_read", 1)`),
					"", "TestAllRepositories"},
			},
		},
		{
			"anonymous-token",
			"An anonymous client's token allows only reading, for five minutes.",
			[]change{
				{"anonymous-token-anonymous-life", value("$ + time.Second"), emulator, "TestAnonymousToken"},
				{"anonymous-token-anonymous-life", value("$ - time.Second"), emulator, "TestAnonymousToken"},
				{"anonymous-token-access-token", value("AnonymousLife"), emulator, "TestAnonymousToken_life"},
				{"anonymous-token-verify", drop("KindAnonymous"), emulator, "TestAllRepositories_used"},
			},
		},
		{
			"other-cloud",
			"A token for Azure Resource Manager of another cloud is accepted neither by the registry " +
				"nor by ARM.",
			[]change{
				{"other-cloud-audience-of", value("ForARM"), emulator, "TestOtherCloud"},
			},
		},
		{
			"beyond-loopback",
			"The emulator listens for other machines only if an option allows it.",
			[]change{
				{"beyond-loopback-serve", never(), "", "TestServeBeyondLoopback"},
			},
		},
		{
			"plain-http-peers",
			"The emulator answers no request over plain HTTP from another machine.",
			[]change{
				{"plain-http-peers-serve-http", never(), "", "TestPlainHTTP"},
				{"plain-http-peers-from-here", replace("Unmap().IsLoopback", "IsValid"), "", "TestPlainHTTP"},
			},
		},
		{
			"standing-still",
			"A client that stalls while it sends a body or reads an answer is ended in time; one that " +
				"makes progress is not.",
			[]change{
				{"standing-still-read-time", value("$ * 60"), emulator, "TestStalledForm"},
				{"standing-still-write-time", value("$ * 100"), emulator, "TestClientThatDoesNotRead"},
				{"standing-still-min-bytes", value("$ / 1024"), emulator, "TestStalledPace"},
				{"standing-still-min-bytes", value("$ * 100"), emulator, "TestMovingUpload"},
				{"standing-still-end", replace(">= MinBytes", "> 0"), "", "TestBody"},
				{"standing-still-end", replace(">=", ">"), "", "TestBody"},
				{"standing-still-end-2", remove(), "", "TestBody"},
				{"standing-still-set-deadline", remove(), "", "TestBody"},
				{"standing-still-begin",
					replace("b.progress.begin()", "if !b.begun { b.progress.begin() }"), "", "TestBody"},
				{"standing-still-set-deadline-2", remove(), "", "TestConn"},
				{"standing-still-end-3", always(), "", "TestConn"},
				{"standing-still-read-from", always(), "", "TestFile"},
				{"standing-still-serve", replace("e.idle.Listener(l)", "l"), "", "TestClientThatDoesNotRead"},
				{"standing-still-serve-http", value("(*idle.Body)(nil)"), "", "TestStalledBody"},
			},
		},
		{
			"unread-bodies",
			"A body that no answer needs is read only up to a limit of size and time.",
			[]change{
				{"unread-bodies-max-unread", value("$ * 1024"), "", "TestDrain"},
				{"unread-bodies-max-unread", value("$ / 16"), emulator, "TestUnreadBody"},
				{"unread-bodies-unread-time", value("$ * 100"), "", "TestDrain"},
				{"unread-bodies-done", never(), "", "TestDrain_rest"},
				{"unread-bodies-serve-http", never(), "", "TestUnreadBody"},
			},
		},
		{
			"reset",
			"A stalled client does not delay a reset of the emulator or other clients, and one without " +
				"a credential never does.",
			[]change{
				{"reset-reset-wait", value("$ * 100"), "", "TestResetWaitsForWhatMoves"},
				{"reset-reset-idle", value("$ * 100"), "", "TestResetEndsWhatHangs"},
				{"reset-reset-unread", replace("8", "300"), "", "TestClientThatDoesNotRead"},
				{"reset-reset-unread", value("3 * time.Second"), "", "TestClientThatDoesNotRead"},
				{"reset-reset", first("continue"), "", "TestResetWaitsForWhatMoves"},
				{"reset-reset-2", remove(), "", "TestResetEndsWhatHangs"},
				{"reset-serve-http", never(), "", "TestStalledForm"},
			},
		},
		{
			"listener-times",
			"A client that sends nothing, half a header or nothing more loses its connection; at the " +
				"end all clients do.",
			[]change{
				{"listener-times-header-time", value("$ * 100"), "", "TestConnectionLimits"},
				{"listener-times-serve", remove(), "", "TestConnectionLimits"},
				{"listener-times-idle-time", value("$ * 100"), "", "TestConnectionLimits"},
				{"listener-times-stop-time", value("$ * 100"), "", "TestStop"},
				{"listener-times-max-hang", value("$ * 10"), "./emulator", "TestHangEnds"},
				{"listener-times-max-header", value("$ * 1024"), "", "TestHeaderLimit"},
				{"listener-times-max-silent", value("$ * 100"), "", "TestSilentAtOnce"},
				{"listener-times-first-byte", value("$ * 100"), emulator, "TestConnectionLimits"},
			},
		},
		{
			"proxy-times",
			"A client that stalls or sends nothing does not delay the proxy or keep a connection to it.",
			[]change{
				{"proxy-times-serve-http", replace("h.idle.Body(w, r)", "nil"), "", "TestStalledRequest"},
				{"proxy-times-serve-http", replace("h.idle.Body(w, r)", "nil"), "", "TestStalledClient"},
				{"proxy-times-idle-limit", value("$ * 100"), "", "TestStalledReader"},
				{"proxy-times-respond", remove(), "", "TestUnreadBody"},
				{"proxy-times-reclaim", remove(), "", "TestUnreadBody"},
				{"proxy-times-serve", remove(), "", "TestListenerLimits"},
				{"proxy-times-header-time", value("$ * 100"), "", "TestListenerLimits"},
				{"proxy-times-serve-2", remove(), "", "TestListenerLimits"},
				{"proxy-times-idle-time", value("$ * 100"), "", "TestListenerLimits"},
				{"proxy-times-stop-time", value("$ * 100"), "", "TestListenerLimits"},
				{"proxy-times-max-header", value("$ * 1024"), "", "TestHeaderLimit"},
			},
		},
		{
			"proxy-bounds",
			"What the proxy follows and passes on has a named limit, exact on both sides.",
			[]change{
				{"proxy-bounds-max-redirects", value("$ + 1"), "", "TestRedirects"},
				{"proxy-bounds-max-redirects", value("$ - 1"), "", "TestRedirects"},
				{"proxy-bounds-max-link", value("$ + 1"), "", "TestPlaces"},
				{"proxy-bounds-max-link", value("$ - 1"), "", "TestPlaces"},
				{"proxy-bounds-max-replay", value("$ * 128"), "", "TestExpectContinue"},
				{"proxy-bounds-max-form", value("$ * 128"), "", "TestTokenServiceLimits"},
				{"proxy-bounds-max-rights", value("$ * 100"), "", "TestTokenServiceLimits"},
				{"proxy-bounds-max-upload-query", value("$ * 128"), "", "TestPlaces"},
			},
		},
		{
			"control-times",
			"The emulator's commands do not wait without limit for an emulator that does not answer.",
			[]change{
				{"control-times-reconnect-time", value("$ * 100"), "", "TestFollowTime"},
				{"control-times-key-limit", replace("10", "17"), "", "TestReadLimits"},
				{"control-times-answer-limit", replace("20", "22"), "", "TestAnswerLimit"},
				{"control-times-wait-ready", replace("stall.Wrap(t)", "t"), "", "TestReadyTime"},
			},
		},
	}
}
