package io.github.acrkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.azure.core.http.HttpHeaderName;
import com.azure.core.http.HttpMethod;
import com.azure.core.http.HttpRequest;
import com.azure.core.http.HttpResponse;
import com.azure.core.util.Context;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.Disposable;
import reactor.core.Exceptions;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;

/** Where access tokens come from: who asks for them, when, and with what. */
@Timeout(60)
class TokensTest {
    private static final String TAGS = TokenClientTest.TAGS;
    private static final long SECOND = 1_000_000_000L;

    private final FakeRegistry fake = new FakeRegistry();
    private final AtomicLong clock = new AtomicLong(-7 * SECOND); // nanoTime may be negative
    private final ScopedToken acr = builder().token("ci-pull", "correct-horse").build();

    private ScopedTokenBuilder builder() {
        return new ScopedTokenBuilder()
                .endpoint(FakeRegistry.HOST)
                .httpClient(fake)
                .clock(clock::get);
    }

    private static void await(BooleanSupplier condition) {
        while (!condition.getAsBoolean()) {
            Thread.yield(); // nothing reports that a thread waits
        }
    }

    /** Lets calls of both stacks wait for one token, and returns how they ended. */
    private List<HttpResponse> together(ScopedToken acr, int calls) throws InterruptedException {
        Sinks.Empty<Void> gate = Sinks.empty();
        CountDownLatch waiting = new CountDownLatch(calls);
        fake.gate = gate.asMono();
        List<HttpResponse> ended = Collections.synchronizedList(new ArrayList<>());
        List<Thread> threads = new ArrayList<>();
        CountDownLatch done = new CountDownLatch(calls);
        for (int i = 0; i < calls; i++) {
            HttpRequest request = new HttpRequest(HttpMethod.GET, acr.endpoint() + TAGS);
            if (i % 2 == 0) {
                acr.httpClient()
                        .send(request, Context.NONE)
                        .doOnSubscribe(s -> waiting.countDown())
                        .doFinally(s -> done.countDown())
                        .subscribe(ended::add);
            } else {
                Thread thread = new Thread(() -> {
                    waiting.countDown();
                    ended.add(acr.httpClient().sendSync(request, Context.NONE));
                    done.countDown();
                });
                thread.start();
                threads.add(thread);
            }
        }
        waiting.await();
        await(() -> threads.stream().allMatch(t -> t.getState() == Thread.State.WAITING));
        gate.tryEmitEmpty();
        done.await();
        return ended;
    }

    @Test
    void twentyColdCallsShareOneTokenRequest() throws Exception {
        List<HttpResponse> ended = together(acr, 20);
        assertEquals(20, ended.size());
        assertTrue(ended.stream().allMatch(r -> r.getStatusCode() == 200));
        assertEquals(1, fake.sent(true).size());
        assertEquals(20, fake.sent(false).size());
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void twentyCallsShareARefusal(int passwords) throws Exception {
        ScopedTokenBuilder builder = builder().token("ci-pull", "wrong-1");
        ScopedToken wrong = (passwords == 2 ? builder.secondPassword("wrong-2") : builder).build();
        List<HttpResponse> ended = together(wrong, 20);
        assertEquals(20, ended.size());
        assertTrue(ended.stream().allMatch(r -> r.getStatusCode() == 401));
        assertEquals(20, ended.stream().map(HttpResponse::getRequest).distinct().count());
        assertEquals(passwords, fake.sent(true).size());
        assertEquals(0, fake.sent(false).size());
        String what = passwords == 1 ? "its password are" : "its two passwords are";
        assertTrue(TokenClientTest.refusal(ended.get(0)).getMessage().contains(what));
    }

    @Test
    void oneThatIsCancelledFailsNoOther() throws Exception {
        Sinks.Empty<Void> gate = Sinks.empty();
        fake.gate = gate.asMono();
        HttpRequest request = new HttpRequest(HttpMethod.GET, acr.endpoint() + TAGS);
        Disposable leader = acr.httpClient().send(request).subscribe();
        List<HttpResponse> ended = new ArrayList<>();
        acr.httpClient().send(request.copy()).subscribe(ended::add);
        leader.dispose();
        gate.tryEmitEmpty();
        assertEquals(1, ended.size());
        assertEquals(1, fake.sent(true).size());
        assertEquals(1, fake.sent(false).size());
    }

    @ParameterizedTest
    @EnumSource
    void aTokenIsRenewedAt80PercentWhileOthersUseTheOldOne(Stack stack) {
        stack.get(acr, TAGS);
        clock.addAndGet(2880 * SECOND - 1);
        stack.get(acr, TAGS);
        assertEquals(1, fake.sent(true).size());
        clock.addAndGet(1);
        Sinks.Empty<Void> gate = Sinks.empty();
        fake.gate = gate.asMono();
        String old = sentToken();
        stack.get(acr, TAGS);
        stack.get(acr, TAGS);
        assertEquals(old, sentToken(), "the old one is used while the new one is fetched");
        gate.tryEmitEmpty();
        assertEquals(2, fake.sent(true).size(), "one renewal");
        stack.get(acr, TAGS);
        assertNotEquals(old, sentToken());
        assertEquals(2, fake.sent(true).size());
    }

    private String sentToken() {
        for (int i = fake.requests.size() - 1; ; i--) {
            String header = fake.requests.get(i).getHeaders().getValue(HttpHeaderName.AUTHORIZATION);
            if (header != null) {
                return header;
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {401, 429, 500, 0})
    void aRenewalThatFailsLeavesTheOldTokenWhileItLives(int status) {
        Stack stack = Stack.SYNC;
        stack.get(acr, TAGS);
        fake.intercept = r -> {
            if (!r.getUrl().getPath().startsWith("/oauth2/")) {
                return null;
            }
            if (status == 0) {
                throw new IllegalStateException("no network");
            }
            return FakeRegistry.reply(status, "");
        };
        clock.addAndGet(2880 * SECOND);
        assertEquals(200, stack.get(acr, TAGS).getStatusCode());
        assertEquals(2, fake.sent(true).size());
        clock.addAndGet(TokenCache.RENEWAL_PAUSE.toNanos() - 1);
        assertEquals(200, stack.get(acr, TAGS).getStatusCode());
        assertEquals(2, fake.sent(true).size(), "a renewal that failed is not tried again at once");
        clock.addAndGet(1);
        assertEquals(200, stack.get(acr, TAGS).getStatusCode());
        assertEquals(3, fake.sent(true).size());
        clock.addAndGet((3600 - 10 - 2880) * SECOND - TokenCache.RENEWAL_PAUSE.toNanos() - 1);
        assertEquals(200, stack.get(acr, TAGS).getStatusCode());
        clock.addAndGet(1);
        if (status == 0) {
            assertThrows(RuntimeException.class, () -> stack.get(acr, TAGS));
        } else {
            assertEquals(status, stack.get(acr, TAGS).getStatusCode(), "its life is over");
        }
    }

    @Test
    void livesAreCountedByTheServersClock() {
        for (String now : new String[] {"1999-01-01T00:00:00Z", "2099-01-01T00:00:00Z"}) {
            fake.now = Instant.parse(now);
            ScopedToken acr = builder().token("ci-pull", "correct-horse").build();
            fake.requests.clear();
            Stack.SYNC.get(acr, TAGS);
            clock.addAndGet(2879 * SECOND);
            Stack.SYNC.get(acr, TAGS);
            assertEquals(1, fake.sent(true).size(), now);
            clock.addAndGet(SECOND);
            Stack.SYNC.get(acr, TAGS);
            assertEquals(2, fake.sent(true).size(), now);
        }
    }

    @Test
    void theCacheIsBoundedAndKeepsWhatIsUsed() {
        Function<Integer> get = i -> Stack.SYNC.get(acr, "/acr/v1/r" + i + "/_tags");
        for (int i = 0; i < TokenCache.MAX_TOKENS; i++) {
            get.call(i);
        }
        assertEquals(1024, fake.sent(true).size());
        get.call(0);
        assertEquals(1024, fake.sent(true).size(), "all are kept");
        get.call(1024);
        assertEquals(1025, fake.sent(true).size());
        get.call(0);
        assertEquals(1025, fake.sent(true).size(), "the one just used is kept");
        get.call(1);
        assertEquals(1026, fake.sent(true).size(), "the one not used for longest is dropped");
    }

    private interface Function<T> {
        HttpResponse call(T value);
    }

    @ParameterizedTest
    @EnumSource
    void theSecondPasswordIsTriedAndRemembered(Stack stack) {
        ScopedToken two = builder()
                .token("ci-pull", "old-password")
                .secondPassword("correct-horse")
                .build();
        assertEquals(200, stack.get(two, TAGS).getStatusCode());
        assertEquals(List.of("old-password", "correct-horse"), passwords());
        stack.get(two, "/acr/v1/other/_tags");
        assertEquals(List.of("old-password", "correct-horse", "correct-horse"), passwords());
        fake.passwords.put("ci-pull", "old-password"); // rotated
        stack.get(two, "/acr/v1/third/_tags");
        assertEquals("old-password", passwords().get(passwords().size() - 1));
    }

    private List<String> passwords() {
        List<String> all = new ArrayList<>();
        fake.forms.forEach(f -> all.add(f.get("password")));
        return all;
    }

    @ParameterizedTest
    @EnumSource
    void aSourceIsReadAgainWhenItsPasswordIsRefused(Stack stack) {
        List<NamePassword> gives = Collections.synchronizedList(new ArrayList<>());
        AtomicInteger reads = new AtomicInteger();
        ScopedToken from = builder()
                .source(() -> gives.get(Math.min(reads.getAndIncrement(), gives.size() - 1)))
                .build();
        gives.add(new NamePassword("ci-pull", "correct-horse"));
        assertEquals(200, stack.get(from, TAGS).getStatusCode());
        assertEquals(200, stack.get(from, "/acr/v1/other/_tags").getStatusCode());
        assertEquals(1, reads.get());
        // Name and password change under a running client, and no call fails.
        fake.passwords.clear();
        fake.passwords.put("ci-pull-2", "new-password");
        gives.add(new NamePassword("ci-pull-2", "new-password"));
        fake.live.clear();
        assertEquals(200, stack.get(from, TAGS).getStatusCode());
        assertEquals(2, reads.get());
        // What it gives again is not sent again.
        fake.passwords.clear();
        fake.live.clear();
        fake.forms.clear();
        HttpResponse response = stack.get(from, TAGS);
        assertEquals(401, response.getStatusCode());
        assertEquals(1, fake.forms.size());
        assertEquals(3, reads.get());
        String message = TokenClientTest.refusal(response).getMessage();
        assertTrue(
                message.startsWith("the token \"ci-pull-2\" and its password from its source are not accepted"),
                message);
        // A password may become good later: the next call tries.
        fake.passwords.put("ci-pull-2", "new-password");
        assertEquals(200, stack.get(from, TAGS).getStatusCode());
    }

    @ParameterizedTest
    @EnumSource
    void atMostThreePairsAreTried(Stack stack) {
        AtomicInteger reads = new AtomicInteger();
        ScopedToken from = builder()
                .source(() -> new NamePassword("ci-pull", "wrong-" + reads.incrementAndGet()))
                .build();
        assertEquals(401, stack.get(from, TAGS).getStatusCode());
        assertEquals(3, fake.forms.size());
        assertEquals(3, reads.get());
    }

    @Test
    void aSourceIsReadOnceForManyScopes() throws Exception {
        CountDownLatch open = new CountDownLatch(1);
        AtomicInteger reads = new AtomicInteger();
        ScopedToken from = builder()
                .source(() -> {
                    reads.incrementAndGet();
                    open.await();
                    return new NamePassword("ci-pull", "correct-horse");
                })
                .build();
        CountDownLatch done = new CountDownLatch(10);
        for (int i = 0; i < 10; i++) {
            HttpRequest request = new HttpRequest(HttpMethod.GET, from.endpoint() + "/acr/v1/r" + i + "/_tags");
            from.httpClient().send(request).subscribe(r -> done.countDown());
        }
        open.countDown();
        done.await();
        assertEquals(1, reads.get());
    }

    @ParameterizedTest
    @EnumSource
    void aSourceThatFailsIsNamed(Stack stack) {
        List<Callable<NamePassword>> sources = List.of(
                () -> {
                    throw new java.io.IOException("the vault is sealed");
                },
                () -> null,
                () -> new NamePassword("ci-pull", "from-a-file\n"));
        String[] says = {
            "the vault is sealed", "it returned null", "the password of \"ci-pull\" begins or ends with white space"
        };
        for (int i = 0; i < says.length; i++) {
            ScopedToken from = builder().source(sources.get(i)).build();
            Exception e = assertThrows(IllegalStateException.class, () -> stack.get(from, TAGS));
            assertTrue(e.getMessage().startsWith("the source of the name and password failed: "), e.getMessage());
            assertTrue(e.getMessage().contains(says[i]) && !e.getMessage().contains("from-a-file"), e.getMessage());
            Exception other = assertThrows(IllegalStateException.class, () -> stack.get(from, TAGS));
            assertFalse(e == other, "each call gets an exception of its own");
        }
    }

    @Test
    void eachOfThoseWhoWaitGetsAnExceptionOfItsOwn() throws Exception {
        // A retry policy adds the exceptions of earlier tries to the last one.
        CountDownLatch open = new CountDownLatch(1);
        ScopedToken source = builder()
                .source(() -> {
                    open.await();
                    throw new java.io.IOException("the vault is sealed");
                })
                .build();
        Sinks.Empty<Void> gate = Sinks.empty();
        fake.gate = gate.asMono();
        for (ScopedToken failing : List.of(source, acr)) {
            List<Throwable> errors = Collections.synchronizedList(new ArrayList<>());
            CountDownLatch done = new CountDownLatch(2);
            for (int i = 0; i < 2; i++) {
                HttpRequest request = new HttpRequest(HttpMethod.GET, failing.endpoint() + TAGS);
                failing.httpClient()
                        .send(request)
                        .doFinally(s -> done.countDown())
                        .subscribe(r -> {}, errors::add);
            }
            open.countDown();
            gate.tryEmitError(new java.io.IOException("no network"));
            done.await();
            assertEquals(2, errors.size());
            assertNotSame(errors.get(0), errors.get(1));
        }
    }

    @ParameterizedTest
    @EnumSource
    void nothingIsWaitedForLongerThanTheLimit(Stack stack) {
        fake.gate = Mono.never();
        ScopedTokenBuilder short_ = builder().limit(Duration.ofSeconds(2)); // long enough for a busy machine
        ScopedToken silent = short_.token("ci-pull", "correct-horse").build();
        RuntimeException e = assertThrows(RuntimeException.class, () -> stack.get(silent, TAGS));
        Throwable t = Exceptions.unwrap(e) instanceof TimeoutException ? Exceptions.unwrap(e) : e.getCause();
        assertTrue(t instanceof TimeoutException, e.toString());
        assertTrue(
                t.getMessage().startsWith("myregistry.azurecr.io cannot be reached: no answer within"), t.getMessage());
        fake.gate = Mono.empty();
        assertEquals(200, stack.get(silent, TAGS).getStatusCode());

        ScopedToken stuck = builder()
                .limit(Duration.ofMillis(50))
                .source(() -> {
                    new CountDownLatch(1).await();
                    return null;
                })
                .build();
        e = assertThrows(IllegalStateException.class, () -> stack.get(stuck, TAGS));
        assertTrue(e.getMessage().contains("it took longer than"), e.getMessage());
        assertEquals(Duration.ofSeconds(30), ScopedTokenBuilder.TOKEN_LIMIT);
    }

    @ParameterizedTest
    @EnumSource
    void theTokenServicesOwnTroubleIsTheAnswer(Stack stack) {
        for (int status : new int[] {408, 429, 500, 503}) {
            fake.intercept = r -> FakeRegistry.reply(status, "busy, correct-horse")
                    .header("Retry-After", "3")
                    .header("X", "correct-horse");
            HttpResponse response = stack.get(acr, TAGS);
            assertEquals(status, response.getStatusCode());
            assertEquals("3", response.getHeaderValue(HttpHeaderName.RETRY_AFTER));
            assertEquals("busy, [redacted]", response.getBodyAsString().block());
            assertNull(response.getHeaderValue(HttpHeaderName.fromString("X")));
        }
        fake.intercept = r -> null;
        assertEquals(200, stack.get(acr, TAGS).getStatusCode());
    }

    @ParameterizedTest
    @EnumSource
    void whatElseTheTokenServiceAnswersIsARefusal(Stack stack) {
        String token = "x".repeat(Claims.MAX_TOKEN);
        String padding = "\",\"x\":\"" + "x".repeat(TokenService.MAX_ANSWER - token.length() - 26) + "\"}";
        FakeRegistry.Reply[] bad = {
            FakeRegistry.reply(302, "").header("Location", "https://evil.example/"),
            FakeRegistry.reply(400, ""),
            FakeRegistry.reply(
                    403,
                    "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"client with IP '1.2.3.4' is not allowed access.\"}]}"),
            FakeRegistry.reply(404, "page not found"),
            FakeRegistry.reply(200, "no JSON"),
            FakeRegistry.reply(200, "{\"access_token\":7}"),
            FakeRegistry.reply(200, "{\"access_token\":\"\"}"),
            FakeRegistry.reply(200, "{\"access_token\":\"a\\nb\"}"),
            FakeRegistry.reply(200, "{\"access_token\":\"ä\"}"),
            FakeRegistry.reply(200, "{\"access_token\":\"" + token + "x\"}"),
            FakeRegistry.reply(200, "{\"access_token\":\"" + token + " " + padding),
            FakeRegistry.reply(200, "{\"access_token\":\"x" + " ".repeat(TokenService.MAX_ANSWER) + "\"}"),
        };
        for (FakeRegistry.Reply reply : bad) {
            fake.requests.clear();
            fake.intercept = r -> reply;
            HttpResponse response = stack.get(acr, TAGS);
            assertEquals(reply.status == 403 ? 403 : 401, response.getStatusCode());
            Refusal refusal = TokenClientTest.refusal(response);
            assertEquals("service_refused", refusal.sentence());
            assertEquals(Integer.toString(reply.status), refusal.getFacts().get("status"));
            assertEquals(reply.status == 403 ? "denied" : "protocol", refusal.getCode());
            assertEquals(1, fake.requests.size(), "a redirect is not followed");
        }
        String answer = "{\"access_token\":\"" + token + padding;
        assertEquals(TokenService.MAX_ANSWER, answer.length());
        fake.live.add(token);
        fake.intercept = r -> r.getUrl().getPath().startsWith("/oauth2/") ? FakeRegistry.reply(200, answer) : null;
        assertEquals(200, stack.get(acr, TAGS).getStatusCode(), "the longest answer");
        ScopedToken other = builder().token("ci-pull", "correct-horse").build();
        fake.intercept =
                r -> r.getUrl().getPath().startsWith("/oauth2/") ? FakeRegistry.reply(200, answer + " ") : null;
        assertEquals(401, stack.get(other, TAGS).getStatusCode(), "one byte more");
    }

    @ParameterizedTest
    @EnumSource
    void aRefreshTokenIsUsedAsOne(Stack stack) {
        fake.live.add("opaque-refresh-token");
        ScopedToken refresh = builder()
                .token("00000000-0000-0000-0000-000000000000", "opaque-refresh-token")
                .build();
        assertEquals(200, stack.get(refresh, TAGS).getStatusCode());
        assertEquals(
                Map.of(
                        "grant_type",
                        "refresh_token",
                        "refresh_token",
                        "opaque-refresh-token",
                        "scope",
                        TokenClientTest.READ,
                        "service",
                        FakeRegistry.HOST),
                fake.forms.get(0));
        fake.live.clear();
        Refusal refusal = TokenClientTest.refusal(stack.get(refresh, "/acr/v1/x/_tags"));
        assertEquals(
                "the ACR refresh token is not accepted: wrong, expired, or of another registry", refusal.getMessage());
    }

    @ParameterizedTest
    @EnumSource
    void anEntraTokenIsExchangedOnceAndAgainWhenItMustBe(Stack stack) {
        String entra = FakeRegistry.jwt(
                Map.of("aud", "https://containerregistry.azure.net", "iss", "https://sts.windows.net/1/"));
        fake.passwords.put("entra", entra);
        fake.life = 10800;
        ScopedToken token = builder().token("token", entra).build();
        assertEquals(200, stack.get(token, TAGS).getStatusCode());
        assertEquals(List.of("POST /oauth2/exchange", "POST /oauth2/token"), fake.sent(true));
        assertEquals(
                Map.of("grant_type", "access_token", "access_token", entra, "service", FakeRegistry.HOST),
                fake.forms.get(0));
        stack.get(token, "/acr/v1/other/_tags");
        assertEquals(3, fake.sent(true).size(), "the refresh token is kept");
        fake.live.clear(); // it was revoked, and so were the access tokens
        assertEquals(200, stack.get(token, TAGS).getStatusCode());
        assertEquals(
                List.of("POST /oauth2/exchange", "POST /oauth2/token"),
                fake.sent(true).subList(3, 5));
        clock.addAndGet(8640 * SECOND); // 80 % of its life
        assertEquals(200, stack.get(token, "/acr/v1/third/_tags").getStatusCode());
        assertEquals("POST /oauth2/exchange", fake.sent(true).get(5));
        fake.intercept = r -> r.getUrl().getPath().equals("/oauth2/exchange") ? FakeRegistry.reply(503, "") : null;
        clock.addAndGet(8640 * SECOND);
        assertEquals(200, stack.get(token, "/acr/v1/fourth/_tags").getStatusCode(), "the old one still lives");
        fake.intercept = r -> null;
        fake.passwords.remove("entra");
        fake.live.clear();
        Refusal refusal = TokenClientTest.refusal(stack.get(token, TAGS));
        assertEquals(
                "the Entra access token is not accepted: wrong, expired, or of another registry", refusal.getMessage());
    }

    @ParameterizedTest
    @EnumSource
    void aRefreshTokenThatWasRevokedIsReplaced(Stack stack) {
        String entra = FakeRegistry.jwt(Map.of("aud", "https://containerregistry.azure.net"));
        fake.passwords.put("entra", entra);
        ScopedToken token = builder().token("token", entra).build();
        stack.get(token, TAGS);
        fake.live.clear();
        assertEquals(200, stack.get(token, "/acr/v1/other/_tags").getStatusCode());
        assertEquals(
                List.of("POST /oauth2/token", "POST /oauth2/exchange", "POST /oauth2/token"),
                fake.sent(true).subList(2, 5));
    }

    @ParameterizedTest
    @EnumSource
    void aTokenOfResourceManagerStaysWithMicrosoftsHosts(Stack stack) {
        String arm =
                FakeRegistry.jwt(Map.of("aud", "https://management.azure.com/", "iss", "https://sts.windows.net/1/"));
        for (String endpoint : new String[] {"myregistry", "localhost:5443"}) {
            builder().endpoint(endpoint).token("token", arm).build();
        }
        ScopedTokenBuilder custom = builder().endpoint("registry.contoso.com").customLoginServer(true);
        custom.token("token", arm);
        String message =
                assertThrows(IllegalArgumentException.class, custom::build).getMessage();
        assertTrue(
                message.startsWith("the Entra token is for Azure Resource Manager, and registry.contoso.com is not"));
        custom.token("token", "x").secondPassword(arm);
        assertThrows(IllegalArgumentException.class, custom::build);
        ScopedToken from = builder()
                .endpoint("registry.contoso.com")
                .customLoginServer(true)
                .source(() -> new NamePassword("token", arm))
                .build();
        assertThrows(IllegalStateException.class, () -> stack.get(from, TAGS));
        assertEquals(0, fake.requests.size());
    }

    @Test
    void manyScopesShareOneExchange() throws Exception {
        String entra = FakeRegistry.jwt(Map.of("aud", "https://containerregistry.azure.net"));
        fake.passwords.put("entra", entra);
        ScopedToken token = builder().token("token", entra).build();
        Sinks.Empty<Void> gate = Sinks.empty();
        fake.gate = gate.asMono();
        CountDownLatch done = new CountDownLatch(10);
        for (int i = 0; i < 10; i++) {
            HttpRequest request = new HttpRequest(HttpMethod.GET, token.endpoint() + "/acr/v1/r" + i + "/_tags");
            token.httpClient().send(request).subscribe(r -> done.countDown());
        }
        gate.tryEmitEmpty();
        assertTrue(done.await(30, TimeUnit.SECONDS));
        assertEquals(
                1, fake.sent(true).stream().filter(r -> r.endsWith("/exchange")).count());
    }

    @Test
    void clientsOfOneTokenShareItsAccessTokens() {
        assertSame(acr.httpClient(), acr.httpClient());
    }
}
