// Lists a repository in pages of two, the tags of one of its images from the newest and its manifests from the oldest,
// and counts the tags of another repository's images.
//
//   AZURE_TENANT_ID=... AZURE_CLIENT_ID=... AZURE_CLIENT_SECRET=... \
//     npx tsx pages.ts https://myregistry.azurecr.io team/app team/other v1
import { ContainerRegistryClient } from "@azure/container-registry";
import { ClientSecretCredential } from "@azure/identity";

const env = process.env;
const credential = new ClientSecretCredential(env.AZURE_TENANT_ID!, env.AZURE_CLIENT_ID!, env.AZURE_CLIENT_SECRET!, {
  // An authority other than Microsoft's own is not one that Microsoft vouches for.
  disableInstanceDiscovery: env.AZURE_AUTHORITY_HOST !== undefined,
});

const [endpoint, repository, other, tag] = process.argv.slice(2);
const client = new ContainerRegistryClient(endpoint, credential);
const tags = client.getArtifact(repository, tag).listTagProperties({ order: "LastUpdatedOnDescending" });
for await (const page of tags.byPage({ maxPageSize: 2 })) {
  console.log("tags:", ...page.map(({ name }) => name));
}
const manifests = client.getRepository(repository).listManifestProperties({ order: "LastUpdatedOnAscending" });
for await (const page of manifests.byPage({ maxPageSize: 2 })) {
  console.log("manifests:", ...page.map(({ digest }) => digest));
}
let count = 0;
for await (const { digest } of client.getRepository(other).listManifestProperties()) {
  for await (const _ of client.getArtifact(other, digest).listTagProperties()) count++;
}
console.log("other tags:", count);
