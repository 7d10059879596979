package io.github.acrkit;

import com.azure.containers.containerregistry.ContainerRegistryClient;
import com.azure.containers.containerregistry.ContainerRegistryClientBuilder;
import com.azure.containers.containerregistry.ContainerRegistryContentAsyncClient;
import com.azure.containers.containerregistry.ContainerRegistryContentClient;
import com.azure.containers.containerregistry.ContainerRegistryContentClientBuilder;
import com.azure.core.http.HttpClient;
import com.azure.core.http.HttpHeaderName;
import com.azure.core.http.HttpRequest;
import com.azure.core.http.HttpResponse;
import com.azure.core.http.policy.HttpLogDetailLevel;
import com.azure.core.http.policy.HttpLogOptions;
import com.azure.core.util.BinaryData;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Set;
import java.util.TreeSet;
import reactor.core.publisher.Mono;

/** A program that does everything with the most talkative log, and writes down which tokens it was given. */
public final class Talkative {
    private static final Set<String> TOKENS = Collections.synchronizedSet(new TreeSet<>());

    private Talkative() {}

    /**
     * @param args the emulator's URL, and the file for the tokens
     */
    @SuppressWarnings("deprecation") // of newer versions of azure-core
    public static void main(String[] args) throws Exception {
        for (String name : new String[] {"ci-push", "ci-content", "ci-old"}) {
            ScopedToken acr = new ScopedTokenBuilder()
                    .endpoint(args[0])
                    .token(name, Emulator.PASSWORDS.get(name))
                    .secondPassword("made-up-second-password")
                    .httpClient(new Witness())
                    .build();
            System.out.println(acr + " " + acr.httpClient());
            HttpLogOptions log = new HttpLogOptions().setLogLevel(HttpLogDetailLevel.BODY_AND_HEADERS);
            log.addAllowedHeaderName("Authorization"); // as careless people do
            ContainerRegistryClient client = new ContainerRegistryClientBuilder()
                    .endpoint(acr.endpoint())
                    .httpClient(acr.httpClient())
                    .httpLogOptions(log)
                    .buildClient();
            ContainerRegistryContentClientBuilder builder = new ContainerRegistryContentClientBuilder()
                    .endpoint(acr.endpoint())
                    .httpClient(acr.httpClient())
                    .repositoryName("samples/app")
                    .httpLogOptions(log);
            ContainerRegistryContentClient content = builder.buildClient();
            ContainerRegistryContentAsyncClient async = builder.buildAsyncClient();
            tell(() -> System.out.println(EmulatorTest.tags(client, "samples/app")));
            tell(() -> System.out.println(EmulatorTest.tags(client, "samples/gone")));
            tell(() -> content.getManifest("v1"));
            tell(() -> async.getManifest("gone").block());
            tell(() -> {
                String digest =
                        content.uploadBlob(BinaryData.fromString("blob")).getDigest();
                content.downloadStream(digest, Channels.newChannel(OutputStream.nullOutputStream()));
                async.downloadStream(digest).block().toString();
            });
            tell(() -> client.listRepositoryNames().forEach(System.out::println));
        }
        Files.write(Path.of(args[1]), TOKENS);
        System.out.println("the end");
    }

    private static void tell(Runnable call) {
        try {
            call.run();
        } catch (RuntimeException e) {
            e.printStackTrace();
            System.out.println(e + " " + BinaryData.fromObject(new TreeSet<>(Set.of(e.toString()))));
        }
    }

    /** Notes the tokens beneath our own client. */
    private static final class Witness implements HttpClient {
        private final HttpClient inner = HttpClient.createDefault();

        @Override
        public Mono<HttpResponse> send(HttpRequest request) {
            String header = request.getHeaders().getValue(HttpHeaderName.AUTHORIZATION);
            if (header != null) {
                TOKENS.add(header.substring("Bearer ".length()));
            }
            return inner.send(request);
        }
    }
}
