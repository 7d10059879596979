import { createHttpHeaders, type PipelineResponse } from "@azure/core-rest-pipeline";

/** The longest text of a service that a message repeats, in characters. */
export const maxSaid = 512;

/** The longest body of a refusal that is read, in bytes. A real one has some hundred. */
export const maxRefusal = 64 << 10;

const mark = "[redacted]";

/** Returns text without the secrets, as they are or as JSON, a URL, base64 or hex spells them. */
export function hide(text: string, ...secrets: string[]): string {
  let shown = text;
  for (const secret of secrets) {
    const bytes = (["base64", "base64url", "hex"] as const).map((encoding) => Buffer.from(secret).toString(encoding));
    const form = new URLSearchParams({ secret }).toString().replace("secret=", "");
    const json = JSON.stringify(secret).slice(1, -1);
    for (const spelling of [secret, json, encodeURIComponent(secret), form, ...bytes]) {
      // Replacing a shorter one would make the text unreadable and hide nothing.
      shown = secret.length > 2 ? shown.replaceAll(spelling.replace(/=+$/, ""), mark) : shown;
    }
  }
  return shown;
}

/** Returns text of a service as a part of one line: bounded, and without what looks like a signed token. */
export function line(text: string): string {
  const shown = text
    .replace(/eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_=-]+(?:\.[A-Za-z0-9_=-]*)?/g, mark)
    .replace(/\s/gu, " ")
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{Variation_Selector}]/gu, "\uFFFD")
    .trim();
  return shown.length > maxSaid ? `${shown.slice(0, maxSaid)}…` : shown;
}

/** Reads the body of an answer; undefined if it is longer than limit bytes. */
export async function readBody(answer: PipelineResponse, limit: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  // Leaving the loop early destroys the stream.
  for await (const chunk of answer.readableStreamBody ?? [answer.bodyAsText ?? ""]) {
    const bytes = Buffer.from(chunk as string);
    chunks.push(bytes);
    length += bytes.length;
    if (length > limit) {
      return undefined;
    }
  }
  return Buffer.concat(chunks).toString();
}

/** An answer that is no success, read. */
export type Answer = Pick<PipelineResponse, "status" | "headers"> & { bodyAsText: string };

/** Reads an answer that is no success, without the secrets of its request: the service may repeat those. */
export async function readAnswer(response: PipelineResponse, ...secrets: string[]): Promise<Answer> {
  const body = await readBody(response, maxRefusal).catch(() => "");
  const headers = Object.entries(response.headers.toJSON({ preserveCase: true }));
  return {
    status: response.status,
    headers: createHttpHeaders(Object.fromEntries(headers.map(([name, value]) => [name, hide(value, ...secrets)]))),
    bodyAsText: hide(body ?? "", ...secrets),
  };
}
