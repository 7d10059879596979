package io.github.acrkit;

import com.azure.core.http.HttpClient;
import com.azure.core.http.HttpHeaderName;
import com.azure.core.http.HttpHeaders;
import com.azure.core.http.HttpMethod;
import com.azure.core.http.HttpRequest;
import com.azure.core.http.HttpResponse;
import com.azure.core.util.BinaryData;
import com.azure.core.util.Context;
import io.github.acrkit.Refusals.ServiceError;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URL;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;
import reactor.core.Exceptions;
import reactor.core.publisher.Mono;

/**
 * Sends each request to the registry with the access token that it needs, and requests to any other origin without
 * one.
 *
 * <p>It is beneath all policies of the clients, and sends a copy: no policy, log or exception sees the header.
 */
final class TokenClient implements HttpClient {
    /** How old a token must be for a refusal to be doubted: a scope map may have changed since. */
    static final Duration RIGHTS_AGE = Duration.ofSeconds(10);

    private final Registry registry;
    private final HttpClient inner;
    private final Credentials credentials;
    private final TokenService service;
    private final TokenCache tokens;
    private final Refusals refusals;
    private final LongSupplier clock;

    TokenClient(Registry registry, HttpClient inner, Credentials credentials, Duration limit, LongSupplier clock) {
        this.registry = registry;
        this.inner = inner;
        this.credentials = credentials;
        this.tokens = new TokenCache(clock);
        this.service = new TokenService(registry, inner, credentials, limit, tokens, clock);
        this.refusals = new Refusals(registry);
        this.clock = clock;
    }

    @Override
    public Mono<HttpResponse> send(HttpRequest request) {
        return send(request, Context.NONE);
    }

    @Override
    public Mono<HttpResponse> send(HttpRequest request, Context context) {
        return Mono.defer(() -> {
            URL url = request.getUrl();
            if (url.getProtocol().equalsIgnoreCase("http")) {
                return Mono.just(Answer.refusal(request, 401, new HttpHeaders(), refusals.plainHttp(url), List.of()));
            }
            if (!registry.isHome(url)) {
                return exchange(request, null, context).map(response -> ofAnotherHost(request, response));
            }
            if (Operation.pathOf(url).startsWith("/oauth2/")) { // its clients know what they send
                return exchange(request, null, context).map(response -> new BoundResponse(request, response));
            }
            return attempt(request, context, Operation.of(request.getHttpMethod(), url).scope, true);
        });
    }

    private HttpResponse ofAnotherHost(HttpRequest request, HttpResponse response) {
        if (response.getStatusCode() != 401) {
            return new BoundResponse(request, response);
        }
        response.close();
        Refusal refusal = refusals.foreignAnswer(credentials.latest(), request.getUrl(), 401);
        return Answer.refusal(request, 401, response.getHeaders(), refusal, List.of());
    }

    private Mono<HttpResponse> attempt(HttpRequest request, Context context, Scope scope, boolean first) {
        // Where the scope is not known, the first try goes without a token: the challenge then names it.
        Mono<Outcome> token = first && scope.isEmpty()
                ? Mono.just(Outcome.NO_TOKEN)
                : tokens.get(scope.toString(), () -> service.fetch(scope));
        return token.flatMap(outcome -> outcome.isReply()
                ? outcome.reply(request)
                : exchange(request, outcome.token(), context).flatMap(response -> {
                    if (isPassed(request, response)) {
                        return Mono.just(new BoundResponse(request, response));
                    }
                    return Answer.read(response, Refusals.MAX_BODY).flatMap(body -> {
                        Scope again = scopeOfRetry(request, response, outcome.token());
                        return first && again != null
                                ? attempt(request, context, again, false)
                                : Mono.just(refuse(request, response, body, outcome.token()));
                    });
                }));
    }

    private Mono<HttpResponse> exchange(HttpRequest request, Token token, Context context) {
        HttpRequest copy = request.copy();
        copy.getHeaders().remove(HttpHeaderName.AUTHORIZATION);
        if (token != null) {
            copy.getHeaders().set(HttpHeaderName.AUTHORIZATION, "Bearer " + token.value());
        }
        return inner.send(copy, context)
                .onErrorMap(t ->
                        Outcome.failure(t, why -> refusals.unreachable(request.getUrl(), Text.line(why, List.of()))));
    }

    /** Waits for the answer; the synchronous clients expect unchecked exceptions. */
    @Override
    public HttpResponse sendSync(HttpRequest request, Context context) {
        try {
            return send(request, context).block();
        } catch (RuntimeException e) {
            Throwable t = Exceptions.unwrap(e);
            if (t instanceof IOException) {
                throw new UncheckedIOException(t.getMessage(), (IOException) t);
            }
            throw t instanceof RuntimeException ? (RuntimeException) t : new RuntimeException(t.getMessage(), t);
        }
    }

    /** Reports whether the clients send a request again after such an answer, and honour its Retry-After. */
    static boolean isRetried(int status) {
        return status == 408 || status == 429 || status >= 500;
    }

    /** Reports whether an answer goes to the client as it is. To a DELETE, the clients take 404 as success. */
    private static boolean isPassed(HttpRequest request, HttpResponse response) {
        int status = response.getStatusCode();
        return status < 400 || isRetried(status) || (status == 404 && request.getHttpMethod() == HttpMethod.DELETE);
    }

    private HttpResponse refuse(HttpRequest request, HttpResponse response, byte[] body, Token token) {
        int status = response.getStatusCode();
        List<String> secrets = new ArrayList<>(credentials.secrets());
        if (token != null) {
            secrets.add(token.value());
        }
        List<ServiceError> errors = ServiceError.read(body, secrets);
        Refusal refusal = status == 401
                ? unauthorized(challengeOf(response), token)
                : status == 404 ? refusals.notFound(request, errors, secrets) : refusals.other(status, errors);
        return Answer.refusal(request, status, response.getHeaders(), refusal, errors);
    }

    private Refusal unauthorized(Challenge challenge, Token token) {
        if (isForeign(challenge)) {
            return refusals.foreignRealm(challenge.realm);
        }
        return challenge != null && challenge.error.equals("insufficient_scope")
                ? refusals.missing(credentials.latest(), challenge.scope, token == null ? null : token.granted())
                : refusals.accessNotAccepted(credentials.latest());
    }

    private boolean isForeign(Challenge challenge) {
        return challenge != null && !challenge.realm.isEmpty() && !registry.isOwnRealm(challenge.realm);
    }

    /** Returns the challenge; null if there is none that can be read. */
    private static Challenge challengeOf(HttpResponse response) {
        String[] values = response.getHeaders().getValues(HttpHeaderName.WWW_AUTHENTICATE);
        try {
            return values == null ? null : Challenge.of(List.of(values));
        } catch (IllegalArgumentException e) {
            return null;
        }
    }

    /** Returns the scope to try again with, or null. Drops the token where it may be at fault. */
    private Scope scopeOfRetry(HttpRequest request, HttpResponse response, Token token) {
        Challenge challenge = challengeOf(response);
        if (response.getStatusCode() != 401 || isForeign(challenge)) {
            return null;
        }
        String error = challenge == null ? "" : challenge.error;
        BinaryData body = request.getBodyAsBinaryData();
        boolean repeatable = challenge != null && (body == null || body.isReplayable());
        boolean another = challenge != null
                && (token == null || (!error.equals("invalid_token") && !token.scope.contains(challenge.scope)));
        if (token == null || another) {
            return repeatable ? challenge.scope : null;
        }
        boolean insufficient = error.equals("insufficient_scope");
        if (insufficient && token.age(clock.getAsLong()) <= RIGHTS_AGE.toNanos()) {
            return null;
        }
        tokens.forget(token);
        if (!insufficient && token.root != null) {
            tokens.forget(token.root);
        }
        return repeatable ? token.scope : null;
    }

    /** Returns how many access tokens are kept. */
    int kept() {
        return tokens.size();
    }

    @Override
    public String toString() {
        return "HttpClient(" + registry + ")";
    }
}
