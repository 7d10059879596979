// Lists tags with the asynchronous client. The token needs metadata/read.
import com.azure.containers.containerregistry.ContainerRegistryAsyncClient;
import com.azure.containers.containerregistry.ContainerRegistryClientBuilder;
import io.github.acrkit.ScopedToken;
import java.util.List;
import java.util.Objects;

public class ListTagsAsync {
    public static void main(String[] args) {
        ScopedToken acr = ScopedToken.of(
            System.getenv("ACR_NAME"), System.getenv("ACR_TOKEN_NAME"), System.getenv("ACR_TOKEN_PASSWORD"));
        ContainerRegistryAsyncClient client = new ContainerRegistryClientBuilder()
            .endpoint(acr.endpoint())
            .httpClient(acr.httpClient())
            .buildAsyncClient();
        client.getRepository(args[0])
            .listManifestProperties()
            .flatMapIterable(manifest -> Objects.requireNonNullElse(manifest.getTags(), List.<String>of()))
            .doOnNext(System.out::println)
            .blockLast();
    }
}
