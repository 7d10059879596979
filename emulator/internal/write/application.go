package write

import (
	"cmp"
	"encoding/pem"
	"strings"

	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/refusal"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/guid"
)

// defaultAudience is what Entra documents for assertions of other issuers.
const defaultAudience = "api://AzureADTokenExchange"

// PutApplication makes or replaces an application with its secrets and keys, in a tenant
// that is made if there is none. One that is replaced keeps its object id.
func (tx *Tx) PutApplication(tenantID string, a seed.Application) error {
	if err := (&seed.Tenant{ID: tenantID, Applications: []seed.Application{a}}).Check(); err != nil {
		return refusal.Of("store the application", err)
	}
	tx.PutTenant(tenantID)
	next := &principal.Application{TenantID: strings.ToLower(tenantID), ClientID: strings.ToLower(a.ClientID),
		ObjectID: cmp.Or(strings.ToLower(a.ObjectID), guid.New()), DisplayName: a.DisplayName}
	if old, ok := tx.c.Application(a.ClientID); ok {
		// Tokens and role assignments name the object id.
		if a.ObjectID != "" && next.ObjectID != old.ObjectID {
			return refusal.Usage("store the application", "objectId: the application %s has another one", a.ClientID)
		}
		next.ObjectID = old.ObjectID
	} else if other, ok := tx.c.ApplicationByObject(next.ObjectID); ok {
		return refusal.Usage("store the application", "objectId: it is that of the application %s", other.ClientID)
	}
	for _, s := range a.Secrets {
		secret := tx.keys.NewSecret(next.ClientID, string(s.Value), s.Expires)
		//rule:value-from-application
		secret.Private = s.IsPrivate()
		next.Secrets = append(next.Secrets, secret)
	}
	next.Certificates, next.Federated = PublicKeys(a)
	tx.c.Put(next)
	return nil
}

// PublicKeys returns the stored form of the keys of an application that was checked.
func PublicKeys(a seed.Application) (certificates [][]byte, federated []principal.Federated) {
	for _, c := range a.Certificates {
		certificates = append(certificates, der(c.PEM))
	}
	for _, f := range a.FederatedCredentials {
		federated = append(federated, principal.Federated{Issuer: f.Issuer, Subject: f.Subject,
			Audience: cmp.Or(f.Audience, defaultAudience), PublicKey: der(f.PublicKey)})
	}
	return certificates, federated
}

// der returns the one block of a PEM text that was checked.
func der(text string) []byte {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil
	}
	return block.Bytes
}
