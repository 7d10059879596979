// Lists the repositories of a registry as a service principal.
//
//   AZURE_TENANT_ID=... AZURE_CLIENT_ID=... AZURE_CLIENT_SECRET=... npx tsx repositories.ts https://myregistry.azurecr.io
import { ContainerRegistryClient } from "@azure/container-registry";
import { ClientSecretCredential } from "@azure/identity";

const env = process.env;
const credential = new ClientSecretCredential(env.AZURE_TENANT_ID!, env.AZURE_CLIENT_ID!, env.AZURE_CLIENT_SECRET!, {
  // An authority other than Microsoft's own is not one that Microsoft vouches for.
  disableInstanceDiscovery: env.AZURE_AUTHORITY_HOST !== undefined,
});

const client = new ContainerRegistryClient(process.argv[2], credential);
for await (const name of client.listRepositoryNames()) {
  console.log("repository:", name);
}
