// Package credhelper answers for the credentials of Azure container registries in two
// protocols: Docker's credential helpers ([Helper.Docker]) and the kubelet's image
// credential providers ([Helper.Kubelet]).
//
//	helper := credhelper.New(credhelper.Options{
//		Connect: func(_ context.Context, reg acrkit.Registry, cred auth.Credential) (*auth.Transport, error) {
//			if cred == nil { // the request brings none of its own
//				cred = auth.ScopedToken("ci-pull", password)
//			}
//			return auth.NewTransport(reg.Host(), cred, nil)
//		},
//	})
//	os.Exit(helper.Docker(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
//
// [Options] say where credentials come from, which registries beside Azure's are answered
// for, and where docker login stores a login. A name and password are answered as they
// are, an Entra identity as an ACR refresh token.
//
// A host that is neither one of Azure's by its name nor named in [Options.Registries] is
// refused before anything is read, opened or sent: Docker asks for every registry that a
// build names, and a look-alike host must not learn that there is a credential.
// [github.com/acrkit/acrkit/credhelper/hostile] tests that of any helper.
//
// The package finds no credentials by itself. The program docker-credential-acrkit finds
// them where the acrkit command does, except in Docker's configuration, which would ask
// the helper again.
package credhelper
