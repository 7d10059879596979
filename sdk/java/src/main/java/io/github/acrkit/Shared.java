package io.github.acrkit;

import java.util.function.Supplier;
import reactor.core.publisher.Mono;

/**
 * Runs one operation at a time. All who ask while it runs get its result, a failure too; one that is cancelled fails
 * no other.
 */
final class Shared<T> {
    private Mono<T> running;

    synchronized Mono<T> run(Supplier<Mono<T>> operation) {
        if (running == null) {
            // What the operation keeps, is kept before this is cleared: who comes in between finds it.
            running = Mono.defer(operation).doOnTerminate(this::clear).cache();
        }
        return running;
    }

    private synchronized void clear() {
        running = null;
    }

    synchronized boolean isRunning() {
        return running != null;
    }
}
