// Package registry is a typed client of ACR's metadata API, /acr/v1: lists of
// repositories, tags and manifests, their properties and locks, and deletes.
//
//	rt, err := auth.NewTransport("myregistry", cred, nil)
//	…
//	client, err := registry.New("myregistry", rt, nil)
//	…
//	for tag, err := range client.Tags(ctx, "samples/app", nil) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(tag.Name)
//	}
//
// Lists ([Client.Repositories], [Client.Tags], [Client.Manifests], [Client.Referrers])
// fetch page by page in bounded memory. They are complete or fail: the last value of a
// list that could not be completed is an error. [ListOptions] limit and order them. [Client.UpdateTag] and the
// like set locks. The comment of each method names the right that it needs.
//
// Requests have time limits: the header of an answer must come within 30 seconds, or five
// minutes for a delete, and its body must deliver a KiB in each 30 seconds. A page that
// passes a limit is requested once more, and then the list fails. In total a request or a
// list may take as long as its context allows.
//
// Every error is an [acrkit.Error]. Its Required scope is what the registry's challenge
// asked for; beneath it are the registry's own error codes, each an [acrkit.ServiceError].
//
// The package does not push or pull images, apart from [Client.ManifestContent]: use
// oras-go or go-containerregistry over the same transport.
//
// Source: recorded traffic of Microsoft's clients; Microsoft documents the API as version
// 2021-07-01, which differs in details (fields that may be absent).
package registry
