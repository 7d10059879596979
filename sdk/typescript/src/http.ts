import {
  createHttpHeaders,
  type HttpHeaders,
  type PipelineRequest,
  type PipelineResponse,
} from "@azure/core-rest-pipeline";
import { hide } from "./secret.js";

/** The longest body of a refusal that is read, in bytes. A real one has some hundred. */
export const maxRefusal = 64 << 10;

/** Returns the headers of a request without Authorization, however it is spelled. */
export function withoutAuthorization(headers: HttpHeaders): HttpHeaders {
  const kept = createHttpHeaders();
  for (const [name, value] of Object.entries(headers.toJSON({ preserveCase: true }))) {
    if (name.trim().toLowerCase() !== "authorization") {
      kept.set(name, value);
    }
  }
  return kept;
}

/** Returns the headers of an answer without the secrets that the request held. */
export function safeHeaders(headers: HttpHeaders, secrets: string[]): HttpHeaders {
  const safe = createHttpHeaders();
  for (const [name, value] of Object.entries(headers.toJSON({ preserveCase: true }))) {
    safe.set(name, hide(value, secrets));
  }
  return safe;
}

/** Reads the body of an answer; undefined if it is longer than limit bytes. */
export async function readBody(answer: PipelineResponse, limit: number): Promise<string | undefined> {
  const stream = answer.readableStreamBody;
  if (stream === undefined) {
    const text = answer.bodyAsText ?? "";
    return Buffer.byteLength(text) > limit ? undefined : text;
  }
  const chunks: Buffer[] = [];
  let length = 0;
  // Leaving the loop early destroys the stream.
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk as Uint8Array);
    chunks.push(bytes);
    length += bytes.length;
    if (length > limit) {
      return undefined;
    }
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Reports whether a request's body can be sent twice: a stream is gone when it was read. */
export function isReplayable(body: PipelineRequest["body"]): boolean {
  return !(typeof body === "object" && body !== null && ("pipe" in body || "getReader" in body));
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
