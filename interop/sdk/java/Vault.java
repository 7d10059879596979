import com.azure.core.credential.TokenRequestContext;
import com.azure.identity.DefaultAzureCredentialBuilder;

/** Signs in to Key Vault, another service than the registry. */
public class Vault {
    public static void main(String[] args) {
        var request = new TokenRequestContext().addScopes("https://vault.azure.net/.default");
        System.out.println(new DefaultAzureCredentialBuilder().build().getTokenSync(request).getToken());
    }
}
