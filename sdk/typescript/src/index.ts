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
import { Credential, fixed, Login, type NameAndPassword } from "./credential.js";
import { parseRegistry, type Registry, typeName } from "./endpoint.js";
import { UsageError } from "./refusal.js";

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
  const registry = registryOf(endpoint, options);
  const first = new Login(name, password);
  const { secondPassword } = options;
  const second = secondPassword === undefined ? undefined : new Login(name, secondPassword);
  return bind(registry, fixed(first, second), options);
}

/**
 * Like {@link scopedToken}, with a name and password that are read when they are needed for the
 * first time, and again when the registry did not accept the last ones.
 *
 * @param source - Returns the name and the password, or promises them: from a vault, or from a file
 * by {@link secretFile}. It may be called again at any time, one call at a time.
 */
export function scopedTokenFrom(
  endpoint: string,
  source: () => NameAndPassword | Promise<NameAndPassword>,
  options: Omit<ScopedTokenOptions, "secondPassword"> = {},
): ScopedToken {
  const registry = registryOf(endpoint, options);
  if (typeof source !== "function") {
    throw new UsageError(`the source of the password must be a function, not ${typeName(source)}`);
  }
  return bind(registry, new Credential(source), options);
}

function bind(registry: Registry, credential: Credential, options: ScopedTokenOptions): ScopedToken {
  const inner = options.httpClient ?? createDefaultHttpClient();
  return {
    endpoint: registry.url,
    credential: {
      getToken: async () => {
        throw new UsageError("the client was made without acrkit's options: pass acr.options as its last argument");
      },
    },
    options: { httpClient: new RegistryHttpClient(registry, credential, inner) },
  };
}

function registryOf(endpoint: string, options: ScopedTokenOptions): Registry {
  if (typeof options !== "object" || options === null) {
    throw new UsageError(
      `the options must be an object, not ${typeName(options)}; a second password is { secondPassword }`,
    );
  }
  return parseRegistry(endpoint, options.customLoginServer === true);
}
