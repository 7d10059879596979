package mutate

// loginRules are those of logins that other programs keep, and of what surrounds a
// secret.
func loginRules() []Rule {
	const (
		auth   = "./auth"
		doc    = "auth/dockerdoc.go"
		places = "TestDockerConfigFromEnvironment"
		broken = "TestDockerConfigFromEnvironment_broken"
		entry  = "TestDockerConfig_entries"
		marks  = "TestByteOrderMark"
		files  = "./internal/loginfile"
	)
	return []Rule{
		{"login-places", "Logins of Docker and podman are looked for in a fixed order; a place that cannot be read is an error with its name and none of its content.", []Break{
			{"auth/docker.go", "	sources := []loginSource{{variable: loginfile.EnvText, text: system.Text}}\n", "	sources := []loginSource{}\n", auth, places},
			{"internal/loginfile/loginfile.go", "		return []string{file}\n", "		_ = file\n", files, "TestPodmanFiles"},
			{"internal/loginfile/loginfile.go", "		add(\"/run\", \"containers\", strconv.Itoa(s.UserID), \"auth.json\")\n", "		_ = strconv.Itoa\n", files, "TestPodmanFiles"},
			{doc, "	case errors.Is(err, fs.ErrNotExist):", "	case err != nil:", auth, broken},
			{doc, "		return dockerDoc{}, s.failure(acrkit.CodeUsage, why, \"\")\n	}\n	doc.source = s", "		doc.absent = true\n	}\n	doc.source = s", auth, broken},
			{doc, "	return []byte(text), dockerFile.Check(int64(len(text)))", "	return []byte(text), nil", auth, "TestLimits"},
			{doc, "	return []byte(text), dockerFile.Check(int64(len(text)))", "	return []byte(text), dockerFile.Check(int64(len(text)) + 1)", auth, "TestLimits"},
		}},
		{"login-entries", "Half an entry of Docker's is not a login: the user name may be missing only beside a token.", []Break{
			{doc, "	case user == \"\" && isToken(password):", "	case user == \"\" && password != \"\":", auth, entry},
			{doc, "	case user == \"\" && isToken(password):", "	case false:", auth, entry},
			{doc, "		decoded, err = base64.RawStdEncoding.DecodeString(auth)\n", "", auth, entry},
			{doc, "		if user, password, e.why = decodeAuth(raw.Auth); e.why != \"\" {", "		if u, p, why := decodeAuth(raw.Auth); why == \"\" {\n			user, password = u, p\n		} else if false {", auth, entry},
		}},
		{"byte-order-marks", "A byte order mark beside a secret, or UTF-16, is an error before anything is sent.", []Break{
			{"auth/credential.go", "	case loginfile.ByteOrderMark(s) != \"\":", "	case false:", auth, marks},
			{"auth/secretfile.go", "Cause: causeWithin(err), Op: \"read the secret in \"", "Op: \"read the secret in \"", auth, marks},
			{"auth/environment.go", "because(causeWithin(err), r.usage(l.Detail, \"\"))", "r.usage(l.Detail, \"\")", auth, marks},
			{"internal/loginfile/encoding.go", "	case strings.Contains(secret, mark):", "	case false:", files, marks},
			{"internal/loginfile/encoding.go", "\"\\xff\\xfe\", \"\\xfe\\xff\", ", "\"\\xfe\\xff\", ", auth, marks},
			{"auth/azureauth/certificate.go", "	case loginfile.ByteOrderMark(password.Reveal()) != \"\":", "	case false:", "./auth/azureauth", "TestCertificate_byteOrderMark"},
		}},
		{"proxy-variables", "Nothing is sent past a proxy that a variable means to name; the variable is named, and its value is not.", []Break{
			{"internal/wire/transport.go", "	if readsEnvironment(t.Proxy) {", "	if false {", auth, "TestMalformedProxy"},
			{"internal/wire/transport.go", "	if readsEnvironment(t.Proxy) {", "	if true {", "./internal/wire", "TestNewTransport_malformedProxy"},
			{"internal/wire/proxy.go", "Reason: name + \" is set to something that is not a URL\"", "Reason: name + \" is set to \" + value", "./internal/wire", "TestCheckProxy"},
			{"internal/wire/network.go", "own.Cause == cause.ProxyMalformed {", "false {", auth, "TestMalformedProxy"},
			{"auth/tokenservice.go", " && e.Cause != cause.ProxyMalformed {", " {", auth, "TestMalformedProxy"},
			{"internal/login/find/transport.go", "		if malformed != nil {", "		if false {", "./cmd/acrkit/internal/cli", "TestScripts"},
			{"auth/azureauth/certificate.go", "		err = wire.CheckProxy(os.LookupEnv) // azidentity would bypass the proxy\n", "		_ = wire.CheckProxy\n", "./auth/azureauth", "TestCertificate_malformedProxy"},
		}},
	}
}
