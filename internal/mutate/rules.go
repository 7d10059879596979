package mutate

// Rules returns all rules.
func Rules() []Rule {
	return []Rule{
		{"origin", "A credential goes to one origin: scheme, host and port of its registry.", []Break{
			{"auth/transport.go", "return host == t.registry.Hostname() && portOf(u)", "return portOf(u)", "./auth", "TestOneOrigin"},
			{"auth/transport.go", " && portOf(u) == portOf(&url.URL{Scheme: t.scheme, Host: t.registry.Host()})", "", "./auth", "TestOneOrigin"},
			{"auth/transport.go", " || !strings.EqualFold(u.Scheme, t.scheme) {", " {", "./auth", "TestD13_PlainHTTP"},
			{"auth/transport.go", "	dropAuthorization(clone)\n	return t.base.RoundTrip(clone)", "	return t.base.RoundTrip(clone)", "./auth", "TestOneOrigin"},
		}},
		{"look-alikes", "A host that looks like a registry gets nothing.", []Break{
			{"auth/transport.go", "case !reg.IsACR() && !reg.IsLoopback() && !opts.CustomLoginServer:", "case false:", "./auth", "TestLookAlikes"},
			{"internal/adapter/adapter.go", "	if !ok || !reg.IsACR() && !reg.IsLoopback() && !l.opts.CustomLoginServer {", "	if !ok {", "./internal/adapter", "TestLogins"},
			{"internal/adapter/adapter.go", "	if !strings.ContainsAny(host, \".:\") {", "	if false && !strings.ContainsAny(host, \".:\") {", "./internal/adapter", "TestLogins"},
			{"registry.go", "case u.User != nil:", "case false:", "./auth", "TestLookAlikes"},
			{"registry.go", "return name != \"\" && !strings.Contains(name, \".\")", "return name != \"\"", "./auth", "TestLookAlikes"},
			{"registry.go", "return c >= utf8.RuneSelf", "return c > utf8.MaxRune", "./auth", "TestLookAlikes"},
		}},
		{"plain-http", "Plain HTTP is spoken with loopback alone, by option.", []Break{
			{"auth/transport.go", "case opts.PlainHTTP && !reg.IsLoopback():", "case false:", "./auth", "TestD13_PlainHTTP"},
			{"internal/wire/cloud.go", "case u.Scheme != \"https\":", "case false:", "./auth", "TestD13_PlainHTTP"},
		}},
		{"redirects", "A redirect chain that has left the registry gets no credential, even where it points back; none goes from https to http.", []Break{
			{"auth/transport.go", " || t.strayed(req) {", " {", "./auth", "TestRedirects"},
			{"auth/transport.go", "strings.EqualFold(u.Scheme, \"http\") && !(isLoopback(u.Hostname()) && t.registry.IsLoopback())", "false", "./auth", "TestRedirects"},
		}},
		{"token-redirects", "The body of a token request is never sent anywhere else: 301 to 308 are refused.", []Break{
			{"auth/tokenservice.go", "	resp, err := t.base.RoundTrip(req)", "	resp, err := (&http.Client{Transport: t.base}).Do(req)", "./auth", "TestTokenRequestsFollowNoRedirect"},
		}},
		{"limits", "What is read has a named limit; passing it is an error, and a body of just that size is not.", []Break{
			{"internal/limit/limit.go", "	if int64(len(data)) > l.Bytes {", "	if false {", "./auth", "TestLimits"},
			{"internal/limit/limit.go", "	if int64(len(data)) > l.Bytes {", "	if int64(len(data)) >= l.Bytes {", "./auth", "TestLimits"},
			{"internal/limit/limit.go", "	if n > l.Bytes {", "	if false {", "./auth", "TestLimits"},
			{"auth/transport.go", "			t.ownBase.MaxResponseHeaderBytes = maxResponseHeader\n", "", "./auth", "TestLimits_header"},
			{"registry/request.go", "		if int64(len(data)) > limit {", "		if false {", "./registry", "TestLimits"},
			{"internal/wire/challenge.go", "		if len(v) > MaxChallenge {", "		if false {", "./internal/wire", "TestParseChallenges"},
		}},
		{"printing", "No value prints a secret, by any verb, encoder or logger.", []Break{
			{"internal/redact/redact.go", "func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }", "func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.Reveal()) }", "./internal/redact", "TestSecret"},
			{"internal/redact/redact.go", "json.Marshal(s.String())", "json.Marshal(s.Reveal())", "./internal/redact", "TestSecret"},
			{"emulator/seed.go", "func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }", "func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, string(s)) }", "./acrtest", "TestNoExportedTypeShowsASecret"},
			{"emulator/format.go", "func (e *Emulator) Format(f fmt.State, _ rune)", "func (e *Emulator) format(f fmt.State, _ rune)", "./acrtest", "TestNoExportedTypeShowsASecret"},
			{"acrtest/format.go", "func (t Token) MarshalText()", "func (t Token) marshalText()", "./acrtest", "TestNoExportedTypeShowsASecret"},
			{"proxy/format.go", "h.upstream.Registry())", "h.redact[0].Reveal())", "./acrtest", "TestNoExportedTypeShowsASecret"},
			{"credhelper/format.go", "func (h *Helper) Format(", "func (h *Helper) format(", "./acrtest", "TestNoExportedTypeShowsASecret"},
			{"diagnose/format.go", "func (x Exchange) Format(", "func (x Exchange) format(", "./acrtest", "TestNoExportedTypeShowsASecret"},
			{"diagnose/format.go", "func (a Attempt) Format(", "func (a Attempt) format(", "./acrtest", "TestNoExportedTypeShowsASecret"},
			{"auth/transport.go", "	resp.Request = req\n", "", "./auth", "TestNothingPrintsASecret"},
		}},
		{"redaction", "URLs, headers and texts of servers are shown by allow-list, secrets taken out in every spelling.", []Break{
			{"internal/redact/redact.go", "		case !slices.Contains(shownQuery, name):\n			value = Mark", "		case false:", "./internal/redact", "TestURL"},
			{"internal/redact/redact.go", "			default:\n				v = Mark\n", "			default:\n", "./internal/redact", "TestHeader"},
			{"internal/redact/redact.go", "		s = hide(s, v)\n		if", "		if", "./internal/redact", "TestText_spellings"},
		}},
		{"file-modes", "Others can read no file that acrkit writes but its CA's certificate, whatever the umask.", []Break{
			{"emulator/control.go", "private.WriteFile(path, []byte(key+\"\\n\"), 0o600)", "private.WriteFile(path, []byte(key+\"\\n\"), 0o644)", "./internal/cli", "TestFileModes"},
			{"emulator/internal/identity/keys.go", "private.WriteFile(k.path, data, 0o600)", "private.WriteFile(k.path, data, 0o644)", "./internal/cli", "TestFileModes"},
			{"internal/private/folder.go", "	fileMode   fs.FileMode = 0o600", "	fileMode   fs.FileMode = 0o644", "./internal/cli", "TestFileModes"},
		}},
		{"secret-files", "A file with secrets in the emulator's data folder that others can read or write, or own, is refused.", []Break{
			{"internal/private/secret.go", "	f, err := (&Folder{Path: filepath.Clean(dir), What: name}).OpenIn(root, name, flag)", "	f, err := root.OpenFile(name, flag, fileMode)", "./internal/private", "TestReadSecret"},
			{"internal/private/secret.go", "	if err == nil && len(data) > MaxFile {", "	if false {", "./internal/private", "TestReadSecret"},
			{"internal/private/secret.go", "	if err == nil && len(data) > MaxFile {", "	if err == nil && len(data) >= MaxFile {", "./internal/private", "TestReadSecret"},
			{"emulator/control.go", "private.ReadSecret(path)", "private.ReadFile(path)", "./emulator", "TestSecretsOfOthers"},
			{"emulator/internal/identity/keys.go", "private.ReadSecret(k.path)", "private.ReadFile(k.path)", "./emulator", "TestSecretsOfOthers"},
			{"emulator/internal/db/db.go", "f, err := private.OpenSecret(path, os.O_CREATE|os.O_RDWR)", "f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)", "./emulator", "TestSecretsOfOthers"},
			{"emulator/internal/db/inspect.go", "		if err := private.CheckSecret(path + suffix); err != nil {", "		if err := error(nil); err != nil && suffix != \"\" {", "./emulator", "TestSecretsOfOthers"},
			{"internal/cli/emulator/connection.go", "private.ReadSecret(filepath.Join(dir, connectionFile))", "private.ReadFile(filepath.Join(dir, connectionFile))", "./internal/cli/emulator", "TestSecretsOfOthers"},
			{"internal/cli/emulator/client.go", "return private.OpenSecret(path, os.O_RDONLY)", "_ = private.OpenSecret; return os.Open(path)", "./internal/cli/emulator", "TestSecretsOfOthers"},
		}},
		{"state-lost", "A data folder that lacks what was acknowledged is refused as it is: nothing is seeded, made anew or collected.", []Break{
			{"emulator/internal/db/inspect.go", "found.commits >= m.commits", "true", "./emulator/internal/db", "TestMark"},
			{"emulator/internal/db/inspect.go", "		if shown != \"\" && !opts.Recover {", "		if false {", "./emulator/internal/db", "TestMark"},
			{"emulator/internal/db/inspect.go", "	case found.database == \"\" && !marked || opts.Recover:", "	case found.database == \"\" || !marked || opts.Recover:", "./emulator/internal/db", "TestMark"},
			{"emulator/internal/db/inspect.go", "?mode=ro&_pragma=query_only(1)", "", "./emulator/internal/db", "TestMark"},
			{"emulator/internal/db/inspect.go", "	if err == nil && sum != m.sum {", "	if err == nil && sum == \"\" {", "./emulator/internal/db", "TestMark_closed"},
			{"emulator/internal/db/db.go", "		m.sum = noSum\n", "", "./emulator/internal/db", "TestMark_closed"},
			{"emulator/internal/db/write.go", "		d.acknowledge()", "		_ = d", "./emulator/internal/db", "TestMark"},
			{"emulator/internal/db/mark.go", " || string(m.encode()) != string(data)", "", "./emulator/internal/db", "TestMark"},
			{"emulator/internal/identity/keys.go", "	case !bytes.Equal(sum, f.Sum):", "	case bytes.Equal(nil, sum):", "./emulator/internal/identity", "TestKeysLost"},
			{"emulator/internal/identity/keys.go", "	if !ok && d.Origin() == db.New && !recovering {", "	if !ok && !recovering {", "./emulator/internal/identity", "TestKeysLost"},
			{"emulator/internal/identity/keys.go", "	case f.Database != k.database && !anyDatabase:", "	case false:", "./emulator/internal/identity", "TestKeysLost"},
			{"emulator/folder.go", "		name = filepath.Join(stateDir, blobsDir)\n", "", "./emulator", "TestStateLost"},
			{"emulator/state.go", "	case origin == db.New && blobs:", "	case false:", "./emulator", "TestFirstRunKeepsBlobs"},
			{"emulator/state.go", "	case o.Recover && state != \"\":", "	case false:", "./emulator", "TestRecover"},
			{"emulator/internal/content/collect.go", "	if s.keepAll {", "	if false {", "./emulator", "TestFirstRunKeepsBlobs"},
			{"internal/cli/emulator/start.go", "		if !isNew {", "		if false && !isNew {", "./internal/cli", "TestScripts"},
		}},
		{"folder-lock", "One emulator at a time uses a data folder, whatever becomes of the lock file.", []Break{
			{"emulator/internal/folderlock/folderlock.go", "	f, err := lockDir(folder)\n	if f == nil {", "	f, err := lockDir(folder)\n	if true {", "./emulator/internal/folderlock", "TestLock_file_gone"},
			{"emulator/folder.go", "	return e.lock.Hold(state)", "	return nil", "./emulator", "TestFolderInUse_lock_gone"},
		}},
		{"git", "Git adds nothing of a data folder.", []Break{
			{"emulator/folder.go", "	if errors.Is(err, fs.ErrNotExist) {\n		return private.WriteFile(path", "	if false {\n		return private.WriteFile(path", "./emulator", "TestGitIgnore"},
			{"emulator/folder.go", "/control-api.key*\n", "", "./emulator", "TestGitIgnore"},
		}},
		{"cache-key", "A token that was kept is found by its registry, its use, its rights and the very secret of its credential, under this installation's own key alone, and is encrypted.", []Break{
			{"auth/tokenstore.go", "append(slices.Clone(k.what), k.identity.Reveal())", "slices.Clone(k.what)", "./auth", "TestTokens_key"},
			{"auth/tokenstore.go", "append(slices.Clone(k.what), k.identity.Reveal())", "append(slices.Clone(k.what[:0]), k.identity.Reveal())", "./auth", "TestTokens_key"},
			{"auth/tokenstore.go", "[]string{use, t.origin(), scope.String()}", "[]string{t.origin(), scope.String()}", "./auth", "TestTokenKey_parts"},
			{"auth/tokenstore.go", "[]string{use, t.origin(), scope.String()}", "[]string{use, scope.String()}", "./auth", "TestTokenKey_parts"},
			{"auth/tokenstore.go", "[]string{use, t.origin(), scope.String()}", "[]string{use, t.origin()}", "./auth", "TestTokenKey_parts"},
			{"auth/tokenstore.go", "		h.Write(n[:])\n", "", "./auth", "TestTokenKey_parts"},
			{"auth/tokenstore.go", ", strconv.FormatBool(c.federated), secret.Reveal())", ", strconv.FormatBool(c.federated), secret.String())", "./auth", "TestTokens_key"},
			{"auth/tokenstore.go", "	if c.secret.costly() {", "	if false {", "./auth", "TestTokens"},
			{"auth/tokenstore.go", "	h := hmac.New(sha256.New, secret)", "	h := hmac.New(sha256.New, nil)", "./auth", "TestTokenKey_prints_nothing"},
			{"internal/tokencache/tokencache.go", "	sum := key.Sum(k.names)", "	sum := key.Sum(nil)", "./internal/tokencache", "TestInstallations"},
			{"internal/tokencache/tokencache.go", "		h := hmac.New(sha256.New, master)", "		h := hmac.New(sha256.New, nil)", "./internal/tokencache", "TestInstallations"},
			{"internal/tokencache/key.go", "[]byte((rand.Text() + rand.Text())[:keySize])", "make([]byte, keySize)", "./internal/tokencache", "TestInstallations"},
			{"internal/tokencache/tokencache.go", "	return k.aead.Seal(nonce, nonce, plain, []byte(name)), nil", "	_ = name\n	return slices.Concat(nonce, plain), nil", "./internal/tokencache", "TestFolder"},
			{"internal/tokencache/tokencache.go", "k.aead.Seal(nonce, nonce, plain, []byte(name)), nil\n}\n\n// unseal is the reverse of seal, for any data.\nfunc (k *keys) unseal(name string, data []byte) (e entry, ok bool) {\n	n := k.aead.NonceSize()\n	if len(data) < n || len(data) > maxFile {\n		return entry{}, false\n	}\n	plain, err := k.aead.Open(nil, data[:n], data[n:], []byte(name))", "k.aead.Seal(nonce, nonce, plain, nil), nil\n}\n\n// unseal is the reverse of seal, for any data.\nfunc (k *keys) unseal(name string, data []byte) (e entry, ok bool) {\n	n := k.aead.NonceSize()\n	if len(data) < n || len(data) > maxFile {\n		return entry{}, false\n	}\n	plain, err := k.aead.Open(nil, data[:n], data[n:], nil)", "./internal/tokencache", "TestMoved"},
		}},
		{"cache-life", "No token is kept or taken for longer than three hours, or that came from the future, whatever the clock was.", []Break{
			{"auth/tokenstore.go", "from.Add(min(l.span, maxStoredLife))", "from.Add(l.span)", "./auth", "TestTokens_clock"},
			{"auth/tokenstore.go", " || span > maxStoredLife {", " {", "./auth", "TestTokens_clock"},
			{"auth/tokenstore.go", "	if age < 0 || span", "	if span", "./auth", "TestTokens_clock"},
			{"auth/tokenstore.go", "l.alive(now) && !l.due(now)", "!l.due(now) || true", "./auth", "TestTokens_clock"},
			{"internal/tokencache/tokencache.go", "e.Expires.After(latest)", "false && e.Expires.After(latest)", "./internal/tokencache", "TestClock"},
			{"internal/tokencache/tokencache.go", "!ok || !e.Expires.After(now) || ", "!ok || ", "./internal/tokencache", "TestClock"},
			{"internal/tokencache/tokencache.go", " || e.Expires.After(now.Add(MaxLife)) {", " {", "./internal/tokencache", "TestClock"},
		}},
		{"cache-refused", "A token that was refused is not kept, nor what it was made from.", []Break{
			{"auth/accesstoken.go", "	t.fetches.Unlock()\n	t.keeper.forget(ctx, token.key, token.value)", "	t.fetches.Unlock()", "./auth", "TestTokens_refused"},
			{"auth/accesstoken.go", "			t.keeper.forget(ctx, token.root.key, token.root.token)", "", "./auth", "TestTokens_refused"},
			{"auth/accesstoken.go", "			t.keeper.forget(ctx, p.root.key, p.root.token)", "", "./auth", "TestTokens_refused"},
			{"auth/transport.go", "			// Whoever tries again, in another process, asks for the rights as they are then.\n			t.keeper.forget(ctx, token.key, token.value)", "", "./auth", "TestTokens_refused"},
			{"auth/tokenstore.go", "		k.off.Store(true) // it would give the same token again", "		_ = refused", "./auth", "TestTokens_failing_store"},
			{"internal/tokencache/tokencache.go", "	return drop(root, k.name(key))", "	return nil", "./internal/tokencache", "TestCache"},
			{"internal/tokencache/tokencache.go", " || err == nil && e.Value != refused.Reveal() {", " || err == nil && e.Value == \"\" {", "./internal/tokencache", "TestCache"},
		}},
		{"cache-files", "The cache's files are for their owner alone; one that others may read or write, or own, is not read.", []Break{
			{"internal/private/folder.go", "	fileMode   fs.FileMode = 0o600", "	fileMode   fs.FileMode = 0o644", "./internal/tokencache", "TestFolder"},
			{"internal/private/folder.go", "	folderMode fs.FileMode = 0o700", "	folderMode fs.FileMode = 0o755", "./internal/tokencache", "TestFolder"},
			{"internal/private/folder.go", "	return f, d.check(path, opened, fileMode)", "	return f, nil", "./internal/tokencache", "TestPrivate"},
			{"internal/private/folder.go", "	return root, d.check(d.Path, opened, folderMode)", "	return root, nil", "./internal/tokencache", "TestPrivate"},
			{"internal/private/folder.go", "	othersMask fs.FileMode = 0o077", "	othersMask fs.FileMode = 0o022", "./internal/tokencache", "TestPrivate"},
			{"internal/private/folder.go", "	case err == nil && !info.Mode().IsRegular():", "	case false:", "./internal/tokencache", "TestPrivate"},
			{"internal/private/folder.go", "	if uid, ok := foreignOwner(info); ok {\n		return d.foreign(path, uid)", "	if uid, ok := foreignOwner(info); false && ok {\n		return d.foreign(path, uid)", "./internal/private", "TestFolder_foreign_owner"},
		}},
		{"helper-hosts", "The credential helper answers for Azure's own names and those that were named; for any other it touches nothing.", []Break{
			{"credhelper/credhelper.go", "return reg.IsACR() || slices.Contains(h.opts.Registries, reg)", "return reg.IsACR() || len(h.opts.Registries) >= 0 || slices.Contains(h.opts.Registries, reg)", "./credhelper", "TestDocker_get_hosts"},
			{"credhelper/credhelper.go", "if !strings.EqualFold(s[:i], \"https\") {", "if false {", "./credhelper", "TestDocker_get_hosts"},
		}},
		{"helper-logins", "The credential helper erases what it stored, and replaces nothing by what it answered.", []Break{
			{"cmd/docker-credential-acrkit/logins.go", "case l.Via != store.ViaHelper:", "case false:", "./cmd/docker-credential-acrkit", "TestErase_of_acrkit_login"},
			{"cmd/docker-credential-acrkit/logins.go", "return kind == string(auth.KindRefreshToken), fmt.Sprintf", "return false, fmt.Sprintf", "./cmd/docker-credential-acrkit", "TestStore_what_was_got"},
		}},
		{"kubelet", "A service account has an identity of the tenants that were named or none, never the node's; no answer is for every registry.", []Break{
			{"credhelper/kubelet.go", "	if req.ServiceAccountToken != \"\" {", "	if false {", "./credhelper", "TestKubelet_service_account"},
			{"credhelper/kubelet.go", "case !slices.ContainsFunc(h.opts.Tenants,", "case false && !slices.ContainsFunc(h.opts.Tenants,", "./credhelper", "TestKubelet_service_account"},
			{"credhelper/kubelet.go", "cacheByRegistry = \"Registry\"", "cacheByRegistry = \"Global\"", "./credhelper", "TestKubelet"},
		}},
		{"proxy-key", "The proxy lets nobody in without its key, or a living token that was got with it at the same name.", []Break{
			{"proxy/door.go", "return h.open || subtle", "return true || subtle", "./proxy", "TestClosedByDefault"},
			{"proxy/door.go", "	if len(header) != 1 {\n		return &refusal{}", "	if len(header) != 1 {\n		return nil", "./proxy", "TestClosedByDefault"},
			{"proxy/tokensvc.go", "	if len(values) == 0 && c.h.open {", "	if len(values) == 0 {", "./proxy", "TestClosedByDefault"},
			{"proxy/proxy.go", "	case opts.ClientKey.IsZero() && !opts.Open:", "	case false:", "./proxy", "TestNew"},
			{"proxy/token.go", "!hmac.Equal(mac, t.sign(token[:i]))", "len(mac) == 0", "./proxy", "TestTokens"},
			{"proxy/token.go", "c.GrantType != grantType || ", "", "./proxy", "TestTokens"},
			{"proxy/token.go", "c.Audience != host || ", "", "./proxy", "TestTokens"},
			{"proxy/token.go", " || t.now().Unix() >= c.Expires", "", "./proxy", "TestTokens"},
			{"proxy/token.go", "g.host == host && ", "", "./proxy", "TestTokens"},
			{"proxy/token.go", " && t.now().Unix() < g.expires", "", "./proxy", "TestTokens"},
		}},
		{"proxy-host", "The proxy answers to the names that it listens on alone.", []Break{
			{"proxy/proxy.go", "	case !h.hosts[c.host]:", "	case false:", "./proxy", "TestHost"},
		}},
		{"proxy-pages", "No web page makes the proxy do anything.", []Break{
			{"proxy/door.go", "		if !strings.EqualFold(origin, c.h.scheme+\"://\"+c.host) {", "		if false && origin == \"\" {", "./proxy", "TestOrigin"},
			{"proxy/door.go", "		if !slices.Contains([]string{\"same-origin\", \"none\"}, strings.ToLower(site)) {", "		if false && slices.Contains([]string{}, site) {", "./proxy", "TestOrigin"},
		}},
		{"proxy-known", "The proxy sends on what is a known operation in every part, written anew, and nothing else.", []Break{
			{"proxy/proxy.go", "	if !ok {\n		c.notFound()\n		return\n	}", "	if !ok {\n		op, _ = operation.Parse(\"GET\", &url.URL{Path: \"/v2/\"})\n	}", "./proxy", "TestFailures"},
			{"proxy/forward.go", "	at.Path, at.RawQuery = c.op.Path(), c.op.Query.Encode()", "	at.Path, at.RawPath, at.RawQuery = c.r.URL.Path, c.r.URL.RawPath, c.r.URL.RawQuery", "./proxy", "TestWhatGoesUp"},
			{"proxy/forward.go", "	for name, several := range goesUp {\n", "	header[\"Cookie\"] = from[\"Cookie\"]\n	for name, several := range goesUp {\n", "./proxy", "TestWhatGoesUp"},
			{"proxy/forward.go", "		if len(values) > 1 && !several {", "		if false && several {", "./proxy", "TestWhatGoesUp"},
			{"internal/operation/parse.go", "		case len(values) > 1:\n			return Request{}, false\n", "", "./internal/operation", "TestParse"},
			{"proxy/upload.go", "	if !hmac.Equal(mac, h.signUpload(op, query)) {", "	if len(mac) == 0 {", "./proxy", "TestUploadState"},
			{"proxy/upload.go", "mac.Write([]byte(op.Path() + \"\\n\" + query))", "mac.Write([]byte(query))", "./proxy", "TestUploadState"},
		}},
		{"proxy-down", "No credential, token, cookie or signed link of the registry goes down to a client of the proxy.", []Break{
			{"proxy/response.go", "	for _, name := range goesDown {\n", "	for name := range resp.Header {\n", "./proxy", "TestWhatComesDown"},
			{"proxy/forward.go", "c.op.IsBlob() && !c.h.pass {", "false {", "./proxy", "TestRedirects"},
			{"proxy/forward.go", "		case strings.EqualFold(to.Host, c.h.origin.Host):\n", "		case false:\n", "./proxy", "TestRedirects"},
			{"proxy/response.go", "	location, ok := c.location(&base, locations[0])", "	location, ok := locations[0], true", "./proxy", "TestPlaces"},
		}},
		{"proxy-scope-map", "What a scope map does not have, the registry does not hear of from the proxy, a mount's source and the catalog included.", []Break{
			{"proxy/door.go", "	if !c.h.allows(c.op.Scope) {", "	if false {", "./proxy", "TestScopeMap"},
			{"proxy/door.go", "	return h.scopeMap.Grant(asked)", "	return asked", "./proxy", "TestTokens"},
			{"proxy/door.go", "		if !granted.Contains(c.op.Scope) {", "		if false && granted.IsEmpty() {", "./proxy", "TestTokenOfAnotherScope"},
			{"internal/operation/operation.go", "		r.Scope = r.Scope.Union(acrkit.RepositoryScope(from, acrkit.ContentRead))\n", "", "./proxy", "TestScopeMap"},
			{"internal/operation/parse.go", "	case mount == \"\" || from == \"\":\n", "	case mount == \"\":\n", "./internal/operation", "TestParse"},
			{"auth/transport.go", "		if c == cureFollow && !guard.May(challenge.Scope) {", "		if false {", "./proxy", "TestOtherRightsThanDerived"},
			{"auth/transport.go", "		if !guard.May(scope) {", "		if false {", "./proxy", "TestOtherRightsThanDerived"},
		}},
		{"D1", "Whoever gives up on a shared token request fails nobody else.", []Break{
			{"auth/flight.go", "context.WithTimeout(context.WithoutCancel(ctx), fetchLimit)", "context.WithTimeout(ctx, fetchLimit)", "./auth", "TestD1_ACallerThatGivesUpFailsNobody"},
		}},
		{"D2", "Of several errors each can be asked for.", []Break{
			{"error.go", "func (e *Error) Unwrap() []error { return e.Causes }", "func (e *Error) Unwrap() []error { return nil }", "./registry", "TestD2_SeveralErrors"},
		}},
		{"D3", "Retry-After is a lower bound; a longer one than anybody waits is an error at once.", []Break{
			{"registry/request.go", "d := max(asked, backoff(attempt))", "d := min(asked, backoff(attempt))", "./registry", "TestD3_RetryAfter"},
			{"registry/request.go", "asked > maxRetryAfter {", "false {", "./registry", "TestD3_RetryAfter"},
		}},
		{"D4", "The caller's request is not changed.", []Break{
			{"auth/transport.go", "	clone := req.Clone(req.Context())\n	clone.Body = body", "	clone := req\n	clone.Body = body", "./auth", "TestD4_TheRequestIsNotChanged"},
		}},
		{"D5", "A body that cannot be read twice is not sent twice.", []Break{
			{"auth/transport.go", "		if c == cureNone || cured[c] || !rewinds(req) {", "		if c == cureNone || cured[c] {", "./auth", "TestD5_BodyWithoutGetBody"},
		}},
		{"D6", "The caller's context bounds the token request, too.", []Break{
			{"auth/flight.go", "	case <-ctx.Done():\n	}", "	case <-context.Background().Done():\n	}", "./auth", "TestD6_TheCallersDeadline"},
		}},
		{"D7", "A realm on another host is refused.", []Break{
			{"auth/transport.go", "	if realm == \"\" || err == nil && t.isHome(u) {", "	if true {", "./auth", "TestD7_ForeignRealm"},
		}},
		{"D8", "A token is asked for the required scope alone.", []Break{
			{"auth/accesstoken.go", "			form.Set(\"scope\", text)", "			form.Set(\"scope\", text+\" repository:a:pull repository:b:pull\")", "./auth", "TestD8_ScopesDoNotGrow"},
		}},
		{"D9", "No error shows the body of a token endpoint, or a request.", []Break{
			{"internal/wire/response.go", "clean(redact.Text(s.Message, secrets...), maxMessage)", "clean(s.Message, maxMessage)", "./auth", "TestD9_NoSecretInErrors"},
		}},
		{"D10", "A token is base64url, or opaque.", []Break{
			{"internal/wire/claims.go", "base64.RawURLEncoding.DecodeString", "base64.RawStdEncoding.DecodeString", "./auth", "TestD10_Base64URL"},
		}},
		{"D11", "An answer without its fields is an error.", []Break{
			{"auth/tokenservice.go", "	case token == \"\":", "	case false:", "./auth", "TestD11_EmptyAnswers"},
		}},
		{"D12", "Repositories in turn cost one token each.", []Break{
			{"auth/cache.go", "	for c.recent.Len() > c.most {", "	for c.recent.Len() > 1 {", "./auth", "TestD12_TwoRepositoriesInTurn"},
		}},
		{"D13", "An Entra token goes over no plain HTTP.", []Break{
			{"auth/transport.go", "case opts.PlainHTTP && !reg.IsLoopback():", "case false:", "./auth", "TestD13_PlainHTTP"},
		}},
		{"D14", "A host is compared by its suffix and its labels, not by a pattern.", []Break{
			{"auth/transport.go", "case !reg.IsACR() && !reg.IsLoopback() && !opts.CustomLoginServer:", "case false:", "./auth", "TestD14_LookAlikeGetsNothing"},
		}},
		{"D15", "Every connection of the database has its settings.", []Break{
			{"emulator/internal/db/db.go", "	add(\"foreign_keys(1)\")\n", "", "./emulator/internal/db", "TestEveryConnectionHasItsPragmasAndTables"},
		}},
		{"D16", "What is nil in an Options has a default.", []Break{
			{"auth/transport.go", "	if t.log == nil {", "	if false {", "./acrtest", "TestD16_NilFields"},
		}},
	}
}
