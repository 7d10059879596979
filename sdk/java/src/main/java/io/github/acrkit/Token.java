package io.github.acrkit;

import java.time.Duration;

/** An access token or a refresh token, with its life by the monotonic clock. */
final class Token {
    /** The end of a life in which a token is not used, because it may run out on the way. */
    static final Duration UNUSED_END = Duration.ofSeconds(10);

    private final transient String value; // libraries that write an object leave transient fields out
    private final long received;
    private final long life;

    /** What the token was asked for; empty for a refresh token. */
    final Scope scope;

    /** The refresh token that it was made from; null if from a password. */
    final Token root;

    /** When a renewal that has failed is tried again. */
    volatile long retryAt;

    /**
     * @param received {@link System#nanoTime} when the token arrived
     * @param date the Date header of the answer that it came in, or null
     */
    Token(String value, Scope scope, Token root, long received, String date) {
        this.value = value;
        this.scope = scope;
        this.root = root;
        this.received = received;
        this.life = Claims.of(value).life(date).toNanos();
        this.retryAt = received;
    }

    String value() {
        return value;
    }

    Scope granted() {
        return Claims.of(value()).granted();
    }

    long age(long now) {
        return now - received;
    }

    boolean isAlive(long now) {
        return age(now) < life - Math.min(UNUSED_END.toNanos(), life / 10);
    }

    /** Reports whether it is time to renew the token: at 80 % of its life. */
    boolean isDue(long now) {
        return age(now) >= life / 10 * 8 && now - retryAt >= 0;
    }

    @Override
    public String toString() {
        return "Token(" + scope + ")";
    }
}
