package io.github.acrkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.azure.core.exception.HttpResponseException;
import com.azure.core.http.HttpClient;
import com.azure.core.http.HttpHeaderName;
import com.azure.core.http.HttpMethod;
import com.azure.core.http.HttpRequest;
import com.azure.core.http.HttpResponse;
import com.azure.core.util.BinaryData;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.ConnectException;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import javax.net.ssl.SSLException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import reactor.core.Exceptions;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** One request: which token it carries, what is tried again, and what a refusal becomes. */
class TokenClientTest {
    static final String TAGS = "/acr/v1/samples%2Fapp/_tags";
    static final String READ = "repository:samples/app:metadata_read";
    private static final long SECOND = 1_000_000_000L;

    private final FakeRegistry fake = new FakeRegistry();
    private final AtomicLong clock = new AtomicLong(42 * SECOND);
    private final ScopedToken acr = builder().build();

    private ScopedTokenBuilder builder() {
        return new ScopedTokenBuilder()
                .endpoint(FakeRegistry.HOST)
                .token("ci-pull", "correct-horse")
                .httpClient(fake)
                .clock(clock::get);
    }

    static Refusal refusal(HttpResponse response) {
        return Refusal.of(new HttpResponseException("", response)).orElseThrow();
    }

    private static String authorization(HttpRequest request) {
        return request.getHeaders().getValue(HttpHeaderName.AUTHORIZATION);
    }

    private HttpRequest lastRequest() {
        return fake.requests.get(fake.requests.size() - 1);
    }

    @ParameterizedTest
    @EnumSource
    void aColdRequestIsTwoAndAWarmOneIsOne(Stack stack) {
        assertEquals(200, stack.get(acr, TAGS).getStatusCode());
        assertEquals(2, fake.requests.size());
        assertEquals(200, stack.get(acr, TAGS).getStatusCode());
        assertEquals(3, fake.requests.size());
        assertEquals(List.of(READ), fake.scopes);
        assertEquals(FakeRegistry.HOST, fake.forms.get(0).get("service"));
        assertEquals("password", fake.forms.get(0).get("grant_type"));
    }

    @ParameterizedTest
    @EnumSource
    void theClientsOwnRequestIsNeverChanged(Stack stack) {
        HttpRequest own = new HttpRequest(HttpMethod.GET, FakeRegistry.URL + TAGS);
        own.setHeader(HttpHeaderName.AUTHORIZATION, "Bearer of-the-client");
        HttpResponse response = stack.send(acr.httpClient(), own);
        assertSame(own, response.getRequest());
        assertEquals("Bearer of-the-client", authorization(own));
        assertTrue(fake.live.contains(authorization(lastRequest()).substring(7)));
    }

    @ParameterizedTest
    @EnumSource
    void aTokenThatEndedEarlyIsRenewedOnce(Stack stack) {
        stack.get(acr, TAGS);
        fake.live.clear();
        fake.requests.clear();
        assertEquals(200, stack.get(acr, TAGS).getStatusCode());
        assertEquals(List.of("GET /acr/v1/samples%2Fapp/_tags", "GET /acr/v1/samples%2Fapp/_tags"), fake.sent(false));
        assertEquals(1, fake.sent(true).size());
    }

    @ParameterizedTest
    @EnumSource
    void aSecond401IsTheEnd(Stack stack) {
        fake.intercept =
                r -> r.getUrl().getPath().startsWith("/oauth2/") ? null : FakeRegistry.challenge(READ, "invalid_token");
        HttpResponse response = stack.get(acr, TAGS);
        assertEquals(401, response.getStatusCode());
        assertEquals("access_not_accepted", refusal(response).sentence());
        assertEquals(2, fake.sent(false).size());
        assertEquals(2, fake.sent(true).size());
        // The SDK would answer a challenge with an exchange of its own.
        assertNull(response.getHeaderValue(HttpHeaderName.WWW_AUTHENTICATE));
        fake.intercept = r -> null;
        fake.requests.clear();
        assertEquals(200, stack.get(acr, TAGS).getStatusCode());
        assertEquals(1, fake.sent(true).size(), "the token that was refused is not kept");
    }

    @ParameterizedTest
    @EnumSource
    void aMissingRightIsDoubtedOnlyWhenTheTokenIsOlderThanTenSeconds(Stack stack) {
        stack.get(acr, TAGS);
        fake.intercept = r ->
                r.getUrl().getPath().startsWith("/oauth2/") ? null : FakeRegistry.challenge(READ, "insufficient_scope");
        fake.requests.clear();
        clock.addAndGet(10 * SECOND);
        assertEquals("missing_action", refusal(stack.get(acr, TAGS)).sentence());
        assertEquals(1, fake.requests.size());
        clock.addAndGet(1);
        fake.requests.clear();
        assertEquals("missing_action", refusal(stack.get(acr, TAGS)).sentence());
        assertEquals(3, fake.requests.size());
    }

    @ParameterizedTest
    @EnumSource
    void theScopeOfAChallengeIsFollowedOnce(Stack stack) {
        String more = "repository:samples/app:metadata_read,pull";
        fake.intercept = r -> {
            String path = r.getUrl().getPath();
            boolean first = fake.scopes.size() == 1;
            return path.startsWith("/oauth2/") || !first ? null : FakeRegistry.challenge(more, "");
        };
        assertEquals(200, stack.get(acr, TAGS).getStatusCode());
        assertEquals(List.of(READ, "repository:samples/app:metadata_read,pull"), fake.scopes);
    }

    @ParameterizedTest
    @EnumSource
    void anUnknownScopeIsLearntFromTheChallenge(Stack stack) {
        fake.intercept = r -> r.getUrl().getPath().equals("/new/api") && authorization(r) == null
                ? FakeRegistry.challenge("repository:x:new_right", "")
                : null;
        assertEquals(200, stack.get(acr, "/new/api").getStatusCode());
        assertEquals(List.of("repository:x:new_right"), fake.scopes);
        assertEquals(2, fake.sent(false).size());
        assertEquals(200, stack.get(acr, "/v2/").getStatusCode());
        assertFalse(fake.forms.get(1).containsKey("scope"));
    }

    @ParameterizedTest
    @EnumSource
    void aForeignRealmGetsNothing(Stack stack) {
        fake.intercept = r -> r.getUrl().getPath().startsWith("/oauth2/")
                ? null
                : FakeRegistry.reply(401, "")
                        .header(
                                "WWW-Authenticate",
                                "Bearer realm=\"https://u:p@evil.example/t\",scope=\"" + READ + "\"");
        Refusal refusal = refusal(stack.get(acr, TAGS));
        assertEquals("foreign_realm", refusal.sentence());
        assertEquals("https://evil.example", refusal.getFacts().get("host"));
        assertTrue(fake.requests.stream().allMatch(r -> r.getUrl().getHost().equals(FakeRegistry.HOST)));
        assertEquals(2, fake.requests.size());
    }

    @ParameterizedTest
    @EnumSource
    void aChallengeThatCannotBeReadIsTheEnd(Stack stack) {
        for (String header : new String[] {"Bearer realm=\"x", "Basic realm=\"x\"", ""}) {
            fake.requests.clear();
            fake.intercept = r -> r.getUrl().getPath().startsWith("/oauth2/")
                    ? null
                    : header.isEmpty()
                            ? FakeRegistry.reply(401, "")
                            : FakeRegistry.reply(401, "").header("WWW-Authenticate", header);
            assertEquals("access_not_accepted", refusal(stack.get(acr, TAGS)).sentence());
            assertEquals(2, fake.requests.size(), header);
        }
    }

    @ParameterizedTest
    @EnumSource
    void anotherOriginGetsNoCredential(Stack stack) {
        stack.get(acr, TAGS);
        for (String url : new String[] {
            "https://blob.example/x?sig=1",
            "https://myregistry.azurecr.io.evil.example/v2/",
            "https://myregistry.azurecr.io:8443/v2/",
            "https://ci@myregistry.azurecr.io:443/v2/",
            "https://myregistry.azurecr.io#@evil.example/"
        }) {
            HttpRequest request = new HttpRequest(HttpMethod.GET, url);
            request.getHeaders().set(HttpHeaderName.fromString("aUTHORIZATION"), "Bearer of-the-client");
            fake.requests.clear();
            stack.send(acr.httpClient(), request);
            assertEquals(1, fake.requests.size());
            assertNull(authorization(lastRequest()), url);
        }
    }

    @ParameterizedTest
    @EnumSource
    void a401OfAnotherHostIsARefusalThatStartsNoExchange(Stack stack) {
        fake.intercept = r -> r.getUrl().getHost().equals("blob.example") ? FakeRegistry.challenge(READ, "") : null;
        HttpResponse response = stack.send(acr.httpClient(), new HttpRequest(HttpMethod.GET, "https://blob.example/x"));
        assertEquals(401, response.getStatusCode());
        assertNull(response.getHeaderValue(HttpHeaderName.WWW_AUTHENTICATE));
        Refusal refusal = refusal(response);
        assertEquals("host_refused", refusal.getCode());
        assertEquals(
                "blob.example answers 401, and no credential goes there: the token \"ci-pull\" is for "
                        + FakeRegistry.HOST + " alone",
                refusal.getMessage());
        assertEquals(1, fake.requests.size());
    }

    @ParameterizedTest
    @EnumSource
    void plainHttpIsRefusedAndNothingIsSent(Stack stack) {
        for (String url :
                new String[] {"http://blob.example/x", "http://myregistry.azurecr.io/v2/", "HTTP://localhost/"}) {
            HttpResponse response = stack.send(acr.httpClient(), new HttpRequest(HttpMethod.GET, url));
            assertEquals("plain_http", refusal(response).sentence());
            assertEquals(401, response.getStatusCode());
        }
        assertEquals(0, fake.requests.size());
    }

    @ParameterizedTest
    @EnumSource
    void aRequestToTheTokenServiceIsPassedWithoutToken(Stack stack) {
        fake.intercept = r -> FakeRegistry.unauthorized();
        HttpRequest request =
                new HttpRequest(HttpMethod.POST, FakeRegistry.URL + "/oauth2/token").setBody("grant_type=password");
        HttpResponse response = stack.send(acr.httpClient(), request);
        assertNull(response.getHeaderValue(Refusal.HEADER));
        assertEquals(1, fake.requests.size());
        assertNull(authorization(lastRequest()));
    }

    @ParameterizedTest
    @EnumSource
    void notFoundSaysWhatIsMissingExceptToADelete(Stack stack) {
        fake.intercept = r -> r.getUrl().getPath().startsWith("/oauth2/")
                ? null
                : FakeRegistry.reply(404, "{\"errors\":[{\"code\":\"NAME_UNKNOWN\",\"message\":\"m\"}]}");
        HttpResponse response = stack.get(acr, TAGS);
        assertEquals(404, response.getStatusCode());
        String body = response.getBodyAsString().block();
        assertTrue(body.contains("\"code\":\"NAME_UNKNOWN\"") && body.contains("has no repository"), body);
        assertEquals(1, fake.sent(false).size());
        HttpRequest delete = new HttpRequest(HttpMethod.DELETE, FakeRegistry.URL + "/acr/v1/samples%2Fapp");
        response = stack.send(acr.httpClient(), delete);
        assertEquals(404, response.getStatusCode());
        assertNull(response.getHeaderValue(Refusal.HEADER));
    }

    @ParameterizedTest
    @EnumSource
    void otherRefusalsKeepTheirTextAndNameExplain(Stack stack) {
        int[] statuses = {400, 403, 405, 409, 413};
        String[] codes = {"usage", "denied", "locked", "protocol", "too_large"};
        for (int i = 0; i < statuses.length; i++) {
            int status = statuses[i];
            fake.intercept = r -> r.getUrl().getPath().startsWith("/oauth2/")
                    ? null
                    : FakeRegistry.reply(
                            status,
                            "{\"errors\":[{\"code\":\"REGISTRY_DISALLOWED_OPERATION\",\"message\":\"It is locked.\"}]}");
            HttpResponse response = stack.get(acr, TAGS);
            assertEquals(status, response.getStatusCode());
            assertEquals(codes[i], refusal(response).getCode());
            String body = response.getBodyAsString().block();
            assertTrue(body.contains("It is locked.\\nto find the cause, give this text to: acrkit explain"), body);
        }
    }

    @ParameterizedTest
    @EnumSource
    void whatTheClientsRetryIsPassedAsItIs(Stack stack) {
        for (int status : new int[] {408, 429, 500, 502, 503, 504}) {
            fake.intercept = r -> r.getUrl().getPath().startsWith("/oauth2/")
                    ? null
                    : FakeRegistry.reply(status, "text").header("Retry-After", "7");
            HttpResponse response = stack.get(acr, TAGS);
            assertEquals(status, response.getStatusCode());
            assertEquals("7", response.getHeaderValue(HttpHeaderName.RETRY_AFTER));
            assertEquals("text", response.getBodyAsString().block());
        }
    }

    @ParameterizedTest
    @EnumSource
    void aBodyThatCannotBeReadAgainIsSentOnce(Stack stack) {
        fake.intercept =
                r -> r.getUrl().getPath().startsWith("/oauth2/") ? null : FakeRegistry.challenge(READ, "invalid_token");
        for (boolean replayable : new boolean[] {false, true}) {
            BinaryData body = replayable
                    ? BinaryData.fromString("x")
                    : BinaryData.fromFlux(Flux.just(ByteBuffer.wrap(new byte[] {'x'})), 1L, false)
                            .block();
            fake.requests.clear();
            HttpRequest put =
                    new HttpRequest(HttpMethod.PUT, FakeRegistry.URL + "/v2/samples/app/manifests/v1").setBody(body);
            assertEquals(401, stack.send(acr.httpClient(), put).getStatusCode());
            assertEquals(replayable ? 2 : 1, fake.sent(false).size());
        }
    }

    @ParameterizedTest
    @EnumSource
    void aFailureOfTheInnerClientKeepsItsKind(Stack stack) {
        for (boolean atToken : new boolean[] {false, true}) {
            for (boolean timeout : new boolean[] {false, true}) {
                Exception cause =
                        timeout ? new TimeoutException("too late") : new ConnectException("Connection refused");
                HttpClient inner = request -> request.getUrl().getPath().startsWith("/oauth2/") == atToken
                        ? Mono.error(cause)
                        : fake.send(request);
                ScopedToken acr = builder().httpClient(inner).build();
                RuntimeException thrown = assertThrows(RuntimeException.class, () -> stack.get(acr, TAGS));
                Throwable t = stack == Stack.ASYNC ? Exceptions.unwrap(thrown) : thrown;
                assertTrue(
                        t.getMessage().startsWith("myregistry.azurecr.io cannot be reached: " + cause.getMessage()),
                        t.getMessage());
                Class<?> kind = timeout
                        ? (stack == Stack.SYNC ? RuntimeException.class : TimeoutException.class)
                        : (stack == Stack.SYNC ? UncheckedIOException.class : IOException.class);
                assertSame(kind, t.getClass());
                boolean caused = false;
                for (Throwable c = t; c != null; c = c.getCause()) {
                    caused |= c == cause;
                }
                assertTrue(caused, "the cause is kept");
            }
        }
    }

    @Test
    void theInnermostCauseIsTold() {
        Exception tls = new SSLException("engine problem", new IOException("x", new IOException("no path to a CA")));
        Exception[] causes = {tls, new UnknownHostException("x.example"), new IOException()};
        String[] says = {"engine problem: no path to a CA", "UnknownHostException: x.example", "IOException: null"};
        for (int i = 0; i < causes.length; i++) {
            Throwable t = Outcome.failure(causes[i], why -> "why: " + why);
            assertEquals("why: " + says[i], t.getMessage());
            assertSame(causes[i], t.getCause());
        }
        IOException endless = new IOException("a");
        endless.initCause(new IOException("b", endless));
        assertTrue(Outcome.failure(endless, why -> why).getMessage().startsWith("a"));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void aRefusalsBodyIsReadUpTo64KiB(int over) {
        String body = "x".repeat(Refusals.MAX_BODY + over);
        byte[] read = Answer.read(
                        new Answer(
                                null, 401, FakeRegistry.reply(401, "").headers, body.getBytes(StandardCharsets.UTF_8)),
                        Refusals.MAX_BODY)
                .block();
        assertEquals(Refusals.MAX_BODY + over, read.length);
        Answer endless = new Answer(null, 401, FakeRegistry.reply(401, "").headers, new byte[0]) {
            @Override
            public Flux<ByteBuffer> getBody() {
                return Flux.<ByteBuffer>generate(sink -> sink.next(ByteBuffer.wrap(new byte[1000])));
            }
        };
        assertEquals(
                Refusals.MAX_BODY + 1, Answer.read(endless, Refusals.MAX_BODY).block().length);
    }

    @Test
    void theAnswerIsDelegatedWhole() {
        for (Method m : HttpResponse.class.getMethods()) {
            if (m.getDeclaringClass() == HttpResponse.class && !Modifier.isFinal(m.getModifiers())) {
                Method here = null;
                try {
                    here = BoundResponse.class.getDeclaredMethod(m.getName(), m.getParameterTypes());
                } catch (NoSuchMethodException e) {
                    // said below
                }
                assertNotNull(here, "BoundResponse does not delegate " + m);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void textOfTheServerShowsNoSecret(Stack stack) {
        fake.intercept = r -> {
            String path = r.getUrl().getPath();
            String echo = path.startsWith("/oauth2/") ? r.getBodyAsBinaryData().toString() : authorization(r);
            return path.startsWith("/oauth2/") && fake.live.isEmpty()
                    ? FakeRegistry.reply(400, "{\"errors\":[{\"code\":\"X\",\"message\":\"you sent " + echo + "\"}]}")
                            .header("X-Echo", echo)
                    : path.startsWith("/oauth2/")
                            ? null
                            : FakeRegistry.reply(
                                    403, "{\"errors\":[{\"code\":\"X\",\"message\":\"you sent " + echo + "\"}]}");
        };
        HttpResponse response = stack.get(acr, TAGS);
        assertEquals(401, response.getStatusCode());
        Refusal refusal = refusal(response);
        assertEquals("service_refused", refusal.sentence());
        assertTrue(
                refusal.getMessage().startsWith("the token service answers 400; the registry answered: you sent "),
                refusal.getMessage());
        assertFalse((refusal.toString() + response.getBodyAsString().block() + response.getHeaders())
                .contains("correct-horse"));
        fake.live.add("x");
        response = stack.get(acr, TAGS);
        String text = response.getBodyAsString().block();
        assertTrue(text.contains("you sent Bearer [redacted]"), text);
    }
}
