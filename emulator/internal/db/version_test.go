package db_test

import (
	"errors"
	"testing"

	"github.com/acrkit/acrkit/emulator/internal/db"
)

func TestVersion(t *testing.T) {
	ctx := t.Context()
	for _, dir := range []string{"", t.TempDir()} {
		d := open(t, dir, nil)
		failed := errors.New("failed")
		var inside uint64
		for _, tc := range []struct {
			name  string
			write func() error
			moves bool
		}{
			{"write", func() error { return d.Write(ctx, insert("a")) }, true},
			{"write_apart", func() error { return d.WriteApart(ctx, insert("b")) }, false},
			{"nothing_was_changed", func() error {
				if err := d.Write(ctx, func(*db.Tx) error { return failed }); !errors.Is(err, failed) {
					return errors.Join(errors.New("another error"), err)
				}
				return nil
			}, false},
			{"before_the_commit", func() error {
				return d.Write(ctx, func(tx *db.Tx) error {
					inside, _ = d.Version()
					return insert("c")(tx)
				})
			}, true},
		} {
			before, _ := d.Version()
			if err := tc.write(); err != nil {
				t.Fatal(tc.name, err)
			}
			after, settled := d.Version()
			if !settled || (after != before) != tc.moves {
				t.Errorf("%s: from %d to %d, settled %v", tc.name, before, after, settled)
			}
			if tc.name == "before_the_commit" && inside != before {
				t.Errorf("%s: %d inside, %d before", tc.name, inside, before)
			}
		}
	}
}
