// Attaches a report to an image, tags the image as approved, and locks that tag.
//
//   acrkit proxy myregistry.azurecr.io -- npx tsx promote.ts samples/app v1
import { ContainerRegistryClient, ContainerRegistryContentClient } from "@azure/container-registry";
import type { TokenCredential } from "@azure/identity";
import { buffer } from "node:stream/consumers";

// Shows the proxy the key that it made for this run.
const credential: TokenCredential = {
  getToken: async () => ({ token: process.env.ACRKIT_PROXY_KEY!, expiresOnTimestamp: Date.now() + 3600_000 }),
};

const endpoint = process.env.ACRKIT_PROXY_URL!;
const client = new ContainerRegistryClient(endpoint, credential);
if (process.argv.length === 2) { // what is there?
  for await (const name of client.listRepositoryNames()) {
    console.log(name);
  }
  process.exit();
}
const [repository, tag] = process.argv.slice(2);
const approved = `${tag}-approved`;
const content = new ContainerRegistryContentClient(endpoint, repository, credential);

const tags = [];
for await (const t of client.getArtifact(repository, tag).listTagProperties()) {
  tags.push(t.name);
}
console.log("tags:", ...tags);

const image = await content.getManifest(tag);
console.log("manifest:", image.digest);

const report = Buffer.concat([Buffer.from(`report on ${image.digest}\n`), Buffer.alloc(5 << 20)]); // more than one chunk
const blob = await content.uploadBlob(report);
const copy = await buffer((await content.downloadBlob(blob.digest)).content);
if (!copy.equals(report)) {
  throw new Error("the blob came back changed");
}
console.log("blob:", blob.digest, blob.sizeInBytes);

await content.setManifest(image.content, { tag: approved, mediaType: image.mediaType });
const artifact = client.getArtifact(repository, approved);
await artifact.updateTagProperties(approved, { canWrite: false, canDelete: false });
console.log("approved:", approved, "writable:", (await artifact.getTagProperties(approved)).canWrite);
