package chaos

import (
	"cmp"
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
)

// Requests that identities try, by the right each needs.
type attempt struct{ action, method, path, body string }

func (w *worker) attempt() attempt {
	all := []attempt{
		{"pull", http.MethodGet, "/v2/" + w.repo + "/manifests/" + w.anyTag(), ""},
		{"metadata_read", http.MethodGet, "/v2/" + w.repo + "/tags/list", ""},
		{"metadata_read", http.MethodGet, "/acr/v1/" + w.repo + "/_manifests", ""},
		{"push", http.MethodPost, "/v2/" + w.repo + "/blobs/uploads/", ""},
		{"push", http.MethodPut, "/v2/" + w.repo + "/manifests/refused", `{"schemaVersion":2}`},
		{"delete", http.MethodDelete, "/v2/" + w.repo + "/manifests/" +
			cmp.Or(w.now.tags[w.anyTag()], "sha256:"+strings.Repeat("0", 64)), ""},
		{"delete", http.MethodDelete, "/acr/v1/" + w.repo + "/_tags/" + w.anyTag(), ""},
		{"delete", http.MethodDelete, "/acr/v1/" + w.repo, ""},
		{"metadata_write", http.MethodPatch, "/acr/v1/" + w.repo, `{"readEnabled":false}`},
		{"catalog", http.MethodGet, "/acr/v1/_catalog", ""},
	}
	return all[w.dice.IntN(len(all))]
}

// judge compares an answer with what the identity may do. If it may, only attempts
// that leave the model as it is were made.
func (w *worker) judge(who string, may bool, t attempt, a answer) error {
	refused := a.status == http.StatusUnauthorized
	switch {
	case !may && !refused:
		return wrong("%s may not %s, and yet %s %s was answered %d %s", who, t.action, t.method,
			t.path, a.status, a.body)
	case may && (refused || a.status == http.StatusForbidden || a.status >= 500):
		return wrong("%s may %s, and yet %s %s was answered %d %s", who, t.action, t.method, t.path, a.status, a.body)
	case refused && !strings.Contains(string(a.body), "UNAUTHORIZED") && t.method != http.MethodHead:
		return wrong("a refusal without its body: %s", a.body)
	}
	w.count.add(map[bool]string{true: "granted to others", false: "refused to others"}[may])
	return nil
}

// refused tries, with identities of fixed rights, what they may and may not do.
func (w *worker) refused(ctx context.Context) error {
	t := w.attempt()
	who := []identity{reader, stranger, wrongPassword, anonymous, noCredential}[w.dice.IntN(5)]
	may := who == reader && (t.action == "pull" || t.action == "metadata_read")
	header := http.Header{}
	if who != noCredential {
		scope := "repository:" + w.repo + ":pull,push,delete,metadata_read,metadata_write"
		if t.action == "catalog" {
			scope = "registry:catalog:*"
		}
		token, status, err := w.who.accessToken(ctx, w.s, who, scope)
		if err != nil {
			return err
		}
		if token == "" != (who == wrongPassword || who == anonymous) {
			return wrong("the token service answers %s with %d", who.name, status)
		}
		if token != "" {
			header.Set("Authorization", "Bearer "+token)
		} else if who == wrongPassword {
			header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(who.name+":"+who.password)))
		}
	}
	a, err := w.s.send(ctx, t.method, t.path, header, strings.NewReader(t.body))
	if err != nil {
		return err
	}
	return w.judge(who.name, may, t, a)
}

// changing tries something with the identity whose rights change with each start,
// with a token of this start or of an earlier one.
func (w *worker) changing(ctx context.Context) error {
	t := w.attempt()
	g := w.s.generation.Load()
	rights := w.who.rights(g)
	if slices.Contains(rights.actions, t.action) && t.action != "pull" && t.action != "metadata_read" {
		// nothing that changes the model
		t = attempt{"pull", http.MethodGet, "/v2/" + w.repo + "/manifests/" + w.anyTag(), ""}
	}
	scope := "repository:" + w.repo + ":pull,push,delete,metadata_read,metadata_write"
	token, status, err := w.who.accessToken(ctx, w.s, rights.identity(), scope)
	if err != nil {
		return err
	}
	same := func() bool { return w.s.generation.Load() == g }
	if same() && (token == "") != rights.disabled {
		return wrong("the token service answers the changing token (%+v) with %d", rights, status)
	}
	old := false
	if earlier := w.who.earlier(w.repo); earlier != "" && w.dice.IntN(2) == 0 {
		token, old = earlier, true
	}
	if token == "" {
		return nil
	}
	w.who.keep(w.repo, token)
	a, err := w.s.send(ctx, t.method, t.path, http.Header{"Authorization": {"Bearer " + token}},
		strings.NewReader(t.body))
	if err != nil {
		return err
	}
	if !same() {
		return nil // begun under other rights
	}
	may := slices.Contains(rights.actions, t.action) && !rights.disabled
	if old && may && a.status == http.StatusUnauthorized {
		return nil // the old token may have been issued without the right
	}
	if old && !may && a.status != http.StatusUnauthorized {
		return w.judge("the changing token, by an earlier access token,", may, t, a)
	}
	return w.judge("the changing token", may, t, a)
}
