import {
  createHttpHeaders,
  createPipelineRequest,
  type HttpClient,
  isRestError,
  type PipelineRequest,
  type PipelineResponse,
} from "@azure/core-rest-pipeline";
import { grantedBy, isForResourceManager, type Life, lifeOf, maxToken } from "./claims.js";
import type { Credential, Login } from "./credential.js";
import { findMistake, type Registry } from "./endpoint.js";
import { Flights } from "./flight.js";
import { maxRefusal, messageOf, readBody, safeHeaders } from "./http.js";
import { type Asker, refuse, refusedByTokenService, saidBy, UsageError, unreachable } from "./refusal.js";
import { hide } from "./secret.js";

/** The most access tokens that are kept; with one to two kilobytes each, about two megabytes. */
export const maxCachedTokens = 1024;

/** The time for the answer to one token request, in milliseconds. */
export const tokenTimeout = 30_000;

/** The longest answer of a token service, in bytes: the longest token, escaped and with company. */
export const maxTokenAnswer = 4 * maxToken;

/** How many passwords are tried for one token: two, and the first if its source changed meanwhile. */
const maxTries = 3;

/** How long after a failed renewal the next is tried, in milliseconds. */
const renewalPause = 30_000;

/** A token of the token service, with its life on the monotonic clock. */
class Token {
  /** When a renewal may be tried, in milliseconds of the clock. */
  renewAt: number;
  readonly #value: string;

  constructor(
    value: string,
    readonly life: Life,
    readonly received: number,
  ) {
    this.#value = value;
    this.renewAt = received + life.renew * 1000;
  }

  reveal(): string {
    return this.#value;
  }

  isAlive(now: number): boolean {
    return now < this.received + this.life.ends * 1000;
  }
}

/** An access token, for one scope. */
export class AccessToken extends Token {
  constructor(
    value: string,
    life: Life,
    received: number,
    readonly scope: string,
    readonly login: Login,
    /** The refresh token that it was made from; undefined if from the login itself. */
    readonly root: Token | undefined,
  ) {
    super(value, life, received);
  }

  get granted(): string | undefined {
    return grantedBy(this.reveal());
  }
}

/**
 * There is no token. Several requests may have waited for it: each makes of this an answer or an
 * error of its own.
 */
export class NoToken extends Error {
  constructor(
    /** Returns the answer to a request, or throws its error. */
    readonly conclude: (request: PipelineRequest) => PipelineResponse,
    /** What was sent was not accepted: another password may be. */
    readonly notAccepted = false,
  ) {
    super("there is no token");
  }
}

/** The part of a request that says how to reach the server; the SDK's options set it. */
type Route = Pick<PipelineRequest, "agent" | "tlsSettings" | "proxySettings">;

/** Gets access tokens, and keeps them by their scope. */
export class Tokens {
  readonly #registry: Registry;
  readonly #credential: Credential;
  readonly #inner: HttpClient;
  readonly #now: () => number;
  /** By scope; the least recently used one comes first. */
  readonly #kept = new Map<string, AccessToken>();
  readonly #fetches = new Flights<AccessToken>();
  /** The refresh tokens of Entra tokens. */
  readonly #roots = new WeakMap<Login, Token>();
  readonly #exchanges = new WeakMap<Login, Flights<Token>>();

  constructor(registry: Registry, credential: Credential, inner: HttpClient, now: () => number) {
    this.#registry = registry;
    this.#credential = credential;
    this.#inner = inner;
    this.#now = now;
  }

  /** Returns an access token for exactly scope: a kept one, or a new one. */
  async get(scope: string, request: PipelineRequest): Promise<AccessToken> {
    const kept = this.#kept.get(scope);
    if (kept?.isAlive(this.#now())) {
      this.#keep(kept);
      if (this.#now() >= kept.renewAt) {
        const pause = () => {
          kept.renewAt = this.#now() + renewalPause;
        };
        this.#fetches.background(scope, (signal) => this.#fetch(scope, request, signal), pause);
      }
      return kept;
    }
    return this.#fetches.join(scope, request.abortSignal, (signal) => this.#fetch(scope, request, signal));
  }

  /** Drops a token that was not accepted; with its root, the next comes from the credential itself. */
  drop(token: AccessToken, withRoot: boolean): void {
    if (this.#kept.get(token.scope) === token) {
      this.#kept.delete(token.scope);
    }
    if (withRoot) {
      this.#forgetRoot(token.login, token.root);
    }
  }

  /** How old a token is, in milliseconds. */
  age(token: AccessToken): number {
    return this.#now() - token.received;
  }

  #keep(token: AccessToken): void {
    this.#kept.delete(token.scope);
    this.#kept.set(token.scope, token);
    for (const scope of this.#kept.keys()) {
      if (this.#kept.size <= maxCachedTokens) {
        break;
      }
      this.#kept.delete(scope);
    }
  }

  async #fetch(scope: string, route: Route, signal: AbortSignal): Promise<AccessToken> {
    const tried: Login[] = [];
    let login = await this.#credential.current();
    for (;;) {
      try {
        const token = await this.#fetchAs(login, scope, route, signal);
        this.#keep(token);
        return token;
      } catch (error) {
        if (!(error instanceof NoToken && error.notAccepted)) {
          throw error;
        }
        tried.push(login);
        if (tried.length < maxTries) {
          login = await this.#credential.after(login);
        }
        if (tried.some((t) => t.equals(login))) {
          throw error; // what was refused a moment ago is not sent again
        }
      }
    }
  }

  async #fetchAs(login: Login, scope: string, route: Route, signal: AbortSignal): Promise<AccessToken> {
    const ask = async (fields: Fields, root?: Token) => {
      const token = await this.#post("/oauth2/token", { ...fields, scope }, "access_token", login, route, signal);
      return new AccessToken(token.reveal(), token.life, token.received, scope, login, root);
    };
    switch (login.kind) {
      case "password":
        return ask({ grant_type: "password", username: login.name, password: login.reveal() });
      case "refresh_token":
        return ask({ grant_type: "refresh_token", refresh_token: login.reveal() });
    }
    const isMicrosofts = this.#registry.cloud !== "" || this.#registry.isLoopback;
    if (isForResourceManager(login.reveal()) && !isMicrosofts) {
      const why = "the Entra token is for Azure Resource Manager, and the host is not one of Microsoft's";
      throw new UsageError(why, "host_refused");
    }
    const askWith = (root: Token) => ask({ grant_type: "refresh_token", refresh_token: root.reveal() }, root);
    const kept = this.#roots.get(login);
    const root = await this.#exchange(login, route, signal);
    try {
      return await askWith(root);
    } catch (error) {
      if (root !== kept || !(error instanceof NoToken && error.notAccepted)) {
        throw error;
      }
      this.#forgetRoot(login, root); // an old one may have been revoked
      return askWith(await this.#exchange(login, route, signal));
    }
  }

  /** Returns the refresh token of an Entra token: the kept one, or a new one. */
  async #exchange(login: Login, route: Route, signal: AbortSignal): Promise<Token> {
    const kept = this.#roots.get(login);
    if (kept !== undefined && this.#now() < kept.renewAt) {
      return kept;
    }
    const flights = this.#exchanges.get(login) ?? new Flights<Token>();
    this.#exchanges.set(login, flights);
    try {
      const fields = { grant_type: "access_token", access_token: login.reveal() };
      const root = await flights.join("", signal, (s) =>
        this.#post("/oauth2/exchange", fields, "refresh_token", login, route, s),
      );
      this.#roots.set(login, root);
      return root;
    } catch (error) {
      if (kept?.isAlive(this.#now())) {
        kept.renewAt = this.#now() + renewalPause;
        return kept;
      }
      throw error;
    }
  }

  #forgetRoot(login: Login, root: Token | undefined): void {
    if (this.#roots.get(login) === root) {
      this.#roots.delete(login);
    }
  }

  /** Asks for a token, and reads it in the named field of the answer. */
  async #post(
    path: string,
    fields: Fields,
    field: string,
    login: Login,
    route: Route,
    signal: AbortSignal,
  ): Promise<Token> {
    const { status, headers, body } = await this.#send(path, fields, route, signal);
    const received = this.#now();
    if (status === 200) {
      const value = readToken(body, field);
      if (typeof value === "string") {
        return new Token(value, lifeOf(value, headers.get("Date")), received);
      }
      const facts = { status: "200", said: `; ${value.problem}` };
      throw new NoToken((request) => {
        throw refuse({ code: "protocol", sentence: "service_refused", facts }, request);
      });
    }
    // The service may repeat what it was sent.
    const secrets = secretFields.flatMap((name) => fields[name] ?? []);
    const answer = { status, headers: safeHeaders(headers, secrets), body: hide(body ?? "", secrets) };
    if (status === 408 || status === 429 || status >= 500) {
      // The SDK's own retry handles these, and honours Retry-After.
      throw new NoToken((request) => ({ request, status, headers: answer.headers, bodyAsText: answer.body }));
    }
    const refusal = refusedByTokenService(this.#registry, this.askerOf(login), status, saidBy(answer.body));
    throw new NoToken((request) => {
      throw refuse(refusal, request, answer);
    }, status === 401);
  }

  /** Sends a token request. It does not pass the SDK's pipeline: nothing logs, redirects or retries it. */
  async #send(path: string, fields: Fields, route: Route, signal: AbortSignal) {
    const controller = new AbortController();
    const stop = () => controller.abort();
    signal.addEventListener("abort", stop);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      stop();
    }, tokenTimeout);
    try {
      const request = createPipelineRequest({
        url: this.#registry.url + path,
        method: "POST",
        headers: createHttpHeaders({
          Accept: "application/json",
          "Content-Type": "application/x-www-form-urlencoded",
          "User-Agent": "acrkit",
        }),
        body: new URLSearchParams({ ...fields, service: this.#registry.host }).toString(),
        abortSignal: controller.signal,
        streamResponseStatusCodes: new Set([Number.POSITIVE_INFINITY]), // to bound what is read
      });
      const { agent, tlsSettings, proxySettings } = route;
      const answer = await this.#inner.sendRequest(Object.assign(request, { agent, tlsSettings, proxySettings }));
      const { status, headers } = answer;
      return { status, headers, body: await readBody(answer, status === 200 ? maxTokenAnswer : maxRefusal) };
    } catch (error) {
      const secrets = secretFields.flatMap((name) => fields[name] ?? []);
      const why = late ? `no answer within ${tokenTimeout / 1000} seconds` : hide(messageOf(error), secrets);
      const code = late ? "ETIMEDOUT" : isRestError(error) ? error.code : undefined;
      throw new NoToken((original) => {
        throw unreachable(this.#registry.host, why, code, original);
      });
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
    }
  }

  /** Describes whose token a request carries, for a refusal. */
  askerOf(login: Login, granted?: string): Asker {
    const token = login.kind === "password" ? login.name : undefined;
    return { who: login.who, token, password: this.#credential.password, granted };
  }
}

type Fields = Record<string, string>;

/** The fields of a token request that hold secrets. */
const secretFields = ["password", "refresh_token", "access_token"];

/** Returns the token in the named field of an answer, or what is wrong, without a word of the answer. */
function readToken(body: string | undefined, field: string): string | { problem: string | undefined } {
  let answer: Record<string, unknown> | null | undefined;
  try {
    answer = JSON.parse(body ?? "");
  } catch {} // no JSON
  const token = answer?.[field];
  const text = typeof token === "string" ? token : "";
  const problem = findMistake([
    [body === undefined, `its answer is longer than ${maxTokenAnswer} bytes`],
    [answer === undefined, "its answer is not JSON"],
    [text === "", `its answer holds no ${field}`],
    [text.length > maxToken, `its token is longer than ${maxToken} characters`],
    [!/^[!-~]+$/.test(text), "its token fits into no header"],
  ]);
  return problem === undefined ? text : { problem };
}
