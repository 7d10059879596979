// Package version says which build this is, from what the Go toolchain records
// in the binary.
package version

import (
	"runtime"
	"runtime/debug"
)

// Info is what is known about the running build. Fields that the toolchain did
// not record are empty.
type Info struct {
	Version  string `json:"version"`  // "v1.2.3", or "devel"
	Commit   string `json:"commit"`   // the revision it was built from
	Date     string `json:"date"`     // the revision's time, RFC 3339
	Modified bool   `json:"modified"` // the work tree held changes
	Go       string `json:"go"`       // the toolchain, "go1.26.8"
	Platform string `json:"platform"` // "linux/amd64"
}

// Get reads the build information of the running binary.
func Get() Info {
	info := Info{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	bi, ok := debug.ReadBuildInfo()
	if !ok {
		return info
	}
	return fromBuildInfo(info, bi)
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
