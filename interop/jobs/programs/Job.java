import com.azure.containers.containerregistry.ContainerRegistryClient;
import com.azure.containers.containerregistry.ContainerRegistryClientBuilder;
import com.azure.containers.containerregistry.ContainerRegistryContentClient;
import com.azure.containers.containerregistry.ContainerRegistryContentClientBuilder;
import com.azure.core.util.BinaryData;
import io.github.acrkit.ScopedToken;
import java.io.ByteArrayOutputStream;
import java.nio.channels.Channels;
import java.util.Arrays;

/** One job with Microsoft's clients: Job repositories | tags|delete-tag|blob REPOSITORY [TAG]. */
public class Job {
    public static void main(String[] args) {
        ScopedToken acr = ScopedToken.of(
            System.getenv("ACR_NAME"), System.getenv("ACR_TOKEN_NAME"), System.getenv("ACR_TOKEN_PASSWORD"));
        ContainerRegistryClient client = new ContainerRegistryClientBuilder()
            .endpoint(acr.endpoint()).httpClient(acr.httpClient()).buildClient();
        switch (args[0]) {
            case "repositories":
                client.listRepositoryNames().forEach(System.out::println);
                break;
            case "tags":
                client.getArtifact(args[1], "v1").listTagProperties().forEach(t -> System.out.println(t.getName()));
                break;
            case "delete-tag":
                client.getArtifact(args[1], args[2]).deleteTag(args[2]);
                break;
            default:
                ContainerRegistryContentClient content = new ContainerRegistryContentClientBuilder()
                    .endpoint(acr.endpoint()).httpClient(acr.httpClient()).repositoryName(args[1]).buildClient();
                byte[] report = new byte[100_000];
                String digest = content.uploadBlob(BinaryData.fromBytes(report)).getDigest();
                ByteArrayOutputStream copy = new ByteArrayOutputStream();
                content.downloadStream(digest, Channels.newChannel(copy));
                if (!Arrays.equals(copy.toByteArray(), report)) {
                    throw new IllegalStateException("the blob came back changed");
                }
                System.out.println("the same");
        }
    }
}
