package interop

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRun has real clients find the credential for one repository where "acrkit
// run" puts it: a scope-mapped token's own, or an ACR refresh token, past a stale
// login in the user's own files. Each client is refused once, too.
func TestRun(t *testing.T) {
	for name, list := range map[string]func(s *session, repository string) []string{
		"oras":  func(s *session, repository string) []string { return []string{"oras", "repo", "tags", repository} },
		"crane": func(s *session, repository string) []string { return []string{"crane", "ls", repository} },
		"skopeo": func(s *session, repository string) []string {
			return []string{"skopeo", "list-tags", "docker://" + repository}
		},
		"podman": func(s *session, repository string) []string {
			return s.podman("search", "--list-tags", repository)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, version := program(t, name)
			s := newSession(t, shared)
			stale := `{"auths":{"` + shared.host + `":{"auth":"c3RhbGU6c3RhbGU="},"` + shared.host +
				`/samples/app":{"auth":"c3RhbGU6c3RhbGU="}}}`
			for _, file := range []string{"config.json", "auth.json"} {
				if err := os.WriteFile(filepath.Join(s.home, file), []byte(stale), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			good, private := shared.host+"/samples/app", shared.host+"/private/app"
			if out, err := s.run("", list(s, good)...); err == nil {
				t.Errorf("the stale login is taken: %s", out)
			}
			run := func(repository string) (string, error) {
				return s.run("", append([]string{acrkitBinary, "run", "--repository", repository, "--"},
					list(s, repository)...)...)
			}
			s.env = append(s.env, "ACR_NAME="+shared.host, "ACR_TOKEN_NAME="+puller.name, "ACR_TOKEN_PASSWORD="+
				puller.password)
			if out, err := run(good); err != nil || !strings.Contains(out, "v1") {
				t.Errorf("%v: %s", err, out)
			}
			out, err := run(private)
			if err == nil || !strings.Contains(out, "has no right on") {
				t.Errorf("a repository without a right: %v: %s", err, out)
			}
			results.add(result{c.name, version, "by run, past a stale login: tags", "ok", ""})
			results.add(result{c.name, version, "refused: by run, tags of another repository", "refused, exit " +
				exitCode(err), s.neutral(lastLine(out))})

			// The user's own files stay as they are, and nothing is left.
			inner, err := s.run("", acrkitBinary, "run", "--repository", good, "--auth", "scoped-token", "--", "cat",
				filepath.Join(s.home, "config.json"))
			if err != nil || inner != stale {
				t.Errorf("the user's own file has changed: %v: %s", err, inner)
			}
			if left, err := filepath.Glob(filepath.Join(s.home, "acrkit-run-*")); err != nil || len(left) > 0 {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
}
