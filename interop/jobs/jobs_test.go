package jobs

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/acrkit/acrkit/scopemap"
)

var (
	every  = flag.Bool("all", false, "run every job, not only the quick ones")
	update = flag.Bool("update", false, "write the table of jobs of package scopemap from this run")
)

func allJobs() []*job {
	return slices.Concat(acrkitJobs, azJobs, craneJobs, engineJobs, helmJobs, updateJobs, orasJobs, regctlJobs,
		signatureJobs, skopeoJobs, sdkJobs("sdk-go", golang), sdkJobs("sdk-java", java), sdkJobs("sdk-js", typescript),
		sdkJobs("sdk-python", python))
}

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	flag.Parse()
	dir, err := os.MkdirTemp("", "acrkit-jobs-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	work = dir
	defer func() {
		for _, d := range []*daemon{dockerd, buildkitd, containerd} {
			if d.stop != nil {
				d.stop()
			}
		}
	}()
	return m.Run()
}

// TestJobs measures the jobs, and compares what is found with the table of package scopemap.
func TestJobs(t *testing.T) {
	var rows []scopemap.Job
	ran, same := 0, 0
	for _, j := range allJobs() {
		if !j.quick && !*every {
			continue
		}
		t.Run(j.name, func(t *testing.T) {
			defer func() {
				if !t.Skipped() {
					ran++
				}
			}()
			row := j.measure(t)
			if t.Failed() {
				return
			}
			rows = append(rows, row)
			if *update {
				return
			}
			// The version and the log's line are those of the program that was recorded.
			if diff := cmp.Diff(known(j.name), row, cmpopts.IgnoreFields(scopemap.Job{}, "Version"),
				cmpopts.IgnoreFields(scopemap.OptionalRight{}, "Log"), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("the table of package scopemap has other rights (-table +run); -update writes it:\n%s", diff)
				return
			}
			same++
		})
	}
	if *update {
		writeTable(t, rows)
		return
	}
	t.Logf("%d of the %d jobs that ran (of %d) need just the rights of the table", same, ran, len(allJobs()))
}

// maxOptional is how many optional rights there may be in all: one more is a right that
// was not reviewed.
const maxOptional = 5

// TestTable: the table has the jobs of this package and no others.
func TestTable(t *testing.T) {
	if *update {
		t.Skip("TestJobs writes the table, which is compiled into this run")
	}
	var want, got []string
	for _, j := range allJobs() {
		want = append(want, j.name)
	}
	slices.Sort(want)
	optional := 0
	for _, j := range scopemap.Jobs() {
		got = append(got, j.Name)
		for _, n := range j.Needs {
			optional += len(n.Optional)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the jobs of the table (-here +table):\n%s", diff)
	}
	if optional > maxOptional {
		t.Errorf("%d rights are optional, more than %d", optional, maxOptional)
	}
}
