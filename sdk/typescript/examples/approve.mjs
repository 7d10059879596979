// Attaches a report to an image, tags the image as approved, and locks that tag.
import { ContainerRegistryClient, ContainerRegistryContentClient } from "@azure/container-registry";
import { scopedToken } from "acrkit";

const { ACR_NAME, ACR_TOKEN_NAME, ACR_TOKEN_PASSWORD } = process.env;
const [repository, tag] = process.argv.slice(2);
const acr = scopedToken(ACR_NAME, ACR_TOKEN_NAME, ACR_TOKEN_PASSWORD);
const client = new ContainerRegistryClient(acr.endpoint, acr.credential, acr.options);
const content = new ContainerRegistryContentClient(acr.endpoint, repository, acr.credential, acr.options);

const image = await content.getManifest(tag);
const report = await content.uploadBlob(Buffer.from(`report on ${image.digest}\n`));
console.log("report:", report.digest, report.sizeInBytes);

const approved = `${tag}-approved`;
await content.setManifest(image.content, { tag: approved, mediaType: image.mediaType });
const artifact = client.getArtifact(repository, approved);
await artifact.updateTagProperties(approved, { canWrite: false, canDelete: false });
console.log("locked:", approved, (await artifact.getTagProperties(approved)).digest === image.digest);
