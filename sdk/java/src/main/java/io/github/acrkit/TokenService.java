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
                return refresh(pair, scope, null, pair.password());
            case ENTRA_TOKEN:
                return grantFromRoot(pair, scope, true);
            default:
                Map<String, String> form = new TreeMap<>();
                form.put("grant_type", "password");
                form.put("username", pair.name());
                form.put("password", pair.password());
                return post("token", pair, scope, null, form);
        }
    }

    /** Asks with the refresh token that an Entra token is exchanged for. */
    private Mono<Outcome> grantFromRoot(NamePassword pair, Scope scope, boolean first) {
        return tokens.get(pair, () -> exchange(pair)).flatMap(got -> {
            Token root = got.token();
            if (root == null) {
                return Mono.just(got);
            }
            return refresh(pair, scope, root, root.value()).flatMap(outcome -> {
                if (!outcome.isRejected()) {
                    return Mono.just(outcome);
                }
                tokens.forget(root); // it may be revoked before its time
                return first ? grantFromRoot(pair, scope, false) : Mono.just(outcome);
            });
        });
    }

    private Mono<Outcome> exchange(NamePassword pair) {
        Map<String, String> form = new TreeMap<>();
        form.put("grant_type", "access_token");
        form.put("access_token", pair.password());
        return post("exchange", pair, Scope.EMPTY, null, form);
    }

    private Mono<Outcome> refresh(NamePassword pair, Scope scope, Token root, String refreshToken) {
        Map<String, String> form = new TreeMap<>();
        form.put("grant_type", "refresh_token");
        form.put("refresh_token", refreshToken);
        return post("token", pair, scope, root, form);
    }

    /**
     * @param root the refresh token in the form; null if it is not an Entra token's
     */
    private Mono<Outcome> post(String endpoint, NamePassword pair, Scope scope, Token root, Map<String, String> form) {
        form.put("service", registry.service());
        if (!scope.isEmpty()) { // an empty one is answered 400 (observed by users)
            form.put("scope", scope.toString());
        }
        HttpRequest request = new HttpRequest(HttpMethod.POST, registry.url() + "/oauth2/" + endpoint)
                .setHeader(HttpHeaderName.ACCEPT, "application/json")
                .setHeader(HttpHeaderName.CONTENT_TYPE, "application/x-www-form-urlencoded")
                .setHeader(HttpHeaderName.USER_AGENT, "acrkit-java")
                .setBody(BinaryData.fromString(encode(form)));
        String field = endpoint.equals("exchange") ? "refresh_token" : "access_token";
        List<String> secrets = new ArrayList<>(credentials.secrets());
        secrets.add(pair.password());
        if (root != null) {
            secrets.add(root.value());
        }
        return Mono.defer(() -> inner.send(request, Context.NONE))
                .flatMap(response -> {
                    long received = clock.getAsLong();
                    return Answer.read(response, MAX_ANSWER).map(body -> {
                        String value = response.getStatusCode() == 200 ? tokenIn(body, field) : "";
                        if (!value.isEmpty()) {
                            String date = response.getHeaderValue(HttpHeaderName.DATE);
                            return Outcome.of(new Token(value, scope, root, received, date));
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
        Refusal refusal =
                status == 401 ? refusals.notAccepted(pair, credentials.what(), said) : refusals.service(status, said);
        int shown = status == 403 ? 403 : 401; // another status would be retried, or taken for a missing item
        return Outcome.of(request -> Answer.refusal(request, shown, headers, refusal, errors), status == 401);
    }
}
