package io.github.acrkit;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.azure.containers.containerregistry.ContainerRegistryAsyncClient;
import com.azure.containers.containerregistry.ContainerRegistryClient;
import com.azure.containers.containerregistry.ContainerRegistryClientBuilder;
import com.azure.containers.containerregistry.ContainerRegistryContentAsyncClient;
import com.azure.containers.containerregistry.ContainerRegistryContentClient;
import com.azure.containers.containerregistry.ContainerRegistryContentClientBuilder;
import com.azure.containers.containerregistry.models.ArtifactTagProperties;
import com.azure.containers.containerregistry.models.ManifestMediaType;
import com.azure.containers.containerregistry.models.SetManifestOptions;
import com.azure.containers.containerregistry.models.UploadRegistryBlobResult;
import com.azure.core.exception.ClientAuthenticationException;
import com.azure.core.exception.HttpResponseException;
import com.azure.core.exception.ResourceNotFoundException;
import com.azure.core.http.policy.FixedDelayOptions;
import com.azure.core.http.policy.RetryOptions;
import com.azure.core.models.ResponseError;
import com.azure.core.util.BinaryData;
import com.azure.core.util.Context;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.nio.channels.Channels;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import reactor.core.Exceptions;
import reactor.core.publisher.Flux;

/** Microsoft's clients, synchronous and asynchronous, against the emulator. */
@Timeout(120)
class EmulatorTest {
    private static Emulator emulator;

    @BeforeAll
    static void start() throws IOException {
        emulator = Emulator.shared();
    }

    @AfterEach
    void reset() throws IOException {
        emulator.reset();
    }

    private static ContainerRegistryClientBuilder builder(ScopedToken acr) {
        return new ContainerRegistryClientBuilder()
                .endpoint(acr.endpoint())
                .httpClient(acr.httpClient())
                .retryOptions(Emulator.AT_ONCE);
    }

    private static ContainerRegistryContentClientBuilder content(ScopedToken acr, String repository) {
        return new ContainerRegistryContentClientBuilder()
                .endpoint(acr.endpoint())
                .httpClient(acr.httpClient())
                .repositoryName(repository)
                .retryOptions(Emulator.AT_ONCE);
    }

    /** Returns the tags of a repository. */
    static List<String> tags(ContainerRegistryClient client, String repository) {
        List<String> tags = new ArrayList<>();
        client.getRepository(repository).listManifestProperties().forEach(m -> tags.addAll(listOf(m.getTags())));
        Collections.sort(tags);
        return tags;
    }

    static List<String> tags(ContainerRegistryAsyncClient client, String repository) {
        return client.getRepository(repository)
                .listManifestProperties()
                .flatMapIterable(m -> listOf(m.getTags()))
                .sort()
                .collectList()
                .block();
    }

    private static List<String> listOf(List<String> tags) {
        return tags == null ? List.of() : tags;
    }

    private interface Call {
        void run();
    }

    /** Runs a call that is refused, with each client: it sends no more than it must, and throws the SDK's exception. */
    private static void refused(
            Class<? extends HttpResponseException> type, String code, String says, int requests, Call sync, Call async)
            throws IOException {
        for (Call call : new Call[] {sync, async}) {
            long mark = emulator.mark();
            HttpResponseException e = assertThrows(HttpResponseException.class, call::run);
            assertSame(type, e.getClass(), e.toString());
            Refusal refusal = Refusal.of(e).orElseThrow(() -> new AssertionError(e));
            assertEquals(code, refusal.getCode());
            assertTrue(refusal.getMessage().startsWith(says), refusal.getMessage());
            // What people see without our help, and what programs read that know the SDK alone.
            assertTrue(e.getMessage().contains(says.replace("\"", "\\\"")), e.getMessage());
            assertTrue(((ResponseError) e.getValue()).getMessage().contains(says), e.getMessage());
            List<String> sent = emulator.since(mark);
            assertEquals(requests, sent.size(), sent.toString());
        }
    }

    @Test
    void tagsAreListed() throws IOException {
        ScopedToken acr = emulator.token("ci-pull");
        long mark = emulator.mark();
        assertEquals(List.of("latest", "v1"), tags(builder(acr).buildClient(), "samples/app"));
        assertEquals(List.of("latest", "v1"), tags(builder(acr).buildAsyncClient(), "samples/app"));
        assertEquals(
                List.of(
                        "POST /oauth2/token allowed",
                        "GET /acr/v1/samples/app/_manifests allowed",
                        "GET /acr/v1/samples/app/_manifests allowed"),
                emulator.since(mark));
    }

    @Test
    void aMissingRightIsNamed() throws IOException {
        ScopedToken content = emulator.token("ci-content");
        refused(
                ClientAuthenticationException.class,
                "insufficient_scope",
                "the token \"ci-content\" does not have metadata/read on \"samples/app\"",
                2,
                () -> tags(builder(emulator.token("ci-content")).buildClient(), "samples/app"),
                () -> tags(builder(emulator.token("ci-content")).buildAsyncClient(), "samples/app"));
        refused(
                ClientAuthenticationException.class,
                "insufficient_scope",
                "the token \"ci-list\" does not have content/read on \"samples/app\"",
                2,
                () -> content(emulator.token("ci-list"), "samples/app")
                        .buildClient()
                        .getManifest("v1"),
                () -> content(emulator.token("ci-list"), "samples/app")
                        .buildAsyncClient()
                        .getManifest("v1")
                        .block());
        refused(
                ClientAuthenticationException.class,
                "insufficient_scope",
                "the token \"ci-pull\" has content/read but not content/write on \"samples/app\"",
                2,
                () -> content(emulator.token("ci-pull"), "samples/app")
                        .buildClient()
                        .uploadBlob(BinaryData.fromString("x")),
                () -> content(emulator.token("ci-pull"), "samples/app")
                        .buildAsyncClient()
                        .uploadBlob(BinaryData.fromString("x"))
                        .block());
        refused(
                ClientAuthenticationException.class,
                "insufficient_scope",
                "the token \"ci-pull\" may not list the repositories of the registry",
                2,
                () -> builder(emulator.token("ci-pull")).buildClient().listRepositoryNames().stream()
                        .count(),
                () -> builder(emulator.token("ci-pull"))
                        .buildAsyncClient()
                        .listRepositoryNames()
                        .collectList()
                        .block());
        assertEquals("ScopedToken(token \"ci-content\" on " + emulator.host + ")", content.toString());
        List<String> names = new ArrayList<>();
        builder(emulator.token("ci-names")).buildClient().listRepositoryNames().forEach(names::add);
        assertTrue(names.contains("private/app"), names.toString());
    }

    @Test
    void aPasswordThatIsNotAcceptedIsOneRequest() throws IOException {
        for (String name : new String[] {"ci-old", "ci-off"}) {
            refused(
                    ClientAuthenticationException.class,
                    "credential_rejected",
                    "the token \"" + name
                            + "\" and its password are not accepted: wrong, expired, disabled or not yet active",
                    1,
                    () -> tags(builder(emulator.token(name)).buildClient(), "samples/app"),
                    () -> tags(builder(emulator.token(name)).buildAsyncClient(), "samples/app"));
        }
        refused(
                ClientAuthenticationException.class,
                "credential_rejected",
                "the token \"ci-pull\" and its password are not accepted",
                1,
                () -> tags(
                        builder(ScopedToken.of(emulator.url(), "ci-pull", "wrong"))
                                .buildClient(),
                        "samples/app"),
                () -> tags(
                        builder(ScopedToken.of(emulator.url(), "ci-pull", "wrong"))
                                .buildAsyncClient(),
                        "samples/app"));
    }

    @Test
    void whatIsNotThereIsNamed() throws IOException {
        refused(
                ResourceNotFoundException.class,
                "not_found",
                emulator.host + " has no repository \"samples/gone\"",
                2,
                () -> builder(emulator.token("ci-push"))
                        .buildClient()
                        .getRepository("samples/gone")
                        .getProperties(),
                () -> builder(emulator.token("ci-push"))
                        .buildAsyncClient()
                        .getRepository("samples/gone")
                        .getProperties()
                        .block());
        refused(
                ResourceNotFoundException.class,
                "not_found",
                "the repository \"samples/app\" has no tag or manifest \"gone\"",
                2,
                () -> content(emulator.token("ci-pull"), "samples/app")
                        .buildClient()
                        .getManifest("gone"),
                () -> content(emulator.token("ci-pull"), "samples/app")
                        .buildAsyncClient()
                        .getManifest("gone")
                        .block());
        // The clients take this as success.
        content(emulator.token("ci-push"), "samples/app").buildClient().deleteBlob("sha256:" + "0".repeat(64));
        content(emulator.token("ci-push"), "samples/app")
                .buildAsyncClient()
                .deleteBlob("sha256:" + "0".repeat(64))
                .block();
        builder(emulator.token("ci-push")).buildClient().deleteRepository("samples/gone");
    }

    @Test
    void aLockKeepsTheServicesText() throws IOException {
        ScopedToken acr = emulator.token("ci-push");
        BinaryData manifest = BinaryData.fromBytes(content(acr, "samples/app")
                .buildClient()
                .getManifest("v1")
                .getManifest()
                .toBytes());
        ManifestMediaType type =
                content(acr, "samples/app").buildClient().getManifest("v1").getManifestMediaType();
        builder(acr)
                .buildClient()
                .getArtifact("samples/app", "v1")
                .updateTagProperties("v1", new ArtifactTagProperties().setWriteEnabled(false));
        SetManifestOptions put = new SetManifestOptions(manifest, type).setTag("v1");
        for (int i = 0; i < 2; i++) {
            boolean sync = i == 0;
            HttpResponseException e = assertThrows(HttpResponseException.class, () -> {
                if (sync) {
                    content(acr, "samples/app").buildClient().setManifestWithResponse(put, Context.NONE);
                } else {
                    content(acr, "samples/app")
                            .buildAsyncClient()
                            .setManifestWithResponse(put)
                            .block();
                }
            });
            assertEquals(405, e.getResponse().getStatusCode());
            assertEquals("locked", Refusal.of(e).orElseThrow().getCode());
            assertEquals("REGISTRY_DISALLOWED_OPERATION", ((ResponseError) e.getValue()).getCode());
            assertTrue(e.getMessage().contains("The operation is disallowed")
                    && e.getMessage().contains("acrkit explain"));
        }
    }

    @Test
    void aTokenThatHasExpiredIsRenewed() throws IOException {
        ScopedToken acr = emulator.token("ci-pull");
        ContainerRegistryClient client = builder(acr).buildClient();
        tags(client, "samples/app");
        emulator.advance("2h");
        long mark = emulator.mark();
        assertEquals(List.of("latest", "v1"), tags(client, "samples/app"));
        List<String> sent = emulator.since(mark);
        assertEquals(3, sent.size(), sent.toString());
        assertTrue(sent.get(1).equals("POST /oauth2/token allowed"), sent.toString());
        emulator.advance("2h");
        assertEquals(List.of("latest", "v1"), tags(builder(acr).buildAsyncClient(), "samples/app"));
    }

    @Test
    void aScopeMapThatWasWidenedIsSeen() throws IOException {
        AtomicLong clock = new AtomicLong();
        ScopedToken acr = new ScopedTokenBuilder()
                .endpoint(emulator.url())
                .token("ci-content", Emulator.PASSWORDS.get("ci-content"))
                .clock(clock::get)
                .build();
        ContainerRegistryClient client = builder(acr).buildClient();
        assertThrows(ClientAuthenticationException.class, () -> tags(client, "samples/app"));
        emulator.control(
                "PUT",
                "/registries/myregistry/scope-maps/reads-content",
                "{\"actions\":[\"repositories/samples/app/content/read\",\"repositories/samples/app/metadata/read\"]}");
        clock.addAndGet(TokenClient.RIGHTS_AGE.toNanos() + 1);
        assertEquals(List.of("latest", "v1"), tags(client, "samples/app"));
    }

    @Test
    void aHostThatCannotBeReachedIsNamed() throws IOException {
        String host;
        try (ServerSocket free = new ServerSocket(0)) {
            host = "localhost:" + free.getLocalPort();
        }
        ScopedToken acr = ScopedToken.of(host, "ci-pull", "made-up-password");
        RetryOptions once = new RetryOptions(new FixedDelayOptions(0, Duration.ZERO));
        ContainerRegistryClientBuilder builder = builder(acr).retryOptions(once);
        UncheckedIOException e =
                assertThrows(UncheckedIOException.class, () -> tags(builder.buildClient(), "samples/app"));
        assertTrue(e.getMessage().startsWith(host + " cannot be reached: "), e.getMessage());
        RuntimeException async =
                assertThrows(RuntimeException.class, () -> tags(builder.buildAsyncClient(), "samples/app"));
        assertTrue(Exceptions.unwrap(async) instanceof IOException, async.toString());
        assertTrue(Exceptions.unwrap(async).getMessage().startsWith(host + " cannot be reached: "));
    }

    @Test
    void retryAfterOfTheTokenServiceIsHonoured() throws IOException {
        for (boolean sync : new boolean[] {true, false}) {
            emulator.control(
                    "POST", "/faults", "{\"kind\":\"throttle\",\"routes\":[\"token\"],\"count\":1,\"retryAfter\":1}");
            ScopedToken acr = emulator.token("ci-pull");
            long start = System.nanoTime();
            List<String> tags = sync
                    ? tags(builder(acr).buildClient(), "samples/app")
                    : tags(builder(acr).buildAsyncClient(), "samples/app");
            assertEquals(List.of("latest", "v1"), tags);
            assertTrue(System.nanoTime() - start >= 900_000_000L, "it waits the second that the service asks for");
        }
    }

    @Test
    void theSecondPasswordIsTried() {
        ScopedToken acr = new ScopedTokenBuilder()
                .endpoint(emulator.url())
                .token("ci-push", "no-longer-the-password")
                .secondPassword(Emulator.SECOND_PUSH_PASSWORD)
                .build();
        assertEquals(List.of("latest", "v1"), tags(builder(acr).buildClient(), "samples/app"));
        assertEquals(List.of("latest", "v1"), tags(builder(acr).buildAsyncClient(), "samples/app"));
    }

    @Test
    void aPasswordIsRotatedUnderARunningClient() throws Exception {
        AtomicReference<String> vault = new AtomicReference<>(Emulator.PASSWORDS.get("ci-push"));
        AtomicInteger reads = new AtomicInteger();
        ScopedToken acr = ScopedToken.from(emulator.url(), () -> {
            reads.incrementAndGet();
            return new NamePassword("ci-push", vault.get());
        });
        ContainerRegistryClient client = builder(acr).buildClient();
        assertEquals(List.of("latest", "v1"), tags(client, "samples/app"));
        Object made = Json.list(emulator.control(
                                "POST",
                                "/registries/myregistry/tokens/ci-push/passwords",
                                "{\"names\":[\"password1\"]}")
                        .get("passwords"))
                .get(0);
        vault.set(Json.text(Json.map(made).get("value")));
        assertEquals(List.of("v1"), tags(client, "samples/other")); // another scope: a password is needed
        assertEquals(2, reads.get());
        emulator.advance("2h");
        assertEquals(List.of("latest", "v1"), tags(builder(acr).buildAsyncClient(), "samples/app"));
        assertEquals(2, reads.get());
    }

    @Test
    void twentyColdCallsOfBothClientsShareOneTokenRequest() throws Exception {
        ScopedToken acr = emulator.token("ci-pull");
        ContainerRegistryClient sync = builder(acr).buildClient();
        ContainerRegistryAsyncClient async = builder(acr).buildAsyncClient();
        long mark = emulator.mark();
        ExecutorService pool = Executors.newFixedThreadPool(20);
        CountDownLatch start = new CountDownLatch(1);
        List<Future<List<String>>> calls = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            boolean odd = i % 2 == 1;
            calls.add(pool.submit(() -> {
                start.await();
                return odd ? tags(sync, "samples/app") : tags(async, "samples/app");
            }));
        }
        start.countDown();
        for (Future<List<String>> call : calls) {
            assertEquals(List.of("latest", "v1"), call.get());
        }
        pool.shutdown();
        List<String> sent = emulator.since(mark);
        assertEquals(1, sent.stream().filter(s -> s.contains("/oauth2/")).count(), sent.toString());
        assertEquals(21, sent.size());
    }

    @Test
    void aThousandRepositoriesNeedBoundedMemory() {
        ScopedToken acr = emulator.token("ci-names");
        ContainerRegistryAsyncClient client = builder(acr).buildAsyncClient();
        int repositories = 1100;
        long missing = Flux.range(0, repositories)
                .flatMap(
                        i -> client.getRepository("samples/r" + i)
                                .getProperties()
                                .map(p -> 0)
                                .onErrorResume(
                                        ResourceNotFoundException.class, e -> reactor.core.publisher.Mono.just(1)),
                        8)
                .filter(i -> i == 1)
                .count()
                .block();
        assertEquals(repositories, missing);
        assertEquals(TokenCache.MAX_TOKENS, ((TokenClient) acr.httpClient()).kept());
    }

    /** Bytes that are made while they are read. */
    private static InputStream bytes(long length, long hookAt, Call hook) {
        return new InputStream() {
            private long at;

            @Override
            public int read() {
                byte[] one = new byte[1];
                return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
            }

            @Override
            public int read(byte[] b, int off, int len) {
                if (at == length) {
                    return -1;
                }
                int n = (int) Math.min(len, length - at);
                Arrays.fill(b, off, off + n, (byte) (at >> 16));
                if (at < hookAt && at + n >= hookAt) {
                    hook.run();
                }
                at += n;
                return n;
            }
        };
    }

    @Test
    void anUploadOutlivesItsToken() throws IOException {
        emulator.control("PUT", "/lifetimes", "{\"access\":\"5m\"}");
        ScopedToken acr = emulator.token("ci-push");
        ContainerRegistryContentClient client = content(acr, "samples/large").buildClient();
        long size = 200L << 20;
        long mark = emulator.mark();
        UploadRegistryBlobResult result = client.uploadBlob(BinaryData.fromStream(bytes(size, size / 2, () -> {
            try {
                emulator.advance("6m");
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        })));
        assertEquals(size, result.getSizeInBytes());
        List<String> sent = emulator.since(mark);
        assertEquals(
                2,
                sent.stream()
                        .filter(s -> s.equals("POST /oauth2/token allowed"))
                        .count());
        assertEquals(1, sent.stream().filter(s -> !s.endsWith("allowed")).count(), "one refusal, of the old token");
    }

    @Test
    void blobsComeFromTheStorageHostWithoutOurHeader() throws IOException {
        ScopedToken acr = emulator.token("ci-push");
        byte[] blob = bytes(5 << 20, -1, () -> {}).readAllBytes();
        ContainerRegistryContentClient client = content(acr, "samples/blob").buildClient();
        String digest = client.uploadBlob(BinaryData.fromBytes(blob)).getDigest();
        long mark = emulator.mark();
        ByteArrayOutputStream copy = new ByteArrayOutputStream();
        client.downloadStream(digest, Channels.newChannel(copy)); // the storage answers 400 to any Authorization
        assertArrayEquals(blob, copy.toByteArray());
        ContainerRegistryContentAsyncClient async = content(acr, "samples/blob").buildAsyncClient();
        assertArrayEquals(blob, async.downloadStream(digest).block().toBytes());
        assertFalse(emulator.since(mark).isEmpty());
    }

    @Test
    void manyTagsAreListedPageByPage() throws IOException {
        ScopedToken acr = emulator.token("ci-push");
        long mark = emulator.mark();
        List<String> tags = new ArrayList<>();
        builder(acr)
                .buildClient()
                .getArtifact("samples/many", "t0000")
                .listTagProperties()
                .forEach(t -> tags.add(t.getName()));
        assertEquals(Emulator.MANY, tags.size());
        assertEquals(
                Emulator.MANY,
                builder(acr)
                        .buildAsyncClient()
                        .getArtifact("samples/many", "t0000")
                        .listTagProperties()
                        .collectList()
                        .block()
                        .size());
        assertEquals(
                1,
                emulator.since(mark).stream()
                        .filter(s -> s.contains("/oauth2/"))
                        .count());
    }
}
