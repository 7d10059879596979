package credhelper

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/sentence"
)

// The protocol of the kubelet's image credential providers. Source: Kubernetes,
// k8s.io/kubelet/pkg/apis/credentialprovider/v1; a module beside this package holds
// these types to those.
const (
	kubeletAPI   = "credentialprovider.kubelet.k8s.io/v1"
	requestKind  = "CredentialProviderRequest"
	responseKind = "CredentialProviderResponse"

	// cacheByImage and cacheByRegistry say for what the kubelet may use an answer
	// again. There is a third, Global, which would send it to every registry.
	cacheByImage = "Image"
	//rule:kubelet-cache-by-registry
	cacheByRegistry = "Registry"
)

const (
	// passwordCache is how long the kubelet may keep a name and password, and so how long
	// it may still use a rotated password.
	passwordCache = 10 * time.Minute
	// pullTime is how long before its end a refresh token is not used for a new pull
	// any more: the pull's own access tokens come from it.
	pullTime = 10 * time.Minute
	// longestCache bounds the time in case of a wrong claim: no refresh token of ACR lives
	// longer than three hours.
	longestCache = 3*time.Hour - pullTime
)

// The annotations of a service account that name its identity, as Microsoft's own
// provider reads them. Source: kubernetes-sigs/cloud-provider-azure,
// acr-credential-provider.
const (
	clientAnnotation = "kubernetes.azure.com/acr-client-id"
	tenantAnnotation = "kubernetes.azure.com/acr-tenant-id"
)

type kubeletRequest struct {
	Kind                      string            `json:"kind"`
	APIVersion                string            `json:"apiVersion"`
	Image                     string            `json:"image"`
	ServiceAccountToken       string            `json:"serviceAccountToken"`
	ServiceAccountAnnotations map[string]string `json:"serviceAccountAnnotations"`
}

type kubeletResponse struct {
	Kind          string                 `json:"kind"`
	APIVersion    string                 `json:"apiVersion"`
	CacheKeyType  string                 `json:"cacheKeyType"`
	CacheDuration string                 `json:"cacheDuration"` // of metav1.Duration: "2h50m0s"
	Auth          map[string]kubeletAuth `json:"auth"`          // null is no credentials
}

type kubeletAuth struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// Kubelet answers one request of the kubelet's image credential provider protocol
// and returns the exit code: 0, or 1 with the reason on errOut, which the kubelet
// logs.
//
// An image of a host that the helper does not answer for gets an answer without
// credentials. One with a service account's token is answered with that account's
// identity or an error, never with the node's identity.
func (h *Helper) Kubelet(ctx context.Context, in io.Reader, out, errOut io.Writer) int {
	return h.within(ctx, in, out, errOut, func(ctx context.Context, data []byte) reply {
		resp, err := h.kubelet(ctx, data)
		if err != nil {
			return reply{err: err}
		}
		text, err := json.Marshal(resp)
		return reply{out: append(text, '\n'), err: err}
	}, func(err error) { h.complain(errOut, err) })
}

func (h *Helper) kubelet(ctx context.Context, data []byte) (kubeletResponse, error) {
	none := kubeletResponse{Kind: responseKind, APIVersion: kubeletAPI, CacheKeyType: cacheByImage, CacheDuration: "0s"}
	req, err := readKubeletRequest(data)
	if err != nil {
		return none, err
	}
	ref, err := acrkit.ParseReference(req.Image, acrkit.Registry{})
	if err != nil || ref.Registry.IsZero() || !h.accepts(ref.Registry) {
		return none, nil //nolint:nilerr // any other image is for another provider
	}
	var cred auth.Credential
	//rule:kubelet-kubelet-2
	if req.ServiceAccountToken != "" {
		if cred, err = h.serviceAccount(ref.Registry, req); err != nil {
			return none, err
		}
	}
	a, err := h.login(ctx, ref.Registry, ref.Name, cred)
	if err != nil || a.anonymous {
		return none, err
	}
	// The kubelet compares the key with the image as the pod names it, case and port
	// included, and drops an answer under another key.
	resp := none
	//rule:kubelet-kubelet
	key, _, _ := strings.Cut(req.Image, "/")
	resp.CacheKeyType = cacheByRegistry
	if a.differs {
		resp.CacheKeyType, key = cacheByImage, key+"/"+ref.Name
	}
	resp.CacheDuration = h.cacheDuration(a).String()
	resp.Auth = map[string]kubeletAuth{key: {a.User, a.Password.Reveal()}}
	return resp, nil
}

// cacheDuration is how long the kubelet may use the answer again.
func (h *Helper) cacheDuration(a answer) time.Duration {
	if a.Expires.IsZero() {
		return passwordCache
	}
	return min(max(a.Expires.Sub(h.opts.Now())-pullTime, 0), longestCache).Truncate(time.Second)
}

// readKubeletRequest reads a request. Its errors quote none of it, because it may hold a
// token.
func readKubeletRequest(data []byte) (kubeletRequest, error) {
	var req kubeletRequest
	bad := func(why string) (kubeletRequest, error) {
		return req, &acrkit.Error{Code: acrkit.CodeUsage, Op: "read the kubelet's request", Reason: why}
	}
	switch err := json.Unmarshal(data, &req); {
	case err != nil:
		return bad("it is not a JSON object of the kind " + requestKind)
	case req.Kind != requestKind:
		return bad("its kind is not " + requestKind)
	case req.APIVersion != kubeletAPI:
		return bad("its apiVersion is not " + kubeletAPI + "; name that one in the CredentialProviderConfig")
	case req.Image == "":
		return bad("it names no image")
	}
	return req, nil
}

var guid = regexp.MustCompile(`^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

// serviceAccount returns the identity of a pod's service account, if the node's
// administrator allows service accounts to name one of its tenant.
func (h *Helper) serviceAccount(reg acrkit.Registry, req kubeletRequest) (auth.Credential, error) {
	refused := func(code acrkit.Code, why, hint string) (auth.Credential, error) {
		return nil, &acrkit.Error{Code: code, Op: "use the identity of the pod's service account", Registry: reg,
			Reason: why, Hint: hint}
	}
	client, tenant := req.ServiceAccountAnnotations[clientAnnotation], req.ServiceAccountAnnotations[tenantAnnotation]
	if tenant == "" && len(h.opts.Tenants) == 1 {
		tenant = h.opts.Tenants[0]
	}
	switch {
	case len(h.opts.Tenants) == 0:
		return refused(acrkit.CodeDenied, "no tenant is named for the identities of service accounts",
			sentence.Fix(sentence.NameTenant, nil))
	case client == "" || tenant == "":
		return refused(acrkit.CodeUsage,
			fmt.Sprintf("it lacks the annotations %s and %s, or the CredentialProviderConfig does not pass them on",
				clientAnnotation, tenantAnnotation),
			sentence.Fix(sentence.AnnotateServiceAccount, map[string]string{"client_annotation": clientAnnotation,
				"tenant_annotation": tenantAnnotation}))
	case !guid.MatchString(client):
		return refused(acrkit.CodeUsage, "the annotation "+clientAnnotation+" is not a client id", "")
	//rule:kubelet-service-account
	case !slices.ContainsFunc(h.opts.Tenants, func(t string) bool { return strings.EqualFold(t, tenant) }):
		return refused(acrkit.CodeDenied, "the annotation "+tenantAnnotation+
			" names a tenant that is not one of those that are allowed",
			sentence.Fix(sentence.NameTenant, nil))
	}
	assertion := auth.SecretFunc(func(context.Context) (string, error) { return req.ServiceAccountToken, nil })
	return auth.FederatedServicePrincipal(tenant, client, assertion,
		&auth.EntraOptions{AuthorityHost: h.opts.AuthorityHost}), nil
}
