package io.github.acrkit;

import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import reactor.core.publisher.Mono;

/**
 * Keeps tokens by what they were asked for, the least recently used dropped first, and fetches each of them once at a
 * time.
 */
final class TokenCache {
    /** With tokens of one to two kilobytes, about two megabytes. */
    static final int MAX_TOKENS = 1024;

    /** How long after a failed renewal the next one is tried. */
    static final Duration RENEWAL_PAUSE = Duration.ofSeconds(30);

    private final LongSupplier clock;
    private final Map<Object, Mono<Outcome>> fetches = new HashMap<>(); // those under way
    private final Map<Object, Token> tokens = new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Object, Token> eldest) {
            return size() > MAX_TOKENS;
        }
    };

    /**
     * @param clock {@link System#nanoTime}
     */
    TokenCache(LongSupplier clock) {
        this.clock = clock;
    }

    /**
     * Returns a token from the cache or fetched; one that is due is renewed meanwhile. All who wait for one fetch get
     * its result, a refusal too, and a cancelled one does not fail the others.
     *
     * @param key what the token is requested for: a scope's text, or the pair that the refresh token replaces
     * @param fetch asks for it; its result is never an error
     */
    Mono<Outcome> get(Object key, Supplier<Mono<Outcome>> fetch) {
        return Mono.defer(() -> {
            Mono<Outcome> fetched;
            Token kept;
            synchronized (this) {
                long now = clock.getAsLong();
                Token known = tokens.get(key);
                kept = known != null && known.isAlive(now) ? known : null;
                if (kept != null && (!kept.isDue(now) || fetches.containsKey(key))) {
                    return Mono.just(Outcome.of(kept));
                }
                fetched = fetches.computeIfAbsent(
                        key,
                        k -> fetch.get()
                                .doOnNext(outcome -> keep(key, kept, outcome))
                                .cache());
            }
            if (kept == null) {
                return fetched;
            }
            fetched.subscribe();
            return Mono.just(Outcome.of(kept));
        });
    }

    private synchronized void keep(Object key, Token renewed, Outcome outcome) {
        fetches.remove(key);
        if (outcome.token() != null) {
            tokens.put(key, outcome.token());
        } else if (renewed != null) {
            renewed.retryAt = clock.getAsLong() + RENEWAL_PAUSE.toNanos();
        }
    }

    /** Drops a token that was not accepted. */
    synchronized void forget(Token token) {
        tokens.values().remove(token);
    }

    synchronized int size() {
        return tokens.size();
    }
}
