package emulator

import (
	"bytes"
	"cmp"
	"encoding/pem"
	"slices"

	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/seed"
)

// defaultAudience is what Entra documents for assertions of other issuers.
const defaultAudience = "api://AzureADTokenExchange"

// der returns the one block of a PEM text that was checked.
func der(text string) []byte {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil
	}
	return block.Bytes
}

// keysOf puts the keys of a checked seed into the stored form.
func keysOf(out *principal.Application, a seed.Application) {
	for _, c := range a.Certificates {
		out.Certificates = append(out.Certificates, der(c.PEM))
	}
	for _, f := range a.FederatedCredentials {
		out.Federated = append(out.Federated, principal.Federated{Issuer: f.Issuer, Subject: f.Subject,
			Audience: cmp.Or(f.Audience, defaultAudience), PublicKey: der(f.PublicKey)})
	}
}

// compareKeys says how an application's keys differ from the seed's, or "".
func compareKeys(have *principal.Application, a seed.Application) string {
	want := &principal.Application{}
	keysOf(want, a)
	switch {
	case !slices.EqualFunc(have.Certificates, want.Certificates, bytes.Equal):
		return "has other certificates"
	case !slices.EqualFunc(have.Federated, want.Federated, func(x, y principal.Federated) bool {
		return x.Issuer == y.Issuer && x.Subject == y.Subject && x.Audience == y.Audience && bytes.Equal(x.PublicKey, y.PublicKey)
	}):
		return "has other federatedCredentials"
	}
	return ""
}
