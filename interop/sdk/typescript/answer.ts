// Lists the repositories of a registry, and says what is wrong where it cannot.
//
//   ACR_NAME=myregistry AZURE_TENANT_ID=... AZURE_CLIENT_ID=... AZURE_CLIENT_SECRET=... npx tsx answer.ts
//
// ACR_NAME is the registry's name or its login server. The service principal needs the
// role AcrPull. Without any AZURE_* of the three, a managed identity signs in, or what
// else DefaultAzureCredential finds.
import { ContainerRegistryClient } from "@azure/container-registry";
import { ClientSecretCredential, DefaultAzureCredential, type TokenCredential } from "@azure/identity";

const reasons: Record<string, string> = {
  AADSTS7000215: "AZURE_CLIENT_SECRET is wrong: it takes the secret's value, not its id",
  AADSTS7000222: "the secret in AZURE_CLIENT_SECRET has expired",
  AADSTS700016: "the tenant has no application with the id in AZURE_CLIENT_ID",
  AADSTS90002: "there is no tenant with the id in AZURE_TENANT_ID",
  endpoints_resolution_error: "there is no tenant with the id in AZURE_TENANT_ID, or Microsoft Entra cannot be reached",
};

function loginServer(): string {
  const name = process.env.ACR_NAME ?? "";
  const host = /[.:]/.test(name) ? name : `${name}.azurecr.io`;
  // The token goes to this host. localhost is a proxy or an emulator.
  if (!/^([a-zA-Z0-9-]{5,}\.azurecr\.(io|cn|us)|localhost:\d+)$/.test(host)) {
    throw new Error(`ACR_NAME is "${name}", which names no registry: myregistry or myregistry.azurecr.io`);
  }
  return host;
}

function signIn(): TokenCredential {
  const names = ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"];
  const missing = names.filter((name) => !process.env[name]);
  if (missing.length === names.length) {
    return new DefaultAzureCredential();
  }
  if (missing.length > 0) {
    throw new Error(`${missing.join(" and ")} must be set, too`);
  }
  const [tenant, client, secret] = names.map((name) => process.env[name]!);
  // Microsoft vouches for its own authorities only.
  const disableInstanceDiscovery = process.env.AZURE_AUTHORITY_HOST !== undefined;
  return new ClientSecretCredential(tenant, client, secret, { disableInstanceDiscovery });
}

function reason(error: any, host: string): string {
  for (const [sign, text] of Object.entries(reasons)) {
    if (error.message.includes(sign)) {
      return text;
    }
  }
  if (error.name === "RestError" && error.statusCode === undefined) {
    return `${host} cannot be reached; is ACR_NAME right? ${error.message}`;
  }
  if (error.statusCode === 401 || error.statusCode === 403) {
    return `the identity may not list the repositories of ${host}: it needs the role AcrPull there`;
  }
  return error.message;
}

let host = "";
try {
  host = loginServer();
  const client = new ContainerRegistryClient(`https://${host}`, signIn());
  for await (const name of client.listRepositoryNames()) {
    console.log("repository:", name);
  }
} catch (error) {
  console.error(reason(error, host));
  process.exitCode = 1;
}
