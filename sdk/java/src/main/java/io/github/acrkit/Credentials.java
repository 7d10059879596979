package io.github.acrkit;

import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import reactor.core.publisher.Mono;

/** One name and password, two of them, or a source of them; and which one is to be tried first. */
final class Credentials {
    private final List<NamePassword> fixed; // one or two; empty for a source
    private final Callable<NamePassword> source;
    private final Duration limit;

    private Mono<NamePassword> reading; // under way; null if none is
    private int slot; // the fixed one that was accepted last
    private NamePassword kept; // what the source gave last; null once that was refused

    private Credentials(List<NamePassword> fixed, Callable<NamePassword> source, Duration limit) {
        this.fixed = fixed;
        this.source = source;
        this.limit = limit;
    }

    static Credentials of(List<NamePassword> oneOrTwo) {
        return new Credentials(oneOrTwo, null, Duration.ZERO);
    }

    static Credentials from(Callable<NamePassword> source, Duration limit) {
        return new Credentials(List.of(), source, limit);
    }

    /** Returns the pair to be tried: the source is read where it gave none yet, or one that was refused. */
    synchronized Mono<NamePassword> current() {
        NamePassword known = latest();
        if (known != null) {
            return Mono.just(known);
        }
        if (reading == null) {
            reading = read().doOnTerminate(this::endReading).cache(); // all who ask meanwhile get its result
        }
        return reading;
    }

    private synchronized void endReading() {
        reading = null;
    }

    private Mono<NamePassword> read() {
        return Mono.<NamePassword>create(sink -> {
                    // A thread of its own: those of a pool may all be waiting for this very pair.
                    Thread thread = new Thread(
                            () -> {
                                try {
                                    sink.success(keep(source.call()));
                                } catch (Throwable t) {
                                    sink.error(t);
                                }
                            },
                            "acrkit-source");
                    thread.setDaemon(true);
                    sink.onDispose(thread::interrupt);
                    thread.start();
                })
                .timeout(
                        limit,
                        Mono.error(() -> new TimeoutException("it took longer than " + limit.toSeconds() + " s")))
                .onErrorMap(t -> new IllegalStateException("the source of the name and password failed: " + t, t));
    }

    private synchronized NamePassword keep(NamePassword read) {
        if (read == null) {
            throw new IllegalStateException("it returned null");
        }
        kept = read;
        return read;
    }

    /** Takes note that a pair was refused: another one is tried next, if there is one. */
    synchronized void refused(NamePassword pair) {
        if (fixed.size() == 2 && fixed.get(slot) == pair) {
            slot = 1 - slot;
        }
        if (kept == pair) {
            kept = null;
        }
    }

    /** Returns the pair to be tried, as far as it is known; null before the source was read. */
    synchronized NamePassword latest() {
        return fixed.isEmpty() ? kept : fixed.get(slot);
    }

    /** Says what goes with the name, for a message. */
    String what() {
        return source != null ? "password from its source" : fixed.size() == 2 ? "two passwords" : "password";
    }

    /** Returns the passwords that are known. */
    synchronized Collection<String> secrets() {
        List<NamePassword> all = kept == null ? fixed : List.of(kept);
        return all.stream().map(NamePassword::password).collect(Collectors.toList());
    }
}
