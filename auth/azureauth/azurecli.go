package azureauth

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/sentence"
)

// AzureCLI is the account signed in to the Azure CLI: tokens come from
// `az account get-access-token`, which is run when one is needed. opts may be nil; it
// names the tenant or subscription if it is not the CLI's default one.
//
// If az is not installed, or no account is signed in, the error has
// [acrkit.CodeCredentialMissing], so that an [auth.Chain] tries its next credential.
func AzureCLI(opts *azidentity.AzureCLICredentialOptions) auth.Credential {
	return auth.Entra(AzureCLISource(opts))
}

// AzureCLISource is the same account as a source of Entra tokens for other audiences
// than the registry's, as [github.com/acrkit/acrkit/diagnose.NewARM] needs them. az is
// run for each token; nothing is kept.
func AzureCLISource(opts *azidentity.AzureCLICredentialOptions) auth.EntraTokenSource {
	var own azidentity.AzureCLICredentialOptions
	if opts != nil {
		own = *opts
	}
	return azureCLI{sync.OnceValues(func() (*azidentity.AzureCLICredential, error) {
		cred, err := azidentity.NewAzureCLICredential(&own)
		if err != nil {
			err = &acrkit.Error{Code: acrkit.CodeUsage, Op: "use the Azure CLI", Reason: firstLine(err.Error())}
		}
		return cred, err
	})}
}

// azureCLI makes azidentity's credential when it is first needed.
type azureCLI struct {
	load func() (*azidentity.AzureCLICredential, error)
}

func (azureCLI) Kind() auth.Kind { return auth.KindAzureCLI }

func (azureCLI) String() string { return "Azure CLI (az login)" }

// EntraToken implements [auth.EntraTokenSource].
func (c azureCLI) EntraToken(ctx context.Context, scope string) (string, time.Time, error) {
	cred, err := c.load()
	if err != nil {
		return "", time.Time{}, err
	}
	token, expires, err := source{tc: cred}.EntraToken(ctx, scope)
	if err != nil && ctx.Err() == nil {
		err = explainCLI(err)
	}
	return token, expires, err
}

// explainCLI returns the error for a failure of az, by the text that az printed.
func explainCLI(err error) error {
	login, tryCLI := sentence.Fix(sentence.SignInToAzure, nil), sentence.Fix(sentence.TryCLI, nil)
	e, ok := errors.AsType[*acrkit.Error](err)
	if !ok {
		return err
	}
	out := *e
	out.Op = "get an Entra token from the Azure CLI"
	text := strings.TrimPrefix(e.Reason, "AzureCLICredential: ")
	text, _, _ = strings.Cut(text, " To troubleshoot, visit")
	switch {
	case len(e.Errs) > 0: // Entra's number and what it means
		if out.Hint == "" {
			out.Hint = login
		}
	case strings.Contains(text, "executable not found"):
		out.Code, out.Reason, out.Hint = acrkit.CodeCredentialMissing, "there is no program az in PATH",
			sentence.Fix(sentence.InstallCLI, nil)
	case strings.Contains(text, "az login") || strings.Contains(text, "az account set"):
		out.Code, out.Reason, out.Hint = acrkit.CodeCredentialMissing, "no account is signed in to it", login
	case strings.Contains(text, "invalid character") || strings.Contains(text, "end of JSON"):
		out.Code, out.Reason, out.Hint = acrkit.CodeProtocol, "az printed no token", tryCLI
	case e.Code == acrkit.CodeUnavailable || e.Code == acrkit.CodeTLS || e.Code == acrkit.CodeProtocol:
		out.Reason = redact.Text(text)
	default:
		out.Code, out.Reason = acrkit.CodeProtocol, "az failed: "+redact.Text(text)
		out.Hint = tryCLI
	}
	return &out
}
