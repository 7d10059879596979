import type { PipelineRequest } from "@azure/core-rest-pipeline";

/** By which a caller gives up: an AbortSignal, or one of the SDK's own kind. */
export type Signal = PipelineRequest["abortSignal"];

interface Flight<V> {
  result: Promise<V>;
  controller: AbortController;
  waiters: number;
  /** It runs on without waiters. */
  background: boolean;
}

/**
 * Runs one piece of work at a time for each key. Callers wait for it by their own signals: one
 * that gives up does not fail the others, and when the last one leaves, the work is aborted. All
 * who wait share a failure, too.
 */
export class Flights<V> {
  readonly #flying = new Map<string, Flight<V>>();

  async join(key: string, signal: Signal, work: (signal: AbortSignal) => Promise<V>): Promise<V> {
    if (signal?.aborted) {
      throw aborted();
    }
    const flight = this.#flying.get(key) ?? this.#start(key, work);
    flight.waiters++;
    try {
      return await unlessAborted(flight.result, signal);
    } finally {
      flight.waiters--;
      if (flight.waiters === 0 && !flight.background) {
        flight.controller.abort(); // without effect on work that has ended
        this.#forget(key, flight);
      }
    }
  }

  /** Starts work that nobody waits for, unless there is some under way. */
  background(key: string, work: (signal: AbortSignal) => Promise<V>, failed: (error: unknown) => void): void {
    if (!this.#flying.has(key)) {
      const flight = this.#start(key, work);
      flight.background = true;
      flight.result.catch(failed);
    }
  }

  #start(key: string, work: (signal: AbortSignal) => Promise<V>): Flight<V> {
    const controller = new AbortController();
    const result = work(controller.signal);
    const flight = { result, controller, waiters: 0, background: false };
    this.#flying.set(key, flight);
    const forget = () => this.#forget(key, flight);
    result.then(forget, forget);
    return flight;
  }

  #forget(key: string, flight: Flight<V>): void {
    if (this.#flying.get(key) === flight) {
      this.#flying.delete(key);
    }
  }
}

function aborted(): Error {
  const error = new Error("The operation was aborted.");
  error.name = "AbortError"; // by which the SDK knows it
  return error;
}

async function unlessAborted<V>(result: Promise<V>, signal: Signal): Promise<V> {
  if (signal === undefined) {
    return result;
  }
  let stop = () => {};
  const abort = new Promise<never>((_, reject) => {
    stop = () => reject(aborted());
    signal.addEventListener("abort", stop);
  });
  try {
    return await Promise.race([result, abort]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
