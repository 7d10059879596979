package auth

import "fmt"

// AdminUser is the registry's admin user: its name, which is the registry's own
// (without the hash that a login server may carry), and one of its two passwords.
// It may do everything in the registry, and logs do not show who used it, so use it for
// experiments only; prefer a [ScopedToken].
//
// On the wire it is the same as [UserPassword]; errors say what can be wrong with
// an admin user.
func AdminUser(name, password string) Credential { return adminUser(name, fixed(password)) }

func adminUser(name string, passwords ...SecretSource) Credential {
	return newPasswordCredential(KindAdminUser, fmt.Sprintf("admin user %q", name), named(name, passwords...)...)
}
