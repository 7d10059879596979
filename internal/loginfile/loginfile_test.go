package loginfile

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestPodmanFiles(t *testing.T) {
	for _, tt := range []struct {
		name, os string
		env      map[string]string
		want     []string
	}{
		{"the variable replaces all", "linux", map[string]string{"REGISTRY_AUTH_FILE": "/r.json",
			"XDG_RUNTIME_DIR": "/run/u", "XDG_CONFIG_HOME": "/c", "HOME": "/h"}, []string{"/r.json"}},
		{"runtime folder, then the home", "linux", map[string]string{"XDG_RUNTIME_DIR": "/run/u", "HOME": "/h"},
			[]string{"/run/u/containers/auth.json", "/h/.config/containers/auth.json"}},
		{"the user's number, then XDG_CONFIG_HOME", "linux", map[string]string{"XDG_CONFIG_HOME": "/c", "HOME": "/h"},
			[]string{"/run/containers/1234/auth.json", "/c/containers/auth.json"}},
		{"no home", "linux", nil, []string{"/run/containers/1234/auth.json"}},
		{"macOS has no runtime folder", "darwin", map[string]string{"XDG_RUNTIME_DIR": "/run/u", "HOME": "/h"},
			[]string{"/h/.config/containers/auth.json"}},
		{"macOS with XDG_CONFIG_HOME", "darwin", map[string]string{"XDG_CONFIG_HOME": "/c", "HOME": "/h"},
			[]string{"/h/.config/containers/auth.json", "/c/containers/auth.json"}},
		{"Windows", "windows", map[string]string{"USERPROFILE": "/u", "HOME": "/h"},
			[]string{"/u/.config/containers/auth.json"}},
		{"no home on Windows", "windows", map[string]string{"HOME": "/h"}, nil},
		{"no home, but XDG_CONFIG_HOME, on macOS", "darwin", map[string]string{"XDG_CONFIG_HOME": "/c"},
			[]string{"/c/containers/auth.json"}},
	} {
		s := System{LookupEnv: lookup(tt.env), OS: tt.os, UserID: 1234}
		if got := s.PodmanFiles(); !slices.Equal(slashed(got), tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestDockerFile(t *testing.T) {
	for _, tt := range []struct {
		os   string
		env  map[string]string
		want string
	}{
		{"linux", nil, ""},
		{"linux", map[string]string{"HOME": "/h"}, "/h/.docker/config.json"},
		{"linux", map[string]string{"HOME": "/h", "DOCKER_CONFIG": "/d"}, "/d/config.json"},
		{"windows", map[string]string{"HOME": "/h", "USERPROFILE": "/u"}, "/u/.docker/config.json"},
	} {
		if got := (System{LookupEnv: lookup(tt.env), OS: tt.os}).DockerFile(); filepath.ToSlash(got) != tt.want {
			t.Errorf("%s %v: %q, want %q", tt.os, tt.env, got, tt.want)
		}
	}
	if got := (System{LookupEnv: lookup(map[string]string{"DOCKER_AUTH_CONFIG": "{}"})}).Text(); got != "{}" {
		t.Errorf("the text is %q", got)
	}
}

func TestByteOrderMark(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "",
		"correct-horse":           "",
		"correct-horse\r\n":       "",
		"\ufeffcorrect-horse":     "begins with a byte order mark",
		"\r\n\ufeffcorrect-horse": "begins with a byte order mark",
		"correct-horse\ufeff":     "ends with a byte order mark",
		"correct-horse\ufeff\n":   "ends with a byte order mark",
		"correct\ufeff-horse":     "has a byte order mark within",
		"\ufeff":                  "begins with a byte order mark",
		"\xff\xfec\x00\r\x00\n":   "is UTF-16 text",
		"\xfe\xff\x00c":           "is UTF-16 text",
		"\ufffd\ufffdc\x00":       "is UTF-16 text", // what JSON makes of it
		"\xffcorrect-horse":       "",               // named as what it is elsewhere
	} {
		got := ByteOrderMark(text)
		if want == "" && got != "" || !strings.HasPrefix(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func lookup(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
}

func slashed(names []string) []string {
	var all []string
	for _, n := range names {
		all = append(all, filepath.ToSlash(n))
	}
	return all
}
