package diagnose

import (
	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
)

// causesOfRequests lie in what was asked for: rights, items, locks, clients.
func causesOfRequests() []Cause {
	return []Cause{
		{
			Code: cause.MetadataReadMissing, Name: "metadata-read-missing", Class: acrkit.CodeInsufficientScope, Basis: Recorded,
			Title:  "metadata/read is missing, which listing tags needs at ACR",
			Shows:  `401 with scope="repository:NAME:metadata_read"`,
			Tells:  "content/read is there: pulls work",
			Proves: "the challenge's scope against what a token that asked for all was granted",
			Mend:   "az acr scope-map update --registry REGISTRY --name SCOPE_MAP --add-repository REPOSITORY metadata/read",
		},
		{
			Code: cause.PushWithoutPull, Name: "push-without-pull", Class: acrkit.CodeInsufficientScope, Basis: Recorded,
			Title:  "content/write is there without content/read, and a push needs both",
			Shows:  `401 with scope="repository:NAME:pull,push", and the token holds push`,
			Tells:  "without push it is ACRK005",
			Proves: "what a token that asked for both was granted",
			Mend:   "az acr scope-map update --registry REGISTRY --name SCOPE_MAP --add-repository REPOSITORY content/read",
		},
		{
			Code: cause.CatalogScoped, Name: "catalog-scoped", Class: acrkit.CodeInsufficientScope, Basis: Recorded,
			Title:  "a scope-mapped token cannot list the registry's repositories",
			Shows:  `401 with scope="registry:catalog:*"`,
			Tells:  "repositories by name work",
			Proves: "the challenge's scope",
			Mend:   "acrkit repo list REGISTRY --repository REPOSITORY    # name them",
		},
		{
			Code: cause.WildcardWrong, Name: "wildcard-wrong", Class: acrkit.CodeInsufficientScope, Basis: Documented,
			Title:  "a wildcard of the scope map is written so that it holds nothing",
			Shows:  "a right is missing that the scope map seems to hold: team*, a/*/b",
			Tells:  "only a trailing /* and * alone are wildcards",
			Proves: "the lines of the scope map, from Azure Resource Manager",
			Mend:   "az acr scope-map update --registry REGISTRY --name SCOPE_MAP --add-repository REPOSITORY ACTIONS",
		},
		{
			Code: cause.MountSourceMissing, Name: "mount-source-missing", Class: acrkit.CodeInsufficientScope, Basis: Recorded,
			Title:  "a mount needs content/read on its source, in the same token",
			Shows:  "401 to a POST with mount= and from=, and the source's pull is what is missing",
			Tells:  "an upload without the mount works",
			Proves: "the challenge's two scopes against the access claim",
			Mend:   "az acr scope-map update --registry REGISTRY --name SCOPE_MAP --add-repository REPOSITORY content/read",
		},
		{
			Code: cause.AskedTooLittle, Name: "asked-too-little", Class: acrkit.CodeInsufficientScope, Basis: Recorded,
			Title:  "the client asked for fewer rights than it has and needs",
			Shows:  "401 insufficient_scope to a client that always asks for pull",
			Tells:  "a token that asks for the challenge's scope is granted it",
			Proves: "a token for the challenge's scope, with the same credential",
			Mend:   "acrkit run --registry REGISTRY -- TOOL    # and update the tool: it must ask for the challenge's scope",
		},
		{
			Code: cause.NoRightHere, Name: "no-right-here", Class: acrkit.CodeInsufficientScope, Basis: Recorded,
			Title:  "the credential has no right at all on this repository",
			Shows:  "a token that asks for all five actions is granted none",
			Tells:  "some right is ACRK005, 070 or 071",
			Proves: "the access claim of a token that asked for all five",
			Mend:   "az acr scope-map update --registry REGISTRY --name SCOPE_MAP --add-repository REPOSITORY ACTIONS",
		},
		{
			Code: cause.RepositoryUnknown, Name: "repository-unknown", Class: acrkit.CodeNotFound, Basis: Recorded,
			Title:  "the repository does not exist",
			Shows:  "404 NAME_UNKNOWN; some clients show it as unauthorized",
			Tells:  "the right was there: the granted token contains it",
			Proves: "404 to a request that was authorized",
			Mend:   "acrkit repo list REGISTRY",
		},
		{
			Code: cause.TagUnknown, Name: "tag-unknown", Class: acrkit.CodeNotFound, Basis: Recorded,
			Title:  "the repository has no such tag or manifest",
			Shows:  "404 MANIFEST_UNKNOWN or TAG_UNKNOWN; some clients show it as unauthorized",
			Tells:  "other tags of the repository are found",
			Proves: "404 to a request that was authorized",
			Mend:   "acrkit tag list REGISTRY/REPOSITORY",
		},
		{
			Code: cause.LoginServerPort, Name: "login-server-port", Class: acrkit.CodeNotFound, Basis: Believed,
			Title:  "the login server is written with :443, which ACR does not know",
			Shows:  "401 or 404 although everything is right; the reference holds :443",
			Tells:  "without the port it works",
			Proves: "the host as it was written",
			Mend:   "acrkit tag list REGISTRY/REPOSITORY",
		},
		{
			Code: cause.TagLocked, Name: "tag-locked", Class: acrkit.CodeLocked, Basis: Recorded,
			Title:  "the tag is locked",
			Shows:  "405 REGISTRY_DISALLOWED_OPERATION to writing or deleting a tag",
			Tells:  "the manifest has a lock of its own (ACRK084)",
			Proves: "the tag's changeable attributes",
			Mend:   "az acr repository update --name REGISTRY --image REPOSITORY:TAG --write-enabled true --delete-enabled true",
		},
		{
			Code: cause.ManifestLocked, Name: "manifest-locked", Class: acrkit.CodeLocked, Basis: Recorded,
			Title:  "the manifest is locked",
			Shows:  "405 REGISTRY_DISALLOWED_OPERATION to a manifest, while its tag is not locked",
			Tells:  "the tag has a lock of its own (ACRK083)",
			Proves: "the manifest's changeable attributes",
			Mend:   "az acr repository update --name REGISTRY --image REPOSITORY@DIGEST --write-enabled true --delete-enabled true",
		},
		{
			Code: cause.RepositoryLocked, Name: "repository-locked", Class: acrkit.CodeLocked, Basis: Recorded,
			Title:  "the repository is locked",
			Shows:  "405 REGISTRY_DISALLOWED_OPERATION in the whole repository",
			Tells:  "tag and manifest are not locked",
			Proves: "the repository's changeable attributes",
			Mend:   "az acr repository update --name REGISTRY --repository REPOSITORY --write-enabled true --delete-enabled true",
		},
		{
			Code: cause.BlobUnknown, Name: "blob-unknown", Class: acrkit.CodeNotFound, Basis: Recorded,
			Title:  "the repository does not hold the blob",
			Shows:  "404 BLOB_UNKNOWN",
			Tells:  "the manifest is there",
			Proves: "404 to a request that was authorized",
			Mend:   "acrkit manifest view REGISTRY/REPOSITORY:TAG",
		},
		{
			Code: cause.RepositoryNameWrong, Name: "repository-name-wrong", Class: acrkit.CodeNotFound, Basis: Recorded,
			Title:  "the repository's name cannot exist: upper case, or characters that no name has",
			Shows:  `404 "404 page not found" as text, without a challenge`,
			Tells:  "the answer comes before authentication",
			Proves: "the name itself",
			Mend:   "acrkit repo list REGISTRY",
		},
		{
			Code: cause.StoreIgnored, Name: "store-ignored", Class: acrkit.CodeCredentialMissing, Basis: Believed,
			Title:  "the client does not read the store where docker login put the credential",
			Shows:  "docker works and another client is anonymous; Docker's configuration names a credsStore, or has the user <token>",
			Tells:  "where the entry holds a password, other clients read it",
			Proves: "Docker's configuration, and that the client's requests carry no credential",
			Mend:   "acrkit run --registry REGISTRY -- TOOL    # lends the credential in a form that all clients read",
		},
		{
			Code: cause.LocalFailure, Name: "local-failure", Basis: Documented,
			Title:  "something on this machine failed: a file, a disk, a port or a program",
			Shows:  "an error of acrkit before anything was sent, or about its own files and output",
			Tells:  "no registry and no status is in it",
			Proves: "the operating system's own error",
			Mend:   "df -h . && id    # room on the disk, and who this user is",
		},
	}
}
