package arm

import (
	"net/http"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/write"
)

// generateCredentials makes passwords of a token: of one slot where the request names it,
// else of both. The answer is recorded for both. For one it lists the token's passwords in
// their order, each value that was just made with it: Terraform's provider reads the second
// password so. Values are shown this once.
func generateCredentials(c *call) error {
	var in struct {
		TokenID string    `json:"tokenId"`
		Name    string    `json:"name"`
		Expiry  time.Time `json:"expiry"` // null or absent = never
	}
	if err := c.decode(&in); err != nil {
		return err
	}
	name, ok := c.childName(in.TokenID, "tokens")
	if !ok {
		return invalid("InvalidTokenId", "The token '%s' is not one of the registry %s.", clip(in.TokenID),
			c.registry.Name)
	}
	t, ok := c.h.Store.Token(c.registry.ID, name)
	if !ok {
		return notInRegistry(name)
	}
	if c.h.stateOf(c.tokenID(t)) == "Creating" { // reported; the text is ours
		return &providerFailure{failure{http.StatusConflict, "TokenNotActive",
			"The token " + t.Name + " is not active yet."}}
	}
	n := write.NewPasswords{Expires: in.Expiry.UTC(), Delay: c.h.PasswordDelay(c.r.Context())}
	if in.Expiry.IsZero() {
		n.Expires = time.Time{}
	}
	if in.Name != "" {
		n.Slots = []string{in.Name}
	}
	var made []write.Password
	err := c.updateRegistry(func(r *write.Registry) (err error) {
		made, err = r.GeneratePasswords(name, n)
		return err
	})
	if err != nil {
		return err
	}
	if t, ok = c.h.Store.Token(c.registry.ID, name); !ok { // it was deleted meanwhile
		return notInRegistry(name)
	}
	passwords := []any{}
	for _, p := range t.Passwords {
		form := passwordForm(p)
		for _, x := range made {
			if x.Name == p.Slot {
				form["value"] = string(x.Value)
			}
		}
		passwords = append(passwords, form)
	}
	return c.answer(http.StatusOK, map[string]any{"username": t.Name, "passwords": passwords})
}
