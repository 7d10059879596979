// Package version says which build this is: a release from what its build passed to the
// linker, any other build from what the Go toolchain records in the binary.
package version

import (
	"runtime"
	"runtime/debug"
)

// A release sets these by -ldflags "-X …": see .goreleaser.yaml.
var (
	version string // the tag, "v1.2.3"
	commit  string // the full hash
	date    string // the commit's time, RFC 3339
)

// Info is what is known about the running build. Fields that are not known are empty.
type Info struct {
	Version  string `json:"version"`  // "v1.2.3", or "devel"
	Commit   string `json:"commit"`   // the revision it was built from
	Date     string `json:"date"`     // the revision's time, RFC 3339
	Modified bool   `json:"modified"` // the work tree held changes
	Go       string `json:"go"`       // the toolchain, "go1.26.8"
	Platform string `json:"platform"` // "linux/amd64"
}

// Get returns what is known about the running binary.
func Get() Info {
	info := Info{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if bi, ok := debug.ReadBuildInfo(); ok {
		info = fromBuildInfo(info, bi)
	}
	return fromLinker(info, version, commit, date)
}

func fromBuildInfo(info Info, bi *debug.BuildInfo) Info {
	if v := bi.Main.Version; v != "" && v != "(devel)" {
		info.Version = v
	}
	for _, s := range bi.Settings {
		switch s.Key {
		case "vcs.revision":
			info.Commit = s.Value
		case "vcs.time":
			info.Date = s.Value
		case "vcs.modified":
			info.Modified = s.Value == "true"
		}
	}
	return info
}

// fromLinker returns info with what the linker set in place of what it holds.
func fromLinker(info Info, version, commit, date string) Info {
	for _, f := range []struct {
		field *string
		value string
	}{{&info.Version, version}, {&info.Commit, commit}, {&info.Date, date}} {
		if f.value != "" {
			*f.field = f.value
		}
	}
	return info
}

// String is the line that "acrkit --version" prints after its name: the version, commit
// and date where they are known, the toolchain and the platform.
func (i Info) String() string {
	line := i.Version
	if i.Commit != "" {
		line += " (" + i.Commit
		if i.Date != "" {
			line += ", " + i.Date
		}
		if i.Modified {
			line += ", modified"
		}
		line += ")"
	}
	return line + " " + i.Go + " " + i.Platform
}
