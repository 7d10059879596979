package auth

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/wording"
)

// Environment is what the environment variables say.
type Environment struct {
	Registry   acrkit.Registry // of ACR_NAME; zero if it is not set
	Credential Credential      // nil if there is none
	Source     string          // the variables it came from: "ACR_TOKEN_NAME and ACR_TOKEN_PASSWORD"
	Lookups    []Lookup        // every place that was looked at, in order
}

// FromEnvironment reads a registry and a credential for it from environment
// variables; a nil lookup is [os.LookupEnv]. An empty variable counts as not set.
//
// The registry is ACR_NAME, a bare name or a login server; the credential is for
// it alone. The first of these that is set is the credential:
//
//  1. ACR_TOKEN_NAME with ACR_TOKEN_PASSWORD (and ACR_TOKEN_PASSWORD2, where both
//     passwords are known) or with ACR_TOKEN_PASSWORD_FILE, a [SecretFile] that is
//     read again while the credential lives: a scope-mapped token. A password that is
//     itself a token of ACR or Entra, or has one of the user names of those, is taken
//     as [UserPassword] takes it;
//  2. ACR_REFRESH_TOKEN;
//  3. AZURE_TENANT_ID and AZURE_CLIENT_ID with AZURE_CLIENT_SECRET or, without
//     that, with AZURE_FEDERATED_TOKEN_FILE: a service principal, at the authority
//     AZURE_AUTHORITY_HOST where it is set. Between the two comes, as in
//     Microsoft's libraries, AZURE_CLIENT_CERTIFICATE_PATH, which this package cannot
//     use and does not ignore: it is an error here, and a credential in
//     azureauth.FromEnvironment.
//
// A token name that is the registry's own name is the admin user's.
//
// An incomplete credential is an error with [acrkit.CodeUsage] that names the missing
// variable, and no later one is used; so is white space around a value. If none is set,
// the error has [acrkit.CodeCredentialMissing]. With an error, Registry and Lookups hold
// what is known.
func FromEnvironment(lookup func(string) (string, bool)) (Environment, error) {
	if lookup == nil {
		lookup = os.LookupEnv
	}
	r := envReader{lookup: lookup}
	var env Environment
	name := r.get("ACR_NAME")
	if name != "" {
		reg, err := acrkit.ParseRegistry(name)
		if err != nil {
			return env, r.usage("ACR_NAME is not a registry: "+wording.Reason(err), "")
		}
		env.Registry, r.registry = reg, reg
	}
	var failure error
	var certificate, set []string // the variables of one that is to be used, and of the credential
	for _, place := range []func(*envReader) (Lookup, Credential, error){scopedFromEnv, refreshFromEnv,
		principalFromEnv} {
		found, cred, err := place(&r)
		found.Place.Kind, found.Source = PlaceEnvironment, listed(found.Variables...)
		if found.Outcome != OutcomeNotSet && (env.Credential != nil || failure != nil) {
			// A later place is not used, complete or not.
			found.Outcome, found.Detail, found.Missing = OutcomeShadowed, "", nil
		} else if err != nil {
			failure = err
			if found.Outcome == OutcomeNotSupported {
				certificate = found.Variables
			}
		} else if cred != nil {
			env.Credential, env.Source, set = cred, found.Source, found.Variables
		}
		env.Lookups = append(env.Lookups, found)
	}
	switch {
	case failure != nil && (certificate == nil || name != ""):
		return env, failure
	case env.Credential == nil && certificate == nil:
		return env, &acrkit.Error{Code: acrkit.CodeCredentialMissing, Op: "find a credential in the environment",
			Registry: env.Registry,
			Reason:   "none is set",
			Hint: sentence.Fix(sentence.SetVariables,
				map[string]string{"variables": "ACR_TOKEN_NAME and ACR_TOKEN_PASSWORD"})}
	case name == "":
		kind := KindServicePrincipal
		if env.Credential != nil {
			kind = env.Credential.Kind()
		} else {
			set = certificate
		}
		env.Credential, env.Source = nil, ""
		for i := range env.Lookups {
			if l := &env.Lookups[i]; l.Outcome == OutcomeUsed || l.Outcome == OutcomeNotSupported {
				l.Outcome, l.Detail, l.Missing = OutcomeIncomplete,
					"ACR_NAME is not set, which says for which registry it is", []string{"ACR_NAME"}
			}
		}
		e := &acrkit.Error{Code: acrkit.CodeUsage, Op: "find a credential in the environment", Reason: isOrAre(set...) +
			" set, but not ACR_NAME, which says for which registry",
			Hint: sentence.Fix(sentence.SetVariables, map[string]string{"variables": "ACR_NAME"})}
		if kind == KindServicePrincipal {
			// These variables serve many programs; without ACR_NAME they do not name a registry.
			e.Code = acrkit.CodeCredentialMissing
		}
		return env, e
	}
	return env, nil
}

type envReader struct {
	lookup   func(string) (string, bool)
	registry acrkit.Registry // of ACR_NAME; zero if it is not set
}

// isAdmin reports whether a user name is that of the registry's admin user, which
// no token can have. The hash of a login server is no part of it.
func (r *envReader) isAdmin(name string) bool {
	if !r.registry.IsACR() && !strings.HasSuffix(r.registry.Hostname(), ".azurecr.localhost") {
		return false // the first label of another host need not be the registry's name
	}
	own, _, _ := strings.Cut(r.registry.Name(), "-")
	return strings.EqualFold(name, own)
}

func (r *envReader) get(name string) string { v, _ := r.lookup(name); return v }

func (r *envReader) usage(reason, hint string) error {
	return &acrkit.Error{Code: acrkit.CodeUsage, Op: "read a credential from the environment",
		Reason: reason, Hint: hint}
}

// half returns the error for a set of variables of which some are missing. instead is
// what may be set instead of the last one, "" if nothing may.
func (r *envReader) half(l *Lookup, set []string, instead string, missing ...string) error {
	verb := " is missing"
	if len(missing) > 1 {
		verb = " are missing"
	}
	l.Outcome, l.Detail, l.Missing = OutcomeIncomplete, strings.Join(missing, " and ")+verb, missing
	wanted := strings.Join(missing, " and ")
	if instead != "" {
		wanted += " or " + instead
	}
	return because(cause.HalfCredential, r.usage(fmt.Sprintf("%s set, but %s", isOrAre(set...), l.Detail),
		sentence.Fix(sentence.SetOrUnset, map[string]string{"wanted": wanted, "set": strings.Join(set, " and ")})))
}

// check refuses white space around a value without showing it.
func (r *envReader) check(l *Lookup, name, value string) error {
	if err := checkSecret(name, value); err != nil {
		l.Outcome, l.Detail = OutcomeIncomplete, wording.Reason(err)
		return because(acrkit.CauseOf(err),
			r.usage(l.Detail, sentence.Fix(sentence.SetWithoutSpace, map[string]string{"variable": name})))
	}
	return nil
}

func scopedFromEnv(r *envReader) (Lookup, Credential, error) {
	l := Lookup{Variables: []string{"ACR_TOKEN_NAME", "ACR_TOKEN_PASSWORD"}, Kind: KindScopedToken,
		Outcome: OutcomeUsed}
	name, password, second, file := r.get("ACR_TOKEN_NAME"), r.get("ACR_TOKEN_PASSWORD"), r.get("ACR_TOKEN_PASSWORD2"),
		r.get("ACR_TOKEN_PASSWORD_FILE")
	l.Name = name
	first := "ACR_TOKEN_PASSWORD"
	source := fixed(password)
	switch {
	case name == "" && password == "" && second == "" && file == "":
		l.Outcome = OutcomeNotSet
		return l, nil, nil
	case password != "" && file != "":
		l.Variables = append(l.Variables, "ACR_TOKEN_PASSWORD_FILE")
		l.Outcome, l.Detail = OutcomeIncomplete, "ACR_TOKEN_PASSWORD and ACR_TOKEN_PASSWORD_FILE are both set"
		return l, nil, r.usage(l.Detail, sentence.Fix(sentence.UnsetOne, nil))
	case name == "":
		for _, v := range []string{"ACR_TOKEN_PASSWORD_FILE", "ACR_TOKEN_PASSWORD2", "ACR_TOKEN_PASSWORD"} {
			if r.get(v) != "" {
				first = v
			}
		}
		return l, nil, r.half(&l, []string{first}, "", "ACR_TOKEN_NAME")
	case file != "":
		l.Variables[1] = "ACR_TOKEN_PASSWORD_FILE"
		var err error
		if source, err = r.file(&l, "ACR_TOKEN_PASSWORD_FILE", file); err != nil {
			return l, nil, err
		}
	case password == "":
		return l, nil, r.half(&l, []string{"ACR_TOKEN_NAME"}, "", "ACR_TOKEN_PASSWORD")
	}
	if err := r.check(&l, "ACR_TOKEN_NAME", name); err != nil {
		return l, nil, err
	}
	if file == "" {
		if err := r.check(&l, first, password); err != nil {
			return l, nil, err
		}
	}
	passwords := []SecretSource{source}
	if second != "" {
		if err := r.check(&l, "ACR_TOKEN_PASSWORD2", second); err != nil {
			return l, nil, err
		}
		l.Variables = append(l.Variables, "ACR_TOKEN_PASSWORD2")
		passwords = append(passwords, fixed(second))
	}
	cred := scopedToken(name, passwords...)
	if r.isAdmin(name) {
		cred = adminUser(name, passwords...)
	}
	l.Kind = cred.Kind() // if the password is a token, the kind of that token
	return l, cred, nil
}

// file returns the file in a variable as a source, after reading it once, so that a fault
// is reported at once.
func (r *envReader) file(l *Lookup, variable, name string) (SecretSource, error) {
	s := newFileSource(name)
	if _, err := s.read(context.Background(), nil); err != nil {
		l.Outcome, l.Detail = OutcomeIncomplete, "the file in "+variable+" cannot be read: "+wording.Reason(err)
		//rule:byte-order-marks-file
		return nil, because(causeWithin(err), r.usage(l.Detail, ""))
	}
	return s, nil
}

func refreshFromEnv(r *envReader) (Lookup, Credential, error) {
	l := Lookup{Variables: []string{"ACR_REFRESH_TOKEN"}, Kind: KindRefreshToken, Outcome: OutcomeUsed}
	token := r.get("ACR_REFRESH_TOKEN")
	if token == "" {
		l.Outcome = OutcomeNotSet
		return l, nil, nil
	}
	if err := r.check(&l, "ACR_REFRESH_TOKEN", token); err != nil {
		return l, nil, err
	}
	return l, RefreshToken(token), nil
}

func principalFromEnv(r *envReader) (Lookup, Credential, error) {
	//nolint:gosec // names of variables, no secrets
	const tenant, client, secret, file = "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET",
		"AZURE_FEDERATED_TOKEN_FILE"
	const certificate, password = "AZURE_CLIENT_CERTIFICATE_PATH", //nolint:gosec // as above
		"AZURE_CLIENT_CERTIFICATE_PASSWORD"
	proof, kind := secret, KindServicePrincipal
	// As in Microsoft's libraries: a secret, then a certificate, then a file.
	switch {
	case r.get(secret) != "":
	case r.get(certificate) != "" || r.get(password) != "":
		proof, kind = certificate, KindCertificate
	case r.get(file) != "":
		proof = file
	}
	names := []string{tenant, client, proof}
	l := Lookup{Variables: names, Kind: kind, Outcome: OutcomeUsed, Name: r.get(client)}
	var set, missing []string
	for _, n := range names {
		if r.get(n) == "" {
			missing = append(missing, n)
		} else {
			set = append(set, n)
		}
	}
	if proof == certificate && slices.Contains(missing, certificate) {
		set = append(set, password) // by which the set was chosen
	}
	switch {
	case len(set) == 0:
		l.Outcome = OutcomeNotSet
		return l, nil, nil
	case len(missing) > 0:
		instead := ""
		if slices.Contains(missing, secret) { // always the last one
			instead = file
		}
		return l, nil, r.half(&l, set, instead, missing...)
	}
	for _, n := range names {
		if err := r.check(&l, n, r.get(n)); err != nil {
			return l, nil, err
		}
	}
	if proof == certificate {
		l.Outcome, l.Detail = OutcomeNotSupported, certificate+" is a certificate, which needs package azureauth"
		return l, nil, r.usage(l.Detail, sentence.Fix(sentence.UseAzureAuth, map[string]string{"variable": secret}))
	}
	var opts EntraOptions
	if opts.AuthorityHost = r.get("AZURE_AUTHORITY_HOST"); opts.AuthorityHost != "" {
		if err := r.check(&l, "AZURE_AUTHORITY_HOST", opts.AuthorityHost); err != nil {
			return l, nil, err
		}
	}
	if proof == secret {
		return l, ServicePrincipal(r.get(tenant), r.get(client), r.get(secret), &opts), nil
	}
	assertion, err := r.file(&l, file, r.get(file))
	if err != nil {
		return l, nil, err
	}
	return l, FederatedServicePrincipal(r.get(tenant), r.get(client), assertion, &opts), nil
}
