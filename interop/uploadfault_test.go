package interop

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestUploadFaults makes real clients push while uploads fail in the ways that users
// report of the service. The decision log names the rule and its cause, and so does
// "acrkit explain --error" by what the client prints, where it prints enough. A client
// that never sends such a request is not hit.
func TestUploadFaults(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	e, err := startEmulator(data, captureSeed, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.stop)
	faults := []struct {
		args   []string
		code   string
		cause  string
		spared []string // clients that declare the length of all that they send
		silent []string // clients that print neither the registry's code nor the status
		unsure []string // clients that do not print that it was a push
	}{
		{[]string{"too-large", "--after-bytes", "500"}, "ACRK100", "upload-part-refused", nil, nil, nil},
		{[]string{"wrong-range"}, "ACRK100", "upload-part-refused", nil, nil, nil},
		{[]string{"no-length"}, "ACRK100", "upload-part-refused", []string{"crane", "oras"}, []string{"buildah"}, nil},
		{[]string{"disallowed"}, "ACRK104", "storage-limit", nil, nil, []string{"oras", "buildah"}},
	}
	for _, name := range []string{"crane", "oras", "buildah"} {
		c, _ := program(t, name)
		layout, _ := c.layout(t, "faults", 1000)
		for _, f := range faults {
			t.Run(name+"/"+f.args[0], func(t *testing.T) {
				s := c.as(t, e, worker)
				x := capturing{c, s, t, e, data, layout}
				after := fault(f.args...)(x)
				out, err := s.run("", x.pushTo("samples/"+name+"-"+f.args[0], "v1")...)
				after()
				if spared := slices.Contains(f.spared, name); spared != (err == nil) {
					t.Fatalf("%v: %s", err, out)
				} else if spared {
					return
				}
				log, err := s.run("", acrkitBinary, "emulator", "log", "--outcome", "faulted", "--data", data,
					"--json", "ruleId,code", "--jq", `.[-1] | .ruleId + " " + .code`)
				if want := "fault-" + f.args[0] + " " + f.code; err != nil || strings.TrimSpace(log) != want {
					t.Errorf("the log says %q, want %q (%v)", log, want, err)
				}
				if slices.Contains(f.silent, name) {
					return
				}
				var d struct {
					Name       string
					Candidates []struct{ Name string }
				}
				explained, err := s.run(out, acrkitBinary, "explain", "--error", "--json", "name,candidates")
				if json.Unmarshal([]byte(explained), &d) != nil {
					t.Fatalf("%v: %s", err, explained)
				}
				among := slices.ContainsFunc(d.Candidates, func(c struct{ Name string }) bool {
					return c.Name == f.cause
				})
				if d.Name != f.cause && !(slices.Contains(f.unsure, name) && among) {
					t.Errorf("explained as %s, want %s, of\n%s", strings.TrimSpace(explained), f.cause, out)
				}
			})
		}
	}
}
