package kubelettest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	kubeletconfig "k8s.io/kubelet/config/v1"
	v1 "k8s.io/kubelet/pkg/apis/credentialprovider/v1"
	"k8s.io/kubernetes/pkg/credentialprovider"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/credhelper"
)

// ask sends a request as the kubelet encodes it, and returns the answer as the
// kubelet decodes it, strictly: a field that it does not know is an error.
func ask(t *testing.T, req *v1.CredentialProviderRequest,
	opts credhelper.Options) (*v1.CredentialProviderResponse, string) {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	codecs := serializer.NewCodecFactory(scheme, serializer.EnableStrict)
	info, ok := runtime.SerializerInfoForMediaType(codecs.SupportedMediaTypes(), runtime.ContentTypeJSON)
	if !ok {
		t.Fatal("the kubelet's types know no JSON")
	}
	in, err := runtime.Encode(codecs.EncoderForVersion(info.Serializer, v1.SchemeGroupVersion), req)
	if err != nil {
		t.Fatal(err)
	}
	var out, errOut bytes.Buffer
	if code := credhelper.New(opts).Kubelet(t.Context(), bytes.NewReader(in), &out, &errOut); code != 0 {
		return nil, errOut.String()
	}
	obj, kind, err := codecs.UniversalDecoder(v1.SchemeGroupVersion).Decode(out.Bytes(), nil, nil)
	if err != nil {
		t.Fatalf("%v: %s", err, &out)
	}
	if kind.GroupVersion() != v1.SchemeGroupVersion || kind.Kind != "CredentialProviderResponse" {
		t.Errorf("it is a %s", kind)
	}
	resp, ok := obj.(*v1.CredentialProviderResponse)
	if !ok {
		t.Fatalf("it is a %T", obj)
	}
	return resp, ""
}

func everybodyIs(cred auth.Credential) credhelper.Options {
	return credhelper.Options{Connect: func(_ context.Context, reg acrkit.Registry,
		given auth.Credential) (*auth.Transport, error) {
		if given != nil {
			return nil, fmt.Errorf("asked as %s", given)
		}
		return auth.NewTransport(reg.Host(), cred, nil)
	}}
}

func refreshToken(life time.Duration) string {
	payload, _ := json.Marshal(map[string]any{"iss": "Azure Container Registry", "grant_type": "refresh_token",
		"aud": "myregistry.azurecr.io", "exp": time.Now().Add(life).Unix()})
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"RS256"}`)) + "." + enc(payload) + "." + enc([]byte("no signature"))
}

func TestKubelet(t *testing.T) {
	parts := auth.ByRepository(map[string]auth.Credential{"team": auth.ScopedToken("team", "pw-of-team"),
		"": auth.ScopedToken("ci", "pw-of-ci")})
	for _, tt := range []struct {
		name, image string
		cred        auth.Credential
		keyType     v1.PluginCacheKeyType
		least, most time.Duration
		key, user   string // "" = no credentials
	}{
		{"password", "myregistry.azurecr.io/samples/a:v1", auth.ScopedToken("ci", "pw-of-ci"),
			v1.RegistryPluginCacheKeyType, 10 * time.Minute, 10 * time.Minute, "myregistry.azurecr.io", "ci"},
		{"refresh_token", "myregistry.azurecr.io/samples/a", auth.RefreshToken(refreshToken(3 * time.Hour)),
			v1.RegistryPluginCacheKeyType, 165 * time.Minute, 170 * time.Minute, "myregistry.azurecr.io",
			"00000000-0000-0000-0000-000000000000"},
		{"refresh_token_at_its_end", "myregistry.azurecr.io/samples/a",
			auth.RefreshToken(refreshToken(5 * time.Minute)), v1.RegistryPluginCacheKeyType, 0, 0,
			"myregistry.azurecr.io", "00000000-0000-0000-0000-000000000000"},
		{"by_repository", "myregistry.azurecr.io/team/a:v1", parts, v1.ImagePluginCacheKeyType, 10 * time.Minute,
			10 * time.Minute, "myregistry.azurecr.io/team/a", "team"},
		{"foreign", "docker.io/library/nginx:1", auth.ScopedToken("ci", "pw-of-ci"),
			v1.ImagePluginCacheKeyType, 0, 0, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp, errOut := ask(t, &v1.CredentialProviderRequest{TypeMeta: metav1.TypeMeta{}, Image: tt.image},
				everybodyIs(tt.cred))
			if resp == nil {
				t.Fatal(errOut)
			}
			if resp.CacheKeyType != tt.keyType || resp.CacheDuration == nil || resp.CacheDuration.Duration < tt.least ||
				resp.CacheDuration.Duration > tt.most {
				t.Errorf("%s for %v", resp.CacheKeyType, resp.CacheDuration)
			}
			if tt.key == "" {
				if resp.Auth != nil {
					t.Errorf("%v", resp.Auth)
				}
				return
			}
			if a, ok := resp.Auth[tt.key]; !ok || len(resp.Auth) != 1 || a.Username != tt.user || a.Password == "" {
				t.Errorf("%v", resp.Auth)
			}
		})
	}
}

// An answer counts only if the kubelet finds its key for the image as the pod has it,
// port and case included.
func TestKubelet_key(t *testing.T) {
	parts := auth.ByRepository(map[string]auth.Credential{"team": auth.ScopedToken("ci", "pw-of-ci")})
	for _, image := range []string{
		"myregistry.azurecr.io/team/a", "MyRegistry.AzureCR.io/team/a", "myregistry.azurecr.io:443/team/a",
		"MYREGISTRY.azurecr.io:443/team/a",
		"myregistry.westeurope.geo.azurecr.io/team/a", "MyRegistry.WestEurope.geo.azurecr.io:443/team/a",
		"myregistry-d3b0.azurecr.cn/team/a",
	} {
		for _, cred := range []auth.Credential{auth.ScopedToken("ci", "pw-of-ci"), parts} {
			resp, errOut := ask(t, &v1.CredentialProviderRequest{Image: image + ":v1"}, everybodyIs(cred))
			if resp == nil {
				t.Fatal(errOut)
			}
			config := credentialprovider.DockerConfig{}
			for key, a := range resp.Auth {
				config[key] = credentialprovider.DockerConfigEntry{Username: a.Username, Password: a.Password}
			}
			var keyring credentialprovider.BasicDockerKeyring
			keyring.Add(nil, config)
			// The kubelet looks up the name without its tag, as the pod has it.
			if found, ok := keyring.Lookup(image); !ok || len(found) != 1 || found[0].Username != "ci" {
				t.Errorf("%s: the kubelet finds %v under %v", image, found, resp.Auth)
			}
			for _, other := range []string{"other.azurecr.io/team/a", "myregistry.azurecr.io:8443/team/a",
				"myregistry.azurecr.io.evil.example/team/a"} {
				if found, ok := keyring.Lookup(other); ok {
					t.Errorf("%s gets %v", other, found)
				}
			}
		}
	}
}

// The configuration under examples/ is one that the kubelet takes. Its patterns bring every
// host of Azure's to the helper, and no look-alike.
func TestConfiguration(t *testing.T) {
	const file = "../../examples/kubernetes/credential-provider.yaml"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	scheme := runtime.NewScheme()
	if err := kubeletconfig.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	obj, _, err := decoder.Decode(data, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	config, ok := obj.(*kubeletconfig.CredentialProviderConfig)
	if !ok || len(config.Providers) != 1 {
		t.Fatalf("it is a %T", obj)
	}
	provider := config.Providers[0]
	if !strings.HasSuffix(provider.Name, "-credential-provider") || provider.DefaultCacheDuration == nil ||
		provider.APIVersion != v1.SchemeGroupVersion.String() {
		t.Errorf("%+v", provider)
	}
	patterns := provider.MatchImages
	asked := func(image string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			ok, err := credentialprovider.URLsMatchStr(p, image)
			if err != nil {
				t.Errorf("%s: %v", p, err)
			}
			return ok
		})
	}
	for _, cloud := range []string{"io", "us", "cn"} {
		for _, host := range []string{"myregistry.azurecr.", "myregistry-d3b0.azurecr.",
			"myregistry.westeurope.geo.azurecr."} {
			if !asked(host + cloud + "/team/a") {
				t.Errorf("%s is not asked for by %q", host+cloud, patterns)
			}
		}
	}
	for _, image := range []string{"docker.io/library/nginx", "mcr.microsoft.com/a",
		"myregistry.westeurope.data.azurecr.io/a", "myregistry.azurecr.io.evil.example/a", "evilazurecr.io/a"} {
		if asked(image) {
			t.Errorf("%s is asked for", image)
		}
	}
}

func TestKubelet_service_account(t *testing.T) {
	req := &v1.CredentialProviderRequest{Image: "myregistry.azurecr.io/samples/a:v1",
		ServiceAccountToken: "made-up-assertion", ServiceAccountAnnotations: map[string]string{
			"kubernetes.azure.com/acr-client-id": "22222222-2222-2222-2222-222222222222",
			"kubernetes.azure.com/acr-tenant-id": "11111111-1111-1111-1111-111111111111"}}
	opts := everybodyIs(auth.ScopedToken("node", "pw-of-node"))
	if resp, errOut := ask(t, req, opts); resp != nil || !strings.Contains(errOut, "no tenant is named") {
		t.Errorf("by default: %v, %q", resp, errOut)
	}
	opts.Tenants = []string{"11111111-1111-1111-1111-111111111111"}
	if resp, errOut := ask(t, req, opts); resp != nil ||
		!strings.Contains(errOut, "asked as service principal 22222222-2222-2222-2222-222222222222") {
		t.Errorf("%v, %q", resp, errOut)
	}
}

// TestCronJob: the job under examples/ is one that the API takes, without a field that it
// does not know, and runs without rights.
func TestCronJob(t *testing.T) {
	data, err := os.ReadFile("../../examples/kubernetes/cronjob.yaml")
	if err != nil {
		t.Fatal(err)
	}
	scheme := runtime.NewScheme()
	if err := batchv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	obj, _, err := decoder.Decode(data, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	job, ok := obj.(*batchv1.CronJob)
	if !ok {
		t.Fatalf("it is a %T", obj)
	}
	pod := job.Spec.JobTemplate.Spec.Template.Spec
	if len(pod.Containers) != 1 || len(pod.Volumes) != 1 || pod.SecurityContext.RunAsNonRoot == nil ||
		!*pod.SecurityContext.RunAsNonRoot || *pod.AutomountServiceAccountToken {
		t.Fatalf("%+v", pod)
	}
	c := pod.Containers[0]
	secret := pod.Volumes[0].Secret
	if c.SecurityContext == nil || !*c.SecurityContext.ReadOnlyRootFilesystem || secret == nil ||
		*secret.DefaultMode&0o007 != 0 || pod.SecurityContext.FSGroup == nil {
		t.Errorf("%+v, %+v", c.SecurityContext, secret)
	}
	for _, e := range c.Env {
		if e.Name == "ACR_TOKEN_PASSWORD_FILE" && e.Value == c.VolumeMounts[0].MountPath+"/password" {
			return
		}
	}
	t.Errorf("no variable names the file of the secret: %+v", c.Env)
}
