package login

import (
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/internal/wire"
)

// flags are the flags that become Kind and User.
type flags struct {
	tokenName, username, clientID    string
	principal, refresh, entra, admin bool
}

// Repository reads the value of --repository, which may be a pattern team/*, and the
// command's registry.
func Repository(f *cmdutil.Factory, value, arg string) (acrkit.Registry, string, error) {
	if value == "*" {
		return acrkit.Registry{}, "", cmdutil.Usage("--repository '*' is the whole registry: leave the flag out")
	}
	prefix, pattern := strings.CutSuffix(value, "/*")
	if pattern && prefix == "" {
		return acrkit.Registry{}, "", cmdutil.Usage("--repository %q names nothing before its wildcard", value)
	}
	if strings.Contains(prefix, "*") {
		return acrkit.Registry{}, "",
			cmdutil.Usage("--repository %q: a wildcard is allowed only at the end, after a slash (team/*)", value)
	}
	reg, name, err := f.RepositoryFlag(prefix, arg)
	if err == nil && pattern {
		name += "/*"
	}
	return reg, name, err
}

// The user names that go with an ACR refresh token where a client knows nothing
// but user names and passwords.
var refreshUsers = []string{wire.ZeroGUID, "<token>"}

// apply turns flags into a kind and a user.
func (fl *flags) apply(opts *Options) error {
	var kinds []string
	for name, on := range map[string]bool{"--service-principal": fl.principal, "--refresh-token": fl.refresh,
		"--entra-token": fl.entra, "--admin": fl.admin} {
		if on {
			kinds = append(kinds, name)
		}
	}
	slices.Sort(kinds)
	names := 0
	for _, name := range []string{fl.tokenName, fl.username, fl.clientID} {
		if name != "" {
			names++
		}
	}
	opts.User = fl.tokenName + fl.username + fl.clientID
	switch {
	case len(kinds) > 1:
		return cmdutil.Usage("%s exclude each other", strings.Join(kinds, " and "))
	case names > 1:
		return cmdutil.Usage("--token-name, --username and --client-id are one name: give one of them")
	case opts.Stdin && opts.File != "":
		return cmdutil.Usage("--password-stdin and --password-file exclude each other")
	case !fl.principal && (opts.Tenant != "" || fl.clientID != ""):
		return cmdutil.Usage("--tenant and --client-id are a service principal's; add --service-principal")
	case fl.principal && (opts.Tenant == "" || opts.User == "" || fl.tokenName != ""):
		return cmdutil.Usage("--service-principal needs --tenant and --client-id")
	case (fl.refresh || fl.entra) && opts.User != "":
		return cmdutil.Usage("a token has no user name: leave the name out")
	case fl.admin && fl.tokenName != "":
		return cmdutil.Usage("--admin is not a scope-mapped token; its name is --username")
	}
	switch {
	case fl.principal:
		opts.Kind = auth.KindServicePrincipal
	case fl.refresh:
		opts.Kind = auth.KindRefreshToken
	case fl.entra:
		opts.Kind = auth.KindEntraToken
	case fl.admin:
		opts.Kind = auth.KindAdminUser
		if opts.User == "" {
			opts.User = opts.Registry.Name() // documented: the admin user is named as the registry
		}
	case slices.Contains(refreshUsers, fl.username):
		opts.Kind, opts.User = auth.KindRefreshToken, ""
	case wire.IsGUID(fl.username):
		// A client id, as docker login takes it; the registry exchanges it by itself.
		opts.Kind = auth.KindUserPassword
	default:
		opts.Kind = auth.KindScopedToken
	}
	return nil
}
