package mutate

// passwordRules are those of names and passwords that come from the caller.
func passwordRules() []Rule {
	const (
		auth     = "./auth"
		password = "auth/password.go"
		callback = "auth/callback.go"
		asToken  = "TestTokenAsPassword"
		rotation = "TestTokenAsPassword_rotation"
		function = "TestScopedTokenFunc"
		hangs    = "TestScopedTokenFunc_hangs"
		failures = "TestScopedTokenFunc_failures"
	)
	return []Rule{
		{"password-refused", "A name and password that were refused are not sent twice in a row, nor asked for by two callers; another name is another pair.", []Break{
			{"auth/accesstoken.go", "		if slices.ContainsFunc(tried, p.equal) {", "		if false && slices.ContainsFunc(tried, p.equal) {", auth, function},
			{"auth/grant.go", "p.fields.Encode() == other.fields.Encode()", "p.secrets[0].Reveal() == other.secrets[0].Reveal()", auth, function},
			{"auth/accesstoken.go", "!t.grant.refused(p) || len(tried) == maxProofs {", "len(tried) == maxProofs || !t.grant.refused(p) {", auth, "TestMaxProofs"},
			{"auth/accesstoken.go", "const maxProofs = 3", "const maxProofs = 4", auth, "TestMaxProofs"},
			{"auth/accesstoken.go", "const maxProofs = 3", "const maxProofs = 2", auth, "TestMaxProofs"},
			{"auth/passwordgrant.go", "	if s.kept == b { // another fetch may have read a new one already", "	if false {", auth, function},
			{"auth/passwordgrant.go", "		if slices.ContainsFunc(tried, func(other *boundPair) bool { return other.pair.equal(b.pair) }) {", "		if false {", auth, rotation},
			{"auth/tokenstore.go", "redact.NewSecret(p.fields.Encode())", "redact.NewSecret(p.fields.Get(\"password\"))", auth, "TestScopedTokenFunc_store"},
			{"auth/tokenstore.go", "redact.NewSecret(p.fields.Encode())", "redact.NewSecret(p.fields.Get(\"username\"))", auth, "TestScopedTokenFunc_store"},
		}},
		{"password-function", "A function that returns secrets runs once at a time and for a limited time; its panic is an error without the value.", []Break{
			{callback, "	case c.turn <- struct{}{}:\n", "	default:\n		go func() { c.turn <- struct{}{} }()\n", auth, "TestScopedTokenFunc_oneCallAtATime"},
			{callback, "	callbackTime = stall.HeaderTime", "	callbackTime = stall.HeaderTime + time.Second", auth, hangs},
			{callback, "	callbackTime = stall.HeaderTime", "	callbackTime = stall.HeaderTime - time.Second", auth, hangs},
			{callback, "	callbackGrace = time.Second", "	callbackGrace = 2 * time.Second", auth, hangs},
			{callback, "	callbackGrace = time.Second", "	callbackGrace = time.Second / 2", auth, hangs},
			{callback, "fmt.Sprintf(\"the function panicked with a value of type %T\", p)", "fmt.Sprintf(\"the function panicked with a value of type %T, %v\", p, p)", auth, failures},
			{callback, "		r := broken(\"the function ended its goroutine\")\n", "		var r result\n", auth, failures},
			{"auth/passwordgrant.go", "old[max(0, len(old)+1-mostOld):]", "old", auth, "TestKeepOld"},
			{"auth/passwordgrant.go", "const mostOld = 8", "const mostOld = 9", auth, "TestKeepOld"},
			{"auth/passwordgrant.go", "const mostOld = 8", "const mostOld = 7", auth, "TestKeepOld"},
		}},
		{"password-token", "A password that is a token of ACR or Entra is never sent as a password, from any source, and an ACR access token is never sent.", []Break{
			{"auth/passwordgrant.go", "	if token := tokenOf(pair); token != nil {\n		var err error", "	if token := tokenOf(pair); false && token != nil {\n		var err error", auth, asToken},
			{password, "	case err == nil && claims.IsACR():", "	case false:", auth, asToken},
			{password, "	case err == nil && claims.IsEntra():", "	case false:", auth, asToken},
			{password, "	case isRefreshUser(pair.user):", "	case false:", auth, asToken},
			{"auth/refreshcredential.go", "		if claims.IsAccessToken() {", "		if false {", auth, asToken},
			{"auth/passwordgrant.go", "		if !errors.Is(err, acrkit.CodeCredentialRejected) || !g.discard(slot, b) || len(tried) == maxProofs {", "		if true {", auth, rotation},
			{"auth/passwordgrant.go", "|| !g.discard(slot, b) || len(tried) == maxProofs {", "|| len(tried) == maxProofs || !g.discard(slot, b) {", auth, "TestKeepOld"},
			{"auth/dockergrant.go", "		if refused != nil || !errors.Is(err, acrkit.CodeCredentialRejected) {", "		if true {", auth, rotation},
			{"auth/refreshtoken.go", "		if p.pair.token != nil {", "		if false {", auth, asToken},
		}},
		{"seed-password", "No command prints a password of the emulator by default, except the public ones of the example seed; connection.json has none.", []Break{
			{"cmd/acrkit/internal/cli/emulator/envtoken.go", "	if i < 0 || !tokens[i].public {", "	if i < 0 {", "./cmd/acrkit/internal/cli/emulator", "TestPublicToken"},
			{"cmd/acrkit/internal/cli/emulator/envtoken.go", "public: known[name] == value", "public: known[name] == value || true", "./cmd/acrkit/internal/cli/emulator", "TestPublicToken"},
			{"cmd/acrkit/internal/cli/emulator/envtoken.go", " || s.Registries[0].Name != c.Registries[0] {", " {", "./cmd/acrkit/internal/cli/emulator", "TestPublicToken"},
			{"cmd/acrkit/internal/cli/emulator/envtoken.go", "func(t seedToken) bool { return t.lists }", "func(t seedToken) bool { return true }", "./cmd/acrkit/internal/cli/emulator", "TestPublicToken"},
		}},
	}
}
