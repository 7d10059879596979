package main

// defectRules are those of defects that were found in other clients.
func defectRules() []rule {
	const (
		acrtest = "./acrtest"
		auth    = "./auth"
	)
	return []rule{
		{
			"D1",
			"A caller that gives up on a shared token request does not fail the others.",
			[]change{
				{"d1-start", replace("context.WithoutCancel(ctx)", "ctx"),
					"", "TestD1_ACallerThatGivesUpFailsNobody"},
			},
		},
		{
			"D2",
			"Each of several errors can be found with errors.Is and errors.As.",
			[]change{
				{"d2-unwrap", value("nil"), "./registry", "TestD2_SeveralErrors"},
			},
		},
		{
			"D3",
			"Retry-After is a lower bound; one above the limit is an error at once.",
			[]change{
				{"d3-do", replace("max", "min"), "", "TestD3_RetryAfter"},
				{"d3-do-2", never(), "", "TestD3_RetryAfter"},
			},
		},
		{
			"D4",
			"The caller's request is not changed.",
			[]change{
				{"d4-send", value("req"), "", "TestD4_TheRequestIsNotChanged"},
			},
		},
		{
			"D5",
			"A body that cannot be read twice is not sent twice.",
			[]change{
				{"d5-next", never(), "", "TestD5_BodyWithoutGetBody"},
			},
		},
		{
			"D6",
			"The caller's context also limits the token request.",
			[]change{
				{"d6-get", replace("ctx", "context.Background()"), "", "TestD6_TheCallersDeadline"},
			},
		},
		{
			"D7",
			"A realm on another host is refused.",
			[]change{
				{"regional-check-realm", always(), "", "TestD7_ForeignRealm"},
			},
		},
		{
			"D8",
			"A token is requested only for the required scope.",
			[]change{
				{"d8-fetch-as", replace("text", `text+" repository:a:pull repository:b:pull"`),
					"", "TestD8_ScopesDoNotGrow"},
			},
		},
		{
			"D9",
			"No error shows the body of a token endpoint, or a request.",
			[]change{
				{"d9-service-errors", replace("redact.Text(s.Message, secrets...)", "s.Message"),
					auth, "TestD9_NoSecretInErrors"},
			},
		},
		{
			"D10",
			"A token is base64url, or opaque.",
			[]change{
				{"d10-read-claims", replace("RawURLEncoding", "RawStdEncoding"), auth, "TestD10_Base64URL"},
			},
		},
		{
			"D11",
			"An answer without its fields is an error.",
			[]change{
				{"d11-read-token-answer", never(), "", "TestD11_EmptyAnswers"},
			},
		},
		{
			"D12",
			"Repositories in turn cost one token each.",
			[]change{
				{"d12-put", replace("c.most", "1"), "", "TestD12_TwoRepositoriesInTurn"},
			},
		},
		{
			"D13",
			"An Entra token is not sent over plain HTTP.",
			[]change{
				{"plain-http-new-transport", never(), "", "TestD13_PlainHTTP"},
			},
		},
		{
			"D14",
			"A host is compared by its suffix and its labels, not by a pattern.",
			[]change{
				{"look-alikes-new-transport", never(), "", "TestD14_LookAlikeGetsNothing"},
			},
		},
		{
			"D15",
			"Every connection of the database has its settings.",
			[]change{
				{"d15-open", remove(), "", "TestEveryConnectionHasItsPragmasAndTables"},
			},
		},
		{
			"D16",
			"A nil field of an Options has a default.",
			[]change{
				{"d16-new-transport", never(), acrtest, "TestD16_NilFields"},
			},
		},
	}
}
