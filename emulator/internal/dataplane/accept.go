package dataplane

import (
	"net/http"
	"strings"

	"github.com/acrkit/acrkit/emulator/internal/content"
)

// unaccepted returns the service's answer to a request whose Accept does not have a
// manifest's type, "" if the manifest is sent.
//
// An OCI type must be named itself: no header, "*/*" and Docker's types do not match it
// (reported by users: Azure/acr#764, azure-cli#25280, azure-cli#24976). Weights are
// ignored, as in the reference implementation, whose words these are. The service's
// answer for a Docker type that is not in Accept is not known; it is sent.
func unaccepted(header http.Header, mediaType string) string {
	var sentence string
	switch mediaType {
	case content.OCIIndex:
		sentence = "OCI index found, but accept header does not support OCI indexes"
	case content.OCIManifest:
		sentence = "OCI manifest found, but accept header does not support OCI manifests"
	//rule:accept-unaccepted
	case content.OCIArtifact:
		sentence = "OCI artifact found, but accept header does not support OCI artifacts"
	default:
		return ""
	}
	for _, line := range header["Accept"] {
		//rule:accept-unaccepted-3
		for part := range strings.SplitSeq(line, ",") {
			name, _, _ := strings.Cut(part, ";")
			//rule:accept-unaccepted-2
			if strings.EqualFold(strings.TrimSpace(name), mediaType) {
				return ""
			}
		}
	}
	return sentence
}
