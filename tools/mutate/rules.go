package main

import "slices"

// rules returns all rules.
func rules() []rule {
	return slices.Concat(clientRules(), proxyRules(), limitRules(), serverRules(), passwordRules(), loginRules(),
		defectRules(), rotationRules())
}

// clientRules are those that none of the other lists has.
func clientRules() []rule {
	const (
		acrtest    = "./acrtest"
		auth       = "./auth"
		cli        = "./cmd/acrkit/internal/cli"
		emulator   = "./emulator"
		tokencache = "./internal/login/tokencache"
		proxy      = "./proxy"
	)
	return []rule{
		{
			"origin",
			"A credential goes to one origin: scheme, host and port of its registry.",
			[]change{
				{"origin-is-at", drop("Hostname"), "", "TestOneOrigin"},
				{"origin-is-at", drop("portOf"), "", "TestOneOrigin"},
				{"origin-is-at-2", drop("EqualFold"), "", "TestD13_PlainHTTP"},
				{"origin-send-unauthenticated", remove(), "", "TestOneOrigin"},
			},
		},
		{
			"look-alikes",
			"A host that looks like a registry gets nothing.",
			[]change{
				{"look-alikes-new-transport", never(), "", "TestLookAlikes"},
				{"look-alikes-at", replace("!reg.IsACR()", "false"), "", "TestLogins"},
				{"look-alikes-parse-host", never(), "", "TestLogins"},
				{"look-alikes-parse-registry", never(), auth, "TestLookAlikes"},
				{"look-alikes-is-acr", drop("Contains"), auth, "TestLookAlikes"},
				{"look-alikes-is-acr", drop("Contains"), "./credhelper/hostile", "TestTransport"},
				{"look-alikes-post", replace("t.base.RoundTrip", "(&http.Client{Transport: t.base}).Do"),
					"./credhelper/hostile", "TestTransport"},
				{"look-alikes-server-url", never(), "", "TestHostileHosts"},
				{"look-alikes-round-trip", never(), "", "TestFindsLeaks"},
				{"look-alikes-test", never(), "", "TestFindsLeaks"},
				{"look-alikes-parse-registry-2", replace(">= utf8.RuneSelf", "> utf8.MaxRune"),
					auth, "TestLookAlikes"},
			},
		},
		{
			"regional",
			"A regional endpoint belongs to one registry, of its name and cloud: its credential, its " +
				"realm, its tokens.",
			[]change{
				{"regional-check-realm", replace("t.isAt(u, t.registry.LoginServer())",
					`strings.HasSuffix(u.Hostname(), ".azurecr.io")`),
					"", "TestRegionalEndpoint_realm"},
				{"regional-service", replace("LoginServer().", ""), "", "TestRegionalEndpoint"},
				{"regional-other-registry", replace("LoginServer() == reg.LoginServer", "Name() == reg.Name"),
					"", "TestRegionalEndpoint_refresh_token"},
				{"regional-new-token-key", replace(".LoginServer()", ""),
					tokencache, "TestClear_regional_endpoint"},
				{"regional-registry-of-region", drop(`"geo"`), "", "TestRegistry_LoginServer"},
				{"regional-registry-of-region", replace("!= 3", "< 3"), "", "TestRegistry_LoginServer"},
				{"regional-login-server", replace(`port != ""`, "false"), "", "TestRegistry_LoginServer"},
				{"regional-logins", replace("LoginServer().Host()", `Name()+".azurecr.io"`),
					"", "TestRegionalEndpoint"},
				{"regional-from-environment", replace("LoginServer() != reg.LoginServer", "Name() != reg.Name"),
					"", "TestFromEnvironment"},
				{"regional-from-environment-2", replace("LoginServer() != id.Registry.LoginServer",
					"Name() != id.Registry.Name"),
					"", "TestFinder_regional_endpoint"},
			},
		},
		{
			"plain-http",
			"Plain HTTP is used only with loopback, and only by option.",
			[]change{
				{"plain-http-new-client", drop("IsLoopback"), "", "TestNewClient"},
				{"plain-http-new-transport", never(), "", "TestD13_PlainHTTP"},
				{"plain-http-authority", never(), auth, "TestD13_PlainHTTP"},
			},
		},
		{
			"redirects",
			"A redirect chain that has left the registry gets no credential, even where it points " +
				"back; none goes from https to http.",
			[]change{
				{"redirects-round-trip", drop("leftRegistry"), "", "TestRedirects"},
				{"redirects-send-unauthenticated", never(), "", "TestRedirects"},
			},
		},
		{
			"token-redirects",
			"The body of a token request is never sent anywhere else: 301 to 308 are refused.",
			[]change{
				{"look-alikes-post", replace("t.base.RoundTrip", "(&http.Client{Transport: t.base}).Do"),
					"", "TestTokenRequestsFollowNoRedirect"},
			},
		},
		{
			"limits",
			"Everything read has a named limit; exceeding it is an error, and a body of exactly that " +
				"size is not.",
			[]change{
				{"limits-read-all", never(), auth, "TestLimits"},
				{"limits-read-all", replace(">", ">="), auth, "TestLimits"},
				{"limits-check", never(), auth, "TestLimits"},
				{"limits-new-transport", remove(), auth, "TestLimits_header"},
				{"limits-once", never(), "", "TestLimits"},
				{"limits-parse-challenges", never(), "", "TestParseChallenges"},
			},
		},
		{
			"stalls",
			"Nothing that is asked holds a client for ever, and no transfer that moves is cut: the " +
				"header of an answer has a time, and each KiB of its body.",
			[]change{
				{"stalls-header-time", value("$ * 100"), "", "TestHeader"},
				{"stalls-work-time", value("$ * 60"), "", "TestHeader_work"},
				{"stalls-body-time", value("$ * 100"), "", "TestBody"},
				{"stalls-body-time", value("$ / 10"), "", "TestBody"},
				{"stalls-body-least", value("$ / 1024"), "", "TestBody"},
				{"stalls-body-least", value("$ * 100"), "", "TestBody"},
				{"stalls-small-body", value("$ * 1024"), "", "TestHeader_work"},
				{"stalls-read", first("return b.ReadCloser.Read(p)"), "", "TestUpload"},
				{"stalls-read-2", remove(), "", "TestBody"},
				{"stalls-read-3", remove(), "", "TestBody"},
				{"stalls-fire", remove(), "", "TestAnyRoundTripper"},
				{"stalls-round-trip", remove(), "", "TestWrappedTwice"},
				{"stalls-new-transport", remove(), "", "TestSilence"},
				{"stalls-new-transport", remove(), proxy, "TestIdle"},
				{"stalls-fetch-limit", replace("Second", "Minute"), "", "TestSilence_fetch"},
				{"stalls-ping-after", value("$ * 60"), auth, "TestDeadConnection"},
				{"stalls-ping-wait", value("$ * 60"), auth, "TestDeadConnection"},
				{"stalls-new", replace("Wrap(rt)",
					"WrapWith(rt, stall.Limits{Header: time.Hour, Work: time.Hour})"),
					"", "TestClient_silence"},
				{"stalls-max-silent", value("$ * 10"), "", "TestClient_silence"},
				{"stalls-silent", value("$ && errors.Is(err, context.DeadlineExceeded)"),
					"", "TestListFromASilentRegistry"},
				{"stalls-probe-time", value("$ * 60"), "", "TestSilence"},
				{"stalls-dial-time", value("$ * 60"), "", "TestSilence"},
				{"stalls-text-dial-time", value("$ * 10"), "", "TestOffline_time"},
				{"stalls-may-ask", value("!x.o.NoProbes && true"), "", "TestOffline_time"},
				{"stalls-retried", remove(), "", "TestOffline_time"},
				{"stalls-arm-time", value("$ * 60"), "", "TestARM_endless"},
				{"stalls-answer-time", value("100 * (FollowWait + stall.HeaderTime)"), "", "TestClient_silence"},
				{"stalls-http", replace("stall.WrapWith(o.Base, stall.Limits{Header: answerTime})", "o.Base"),
					"", "TestClient_silence"},
			},
		},
		{
			"timeout",
			"--timeout ends a command in any wait, and never a program that it runs.",
			[]change{
				{"timeout-limit", replace("after", "100*after"), cli, "TestTimeout"},
				{"timeout-timeout-grace", value("$ * 3600"), cli, "TestTimeout"},
				{"timeout-new-cmd-root", value("nil"), cli, "TestTimeout"},
				{"timeout-new-cmd-run", remove(), cli, "TestTimeout"},
				{"timeout-run", remove(), cli, "TestTimeout"},
				{"timeout-run-2", remove(), cli, "TestTimeout"},
				{"timeout-new-cmd-start", remove(), cli, "TestTimeout"},
			},
		},
		{
			"strangers-words",
			"Of another program's output a bounded part is read, the host of an event decides, and a " +
				"probe without an answer does not change the result.",
			[]change{
				{"strangers-words-max-text", value("$ * 1024"), "", "TestEvents_order"},
				{"strangers-words-max-text", value("$ / 4"), "", "TestEvents_order"},
				{"strangers-words-end", first("return text"), "", "TestEnd"},
				{"strangers-words-near-lines", value("$ + 1"), "", "TestEvents_unnamed"},
				{"strangers-words-near-lines", value("$ - 1"), "", "TestEvents_unnamed"},
				{"strangers-words-bind-across", remove(), "", "TestEvents_unnamed"},
				{"strangers-words-join", remove(), "", "TestRead_elsewhere"},
				{"strangers-words-bind", replace(`!= "443" && m[1] != "80"`, `== ""`), "", "TestEvents_place"},
				{"strangers-words-ended", replace("e.onTheWay() || e.TookHostForImage()", "true"),
					"", "TestEvents_order"},
				{"strangers-words-try-here", remove(), "", "TestOffline"},
				{"strangers-words-try-here-2", never(), "", "TestAnswered"},
				{"strangers-words-text", remove(), "", "TestTexts"},
				{"strangers-words-max-names", value("$ - 1"), "", "TestNearest_limit"},
				{"strangers-words-max-names", value("$ + 1"), "", "TestNearest_limit"},
				{"strangers-words-max-typos", value("$ * 10"), "", "TestNearest"},
			},
		},
		{
			"pages",
			"A list is complete or fails: its pages are limited, and a next page that does not advance " +
				"is an error at once.",
			[]change{
				{"pages-max-pages", value("60_000"), "", "TestClient_lists_have_an_end"},
				{"pages-max-pages", value("999"), "", "TestClient_lists_have_an_end"},
				{"pages-walk", drop("Encode"), "", "TestClient_lists_notice_no_progress"},
				{"pages-advance", replace("last == p.last", "false"), "", "TestClient_lists_notice_no_progress"},
				{"pages-max-empty-pages", value("$ * 100"), "", "TestClient_lists_and_empty_pages"},
				{"pages-walk-2", never(), "", "TestClient_lists_without_times"},
				{"pages-walk-3", replace("place(items[0]), l.place", "name(items[0]), l.name"),
					"", "TestClient_lists_in_order_of_time"},
				{"pages-walk-4", remove(), "./internal/librarytest", "TestClient_pages_of_the_emulator"},
				{"pages-max-pages-2", value("$ * 100"), "", "TestARM_endless"},
				{"pages-list", never(), "", "TestARM_endless"},
				{"pages-decisions", always(), "./cmd/acrkit/internal/cli/emulator/log", "TestLog_no_progress"},
			},
		},
		{
			"printing",
			"No value prints a secret, by any verb, encoder or logger.",
			[]change{
				{"printing-format", replace(".String", ".Reveal"), "", "TestSecret"},
				{"printing-marshal-json", replace("String", "Reveal"), "", "TestSecret"},
				{"printing-format-2", replace("s.String()", "string(s)"),
					acrtest, "TestNoExportedTypeShowsASecret"},
				{"printing-format-3", rename(), "", "TestNewClient"},
				{"printing-format-4", rename(), "", "TestClient"},
				{"printing-format-5", rename(), acrtest, "TestNoExportedTypeShowsASecret"},
				{"printing-marshal-text", rename(), "", "TestNoExportedTypeShowsASecret"},
				{"printing-format-6", replace("upstream.Registry", "redact[0].Reveal"),
					acrtest, "TestNoExportedTypeShowsASecret"},
				{"printing-format-7", rename(), acrtest, "TestNoExportedTypeShowsASecret"},
				{"printing-format-8", rename(), acrtest, "TestNoExportedTypeShowsASecret"},
				{"printing-format-9", rename(), acrtest, "TestNoExportedTypeShowsASecret"},
				{"printing-send", remove(), "", "TestNothingPrintsASecret"},
			},
		},
		{
			"redaction",
			"URLs, headers and texts of servers are shown by allow-list, with secrets removed in every " +
				"spelling.",
			[]change{
				{"redaction-url", never(), "", "TestURL"},
				{"redaction-header", remove(), "", "TestHeader"},
				{"redaction-text", remove(), "", "TestText_spellings"},
			},
		},
		{
			"file-modes",
			"Other users can read no file that acrkit writes except its CA's certificate, under any " +
				"umask.",
			[]change{
				{"file-modes-open-control-key", replace("0o600", "0o644"), cli, "TestFileModes"},
				{"file-modes-save", replace("0o600", "0o644"), cli, "TestFileModes"},
				{"file-modes-file-mode", value("0o644"), cli, "TestFileModes"},
			},
		},
		{
			"terminal",
			"Text of a server is shown without characters that control a terminal, are invisible, or " +
				"change the reading order.",
			[]change{
				{"terminal-shown", replace("unicode.IsGraphic(r)",
					"r >= ' ' && r != 0x7f && (r < 0x80 || r >= 0xa0)"),
					"", "TestCategories"},
				{"terminal-shown", replace("unicode.Variation_Selector, ", ""), "", "TestLine"},
				{"terminal-shown", replace(", unicode.Other_Default_Ignorable_Code_Point", ""), "", "TestLine"},
				{"terminal-write", never(), "", "TestFilter"},
				{"terminal-write", never(), cli, "TestHostileServer"},
				{"terminal-wrap", replace("true", "s.errTTY"), "", "TestFilter"},
				{"terminal-row", replace("Line(cells[i])", `Line("") + cells[i]`), cli, "TestHostileServer"},
				{"terminal-print-pairs", replace("Line(p[1])", `Line("") + p[1]`), cli, "TestHostileServer"},
				{"terminal-write-json", replace("visible.JSON(b.Bytes())", "append(visible.JSON(nil), b.Bytes()...)"),
					cli, "TestHostileServer"},
				{"terminal-write-json-line", replace("visible.JSON(bytes.TrimSpace(b.Bytes()))",
					"append(visible.JSON(nil), bytes.TrimSpace(b.Bytes())...)"), "", "TestExporter_WriteEach"},
				{"terminal-text", remove(), "", "TestText_hostile"},
				{"terminal-text", remove(), "./internal/wire", "TestAttempt_Refused"},
				{"terminal-say", replace("Text(text)", `Text("")+text`), "", "TestDocker_get_failures"},
			},
		},
		{
			"secret-files",
			"A file with secrets in the emulator's data folder that others can read or write, or own, " +
				"is refused.",
			[]change{
				{"secret-files-open-secret",
					replace("(&Folder{Path: filepath.Clean(dir), What: name}).OpenIn(root, name, flag)",
						"root.OpenFile(name, flag, fileMode)"),
					"", "TestReadSecret"},
				{"secret-files-read-secret", never(), "", "TestReadSecret"},
				{"secret-files-read-secret", replace(">", ">="), "", "TestReadSecret"},
				{"secret-files-open-control-key", replace("ReadSecret", "ReadFile"), "", "TestSecretsOfOthers"},
				{"secret-files-open-keys", replace("ReadSecret", "ReadFile"), emulator, "TestSecretsOfOthers"},
				{"secret-files-counted", never(), emulator, "TestSecretsOfOthers"},
				{"secret-files-read-connection", replace("ReadSecret", "ReadFile"), "", "TestSecretsOfOthers"},
				{"secret-files-open", replace("private.OpenSecret(path, os.O_RDONLY)", "os.Open(path)"),
					"", "TestSecretsOfOthers"},
			},
		},
		{
			"state-lost",
			"A data folder without data that was acknowledged is refused unchanged: nothing is seeded, " +
				"recreated or collected.",
			[]change{
				{"state-lost-inspect", drop("commits"), "", "TestMark"},
				{"state-lost-inspect-2", never(), "", "TestMark"},
				{"state-lost-inspect-3", replace("&&", "||"), "", "TestMark"},
				{"state-lost-counted", replace("?mode=ro&_pragma=query_only(1)", ""), "", "TestMark"},
				{"state-lost-check-closed", replace("!= m.sum", `== ""`), "", "TestMark_closed"},
				{"state-lost-prepare", remove(), "", "TestMark_closed"},
				{"state-lost-commit", remove(), "", "TestMark"},
				{"state-lost-parse-mark", drop("string"), "", "TestMark"},
				{"state-lost-read", replace("!bytes.Equal(sum, f.Sum)", "bytes.Equal(nil, sum)"),
					"", "TestKeysLost"},
				{"state-lost-open-keys", drop("Origin"), "", "TestKeysLost"},
				{"state-lost-read-2", never(), "", "TestKeysLost"},
				{"state-lost-held-state", remove(), "", "TestStateLost"},
				{"state-lost-open-database", never(), "", "TestStateLost"},
				{"state-lost-is-new", replace("len(cut) > 0", "len(cut) > 9"), "", "TestStateLost"},
				{"state-lost-open-database-2", never(), "", "TestFirstRunKeepsBlobs"},
				{"state-lost-open-database-3", never(), "", "TestRecover"},
				{"state-lost-collect", never(), emulator, "TestFirstRunKeepsBlobs"},
				{"state-lost-seed", never(), cli, "TestScripts"},
			},
		},
		{
			"folder-lock",
			"One emulator at a time uses a data folder, even if the lock file is removed.",
			[]change{
				{"folder-lock-hold", always(), "", "TestLock_file_gone"},
				{"folder-lock-hold-state", value("nil"), "", "TestFolderInUse_lock_gone"},
			},
		},
		{
			"git",
			"Git ignores a data folder.",
			[]change{
				{"git-write-ignored", never(), "", "TestGitIgnore"},
				{"git-ignored", replace("/control-api.key*\n", ""), "", "TestGitIgnore"},
			},
		},
		{
			"command-environment",
			"A command that acrkit starts finds no secret of acrkit's own credential in its " +
				"environment, unless --keep-env is given.",
			[]change{
				{"command-environment-environment", never(), cli, "TestRun_shows_no_secret"},
				{"command-environment-environment", never(), "./cmd/acrkit/internal/cli/proxy", "TestEnvironment"},
				{"command-environment-secrets", replace(`"ACR_TOKEN_PASSWORD2", `, ""), "", "TestVariables_all"},
				{"command-environment-variable-sets", remove(), "", "TestVariables_all"},
				{"command-environment-seed", remove(), "", "TestVariables_all"},
				{"command-environment-emulator", drop("SeedVariables"), cli, "TestScripts"},
				{"command-environment-without-secrets", replace("append(remove, set.secrets...), set.rest",
					"remove, set.secrets"),
					"", "TestWithoutSecrets"},
			},
		},
		{
			"authority-names",
			"The certificate authority is only for its own names, by name constraints that clients " +
				"must check; its root signs nothing else.",
			[]change{
				{"authority-names-new-pair", remove(), "", "TestStolenKey"},
				{"authority-names-constrain", remove(), "", "TestConstraints"},
				{"authority-names-constrain-2", remove(), "", "TestStolenKey"},
				{"authority-names-own-networks", replace(`, netip.MustParsePrefix("::1/128")`, ""),
					"", "TestConstraints"},
				{"authority-names-new-pair-2", remove(), "", "TestConstraints"},
				{"authority-names-new-pair-3", remove(), "", "TestConstraints"},
				{"authority-names-new-pair-4", replace("key, rootKey", "rootKey, rootKey"), "", "TestStolenKey"},
				{"authority-names-leaf", never(), "", "TestLeaves"},
				{"authority-names-why", replace("p.root == nil",
					"p.root == nil && p.intermediate == nil && now.IsZero()"),
					"", "TestEarlierVersion"},
				{"authority-names-why-2", never(), "", "TestReplaced"},
				{"authority-names-open-authority", replace("e.hostnames", "map[string]bool{}"),
					"", "TestAuthorityNames"},
			},
		},
		{
			"authority-life",
			"The certificate authority is valid for a year, and no certificate longer than it.",
			[]change{
				{"authority-life-authority-life", replace("365", "366"), "", "TestLife"},
				{"authority-life-why", replace("<", "<="), "", "TestLife"},
				{"authority-life-why", never(), "", "TestLife"},
				{"authority-life-leaf", never(), "", "TestLife"},
			},
		},
		{
			"authority-key",
			"A key of the certificate authority that others can read or write, or own, is refused; a " +
				"certificate that others can write is made again.",
			[]change{
				{"authority-key-open", replace("ReadSecret", "ReadFile"), "", "TestPrivate"},
				{"authority-key-open-2", replace("0o600", "0o644"), "", "TestOnceForAFolder"},
				{"authority-key-write-cert", drop("0o022"), "", "TestOnceForAFolder"},
				{"authority-key-write-cert-2", replace("bytes.Equal(have, encode(p.root))", "len(have) > 0"),
					"", "TestOnceForAFolder"},
			},
		},
		{
			"cache-key",
			"A token that was kept is found by its registry, its use, its rights and the very secret " +
				"of its credential, under this installation's own key, and decrypted with that key and " +
				"that secret together.",
			[]change{
				{"cache-key-sum", replace("append(slices.Clone(k.what), k.identity.Reveal())",
					"slices.Clone(k.what)"),
					"", "TestTokens_key"},
				{"cache-key-sum", replace("what", "what[:0]"), "", "TestTokens_key"},
				{"regional-new-token-key", replace("use, ", ""), "", "TestTokenKey_parts"},
				{"regional-new-token-key", replace("t.origin(), ", ""), "", "TestTokenKey_parts"},
				{"regional-new-token-key", replace(", scope.String()", ""), "", "TestTokenKey_parts"},
				{"cache-key-sum-2", remove(), "", "TestTokenKey_parts"},
				{"cache-key-identity", replace("Reveal", "String"), "", "TestTokens_key"},
				{"cache-key-identity-2", never(), "", "TestTokens"},
				{"cache-key-sum-3", replace("secret", "nil"), "", "TestTokenKey_prints_nothing"},
				{"cache-key-name", value("key.Sum(nil)"), "", "TestInstallations"},
				{"cache-key-new-keys", replace("master", "nil"), "", "TestInstallations"},
				{"cache-key-make-key", replace("[]byte((rand.Text() + rand.Text())[:keySize])",
					"make([]byte, keySize)"),
					"", "TestInstallations"},
				{"cache-key-seal-with", replace("aead.Seal(nonce, nonce, plain, bound)",
					"append(append(nonce, plain...), make([]byte, aead.Overhead())...)"),
					"", "TestFolder"},
				{"cache-key-body", replace("key", "auth.TokenKey{}"), "", "TestStolenFolder"},
				{"cache-key-body", value("key.Sum(nil)"), "", "TestStolenFolder"},
				{"cache-key-seal-with", replace("bound", "nil"), "", "TestCache"},
				{"cache-key-seal", replace("header", "header[:0]"), "", "TestCache"},
			},
		},
		{
			"cache-life",
			"No token is kept or used for longer than three hours or before its own time, even if the " +
				"clock was wrong.",
			[]change{
				{"cache-life-new-stored-token", replace("min(l.span, maxStoredLife)", "l.span"),
					"", "TestTokens_clock"},
				{"cache-life-life", drop("maxStoredLife"), "", "TestTokens_clock"},
				{"cache-life-life", drop("age"), "", "TestTokens_clock"},
				{"cache-life-life-2", replace("l.alive(now) && !l.due(now)", "true"), "", "TestTokens_clock"},
				{"cache-life-save", never(), "", "TestClock"},
				{"cache-life-read-header", replace("!h.Expires.After(now) || ", ""), "", "TestClock"},
				{"cache-life-read-header", drop("MaxLife"), "", "TestClock"},
			},
		},
		{
			"cache-ended",
			"An expired token is removed by the next process that opens the cache.",
			[]change{
				{"cache-ended-open", never(), "", "TestEnded"},
				{"cache-ended-tidy", replace(">=", ">"), "", "TestEnded"},
				{"cache-ended-tidy", always(), "", "TestEnded"},
				{"cache-ended-sweep", replace("!f.ends.After(now) || ", ""), "", "TestEnded"},
			},
		},
		{
			"cache-refused",
			"A token that was refused is not kept, nor what it was made from.",
			[]change{
				{"cache-refused-forget", remove(), "", "TestTokens_refused"},
				{"cache-refused-forget-2", remove(), "", "TestTokens_refused"},
				{"cache-refused-fetch", remove(), "", "TestTokens_refused"},
				{"cache-refused-next", remove(), "", "TestTokens_refused"},
				{"cache-refused-forget-3", remove(), "", "TestTokens_failing_store"},
				{"cache-refused-delete", value("nil"), "", "TestCache"},
				{"cache-refused-delete-2", replace("!= refused.Reveal()", `== ""`), "", "TestCache"},
			},
		},
		{
			"cache-files",
			"The cache's files are only for their owner; one that others may read or write, or own, is " +
				"not read.",
			[]change{
				{"file-modes-file-mode", value("0o644"), tokencache, "TestFolder"},
				{"cache-files-folder-mode", value("0o755"), tokencache, "TestFolder"},
				{"cache-files-open-in", first("return f, nil"), tokencache, "TestPrivate"},
				{"cache-files-open", first("return root, nil"), tokencache, "TestPrivate"},
				{"cache-files-others-mask", value("0o022"), tokencache, "TestPrivate"},
				{"cache-files-open-in-2", never(), tokencache, "TestPrivate"},
				{"cache-files-check", never(), "", "TestFolder_foreign_owner"},
			},
		},
		{
			"helper-hosts",
			"The credential helper answers for Azure's own names and those that were named; for any " +
				"other it touches nothing.",
			[]change{
				{"helper-hosts-accepts", always(), "", "TestDocker_get_hosts"},
				{"look-alikes-server-url", never(), "", "TestDocker_get_hosts"},
			},
		},
		{
			"acr-env",
			"The drop-in for docker-credential-acr-env proves the host first, and asks for a managed " +
				"identity last.",
			[]change{
				{"acr-env-registry-of", replace("reg.IsACR()", `strings.Contains(reg.Host(), ".azurecr.")`),
					"", "TestManagedIdentity"},
				{"acr-env-registry-of-2", replace(`server, "https://"`,
					`strings.TrimPrefix(server, "https://"), "http://"`),
					"", "TestHostileHosts"},
				{"acr-env-credential", always(), "", "TestManagedIdentity"},
				{"acr-env-credential", never(), "", "TestManagedIdentity"},
				{"acr-env-credential-2", never(), "", "TestGet"},
			},
		},
		{
			"helper-logins",
			"The credential helper erases only what it stored, and stores nothing that it answered.",
			[]change{
				{"helper-logins-erase", never(), "", "TestErase_of_acrkit_login"},
				{"helper-logins-keeps", replace("kind == string(auth.KindRefreshToken)", "false"),
					"", "TestStore_what_was_got"},
			},
		},
		{
			"kubelet",
			"A service account has an identity of the tenants that were named or none, never the " +
				"node's; no answer is for every registry.",
			[]change{
				{"kubelet-kubelet", replace(`, _, _ := strings.Cut(req.Image, "/")`, " := ref.Registry.Host()"),
					"", "TestKubelet"},
				{"kubelet-docker", first("_, _ = fmt.Fprintln(out, err)"), "", "TestDocker_get_failures"},
				{"kubelet-kubelet-2", never(), "", "TestKubelet_service_account"},
				{"kubelet-service-account", never(), "", "TestKubelet_service_account"},
				{"kubelet-cache-by-registry", value(`"Global"`), "", "TestKubelet"},
			},
		},
	}
}
