package io.github.acrkit;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.azure.containers.containerregistry.ContainerRegistryClient;
import com.azure.containers.containerregistry.ContainerRegistryClientBuilder;
import com.azure.containers.containerregistry.ContainerRegistryContentClient;
import com.azure.containers.containerregistry.ContainerRegistryContentClientBuilder;
import com.azure.core.credential.TokenCredential;
import com.azure.core.util.BinaryData;
import com.azure.identity.ClientSecretCredentialBuilder;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * How many requests the registry and its token service get, beside those of the unmodified client as a service
 * principal. Run with -Dcounts.update=true to write counts.json.
 */
class CountsTest {
    private static final Path FILE = Path.of("counts.json");
    private static final int BLOB = 25 << 20;

    private interface Operation {
        void run(ContainerRegistryClient client, ContainerRegistryContentClient content) throws IOException;
    }

    @Test
    void requestsAreCounted() throws IOException {
        Emulator emulator = Emulator.shared();
        byte[] blob = new byte[BLOB];
        Arrays.fill(blob, (byte) 'x');
        String[] digest = new String[1];
        Map<String, Operation> operations = new LinkedHashMap<>();
        operations.put("list tags", (client, content) -> EmulatorTest.tags(client, "samples/app"));
        operations.put("get manifest", (client, content) -> content.getManifest("v1"));
        operations.put(
                "upload of 25 MiB",
                (client, content) -> digest[0] =
                        content.uploadBlob(BinaryData.fromBytes(blob)).getDigest());
        operations.put(
                "download of 25 MiB",
                (client, content) ->
                        content.downloadStream(digest[0], Channels.newChannel(OutputStream.nullOutputStream())));
        operations.put(
                "paging over 2,300 tags",
                (client, content) -> assertEquals(
                        Emulator.MANY,
                        client.getArtifact("samples/many", "t0000").listTagProperties().stream()
                                .count()));

        Map<String, Map<String, Integer>> counts = new LinkedHashMap<>();
        for (Map.Entry<String, Operation> e : operations.entrySet()) {
            Map<String, Integer> count = new LinkedHashMap<>();
            ScopedToken acr = emulator.token("ci-push");
            ContainerRegistryClient client = new ContainerRegistryClientBuilder()
                    .endpoint(acr.endpoint())
                    .httpClient(acr.httpClient())
                    .buildClient();
            ContainerRegistryContentClient content = new ContainerRegistryContentClientBuilder()
                    .endpoint(acr.endpoint())
                    .httpClient(acr.httpClient())
                    .repositoryName("samples/app")
                    .buildClient();
            for (String state : new String[] {"acrkit cold", "acrkit warm"}) {
                long mark = emulator.mark();
                e.getValue().run(client, content);
                count.put(state, emulator.since(mark).size());
            }
            TokenCredential principal = new ClientSecretCredentialBuilder()
                    .authorityHost(emulator.url())
                    .tenantId(Emulator.TENANT)
                    .clientId(Emulator.CLIENT)
                    .clientSecret(Emulator.CLIENT_SECRET)
                    .disableInstanceDiscovery()
                    .build();
            client = new ContainerRegistryClientBuilder()
                    .endpoint(emulator.url())
                    .credential(principal)
                    .buildClient();
            content = new ContainerRegistryContentClientBuilder()
                    .endpoint(emulator.url())
                    .credential(principal)
                    .repositoryName("samples/app")
                    .buildClient();
            long mark = emulator.mark();
            e.getValue().run(client, content);
            count.put("service principal", emulator.since(mark).size());
            counts.put(e.getKey(), count);
        }
        if (Boolean.getBoolean("counts.update")) {
            StringBuilder text = new StringBuilder();
            counts.forEach((name, count) -> text.append(text.length() == 0 ? "{\n" : ",\n")
                    .append("  \"" + name + "\": ")
                    .append(Json.write(count).replace(":", ": ").replace(",", ", ")));
            Files.writeString(FILE, text + "\n}\n");
        }
        assertEquals(Json.object(Files.readAllBytes(FILE)), counts);
    }
}
