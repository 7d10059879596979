import { ContainerRegistryContentClient } from "@azure/container-registry";
import { scopedTokenFrom, secretFile } from "acrkit";

const { ACR_NAME, ACR_TOKEN_NAME, ACR_TOKEN_PASSWORD_FILE } = process.env;
const [repository, tag] = process.argv.slice(2);
const acr = scopedTokenFrom(ACR_NAME, () => ({ name: ACR_TOKEN_NAME, password: secretFile(ACR_TOKEN_PASSWORD_FILE) }));
const content = new ContainerRegistryContentClient(acr.endpoint, repository, acr.credential, acr.options);
console.log((await content.getManifest(tag)).digest);
