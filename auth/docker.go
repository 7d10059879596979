package auth

import (
	"os"

	"github.com/acrkit/acrkit/internal/loginfile"
)

// dockerConfigCredential is what Docker and podman keep for the registry it is bound to.
type dockerConfigCredential struct {
	description
	sources []loginSource
}

// DockerConfig is the credential that `docker login`, `podman login` or
// `az acr login` left for the registry: in the given files or, if none is given,
// where [DockerConfigFromEnvironment] looks.
//
// In a file, the first of these counts: credHelpers for the registry's host, the
// credsStore, auths (auth; username and password; identitytoken). At a regional
// endpoint, the entries for the login server come after those for the host itself. A
// helper is the program docker-credential-NAME in PATH; it reads the host from its
// standard input and has ten seconds. Keys of auths may be the host,
// its URL as Docker wrote it once, or, as podman has them, host and repository
// prefix ("myregistry.azurecr.io/team"): the longest prefix that holds a
// repository wins, as in [ByRepository], before helpers and across files.
//
// [NewTransport] reads which prefixes there are. The credential itself is read
// when a token is needed for the first time, kept, and read again when it is
// refused, so that a new login reaches a running client.
//
// Where there is none, the error has [acrkit.CodeCredentialMissing], and a [Chain] tries
// its next credential. A file that cannot be read, an incomplete entry, or a helper that
// fails, hangs or is not installed is an error that names it: requests never become
// anonymous by accident.
func DockerConfig(files ...string) Credential {
	if len(files) == 0 {
		return DockerConfigFromEnvironment(nil)
	}
	sources := make([]loginSource, 0, len(files))
	for _, f := range files {
		sources = append(sources, loginSource{file: f})
	}
	return newDockerConfig(sources)
}

// DockerConfigFromEnvironment is [DockerConfig] for the places that the environment
// names; a nil lookup is [os.LookupEnv]. In this order:
//
//  1. DOCKER_AUTH_CONFIG, the text of a config.json, as Docker and GitLab's runner
//     have it;
//  2. $DOCKER_CONFIG/config.json, else ~/.docker/config.json;
//  3. podman's files: $REGISTRY_AUTH_FILE alone, else
//     $XDG_RUNTIME_DIR/containers/auth.json (/run/containers/UID/auth.json where the
//     variable is not set; neither but on Linux) and then
//     $XDG_CONFIG_HOME/containers/auth.json (~/.config/containers/auth.json where
//     the variable is not set, and always but on Linux).
func DockerConfigFromEnvironment(lookup func(string) (string, bool)) Credential {
	if lookup == nil {
		lookup = os.LookupEnv
	}
	system := loginfile.System{LookupEnv: lookup, UserID: os.Getuid()}
	//rule:login-places-docker-config-from-environment
	sources := []loginSource{{variable: loginfile.EnvText, text: system.Text}}
	if file := system.DockerFile(); file != "" {
		sources = append(sources, loginSource{file: file})
	}
	for _, file := range system.PodmanFiles() {
		sources = append(sources, loginSource{file: file})
	}
	return newDockerConfig(sources)
}

func newDockerConfig(sources []loginSource) Credential {
	return &dockerConfigCredential{description{KindDockerConfig, "Docker configuration"}, sources}
}

//nolint:unparam // the interface has an error
func (c *dockerConfigCredential) parts(t *Transport) (map[string]Credential, error) {
	parts := map[string]Credential{"": &dockerPart{c.description, c, ""}}
	for _, source := range c.sources {
		doc, err := source.read(t.registry)
		if err != nil {
			continue // reported when the file is needed; in a chain it may never be
		}
		for prefix := range doc.auths {
			parts[prefix] = &dockerPart{c.description, c, prefix}
		}
	}
	return parts, nil
}

func (c *dockerConfigCredential) bind(t *Transport) (grant, error) { return nil, errDivided(t) }

// dockerPart is what the files have for one repository prefix.
type dockerPart struct {
	description
	config *dockerConfigCredential
	prefix string
}

func (p *dockerPart) bind(t *Transport) (grant, error) {
	g := &dockerGrant{t: t, part: p}
	g.reads.init()
	return g, nil
}
