package main

import "regexp"

// allowance is one place where a secret belongs. Empty expressions fit all; the
// others are for the whole text.
type allowance struct {
	pkg, place, program, line, spelling string
	private                             bool // a file that others can read is a finding all the same
	why                                 string
}

// temporary is what follows a file's name until the file is whole.
const temporary = `(?:\.tmp-[0-9A-Z]+|\.new)?`

// allowed are all places where secrets of the suite belong.
var allowed = []allowance{
	// What acrkit keeps, for its user alone.
	{
		place:    `.*/ca-key\.pem` + temporary,
		spelling: "private key", private: true,
		why: "the key of the emulator's certificate authority",
	},
	{place: `.*/control-api\.key` + temporary, private: true, why: "the key of the emulator's control API"},
	{place: `.*/connection\.json` + temporary, private: true, why: "how commands find a running emulator"},
	{place: `.*/logins\.json` + temporary, private: true, why: "the store of logins, where there is no keychain"},
	{
		place:   `.*/acrkit-run-[^/]*/(?:(?:config|auth|helm)\.json|client-key)` + temporary,
		private: true,
		why: "the private configuration of Docker that acrkit run removes, and the key that acrkit proxy " +
			"gives its command",
	},
	{
		place:   `.*/seed\.yaml`,
		private: true,
		why:     "the seed that acrkit emulator seed init writes, with example passwords",
	},

	// What users bring: files that the tests write in their place.
	{
		pkg:     "internal/librarytest",
		program: `librarytest\.tes`,
		place:   `.*/TestRotation[^/]*/[0-9]+/password(?:\.new)?`,
		private: true,
		why:     "the password file that a rotation renews",
	},
	{
		pkg:     "internal/login/find",
		program: `find\.test`,
		place:   `.*/TestAzure[^/]*/[0-9]+/token`,
		private: true,
		why:     "the token file of a federated service principal",
	},
	{
		pkg:     "manage/policy",
		program: `policy\.test`,
		place:   `.*/TestFleet[^/]*/[0-9]+/[a-z-]+` + temporary,
		private: true,
		why:     "files that a password is delivered to",
	},
	{
		pkg:     "manage/rotate",
		program: `rotate\.test`,
		place:   `.*/TestUnderLoad[^/]*/[0-9]+/password` + temporary,
		private: true,
		why:     "the file that a password is delivered to",
	},
	{
		pkg:     "manage/sink",
		program: `sink\.test`,
		place: `.*/(?:Test(?:Command|File|Sinks)[^/]*/[0-9]+|sink[0-9]+)/` +
			`(?:pass ?word|config|docker/config\.json)` + temporary,
		private: true,
		why:     "files that a password is delivered to",
	},
	{
		pkg:     "manage/sink",
		program: `sink\.test`,
		place:   `.*/TestFile[^/]*/[0-9]+/password`,
		line:    `x{512,513}\s*`,
		why:     "the longest password, in a file that has another mode at first",
	},
	{
		pkg:     "manage/sink",
		program: "secret-store|docker-credenti",
		place:   `.*/Test(?:Command|Sinks)[^/]*/[0-9]+/(?:value|login)`,
		private: true,
		why:     "where the programs of the tests keep a password",
	},
	{
		pkg:     "manage/sink",
		program: "secret-store|docker-credenti",
		place:   "stdout|stderr",
		why:     "a user's command, and a credential helper, played by the tests, print one",
	},
	{
		pkg:     "cmd/acrkit/internal/cli",
		program: `cli\.test`,
		place:   `.*/Test(?:CreateRefuses|Outcomes|Token(?:Revoke|Rotate))[^/]*/[0-9]+/[a-z0-9-]+` + temporary,
		private: true,
		why:     "files that the commands for tokens deliver a password to",
	},
	{
		pkg:     "auth",
		program: `auth\.test`,
		place:   `.*/Test[^/]*/[0-9]+/[^/]+`,
		private: true,
		why:     "password files, assertions and configurations of Docker",
	},
	{
		pkg:     "auth",
		program: `auth\.test`,
		place:   `.*/TestDockerConfigFromEnvironment[^/]*/[0-9]+/.*/(?:config|auth)\.json`,
		private: true,
		why:     "configurations of Docker and podman, each where its program has it",
	},
	{
		pkg:     "auth",
		program: `auth\.test`,
		place:   `.*/example[0-9]+/(?:acr-password|config\.json)`,
		private: true,
		why:     "a password file and a configuration of Docker, as a user has them, in examples",
	},
	{
		pkg:     "auth/azureauth",
		program: `azureauth\.test`,
		place:   `.*/Test[^/]*/[0-9]+/[^/]+`,
		private: true,
		why:     "certificates and assertions",
	},
	{
		pkg:     "cmd/acrkit/internal/cli(?:/.*)?",
		program: `(?:cli|cmdutil|child|proxy|run|login|logout|whoami)\.test`,
		place:   `.*/(?:Test[^/]*/[0-9]+|script-[^/]*)/.*(?:\.yaml|\.json|password[^/]*|token[^/]*|key)`,
		private: true,
		why:     "seeds, password files and configurations of Docker",
	},
	{
		pkg:     "cmd/acrkit/internal/cli",
		program: `cli\.test`,
		place: `.*/TestCredentialTable[^/]*/[0-9]+/(?:assertion|assertion-other|client\.pem|other\.pem|wrong|` +
			`docker-credential-stub|az)`,
		private: true,
		why:     "each kind of credential, as a person brings it, and helpers with one in them",
	},
	{
		pkg:     "cmd/acrkit/internal/cli",
		program: `cli\.test`,
		place: `.*/script-login/(?:app|disabled|lister|puller|reader|spaces|wrong|acrkit/logins\.json)|` +
			`.*/script-places/(?:good|marked)|.*/script-regional/reader|` +
			`.*/script-wide/seed\.yaml|.*/script-suggest/password|` +
			`.*/script-emulator-(?:rehearsal/(?:password|more)|recover/seed\.yaml|start/own\.yaml)`,
		why: "password files and seeds of scripts, which testscript writes for all to read, and one of " +
			"them in the store's place",
	},
	{
		pkg:     "cmd/acrkit/internal/cli/emulator/seed",
		program: `seed\.test`,
		place:   `.*/TestSeedInit[^/]*/[0-9]+/seed\.yaml`,
		why: "the example seed, which the test gives to all to read, and sees made private when it is " +
			"written again",
	},
	{
		pkg:     "cmd/acrkit/internal/cli/login",
		program: `login\.test`,
		place:   `.*/TestRecognize[^/]*/[0-9]+/secret`,
		private: true,
		why:     "what a person gives by file, which login recognises",
	},
	{
		pkg:     "cmd/acrkit/internal/cli/refusals",
		program: `refusals\.test`,
		place:   `.*/TestSameCause[^/]*/[0-9]+/key`,
		private: true,
		why:     "the key of the control API, in the file from which the command reads it",
	},
	{
		pkg:     "internal/login/store",
		program: `store\.test`,
		place:   `.*/Test[^/]*/.*`,
		private: true,
		why:     "damaged and foreign stores, which the tests make",
	},

	{
		pkg:     "diagnose",
		program: `diagnose\.test`,
		place:   `.*/Test[^/]*/[0-9]+/config\.json`,
		private: true,
		why:     "a configuration of Docker with a stale login",
	},
	{
		pkg:     "cmd/acrkit/internal/cli",
		program: `cli\.test`,
		place:   `.*/script-explain/docker-push\.txt`,
		why:     "a log with a token in it, as a person pastes it, which testscript writes for all to read",
	},

	// What must print a secret.
	{
		pkg:     `cmd/docker-credential-acrkit`,
		program: `docker-credenti`,
		place:   "stdout",
		line:    `\{"(?:ServerURL|kind)".*`,
		why:     "the credential helper answers its client with one",
	},
	{
		pkg:     `auth|cmd/acrkit/internal/cli(?:/.*)?`,
		program: `docker-credenti`,
		place:   "stdout|stderr",
		why:     "a credential helper, played by the tests, answers with one, or misbehaves",
	},
	{
		pkg:     "auth/azureauth|cmd/acrkit/internal/cli",
		program: "az",
		place:   "stdout",
		why:     "the Azure CLI, played by the tests, prints a token",
	},
	{
		pkg:   "cmd/acrkit/internal/cli(?:/.*)?",
		place: "stdout|output",
		line: `\s*(?:passwords: \[\{name: password[12]|secrets: \[\{)value: .*|\s*(?:passwords|secrets): ` +
			`\[\{(?:name: password[12], )?value: .*`,
		why: "acrkit emulator seed init prints the example seed on request",
	},
	{
		pkg:   "cmd/acrkit/internal/cli",
		place: "stdout|output",
		line:  `\s*(?:password[12]\t)?[A-Za-z0-9+/]{42}\+ACR[A-D][A-Za-z0-9+/]{5}`,
		why:   "acrkit emulator token prints a new password once, in a line of its own",
	},
	{
		pkg: "cmd/acrkit/internal/cli", place: "stdout|output",
		line: `\s*(?:export |set -gx |\$env:)ACR_TOKEN_PASSWORD ?[= ] ?['"]?` +
			`(?:correct-horse-battery-staple-000[1-49]|my-own-password-0001)['"]?;?`,
		why: "acrkit emulator env exports a password of the example seed, and that of a seed of one's own " +
			"for the token that is named",
	},
	{
		pkg:     "cmd/acrkit/internal/cli",
		program: "grep|sh|acrkit|cli\\.test",
		place:   "argv|stdout",
		line:    `(?:.*grep -o |\s*)cmVhZGVyOnJlYWRlci1wYXNzd29yZC0wMDAx.*`,
		why: "a script looks for the password in the private configuration of Docker that acrkit run made, " +
			"and is shown it",
	},
	{
		pkg:     "cmd/acrkit/internal/cli",
		program: "acrkit",
		place:   "argv",
		line:    `reader-password-0001`,
		why:     "a script gives a password as an argument, and sees that refused",
	},
	{
		pkg:     "cmd/acrkit/internal/cli",
		program: "sh",
		place:   "stdout",
		line:    `reader-password-0001`,
		why:     "a script pipes it into acrkit login --password-stdin",
	},
	{
		pkg:     "cmd/acrkit/internal/cli(?:/.*)?",
		program: `.*\.test`,
		place:   "stdout",
		line:    `\s+> .*`,
		why:     "testscript repeats the lines of its script",
	},
	{
		pkg:     "cmd/acrkit/internal/cli",
		place:   "argv",
		program: "sh",
		why:     "the lines of the manual, as a person pastes them, with the example seed's passwords",
	},
}

func isAllowed(f candidate) bool {
	fits := func(expression, s string) bool {
		return expression == "" || regexp.MustCompile("^(?:"+expression+")$").MatchString(s)
	}
	for _, a := range allowed {
		if !fits(a.pkg, f.Package) || !fits(a.place, f.Place) || !fits(a.program, f.Program) ||
			!fits(a.line, f.line) || !fits(a.spelling, f.Spelling) {
			continue
		}
		if !a.private || len(f.Mode) > 2 && f.Mode[len(f.Mode)-2:] == "00" {
			return true
		}
	}
	return false
}
