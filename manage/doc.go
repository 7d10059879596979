// Package manage reads and changes the control plane of a registry over Azure Resource
// Manager: scope maps, tokens and their passwords, and who else has rights.
//
//	source, err := azidentity.NewDefaultAzureCredential(nil)
//	client, err := manage.New(source, nil)
//	host, err := acrkit.ParseRegistry("myregistry.azurecr.io")
//	reg, err := client.Registry(ctx, host)
//	token, err := reg.Token(ctx, "ci-pull")
//
// The identity is one of Entra; a scope-mapped token has no rights here.
// docs/permissions.md lists the actions that each call needs.
//
// Azure Resource Manager has no conditional writes for scope maps and tokens: a change that was
// made from an old state removes what others added. Every change and deletion here names the
// state that it was made from, and is refused if the state is another one now. A changed scope
// map is read again after [Options.Settle]: another change from the same state has arrived by
// then, and is an error with [acrkit.CodeConflict].
package manage
