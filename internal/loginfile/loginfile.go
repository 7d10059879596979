// Package loginfile says where Docker and podman keep logins, and what is wrong with
// the encoding of text that people save as a login or a secret.
package loginfile

import (
	"path/filepath"
	"runtime"
	"strconv"
)

// The environment variables that name a place.
const (
	EnvText       = "DOCKER_AUTH_CONFIG" // the text of a config.json; Docker and GitLab's runner read it first
	EnvDockerDir  = "DOCKER_CONFIG"      // the folder of Docker's config.json
	EnvPodmanFile = "REGISTRY_AUTH_FILE" // podman's file
)

// System determines where the files are.
type System struct {
	LookupEnv func(string) (string, bool) // as os.LookupEnv
	OS        string                      // as runtime.GOOS; "" = this system's
	UserID    int                         // as os.Getuid; counts on Linux alone
}

func (s System) env(name string) string { v, _ := s.LookupEnv(name); return v }

func (s System) os() string {
	if s.OS == "" {
		return runtime.GOOS
	}
	return s.OS
}

// Text returns the value of DOCKER_AUTH_CONFIG; "" = it is not set.
func (s System) Text() string { return s.env(EnvText) }

func (s System) home() string {
	if s.os() == "windows" {
		return s.env("USERPROFILE")
	}
	return s.env("HOME")
}

// DockerDir returns Docker's folder: $DOCKER_CONFIG, else .docker in the user's home;
// "" where neither is set.
func (s System) DockerDir() string {
	if dir := s.env(EnvDockerDir); dir != "" {
		return dir
	}
	if dir := s.home(); dir != "" {
		return filepath.Join(dir, ".docker")
	}
	return ""
}

// DockerFile returns Docker's config.json; "" if its folder is not known.
func (s System) DockerFile() string {
	if dir := s.DockerDir(); dir != "" {
		return filepath.Join(dir, "config.json")
	}
	return ""
}

// PodmanFiles returns podman's files, in podman's order. $REGISTRY_AUTH_FILE replaces
// them. On Linux the first is in the runtime folder, which the system empties at its
// start: $XDG_RUNTIME_DIR, or /run/containers/UID if that is not set. Elsewhere it is in
// .config of the user's home. The last is in $XDG_CONFIG_HOME, or .config of the user's
// home if that is not set. The files need not exist.
//
// Source: containers-auth.json(5); containers/image, pkg/docker/config.
func (s System) PodmanFiles() []string {
	if file := s.env(EnvPodmanFile); file != "" {
		//rule:login-places-podman-files
		return []string{file}
	}
	var files []string
	add := func(dir string, names ...string) {
		if dir == "" {
			return
		}
		file := filepath.Join(append([]string{dir}, names...)...)
		if len(files) == 0 || files[0] != file {
			files = append(files, file)
		}
	}
	switch dir := s.env("XDG_RUNTIME_DIR"); {
	case s.os() != "linux":
		add(s.home(), ".config", "containers", "auth.json")
	case dir != "":
		add(dir, "containers", "auth.json")
	default:
		//rule:login-places-podman-files-2
		add("/run", "containers", strconv.Itoa(s.UserID), "auth.json")
	}
	if dir := s.env("XDG_CONFIG_HOME"); dir != "" {
		add(dir, "containers", "auth.json")
	} else {
		add(s.home(), ".config", "containers", "auth.json")
	}
	return files
}
