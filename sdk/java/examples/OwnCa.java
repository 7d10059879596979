// Lists tags with an HTTP client of its own, which trusts one more CA. The token needs metadata/read.
import com.azure.containers.containerregistry.ContainerRegistryClient;
import com.azure.containers.containerregistry.ContainerRegistryClientBuilder;
import com.azure.core.http.netty.NettyAsyncHttpClientBuilder;
import io.github.acrkit.ScopedToken;
import io.github.acrkit.ScopedTokenBuilder;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import java.io.File;
import javax.net.ssl.SSLException;
import reactor.netty.http.client.HttpClient;

public class OwnCa {
    public static void main(String[] args) throws SSLException {
        SslContext tls = SslContextBuilder.forClient().trustManager(new File(System.getenv("CA_FILE"))).build();
        ScopedToken acr = new ScopedTokenBuilder()
            .endpoint(System.getenv("ACR_NAME"))
            .token(System.getenv("ACR_TOKEN_NAME"), System.getenv("ACR_TOKEN_PASSWORD"))
            .httpClient(new NettyAsyncHttpClientBuilder(HttpClient.create().secure(s -> s.sslContext(tls))).build())
            .build();
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
