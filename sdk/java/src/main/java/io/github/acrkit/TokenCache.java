package io.github.acrkit;

import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import java.util.function.LongSupplier;
import reactor.core.publisher.Mono;

/** Keeps access tokens by scope, the least recently used dropped first, and fetches each of them once at a time. */
final class TokenCache {
    /** With tokens of one to two kilobytes, about two megabytes. */
    static final int MAX_TOKENS = 1024;

    /** How long after a failed renewal the next one is tried. */
    static final Duration RENEWAL_PAUSE = Duration.ofSeconds(30);

    private final Function<Scope, Mono<Outcome>> fetch;
    private final LongSupplier clock;
    private final Map<String, Mono<Outcome>> fetches = new HashMap<>(); // those under way
    private final Map<String, Token> tokens = new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Token> eldest) {
            return size() > MAX_TOKENS;
        }
    };

    /**
     * @param fetch asks for a token; its result is never an error
     * @param clock {@link System#nanoTime}
     */
    TokenCache(Function<Scope, Mono<Outcome>> fetch, LongSupplier clock) {
        this.fetch = fetch;
        this.clock = clock;
    }

    /**
     * Returns a token for a scope, from the cache or fetched; one that is due is renewed meanwhile. All who wait for
     * one fetch get its result, a refusal too, and one that is cancelled fails no other.
     */
    Mono<Outcome> get(Scope scope) {
        return Mono.defer(() -> {
            Token kept;
            Mono<Outcome> fetched;
            synchronized (this) {
                long now = clock.getAsLong();
                kept = tokens.get(scope.toString());
                boolean alive = kept != null && kept.isAlive(now);
                if (alive && (!kept.isDue(now) || fetches.containsKey(scope.toString()))) {
                    return Mono.just(Outcome.of(kept));
                }
                kept = alive ? kept : null;
                Token renewed = kept;
                fetched = fetches.computeIfAbsent(
                        scope.toString(),
                        key -> fetch.apply(scope)
                                .doOnNext(outcome -> keep(scope, renewed, outcome))
                                .cache());
            }
            if (kept == null) {
                return fetched;
            }
            fetched.subscribe();
            return Mono.just(Outcome.of(kept));
        });
    }

    private synchronized void keep(Scope scope, Token renewed, Outcome outcome) {
        fetches.remove(scope.toString());
        if (outcome.token() != null) {
            tokens.put(scope.toString(), outcome.token());
        } else if (renewed != null) {
            renewed.retryAt = clock.getAsLong() + RENEWAL_PAUSE.toNanos();
        }
    }

    /** Drops a token that the registry did not accept. */
    synchronized void forget(Token token) {
        tokens.remove(token.scope.toString(), token);
    }

    synchronized int size() {
        return tokens.size();
    }
}
