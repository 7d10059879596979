package diagnose_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/diagnose"
)

// read explains a text alone.
func read(t *testing.T, text string) diagnose.Diagnosis {
	t.Helper()
	d, err := diagnose.Explain(t.Context(), diagnose.Attempt{Text: text}, &diagnose.Options{NoProbes: true})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestTexts: what a text is called by its events. The cases are made up; each is a
// way in which words alone would mislead.
func TestTexts(t *testing.T) {
	const hub = `ERROR: failed to solve: node:20: unexpected status from HEAD request to https://registry-1.docker.io/v2/library/node/manifests/20: 401 Unauthorized`
	for _, tc := range []struct {
		name, text, cause string
		sure              diagnose.Confidence
	}{
		{"retry, then refusal",
			"Error: Get \"https://contoso.azurecr.io/v2/\": dial tcp 20.0.0.1:443: i/o timeout, retrying\nError: " +
				"reading manifest v9 in contoso.azurecr.io/app: manifest unknown: manifest tagged by \"v9\" is " +
				"not found",
			"tag-unknown", diagnose.Suspected},
		{"two registries, ours last", hub +
			"\nERROR: failed to push contoso.azurecr.io/app:1: denied: client with IP '198.51.100.4' is not " +
			"allowed access", "network-rule", diagnose.Proved},
		{"two registries, the other last", "client with IP '198.51.100.4' is not allowed access: contoso.azurecr.io\n" +
			hub, "network-rule", diagnose.Proved},
		{"behind 80,000 bytes", strings.Repeat("a line of a log\n", 5000) +
			"Error response from daemon: toomanyrequests: Too many requests, contoso.azurecr.io", "throttled",
			diagnose.Proved},
		{"a count", "contoso.azurecr.io/app:v1: found 401 vulnerabilities, 403 warnings", "", diagnose.CannotTell},
		{"the blobs of an image",
			`Error response from daemon: contoso.azurecr.io/app: error pulling image configuration: download failed after attempts=3: dial tcp 192.0.2.7:443: i/o timeout`, "data-endpoint-blocked", diagnose.Proved},
		{"storage's firewall",
			`contoso.azurecr.io/app:v1: error parsing HTTP 403 response body: invalid character '<': "<?xml version=\"1.0\"?><Error><Code>AuthorizationFailure</Code>"`, "data-endpoint-blocked", diagnose.Proved},
		{"the resolver's own port",
			`Get "https://contoso.azurecr.io/v2/": dial tcp: lookup contoso.azurecr.io on [::1]:53: read udp [::1]:1->[::1]:53: read: connection refused`, "name-lookup-failed", diagnose.Proved},
		{"Entra's host",
			`HTTPSConnectionPool(host='login.microsoftonline.com', port=443): Max retries exceeded: [Errno 110] Connection timed out`, "entra-unreachable", diagnose.Proved},
		{"the proxy's name",
			`Get "https://contoso.azurecr.io/v2/": proxyconnect tcp: dial tcp: lookup proxy.corp.example: no such host`,
			"proxy-unreachable", diagnose.Proved},
		{"a wrong spelling", `Get "https://contoso.azurcr.io/v2/": dial tcp: lookup contoso.azurcr.io: no such host`,
			"name-unknown", diagnose.Suspected},
		{"another registry", `GET https://ghcr.io/v2/x/manifests/1: DENIED: requested access to the resource is denied`,
			"other-registry", diagnose.CannotTell},
		{"Docker Hub's name for ours",
			`HEAD https://index.docker.io/v2/library/contoso.azurecr.io/manifests/v1: UNAUTHORIZED`, "other-registry",
			diagnose.Proved},
		{"a reference without a host",
			"$ docker push contoso/app:1\ndenied: requested access to the resource is denied", "other-registry",
			diagnose.Suspected},
		{"no host at all", "denied: requested access to the resource is denied", "missing-right", diagnose.CannotTell},
		{"another client's default credential",
			"Failed to pull image \"contoso.azurecr.io/app:1\": failed to fetch oauth token: unexpected status from " +
				"GET request to https://contoso.azurecr.io/oauth2/token?service=x: 401 Unauthorized, failed to fetch " +
				"anonymous token: unexpected status from GET request to " +
				"https://contoso.azurecr.io/oauth2/token?service=x: 401 Unauthorized", "credential-rejected",
			diagnose.Suspected},
		{"the same on one line",
			"Failed to pull image \"contoso.azurecr.io/app:1\": failed to fetch oauth token: unexpected status: 401 " +
				"Unauthorized, failed to fetch anonymous token: unexpected status: 401 Unauthorized",
			"credential-rejected", diagnose.Suspected},
		{"no credential was sent",
			"Failed to pull image \"contoso.azurecr.io/app:1\": failed to fetch anonymous token: unexpected status: " +
				"401 Unauthorized", "silently-anonymous", diagnose.Proved},
		{"a login",
			`Error response from daemon: Get "https://contoso.azurecr.io/v2/": unauthorized: authentication required`,
			"credential-rejected", diagnose.Suspected},
		{"a pull",
			`Error response from daemon: Head "https://contoso.azurecr.io/v2/app/manifests/v1": unauthorized: authentication required`, "silently-anonymous", diagnose.Suspected},
		{"the permissions of another tenant",
			"contoso.azurecr.io: 401 Unauthorized: {\"errors\":[{\"message\":\"retrieving permissions " +
				"failed\",\"code\":\"UNAUTHORIZED\"}]}", "exchange-refused", diagnose.Suspected},
		{"no role",
			`contoso.azurecr.io: 403 Forbidden: {"errors":[{"code":"DENIED","message":"retrieving permissions failed"}]}`, "no-role", diagnose.Proved},
		{"an upload sent twice",
			`PATCH https://contoso.azurecr.io/v2/app/blobs/uploads/1: BLOB_UPLOAD_INVALID: blob upload invalid`,
			"upload-lost", diagnose.Proved},
		{"a part too large",
			`received unexpected HTTP status: 413 Request Entity Too Large from https://contoso.azurecr.io/v2/app/blobs/uploads/1`, "upload-part-refused", diagnose.Suspected},
		{"the clients' deadline", `Get "https://contoso.azurecr.io/v2/": context deadline exceeded`, "client-deadline",
			diagnose.Suspected},
		{"a client's time-out",
			`Get "https://contoso.azurecr.io/v2/": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)`, "connection-timeout", diagnose.Proved},
		{"a connection that ends", `Get "https://contoso.azurecr.io/v2/": EOF`, "unavailable", diagnose.Suspected},
		{"a traceback without a credential",
			"  File \"/x/azure/containerregistry/_anonymous_exchange_client.py\", line 72, in f\n    " +
				"username=None\nClientAuthenticationError: Operation returned an invalid status 'Unauthorized'",
			"silently-anonymous", diagnose.Proved},
		{"an identity that is none",
			`ManagedIdentityCredential authentication unavailable for https://contoso.azurecr.io: no default identity is assigned`, "no-credential", diagnose.Proved},
		{"a helper of Docker Desktop",
			`error getting credentials - err: exec: "docker-credential-desktop.exe": executable file not found in %PATH%, out: ` + "``", "helper-missing", diagnose.Proved},
		{"a helper of another registry",
			`error getting credentials - err: exec: "docker-credential-gcloud": executable file not found in $PATH`,
			"other-registry", diagnose.CannotTell},
		{"a helper asked for another registry", "ghcr.io/a/b: error getting credentials - err: exit status 1, out: ``",
			"other-registry", diagnose.CannotTell},
		{"a helper by .NET",
			`CONTAINER1008: Failed retrieving credentials for "contoso.azurecr.io": docker-credential-desktop exited with code 1`, "helper-failed", diagnose.Proved},
		{"an assertion that has ended", "AADSTS700024: Client assertion is not within its valid time range.",
			"entra-assertion-refused", diagnose.Proved},
		{"a scheme for a host", `Get "https://https/v2/": dial tcp: lookup https on 10.0.0.1:53: no such host`,
			"wrong-usage", diagnose.Proved},
		{"no docker daemon", "az acr login requires running the docker daemon", "local-failure", diagnose.Proved},
		{"the docker daemon is not there",
			"Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
			"local-failure", diagnose.Proved},
		{"a container instance", "{\"code\":\"InaccessibleImage\",\"message\":\"contoso.azurecr.io/app:v1\"}",
			"silently-anonymous", diagnose.Suspected},
		{"an empty scope",
			"failed to authorize contoso.azurecr.io: failed to fetch oauth token: unexpected status: 400 Bad Request",
			"empty-scope", diagnose.Suspected},
		{"the end of a push", "The push refers to repository [contoso.azurecr.io/app]\n08e2cdb90fe0: Pushed\nEOF",
			"unavailable", diagnose.Suspected},
		{"a here-document is no failure", "cat <<EOF > x\ncontoso.azurecr.io/app:v1\nEOF", "", diagnose.CannotTell},
		{"a word of another helm", "oras: invalid_reference: a tag is missing", "wrong-usage", diagnose.Proved},
		{"the blobs of a registry that is not named",
			"error pulling image configuration: download failed after attempts=3: dial tcp 192.0.2.7:443: i/o timeout",
			"data-endpoint-blocked", diagnose.Suspected},
		{"a registry at home",
			`Error response from daemon: Get "https://harbor.corp.example/v2/": x509: certificate signed by unknown authority`, "other-registry", diagnose.CannotTell},
		{"a registry by its address",
			`Error response from daemon: Get "https://172.16.0.5:5000/v2/": http: server gave HTTP response to HTTPS client`, "other-registry", diagnose.CannotTell},
		{"GitHub's", "The push refers to repository [ghcr.io/a/b]\ndenied: permission_denied: write_package",
			"denied", diagnose.CannotTell},
		{"no registry at all",
			"failed to create LLB definition: unexpected status code [manifests latest]: 403 Forbidden", "denied",
			diagnose.CannotTell},
		{"a chart repository",
			`Error: looks like "https://charts.example.com" is not a valid chart repository: failed to fetch https://charts.example.com/index.yaml : 404 Not Found`, "", diagnose.CannotTell},
		{"the blobs of another",
			"docker.io/library/node: error pulling image configuration: download failed after attempts=3: dial tcp " +
				"192.0.2.7:443: i/o timeout", "other-registry", diagnose.CannotTell},
		{"docker, a pull without a host",
			"Unable to find image 'webshop:2' locally\ndocker: Error response from daemon: pull access denied for " +
				"webshop, repository does not exist or may require 'docker login'.", "other-registry",
			diagnose.Suspected},
		{"docker, a pull of ours",
			"Error response from daemon: pull access denied for contoso.azurecr.io/team/app, repository does not " +
				"exist or may require 'docker login'", "denied", diagnose.Suspected},
		{"docker, a pull that a rule forbids",
			"Error response from daemon: pull access denied for contoso.azurecr.io/app, repository does not exist or " +
				"may require 'docker login': denied: client with IP '198.51.100.7' is not allowed access.",
			"network-rule", diagnose.Proved},
		{"docker, a pull of GitHub's",
			"Error response from daemon: pull access denied for ghcr.io/contoso/app, repository does not exist or " +
				"may require 'docker login'", "other-registry", diagnose.CannotTell},
		{"containerd, a pull of ours",
			`failed to resolve reference "contoso.azurecr.io/app:v1": pull access denied, repository does not exist or may require authorization: x`, "silently-anonymous", diagnose.Suspected},
		{"containerd, a pull of GitHub's",
			`failed to resolve reference "ghcr.io/contoso/app:v1": pull access denied, repository does not exist or may require authorization: x`, "other-registry", diagnose.CannotTell},
		{"a push to Docker Hub after a typed one",
			"docker push contoso/app\nThe push refers to repository [docker.io/contoso/app]\n1: Preparing\ndenied: " +
				"requested access to the resource is denied", "other-registry", diagnose.Suspected},
		{"a status that tells of no cause",
			"GET https://contoso.azurecr.io/v2/app/manifests/v1: unexpected status code 412", "", diagnose.CannotTell},
		{"something that lacks something",
			`PUT "https://1234.dkr.ecr.us-east-2.amazonaws.com/v2/app/blobs/uploads/1": response status code 400: the upload in the repository 'app' does not have any parts`, "other-registry", diagnose.CannotTell},
		{"a push to Docker Hub",
			"The push refers to repository [docker.io/contoso/app]\n1: Preparing\ndenied: requested access to the " +
				"resource is denied", "other-registry", diagnose.CannotTell},
		{"a login server as an image that was pushed",
			"The push refers to repository [docker.io/library/contoso.azurecr.io]\n1: Preparing\ndenied: requested " +
				"access to the resource is denied", "other-registry", diagnose.Proved},
		{"a login server as an image that was asked for",
			"reading tags for contoso.azurecr.io: UNAUTHORIZED: authentication required; [map[Action:pull " +
				"Name:library/contoso.azurecr.io Type:repository]]", "other-registry", diagnose.Proved},
		{"the same, after it was looked for",
			"No matching credentials were found, falling back on anonymous\nreading tags for contoso.azurecr.io: " +
				"UNAUTHORIZED: authentication required; [map[Action:pull Name:library/contoso.azurecr.io " +
				"Type:repository]]", "other-registry", diagnose.Proved},
		{"a repository library of ours",
			"reading tags for contoso.azurecr.io/library/app: UNAUTHORIZED: authentication required; " +
				"[map[Action:pull Name:library/app Type:repository]]", "missing-right", diagnose.Suspected},
		{"an empty name", `Get "https://.azurecr.io/v2/": denied: client with IP '198.51.100.7' is not allowed access`,
			"network-rule", diagnose.Proved},
		{"a masked scope",
			"GET https://<name>.azurecr.io/oauth2/token?scope=<name>:<name>:pull&service=<name>.azurecr.io returned " +
				"401 Unauthorized", "silently-anonymous", diagnose.Suspected},
		{"disallowed", "contoso.azurecr.io/app: The operation is disallowed on this registry, repository or image",
			"locked", diagnose.Suspected},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := read(t, tc.text)
			name := ""
			if d.Code != "" {
				name = row(t, d.Code).Name
			}
			if name != tc.cause || d.Confidence != tc.sure || d.Fix == "" {
				t.Errorf("%s %s %s, want %s %s: %q", name, d.Confidence, d.Fix, tc.cause, tc.sure, d.Evidence)
			}
		})
	}
}

// TestFixes: the fix is for the client that printed the text, with the names of the text.
func TestFixes(t *testing.T) {
	const refused = `failed to fetch anonymous token: unexpected status from GET request to https://contoso.azurecr.io/oauth2/token?scope=repository%3Aapp%3Apull&service=contoso.azurecr.io: 401 Unauthorized`
	for text, want := range map[string]string{
		"Failed to pull image \"contoso.azurecr.io/app:v1\": " +
			refused: "az aks update --name CLUSTER --resource-group GROUP --attach-acr contoso ",
		"Failed to pull image \"localhost:5443/app:v1\": failed to fetch anonymous token: unexpected status: 401 " +
			"Unauthorized": "acrkit doctor localhost:5443",
		"DockerApiException: Docker API responded with status code=InternalServerError: " +
			refused: "az webapp config set ",
		"Failed to provision revision for container app 'x': " +
			refused: "az containerapp registry set --name APP --resource-group GROUP --server contoso.azurecr.io ",
		`Error response from daemon: Get "https://contoso.azurecr.io/v2/": x509: certificate signed by unknown authority`:          "sudo mkdir -p /etc/docker/certs.d/contoso.azurecr.io ",
		`Error response from daemon: Head "https://contoso.azurecr.io/v2/app/manifests/v1": unauthorized: authentication required`: "docker login contoso.azurecr.io",
		`Get "https://contoso.azurcr.io/v2/": dial tcp: lookup contoso.azurcr.io: no such host`:                                    "acrkit doctor contoso.azurecr.io",
		"docker push contoso/app:1\n" +
			"denied: requested access to the resource is denied": "docker push contoso.azurecr.io/app:1 ",
		"HEAD https://index.docker.io/v2/" +
			"library/contoso.azurecr.io/manifests/v1: UNAUTHORIZED": "docker pull contoso.azurecr.io/REPOSITORY:TAG ",
		"contoso.azurecr.io: toomanyrequests: Too many requests\n" +
			"Retry-After: 17": "sleep 17 ",
		"contoso.azurecr.io: " +
			"toomanyrequests: Too many requests": "sleep 60",
		"PUT https://localhost:5443/v2/a/b/manifests/v1: " +
			"DENIED: requested access " +
			"to the resource " +
			"is denied": "acrkit emulator scope-map set SCOPE_MAP " +
			"repositories/a/b/content/read repositories/a/b/content/write ",
		"GET https://localhost:5443/v2/: DENIED: client " +
			"with IP '127.0.0.1' is not allowed access": "acrkit emulator network allow",
		"PUT https://contoso.azurecr.io/v2/a/b/manifests/v1: " +
			"DENIED: requested access " +
			"to the resource " +
			"is denied": "az acr scope-map update --registry contoso --name SCOPE_MAP " +
			"--add-repository a/b content/read content/write",
		"docker: Error response from daemon: pull access denied for team/webshop, repository does not exist or may " +
			"require 'docker login'.": "docker pull REGISTRY/team/webshop    #",
		"nothing": "acrkit doctor REGISTRY",
		"WARNING: Error loading config file: /var/lib/runner/.docker/config.json: invalid character 'x'\ndocker pull " +
			"contoso.azurecr.io/app:v1": "docker login contoso.azurecr.io",
		"GET https://contoso.azurecr.io/v2/a/tags/list": "acrkit doctor contoso.azurecr.io " +
			"--want a:metadata/read",
		"AADSTS700024: Client assertion is not within its valid time range.": "az login --service-principal ",
		"Failed to pull image \"contoso.azurecr.io/app:v1\": denied: client with IP '198.51.100.4' is not " +
			"allowed access": "az acr network-rule add --name contoso --ip-address 198.51.100.4",
		"contoso.azurecr.io/team/app:v1: The operation is " +
			"disallowed on this " +
			"registry, repository or image": "acrkit tag view contoso.azurecr.io/team/app:v1",
		"failed to pull and unpack image \"contoso.azurecr.io/team/app:v1\": no match for platform in manifest: " +
			"not found": "docker buildx build --platform linux/amd64,linux/arm64 --push --tag " +
			"contoso.azurecr.io/team/app:v1 ",
		"az acr login --name contoso\nError saving credentials: error storing credentials - err: x, out: `The stub " +
			"received bad data.`": "acrkit login ",
	} {
		if got := read(t, text).Fix; got != strings.TrimSpace(want) && !strings.HasPrefix(got, want) {
			t.Errorf("%s\n%s, want %s", text, got, want)
		}
	}
}

// TestFixOfDockerConfig: where acrkit itself could not read Docker's configuration, which
// may be the variable DOCKER_AUTH_CONFIG, Docker's login is no fix.
func TestFixOfDockerConfig(t *testing.T) {
	f := withDocker(`{"auths":`, "")(t)
	d, err := diagnose.Explain(t.Context(), f.attempt, &f.opts)
	if err != nil || !strings.HasPrefix(d.Fix, "acrkit login localhost:") {
		t.Errorf("%+v, %v", d, err)
	}
}

// unreachable is a network without a host.
type unreachable struct{ asked int }

func (u *unreachable) RoundTrip(*http.Request) (*http.Response, error) {
	u.asked++
	return nil, errors.New("dial tcp: connect: network is unreachable")
}

// TestOffline: where the registry cannot be reached, a text gets the diagnosis that it
// gets alone, with any credential. The texts are those of the captures, and the published
// ones where their folder is available.
func TestOffline(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "interop", "captures", "*", "*.txt"))
	if err != nil || len(files) < 150 {
		t.Fatalf("%d captures, %v", len(files), err)
	}
	more, _ := filepath.Glob(filepath.Join(os.Getenv("ACRKIT_WILD"), "texts", "*.txt"))
	asked := 0
	for _, file := range append(files, more...) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		alone := read(t, string(data))
		for _, cred := range []auth.Credential{auth.ScopedToken("ci", "leak-canary-password"), auth.Anonymous()} {
			base := &unreachable{}
			tr, err := auth.NewTransport(acrHost, cred, &auth.Options{Base: base})
			if err != nil {
				t.Fatal(err)
			}
			d, err := diagnose.Explain(t.Context(),
				diagnose.Attempt{Registry: tr.Registry(), Text: string(data), Transport: tr},
				&diagnose.Options{Base: base, Resolver: noAlias{privateName{"192.0.2.1"}}})
			_ = tr.Close()
			if err != nil {
				t.Fatal(err)
			}
			if d.Code != alone.Code || d.Confidence != alone.Confidence || !cmp.Equal(d.Candidates, alone.Candidates) {
				t.Errorf("%s: %s %s %v, and alone %s %s %v", file, d.Code, d.Confidence, d.Candidates, alone.Code,
					alone.Confidence, alone.Candidates)
			}
			for _, p := range d.Probes {
				if p.Method != "" && !strings.HasPrefix(p.Result, "could not be asked from here: ") {
					t.Errorf("%s: %+v", file, p)
				}
			}
			if said := fmt.Sprint(d.Evidence); strings.Contains(said, "is refused here") ||
				strings.Contains(said, "no lock was found") {
				t.Errorf("%s: %q", file, d.Evidence)
			}
			asked += base.asked
		}
	}
	if asked < 50 {
		t.Errorf("%d requests were tried; the test shows nothing", asked)
	}
}

// TestOffline_time: without a network, all that is asked together takes two seconds.
func TestOffline_time(t *testing.T) {
	reg := mustRegistry(t, acrHost)
	for name, text := range map[string]string{
		"a 403 that names nothing": `Error: unexpected status from HEAD request to https://` + acrHost +
			`/v2/app/manifests/1: 403 Forbidden`,
		"a network rule": `https://` + acrHost + `/v2/: client with IP '198.51.100.4' is not allowed access`,
		"a 401": `Get "https://` + acrHost +
			`/v2/team/app/manifests/v1": unauthorized: authentication required`,
		"a manifest": `GET https://` + acrHost +
			`/v2/team/app/manifests/v1: MANIFEST_UNKNOWN: manifest tagged by "v1" is not found`,
		"a lock": `PUT https://` + acrHost + `/v2/team/app/manifests/v1: REGISTRY_DISALLOWED_OPERATION: x`,
		"a right": `PUT https://` + acrHost +
			`/v2/team/app/manifests/v1: DENIED: requested access to the resource is denied`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := mute{lookup: true, dial: true}
				base := net.transport(t)
				rt, err := auth.NewTransport(acrHost, auth.ScopedToken("ci", "made-up-password"),
					&auth.Options{Base: base})
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				d, err := diagnose.Explain(t.Context(), diagnose.Attempt{Registry: reg, Transport: rt, Text: text},
					&diagnose.Options{Base: base, Resolver: net})
				if took := time.Since(start); err != nil || took != 2*time.Second || len(d.Probes) != 1 {
					t.Errorf("%s %v after %s, asked %v", d.Code, err, took, d.Probes)
				}
				_ = rt.Close()
				time.Sleep(2 * time.Hour)
			})
		})
	}
}

// TestAnswered: a probe that is answered counts, and "the same credential" is said of
// one that was sent.
func TestAnswered(t *testing.T) {
	r := acrtest.NewRegistry(t, nil)
	r.Push("team/app", "v1")
	text := fmt.Sprintf(
		`Error response from daemon: Head "%s/v2/team/app/manifests/v1": unauthorized: authentication required`,
		r.URL())
	for name, tc := range map[string]struct {
		cred  auth.Credential
		cause string
		same  bool
	}{
		"refused":   {auth.ScopedToken("ci", wrongPassword), "credential-rejected", true},
		"anonymous": {auth.Anonymous(), "no-credential", false},
	} {
		t.Run(name, func(t *testing.T) {
			tr := r.Transport(tc.cred)
			d, err := diagnose.Explain(t.Context(), diagnose.Attempt{Text: text, Transport: tr},
				&diagnose.Options{Base: r.RoundTripper()})
			if err != nil {
				t.Fatal(err)
			}
			if c := row(t, d.Code); c.Name != tc.cause ||
				strings.Contains(fmt.Sprint(d.Evidence), "the same credential is refused here, too") != tc.same {
				t.Errorf("%s %q", c.Name, d.Evidence)
			}
		})
	}
}

// TestAnswered_here: that this machine is let in says nothing of another one.
func TestAnswered_here(t *testing.T) {
	r := acrtest.NewRegistry(t, nil)
	text := fmt.Sprintf("Error: unexpected status from HEAD request to %s/v2/team/app/manifests/v1: 403 Forbidden",
		r.URL())
	d, err := diagnose.Explain(t.Context(), diagnose.Attempt{Text: text},
		&diagnose.Options{Base: r.RoundTripper(), Resolver: noAlias{}})
	if err != nil {
		t.Fatal(err)
	}
	if c := row(t, d.Code); c.Name != "network-rule" || d.Confidence != diagnose.Suspected || len(d.Probes) == 0 {
		t.Errorf("%s %s, asked %v", c.Name, d.Confidence, d.Probes)
	}
}

// TestMissing: what is missing is said in the words of a scope map, and no more than
// that where what is granted is known.
func TestMissing(t *testing.T) {
	const app = "repositories/team/app/"
	for _, tc := range []struct {
		method, path string
		lines        []string
		want         []string
		fix          string
	}{
		{http.MethodDelete, "/acr/v1/team/app/_tags/v1", []string{app + "content/read"},
			[]string{"content/delete on team/app"},
			"acrkit emulator scope-map set SCOPE_MAP " + app + "content/delete " + app + "content/read "},
		{http.MethodPost, "/v2/team/app/blobs/uploads/", []string{app + "content/read"},
			[]string{"content/write on team/app"},
			"acrkit emulator scope-map set SCOPE_MAP " + app + "content/read " + app + "content/write "},
		{http.MethodGet, "/v2/team/app/manifests/v1", []string{"repositories/other/content/read"},
			[]string{"content/read on team/app"},
			"acrkit emulator scope-map set SCOPE_MAP " + app + "content/read "},
	} {
		f := lacking(tc.method, tc.path, tc.lines...)(t)
		d := examine(t, f, nil)
		var got []string
		for _, m := range d.Missing {
			got = append(got, m.String())
		}
		if diff := cmp.Diff(tc.want, got); diff != "" || !strings.HasPrefix(d.Fix, tc.fix) {
			t.Errorf("%s %s: %s\n%s", tc.method, tc.path, diff, d.Fix)
		}
	}
	if d := read(t, "GET https://contoso.azurecr.io/v2/: toomanyrequests: x"); len(d.Missing) > 0 {
		t.Errorf("%v", d.Missing)
	}
}

// TestNearest: a name that does not exist is told beside the one that was perhaps meant.
func TestNearest(t *testing.T) {
	r := acrtest.NewRegistry(t, nil)
	r.Push("team/app", "v1.0")
	owner := r.TokenOf("owner", "_repositories_admin")
	principal := r.ServicePrincipal("AcrPull")
	for _, tc := range []struct {
		cred         auth.Credential
		path, target string
		want         string
	}{
		{principal.Credential(), "/v2/team/ap/manifests/v1.0", "", `there is "team/app": did you mean that?`},
		{principal.Credential(), "/v2/team/something-else/manifests/v1.0", "", ""},
		{owner.Credential(), "/v2/team/app/manifests/v1.O", "v1.O", `there is "v1.0": did you mean that?`},
		{owner.Credential(), "/v2/team/app/manifests/unlike", "unlike", ""},
	} {
		tr := r.Transport(tc.cred)
		err := do(t, tr, http.MethodGet, tc.path)
		d, explainErr := diagnose.Explain(t.Context(), diagnose.Attempt{Err: err, Transport: tr, Target: tc.target},
			&diagnose.Options{Base: r.RoundTripper()})
		if explainErr != nil {
			t.Fatal(explainErr)
		}
		first := d.Evidence[0]
		if (tc.want != "") != strings.HasPrefix(first, "there is ") || tc.want != "" && first != tc.want {
			t.Errorf("%s: %s %q, want %q", tc.path, row(t, d.Code).Name, d.Evidence, tc.want)
		}
	}
}

// TestNearest_limit: the hundredth name is looked at, and none behind.
func TestNearest_limit(t *testing.T) {
	r := acrtest.NewRegistry(t, nil)
	r.Push("z/app", "v1")
	for i := range 99 {
		r.Push(fmt.Sprintf("a/%03d", i), "v1")
	}
	tr := r.Transport(r.ServicePrincipal("AcrPull").Credential())
	for _, found := range []bool{true, false} {
		d, err := diagnose.Explain(t.Context(),
			diagnose.Attempt{Err: do(t, tr, http.MethodGet, "/v2/z/ap/manifests/v1"), Transport: tr},
			&diagnose.Options{Base: r.RoundTripper()})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(fmt.Sprint(d.Evidence), "did you mean that?"); got != found {
			t.Errorf("%q, want a name: %v", d.Evidence, found)
		}
		r.Push("a/100", "v1")
	}
}

// TestDoctor_locks: the locks of what a want names are read, so that nothing is called
// right that a push or a deletion then is refused.
func TestDoctor_locks(t *testing.T) {
	r := acrtest.NewRegistry(t, nil)
	img := r.Push("team/app", "v1")
	r.Push("team/app", "v2")
	k := r.TokenOf("owner", "_repositories_admin")
	c := r.Client(k.Credential())
	if _, err := c.UpdateTag(t.Context(), "team/app", "v1", off()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.UpdateManifest(t.Context(), "team/app", img.Digest, off()); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		want diagnose.Want
		text string // of the step "locks"
	}{
		{diagnose.Want{Repository: "team/app", Action: acrkit.ContentWrite},
			`"team/app" is not locked; a tag or digest that the want names is looked at, too`},
		{diagnose.Want{Repository: "team/app", Action: acrkit.ContentWrite, Target: "v1"},
			"the tag is locked: deleteEnabled is false, writeEnabled is false"},
		{diagnose.Want{Repository: "team/app", Action: acrkit.ContentDelete, Target: img.Digest},
			"the manifest is locked: deleteEnabled is false, writeEnabled is false"},
		{diagnose.Want{Repository: "team/app", Action: acrkit.ContentWrite, Target: "new"}, "none forbids it"},
		{diagnose.Want{Repository: "team/app", Action: acrkit.ContentWrite, Target: "v2"}, "none forbids it"},
	} {
		tr := r.Transport(k.Credential())
		steps := walk(t, diagnose.Check{Registry: tr.Registry(), Transport: tr, Wants: []diagnose.Want{tc.want}},
			&diagnose.Options{Base: r.RoundTripper(), Resolver: noAlias{}})
		got := ""
		for _, s := range steps {
			if s.Name == "locks" {
				got = s.Text
			}
		}
		if got != tc.text {
			t.Errorf("%s: %q, want %q", tc.want, got, tc.text)
		}
	}
}
