import { canonicalScope } from "./scope.js";

/** The longest token that is read or sent, in characters; it travels in a header. */
export const maxToken = 64 << 10;

/** How long a token is used that does not say its life, in seconds. */
export const unknownLife = 60;

/** The longest life that a claim is believed, in seconds. ACR's longest is three hours. */
export const longestLife = 24 * 60 * 60;

/** The end of its life in which a token is not used, in seconds; short lives spare a tenth. */
const unusedEnd = 10;

/** The last second of the year 9999: a later one is not a date. */
const year9999 = 253402300799;

/** The kinds of password. */
export type Kind = "password" | "refresh_token" | "entra_token" | "access_token";

/** Reads the claims of a signed token (RFC 7519), unverified; none of other text. */
function readClaims(token: string): Record<string, unknown> {
  const parts = token.split(".");
  try {
    const known = token.length <= maxToken && parts.length === 3;
    return Object(JSON.parse(known ? Buffer.from(parts[1] ?? "", "base64url").toString() : "{}"));
  } catch {
    return {};
  }
}

/** The hosts that a token is for. */
function audiences(token: string): string[] {
  return [readClaims(token).aud].flat().map((a) =>
    String(a)
      .toLowerCase()
      .replace(/^https:\/\/|\/+$/g, ""),
  );
}

// Source: the audiences that the official clients list for each cloud.
const resourceManager = /^management\.(?:core\.)?(?:azure\.com|windows\.net|usgovcloudapi\.net|chinacloudapi\.cn)$/;

/** Reports whether a token opens Azure Resource Manager, in any cloud: it can do far more than pull. */
export function isForResourceManager(token: string): boolean {
  return audiences(token).some((a) => resourceManager.test(a));
}

/** Users under whose name clients keep an ACR refresh token. */
const refreshUsers = ["00000000-0000-0000-0000-000000000000", "<token>"];

/** Returns the kind of a password. */
export function kindOf(name: string, password: string): Kind {
  const { iss, grant_type } = readClaims(password);
  if (iss === "Azure Container Registry") {
    return grant_type === "access_token" ? "access_token" : "refresh_token";
  }
  const isForRegistries = audiences(password).includes("containerregistry.azure.net");
  if (/^https:\/\/./i.test(String(iss)) || isForRegistries || isForResourceManager(password)) {
    return "entra_token";
  }
  return refreshUsers.includes(name) ? "refresh_token" : "password";
}

/**
 * Returns how long a token lives, in seconds: its end less the Date of the answer that brought it,
 * both the service's own, since this machine's clock may be hours off. The first request after
 * renew renews it. It is not used after ends: a request takes time to arrive.
 */
export function lifeOf(token: string, date = "") {
  const { exp } = readClaims(token);
  const left = typeof exp === "number" && exp <= year9999 ? Math.floor(exp) - Date.parse(date) / 1000 : 0;
  const life = left > 0 ? Math.min(left, longestLife) : unknownLife;
  return { life, renew: (life / 10) * 8, ends: life - Math.min(unusedEnd, life / 10) };
}

/** Returns what an access token's own claim grants, canonical; undefined if it does not say. */
export function grantedBy(token: string): string | undefined {
  const { access } = readClaims(token);
  if (access !== null && !Array.isArray(access)) {
    return undefined;
  }
  const items = (access ?? []).map((item) => {
    const of = (key: string) => item?.[key] ?? item?.[key[0]?.toUpperCase() + key.slice(1)];
    const actions = of("actions");
    return Array.isArray(actions) && actions.length > 0 ? `${of("type")}:${of("name")}:${actions.join(",")}` : "";
  });
  return canonicalScope(items.join(" "));
}
