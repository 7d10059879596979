package main

// proxyRules are those of the proxy.
func proxyRules() []rule {
	const proxy = "./proxy"
	return []rule{
		{
			"proxy-key",
			"The proxy requires its key, or a valid token that was got with it at the same name.",
			[]change{
				{"proxy-key-is-key", always(), "", "TestClosedByDefault"},
				{"proxy-key-authorize", value("nil"), "", "TestClosedByDefault"},
				{"proxy-key-basic-login", drop("open"), "", "TestClosedByDefault"},
				{"proxy-key-new", never(), "", "TestNew"},
				{"proxy-key-verify", replace("!hmac.Equal(mac, t.sign(token[:i]))", "len(mac) == 0"),
					"", "TestTokens"},
				{"proxy-key-verify-2", drop("GrantType"), "", "TestTokens"},
				{"proxy-key-verify-2", drop("Audience"), "", "TestTokens"},
				{"proxy-key-verify-2", drop("Expires"), "", "TestTokens"},
				{"proxy-key-access", drop("host"), "", "TestTokens"},
				{"proxy-key-access", drop("expires"), "", "TestTokens"},
			},
		},
		{
			"managed-identity",
			"The proxy gives its key as a managed identity's token only by option, to one GET of the " +
				"protocol that shows the header's value, and for the registry's resource; the command's " +
				"variables lead to it and to no other identity.",
			[]change{
				{"managed-identity-serve-http", drop("hasIdentity"), "", "TestIdentity_off"},
				{"managed-identity-new", never(), "", "TestNew"},
				{"managed-identity-identity", never(), "", "TestIdentity_refused"},
				{"managed-identity-identity-2", drop("isIdentityHeader"), "", "TestIdentity_refused"},
				{"managed-identity-identity-2", replace("!= 1", "== 0"), "", "TestIdentity_refused"},
				{"managed-identity-identity-3", drop("identityVersion"), "", "TestIdentity_refused"},
				{"managed-identity-identity-3", replace("!= 1", "== 0"), "", "TestIdentity_refused"},
				{"managed-identity-identity-4", never(), "", "TestIdentity_refused"},
				{"managed-identity-identity-5", replace("!= 1", "== 0"), "", "TestIdentity_refused"},
				{"managed-identity-identity-5", replace(`!= identityResource && resource[0] != identityResource+"/"`,
					`== ""`),
					"", "TestIdentity_refused"},
				{"managed-identity-other-resource", replace("Text(asked[0], c.h.redact...)", `Text("") + asked[0]`),
					"", "TestIdentity_refused"},
				{"managed-identity-identity-life", value("25 * time.Hour"), "", "TestIdentity"},
				{"managed-identity-max-shown-resource", value("$ + 1"), "", "TestIdentity_shownResource"},
				{"managed-identity-max-shown-resource", value("$ - 1"), "", "TestIdentity_shownResource"},
				{"managed-identity-serve-http-2", never(), "", "TestIdentity_refused"},
				{"managed-identity-past-app-service",
					replace("\"IDENTITY_SERVER_THUMBPRINT\", \"IMDS_ENDPOINT\",\n\t", ""),
					"", "TestWithAppService"},
				{"managed-identity-with-app-service", remove(), "", "TestWithAppService"},
				{"managed-identity-environment", always(), "", "TestEnvironment"},
				{"managed-identity-environment", never(), "", "TestEnvironment"},
				{"managed-identity-complete", never(), "", "TestNewCmdProxy"},
				{"managed-identity-complete-2", never(), "", "TestNewCmdProxy"},
				{"managed-identity-complete-3", never(), "", "TestNewCmdProxy"},
			},
		},
		{
			"proxy-host",
			"The proxy answers to the names that it listens on alone.",
			[]change{
				{"managed-identity-serve-http-2", never(), "", "TestHost"},
			},
		},
		{
			"proxy-pages",
			"No web page makes the proxy do anything.",
			[]change{
				{"proxy-pages-is-not-from-web-page", never(), "", "TestOrigin"},
				{"proxy-pages-is-not-from-web-page-2", never(), "", "TestOrigin"},
			},
		},
		{
			"proxy-known",
			"The proxy sends on what is a known operation in every part, written anew, and nothing " +
				"else.",
			[]change{
				{"proxy-known-serve", first(`if !ok { op, ok = operation.Parse("GET", &url.URL{Path: "/v2/"}) }`),
					"", "TestFailures"},
				{"proxy-known-forward", replace("RawQuery = c.op.Path(), c.op.Query.Encode()",
					"RawPath, at.RawQuery = c.r.URL.Path, c.r.URL.RawPath, c.r.URL.RawQuery"),
					"", "TestWhatGoesUp"},
				{"proxy-known-request-header", first(`header["Cookie"] = from["Cookie"]`), "", "TestWhatGoesUp"},
				{"proxy-known-request-header-2", never(), "", "TestWhatGoesUp"},
				{"proxy-known-parse", remove(), "", "TestParse"},
				{"proxy-known-unwrap-upload", replace("!hmac.Equal(mac, h.signUpload(op, query))", "len(mac) == 0"),
					"", "TestUploadState"},
				{"proxy-known-sign-upload", replace(`op.Path() + "\n" + `, ""), "", "TestUploadState"},
			},
		},
		{
			"proxy-down",
			"No credential, token, cookie or signed link of the registry goes down to a client of the " +
				"proxy.",
			[]change{
				{"proxy-down-answer", replace("_, name := range returnedHeaders", "name := range resp.Header"),
					"", "TestWhatComesDown"},
				{"proxy-down-forward", never(), "", "TestRedirects"},
				{"proxy-down-follow", never(), "", "TestRedirects"},
				{"proxy-down-rewrite", value("locations[0], true"), "", "TestPlaces"},
			},
		},
		{
			"proxy-scope-map",
			"What a scope map does not have, the registry does not hear of from the proxy, a mount's " +
				"source and the catalog included.",
			[]change{
				{"proxy-scope-map-authorize", never(), "", "TestScopeMap"},
				{"proxy-scope-map-grant", value("asked"), "", "TestTokens"},
				{"proxy-scope-map-authorize-2", never(), "", "TestTokenOfAnotherScope"},
				{"proxy-scope-map-on-repository", remove(), proxy, "TestScopeMap"},
				{"proxy-scope-map-parse", drop("from"), "", "TestParse"},
				{"proxy-scope-map-next", never(), proxy, "TestOtherRightsThanDerived"},
				{"proxy-scope-map-new-exchange", never(), proxy, "TestOtherRightsThanDerived"},
			},
		},
	}
}
