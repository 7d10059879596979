// Package migrating shows a list of tags before and after: by hand-written calls of
// /oauth2/token, and through package auth. docs/migrating.md quotes it; a test holds
// the two together and runs both.
package migrating

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/registry"
)

// TagsByHand is the simple version. It works for one repository with less than a page of
// tags, and for an hour.
func TagsByHand(ctx context.Context, client *http.Client, host, user, password, repository string) ([]string, error) {
	// by hand
	form := url.Values{
		"grant_type": {"password"},
		"service":    {host},
		"scope":      {"repository:" + repository + ":metadata_read"}, // not pull
		"username":   {user},
		"password":   {password},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+host+"/oauth2/token",
		strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := getJSON(client, req, &token); err != nil {
		return nil, err
	}
	req, err = http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+"/v2/"+repository+"/tags/list", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token.AccessToken)
	var list struct {
		Tags []string `json:"tags"` // the first page of them
	}
	if err := getJSON(client, req, &list); err != nil {
		return nil, err
	}
	// end
	return list.Tags, nil
}

func getJSON(client *http.Client, req *http.Request, into any) error {
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", req.Method, req.URL.Path, resp.Status)
	}
	return json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(into)
}

// Tags is the same with package auth and the typed client: all pages, with no limit in
// time. base is nil except in tests.
func Tags(ctx context.Context, base http.RoundTripper, host, user, password, repository string) ([]string, error) {
	// with acrkit
	rt, err := auth.NewTransport(host, auth.ScopedToken(user, password), &auth.Options{Base: base})
	if err != nil {
		return nil, err
	}
	defer rt.Close()
	client, err := registry.New(host, rt, nil)
	if err != nil {
		return nil, err
	}
	var tags []string
	for tag, err := range client.Tags(ctx, repository, nil) {
		if err != nil {
			return nil, err // it says which right is missing, or that the password is not accepted
		}
		tags = append(tags, tag.Name)
	}
	// end
	return tags, nil
}

// Status keeps a hand-written request, and the transport signs in.
func Status(ctx context.Context, base http.RoundTripper, host, user, password, repository string) (string, error) {
	// any request
	rt, err := auth.NewTransport(host, auth.ScopedToken(user, password), &auth.Options{Base: base})
	if err != nil {
		return "", err
	}
	defer rt.Close()
	client := &http.Client{Transport: rt} // once, for the life of the program
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+"/v2/"+repository+"/tags/list", nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req) // the scope is derived, the token fetched, kept and renewed
	// end
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	return resp.Status, nil
}
