// Lists the tags of the repository named as its argument. The token needs metadata/read on it.
import { ContainerRegistryClient } from "@azure/container-registry";
import { scopedToken } from "./acr.mjs";

const { ACR_ENDPOINT, ACR_TOKEN_NAME, ACR_TOKEN_PASSWORD } = process.env;
const acr = scopedToken(ACR_ENDPOINT, ACR_TOKEN_NAME, ACR_TOKEN_PASSWORD);
const client = new ContainerRegistryClient(acr.endpoint, acr.credential, acr.options);
for await (const tag of client.getArtifact(process.argv[2], "latest").listTagProperties()) {
  console.log(tag.name);
}
