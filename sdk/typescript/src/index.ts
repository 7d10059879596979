/**
 * A token's name and password for Microsoft's client of Azure Container Registry:
 *
 *     const acr = scopedToken("myregistry", "ci-pull", password);
 *     const client = new ContainerRegistryClient(acr.endpoint, acr.credential, acr.options);
 *
 * @packageDocumentation
 */
import { createDefaultHttpClient, type HttpClient } from "@azure/core-rest-pipeline";
import { RegistryHttpClient } from "./client.js";
import { Credential, fixed, login, type NameAndPassword } from "./credential.js";
import { usageError } from "./refusal.js";
import { parseRegistry, type Registry } from "./registry.js";
import { Tokens } from "./tokens.js";

export { secretFile } from "./credential.js";
export { refusalOf } from "./refusal.js";

/** What the constructors of the SDK's clients take. */
export interface ScopedToken {
  /** The registry's https URL, without a path. */
  readonly endpoint: string;
  /** Keeps the SDK from signing in by itself. It holds nothing, and throws if it is asked. */
  readonly credential: { getToken(): Promise<never> };
  /** The client options; spread them into yours: `{ ...acr.options, retryOptions }`. */
  readonly options: { readonly httpClient: HttpClient };
}

/** Settings of a credential. */
export interface ScopedTokenOptions {
  /** The token's other password, tried when the registry does not accept the first. */
  secondPassword?: string;
  /**
   * Sends the requests; without it, the SDK's default client does. It must not follow redirects by
   * itself, and must end a request with its abort signal.
   */
  httpClient?: HttpClient;
  /** Accepts a login server that is neither one of ACR's by its name nor this machine. */
  customLoginServer?: boolean;
}

/**
 * Returns what the constructors of the SDK's clients take, for a token's name and password. The
 * credential is bound to the registry, and nothing is sent before the first request.
 *
 * The password may also be the admin user's, an ACR refresh token, or an Entra access token.
 *
 * @param endpoint - The registry's name ("myregistry"), its login server, or its https URL.
 * @param name - The token's name.
 * @param password - One of its passwords.
 * @throws An Error with the code "usage", or "host_refused" for a host that no credential goes to.
 */
export function scopedToken(
  endpoint: string,
  name: string,
  password: string,
  options: ScopedTokenOptions = {},
): ScopedToken {
  const registry = parseRegistry(endpoint, options.customLoginServer);
  const { secondPassword } = options;
  const second = secondPassword === undefined ? undefined : login(name, secondPassword);
  return bind(registry, fixed(login(name, password), second), options);
}

/**
 * Like {@link scopedToken}, with a name and password that are read when they are needed for the
 * first time, and again when the registry did not accept the last ones.
 *
 * @param source - Returns the name and the password, or promises them: from a vault, or from a file
 * by {@link secretFile}. It may be called again at any time, one call at a time, and has 30 seconds.
 */
export function scopedTokenFrom(
  endpoint: string,
  source: () => NameAndPassword | Promise<NameAndPassword>,
  options: Omit<ScopedTokenOptions, "secondPassword"> = {},
): ScopedToken {
  return bind(parseRegistry(endpoint, options.customLoginServer), new Credential(source), options);
}

const noOptions = "the client was made without acrkit's options: pass acr.options as its last argument";

function bind(registry: Registry, credential: Credential, options: ScopedTokenOptions): ScopedToken {
  const client = new RegistryHttpClient(
    new Tokens(registry, credential, options.httpClient ?? createDefaultHttpClient()),
  );
  return {
    endpoint: registry.url.origin,
    credential: { getToken: () => Promise.reject(usageError(noOptions)) },
    // A function alone: it shows nothing of the client, and cannot be copied.
    options: { httpClient: { sendRequest: (request) => client.sendRequest(request) } },
  };
}
