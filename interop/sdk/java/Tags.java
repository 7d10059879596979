import com.azure.containers.containerregistry.ContainerRegistryClientBuilder;
import com.azure.identity.DefaultAzureCredentialBuilder;

public class Tags {
    public static void main(String[] args) {
        var client = new ContainerRegistryClientBuilder().endpoint("https://" + System.getenv("ACR_NAME"))
            .credential(new DefaultAzureCredentialBuilder().build()).buildClient();
        client.getArtifact(args[0], args[1]).listTagProperties().forEach(tag -> System.out.println(tag.getName()));
    }
}
