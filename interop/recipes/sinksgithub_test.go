package recipes

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/nacl/box"
)

const githubToken = "github-token-of-the-tests-000000001"

// github is what gh needs of GitHub's REST API: the secrets of one repository, sealed for its
// key, and runs of one workflow, whose step runs here.
type github struct {
	t               *testing.T
	public, private *[32]byte
	step            step

	mu      sync.Mutex
	denied  bool
	secrets map[string]string
	runs    []bool // whether each was successful
}

func startGitHub(t *testing.T, w *world) *store {
	t.Helper()
	g := &github{t: t, secrets: map[string]string{}}
	var err error
	if g.public, g.private, err = box.GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	g.step = readYAML[workflow](t, "acr-password.yml").Jobs["compare"].Steps[0]
	w.cloud.put("api.github.com", g)
	return &store{
		blind: true, says: `HTTP 403: Resource not accessible by personal access token`,
		env:  []string{"GH_TOKEN=" + githubToken, "GH_PROMPT_DISABLED=1", "GH_NO_UPDATE_NOTIFIER=1"},
		held: func(*testing.T) string { g.mu.Lock(); defer g.mu.Unlock(); return g.secrets["ACR_PASSWORD"] },
		deny: func(_ *testing.T, on bool) { g.mu.Lock(); defer g.mu.Unlock(); g.denied = on },
	}
}

func (g *github) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	path, found := strings.CutPrefix(r.URL.Path, "/repos/myorg/myapp/actions/")
	switch {
	case r.Header.Get("Authorization") != "token "+githubToken:
		answer(rw, http.StatusUnauthorized, map[string]any{"message": "Bad credentials"})
	case r.URL.Path == "/graphql":
		answer(rw, http.StatusOK, map[string]any{"data": map[string]any{"repository": map[string]any{
			"defaultBranchRef": map[string]any{"name": "main"},
			"pullRequests":     map[string]any{"nodes": []any{}}}}})
	case !found:
		g.unknown(rw, r)
	case path == "secrets/public-key":
		answer(rw, http.StatusOK, map[string]any{"key_id": "7", "key": base64.StdEncoding.EncodeToString(g.public[:])})
	case r.Method == http.MethodPut && path == "secrets/ACR_PASSWORD":
		g.put(rw, r)
	case path == "workflows/acr-password.yml", path == "workflows/1":
		answer(rw, http.StatusOK, map[string]any{"id": 1, "name": "acr-password", "state": "active",
			"path": ".github/workflows/acr-password.yml"})
	case r.Method == http.MethodPost && path == "workflows/1/dispatches":
		g.dispatch(rw, r)
	case strings.HasPrefix(path, "runs/"):
		id, jobs := strings.CutSuffix(strings.TrimPrefix(path, "runs/"), "/jobs")
		n, err := strconv.Atoi(id)
		if err != nil || n < 1 || n > len(g.runs) {
			g.unknown(rw, r)
			return
		}
		g.show(rw, n, jobs)
	default:
		g.unknown(rw, r)
	}
}

func answer(rw http.ResponseWriter, status int, body any) {
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	rw.WriteHeader(status)
	_ = json.NewEncoder(rw).Encode(body) // the program may have gone
}

func (g *github) unknown(rw http.ResponseWriter, r *http.Request) {
	g.t.Errorf("gh asks for %s %s", r.Method, r.URL)
	answer(rw, http.StatusNotFound, map[string]any{"message": "Not Found"})
}

// put opens the sealed box, as GitHub does.
func (g *github) put(rw http.ResponseWriter, r *http.Request) {
	var in struct {
		KeyID string `json:"key_id"`
		Value string `json:"encrypted_value"`
	}
	if g.denied {
		answer(rw, http.StatusForbidden, map[string]any{"message": "Resource not accessible by personal access token"})
		return
	}
	err := json.NewDecoder(r.Body).Decode(&in)
	sealed, err2 := base64.StdEncoding.DecodeString(in.Value)
	value, ok := box.OpenAnonymous(nil, sealed, g.public, g.private)
	if err != nil || err2 != nil || !ok || in.KeyID != "7" {
		answer(rw, http.StatusUnprocessableEntity, map[string]any{"message": "Bad request"})
		return
	}
	g.secrets["ACR_PASSWORD"] = string(value)
	rw.WriteHeader(http.StatusNoContent)
}

// dispatch runs the workflow's step with the secret, as a runner does.
func (g *github) dispatch(rw http.ResponseWriter, r *http.Request) {
	var in struct {
		Ref    string            `json:"ref"`
		Inputs map[string]string `json:"inputs"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Ref != "main" {
		answer(rw, http.StatusUnprocessableEntity, map[string]any{"message": "No ref found"})
		return
	}
	cmd := exec.CommandContext(r.Context(), "bash", "-e", "-c", g.step.Run)
	cmd.Env = os.Environ()
	for name, value := range g.step.Env {
		value = strings.ReplaceAll(value, "${{ secrets.ACR_PASSWORD }}", g.secrets["ACR_PASSWORD"])
		value = strings.ReplaceAll(value, "${{ inputs.sum }}", in.Inputs["sum"])
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	g.runs = append(g.runs, cmd.Run() == nil)
	n := len(g.runs)
	answer(rw, http.StatusOK, map[string]any{"workflow_run_id": n,
		"run_url":  fmt.Sprintf("https://api.github.com/repos/myorg/myapp/actions/runs/%d", n),
		"html_url": fmt.Sprintf("https://github.com/myorg/myapp/actions/runs/%d", n)})
}

// show answers with a run, or its jobs.
func (g *github) show(rw http.ResponseWriter, n int, jobs bool) {
	conclusion := "failure"
	if g.runs[n-1] {
		conclusion = "success"
	}
	if jobs {
		answer(rw, http.StatusOK, map[string]any{"total_count": 1, "jobs": []any{map[string]any{"id": 1,
			"name": "compare", "status": "completed", "conclusion": conclusion}}})
		return
	}
	answer(rw, http.StatusOK, map[string]any{"id": n, "name": "acr-password", "workflow_id": 1, "head_branch": "main",
		"event": "workflow_dispatch", "status": "completed", "conclusion": conclusion,
		"jobs_url": fmt.Sprintf("https://api.github.com/repos/myorg/myapp/actions/runs/%d/jobs", n)})
}
