import { checkString, say, usageError } from "./refusal.js";

/** A login server of Azure: the registry's name before the cloud's suffix. A regional endpoint has its region between. */
const loginServer = /^(?<name>[^.:]+)(?:\.[^.:]+\.geo)?\.azurecr\.(?:io|us|cn)$/;

/** A regional endpoint of Azure's and, at any port, of the emulator's. */
const regional = /^([^.:]+)\.[^.:]+\.geo(\.azurecr\.(?:(?:io|us|cn)|localhost(?::\d+)?))$/;

/** A login server: the only origin that a credential is sent to. */
export class Registry {
  /** The registry's name; "" for a host that is none of Azure's. */
  readonly name: string;
  /** The login server that tokens are asked for: at a regional endpoint, that of its registry. */
  readonly service: string;
  /** The host is one of Azure's, or this machine; by its name alone, nothing is resolved. */
  readonly isKnown: boolean;

  constructor(readonly url: URL) {
    this.name = loginServer.exec(url.host)?.groups?.name ?? "";
    this.service = url.host.replace(regional, "$1$2");
    this.isKnown = this.name !== "" || /^(?:(?:.+\.)?localhost|127(?:\.\d+){3}|\[::1\])$/.test(url.hostname);
  }

  /** Reports whether url has the registry's scheme, host and port. */
  isHome(url: URL): boolean {
    return url.protocol === "https:" && url.host === this.url.host;
  }

  /**
   * Reports whether a challenge may name this token service: the registry's own host, or, for a
   * regional endpoint, its login server. The realm is never called.
   */
  acceptsRealm(realm: string): boolean {
    if (realm === "" || !URL.canParse(realm)) {
      return realm === "";
    }
    const url = new URL(realm);
    return url.protocol === "https:" && (url.host === this.url.host || url.host === this.service);
  }
}

/** A host name, with the port where one is given. One without a dot is a machine's, or a registry's name. */
const hostRE = /^(?:(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.(?!$|:)|(?=$|:)))+|\[[0-9a-f:.]+\])(?::[1-9]\d*)?$/i;

/**
 * Reads a registry's name ("myregistry"), its login server or its https URL.
 *
 * @throws An error with the code "usage" for what is none of them, "host_refused" for a host that
 * is neither one of ACR's nor this machine, unless custom is set.
 */
export function parseRegistry(text: string, custom = false): Registry {
  checkString("the registry's name", text);
  const host = text.replace(/^https:\/\//i, "").replace(/\/$/, "");
  const full = `https://${host}${/^(?!localhost$)[^.:]+$/i.test(host) ? ".azurecr.io" : ""}`;
  // The URL parser reads "0x7f.1" as an address, and more; a text that it changes is refused.
  const url = hostRE.test(host) && URL.canParse(full) ? new URL(full) : undefined;
  const isAsGiven = host.startsWith("[") || url?.hostname === full.slice(8).toLowerCase().replace(/:\d+$/, "");
  if (url === undefined || !isAsGiven || url.hostname.length > 253) {
    // A URL may carry secrets before "@" and behind "?"; they are not shown.
    const shown = JSON.stringify(
      text
        .replace(/^.*@/s, "…@")
        .replace(/[?#].*$/s, "…")
        .slice(0, 120),
    );
    const what = /^http:/i.test(text) ? "is a plain-HTTP address" : "names no registry";
    throw usageError(`${shown} ${what}; give the registry's name, its login server or its https URL`);
  }
  const registry = new Registry(url);
  if (!custom && !registry.isKnown) {
    const refused = say({ code: "host_refused", sentence: "other_host", facts: { host: url.host } });
    throw usageError(`${refused}; if this host is your registry's, set customLoginServer`, "host_refused");
  }
  return registry;
}
