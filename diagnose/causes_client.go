package diagnose

import (
	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
)

// causesOfClients lie in what a client asked, of whom, and how it sent it.
func causesOfClients() []Cause {
	return []Cause{
		{
			Code: cause.OtherRegistry, Name: "other-registry", Class: acrkit.CodeUsage, Basis: Documented,
			Title:  "the request went to another registry",
			Shows:  "the host in the error is Docker Hub's or another registry's; a reference without .azurecr.io means Docker Hub",
			Tells:  "no login server of ACR is in the failed request",
			Proves: "the host of the failed request",
			Mend:   asWritten,
		},
		{
			Code: cause.PlatformMissing, Name: "platform-missing", Class: acrkit.CodeNotFound, Basis: Documented,
			Title:  "the image has no manifest for this platform",
			Shows:  `"no match for platform in manifest" or "no matching manifest for linux/arm64"`,
			Tells:  "the index was read, so name, tag and rights are good",
			Proves: "the platforms that the index lists",
			Mend:   "docker buildx build --platform linux/amd64,linux/arm64 --push --tag REGISTRY/REPOSITORY:TAG FOLDER",
		},
		{
			Code: cause.AcceptLacksType, Name: "accept-lacks-type", Class: acrkit.CodeNotFound, Basis: Documented,
			Title:  "the client's Accept header does not take the manifest's media type",
			Shows:  `404 MANIFEST_UNKNOWN "OCI artifact found, but accept header does not support OCI artifacts", or of OCI indexes or manifests`,
			Tells:  "a manifest that is missing has another message",
			Proves: "the message",
			Mend:   "acrkit manifest view REGISTRY/REPOSITORY:TAG    # and update the client: it does not know OCI's media types",
		},
		{
			Code: cause.UploadLost, Name: "upload-lost", Class: acrkit.CodeNotFound, Basis: Documented,
			Title:  "the upload session is gone, or a part was sent twice",
			Shows:  "404 BLOB_UPLOAD_UNKNOWN or BLOB_UPLOAD_INVALID during a push, often after a retry",
			Tells:  "ACR does not take a part again at an address that it has answered",
			Proves: "the code",
			Mend:   "docker push REGISTRY/REPOSITORY:TAG    # again from the start; if it repeats, look for a proxy or a client that sends parts again",
		},
		{
			Code: cause.ClientDeadline, Name: "client-deadline", Class: acrkit.CodeUnavailable, Basis: Documented,
			Title:  "the client gave up at its own deadline",
			Shows:  `"context deadline exceeded" with no failure of the connection`,
			Tells:  "an address that does not answer is ACRK019",
			Proves: "the same request with more time",
			Mend:   "curl -sS -m 60 -o /dev/null -w '%{time_connect} %{time_total}\\n' https://REGISTRY/v2/",
		},
		{
			Code: cause.SecretTooLong, Name: "secret-too-long", Class: acrkit.CodeTooLarge, Basis: Documented,
			Title:  "the credential is too long for the store of the system",
			Shows:  `"The stub received bad data" from a credential helper on Windows, whose store takes 2560 bytes`,
			Tells:  "a token's password is short; tokens of Entra and of az acr login are long",
			Proves: "the message, which is Windows' for a value that is too long",
			Mend:   "acrkit login REGISTRY --token-name TOKEN    # a password is short",
		},
		{
			Code: cause.ImportSourceRefused, Name: "import-source-refused", Class: acrkit.CodeDenied, Basis: Documented,
			Title:  "the source of an import refused",
			Shows:  "an import fails, and the message speaks of the source registry",
			Tells:  "a refusal of the target names the right that its identity lacks",
			Proves: "the message",
			Mend:   "az acr import --name REGISTRY --source SOURCE --username USER --password PASSWORD",
		},
		{
			Code: cause.UploadPartRefused, Name: "upload-part-refused", Class: acrkit.CodeTooLarge, Basis: Documented,
			Title:  "a part of an upload is refused for its size or range",
			Shows:  "413, 416, CONTENT_LENGTH_INVALID, SIZE_INVALID or BLOB_UPLOAD_RANGE_INVALID to a part of an upload",
			Tells:  "the session itself is known",
			Proves: "the status or code, to a request below /blobs/uploads/",
			Mend:   "docker push REGISTRY/REPOSITORY:TAG    # with a client that sends parts of at most 20 MB with Content-Length, and no proxy on the way",
		},
		{
			Code: cause.ProxyMalformed, Name: "proxy-malformed", Class: acrkit.CodeUsage, Basis: Documented,
			Title:  "a proxy variable is no URL",
			Shows:  "HTTPS_PROXY is set and no proxy is used: programs in Go drop a value that they cannot read, and others stop; acrkit sends nothing",
			Tells:  "a proxy that is read and cannot be reached is ACRK024",
			Proves: "the value of the variable: a % in a password, for instance, must be written %25",
			Mend:   "export HTTPS_PROXY=http://USER:PASSWORD@PROXY:PORT    # with % as %25, @ as %40 and # as %23 in the password",
		},
		{
			Code: cause.PasswordByteOrderMark, Name: "password-byte-order-mark", Class: acrkit.CodeUsage, Basis: Documented,
			Title:  "a byte order mark stands before the password",
			Shows:  "as ACRK004; the password came from a file that an editor or PowerShell wrote as UTF-8 with a mark",
			Tells:  "a password of ACR has no bytes EF BB BF",
			Proves: "the first three bytes of the value that was given",
			Mend:   `printf %s "$PASSWORD" > password.txt    # without a mark; in PowerShell: Set-Content -Encoding ascii -NoNewline`,
		},
		{
			Code: cause.OtherCloud, Name: "other-cloud", Class: acrkit.CodeCredentialRejected, Basis: Recorded,
			Title:  "the Entra token is for Azure Resource Manager of another cloud",
			Shows:  `401 from /oauth2/exchange, "retrieving permissions failed"`,
			Tells:  "an identity without a role is told the same with 403",
			Proves: "the token's aud",
			Mend:   "az account get-access-token --resource https://containerregistry.azure.net    # the same audience in all clouds",
		},
		{
			Code: cause.StorageLimit, Name: "storage-limit", Class: acrkit.CodeLocked, Basis: Documented,
			Title:  "the registry's storage is full",
			Shows:  "405 REGISTRY_DISALLOWED_OPERATION to a push, and to no pull",
			Tells:  "no lock is on the tag, the manifest or the repository",
			Proves: "the registry's usage of its storage, from Azure Resource Manager",
			Mend:   "az acr show-usage --name REGISTRY    # then delete images, or az acr update --name REGISTRY --sku Premium",
		},
	}
}
