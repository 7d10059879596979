package manage_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/manage"
)

// fixed is an identity whose token is always the same.
type fixed struct{}

func (fixed) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "entra-token", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func registryOf(t *testing.T, host string, opts *manage.Options) (*manage.Registry, error) {
	t.Helper()
	reg, err := acrkit.ParseRegistry(host)
	must(t, err)
	c, err := manage.New(fixed{}, opts)
	must(t, err)
	return c.Registry(t.Context(), reg)
}

// TestSilence: what never answers is given up, a request after a minute, and all tries
// together after ten.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var tries []time.Duration
		_, err := registryOf(t, "myregistry.azurecr.io", &manage.Options{Transport: roundTrip(
			func(req *http.Request) (*http.Response, error) {
				started := time.Now()
				<-req.Context().Done()
				tries = append(tries, time.Since(started))
				return nil, req.Context().Err()
			})})
		if took := time.Since(began); took > 10*time.Minute || err == nil {
			t.Errorf("after %v: %v", took, err)
		}
		for _, took := range tries {
			if took > time.Minute {
				t.Errorf("a request took %v", took)
			}
		}
	})
}

// TestTooLong: a change whose state never ends is given up after ten minutes.
func TestTooLong(t *testing.T) {
	const id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/myregistry"
	synctest.Test(t, func(t *testing.T) {
		r, err := registryOf(t, "myregistry.azurecr.io", &manage.Options{Subscription: "s", Transport: roundTrip(
			func(req *http.Request) (*http.Response, error) {
				switch {
				case strings.HasSuffix(req.URL.Path, "/registries"):
					return answer(req, `{"value":[{"id":"`+id+
						`","properties":{"loginServer":"myregistry.azurecr.io"}}]}`), nil
				case req.Method == http.MethodGet && !strings.Contains(req.URL.Path, "operation"):
					return answer(req, `{"name":"ci","properties":{}}`), nil
				case req.Method == http.MethodDelete:
					resp := answer(req, "")
					resp.StatusCode = http.StatusAccepted
					resp.Header.Set("Location", "https://management.azure.com"+id+"/operation?api-version=1")
					return resp, nil
				}
				resp := answer(req, "")
				resp.StatusCode = http.StatusAccepted
				return resp, nil
			})})
		must(t, err)
		began := time.Now()
		err = r.DeleteToken(t.Context(), manage.Token{Name: "ci", Enabled: true})
		if took := time.Since(began); took > 10*time.Minute || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

// TestAwait: the state of a change is asked for when the answer before says, and each second
// if it does not.
func TestAwait(t *testing.T) {
	const id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/myregistry"
	for _, tc := range []struct {
		name   string
		answer []string // the Retry-After of each; the last one ends the change
		want   []time.Duration
	}{
		{"said", []string{"7", "3", "60", ""}, []time.Duration{7 * time.Second, 3 * time.Second, time.Minute}},
		{"a date", []string{"Mon, 02 Jan 2006 15:04:14 GMT", "1", ""}, []time.Duration{9 * time.Second, time.Second}},
		{"not said", []string{"", "", "0", ""}, []time.Duration{time.Second, time.Second}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var slept []time.Duration
			asked := 0
			r, err := registryOf(t, "myregistry.azurecr.io", &manage.Options{Subscription: "s",
				Sleep: func(ctx context.Context, d time.Duration) error { slept = append(slept, d); return ctx.Err() },
				Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
					switch {
					case strings.HasSuffix(req.URL.Path, "/registries"):
						return answer(req, `{"value":[{"id":"`+id+
							`","properties":{"loginServer":"myregistry.azurecr.io"}}]}`), nil
					case req.Method == http.MethodGet && !strings.Contains(req.URL.Path, "operation"):
						return answer(req, `{"name":"ci","properties":{}}`), nil
					}
					resp := answer(req, "")
					if asked < len(tc.answer)-1 {
						resp.StatusCode = http.StatusAccepted
					}
					resp.Header.Set("Location", "https://management.azure.com"+id+"/operation?api-version=1")
					resp.Header.Set("Retry-After", tc.answer[asked])
					resp.Header.Set("Date", "Mon, 02 Jan 2006 15:04:05 GMT")
					asked++
					return resp, nil
				})})
			must(t, err)
			must(t, r.DeleteToken(t.Context(), manage.Token{Name: "ci", Enabled: true}))
			if !slices.Equal(slept, tc.want) || asked != len(tc.answer) {
				t.Errorf("%d requests, waited %v, want %v", asked, slept, tc.want)
			}
		})
	}
}

// TestManySubscriptions: a thousand subscriptions are searched, and not one more.
func TestManySubscriptions(t *testing.T) {
	for n, want := range map[int]acrkit.Code{1000: acrkit.CodeNotFound, 1001: acrkit.CodeUsage} {
		asked := 0
		_, err := registryOf(t, "myregistry.azurecr.io", &manage.Options{Transport: roundTrip(
			func(req *http.Request) (*http.Response, error) {
				if req.URL.Path != "/subscriptions" {
					asked++
					return answer(req, `{"value":[]}`), nil
				}
				var all []string
				for i := range n {
					all = append(all, fmt.Sprintf(`{"subscriptionId":"s%d"}`, i))
				}
				return answer(req, `{"value":[`+strings.Join(all, ",")+`]}`), nil
			})})
		if !errors.Is(err, want) || want == acrkit.CodeUsage && asked > 0 {
			t.Errorf("%d subscriptions, %d asked: %v", n, asked, err)
		}
	}
}

// TestEndpoint: the identity's token goes to https alone.
func TestEndpoint(t *testing.T) {
	for _, endpoint := range []string{"http://management.azure.com", "https://user@management.azure.com", "https://",
		"management.azure.com"} {
		_, err := registryOf(t, "myregistry.azurecr.io", &manage.Options{Endpoint: endpoint, Transport: roundTrip(
			func(req *http.Request) (*http.Response, error) {
				t.Errorf("%s: asked %s", endpoint, req.URL)
				return answer(req, `{"value":[]}`), nil
			})})
		if !errors.Is(err, acrkit.CodeUsage) {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

// TestSlowWrite: a change that took longer than others look for is not called a success.
func TestSlowWrite(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	reg.ScopeMap("shared", pull)
	var late time.Duration
	r := open(t, reg, reg.ServicePrincipal(manager).AzureCredential(), manage.Options{Settle: time.Millisecond,
		Now: func() time.Time { return time.Now().Add(late) },
		Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodPatch {
				late += 50 * time.Millisecond
			}
			return reg.RoundTripper().RoundTrip(req)
		})})
	m, err := r.ScopeMap(t.Context(), "shared")
	must(t, err)
	if err := r.UpdateScopeMap(t.Context(), m, []string{pull, list}); !errors.Is(err, acrkit.CodeIncomplete) {
		t.Errorf("%v", err)
	}
}

// TestRemoveAnother: a password that was generated meanwhile is not removed.
func TestRemoveAnother(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	reg.Token("ci-pull", pull)
	r := open(t, reg, reg.ServicePrincipal(manager).AzureCredential(), manage.Options{})
	ctx := t.Context()
	before, err := r.Token(ctx, "ci-pull")
	must(t, err)
	old, _ := before.Password(manage.Slot1)
	made, err := r.GeneratePassword(ctx, "ci-pull", manage.Slot1, time.Time{})
	must(t, err)
	if made.Created.Equal(old.Created) {
		t.Fatal("both passwords have one time")
	}
	if err := r.RemovePassword(ctx, "ci-pull", manage.Slot1, old.Created); !errors.Is(err, acrkit.CodeConflict) {
		t.Errorf("%v", err)
	}
	now, err := r.Token(ctx, "ci-pull")
	must(t, err)
	if p, ok := now.Password(manage.Slot1); !ok || !p.Created.Equal(made.Created) {
		t.Errorf("%+v", now)
	}
}
