package version

import (
	"runtime/debug"
	"testing"
)

func TestString(t *testing.T) {
	const commit, time = "0123456789abcdef0123456789abcdef01234567", "2026-11-30T01:02:03Z"
	setting := func(pairs ...string) (out []debug.BuildSetting) {
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, debug.BuildSetting{Key: pairs[i], Value: pairs[i+1]})
		}
		return out
	}
	for _, tc := range []struct {
		name                  string
		build                 debug.BuildInfo
		version, commit, date string // of the linker
		want                  string
	}{
		{"a release", debug.BuildInfo{}, "v1.2.3", commit, time, "v1.2.3 (" + commit + ", " + time + ") go os/arch"},
		{"a release before its build information",
			debug.BuildInfo{Main: debug.Module{Version: "v1.2.3-0.2026"},
				Settings: setting("vcs.revision", "other", "vcs.time", "other", "vcs.modified", "false")},
			"v1.2.3", commit, time, "v1.2.3 (" + commit + ", " + time + ") go os/arch"},
		{"go install", debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, "", "", "", "v1.2.3 go os/arch"},
		{"go build", debug.BuildInfo{Main: debug.Module{Version: "(devel)"},
			Settings: setting("vcs.revision", commit, "vcs.time", time, "vcs.modified", "true")},
			"", "", "", "devel (" + commit + ", " + time + ", modified) go os/arch"},
		{"nothing known", debug.BuildInfo{}, "", "", "", "devel go os/arch"},
	} {
		info := fromBuildInfo(Info{Version: "devel", Go: "go", Platform: "os/arch"}, &tc.build)
		if got := fromLinker(info, tc.version, tc.commit, tc.date).String(); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
	if got := Get(); got.Version == "" || got.Go == "" || got.Platform == "" {
		t.Errorf("%+v", got)
	}
}
