import { ContainerRegistryClient } from "@azure/container-registry";
import { DefaultAzureCredential } from "@azure/identity";

const client = new ContainerRegistryClient(`https://${process.env.ACR_NAME}`, new DefaultAzureCredential());
const [repository, tag] = process.argv.slice(2);
for await (const { name } of client.getArtifact(repository, tag).listTagProperties()) {
  console.log(name);
}
