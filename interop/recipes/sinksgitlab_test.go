package recipes

import (
	"encoding/json"
	"net/http"
	"regexp"
	"sync"
	"testing"
)

const gitlabToken = "gitlab-token-of-the-tests-000000001"

const (
	gitlabVariables = "/api/v4/projects/mygroup%2Fmyapp/variables"
	gitlabVariable  = gitlabVariables + "/ACR_PASSWORD"
)

// maskable is what GitLab masks. Source: GitLab, "CI/CD variables", "Mask a CI/CD variable".
var maskable = regexp.MustCompile(`^\S{8,}$`)

// gitlab is what glab needs of GitLab's REST API: one variable of one project.
type gitlab struct {
	t *testing.T

	mu       sync.Mutex
	denied   bool
	variable map[string]any // nil = there is none
}

func startGitLab(t *testing.T, w *world) *store {
	t.Helper()
	g := &gitlab{t: t}
	w.cloud.put("gitlab.com", g)
	return &store{
		says: `403`, env: []string{"GITLAB_TOKEN=" + gitlabToken, "GLAB_CHECK_UPDATE=false"},
		held: func(t *testing.T) string {
			g.mu.Lock()
			defer g.mu.Unlock()
			if g.variable["masked"] != true {
				t.Error("the variable is not masked any longer")
			}
			return g.variable["value"].(string)
		},
		deny: func(_ *testing.T, on bool) { g.mu.Lock(); defer g.mu.Unlock(); g.denied = on },
	}
}

func (g *gitlab) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var in map[string]any
	path := r.URL.EscapedPath()
	switch {
	case r.Header.Get("Private-Token") != gitlabToken && r.Header.Get("Authorization") != "Bearer "+gitlabToken:
		answer(rw, http.StatusUnauthorized, map[string]any{"message": "401 Unauthorized"})
	case r.Method == http.MethodPost && path != gitlabVariables, r.Method != http.MethodPost && path != gitlabVariable:
		g.t.Errorf("glab asks for %s %s", r.Method, path)
		answer(rw, http.StatusNotFound, map[string]any{"message": "404 Not Found"})
	case r.Method != http.MethodPost && g.variable == nil:
		answer(rw, http.StatusNotFound, map[string]any{"message": "404 Variable Not Found"})
	case r.Method == http.MethodGet:
		answer(rw, http.StatusOK, g.variable)
	case g.denied:
		answer(rw, http.StatusForbidden, map[string]any{"message": "403 Forbidden"})
	case json.NewDecoder(r.Body).Decode(&in) != nil:
		answer(rw, http.StatusBadRequest, map[string]any{"message": "400 Bad request"})
	case in["masked"] == true && !maskable.MatchString(in["value"].(string)):
		answer(rw, http.StatusBadRequest, map[string]any{"message": map[string]any{"value": []string{"is invalid"}}})
	case r.Method == http.MethodPost && g.variable != nil:
		answer(rw, http.StatusBadRequest, map[string]any{"message": "ACR_PASSWORD has already been taken"})
	default:
		if g.variable == nil {
			g.variable = map[string]any{}
		}
		for name, value := range in {
			g.variable[name] = value
		}
		answer(rw, http.StatusOK, g.variable)
	}
}
