package scopemapcmd

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/scopemap"
)

func TestPrintDifference(t *testing.T) {
	parse := func(lines ...string) scopemap.Map {
		m, err := scopemap.Parse(lines)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	many := []string{"repositories/base/content/read", "gateway/edge/config/read"}
	for c := 'a'; c <= 'z'; c++ {
		many = append(many, "repositories/samples/"+string(c)+"/content/read")
	}
	before, after := parse(many...), parse("repositories/samples/*/content/read", "repositories/*/metadata/read",
		"repositories/samples/*/content/write")
	for _, tt := range []struct {
		name          string
		before, after scopemap.Map
		out, summary  string
	}{
		{"same", before, before, "", "the same rights\n"},
		{"narrower", after, scopemap.Map{}, "lost\tmetadata/read,catalog\t*\n" +
			"lost\tcontent/read,content/write\tsamples/*\n", "narrower: nothing is gained\n"},
		{"wider", scopemap.Map{}, parse("gateway/edge/config/read"), "gained\tgateway/edge/config/read\t\n",
			"WIDER: nothing is lost\n"},
		{"both", before, after, "gained\tmetadata/read,catalog\t*\n" +
			"gained\tcontent/read\tsamples/* except samples/a, samples/b, samples/c, samples/d, samples/e, " +
			"samples/f, samples/g, samples/h, samples/i, samples/j, samples/k, samples/l, samples/m, " +
			"samples/n, samples/o, samples/p, samples/q, samples/r, samples/s, " +
			"samples/t, samples/u, samples/v, samples/w, samples/x, " +
			"samples/y, samples/z\n" +
			"gained\tcontent/write\tsamples/*\nlost\tcontent/read\tbase\nlost\tgateway/edge/config/read\t\n",
			"WIDER: rights are gained, and others are lost\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _, out, errOut := iostreams.Test()
			d := scopemap.Diff(tt.before, tt.after)
			if err := printDifference(t.Context(), s, nil, d, ""); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.out, out.String()) + cmp.Diff(tt.summary, errOut.String()); diff != "" {
				t.Error(diff)
			}
			// On a terminal, every word is there and fits.
			out.Reset()
			s.SetTTY(false, true, true)
			if err := printDifference(t.Context(), s, nil, d, ""); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(out.String()) {
				if len(line) > 81 {
					t.Errorf("%d columns: %s", len(line), line)
				}
			}
			want := d.String()
			if d.Same() {
				want = ""
			}
			if diff := cmp.Diff(strings.Fields(want), strings.Fields(out.String())); diff != "" {
				t.Error(diff)
			}
		})
	}
}
