package mutate

// limitRules are the limits that no other rule names.
func limitRules() []Rule {
	const (
		auth     = "./auth"
		azure    = "./auth/azureauth"
		registry = "./registry"
		emulator = "./emulator"
		identity = "./emulator/internal/identity"
		child    = "./internal/cli/child"
		cmdutil  = "./internal/cli/cmdutil"
		acrenv   = "./adapters/acrenv/pkg/credhelper"

		recording = "./internal/replay/recording"
	)
	return []Rule{
		{"replay-limits", "What the replayer reads of a recording, and looks for, has a named limit, exact on both sides.", []Break{
			{"internal/replay/recording/recording.go", "const maxFile = 64 << 20", "const maxFile = 64<<20 + 1", recording, "TestLargest"},
			{"internal/replay/recording/recording.go", "const maxFile = 64 << 20", "const maxFile = 64<<20 - 1", recording, "TestLargest"},
			{"internal/replay/recording/script.go", "const maxDepth = 64", "const maxDepth = 65", recording, "TestDepth"},
			{"internal/replay/recording/script.go", "const maxDepth = 64", "const maxDepth = 63", recording, "TestDepth"},
			{"internal/replay/recording/exact.go", "const maxJSON = 4 << 20", "const maxJSON = 4<<20 + 1", recording, "TestLargestJSON"},
			{"internal/replay/recording/exact.go", "const maxJSON = 4 << 20", "const maxJSON = 4<<20 - 1", recording, "TestLargestJSON"},
			{"internal/replay/seed.go", "	maxFollowing = 7000", "	maxFollowing = 7001", "./internal/replay", "TestFollowing"},
			{"internal/replay/seed.go", "	maxFollowing = 7000", "	maxFollowing = 6999", "./internal/replay", "TestFollowing"},
		}},
		{"client-limits", "No server, helper or metadata service holds a client for long, or makes it read or wait without end.", []Break{
			{"auth/helper.go", "	helperTime = 10 * time.Second", "	helperTime = 1000 * time.Second", auth, "TestHelperTime_limit"},
			{"auth/helper.go", "	ctx, cancel := context.WithTimeout(ctx, helperTime)", "	ctx, cancel := context.WithCancel(ctx)", auth, "TestHelperTime_limit"},
			{"auth/helper.go", "exec.CommandContext(ctx, path, \"get\")", "exec.CommandContext(context.WithoutCancel(ctx), path, \"get\")", auth, "TestDockerConfig_helperHangs"},
			{"auth/helper.go", "	helperGrace = time.Second", "	helperGrace = 100 * time.Second", auth, "TestHelperGrace"},
			{"auth/helper.go", "	helperGrace = time.Second", "	helperGrace = 10 * time.Millisecond", auth, "TestHelperGrace"},
			{"auth/helper.go", "	cmd.WaitDelay = helperGrace\n", "", auth, "TestHelperGrace"},
			{"auth/source.go", "	settleTries = 10", "	settleTries = 11", auth, "TestSecretFile_settles"},
			{"auth/source.go", "	settleTries = 10", "	settleTries = 9", auth, "TestSecretFile_settles"},
			{"auth/transport.go", "const drainLimit = 16 << 10", "const drainLimit = 16<<10 + 1", auth, "TestRefusalIsReadOut"},
			{"auth/transport.go", "const drainLimit = 16 << 10", "const drainLimit = 16<<10 - 1", auth, "TestRefusalIsReadOut"},
			{"auth/azureauth/body.go", "const rewindWait = 10 * time.Second", "const rewindWait = 1000 * time.Second", azure, "TestRewindWait"},
			{"auth/azureauth/body.go", "const rewindWait = 10 * time.Second", "const rewindWait = time.Second", azure, "TestRewindWait"},
			{"auth/azureauth/body.go", "const refusalBody = 64 << 10", "const refusalBody = 64<<10 + 1", azure, "TestRefusalBody"},
			{"auth/azureauth/body.go", "const refusalBody = 64 << 10", "const refusalBody = 64<<10 - 1", azure, "TestRefusalBody"},
			{"auth/azureauth/managedidentity.go", "	imdsConnect  = 2 * time.Second", "	imdsConnect  = 200 * time.Second", azure, "TestMetadata_connect"},
			{"auth/azureauth/managedidentity.go", "	imdsConnect  = 2 * time.Second", "	imdsConnect  = time.Second", azure, "TestMetadata_connect"},
			{"auth/azureauth/managedidentity.go", "	imdsTry      = 5 * time.Second", "	imdsTry      = 500 * time.Second", azure, "TestMetadata_tries"},
			{"auth/azureauth/managedidentity.go", "	imdsTry      = 5 * time.Second", "	imdsTry      = time.Second", azure, "TestMetadata_tries"},
			{"auth/azureauth/managedidentity.go", "	imdsRetries  = 3", "	imdsRetries  = 300", azure, "TestMetadata_tries"},
			{"auth/azureauth/managedidentity.go", "	imdsPause    = time.Second", "	imdsPause    = 100 * time.Second", azure, "TestMetadata_tries"},
			{"auth/azureauth/managedidentity.go", "	imdsMaxPause = 4 * time.Second", "	imdsMaxPause = 400 * time.Second", azure, "TestMetadata_tries"},
			{"auth/azureauth/managedidentity.go", "		retry.MaxRetries = imdsRetries\n", "", azure, "TestMetadata_tries"},
			{"auth/azureauth/credential.go", "\"Entra asks to slow down\"\n		e.RetryAfter = min(wire.RetryAfter(resp.Header), wire.MaxRetryAfter)", "\"Entra asks to slow down\"\n		e.RetryAfter = wire.RetryAfter(resp.Header)", azure, "TestCredential_retryAfter"},
			{"auth/azureauth/credential.go", "\"Entra is not available\"\n		e.RetryAfter = min(wire.RetryAfter(resp.Header), wire.MaxRetryAfter)", "\"Entra is not available\"\n		e.RetryAfter = wire.RetryAfter(resp.Header)", azure, "TestCredential_retryAfter"},
			{"internal/wire/response.go", "const MaxRetryAfter = time.Hour", "const MaxRetryAfter = 100 * time.Hour", "./internal/wire", "TestEvidence_RetryAfter"},
			{"internal/wire/response.go", "const MaxRetryAfter = time.Hour", "const MaxRetryAfter = time.Hour - time.Minute", "./internal/wire", "TestEvidence_RetryAfter"},
			{"internal/wire/response.go", "min(RetryAfter(resp.Header), MaxRetryAfter)}", "RetryAfter(resp.Header)}", "./internal/wire", "TestEvidence_RetryAfter"},
			{"registry/request.go", "	maxAttempts = 4", "	maxAttempts = 5", registry, "TestClient_retries"},
			{"registry/request.go", "	maxAttempts = 4", "	maxAttempts = 3", registry, "TestClient_retries"},
		}},
		{"emulator-limits", "What a client sends to the emulator, keeps open there or stores there has a named limit, exact on both sides.", []Break{
			{"emulator/internal/tokensvc/tokensvc.go", "const MaxBody = 512 << 10", "const MaxBody = 512<<10 + 1", emulator, "TestTokenRequestLimit"},
			{"emulator/internal/tokensvc/tokensvc.go", "const MaxBody = 512 << 10", "const MaxBody = 512<<10 - 1", emulator, "TestTokenRequestLimit"},
			{"emulator/internal/entra/handler.go", "const MaxBody = 64 << 10", "const MaxBody = 64<<10 + 1", emulator, "TestTokenRequestLimit"},
			{"emulator/internal/entra/handler.go", "const MaxBody = 64 << 10", "const MaxBody = 64<<10 - 1", emulator, "TestTokenRequestLimit"},
			{"emulator/serve.go", "	maxForm = tokensvc.MaxBody + 1", "	maxForm = tokensvc.MaxBody + 2", emulator, "TestTokenRequestLimit"},
			{"emulator/serve.go", "	maxForm = tokensvc.MaxBody + 1", "	maxForm = tokensvc.MaxBody", emulator, "TestTokenRequestLimit"},
			{"emulator/internal/tokensvc/tokensvc.go", "const maxScopeWords = 1000", "const maxScopeWords = 1001", emulator, "TestScopeLimit"},
			{"emulator/internal/tokensvc/tokensvc.go", "const maxScopeWords = 1000", "const maxScopeWords = 999", emulator, "TestScopeLimit"},
			{"emulator/internal/tokensvc/tokensvc.go", "words++; words > maxScopeWords {", "words++; false {", emulator, "TestScopeLimit"},
			{"emulator/internal/tokensvc/tokensvc.go", "	return scope, scope.Len() <= maxScopeWords", "	return scope, true", emulator, "TestScopeLimit"},
			{"emulator/internal/content/write.go", "	if r.Size > MaxManifest {", "	if r.Size > MaxManifest+1 {", "./emulator/internal/content", "TestImageSize"},
			{"emulator/internal/content/write.go", "	if r.Size > MaxManifest {", "	if r.Size >= MaxManifest {", "./emulator/internal/content", "TestImageSize"},
			{"emulator/control.go", "	maxFollowers   = 64 ", "	maxFollowers   = 65 ", emulator, "TestFollowers"},
			{"emulator/control.go", "	maxFollowers   = 64 ", "	maxFollowers   = 63 ", emulator, "TestFollowers"},
			{"emulator/control.go", "	maxWait        = time.Minute ", "	maxWait        = time.Minute + time.Millisecond ", emulator, "TestFollowers"},
			{"emulator/control.go", "	maxWait        = time.Minute ", "	maxWait        = time.Minute - 1 ", emulator, "TestFollowers"},
			{"emulator/control.go", "	maxControlPage = 1000 ", "	maxControlPage = 1001 ", emulator, "TestControlPage"},
			{"emulator/control.go", "	maxControlPage = 1000 ", "	maxControlPage = 999 ", emulator, "TestControlPage"},
			{"emulator/internal/identity/jwt.go", "const MaxToken = 256 << 10", "const MaxToken = 256<<10 + 1", identity, "TestMaxToken_access"},
			{"emulator/internal/identity/jwt.go", "const MaxToken = 256 << 10", "const MaxToken = 256<<10 - 1", identity, "TestMaxToken_access"},
			{"emulator/internal/identity/jwt.go", "	if len(token) > MaxToken {\n		return Principal{}", "	if false {\n		return Principal{}", identity, "TestMaxToken_refresh"},
			{"emulator/internal/entra/tokens.go", "	if len(token) > identity.MaxToken {", "	if false {", "./emulator/internal/entra", "TestTokens_limit"},
			{"emulator/fault.go", "	MaxRetryAfter = time.Hour", "	MaxRetryAfter = time.Hour + time.Second", emulator, "TestFaultLimits"},
			{"emulator/fault.go", "	MaxRetryAfter = time.Hour", "	MaxRetryAfter = time.Hour - time.Second", emulator, "TestFaultLimits"},
			{"emulator/fault.go", "	MaxFaults = 100", "	MaxFaults = 101", emulator, "TestFaultLimits"},
			{"emulator/fault.go", "	MaxFaults = 100", "	MaxFaults = 99", emulator, "TestFaultLimits"},
			{"emulator/settings.go", "const MaxIPRules = 100", "const MaxIPRules = 101", emulator, "TestIPRulesLimit"},
			{"emulator/settings.go", "const MaxIPRules = 100", "const MaxIPRules = 99", emulator, "TestIPRulesLimit"},
			{"emulator/seed.go", "const MaxSeed = 16 << 20", "const MaxSeed = 16<<20 + 1", emulator, "TestParseSeedTooLarge"},
			{"emulator/seed.go", "const MaxSeed = 16 << 20", "const MaxSeed = 16<<20 - 1", emulator, "TestParseSeedTooLarge"},
			{"emulator/ratelimit.go", "const ratePeriod = time.Minute", "const ratePeriod = time.Hour", emulator, "TestRatePeriod"},
			{"emulator/ratelimit.go", "const ratePeriod = time.Minute", "const ratePeriod = time.Second", emulator, "TestRatePeriod"},
			{"emulator/internal/dataplane/storage.go", "const linkLifetime = 20 * time.Minute", "const linkLifetime = 20*time.Minute + time.Second", emulator, "TestLinkLifetime"},
			{"emulator/internal/dataplane/storage.go", "const linkLifetime = 20 * time.Minute", "const linkLifetime = 20*time.Minute - time.Second", emulator, "TestLinkLifetime"},
			{"emulator/internal/dataplane/acr.go", "const maxAttributes = 64 << 10", "const maxAttributes = 64<<10 + 1", "./emulator/internal/dataplane", "TestAttributes"},
			{"emulator/internal/dataplane/acr.go", "const maxAttributes = 64 << 10", "const maxAttributes = 64<<10 - 1", "./emulator/internal/dataplane", "TestAttributes"},
			{"emulator/internal/snapshot/snapshot.go", "const Max = 20", "const Max = 21", "./emulator/internal/snapshot", "TestNames"},
			{"emulator/internal/snapshot/snapshot.go", "const Max = 20", "const Max = 19", "./emulator/internal/snapshot", "TestNames"},
		}},
		{"command-limits", "Nor do the proxy, the commands and the adapters read, keep or wait for more than they say.", []Break{
			{"proxy/token.go", "const maxSeen = 1024", "const maxSeen = 1025", "./proxy", "TestSeenIsBounded"},
			{"proxy/token.go", "const maxSeen = 1024", "const maxSeen = 1023", "./proxy", "TestSeenIsBounded"},
			{"internal/cli/proxy/environment.go", "Bytes: 8 << 20}", "Bytes: 8<<20 + 1}", "./internal/cli/proxy", "TestBundleLimit"},
			{"internal/cli/proxy/environment.go", "Bytes: 8 << 20}", "Bytes: 8<<20 - 1}", "./internal/cli/proxy", "TestBundleLimit"},
			{"internal/cli/child/folder.go", "const lockingTime = time.Second", "const lockingTime = 100 * time.Second", child, "TestLeftoverTimes"},
			{"internal/cli/child/folder.go", "const lockingTime = time.Second", "const lockingTime = time.Second - 1", child, "TestLeftoverTimes"},
			{"internal/cli/child/folder.go", "	newborn = time.Minute", "	newborn = 100 * time.Minute", child, "TestLeftoverTimes"},
			{"internal/cli/child/folder.go", "	newborn = time.Minute", "	newborn = time.Minute - 1", child, "TestLeftoverTimes"},
			{"internal/cli/emulator/log.go", "	followWait    = 30 * time.Second", "	followWait    = 3000 * time.Second", "./internal/cli/emulator", "TestControl_silence"},
			{"internal/cli/cmdutil/complete.go", "	completionBudget = time.Second", "	completionBudget = 100 * time.Second", cmdutil, "TestCompletion_time"},
			{"internal/cli/cmdutil/complete.go", "	completionBudget = time.Second", "	completionBudget = time.Second / 2", cmdutil, "TestCompletion_time"},
			{"internal/cli/cmdutil/complete.go", "	completionLimit = 200", "	completionLimit = 201", cmdutil, "TestCompletion_limit"},
			{"internal/cli/cmdutil/complete.go", "	completionLimit = 200", "	completionLimit = 199", cmdutil, "TestCompletion_limit"},
			{"adapters/acrenv/pkg/credhelper/helper.go", "const Deadline = 25 * time.Second", "const Deadline = 2500 * time.Second", acrenv, "TestDeadline"},
			{"adapters/acrenv/pkg/credhelper/helper.go", "const Deadline = 25 * time.Second", "const Deadline = 24 * time.Second", acrenv, "TestDeadline"},
		}},
	}
}
