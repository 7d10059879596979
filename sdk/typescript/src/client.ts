import { type HttpClient, isRestError, type PipelineRequest, type PipelineResponse } from "@azure/core-rest-pipeline";
import { readChallenge } from "./challenge.js";
import type { Credential } from "./credential.js";
import type { Registry } from "./endpoint.js";
import { isReplayable, maxRefusal, readBody, safeHeaders, withoutAuthorization } from "./http.js";
import { type Answer, type Refusal, refuse, refusedByRegistry, say, unreachable } from "./refusal.js";
import { minus, required } from "./scope.js";
import { hide } from "./secret.js";
import { type AccessToken, NoToken, Tokens } from "./tokens.js";

/** How old a token must be for a missing right to be doubted, in milliseconds: scope maps change. */
export const rightsAge = 10_000;

/**
 * An HTTP client that sends the SDK's requests to one registry with the access token that each
 * needs. It stands beneath the SDK's policies, and none of them sees a secret: it never changes the
 * SDK's request, and sends a copy.
 */
export class RegistryHttpClient implements HttpClient {
  readonly #registry: Registry;
  readonly #credential: Credential;
  readonly #inner: HttpClient;
  readonly #tokens: Tokens;
  /** Requests that were redirected to another host, which then decides where they go next. */
  readonly #strayed = new WeakSet<PipelineRequest>();

  constructor(registry: Registry, credential: Credential, inner: HttpClient, now = () => performance.now()) {
    this.#registry = registry;
    this.#credential = credential;
    this.#inner = inner;
    this.#tokens = new Tokens(registry, credential, inner, now);
  }

  async sendRequest(request: PipelineRequest): Promise<PipelineResponse> {
    const url = new URL(request.url);
    if (!this.#registry.isHome(url) || this.#strayed.has(request)) {
      return this.#sendAbroad(request, url);
    }
    if (url.pathname.startsWith("/oauth2/")) {
      return this.#send(request, url); // who asks the token service itself knows what to send
    }
    try {
      return await this.#sendHome(request, url);
    } catch (error) {
      if (error instanceof NoToken) {
        return error.conclude(request);
      }
      throw error;
    }
  }

  async #sendHome(request: PipelineRequest, url: URL): Promise<PipelineResponse> {
    const scope = required(request.method, url).scope;
    let token = scope === "" ? undefined : await this.#tokens.get(scope, request);
    let response = await this.#send(request, url, token);
    if (response.status === 401) {
      const next = await this.#remedy(request, response, token);
      if (next !== undefined && isReplayable(request.body)) {
        response.readableStreamBody?.resume?.();
        token = await this.#tokens.get(next, request);
        response = await this.#send(request, url, token);
      }
    }
    const { status } = response;
    if (status < 400) {
      return response;
    }
    const answer = await readAnswer(response, token);
    // The SDK's own retry handles 408, 429 and 5xx; a 404 to DELETE is a success to it.
    if (status === 408 || status === 429 || status >= 500 || (status === 404 && request.method === "DELETE")) {
      return { request, status, headers: answer.headers, bodyAsText: answer.body };
    }
    throw this.#refusal(request, url, answer, token);
  }

  /** Returns the scope to ask for after a 401; undefined if that is no cure. */
  async #remedy(
    request: PipelineRequest,
    response: PipelineResponse,
    token: AccessToken | undefined,
  ): Promise<string | undefined> {
    const challenge = readChallenge(response.headers.get("WWW-Authenticate"));
    const { realm = "", scope = "", error = "" } = typeof challenge === "string" ? {} : challenge;
    if (!this.#registry.acceptsRealm(realm)) {
      const facts = { host: hostOf(realm) };
      throw refuse({ code: "protocol", sentence: "foreign_realm", facts }, request, await readAnswer(response, token));
    }
    if (error !== "invalid_token" && minus(scope, token?.scope ?? "") !== "") {
      return scope;
    }
    if (token === undefined) {
      return undefined;
    }
    if (error === "insufficient_scope") {
      if (this.#tokens.age(token) <= rightsAge) {
        return undefined;
      }
      this.#tokens.drop(token, false);
    } else {
      this.#tokens.drop(token, true);
    }
    return token.scope;
  }

  #refusal(request: PipelineRequest, url: URL, answer: Answer, token: AccessToken | undefined): Error {
    const asker =
      token === undefined
        ? { who: this.#credential.who, password: this.#credential.password }
        : this.#tokens.askerOf(token.login, token.granted);
    const refusal = refusedByRegistry(this.#registry, asker, request.method, url, answer);
    // Where nothing better is known, the SDK's own text stays: the body.
    const own = refusal.sentence === "other" ? `${answer.body || answer.status}\n` : "";
    return refuse(refusal, request, answer, own + say(refusal));
  }

  /** Sends a request to another origin: without a credential, and never in the clear. */
  async #sendAbroad(request: PipelineRequest, url: URL): Promise<PipelineResponse> {
    this.#strayed.add(request);
    const refusal = (sentence: string, facts: Record<string, string>): Refusal => ({
      code: "host_refused",
      sentence,
      facts: { host: url.host, ...facts },
    });
    if (url.protocol !== "https:") {
      throw refuse(refusal("plain_http", {}), request);
    }
    const response = await this.#send(request, url);
    if (response.status !== 401) {
      return response;
    }
    const facts = { status: "401", who: this.#credential.who, registry: this.#registry.host };
    throw refuse(refusal("foreign_answer", facts), request, await readAnswer(response, undefined));
  }

  /** Sends a copy of a request, with a token or without Authorization. The answer names the original. */
  async #send(request: PipelineRequest, url: URL, token?: AccessToken): Promise<PipelineResponse> {
    const copy: PipelineRequest = {
      ...request,
      url: url.href,
      headers: withoutAuthorization(request.headers),
    };
    // These replace the host, the path and the headers of what is sent.
    delete copy.requestOverrides;
    if (token !== undefined) {
      copy.headers.set("Authorization", `Bearer ${token.reveal()}`);
    }
    let response: PipelineResponse;
    try {
      response = await this.#inner.sendRequest(copy);
    } catch (error) {
      if (!isRestError(error)) {
        throw error;
      }
      // A new error, since the inner one names the copy.
      const why = hide(error.message, token === undefined ? [] : [token.reveal()]);
      throw unreachable(url.host, why, error.code, request);
    }
    response.request = request;
    return response;
  }
}

/** Reads an answer that is no success; the registry may repeat there what it was sent. */
async function readAnswer(response: PipelineResponse, token: AccessToken | undefined): Promise<Answer> {
  const secrets = token === undefined ? [] : [token.reveal()];
  const body = hide((await readBody(response, maxRefusal).catch(() => "")) ?? "", secrets);
  return { status: response.status, headers: safeHeaders(response.headers, secrets), body };
}

function hostOf(realm: string): string {
  return URL.canParse(realm) ? new URL(realm).host : "an unreadable one";
}
