// Signs in to Key Vault, another service than the registry.
import { DefaultAzureCredential } from "@azure/identity";

console.log((await new DefaultAzureCredential().getToken("https://vault.azure.net/.default")).token);
