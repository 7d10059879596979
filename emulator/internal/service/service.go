// Package service holds the words and numbers of the service that a registry's
// settings are made of: roles and modes, tiers and their limits, the names of a
// token's passwords, the settings that are only stored. It stores nothing and imports only the root package, so that
// emulator/seed does not bring the database to those who import it.
package service

import "time"

// The lifetimes of the registry's tokens, recorded.
const (
	AccessLife  = time.Hour
	RefreshLife = 3 * time.Hour
)

// RefreshTokenUser is the user name under which an ACR refresh token is a password.
const RefreshTokenUser = "00000000-0000-0000-0000-000000000000"

// Slots are the names of a token's passwords.
const (
	Password1 = "password1"
	Password2 = "password2"
)

// The names of the admin user's passwords.
const (
	AdminPassword1 = "password"
	AdminPassword2 = "password2"
)

// Slots returns the names of a token's passwords, in their order.
func Slots() []string { return []string{Password1, Password2} }

// IsSlot reports whether a token can have a password of that name.
func IsSlot(name string) bool { return name == Password1 || name == Password2 }
