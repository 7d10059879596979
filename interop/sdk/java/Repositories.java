import com.azure.containers.containerregistry.ContainerRegistryClient;
import com.azure.containers.containerregistry.ContainerRegistryClientBuilder;
import com.azure.identity.ClientSecretCredentialBuilder;

/**
 * Lists the repositories of a registry as a service principal.
 *
 * <pre>AZURE_TENANT_ID=... AZURE_CLIENT_ID=... AZURE_CLIENT_SECRET=... java Repositories https://myregistry.azurecr.io</pre>
 */
public class Repositories {
    public static void main(String[] args) {
        ClientSecretCredentialBuilder credential = new ClientSecretCredentialBuilder()
            .tenantId(System.getenv("AZURE_TENANT_ID"))
            .clientId(System.getenv("AZURE_CLIENT_ID"))
            .clientSecret(System.getenv("AZURE_CLIENT_SECRET"));
        if (System.getenv("AZURE_AUTHORITY_HOST") != null) {
            credential.disableInstanceDiscovery(); // it is not one that Microsoft vouches for
        }
        ContainerRegistryClient client = new ContainerRegistryClientBuilder()
            .endpoint(args[0])
            .credential(credential.build())
            .buildClient();
        client.listRepositoryNames().forEach(name -> System.out.println("repository: " + name));
    }
}
