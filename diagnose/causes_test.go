package diagnose_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/diagnose"
	"github.com/acrkit/acrkit/internal/sentence"
)

// pinned are all codes that were ever given out, with their slugs. Lines may be
// added; none may be changed or taken out: scripts, pages and captures name them.
const pinned = `
ACRK001 wrong-usage
ACRK002 host-refused
ACRK003 no-credential
ACRK004 credential-rejected
ACRK005 missing-right
ACRK006 denied
ACRK007 locked
ACRK008 not-found
ACRK009 unavailable
ACRK010 certificate-untrusted
ACRK011 throttled
ACRK012 incomplete
ACRK013 protocol
ACRK014 too-large
ACRK015 name-unknown
ACRK016 name-lookup-failed
ACRK017 private-endpoint-public-address
ACRK018 connection-refused
ACRK019 connection-timeout
ACRK020 tls-intercepted
ACRK021 certificate-wrong-name
ACRK022 certificate-expired
ACRK023 plain-http-server
ACRK024 proxy-unreachable
ACRK025 network-rule
ACRK026 not-a-registry
ACRK027 login-server-hash
ACRK028 data-endpoint-blocked
ACRK029 blob-redirect-with-credential
ACRK030 silently-anonymous
ACRK031 password-whitespace
ACRK032 password-wrong
ACRK033 password-expired
ACRK034 token-disabled
ACRK035 password-not-yet-active
ACRK036 token-unknown
ACRK037 secret-id-pasted
ACRK038 token-as-password
ACRK039 token-ended
ACRK040 clock-off
ACRK041 stale-login
ACRK042 helper-missing
ACRK043 helper-failed
ACRK044 docker-config-broken
ACRK045 basic-on-api
ACRK046 admin-disabled
ACRK047 wrong-identity
ACRK048 half-credential
ACRK049 header-too-large
ACRK050 empty-scope
ACRK051 entra-secret-wrong
ACRK052 entra-secret-expired
ACRK053 entra-application-unknown
ACRK054 entra-sign-in-ended
ACRK055 entra-audience-unknown
ACRK056 scope-of-login-server
ACRK057 arm-audience-disabled
ACRK058 exchange-refused
ACRK059 entra-tenant-unknown
ACRK060 entra-assertion-refused
ACRK061 entra-user-refused
ACRK062 entra-policy
ACRK063 entra-refused
ACRK064 entra-unreachable
ACRK065 no-role
ACRK066 abac-mode
ACRK067 user-unknown
ACRK068 wrong-registry-token
ACRK069 anonymous-pull-off
ACRK070 metadata-read-missing
ACRK071 push-without-pull
ACRK072 catalog-scoped
ACRK073 wildcard-wrong
ACRK074 mount-source-missing
ACRK075 asked-too-little
ACRK076 no-right-here
ACRK080 repository-unknown
ACRK081 tag-unknown
ACRK082 login-server-port
ACRK083 tag-locked
ACRK084 manifest-locked
ACRK085 repository-locked
ACRK086 blob-unknown
ACRK087 repository-name-wrong
ACRK090 store-ignored
ACRK092 local-failure
ACRK093 other-registry
ACRK094 platform-missing
ACRK095 accept-lacks-type
ACRK096 upload-lost
ACRK097 client-deadline
ACRK098 secret-too-long
ACRK099 import-source-refused
ACRK100 upload-part-refused
ACRK101 proxy-malformed
ACRK102 password-byte-order-mark
ACRK103 other-cloud
ACRK104 storage-limit
ACRK105 token-malformed
`

func TestCauses(t *testing.T) {
	var got strings.Builder
	names := map[string]bool{}
	slug := regexp.MustCompile(`^[a-z]+(-[a-z0-9]+)*$`)
	last := acrkit.Cause("")
	for _, c := range diagnose.Causes() {
		got.WriteString(string(c.Code) + " " + c.Name + "\n")
		if c.Code <= last {
			t.Errorf("%s comes after %s", c.Code, last)
		}
		last = c.Code
		if !slug.MatchString(c.Name) || names[c.Name] {
			t.Errorf("%s: the slug %q is malformed or there twice", c.Code, c.Name)
		}
		names[c.Name] = true
		for _, text := range []string{c.Title, c.Symptom, c.Difference, c.Proof, c.Fix} {
			if text == "" || strings.HasSuffix(text, ".") || strings.ContainsAny(text, "\n") {
				t.Errorf("%s: the text %q is empty, has a line feed, or ends with a full stop", c.Code, text)
			}
		}
		if c.Basis != diagnose.Recorded && c.Basis != diagnose.Documented && c.Basis != diagnose.Believed {
			t.Errorf("%s: basis %q", c.Code, c.Basis)
		}
		if c.Class.Cause() == "" {
			t.Errorf("%s: class %q is no code", c.Code, c.Class)
		}
	}
	for n := range 1000 {
		code := fmt.Sprintf("ACRK%03d", n)
		if _, ok := diagnose.Lookup(code); ok != (sentence.OfCause(code).Title != "") {
			t.Errorf("%s is in one of the tables of causes and of their sentences, and not in the other", code)
		}
	}
	if diff := cmp.Diff(strings.TrimPrefix(pinned, "\n"), got.String()); diff != "" {
		t.Errorf("codes have changed (-pinned +table):\n%s", diff)
	}
}

// TestCodes sees that every code of the root has its general cause in the table.
func TestCodes(t *testing.T) {
	codes := []acrkit.Code{acrkit.CodeUsage, acrkit.CodeHostRefused, acrkit.CodeCredentialMissing, acrkit.CodeCredentialRejected,
		acrkit.CodeInsufficientScope, acrkit.CodeDenied, acrkit.CodeLocked, acrkit.CodeNotFound, acrkit.CodeUnavailable, acrkit.CodeTLS,
		acrkit.CodeThrottled, acrkit.CodeIncomplete, acrkit.CodeProtocol, acrkit.CodeTooLarge}
	for _, code := range codes {
		c, ok := diagnose.Lookup(string(code.Cause()))
		if !ok || c.Class != code {
			t.Errorf("%s has the cause %q: %v, %+v", code, code.Cause(), ok, c)
		}
	}
	if got := acrkit.CauseOf(&acrkit.Error{Code: acrkit.CodeDenied}); got != "ACRK006" {
		t.Error(got)
	}
	if got := acrkit.CauseOf(&acrkit.Error{Code: acrkit.CodeDenied, Cause: "ACRK025"}); got != "ACRK025" {
		t.Error(got)
	}
	if got := acrkit.CauseOf(t.Context().Err()); got != "" {
		t.Error(got)
	}
}
