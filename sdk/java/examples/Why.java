import com.azure.containers.containerregistry.ContainerRegistryClient;
import com.azure.containers.containerregistry.ContainerRegistryClientBuilder;
import com.azure.core.exception.HttpResponseException;
import io.github.acrkit.Refusal;
import io.github.acrkit.ScopedToken;

public class Why {
    public static void main(String[] args) {
        ScopedToken acr = ScopedToken.of(
            System.getenv("ACR_NAME"), System.getenv("ACR_TOKEN_NAME"), System.getenv("ACR_TOKEN_PASSWORD"));
        ContainerRegistryClient client = new ContainerRegistryClientBuilder()
            .endpoint(acr.endpoint())
            .httpClient(acr.httpClient())
            .buildClient();
        try {
            System.out.println(client.getRepository(args[0]).getProperties().getTagCount() + " tags");
        } catch (HttpResponseException e) {
            System.out.println(Refusal.of(e).map(Refusal::getMessage).orElseGet(e::getMessage));
        }
    }
}
