// Says why a repository is refused, to a person and to a program.
import { ContainerRegistryClient } from "@azure/container-registry";
import { refusalOf, scopedToken } from "acrkit";

const { ACR_NAME, ACR_TOKEN_NAME, ACR_TOKEN_PASSWORD } = process.env;
const acr = scopedToken(ACR_NAME, ACR_TOKEN_NAME, ACR_TOKEN_PASSWORD);
const client = new ContainerRegistryClient(acr.endpoint, acr.credential, acr.options);
try {
  await client.getRepository(process.argv[2]).getProperties();
} catch (error) {
  console.log(error.message);
  console.log(error.statusCode, error.code, refusalOf(error)?.facts.right);
}
