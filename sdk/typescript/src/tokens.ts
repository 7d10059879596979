import {
  createHttpHeaders,
  createPipelineRequest,
  type HttpClient,
  type PipelineRequest,
  type PipelineResponse,
} from "@azure/core-rest-pipeline";
import { isForResourceManager, lifeOf, maxToken } from "./claims.js";
import type { Credential, Login } from "./credential.js";
import { refuse, refusedByTokenService, unreachable, usageError } from "./refusal.js";
import type { Registry } from "./registry.js";
import { hide, readAnswer, readBody } from "./secret.js";

/** The most tokens that are kept; with one to two kilobytes each, about two megabytes. */
export const maxCachedTokens = 1024;

/** The time for the answer to one token request, in milliseconds. */
export const tokenTimeout = 30_000;

/** The longest answer of a token service, in bytes: the longest token, escaped, and the other fields. */
export const maxTokenAnswer = 4 * maxToken;

/** How many passwords are tried for one token: two, and the first if its source changed meanwhile. */
const maxTries = 3;

/** How long after a failed renewal the next is tried, in milliseconds. */
const renewalPause = 30_000;

/** A token of the token service, with its life on the monotonic clock, in milliseconds. */
interface Token {
  readonly value: string;
  readonly received: number;
  renewAt: number;
  readonly endsAt: number;
}

/** An access token, for one scope. */
export interface AccessToken extends Token {
  readonly scope: string;
  readonly login: Login;
}

/**
 * There is no token. Several requests may have waited for it: each makes its own answer or error
 * from this.
 */
export class NoToken extends Error {
  constructor(
    /** Returns the answer to a request, or throws its error. */
    readonly conclude: (request: PipelineRequest) => PipelineResponse,
    /** The credential was not accepted; another password may be. */
    readonly notAccepted = false,
  ) {
    super("there is no token");
  }
}

const isNotAccepted = (error: unknown) => error instanceof NoToken && error.notAccepted;

/** Keeps the most recently used tokens. All who wait for one share its fetch, and its failure. */
class Cache<K, T extends Token> {
  /** The least recently used one comes first. */
  readonly #kept = new Map<K, T>();
  readonly #fetches = new Map<K, Promise<T>>();

  constructor(readonly now: () => number) {}

  /** Returns the kept token, or a new one. From 80 % of its life on it is renewed meanwhile. */
  async get(key: K, fetch: () => Promise<T>): Promise<T> {
    const kept = this.#kept.get(key);
    if (kept === undefined || this.now() >= kept.endsAt) {
      return this.#share(key, fetch);
    }
    this.#keep(key, kept);
    if (this.now() >= kept.renewAt) {
      this.#share(key, fetch).catch(() => {
        kept.renewAt = this.now() + renewalPause;
      });
    }
    return kept;
  }

  /** Drops what is kept; if a token is given, only that one. Returns whether it did. */
  drop(key: K, token: T | undefined = this.#kept.get(key)): boolean {
    return this.#kept.get(key) === token && this.#kept.delete(key);
  }

  #share(key: K, fetch: () => Promise<T>): Promise<T> {
    const running = this.#fetches.get(key);
    if (running !== undefined) {
      return running;
    }
    const started = fetch()
      .then((token) => this.#keep(key, token))
      .finally(() => this.#fetches.delete(key));
    this.#fetches.set(key, started);
    return started;
  }

  #keep(key: K, token: T): T {
    this.#kept.delete(key);
    this.#kept.set(key, token);
    if (this.#kept.size > maxCachedTokens) {
      this.#kept.delete(this.#kept.keys().next().value as K);
    }
    return token;
  }
}

/** The form of a token request. */
type Fields = Record<string, string>;

/** Gets access tokens, and keeps them by their scope. */
export class Tokens {
  readonly #access: Cache<string, AccessToken>;
  /** The refresh tokens that Entra tokens were exchanged for. */
  readonly #refresh: Cache<Login, Token>;

  constructor(
    readonly registry: Registry,
    readonly credential: Credential,
    readonly inner: HttpClient,
    private readonly now = () => performance.now(),
  ) {
    this.#access = new Cache(now);
    this.#refresh = new Cache(now);
  }

  /** Returns an access token for exactly scope. The request says how to reach the server, and when to give up. */
  async get(scope: string, request: PipelineRequest): Promise<AccessToken> {
    const { abortSignal } = request;
    let abort = () => {};
    const aborted = new Promise<never>((_, reject) => {
      // The SDK recognises the error by its name.
      abort = () => reject(Object.assign(new Error("The operation was aborted."), { name: "AbortError" }));
    });
    if (abortSignal?.aborted) {
      abort();
      return aborted;
    }
    abortSignal?.addEventListener("abort", abort);
    const token = this.#access.get(scope, () => this.#fetch(scope, request));
    return Promise.race([token, aborted]).finally(() => abortSignal?.removeEventListener("abort", abort));
  }

  /** Drops a token that was not accepted; with its root, the next comes from the credential itself. */
  drop(token: AccessToken, withRoot: boolean): void {
    if (this.#access.drop(token.scope, token) && withRoot) {
      this.#refresh.drop(token.login);
    }
  }

  /** How old a token is, in milliseconds. */
  age = (token: AccessToken) => this.now() - token.received;

  async #fetch(scope: string, route: PipelineRequest): Promise<AccessToken> {
    let login = await this.credential.login();
    for (const refused = [login]; ; refused.push(login)) {
      try {
        return { ...(await this.#fetchAs(login, scope, route)), scope, login };
      } catch (error) {
        if (!isNotAccepted(error) || refused.length === maxTries) {
          throw error;
        }
        login = await this.credential.login(login);
        if (refused.some((r) => r.name === login.name && r.password === login.password)) {
          throw error; // what was refused a moment ago is not sent again
        }
      }
    }
  }

  async #fetchAs(login: Login, scope: string, route: PipelineRequest): Promise<Token> {
    const { kind, name, password } = login;
    const ask = (fields: Fields) => this.#post("token", { ...fields, scope }, login, route);
    const askWith = (refresh_token: string) => ask({ grant_type: "refresh_token", refresh_token });
    if (kind !== "entra_token") {
      return kind === "password" ? ask({ grant_type: "password", username: name, password }) : askWith(password);
    }
    if (isForResourceManager(password) && !this.registry.isKnown) {
      const why = "the Entra token is for Azure Resource Manager, and the host is not one of Microsoft's";
      throw usageError(why, "host_refused");
    }
    const fields = { grant_type: "access_token", access_token: password };
    const exchange = () => this.#post("exchange", fields, login, route);
    const root = await this.#refresh.get(login, exchange);
    return askWith(root.value).catch(async (error) => {
      if (!isNotAccepted(error)) {
        throw error;
      }
      this.#refresh.drop(login, root); // it may have been revoked
      return askWith((await this.#refresh.get(login, exchange)).value);
    });
  }

  /**
   * Asks for a token. The request does not pass the SDK's pipeline: nothing logs, redirects or
   * retries it.
   */
  async #post(path: "token" | "exchange", fields: Fields, login: Login, route: PipelineRequest): Promise<Token> {
    const secrets = [login.password, fields.refresh_token ?? ""];
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), tokenTimeout);
    const request = createPipelineRequest({
      url: `${this.registry.url.origin}/oauth2/${path}`,
      method: "POST",
      headers: createHttpHeaders({
        Accept: "application/json",
        "Content-Type": "application/x-www-form-urlencoded",
        "User-Agent": "acrkit",
      }),
      body: new URLSearchParams({ ...fields, service: this.registry.service }).toString(),
      abortSignal: controller.signal,
      streamResponseStatusCodes: new Set([Number.POSITIVE_INFINITY]), // to bound what is read
    });
    const { agent, tlsSettings, proxySettings } = route;
    try {
      const response = await this.inner.sendRequest(Object.assign(request, { agent, tlsSettings, proxySettings }));
      const received = this.now();
      if (response.status === 200) {
        const value = readToken(
          await readBody(response, maxTokenAnswer),
          path === "token" ? "access_token" : "refresh_token",
        );
        const { renew, ends } = lifeOf(value, response.headers.get("Date"));
        return { value, received, renewAt: received + renew * 1000, endsAt: received + ends * 1000 };
      }
      const answer = await readAnswer(response, ...secrets);
      const { status } = answer;
      if (status === 408 || status === 429 || status >= 500) {
        // The SDK's own retry handles these, and honours Retry-After.
        throw new NoToken((original) => ({ ...answer, request: original }));
      }
      const refusal = refusedByTokenService(this.registry, login, this.credential.passwords, answer);
      throw new NoToken((original) => {
        throw refuse(refusal, original, answer);
      }, status === 401);
    } catch (error) {
      if (error instanceof NoToken) {
        throw error;
      }
      const late = controller.signal.aborted;
      const message = error instanceof Error ? error.message : String(error);
      const why = late ? `no answer within ${tokenTimeout / 1000} seconds` : hide(message, ...secrets);
      const code = late ? "ETIMEDOUT" : (error as { code?: string }).code;
      throw new NoToken((original) => {
        throw unreachable(this.registry.url.host, why, code, original);
      });
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Returns the token in the named field of an answer. An error says what is wrong, without a word of the answer. */
function readToken(body: string | undefined, field: string): string {
  let token: unknown;
  try {
    token = JSON.parse(body ?? "")[field];
  } catch {} // no JSON
  if (typeof token === "string" && token.length <= maxToken && /^[!-~]+$/.test(token)) {
    return token;
  }
  const said = `; its answer (at most ${maxTokenAnswer} bytes) holds no ${field} of at most ${maxToken} characters`;
  throw new NoToken((request) => {
    throw refuse({ code: "protocol", sentence: "service_refused", facts: { status: "200", said } }, request);
  });
}
