import com.azure.containers.containerregistry.ContainerRegistryClientBuilder;
import com.azure.core.credential.TokenCredential;
import com.azure.core.exception.HttpResponseException;
import com.azure.identity.ClientSecretCredentialBuilder;
import com.azure.identity.DefaultAzureCredentialBuilder;
import com.microsoft.aad.msal4j.MsalException;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/**
 * Lists the repositories of a registry, and says what is wrong where it cannot.
 *
 * <pre>ACR_NAME=myregistry AZURE_TENANT_ID=... AZURE_CLIENT_ID=... AZURE_CLIENT_SECRET=... java Answer</pre>
 *
 * ACR_NAME is the registry's name or its login server. The service principal needs the
 * role AcrPull. Without any AZURE_* of the three, a managed identity signs in, or what
 * else DefaultAzureCredential finds.
 */
public class Answer {
    private static final Map<String, String> REASONS = Map.of(
        "AADSTS7000215", "AZURE_CLIENT_SECRET is wrong: it takes the secret's value, not its id",
        "AADSTS7000222", "the secret in AZURE_CLIENT_SECRET has expired",
        "AADSTS700016", "the tenant has no application with the id in AZURE_CLIENT_ID",
        "AADSTS90002", "there is no tenant with the id in AZURE_TENANT_ID");

    public static void main(String[] args) {
        String host = "";
        try {
            host = loginServer();
            var client = new ContainerRegistryClientBuilder()
                .endpoint("https://" + host).credential(signIn()).buildClient();
            client.listRepositoryNames().forEach(name -> System.out.println("repository: " + name));
        } catch (RuntimeException e) {
            System.err.println(reason(e, host));
            System.exit(1);
        }
    }

    private static String loginServer() {
        String name = System.getenv().getOrDefault("ACR_NAME", "");
        String host = name.matches(".*[.:].*") ? name : name + ".azurecr.io";
        // The token goes to this host. localhost is a proxy or an emulator.
        if (!host.matches("[a-zA-Z0-9-]{5,}\\.azurecr\\.(io|cn|us)|localhost:\\d+")) {
            throw new IllegalArgumentException(
                "ACR_NAME is \"" + name + "\", which names no registry: myregistry or myregistry.azurecr.io");
        }
        return host;
    }

    private static TokenCredential signIn() {
        var names = List.of("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET");
        var missing = names.stream().filter(name -> System.getenv().getOrDefault(name, "").isEmpty()).toList();
        if (missing.size() == names.size()) {
            return new DefaultAzureCredentialBuilder().build();
        }
        if (!missing.isEmpty()) {
            throw new IllegalArgumentException(String.join(" and ", missing) + " must be set, too");
        }
        var builder = new ClientSecretCredentialBuilder().tenantId(System.getenv("AZURE_TENANT_ID"))
            .clientId(System.getenv("AZURE_CLIENT_ID")).clientSecret(System.getenv("AZURE_CLIENT_SECRET"));
        if (System.getenv("AZURE_AUTHORITY_HOST") != null) {
            builder.disableInstanceDiscovery(); // Microsoft vouches for its own authorities only
        }
        return builder.build();
    }

    private static String reason(Throwable error, String host) {
        boolean entra = false; // whether it was Entra that did not answer
        for (Throwable e = error; e != null; e = e.getCause()) {
            for (var known : REASONS.entrySet()) {
                if (String.valueOf(e.getMessage()).contains(known.getKey())) {
                    return known.getValue();
                }
            }
            entra |= e instanceof MsalException;
            if (e instanceof IOException) {
                return entra ? "Microsoft Entra cannot be reached: " + e.getMessage()
                    : host + " cannot be reached; is ACR_NAME right? " + e.getMessage();
            }
            if (e instanceof HttpResponseException http && http.getResponse() != null
                && (http.getResponse().getStatusCode() == 401 || http.getResponse().getStatusCode() == 403)) {
                return "the identity may not list the repositories of " + host + ": it needs the role AcrPull there";
            }
        }
        return error.getMessage();
    }
}
