package io.github.acrkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.azure.containers.containerregistry.ContainerRegistryContentClientBuilder;
import com.azure.core.exception.HttpResponseException;
import com.sun.net.httpserver.HttpHandler;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A registry that redirects to a storage host, over TLS, with the SDK's own HTTP client. */
class RedirectTest {
    private static final String BLOB = "the blob";

    @BeforeAll
    static void trust() throws IOException {
        Emulator.shared(); // this JVM trusts the servers from then on
    }

    private static String digest() throws GeneralSecurityException {
        StringBuilder hex = new StringBuilder("sha256:");
        for (byte b : MessageDigest.getInstance("SHA-256").digest(BLOB.getBytes(StandardCharsets.UTF_8))) {
            hex.append(String.format("%02x", b));
        }
        return hex.toString();
    }

    private static HttpHandler registry(String location) {
        String token = FakeRegistry.jwt(Map.of("iss", "Azure Container Registry"));
        return exchange -> {
            if (exchange.getRequestURI().getPath().equals("/oauth2/token")) {
                FakeServer.answer(exchange, 200, "{\"access_token\":\"" + token + "\"}");
            } else {
                FakeServer.answer(exchange, 307, "", "Location", location);
            }
        };
    }

    private static String download(FakeServer registry, boolean sync) throws GeneralSecurityException {
        ScopedToken acr = ScopedToken.of(registry.at("localhost"), "ci-pull", "correct-horse");
        ContainerRegistryContentClientBuilder builder = new ContainerRegistryContentClientBuilder()
                .endpoint(acr.endpoint())
                .httpClient(acr.httpClient())
                .repositoryName("samples/app")
                .retryOptions(Emulator.AT_ONCE);
        if (!sync) {
            return builder.buildAsyncClient().downloadStream(digest()).block().toString();
        }
        ByteArrayOutputStream copy = new ByteArrayOutputStream();
        builder.buildClient().downloadStream(digest(), Channels.newChannel(copy));
        return new String(copy.toByteArray(), StandardCharsets.UTF_8);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void theStorageHostGetsNoHeader(boolean sync) throws Exception {
        String range = "bytes 0-" + (BLOB.length() - 1) + "/" + BLOB.length();
        try (FakeServer storage = new FakeServer(e -> FakeServer.answer(e, 206, BLOB, "Content-Range", range));
                FakeServer registry = new FakeServer(registry(storage.at("127.0.0.1") + "/blob?sig=x"))) {
            assertEquals(BLOB, download(registry, sync));
            assertEquals(List.of("GET /blob null"), storage.requests);
            assertEquals(2, registry.requests.size());
            assertTrue(registry.requests.get(1).contains(" Bearer eyJ"), registry.requests.toString());
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aStorageHostThatAnswers401IsRefused(boolean sync) throws Exception {
        try (FakeServer storage = new FakeServer(
                        e -> FakeServer.answer(
                                e,
                                401,
                                "no",
                                "WWW-Authenticate",
                                "Bearer realm=\"https://localhost/oauth2/token\",service=\"localhost\",scope=\"repository:a:pull\""));
                FakeServer registry = new FakeServer(registry(storage.at("127.0.0.1") + "/blob?sig=x"))) {
            Exception e = assertThrows(Exception.class, () -> download(registry, sync));
            assertSame(HttpResponseException.class, e.getClass()); // what the SDK throws for each refused download
            Refusal refusal = Refusal.of((HttpResponseException) e).orElseThrow();
            assertEquals("foreign_answer", refusal.sentence());
            assertEquals("host_refused", refusal.getCode());
            assertEquals(List.of("GET /blob null"), storage.requests);
            assertEquals(2, registry.requests.size(), "the SDK starts no exchange of its own");
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aRedirectToPlainHttpIsNotFollowed(boolean sync) throws Exception {
        try (FakeServer registry = new FakeServer(registry("http://127.0.0.1:9/blob?sig=x"))) {
            Exception e = assertThrows(Exception.class, () -> download(registry, sync));
            assertSame(HttpResponseException.class, e.getClass());
            assertEquals(
                    "plain_http",
                    Refusal.of((HttpResponseException) e).orElseThrow().sentence());
        }
    }
}
