import { isIPv4, isIPv6 } from "node:net";
import { say, UsageError } from "./refusal.js";

const loginSuffixes = [".azurecr.io", ".azurecr.us", ".azurecr.cn"];

/** A login server: the only origin that a credential is sent to. */
export class Registry {
  /** The URL without a path: https, the host, and the port where it is not 443. */
  readonly url: string;
  readonly #origin: string;

  /** @param host - as parseRegistry returns it: lower case, with its port where it is not 443. */
  constructor(readonly host: string) {
    this.url = `https://${host}`;
    this.#origin = new URL(this.url).origin;
  }

  /** The first label of the host: the registry's name. */
  get name(): string {
    return this.#hostname.split(".", 1)[0] ?? "";
  }

  get #hostname(): string {
    return this.host.replace(/:[0-9]+$/, "");
  }

  /** Reports whether url has the registry's scheme, host and port. */
  isHome(url: URL): boolean {
    return url.protocol === "https:" && url.origin === this.#origin;
  }

  /** The cloud's suffix of a login server, ".azurecr.io"; "" if the host is none. */
  get cloud(): string {
    const suffix = loginSuffixes.find((s) => this.host.endsWith(s)) ?? "";
    const name = this.host.slice(0, -suffix.length);
    const labels = name.endsWith(".geo") ? name.slice(0, -".geo".length) : `${name}.`;
    return suffix !== "" && /^[^.]+\.[^.]*$/.test(labels) ? suffix : "";
  }

  /** Reports whether the host is this machine by its name alone; nothing is resolved. */
  get isLoopback(): boolean {
    const host = this.#hostname;
    if (isIPv4(host)) {
      return host.startsWith("127.");
    }
    const mapped = /^\[::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}\]$/;
    return host === "localhost" || host.endsWith(".localhost") || host === "[::1]" || mapped.test(host);
  }

  /**
   * Reports whether a challenge may name this token service: the registry's own host, or, for a
   * regional endpoint, the global host of the same registry. The realm is never called.
   */
  acceptsRealm(realm: string): boolean {
    if (realm === "") {
      return true;
    }
    const url = URL.canParse(realm) ? new URL(realm) : undefined;
    if (url === undefined || url.protocol !== "https:") {
      return false;
    }
    if (this.isHome(url)) {
      return true;
    }
    const other = new Registry(url.host);
    return this.cloud !== "" && other.cloud === this.cloud && other.name === this.name;
  }
}

/**
 * Reads a registry's name ("myregistry"), its login server or its https URL.
 *
 * @throws UsageError "usage" for what is none of them, "host_refused" for a host that is neither
 * one of ACR's nor this machine, unless custom is set.
 */
export function parseRegistry(text: string, custom: boolean): Registry {
  const bad = (why: string) => new UsageError(`cannot read a registry name: ${quote(text)} ${why}`);
  if (typeof text !== "string") {
    throw new UsageError(`the registry's name must be a string, not ${typeName(text)}${unset(text)}`);
  }
  if (text === "") {
    throw bad("is empty");
  }
  if (text !== text.trim()) {
    throw bad("begins or ends with white space");
  }
  if (/^http:\/\//i.test(text)) {
    throw bad("is a plain-HTTP address; name the host alone, or its https URL");
  }
  const rest = text.replace(/^https:\/\//i, "");
  const authority = rest.split(/[/?#]/, 1)[0] ?? "";
  const after = rest.slice(authority.length);
  if (authority.includes("@")) {
    throw bad("must not carry a user name or password");
  }
  if (after.includes("?") || after.includes("#")) {
    throw bad("must be a host name alone");
  }
  if (after !== "" && after !== "/") {
    throw bad("must be a host name alone, without a path");
  }
  const parts = /^(\[[^\]]*\]|[^:]*)(:.*)?$/.exec(authority);
  const port = parts?.[2]?.slice(1);
  if (parts === null) {
    throw bad("is not a host name");
  }
  if (port === "") {
    throw bad("has an empty port");
  }
  if (port !== undefined && !(/^[1-9][0-9]{0,4}$/.test(port) && Number(port) <= 65535)) {
    throw bad("has a bad port");
  }
  // Before the case is folded: some letters outside ASCII have a lower case inside it.
  const name = parts[1] ?? "";
  let host = /^[!-~]+$/.test(name) ? name.toLowerCase() : "";
  let bare = false;
  if (host.startsWith("[")) {
    const address = host.slice(1, -1);
    if (!isIPv6(address) || address.includes("%")) {
      throw bad("is not a host name");
    }
    host = new URL(`https://${host}`).hostname;
  } else if (!isIPv4(host)) {
    if (!isHostname(host)) {
      throw bad("is not a host name");
    }
    if (!host.includes(".") && host !== "localhost") {
      if (port === undefined) {
        host += loginSuffixes[0];
      } else {
        bare = true; // a machine by its bare name; without the port it would read as a registry's
      }
    }
  }
  if (port !== undefined && (port !== "443" || bare)) {
    host += `:${port}`;
  }
  if (!URL.canParse(`https://${host}`)) {
    throw bad("is not a host name");
  }
  const registry = new Registry(host);
  if (!custom && registry.cloud === "" && !registry.isLoopback) {
    const text = say({ code: "host_refused", sentence: "other_host", facts: { host } });
    throw new UsageError(`${text}; if this host is your registry's, set customLoginServer`, "host_refused");
  }
  return registry;
}

function isHostname(host: string): boolean {
  return (
    host.length <= 253 &&
    host.split(".").every((label) => /^(?!-)[a-z0-9_-]{1,63}$/.test(label) && !label.endsWith("-"))
  );
}

/** Quotes at most 120 characters, and leaves out where a URL carries secrets. */
function quote(text: string): string {
  let shown = text.slice(text.lastIndexOf("@") + 1);
  if (shown !== text) {
    shown = `…@${shown}`;
  }
  shown = shown.replace(/([?#]).+$/s, "$1…");
  return JSON.stringify(shown.length > 120 ? `${shown.slice(0, 120)}…` : shown);
}

/** Names the type of a value that is no string, for a message. */
export function typeName(value: unknown): string {
  if (value === null || value === undefined) {
    return String(value);
  }
  return typeof value === "object" ? (value.constructor?.name ?? "an object") : typeof value;
}

/** The usual cause of a missing value. */
export function unset(value: unknown): string {
  return value === undefined ? "; is the environment variable set?" : "";
}
