import com.azure.containers.containerregistry.ContainerRegistryClient;
import com.azure.containers.containerregistry.ContainerRegistryClientBuilder;
import com.azure.containers.containerregistry.models.ArtifactManifestOrder;
import com.azure.containers.containerregistry.models.ArtifactTagOrder;
import com.azure.core.util.Context;
import com.azure.identity.ClientSecretCredentialBuilder;

import java.util.List;
import java.util.function.Function;

/**
 * Lists a repository in pages of two, the tags of one of its images from the newest and its manifests from the oldest,
 * and counts the tags of another repository's images.
 *
 * <pre>AZURE_TENANT_ID=... AZURE_CLIENT_ID=... AZURE_CLIENT_SECRET=... java Pages https://myregistry.azurecr.io team/app team/other v1</pre>
 */
public class Pages {
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
        client.getArtifact(args[1], args[3]).listTagProperties(ArtifactTagOrder.LAST_UPDATED_ON_DESCENDING, Context.NONE)
            .iterableByPage(2).forEach(page -> print("tags:", page.getValue(), tag -> tag.getName()));
        client.getRepository(args[1]).listManifestProperties(ArtifactManifestOrder.LAST_UPDATED_ON_ASCENDING, Context.NONE)
            .iterableByPage(2).forEach(page -> print("manifests:", page.getValue(), image -> image.getDigest()));
        long count = client.getRepository(args[2]).listManifestProperties().stream()
            .mapToLong(image -> client.getArtifact(args[2], image.getDigest()).listTagProperties().stream().count()).sum();
        System.out.println("other tags: " + count);
    }

    private static <T> void print(String what, List<T> items, Function<T, String> name) {
        StringBuilder line = new StringBuilder(what);
        items.forEach(item -> line.append(' ').append(name.apply(item)));
        System.out.println(line);
    }
}
