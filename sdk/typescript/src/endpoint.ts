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
  if (typeof text !== "string") {
    throw new UsageError(notString("the registry's name", text));
  }
  const [, authority = "", after = ""] = /^(?:https:\/\/)?([^/?#]*)(.*)$/is.exec(text) ?? [];
  const [, name = "", port] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/s.exec(authority) ?? [];
  const host = hostnameOf(name, port);
  const mistake = findMistake([
    [text === "", "is empty"],
    [text !== text.trim(), "begins or ends with white space"],
    [/^http:\/\//i.test(text), "is a plain-HTTP address; name the host alone, or its https URL"],
    [authority.includes("@"), "must not carry a user name or password"],
    [/[?#]/.test(after), "must be a host name alone"],
    [after !== "" && after !== "/", "must be a host name alone, without a path"],
    [port === "", "has an empty port"],
    [port !== undefined && !(/^[1-9][0-9]{0,4}$/.test(port) && Number(port) <= 65535), "has a bad port"],
    [host === "", "is not a host name"],
  ]);
  if (mistake !== undefined) {
    throw new UsageError(`cannot read a registry name: ${quote(text)} ${mistake}`);
  }
  // A machine by its bare name keeps its port: without, it would read as a registry's name.
  const isBare = /^(?!localhost$)[^.[]+$/.test(host);
  const registry = new Registry(port === undefined || (port === "443" && !isBare) ? host : `${host}:${port}`);
  if (!custom && registry.cloud === "" && !registry.isLoopback) {
    const refused = say({ code: "host_refused", sentence: "other_host", facts: { host: registry.host } });
    throw new UsageError(`${refused}; if this host is your registry's, set customLoginServer`, "host_refused");
  }
  return registry;
}

/** Returns the text of the first mistake that was made. */
export function findMistake(mistakes: [made: boolean, text: string][]): string | undefined {
  return mistakes.find(([made]) => made)?.[1];
}

/** Reads a host without its port; "" if it is none. A bare name without a port is a registry's. */
function hostnameOf(name: string, port: string | undefined): string {
  // Before the case is folded: some letters outside ASCII have a lower case inside it.
  const host = /^[!-~]+$/.test(name) ? name.toLowerCase() : "";
  if (host.startsWith("[")) {
    const address = host.slice(1, -1);
    return isIPv6(address) && !address.includes("%") ? new URL(`https://${host}`).hostname : "";
  }
  const labels = host.split(".");
  const isLabel = (label: string) => /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/.test(label);
  if (host.length > 253 || !labels.every(isLabel) || !URL.canParse(`https://${host}`)) {
    return "";
  }
  return labels.length === 1 && host !== "localhost" && port === undefined ? host + loginSuffixes[0] : host;
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

/** Names the type of a value, for a message. */
export function typeName(value: unknown): string {
  return typeof value === "object" ? (value?.constructor?.name ?? String(value)) : typeof value;
}

/** Says that a value should be a string. */
export function notString(what: string, value: unknown): string {
  const hint = value === undefined ? "; is the environment variable set?" : "";
  return `${what} must be a string, not ${typeName(value)}${hint}`;
}
