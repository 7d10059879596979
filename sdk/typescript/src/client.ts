import {
  createHttpHeaders,
  type HttpClient,
  isRestError,
  type PipelineRequest,
  type PipelineResponse,
} from "@azure/core-rest-pipeline";
import { readChallenge } from "./challenge.js";
import { refuse, refusedByRegistry, say, unreachable } from "./refusal.js";
import { minus, parseScope, required } from "./scope.js";
import { hide, readAnswer } from "./secret.js";
import { type AccessToken, NoToken, type Tokens } from "./tokens.js";

/** How old a token must be for a missing right to be doubted, in milliseconds: scope maps change. */
export const rightsAge = 10_000;

/**
 * An HTTP client that sends the SDK's requests to one registry with the access token that each
 * needs. It is beneath the SDK's policies, and none of them sees a secret: it sends a copy and never
 * changes the SDK's request.
 */
export class RegistryHttpClient implements HttpClient {
  /** Requests that were redirected to another host. From then on that host decides where they go. */
  readonly #redirected = new WeakSet<PipelineRequest>();

  constructor(private readonly tokens: Tokens) {}

  async sendRequest(request: PipelineRequest): Promise<PipelineResponse> {
    const url = new URL(request.url);
    if (!this.tokens.registry.isHome(url) || this.#redirected.has(request)) {
      return this.#sendAbroad(request, url);
    }
    if (url.pathname.startsWith("/oauth2/")) {
      return this.#send(request, url); // a caller of the token service has its own credential
    }
    return this.#sendHome(request, url).catch((error: unknown) => {
      if (error instanceof NoToken) {
        return error.conclude(request);
      }
      throw error;
    });
  }

  async #sendHome(request: PipelineRequest, url: URL): Promise<PipelineResponse> {
    const { scope } = required(request.method, url);
    let token = scope === "" ? undefined : await this.tokens.get(scope, request);
    let response = await this.#send(request, url, token);
    let note = "";
    if (response.status === 401) {
      const next = await this.#remedy(request, response, token);
      if (next !== undefined && isStream(request.body)) {
        note = "\nthe request was not sent again: its body is a stream, which can be read only once";
      } else if (next !== undefined) {
        response.readableStreamBody?.resume?.();
        token = await this.tokens.get(next, request);
        response = await this.#send(request, url, token);
      }
    }
    const { status } = response;
    if (status < 400) {
      return response;
    }
    const answer = await readAnswer(response, token?.value ?? "");
    // The SDK's own retry handles 408, 429 and 5xx; a 404 to DELETE is a success to it.
    if (status === 408 || status === 429 || status >= 500 || (status === 404 && request.method === "DELETE")) {
      return { ...answer, request };
    }
    const refusal = refusedByRegistry(this.tokens.registry, request, answer, token);
    // Without a better text, the SDK shows its own: the body.
    const own = refusal.sentence === "other" ? `${answer.bodyAsText || status}\n` : "";
    throw refuse(refusal, request, answer, own + say(refusal) + note);
  }

  /** Returns the scope to ask for after a 401; undefined if no token helps. */
  async #remedy(request: PipelineRequest, response: PipelineResponse, token: AccessToken | undefined) {
    const { realm, scope, error } = readChallenge(response.headers.get("WWW-Authenticate"));
    if (!this.tokens.registry.acceptsRealm(realm)) {
      const facts = { host: URL.canParse(realm) ? new URL(realm).host : "an unreadable one" };
      const answer = await readAnswer(response, token?.value ?? "");
      throw refuse({ code: "protocol", sentence: "foreign_realm", facts }, request, answer);
    }
    const lacks = minus(parseScope(scope) ?? new Map(), parseScope(token?.scope ?? "") ?? new Map());
    if (token === undefined || (error !== "invalid_token" && lacks.size > 0)) {
      return lacks.size > 0 ? scope : undefined;
    }
    const isMissingRight = error === "insufficient_scope";
    if (isMissingRight && this.tokens.age(token) <= rightsAge) {
      return undefined;
    }
    this.tokens.drop(token, !isMissingRight);
    return token.scope;
  }

  /** Sends a request to another origin: without a credential, and never in the clear. */
  async #sendAbroad(request: PipelineRequest, url: URL): Promise<PipelineResponse> {
    this.#redirected.add(request);
    const { host } = url;
    if (url.protocol !== "https:") {
      throw refuse({ code: "host_refused", sentence: "plain_http", facts: { host } }, request);
    }
    const response = await this.#send(request, url);
    if (response.status !== 401) {
      return response;
    }
    const facts = { host, status: "401", who: this.tokens.credential.who, registry: this.tokens.registry.url.host };
    const answer = await readAnswer(response);
    throw refuse({ code: "host_refused", sentence: "foreign_answer", facts }, request, answer);
  }

  /** Sends a copy of a request, with a token or without Authorization. The answer names the original. */
  async #send(request: PipelineRequest, url: URL, token?: AccessToken): Promise<PipelineResponse> {
    const headers = createHttpHeaders(request.headers.toJSON({ preserveCase: true }));
    headers.delete("Authorization");
    if (token !== undefined) {
      headers.set("Authorization", `Bearer ${token.value}`);
    }
    // Overrides replace the host, the path and the headers of what is sent.
    const { requestOverrides: _, ...rest } = request;
    try {
      return Object.assign(await this.tokens.inner.sendRequest({ ...rest, url: url.href, headers }), { request });
    } catch (error) {
      if (!isRestError(error)) {
        throw error;
      }
      // A new error, since the inner one names the copy.
      throw unreachable(url.host, hide(error.message, token?.value ?? ""), error.code, request);
    }
  }
}

/** Reports whether a request's body can be sent only once. */
function isStream(body: PipelineRequest["body"]): boolean {
  return typeof body === "object" && body !== null && ("pipe" in body || "getReader" in body);
}
