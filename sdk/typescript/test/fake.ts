import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { ContainerRegistryClient, ContainerRegistryContentClient } from "@azure/container-registry";
import {
  createHttpHeaders,
  type HttpClient,
  isRestError,
  type PipelineRequest,
  type PipelineResponse,
  type RestError,
} from "@azure/core-rest-pipeline";
import { RegistryHttpClient } from "../src/client.js";
import { type Credential, login as checked, fixed } from "../src/credential.js";
import { parseRegistry } from "../src/registry.js";
import { required } from "../src/scope.js";
import { Tokens } from "../src/tokens.js";

export const host = "myregistry.azurecr.io";
export const home = `https://${host}`;
export const password = "correct-horse-battery-staple";

/** A signed token with the given claims; its signature is made up. */
export function jwt(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "RS256" })}.${part(claims)}.c2lnbmF0dXJl`;
}

export interface Sent {
  method: string;
  url: URL;
  authorization: string | undefined;
  form: Record<string, string>;
  request: PipelineRequest;
}

export interface Reply {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}

/** An HTTP client with a registry behind it, and every other host of the world. */
export class Fake implements HttpClient {
  readonly sent: Sent[] = [];
  readonly passwords = new Map([["ci-pull", [password]]]);
  /** The rights that are never granted, as words of scopes. */
  readonly withheld = new Set<string>();
  /** Access tokens and refresh tokens that are good, with their scope. */
  readonly good = new Map<string, string>();
  /** The service's clock, in seconds since 1970; it is not this machine's. */
  clock = 1_000_000_000;
  life = 3600;
  /** Answers in place of the registry, where it returns something. */
  intercept: (sent: Sent) => Reply | undefined | Promise<Reply | undefined> = () => undefined;
  #issued = 0;

  async sendRequest(request: PipelineRequest): Promise<PipelineResponse> {
    const body = typeof request.body === "function" ? request.body() : request.body;
    const form =
      typeof body === "string" && request.method === "POST" ? Object.fromEntries(new URLSearchParams(body)) : {};
    const authorization = request.headers.get("Authorization");
    const sent = { method: request.method, url: new URL(request.url), authorization, form, request };
    this.sent.push(sent);
    if (request.abortSignal?.aborted) {
      throw abortError();
    }
    const reply = (await this.intercept(sent)) ?? this.#reply(sent);
    const date = new Date(this.clock * 1000).toUTCString();
    const headers = createHttpHeaders({ Date: date, "Content-Type": "application/json", ...reply.headers });
    const response: PipelineResponse = { request, status: reply.status, headers };
    const streamed = request.streamResponseStatusCodes;
    if (streamed?.has(Number.POSITIVE_INFINITY) || streamed?.has(reply.status)) {
      response.readableStreamBody = Readable.from([Buffer.from(reply.body ?? "")]);
    } else {
      response.bodyAsText = reply.body ?? "";
    }
    return response;
  }

  /** Makes a token that the fake accepts. */
  issue(claims: object, scope: string): string {
    const token = jwt({ iss: "Azure Container Registry", exp: this.clock + this.life, jti: ++this.#issued, ...claims });
    this.good.set(token, scope);
    return token;
  }

  #reply(sent: Sent): Reply {
    if (sent.url.origin !== home) {
      return { status: 200 };
    }
    if (sent.url.pathname === "/oauth2/exchange") {
      const refresh_token = this.issue({ grant_type: "refresh_token" }, "*");
      return this.good.has(sent.form.access_token ?? "")
        ? { status: 200, body: JSON.stringify({ refresh_token }) }
        : refused;
    }
    if (sent.url.pathname === "/oauth2/token") {
      const { username = "", password = "", refresh_token = "", scope = "" } = sent.form;
      const good =
        sent.form.grant_type === "password"
          ? this.passwords.get(username)?.includes(password)
          : this.good.has(refresh_token);
      if (!good) {
        return refused;
      }
      const access = scope.split(" ").map((item) => {
        const [type, name, actions = ""] = item.split(":");
        return { type, name, actions: actions.split(",").filter((a) => !this.withheld.has(a)) };
      });
      const access_token = this.issue({ grant_type: "access_token", access }, scope);
      return { status: 200, body: JSON.stringify({ access_token }) };
    }
    const scope = required(sent.method, sent.url).scope;
    const token = sent.authorization?.replace("Bearer ", "") ?? "";
    const challenge = `Bearer realm="${home}/oauth2/token",service="${host}",scope="${scope}"`;
    if (!this.good.has(token)) {
      const error = token === "" ? "" : ',error="invalid_token"';
      return { status: 401, headers: { "WWW-Authenticate": challenge + error }, body: unauthorized };
    }
    if (this.good.get(token) !== scope || [...this.withheld].some((action) => scope.includes(action))) {
      return {
        status: 401,
        headers: { "WWW-Authenticate": `${challenge},error="insufficient_scope"` },
        body: unauthorized,
      };
    }
    return { status: 200, body: JSON.stringify({ registry: host, imageName: "a", tags: [{ name: "v1" }] }) };
  }

  /** The requests since the last call, each in short: "POST /oauth2/token", "GET /acr/v1/… Bearer". */
  take(): string[] {
    return this.sent.splice(0).map((s) => {
      const where = s.url.origin === home ? "" : s.url.origin;
      return `${s.method} ${where}${s.url.pathname}${s.authorization ? " Bearer" : ""}`;
    });
  }
}

export const unauthorized = JSON.stringify({
  errors: [{ code: "UNAUTHORIZED", message: "authentication required, visit https://aka.ms/acr/authorization" }],
});
const refused: Reply = { status: 401, body: unauthorized };

export function abortError(): Error {
  return Object.assign(new Error("aborted"), { name: "AbortError" });
}

/** A client that is bound to the fake, with a clock of the test's. */
export function bind(fake: HttpClient, credential: Credential = login(), now?: () => number): RegistryHttpClient {
  return new RegistryHttpClient(new Tokens(parseRegistry(host), credential, fake, now));
}

export function login(first = password, second?: string): Credential {
  return fixed(checked("ci-pull", first), second === undefined ? undefined : checked("ci-pull", second));
}

const never = { getToken: () => assert.fail("the SDK asked for a token of its own") };

// The SDK's retries, without their pauses.
const retryOptions = { maxRetries: 3, retryDelayInMs: 1, maxRetryDelayInMs: 1 };

/** The SDK's own clients over an HTTP client. */
export function sdk(httpClient: HttpClient, repository = "samples/app", more: object = {}) {
  const options = { httpClient, retryOptions, ...more };
  const client = new ContainerRegistryClient(home, never, options);
  return {
    client,
    content: new ContainerRegistryContentClient(home, repository, never, options),
    async tags(of = repository, abortSignal?: AbortSignal): Promise<string[]> {
      const names: string[] = [];
      for await (const tag of client.getArtifact(of, "v1").listTagProperties(abortSignal ? { abortSignal } : {})) {
        names.push(tag.name);
      }
      return names;
    },
  };
}

/** Returns the SDK's error of a call that must fail. */
export async function failure(call: Promise<unknown>): Promise<RestError> {
  try {
    await call;
  } catch (error) {
    assert.ok(isRestError(error), `not a RestError: ${error}`);
    return error;
  }
  return assert.fail("the call did not fail");
}
