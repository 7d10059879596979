package sink_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/manage/sink"
)

// Deliver a password to a file, and check it.
func ExampleParse() {
	dir, err := os.MkdirTemp("", "sink")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	s, err := sink.Parse("file:'"+filepath.Join(dir, "password")+"' cache:10m", nil)
	if err != nil {
		panic(err)
	}
	reg, err := acrkit.ParseRegistry("myregistry")
	if err != nil {
		panic(err)
	}
	v := sink.Value{Registry: reg, Token: "ci-pull", Password: auth.NewSecret("correct-horse")}
	ctx := context.Background()
	if err := s.Deliver(ctx, v); err != nil {
		panic(err)
	}
	fmt.Println(s.Verify(ctx, v), v.Password)
	// Output: <nil> [redacted]
}
