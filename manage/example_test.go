package manage_test

import (
	"context"
	"fmt"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/manage"
)

// A token for one repository, with a password of 90 days.
//
// The example runs against an emulated registry of package acrtest. For a real one, pass
// a credential of azidentity and its login server, and leave Transport out.
func Example() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	identity := reg.ServicePrincipal("Contributor").AzureCredential()
	ctx := context.Background()

	client, err := manage.New(identity, &manage.Options{Transport: reg.RoundTripper(), Settle: -1})
	if err != nil {
		fmt.Println(err)
		return
	}
	host, err := acrkit.ParseRegistry(reg.Host())
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := client.Registry(ctx, host)
	if err != nil {
		fmt.Println(err)
		return
	}
	actions := []string{"repositories/samples/app/content/read"}
	if err := r.CreateScopeMap(ctx, manage.ScopeMap{Name: "ci-pull", Actions: actions}); err != nil {
		fmt.Println(err)
		return
	}
	if err := r.CreateToken(ctx, "ci-pull", "ci-pull"); err != nil {
		fmt.Println(err)
		return
	}
	password, err := r.GeneratePassword(ctx, "ci-pull", manage.Slot1, time.Now().Add(90*24*time.Hour))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(password.Slot, password.Live(time.Now()), password.Value)
	// Output: password1 true [redacted]
}
