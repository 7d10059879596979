package auth

import "fmt"

// identityUser is the user name Docker's helpers put beside an identity token.
const identityUser = "<token>"

// UserPassword is any pair of user name and password: of a scope-mapped token,
// the admin user ([AdminUser] has better errors), or a service principal's client
// id and secret.
//
// A password that is a token is recognized by its issuer and audience, with any user
// name: an ACR refresh token is used as [RefreshToken] uses it, an Entra
// token as [EntraToken], and an ACR access token is an error with [acrkit.CodeUsage].
// Under the user names 00000000-0000-0000-0000-000000000000 and <token> every password
// that is not an Entra token is taken for an ACR refresh token. Any other token is
// sent as a password. Kind and String say what the password is, as far as it is known
// before it is needed. All credentials of a name and password do the same, whether the
// values are fixed or come from a source.
func UserPassword(user, password string) Credential {
	return newPasswordCredential(KindUserPassword, fmt.Sprintf("user %q", user), named(user, fixed(password))...)
}
