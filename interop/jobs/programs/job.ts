// One job with Microsoft's clients: job.ts repositories | tags|delete-tag|blob REPOSITORY [TAG].
import { ContainerRegistryClient, ContainerRegistryContentClient } from "@azure/container-registry";
import { scopedToken } from "./acrkit/index.js";

const { ACR_NAME = "", ACR_TOKEN_NAME = "", ACR_TOKEN_PASSWORD = "" } = process.env;
const acr = scopedToken(ACR_NAME, ACR_TOKEN_NAME, ACR_TOKEN_PASSWORD);
const [job, repository = "", tag = "v1"] = process.argv.slice(2);
const client = new ContainerRegistryClient(acr.endpoint, acr.credential, acr.options);
if (job === "repositories") {
  for await (const name of client.listRepositoryNames()) console.log(name);
} else if (job === "tags") {
  for await (const { name } of client.getArtifact(repository, tag).listTagProperties()) console.log(name);
} else if (job === "delete-tag") {
  await client.getArtifact(repository, tag).deleteTag(tag);
} else if (job === "blob") {
  const content = new ContainerRegistryContentClient(acr.endpoint, repository, acr.credential, acr.options);
  const report = Buffer.alloc(100_000);
  const { digest } = await content.uploadBlob(report);
  const parts: Buffer[] = [];
  for await (const part of (await content.downloadBlob(digest)).content) parts.push(Buffer.from(part));
  if (!Buffer.concat(parts).equals(report)) throw new Error("the blob came back changed");
  console.log("the same");
}
