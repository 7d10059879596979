package io.github.acrkit;

import com.azure.core.http.HttpRequest;
import com.azure.core.http.HttpResponse;
import java.io.IOException;
import java.net.UnknownHostException;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.function.Supplier;
import reactor.core.Exceptions;
import reactor.core.publisher.Mono;

/** What asking for a token came to: the token, or an answer or failure for each request that waited for it. */
final class Outcome {
    /** How deep the cause of a failure is looked for. */
    private static final int MAX_CAUSES = 16;

    /** No token is sent. */
    static final Outcome NO_TOKEN = new Outcome(null, null, false);

    private final Token token;
    private final Function<HttpRequest, Mono<HttpResponse>> reply;
    private final boolean rejected;

    private Outcome(Token token, Function<HttpRequest, Mono<HttpResponse>> reply, boolean rejected) {
        this.token = token;
        this.reply = reply;
        this.rejected = rejected;
    }

    static Outcome of(Token token) {
        return new Outcome(token, null, false);
    }

    /**
     * @param rejected whether the credential was not accepted, so that another one may be
     */
    static Outcome of(Function<HttpRequest, HttpResponse> answer, boolean rejected) {
        return new Outcome(null, request -> Mono.fromSupplier(() -> answer.apply(request)), rejected);
    }

    /** Each request gets an exception of its own, because a retry policy adds to the one that it gets. */
    static Outcome failed(Supplier<Throwable> failure) {
        return new Outcome(null, request -> Mono.error(failure), false);
    }

    boolean isRejected() {
        return rejected;
    }

    /** Returns the token; null if there is none, or if none is sent. */
    Token token() {
        return token;
    }

    boolean isReply() {
        return reply != null;
    }

    /** Returns the answer to a request that got no token. */
    Mono<HttpResponse> reply(HttpRequest request) {
        return reply.apply(request);
    }

    /**
     * Returns an exception of the same kind as the HTTP client's, so that retry policies work as without it, with a text
     * for people.
     *
     * @param text makes the text from the client's own
     */
    static Throwable failure(Throwable thrown, Function<String, String> text) {
        Throwable t = Exceptions.unwrap(thrown);
        if (t instanceof IOException) {
            return new IOException(text.apply(textOf(t)), t);
        }
        return t instanceof TimeoutException ? new TimeoutException(text.apply(textOf(t))).initCause(t) : t;
    }

    /** Returns an exception's text, with that of its innermost cause where it adds to it, as that of TLS does. */
    private static String textOf(Throwable t) {
        Throwable root = t;
        for (int depth = 0; root.getCause() != null && depth < MAX_CAUSES; depth++) {
            root = root.getCause();
        }
        String own = messageOf(t);
        String deep = messageOf(root);
        return own.contains(deep) ? own : deep.contains(own) ? deep : own + ": " + deep;
    }

    private static String messageOf(Throwable t) {
        boolean mute = t.getMessage() == null || t instanceof UnknownHostException; // whose text is the host
        return (mute ? t.getClass().getSimpleName() + ": " : "") + t.getMessage();
    }
}
