package access_test

import (
	"fmt"
	"time"

	"github.com/acrkit/acrkit/manage"
	"github.com/acrkit/acrkit/manage/access"
)

// Who may push to a repository, from what package manage has read.
func Example() {
	token := manage.Token{Name: "ci-push", ScopeMap: "push", Enabled: true,
		Passwords: []manage.Password{{Slot: manage.Slot1}}}
	scopeMap := manage.ScopeMap{Name: "push", Actions: []string{"repositories/samples/*/content/write"}}

	query := access.Query{Repository: "samples/app", Action: "content/write"}
	for _, grant := range query.ScopeMap(access.OfToken(token, time.Now()), &scopeMap) {
		fmt.Println(grant.Name, grant.Usable(), grant.Line)
	}
	// Output: ci-push true repositories/samples/*/content/write
}
