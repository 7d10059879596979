// Lists tags with a password that is read from a file, again after each refusal. The token needs metadata/read.
import com.azure.containers.containerregistry.ContainerRegistryClient;
import com.azure.containers.containerregistry.ContainerRegistryClientBuilder;
import io.github.acrkit.NamePassword;
import io.github.acrkit.ScopedToken;
import java.nio.file.Path;

public class FromFile {
    public static void main(String[] args) {
        Path file = Path.of(System.getenv("ACR_TOKEN_PASSWORD_FILE"));
        ScopedToken acr = ScopedToken.from(System.getenv("ACR_NAME"), () ->
            new NamePassword(System.getenv("ACR_TOKEN_NAME"), ScopedToken.secretFile(file)));
        ContainerRegistryClient client = new ContainerRegistryClientBuilder()
            .endpoint(acr.endpoint())
            .httpClient(acr.httpClient())
            .buildClient();
        client.getRepository(args[0]).listManifestProperties().forEach(manifest -> {
            if (manifest.getTags() != null) {
                manifest.getTags().forEach(System.out::println);
            }
        });
    }
}
