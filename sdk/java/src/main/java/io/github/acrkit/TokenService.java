package io.github.acrkit;

import com.azure.core.http.HttpClient;
import com.azure.core.http.HttpHeader;
import com.azure.core.http.HttpHeaderName;
import com.azure.core.http.HttpHeaders;
import com.azure.core.http.HttpMethod;
import com.azure.core.http.HttpRequest;
import com.azure.core.http.HttpResponse;
import com.azure.core.util.BinaryData;
import com.azure.core.util.Context;
import io.github.acrkit.Refusals.ServiceError;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeoutException;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import reactor.core.publisher.Mono;

/** Asks the registry's token service for access tokens. Its endpoints are on the registry's own origin. */
final class TokenService {
    /** How many pairs are tried for one token: two passwords, and what a source gives meanwhile. */
    static final int MAX_TRIES = 3;

    /** The longest answer that is read, in bytes. */
    static final int MAX_ANSWER = 256 << 10;

    private final Registry registry;
    private final HttpClient inner;
    private final Credentials credentials;
    private final Refusals refusals;
    private final Duration limit;
    private final LongSupplier clock;
    private final TokenCache tokens;

    /**
     * @param limit how long one request may take
     * @param tokens where the refresh tokens are kept
     * @param clock {@link System#nanoTime}
     */
    TokenService(
            Registry registry,
            HttpClient inner,
            Credentials credentials,
            Duration limit,
            TokenCache tokens,
            LongSupplier clock) {
        this.registry = registry;
        this.inner = inner;
        this.credentials = credentials;
        this.refusals = new Refusals(registry);
        this.limit = limit;
        this.tokens = tokens;
        this.clock = clock;
    }

    /** Asks for a token for exactly a scope. The result is never an error. */
    Mono<Outcome> fetch(Scope scope) {
        return Mono.defer(() -> attempt(scope, new ArrayList<>(), null))
                .onErrorResume(t -> Mono.just(Outcome.failed(() -> new IllegalStateException(t.getMessage(), t))));
    }

    private Mono<Outcome> attempt(Scope scope, List<NamePassword> refused, Outcome last) {
        if (refused.size() == MAX_TRIES) {
            return Mono.just(last);
        }
        return credentials.current().flatMap(pair -> {
            if (refused.contains(pair)) {
                return Mono.just(last); // what was refused a moment ago is not sent again
            }
            return grant(pair, scope).flatMap(outcome -> {
                if (!outcome.isRejected()) {
                    return Mono.just(outcome);
                }
                credentials.refused(pair);
                refused.add(pair);
                return attempt(scope, refused, outcome);
            });
        });
    }

    private Mono<Outcome> grant(NamePassword pair, Scope scope) {
        switch (pair.kind()) {
            case REFRESH_TOKEN:
                return token(
                        pair, scope, null, Map.of("grant_type", "refresh_token", "refresh_token", pair.password()));
            case ENTRA_TOKEN:
                return grantFromRoot(pair, scope, true);
            default:
                return token(
                        pair,
                        scope,
                        null,
                        Map.of("grant_type", "password", "username", pair.name(), "password", pair.password()));
        }
    }

    /** Asks with the refresh token that an Entra token is exchanged for. */
    private Mono<Outcome> grantFromRoot(NamePassword pair, Scope scope, boolean first) {
        Map<String, String> exchange = Map.of("grant_type", "access_token", "access_token", pair.password());
        return tokens.get(pair, () -> post("exchange", "refresh_token", pair, null, null, exchange))
                .flatMap(got -> {
                    Token root = got.token();
                    if (root == null) {
                        return Mono.just(got);
                    }
                    Map<String, String> form = Map.of("grant_type", "refresh_token", "refresh_token", root.value());
                    return token(pair, scope, root, form).flatMap(outcome -> {
                        if (!outcome.isRejected()) {
                            return Mono.just(outcome);
                        }
                        tokens.forget(root); // it may be revoked before its time
                        return first ? grantFromRoot(pair, scope, false) : Mono.just(outcome);
                    });
                });
    }

    private Mono<Outcome> token(NamePassword pair, Scope scope, Token from, Map<String, String> grant) {
        Map<String, String> form = new TreeMap<>(grant);
        if (!scope.isEmpty()) { // an empty one is answered 400 (observed by users)
            form.put("scope", scope.toString());
        }
        return post("token", "access_token", pair, scope, from, form);
    }

    private Mono<Outcome> post(
            String endpoint, String field, NamePassword pair, Scope scope, Token from, Map<String, String> grant) {
        Map<String, String> form = new TreeMap<>(grant);
        form.put("service", registry.host());
        HttpRequest request = new HttpRequest(HttpMethod.POST, registry.url() + "/oauth2/" + endpoint)
                .setHeader(HttpHeaderName.ACCEPT, "application/json")
                .setHeader(HttpHeaderName.CONTENT_TYPE, "application/x-www-form-urlencoded")
                .setHeader(HttpHeaderName.USER_AGENT, "acrkit-java")
                .setBody(BinaryData.fromString(encode(form)));
        List<String> secrets = new ArrayList<>(credentials.secrets());
        secrets.add(pair.password());
        if (from != null) {
            secrets.add(from.value());
        }
        return Mono.defer(() -> inner.send(request, Context.NONE))
                .flatMap(response -> {
                    long received = clock.getAsLong();
                    return Answer.read(response, MAX_ANSWER).map(body -> {
                        String value = response.getStatusCode() == 200 ? tokenIn(body, field) : "";
                        if (!value.isEmpty()) {
                            String date = response.getHeaderValue(HttpHeaderName.DATE);
                            return Outcome.of(new Token(value, scope, from, received, date));
                        }
                        return refused(pair, response, body, secrets);
                    });
                })
                .timeout(limit, Mono.error(() -> new TimeoutException("no answer within " + limit.toSeconds() + " s")))
                .onErrorResume(t -> Mono.just(Outcome.failed(() ->
                        Outcome.failure(t, why -> refusals.unreachable(request.getUrl(), Text.line(why, secrets))))));
    }

    private static String encode(Map<String, String> form) {
        return form.entrySet().stream()
                .map(e -> e.getKey() + "=" + URLEncoder.encode(e.getValue(), StandardCharsets.UTF_8))
                .collect(Collectors.joining("&"));
    }

    /** Returns the token of an answer; "" if there is none that fits into a header. */
    private static String tokenIn(byte[] body, String field) {
        String value =
                body.length > MAX_ANSWER ? "" : Json.text(Json.object(body).get(field));
        boolean fits = value.length() <= Claims.MAX_TOKEN && value.chars().allMatch(c -> c > ' ' && c < 0x7f);
        return fits ? value : "";
    }

    private Outcome refused(NamePassword pair, HttpResponse response, byte[] body, List<String> secrets) {
        int status = response.getStatusCode();
        HttpHeaders headers = new HttpHeaders();
        for (HttpHeader header : response.getHeaders()) { // an answer may repeat what was sent
            if (header.getValue().equals(Text.without(header.getValue(), secrets))) {
                headers.set(HttpHeaderName.fromString(header.getName()), header.getValuesList());
            }
        }
        if (TokenClient.isRetried(status)) {
            String text = Text.without(new String(body, StandardCharsets.UTF_8), secrets);
            return Outcome.of(request -> new Answer(request, status, headers, Claims.utf8(text)), false);
        }
        List<ServiceError> errors = ServiceError.read(body, secrets);
        String said = status == 200 ? " without a token that can be used" : ServiceError.said(errors);
        String code = errors.isEmpty() || errors.get(0).code.isEmpty() ? "UNAUTHORIZED" : errors.get(0).code;
        Refusal refusal =
                status == 401 ? refusals.notAccepted(pair, credentials.what(), said) : refusals.service(status, said);
        return Outcome.of(request -> Answer.refusal(request, 401, headers, refusal, code, ""), status == 401);
    }
}
