package azureauth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/auth/azureauth"
)

// throttling answers in this process, inside a synctest bubble: token requests
// before the time free with status and a wait, all else well.
type throttling struct {
	status     int
	free       time.Time
	retryAfter string
	asked      []time.Duration // token requests, since began
	began      time.Time
}

func (s *throttling) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	status, header, body := 200, http.Header{"Content-Type": {"application/json"}},
		`{"registry":"x","imageName":"samples/app"}`
	if r.URL.Path == "/oauth2/token" {
		s.asked = append(s.asked, time.Since(s.began))
		body = fmt.Sprintf(`{"access_token":%q}`, token(acrkit.RepositoryScope("samples/app", acrkit.MetadataRead),
			time.Hour))
		if time.Now().Before(s.free) {
			status, body = s.status, ""
			header.Set("Retry-After", s.retryAfter)
		}
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func TestThrottledTokenService(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		status     int
		busy       time.Duration // how long it is throttled
		retryAfter string
		retry      policy.RetryOptions
		deadline   time.Duration
		code       acrkit.Code // "" = it works
		requests   int
		least      time.Duration // how long it takes
		most       time.Duration
	}{
		{name: "waits", status: 429, busy: 20 * time.Second, retryAfter: "20", requests: 2, least: 20 * time.Second,
			most: 22 * time.Second},
		{name: "waits_for_an_unavailable_one", status: 503, busy: 20 * time.Second, retryAfter: "20", requests: 2,
			least: 20 * time.Second, most: 22 * time.Second},
		{name: "does_not_wait_after_the_last_try", status: 429, busy: time.Hour, retryAfter: "5",
			code: acrkit.CodeThrottled, requests: 4, least: 15 * time.Second, most: 35 * time.Second},
		{name: "longer_than_azcore_would_wait", status: 429, busy: time.Hour, retryAfter: "61",
			code: acrkit.CodeThrottled, requests: 1},
		{name: "longer_than_the_options_say", status: 429, busy: time.Hour, retryAfter: "5",
			retry: policy.RetryOptions{MaxRetryDelay: time.Second}, code: acrkit.CodeThrottled, requests: 1},
		{name: "no_retries_wanted", status: 429, busy: time.Hour, retryAfter: "5",
			retry: policy.RetryOptions{MaxRetries: -1}, code: acrkit.CodeThrottled, requests: 1},
		{name: "longer_than_the_callers_deadline", status: 429, busy: time.Hour, retryAfter: "20",
			deadline: 10 * time.Second, code: acrkit.CodeThrottled, requests: 1},
		{name: "longer_than_the_time_for_a_try", status: 429, busy: time.Hour, retryAfter: "20",
			retry: policy.RetryOptions{TryTimeout: 10 * time.Second}, code: acrkit.CodeThrottled, requests: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &throttling{status: tt.status, free: time.Now().Add(tt.busy),
					retryAfter: tt.retryAfter, began: time.Now()}
				c, err := azureauth.NewContainerRegistryClient("myregistry", auth.ScopedToken("ci", password),
					&azcontainerregistry.ClientOptions{
						ClientOptions: azcore.ClientOptions{Transport: s, Retry: tt.retry}})
				if err != nil {
					t.Fatal(err)
				}
				ctx := t.Context()
				if tt.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.deadline)
					defer cancel()
				}
				err = getRepository(ctx, c)
				if acrkit.CodeOf(err) != tt.code || tt.code == "" && err != nil {
					t.Errorf("got %v, want %q", err, tt.code)
				}
				if took := time.Since(s.began); took < tt.least || took > tt.most {
					t.Errorf("it took %s, want %s to %s", took, tt.least, tt.most)
				}
				if len(s.asked) != tt.requests {
					t.Errorf("token requests at %v, want %d", s.asked, tt.requests)
				}
			})
		})
	}
	t.Run("a_caller_that_leaves_while_it_waits", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := &throttling{status: 429, free: time.Now().Add(time.Hour), retryAfter: "20", began: time.Now()}
			c, err := azureauth.NewContainerRegistryClient("myregistry", auth.ScopedToken("ci", password),
				&azcontainerregistry.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: s}})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(5*time.Second, cancel)
			if err := getRepository(ctx, c); !errors.Is(err, context.Canceled) ||
				time.Since(s.began) != 5*time.Second || len(s.asked) != 1 {
				t.Errorf("got %v after %s, requests %v", err, time.Since(s.began), s.asked)
			}
		})
	})
}

func TestCredential_retryAfter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		says   string
		want   time.Duration
	}{{429, "3599", time.Hour - time.Second}, {429, "3601", time.Hour}, {503, "3599", time.Hour - time.Second},
		{503, "3601", time.Hour}} {
		status, asked := c.status, 0
		cred := azureauth.Credential(clientSecret(t, func(r *http.Request) (*http.Response, error) {
			if strings.Contains(r.URL.Path, "openid-configuration") {
				return openID(r)
			}
			asked++
			resp, err := respond(r, status, "")
			resp.Header = http.Header{"Retry-After": {c.says}}
			return resp, err
		}), nil)
		rt, err := auth.NewTransport("myregistry", cred, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer rt.Close()
		_, err = rt.Token(t.Context(), acrkit.CatalogScope())
		if e, ok := errors.AsType[*acrkit.Error](err); !ok || e.RetryAfter != c.want || e.Status != status {
			t.Errorf("%d: got %+v after %d requests", status, err, asked)
		}
	}
}
