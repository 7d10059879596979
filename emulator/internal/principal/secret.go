package principal

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/service"
	"github.com/acrkit/acrkit/emulator/rule"
	"github.com/acrkit/acrkit/internal/guid"
)

// NewRID returns a registry id in the form that tokens have.
func NewRID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// PasswordLength is the length of a generated password.
const PasswordLength = 52

// NewPassword makes a password in the newer of the two shapes the service was
// seen to use: 42 characters of base64, "+ACR", one of A to D, five more. The
// last five are a checksum there, of which nothing reliable is known; here they
// are random.
func NewPassword() string {
	var b [40]byte
	rand.Read(b[:]) // never fails
	text := base64.RawStdEncoding.EncodeToString(b[:])
	//tap:secret text[:42]
	return text[:42] + "+ACR" + string("ABCD"[b[39]&3]) + text[43:48]
}

// hash is the keyed hash under which a password is stored. Each part ends in a zero
// byte, which none can contain.
func (k *Keys) hash(parts ...string) []byte {
	mac := hmac.New(sha256.New, k.hmac)
	for _, p := range parts {
		mac.Write([]byte(p))
		mac.Write([]byte{0})
	}
	return mac.Sum(nil)
}

// Sum returns a keyed hash of texts, for comparing what is not to be stored.
func (k *Keys) Sum(parts ...string) []byte { return k.hash(append([]string{"sum"}, parts...)...) }

//tap:secret value
func (k *Keys) passwordHash(r *RegistrySettings, token, slot, value string) []byte {
	return k.hash("token password", r.RID, strings.ToLower(token), slot, value)
}

//tap:secret value
func (k *Keys) secretHash(clientID, value string) []byte {
	return k.hash("client secret", strings.ToLower(clientID), value)
}

// NewSecret returns the stored form of a client secret.
func (k *Keys) NewSecret(clientID, value string, expires time.Time) Secret {
	return Secret{Hash: k.secretHash(clientID, value), Expires: expires}
}

// NewPasswordOf returns the stored form of a token's password.
func (k *Keys) NewPasswordOf(r *RegistrySettings, token, slot, value string, created, expires time.Time) Password {
	return Password{Slot: slot, Hash: k.passwordHash(r, token, slot, value), Created: created, Expires: expires}
}

// AdminPassword returns the admin user's password of a name ("password" or
// "password2"). It is computed, so that no readable password is stored.
func (k *Keys) AdminPassword(r *RegistrySettings, name string) string {
	parts := []string{"admin password", r.RID, name}
	if n := r.Renewed[name]; n > 0 {
		parts = append(parts, strconv.Itoa(n))
	}
	sum := k.hash(parts...)
	//tap:secret
	return base64.StdEncoding.EncodeToString(sum)[:32]
}

// SecretState is what Entra says of a client secret.
type SecretState int

// The states.
const (
	SecretWrong SecretState = iota
	SecretExpired
	SecretGood
)

// CheckSecret compares a client secret with an application's.
func (s *Store) CheckSecret(a *Application, value string, now time.Time) SecretState {
	sum := s.keys.secretHash(a.ClientID, value)
	state := SecretWrong
	for _, x := range a.Secrets {
		if subtle.ConstantTimeCompare(x.Hash, sum) == 1 {
			if x.Usable(now) {
				return SecretGood
			}
			state = SecretExpired
		}
	}
	return state
}

// CheckPassword authenticates a user name and password as the token service
// does: a scope-mapped token, the admin user, or a service principal. Its error is
// a [rule.ID], for the decision log; the answer to the client is the same for all.
func (s *Store) CheckPassword(r *RegistrySettings, user, password string, now time.Time) (Principal, error) {
	if t, ok := s.Token(r.ID, user); ok {
		return Principal{KindToken, t.Name}, s.checkToken(r, t, password, now)
	}
	return s.checkOther(r, user, password, now)
}

// CheckDirect authenticates a user name and password in a request to the registry
// itself. Scope-mapped tokens are not accepted there, as users report of the
// service; the admin user and service principals are.
func (s *Store) CheckDirect(r *RegistrySettings, user, password string, now time.Time) (Principal, error) {
	if t, ok := s.Token(r.ID, user); ok {
		return Principal{KindToken, t.Name}, rule.BasicScopedToken
	}
	return s.checkOther(r, user, password, now)
}

func (s *Store) checkToken(r *RegistrySettings, t *Token, password string, now time.Time) error {
	var err error = rule.PasswordWrong
	for _, slot := range service.Slots() {
		sum := s.keys.passwordHash(r, t.Name, slot, password)
		newest, ok := t.Password(slot)
		if !ok {
			continue
		}
		//rule:late-password-check-token
		p, ok := newest.At(now)
		if !ok || subtle.ConstantTimeCompare(p.Hash, sum) != 1 {
			if subtle.ConstantTimeCompare(newest.Hash, sum) == 1 {
				err = rule.PasswordNotYet
			}
			continue
		}
		if p.Usable(now) {
			err = nil
			break
		}
		err = rule.PasswordExpired
	}
	if err == nil && !t.Enabled {
		return rule.ScopedTokenDisabled
	}
	return err
}

func (s *Store) checkOther(r *RegistrySettings, user, password string, now time.Time) (Principal, error) {
	if strings.EqualFold(user, r.Name) {
		admin := Principal{KindAdmin, r.Name}
		if !r.Admin {
			return admin, rule.AdminUserDisabled
		}
		good := 0
		for _, name := range []string{service.AdminPassword1, service.AdminPassword2} {
			good |= subtle.ConstantTimeCompare([]byte(s.keys.AdminPassword(r, name)), []byte(password))
		}
		if good != 1 {
			return admin, rule.PasswordWrong
		}
		return admin, nil
	}
	a, ok := s.Application(user)
	if !ok {
		return Principal{}, rule.UserUnknown
	}
	p := Principal{KindServicePrincipal, a.ClientID}
	switch s.CheckSecret(a, password, now) {
	case SecretGood:
		return p, nil
	case SecretExpired:
		return p, rule.ClientSecretExpired
	}
	return p, rule.ClientSecretWrong
}

// RightsOf returns what a principal may do on a registry now. Where there is no
// such principal any more, or it is disabled, the error is a [rule.ID].
func (s *Store) RightsOf(r *RegistrySettings, p Principal) (Rights, error) {
	rights, err := s.rightsOf(r, p)
	// In ABAC mode the service ignores a scope for all repositories. Source: acr-cli.
	//rule:all-repositories-rights-of
	rights.wildcard = r.Mode != service.ModeABAC
	return rights, err
}

func (s *Store) rightsOf(r *RegistrySettings, p Principal) (Rights, error) {
	switch p.Kind {
	case KindToken:
		t, ok := s.Token(r.ID, p.Name)
		switch {
		case !ok:
			return Rights{}, rule.ScopedTokenDeleted
		case !t.Enabled:
			return Rights{}, rule.ScopedTokenDisabled
		}
		m, ok := s.ScopeMap(r.ID, t.ScopeMap)
		if !ok { // the map was deleted: nothing is granted
			return Rights{Source: fmt.Sprintf("scope map %q, which does not exist", t.ScopeMap),
				Lacks: rule.ScopeMapDeleted}, nil
		}
		return Rights{Source: fmt.Sprintf("scope map %q", m.Name), Map: m}, nil
	case KindServicePrincipal:
		if _, ok := s.Application(p.Name); !ok {
			return Rights{}, rule.ApplicationDeleted
		}
		return s.roleRights(r.Mode, s.on(r, p.Name)), nil
	case KindAdmin:
		if !r.Admin {
			return Rights{}, rule.AdminUserDisabled
		}
		return allRights("the admin user", acrkit.Actions()...), nil
	case KindAnonymous:
		if !r.Anonymous {
			return Rights{}, rule.AnonymousPullOff
		}
		rights := allRights("anonymous pull", acrkit.ContentRead, acrkit.MetadataRead)
		rights.anonymous = true
		return rights, nil
	}
	return Rights{}, fmt.Errorf("a principal of the kind %q", p.Kind)
}

var errJTI = errors.New("a token id that is not ours")

// newJTI makes a token's id: a GUID, as in the service's tokens, which also says
// which kind of principal the token is for. A claim would say it too, but the
// service has none. Without the key such a GUID looks like any other.
func (k *Keys) newJTI(kind Kind) string {
	var b [16]byte
	rand.Read(b[:10]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	copy(b[10:], k.hash("jti", string(b[:10]))[:6])
	for i, x := range kinds {
		if x == kind {
			b[15] ^= byte(i)
		}
	}
	return guid.Format(b)
}

func (k *Keys) kindOf(jti string) (Kind, error) {
	b, ok := guid.Parse(jti)
	if !ok {
		return "", errJTI
	}
	sum := k.hash("jti", string(b[:10]))
	i := int(b[15] ^ sum[5])
	if subtle.ConstantTimeCompare(b[10:15], sum[:5]) != 1 || i == 0 || i >= len(kinds) {
		return "", errJTI
	}
	return kinds[i], nil
}
